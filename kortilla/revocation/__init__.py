# SPDX-License-Identifier: MIT
"""Revocation checking of a certificate path, by OCSP (RFC 6960) and by CRL.

``Revocation`` is the implementation. A service can implement ``RevocationChecker``
itself. ``UNCHECKED`` checks nothing. If there is no trustworthy answer, the error
carries a ``Reason``.
"""

from kortilla.revocation.checker import By, Revocation
from kortilla.revocation.interface import (
    UNCHECKED,
    Certificate,
    CertificatePath,
    CRLStatus,
    Reason,
    RevocationChecker,
    RevocationStatus,
    SourceStatus,
)

__all__ = [
    "UNCHECKED",
    "By",
    "CRLStatus",
    "Certificate",
    "CertificatePath",
    "Reason",
    "Revocation",
    "RevocationChecker",
    "RevocationStatus",
    "SourceStatus",
]
