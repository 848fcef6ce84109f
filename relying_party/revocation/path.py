# SPDX-License-Identifier: MIT
"""Where revocation is checked. **Nothing here asks anybody yet.**

OCSP and CRL come later. Until then a service either gives ``validate`` a checker of
its own, or accepts cards that their holder has reported lost: FINEID S2 demands the
check of the leaf and of the issuing CA, so don't run an open service without one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from asn1crypto import x509

__all__ = ["CertificatePath", "RevocationChecker"]


@dataclass(frozen=True)
class CertificatePath:
    """A validated path: the person's certificate, its issuing CA, and the root.

    ``root`` is None where the service's trust has the issuing CA alone.
    """

    leaf: x509.Certificate
    issuer: x509.Certificate
    root: x509.Certificate | None


class RevocationChecker(Protocol):
    """What ``validate`` asks once the path stands, before it looks at the signature."""

    async def check(self, path: CertificatePath, *, at: datetime) -> None:
        """Return when no certificate of the path was revoked at that time.

        Raises ``UserCertificateRevokedError``, and
        ``UserCertificateOCSPCheckFailedError`` when there is no trustworthy answer:
        not knowing is a refusal.
        """
        ...
