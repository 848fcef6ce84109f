# SPDX-License-Identifier: MIT
"""The people that files are encrypted to, and the check of their certificates."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Literal, Self

from asn1crypto import pem, x509

from kortilla.clock import utc_now
from kortilla.common import JsonObject
from kortilla.common.escaping import printable, shown_path
from kortilla.common.files import read_regular
from kortilla.encryption import (
    CertificateRecipient,
    RecipientUnsuitableError,
    checked_recipient,
)
from kortilla.encryption.opening import shown_identity
from kortilla.errors import (
    CertificateExpiredError,
    CertificateNotTrustedError,
    CertificateNotYetValidError,
    RelyingPartyError,
    RevocationCheckFailedError,
    UserCertificateDisallowedPolicyError,
    UserCertificateRevokedError,
)
from kortilla.revocation import RevocationChecker
from kortilla.validation.trust import Trust, certificate_files
from native_host.card.errors import CardError
from native_host.card.fineid import FineidCard, KeyRole
from native_host.card.source import CardConnection, CardSource, Reader
from native_host.errors import KortillaError
from native_host.operations.card_access.secure_channel import connect_unasked
from native_host.platform.paths import own_folder, trust_folder

#: A certificate has about 2 KB.
_MAX_FILE = 64 * 1024
#: The longest name that is shown. X.509 allows 64 characters; anybody can make others.
_MAX_TEXT = 200

RefusalReason = Literal[
    "not-a-certificate",
    "unsuitable",
    "expired",
    "revoked",
    "no-authority",
    "other-authority",
    "no-answer",
    "not-found",
    "no-card",
    "unreadable-card",
]
_MESSAGES: dict[RefusalReason, str] = {
    "not-a-certificate": "This is not a certificate.",
    "unsuitable": "Nothing can be encrypted to this certificate.",
    "expired": "The certificate is not valid today.",
    "revoked": "The certificate was revoked: its card may be lost.",
    "no-authority": "The authority's CA certificates are missing here, so that the "
    "certificate can't be checked.",
    "other-authority": "The certificate is not one of the authority's.",
    "no-answer": "Nobody answered whether the certificate was revoked.",
    "not-found": "Nobody is known by this name.",
    "no-card": "There is no card in a reader.",
    "unreadable-card": "The card can't be read. Another program may be using it.",
}
#: Reasons for which the user may encrypt to the certificate all the same.
ACCEPTABLE: frozenset[RefusalReason] = frozenset(
    {"no-authority", "other-authority", "no-answer"}
)


class RecipientRefusedError(KortillaError):
    """Nothing is encrypted to somebody. ``reason`` is one of ``RefusalReason``."""

    code = "RECIPIENT_REFUSED"

    def __init__(self, who: str, reason: RefusalReason) -> None:
        super().__init__(_MESSAGES[reason])
        #: The name or the file, as it was given.
        self.who = who
        self.reason: RefusalReason = reason

    @property
    def acceptable(self) -> bool:
        """Whether the user may encrypt to the certificate unchecked."""
        return self.reason in ACCEPTABLE


class DoubtfulError(KortillaError):
    """Some certificates can't be used, or only unchecked. ``about`` has the reasons."""

    def __init__(self, about: dict[bytes, RecipientRefusedError]) -> None:
        super().__init__("Some recipients were refused.")
        self.about = about


@dataclass(frozen=True)
class Person:
    """Somebody with a certificate (DER). ``checked`` is when it was found good.

    ``own`` is the card in the reader. ``satu`` is the electronic client identifier,
    empty in certificates of others than the authority. ``identity`` is issuer and
    serial number, as ``OtherRecipientError`` names recipients.
    """

    certificate: bytes = field(repr=False)
    name: str = field(repr=False)
    satu: str = field(repr=False)
    not_before: datetime
    not_after: datetime
    identity: str
    own: bool = False
    checked: datetime | None = None

    @classmethod
    def from_der(cls, der: bytes, *, own: bool = False) -> Self:
        """Read a certificate. Raises ``RecipientUnsuitableError``."""
        recipient = CertificateRecipient.from_der(der)
        try:
            certificate = x509.Certificate.load(der)
            subject = certificate.subject.native
            identity = shown_identity(certificate.issuer, certificate.serial_number)
        except Exception as error:
            # asn1crypto raises any exception on odd input.
            raise RecipientUnsuitableError("The certificate can't be read.") from error
        given, surname = subject.get("given_name"), subject.get("surname")
        names = [each for each in (given, surname) if isinstance(each, str)]
        name = " ".join(names) if len(names) == 2 else recipient.name
        satu = subject.get("serial_number")
        return cls(
            der,
            printable(name[:_MAX_TEXT]),
            printable(satu[:_MAX_TEXT]) if isinstance(satu, str) else "",
            recipient.not_before,
            recipient.not_after,
            identity,
            own,
        )

    @property
    def recipient(self) -> CertificateRecipient:
        """What ``encrypt_files`` takes."""
        return CertificateRecipient.from_der(self.certificate)

    def fields(self) -> JsonObject:
        """Return the JSON for scripts and for the desktop program."""
        checked = self.checked
        return {
            "name": self.name,
            "satu": self.satu,
            "certificate": self.identity,
            "notAfter": self.not_after.isoformat(),
            "checked": None if checked is None else checked.isoformat(),
        }


