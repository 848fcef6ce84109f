# SPDX-License-Identifier: MIT
"""What is asked about, and who can be asked."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

__all__ = ["UNCHECKED", "Certificate", "CertificatePath", "RevocationChecker"]


class Certificate(Protocol):
    """What a checker may rely on of ``asn1crypto.x509.Certificate``.

    That library has no types. ``subject`` is its ``Name``; ``dump`` returns the
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
    def dump(self) -> bytes: ...


@dataclass(frozen=True)
class CertificatePath:
    """A validated path: the person's certificate, its issuing CA, and the root.

    ``root`` is None where the service's trust has the issuing CA alone.
    """

    leaf: Certificate
    issuer: Certificate
    root: Certificate | None

    def __repr__(self) -> str:
        # Without the person's name, for logs.
        issuer = self.issuer.subject.human_friendly
        return f"CertificatePath({self.leaf.serial_number:#x} of {issuer!r})"


class RevocationChecker(Protocol):
    """What ``validate`` asks last, once the path and the token's signature stand."""

    async def check(self, path: CertificatePath, *, at: datetime) -> None:
        """Return when no certificate of the path was revoked at that time.

        Raises ``UserCertificateRevokedError``, and a ``RevocationCheckFailedError``
        when there is no trustworthy answer: not knowing is a refusal.
        """
        ...


class _Unchecked:
    async def check(self, path: CertificatePath, *, at: datetime) -> None:
        return None


#: Accepts every path without asking anybody, so that a card that its holder has
#: reported lost or stolen logs in. Never the default: only for whoever asks for it by
#: this name, such as a test without a responder. FINEID S2 demands the check.
UNCHECKED: RevocationChecker = _Unchecked()
