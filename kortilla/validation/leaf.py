# SPDX-License-Identifier: MIT
"""Reads a person's certificate, which is not strict DER (see ``validator``)."""

from asn1crypto import x509

from kortilla.errors import UserCertificateParseError

__all__ = ["AsReceived", "ExactCertificate", "load_leaf"]

#: The critical extensions that this package processes (RFC 5280 §4.2).
_KNOWN_CRITICAL = {
    "basic_constraints",
    "certificate_policies",
    "extended_key_usage",
    "key_usage",
}
#: Octets of the longest serial number (RFC 5280 §4.1.2.2).
_MAX_SERIAL_BYTES = 20


class AsReceived:
    """Dumps the bytes that were parsed, without encoding them again.

    asn1crypto mistakes a definite length that ends in the octet 80 for an indefinite
    one and re-encodes the value. On one leaf in 128 this would drop the explicit FALSE
    of FINEID leaves, and the issuer's signature would not verify.
    """

    _header: bytes
    _contents: bytes
    _trailer: bytes

    def dump(self, force: bool = False) -> bytes:
        """Return the received bytes; ``force`` is ignored."""
        return self._header + self._contents + self._trailer


class _QuickName(x509.Name):  # type: ignore[misc] # asn1crypto has no types
    """A name that is compared by its encoding first.

    String preparation (RFC 4518) takes half as long as verifying a signature, and a CA
    encodes its name in leaves as in its own certificate.
    """

    def __eq__(self, other: object) -> bool:
        if isinstance(other, x509.Name) and other.contents == self.contents:
            return True
        return bool(super().__eq__(other))

    __hash__ = None  # type: ignore[assignment] # as of x509.Name


class _ExactTbsCertificate(AsReceived, x509.TbsCertificate):  # type: ignore[misc] # asn1crypto has no types
    _fields = [
        ("issuer", _QuickName) if name == "issuer" else (name, *rest)
        for name, *rest in x509.TbsCertificate._fields
    ]


class ExactCertificate(AsReceived, x509.Certificate):  # type: ignore[misc] # asn1crypto has no types
    """A certificate that keeps its issuer's encoding."""

    _fields = [
        ("tbs_certificate", _ExactTbsCertificate),
        *x509.Certificate._fields[1:],
    ]


def load_leaf(der: bytes) -> x509.Certificate:
    """Parse a person's certificate strictly. No signature is verified.

    Raises ``UserCertificateParseError``.
    """
    try:
        certificate = ExactCertificate.load(der, strict=True)
        extensions = _read(certificate)
        critical = certificate.critical_extensions
        tbs = certificate["tbs_certificate"]
        outer, inner = (
            certificate["signature_algorithm"].dump(),
            tbs["signature"].dump(),
        )
        unused_bits = certificate["signature_value"].contents[:1]
    except Exception as error:
        # asn1crypto raises undocumented exceptions on odd input: ValueError, TypeError,
        # KeyError, IndexError, RecursionError, …
        raise UserCertificateParseError(
            "The person's certificate is not an X.509 certificate."
        ) from error
    if outer != inner:
        # RFC 5280 §4.1.1.2. The outer algorithm is unsigned, so it could be altered.
        raise UserCertificateParseError(
            "The certificate names two different signature algorithms."
        )
    if unused_bits != b"\x00":
        # X.690 §8.6.2. This is unsigned too, and verification ignores it otherwise.
        raise UserCertificateParseError(
            "The certificate's signature is not a whole number of octets."
        )
    if len(set(extensions)) != len(extensions):
        raise UserCertificateParseError("An extension of the certificate occurs twice.")
    if not critical <= _KNOWN_CRITICAL:
        raise UserCertificateParseError(
            "The certificate has a critical extension that is not known here."
        )
    return certificate


def _read(certificate: x509.Certificate) -> list[bytes]:
    """Parse the fields that validation uses; return the extensions' encoded OIDs.

    asn1crypto parses a field at its first use, so that errors could occur anywhere.
    Parsing every field takes longer than verifying a signature. The other fields are
    used only after the issuing CA's signature is verified.
    """
    tbs = certificate["tbs_certificate"]
    if tbs["version"].native != "v3":
        raise ValueError("extensions are of version 3")
    if not 0 < certificate.serial_number < 1 << 8 * _MAX_SERIAL_BYTES:
        raise ValueError("a serial number that RFC 5280 does not allow")
    for time in (certificate.not_valid_before, certificate.not_valid_after):
        if time.tzinfo is None:  # RFC 5280 §4.1.2.5.2 demands Z
            raise ValueError("a time without its zone")
    for value in (
        certificate.key_usage_value,
        certificate.basic_constraints_value,
        certificate.extended_key_usage_value,
    ):
        if value is not None:
            value.native  # noqa: B018 - reading is the check
    for policy in certificate.certificate_policies_value or ():
        policy["policy_identifier"].dotted  # noqa: B018 - reading is the check
    return [extension["extn_id"].contents for extension in tbs["extensions"]]
