# SPDX-License-Identifier: MIT
"""The mock card as the tests of a service use it: its tokens and its signatures."""

import atexit
import base64
import functools
import shutil
import tempfile
import unittest
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from asn1crypto import x509

from kortilla.common import JsonObject
from kortilla.errors import RevocationCheckFailedError, UserCertificateRevokedError
from kortilla.mock_card.authority import Person
from kortilla.mock_card.errors import InvalidArgumentError
from kortilla.mock_card.issue import revoke, revoked_serials
from kortilla.mock_card.state import MockCardState
from kortilla.testing.broken_tokens import TokenFault, break_token
from kortilla.testing.signatures import (
    check_browser_origin,
    sign_hashes,
    sign_token,
    signing_certificate_fields,
    usable_key,
)

if TYPE_CHECKING:
    from kortilla.revocation.interface import CertificatePath, RevocationChecker

Version = Literal["1.0", "1.1"]

#: Characters of a challenge that a host takes.
_NONCE_LENGTHS = range(44, 129)


class KortillaCard:
    """A mock card in a separate folder, which a test may use and break.

    ``folder`` also holds the card's test CA: ``Trust.from_folder(folder, test=True)``
    reads it, another validator ``issuing_ca`` and ``root_ca`` (files in DER).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def state(self) -> MockCardState:
        """What the card holds, and the faults that can be set on it."""
        return MockCardState.open(self.folder)

    @property
    def issuing_ca(self) -> Path:
        """The certificate of the CA that issued the card's certificates."""
        return self.folder / "issuing.der"

    @property
    def root_ca(self) -> Path:
        """The certificate of the root above it."""
        return self.folder / "root.der"

    @property
    def person(self) -> Person:
        """The person that the card names."""
        data = self.state.read()
        return Person(data.surname, data.given_name, data.satu)

    @property
    def revocation(self) -> "RevocationChecker":
        """A checker that knows whether this card is revoked: ``RevokedCards``."""
        return RevokedCards(self.folder)

    def revoke(self) -> None:
        """Revoke both certificates, as after the person reported the card lost."""
        with self.state.update() as data:
            data.revoked = data.revoked or datetime.now(UTC).replace(microsecond=0)
            keys = data.keys
        revoke(
            self.folder,
            [x509.Certificate.load(key.certificate).serial_number for key in keys],
        )

    def token(
        self,
        origin: str,
        nonce: str,
        *,
        broken: TokenFault | str | None = None,
        version: Version = "1.0",
    ) -> JsonObject:
        """Return a Web eID token for an origin and a challenge.

        Arguments and errors are those of ``kortilla.testing.make_token``.
        """
        return make_token(self.folder, origin, nonce, broken=broken, version=version)

    def sign(
        self, origin: str, hashes: Mapping[str, bytes], hash_function: str = "SHA-384"
    ) -> JsonObject:
        """Sign hashes, by the names that the window would show, with PIN2's key.

        Returns ``{"certificate", "signatures"}`` as a page gets it from
        ``kortilla.sign``. Raises ``MockCardError``.
        """
        return sign_hashes(self.folder, origin, hashes, hash_function)


class MakeKortillaCard(Protocol):
    """The fixture ``make_kortilla_card``."""

    def __call__(self, *, profile: str = "v5", state: str = "active") -> KortillaCard:
        """Return a fresh card of that profile and state."""
        ...


def make_token(
    folder: Path,
    origin: str,
    nonce: str,
    *,
    broken: TokenFault | str | None = None,
    version: Version = "1.0",
) -> JsonObject:
    """Identify with the mock card in ``folder``, and return the token.

    The card's key signs at once: no PIN is verified and no try is spent. ``broken`` is
    a ``TokenFault`` or its value; ``version`` is that of the token's format. Raises
    ``MockCardError``: ``InvalidArgumentError`` for a challenge that has not 44 to 128
    characters and an unknown ``broken``, ``OriginRefusedError``, ``CardUnusableError``
    for a card that would not sign, ``MockCardBrokenError``.
    """
    if len(nonce) not in _NONCE_LENGTHS:
        raise InvalidArgumentError("The challenge has not 44 to 128 characters.")
    check_browser_origin(origin)
    state = MockCardState.open(folder)
    key, certificate = usable_key(state, "authentication")
    token: JsonObject = {
        "unverifiedCertificate": base64.b64encode(certificate).decode(),
        **sign_token(key, origin, nonce),
        "format": f"web-eid:{version}",
        "appVersion": "urn:uuid:48e30dea-567c-4965-9e98-7118cfcaca7e#kortilla-"
        + metadata.version("kortilla"),
    }
    if version == "1.1":
        token["unverifiedSigningCertificates"] = [signing_certificate_fields(state)]
    if broken is None:
        return token
    return break_token(broken, token, folder=folder, origin=origin, nonce=nonce)


class CardCopies:
    """Gives fresh cards, all of them in ``folder``.

    The cards of one kind have the same keys, certificates and CA.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[tuple[str, str], Path] = {}

    def copy(self, profile: str, state: str) -> KortillaCard:
        """Return a card that nobody else uses. Raises ``InvalidArgumentError``."""
        if (profile, state) not in self._made:
            original = self._new_folder()
            MockCardState.create(original, profile=profile, state=state)
            self._made[profile, state] = original
        folder = self._new_folder()
        shutil.copytree(self._made[profile, state], folder)
        return KortillaCard(folder)

    def _new_folder(self) -> Path:
        return Path(tempfile.mkdtemp(prefix="card-", dir=self._folder)) / "card"


class CardTestCase(unittest.TestCase):
    """A test case with a mock card of its own for each test.

    Other base classes come after it, such as ``IsolatedAsyncioTestCase`` or Django's
    ``TestCase``. A ``setUp`` of your own begins with ``super().setUp()``.
    """

    #: A card with all its tries left. No other test uses it.
    kortilla_card: KortillaCard

    def setUp(self) -> None:
        """Make the test's card."""
        super().setUp()
        self.kortilla_card = self.make_kortilla_card()

    def make_kortilla_card(
        self, *, profile: str = "v5", state: str = "active"
    ) -> KortillaCard:
        """Return a further card of that profile and state, until the test's end."""
        card = _copies().copy(profile, state)
        self.addCleanup(shutil.rmtree, card.folder.parent, ignore_errors=True)
        return card


@functools.cache
def _copies() -> CardCopies:
    folder = Path(tempfile.mkdtemp(prefix="kortilla-cards-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return CardCopies(folder)


class RevokedCards:
    """A ``RevocationChecker`` for tests, by the ``revoked.crl`` of mock cards.

    ``folders`` are the folders of all cards that the service under test accepts. The
    files are read at each check, so that a card can be revoked between two logins.
    """

    def __init__(self, *folders: Path) -> None:
        self._folders = folders

    async def check(self, path: "CertificatePath", *, at: datetime) -> None:
        """Raise ``UserCertificateRevokedError`` for a revoked card.

        ``RevocationCheckFailedError`` if no folder has the CA of the card, as when a
        responder does not know it.
        """
        issuer = path.issuer.dump()
        mine = [each for each in self._folders if _issuing_ca(each) == issuer]
        if not mine:
            raise RevocationCheckFailedError(
                "No folder of a mock card has the CA that issued the certificate."
            )
        if any(path.leaf.serial_number in revoked_serials(each) for each in mine):
            raise UserCertificateRevokedError("The mock card is revoked.")


def _issuing_ca(folder: Path) -> bytes:
    return (folder / "issuing.der").read_bytes()
