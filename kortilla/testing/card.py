# SPDX-License-Identifier: MIT
"""The mock card as the tests of a service use it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from asn1crypto import x509

from kortilla.testing.authority import Person
from kortilla.testing.revoked import revoke
from kortilla.testing.signatures import sign_hashes
from kortilla.testing.state import MockCardState
from kortilla.testing.token_faults import TokenFault
from kortilla.testing.tokens import Version, make_token

if TYPE_CHECKING:
    from kortilla.revocation.path import RevocationChecker

__all__ = ["KortillaCard", "MakeKortillaCard"]


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
        from kortilla.testing.revoked_cards import RevokedCards

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
    ) -> dict[str, Any]:
        """Return a Web eID token for an origin and a challenge.

        Arguments and errors are those of ``kortilla.testing.make_token``.
        """
        return make_token(self.folder, origin, nonce, broken=broken, version=version)

    def sign(
        self, origin: str, hashes: Mapping[str, bytes], hash_function: str = "SHA-384"
    ) -> dict[str, Any]:
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
