# SPDX-License-Identifier: MIT
"""Whether the certificates of a path were revoked, by OCSP (RFC 6960) and by CRL.

``Revocation`` asks; ``RevocationChecker`` is what ``validate`` wants, should a service
have an asker of its own; ``UNCHECKED`` asks nobody. A refusal for want of a
trustworthy answer carries a ``Reason``.
"""

from kortilla.revocation.checker import By, Revocation
from kortilla.revocation.path import (
    UNCHECKED,
    Certificate,
    CertificatePath,
    RevocationChecker,
)
from kortilla.revocation.reasons import Reason

__all__ = [
    "UNCHECKED",
    "By",
    "Certificate",
    "CertificatePath",
    "Reason",
    "Revocation",
    "RevocationChecker",
]
