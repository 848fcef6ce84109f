# SPDX-License-Identifier: MIT
"""Time-stamping services and revocation data of a mock card's CAs."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from asn1crypto import keys, ocsp, x509
from asn1crypto.core import Integer
from cryptography import x509 as cryptography_x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.sign.timestamps import DummyTimeStamper, dummy_client
from pyhanko_certvalidator.registry import SimpleCertificateStore

from kortilla.mock_card.authority import Authority
from kortilla.mock_card.keys import load_private_key
from tests.kortilla.pki import key

# Its service would check the primes of its key anew for each timestamp, for 30 ms.
vars(dummy_client)["serialization"] = SimpleNamespace(
    load_der_private_key=lambda der, password: load_private_key(der)
)
YESTERDAY = datetime.now(UTC) - timedelta(days=1)


def stamper(
    authority: Authority, extra: bytes = b"", more: Sequence[tuple[str, bytes]] = ()
) -> DummyTimeStamper:
    """Return a time-stamping service with a certificate of a CA."""
    own_key = key("RSA-2048")
    name = [cryptography_x509.NameAttribute(NameOID.COMMON_NAME, "SPECIMEN Timestamps")]
    builder = (
        cryptography_x509.CertificateBuilder()
        .subject_name(cryptography_x509.Name(name))
        .issuer_name(authority.issuing.subject)
        .public_key(own_key.public_key())
        .serial_number(cryptography_x509.random_serial_number())
        .not_valid_before(YESTERDAY - timedelta(days=1))
        .not_valid_after(YESTERDAY + timedelta(days=300))
        .add_extension(
            cryptography_x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]),
            critical=True,
        )
    )
    for oid, der in (*([("1.2.3.4", extra)] if extra else []), *more):
        builder = builder.add_extension(
            cryptography_x509.UnrecognizedExtension(
                cryptography_x509.ObjectIdentifier(oid), der
            ),
            critical=False,
        )
    certificate = builder.sign(authority.issuing_key, hashes.SHA384())
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call] # it has no types
    own_der = own_key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    der = certificate.public_bytes(serialization.Encoding.DER)
    return DummyTimeStamper(
        x509.Certificate.load(der), keys.PrivateKeyInfo.load(own_der), store
    )


class Unreliable(DummyTimeStamper):
    """A service that answers in turn: rightly (True), of other data, or not at all."""

    def __init__(self, honest: DummyTimeStamper, *answers: Exception | bool) -> None:
        super().__init__(honest.tsa_cert, honest.tsa_key)
        self.answers = list(answers)

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        digest = message_digest if answer else bytes(len(message_digest))
        return await super().async_timestamp(digest, md_algorithm)


def ocsp_answer(authority: Authority, certificate: bytes, **more: Any) -> bytes:
    """Request the status of a certificate from the responder of its CA."""
    about = x509.Certificate.load(certificate)
    root, issuing = map(
        x509.Certificate.load, (authority.root_der, authority.issuing_der)
    )
    above = issuing if about.issuer == issuing.subject else root
    cert_id = {
        "hash_algorithm": {"algorithm": "sha1"},
        "issuer_name_hash": above.subject.sha1,
        "issuer_key_hash": above.public_key.sha1,
        "serial_number": Integer(about.serial_number),
    }
    request = ocsp.OCSPRequest(
        {"tbs_request": {"request_list": [{"req_cert": cert_id}]}}
    )
    return authority.answer_ocsp(request.dump(), at=datetime.now(UTC), **more)


def lists(authority: Authority) -> tuple[bytes, bytes]:
    """Return the CRLs of the two CAs, which are empty."""
    return (
        authority.revoke([], YESTERDAY),
        authority.revoke([], YESTERDAY, by="root"),
    )
