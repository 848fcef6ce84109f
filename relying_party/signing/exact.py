# SPDX-License-Identifier: MIT
"""ASN.1 values that give back the very bytes they were read from."""

from asn1crypto import crl, ocsp

from ..leaf import _AsReceived, _ExactCertificate

__all__ = ["ExactCRL", "ExactCertificate", "ExactOCSPResponse"]

ExactCertificate = _ExactCertificate


class ExactOCSPResponse(_AsReceived, ocsp.OCSPResponse):  # type: ignore[misc] # asn1crypto has no types
    """An OCSP response as its responder wrote it."""


class ExactCRL(_AsReceived, crl.CertificateList):  # type: ignore[misc] # asn1crypto has no types
    """A CRL as its issuer wrote it."""
