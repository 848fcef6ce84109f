# SPDX-License-Identifier: MIT
"""A validated certificate path, and the interface of revocation checkers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

__all__ = ["UNCHECKED", "Certificate", "CertificatePath", "RevocationChecker"]


class Certificate(Protocol):
    """The part of ``asn1crypto.x509.Certificate`` that a checker may use.

    asn1crypto has no types. ``subject`` is its ``Name``; ``dump`` returns the
    certificate in DER.
    """

    @property
    def serial_number(self) -> int: ...
    @property
    def subject(self) -> Any: ...
    @property
    def not_valid_before(self) -> datetime: ...
    @property
    def not_valid_after(self) -> datetime: ...
    def dump(self) -> bytes:
        """Return the certificate (DER)."""
        ...


@dataclass(frozen=True)
class CertificatePath:
    """A validated path: the person's certificate, its issuing CA, and the root.

    ``root`` is None if the service's trust has the issuing CA alone.
    """

    leaf: Certificate
    issuer: Certificate
    root: Certificate | None

    def __repr__(self) -> str:
        # Without the person's name, for logs.
        issuer = self.issuer.subject.human_friendly
        return f"CertificatePath({self.leaf.serial_number:#x} of {issuer!r})"


class RevocationChecker(Protocol):
    """Checks revocation, after the path and the token's signature are verified."""

    async def check(self, path: CertificatePath, *, at: datetime) -> None:
        """Return if no certificate of the path was revoked at that time.

        Raises ``UserCertificateRevokedError``, and ``RevocationCheckFailedError`` if
        there is no trustworthy answer.
        """
        ...


class _Unchecked:
    async def check(self, path: CertificatePath, *, at: datetime) -> None:
        return None


#: Accepts every path without a check, so that a card that was reported lost or stolen
#: still logs in. It is never the default; a test without a responder may use it. FINEID
#: S2 demands the check.
UNCHECKED: RevocationChecker = _Unchecked()
