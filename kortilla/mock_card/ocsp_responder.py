# SPDX-License-Identifier: MIT
"""The OCSP responder of the mock card's CAs (RFC 6960).

Like most real CAs, they authorise a responder with its own key. Every certificate that
is not revoked is good.
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from asn1crypto import core, ocsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from kortilla.mock_card.ber import encode, sequence
from kortilla.mock_card.keys import PrivateKey

_BASIC = core.ObjectIdentifier("1.3.6.1.5.5.7.48.1.1").dump()
_ECDSA_WITH_SHA256 = bytes.fromhex("300A06082A8648CE3D040302")


def key_usage(*bits: str) -> x509.KeyUsage:
    """Return a key usage with these bits, by the names of ``x509.KeyUsage``."""
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment "
        "key_agreement key_cert_sign crl_sign encipher_only decipher_only"
    )
    return x509.KeyUsage(**{name: name in bits for name in names.split()})


@dataclass(frozen=True)
class Responder:
    """A responder that a CA has authorised with a certificate (RFC 6960 §4.2.2.2)."""

    authority: x509.Certificate
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def of(cls, authority: x509.Certificate, authority_key: PrivateKey) -> Self:
        """Make a responder with a new key and a certificate as long as the CA's.

        The certificate has id-pkix-ocsp-nocheck, so its revocation is not checked.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        *organisation, common_name = authority.subject
        common_name = x509.NameAttribute(common_name.oid, f"{common_name.value!s} OCSP")
        ca_key = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        ecc = isinstance(authority_key, ec.EllipticCurvePrivateKey)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([*organisation, common_name]))
            .issuer_name(authority.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(authority.not_valid_before_utc)
            .not_valid_after(authority.not_valid_after_utc)
            .add_extension(key_usage("digital_signature"), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]),
                critical=False,
            )
            .add_extension(x509.OCSPNoCheck(), critical=False)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
                critical=False,
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                    ca_key.value
                ),
                critical=False,
            )
            .sign(authority_key, hashes.SHA384() if ecc else hashes.SHA256())
        )
        return cls(authority, certificate, key)

    def is_meant(self, cert_id: ocsp.CertId) -> bool:
        """Return whether its CA issued the certificate in a request."""
        own = asn1_x509.Certificate.load(self.authority.public_bytes(Encoding.DER))
        name = cert_id["hash_algorithm"]["algorithm"].native
        if name not in {"sha1", "sha256"}:
            return False
        key = bytes(own.public_key["public_key"])
        return bool(
            cert_id["issuer_name_hash"].native
            == hashlib.new(name, own.subject.dump()).digest()
            and cert_id["issuer_key_hash"].native == hashlib.new(name, key).digest()
        )


def answer_ocsp(
    request: bytes,
    responders: Iterable[Responder],
    *,
    revoked: Collection[int],
    at: datetime,
) -> bytes:
    """Answer a request in DER about one certificate, repeating its nonce.

    The status is ``malformed_request`` for an invalid request, and ``unauthorized`` for
    the certificate of another CA.
    """
    try:
        asked = ocsp.OCSPRequest.load(request, strict=True)["tbs_request"]
        [single] = asked["request_list"]
        cert_id = single["req_cert"].copy()
        serial = cert_id["serial_number"].native
        nonces = [
            {"extn_id": "nonce", "extn_value": each["extn_value"].parsed.native}
            for each in asked["request_extensions"] or ()
            if each["extn_id"].native == "nonce"
        ]
        responder = next((each for each in responders if each.is_meant(cert_id)), None)
    except (ValueError, TypeError, KeyError):
        return _unsuccessful("malformed_request")
    if responder is None:
        return _unsuccessful("unauthorized")
    certificate = responder.certificate.public_bytes(Encoding.DER)
    moment = at.replace(microsecond=0)
    status = (
        ocsp.CertStatus("revoked", {"revocation_time": moment})
        if serial in revoked
        else ocsp.CertStatus("good")
    )
    content = {
        "responder_id": ocsp.ResponderId(
            "by_name", asn1_x509.Certificate.load(certificate).subject
        ),
        "produced_at": moment,
        "responses": [
            {"cert_id": cert_id, "cert_status": status, "this_update": moment}
        ],
    }
    if nonces:
        content["response_extensions"] = nonces
    data = ocsp.ResponseData(content).dump()
    signed = responder.key.sign(data, ec.ECDSA(hashes.SHA256()))
    signature = encode(0x03, b"\0", signed)
    certificates = encode(0xA0, sequence(certificate))
    basic = encode(0x04, sequence(data, _ECDSA_WITH_SHA256, signature, certificates))
    successful = ocsp.OCSPResponseStatus("successful").dump()
    return sequence(successful, encode(0xA0, sequence(_BASIC, basic)))


def _unsuccessful(status: str) -> bytes:
    return sequence(ocsp.OCSPResponseStatus(status).dump())