def read_person(path: Path) -> Person:
    """Read a certificate file, DER or PEM. Raises ``RecipientRefusedError``."""
    who = shown_path(path)
    try:
        content = read_regular(path, _MAX_FILE + 1)
        if pem.detect(content):
            content = pem.unarmor(content)[2]
        x509.Certificate.load(content, strict=True).native  # noqa: B018 - reads all
    except Exception as error:
        # asn1crypto raises any exception on odd input.
        raise RecipientRefusedError(who, "not-a-certificate") from error
    return person_of(content, who)


def person_of(der: bytes, who: str, *, own: bool = False) -> Person:
    """Read a certificate. Raises ``RecipientRefusedError``."""
    try:
        return Person.from_der(der, own=own)
    except RecipientUnsuitableError as error:
        raise RecipientRefusedError(who, "unsuitable") from error


async def own_card(source: CardSource) -> list[Person]:
    """Return the holders of the cards in the readers. No PIN is needed.

    Raises ``RecipientRefusedError`` if no card can be read, and
    ``PcscUnavailableError``.
    """
    found: list[Person] = []
    reason: RefusalReason = "no-card"
    for reader in await source.readers():
        try:
            der = await _read_card(source, reader)
        except CardError:
            reason = "unreadable-card"
            continue
        if der is not None:
            found.append(person_of(der, reader.name, own=True))
    if not found:
        raise RecipientRefusedError("--own-card", reason)
    return found


async def _read_card(source: CardSource, reader: Reader) -> bytes | None:
    if reader.atr is None:
        return None
    connection = await connect_unasked(source, reader)

    def read(connection: CardConnection) -> bytes:
        card = FineidCard(connection)
        return card.certificate(card.key(KeyRole.AUTHENTICATION)).der

    try:
        return await source.run(read, connection)
    finally:
        await asyncio.shield(source.run(connection.close))


def load_trust(folder: Path | None = None) -> Trust | None:
    """Return the CAs of a folder, by default ``trust_folder()``; None if it has none.

    In Kortilla's own folder only the authority's count, in another one those of test
    cards too. Raises ``TrustConfigurationError`` for other files in it.
    """
    folder = folder or trust_folder()
    if not folder.is_dir() or not certificate_files(folder):
        return None
    return Trust.from_folder(folder, test=folder != own_folder())


async def check(
    person: Person,
    *,
    trust: Trust | None,
    revocation: RevocationChecker,
) -> Person:
    """Check a certificate as a login's: chain, validity and revocation.

    Returns the person with the time of the check. Raises ``RecipientRefusedError``,
    whose ``acceptable`` says whether the user may decide otherwise.
    """
    now = utc_now()
    if not person.not_before <= now <= person.not_after:
        raise RecipientRefusedError(person.name, "expired")
    if trust is None:
        raise RecipientRefusedError(person.name, "no-authority")
    try:
        await checked_recipient(person.certificate, trust=trust, revocation=revocation)
    except RecipientUnsuitableError as error:
        raise RecipientRefusedError(person.name, "unsuitable") from error
    except RelyingPartyError as error:
        raise RecipientRefusedError(person.name, _reason(error)) from error
    return replace(person, checked=now)


def _reason(error: RelyingPartyError) -> RefusalReason:
    match error:
        case CertificateNotTrustedError() | UserCertificateDisallowedPolicyError():
            return "other-authority"
        case CertificateExpiredError() | CertificateNotYetValidError():
            return "expired"
        case UserCertificateRevokedError():
            return "revoked"
        case RevocationCheckFailedError():
            return "no-answer"
    return "unsuitable"
