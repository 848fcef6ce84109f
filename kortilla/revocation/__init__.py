# SPDX-License-Identifier: MIT
"""Revocation checking of a certificate path, by OCSP (RFC 6960) and by CRL.

``Revocation`` is the implementation. A service can implement ``RevocationChecker``
itself. ``UNCHECKED`` checks nothing. If there is no trustworthy answer, the error
carries a ``Reason``.
"""

from kortilla.revocation.checker import By, Revocation
from kortilla.revocation.path import (
    UNCHECKED,
    Certificate,
    CertificatePath,
    RevocationChecker,
)
from kortilla.revocation.reasons import Reason
from kortilla.revocation.status import CRLStatus, RevocationStatus, SourceStatus

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
