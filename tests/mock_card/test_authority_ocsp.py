# SPDX-License-Identifier: MIT
"""Independent clients understand the revocation answers of the mock card's CAs.

``test_documentation.py`` has openssl verify one.
"""

from datetime import UTC, datetime
from typing import Any

import pytest
from asn1crypto import x509
from cryptography import x509 as strict_x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from kortilla.mock_card.authority import Authority, Person
from kortilla.mock_card.keys import generate_key
from kortilla.mock_card.profiles import KeyType

NOW = datetime(2026, 6, 1, 12, 0, 30, 250_000, tzinfo=UTC)
NONCE = strict_x509.OCSPNonce(bytes(range(32)))
SHA1, SHA256 = hashes.SHA1(), hashes.SHA256()  # noqa: S303 - OCSP names certificates so


@pytest.fixture(scope="module", params=["ECC", "RSA"])
def authority(request: pytest.FixtureRequest) -> Authority:
    return Authority.create(request.param)


def ask(serial: int, issuer: strict_x509.Certificate, hashed: Any = SHA1) -> bytes:
    """Return a request by hash, for a leaf that cryptography can't read."""
    name, key = hashes.Hash(hashed), hashes.Hash(hashed)
    own = x509.Certificate.load(issuer.public_bytes(Encoding.DER))
    name.update(issuer.subject.public_bytes())
    key.update(bytes(own.public_key["public_key"]))
    return (
        ocsp.OCSPRequestBuilder()
        .add_certificate_by_hash(name.finalize(), key.finalize(), serial, hashed)
        .add_extension(NONCE, critical=False)
        .build()
        .public_bytes(Encoding.DER)
    )


@pytest.mark.parametrize("revoked", [False, True])
@pytest.mark.parametrize("hashed", [SHA1, SHA256])
def test_good_and_revoked_signed_by_a_responder_of_the_ca(
    authority: Authority, hashed: Any, revoked: bool
) -> None:
    public_key = generate_key(KeyType.P384).public_key()
    leaf = authority.issue(public_key, Person(), "authentication", null_parameters=True)
    for ca, number in (
        (authority.issuing, int(x509.Certificate.load(leaf).serial_number)),
        (authority.root, authority.issuing.serial_number),
    ):
        request, serials = ask(number, ca, hashed), (number,) * revoked
        answer = ocsp.load_der_ocsp_response(
            authority.answer_ocsp(request, revoked=serials, at=NOW)
        )
        assert answer.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
        assert answer.serial_number == number
        status = "REVOKED" if revoked else "GOOD"
        assert answer.certificate_status.name == status
        assert answer.this_update_utc == NOW.replace(microsecond=0)
        assert [each.value for each in answer.extensions] == [NONCE]

        [responder] = answer.certificates
        assert answer.responder_name == responder.subject != ca.subject
        responder.verify_directly_issued_by(ca)
        assert responder.not_valid_before_utc < NOW < responder.not_valid_after_utc
        extensions = {each.oid: each for each in responder.extensions}
        usage = extensions[ExtensionOID.EXTENDED_KEY_USAGE].value
        assert list(usage) == [ExtendedKeyUsageOID.OCSP_SIGNING]
        assert ExtensionOID.OCSP_NO_CHECK in extensions
        assert ExtensionOID.BASIC_CONSTRAINTS not in extensions
        key = responder.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(SHA256))


def test_what_it_was_not_asked_about_it_says_nothing_of(authority: Authority) -> None:
    malformed = ocsp.OCSPResponseStatus.MALFORMED_REQUEST
    for request, status in (
        (ask(1, Authority.create().issuing), ocsp.OCSPResponseStatus.UNAUTHORIZED),
        (b"", malformed),
        (b"\x30\x00", malformed),
        (b"\x30\x80" * 50, malformed),
    ):
        answer = authority.answer_ocsp(request, at=NOW)
        assert ocsp.load_der_ocsp_response(answer).response_status is status


def test_each_ca_has_a_list_of_its_own(authority: Authority) -> None:
    for by, ca in (("issuing", authority.issuing), ("root", authority.root)):
        der = authority.revoke([7], NOW, by=by)  # type: ignore[arg-type] # one of two
        found = strict_x509.load_der_x509_crl(der)
        assert found.issuer == ca.subject
        assert found.is_signature_valid(ca.public_key())  # type: ignore[arg-type] # a CA's
        assert found.get_revoked_certificate_by_serial_number(7)
        assert not found.get_revoked_certificate_by_serial_number(8)
