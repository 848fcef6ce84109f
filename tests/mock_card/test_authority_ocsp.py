# SPDX-License-Identifier: MIT
"""Independent clients understand the OCSP responses of the mock card's CAs."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import x509
from cryptography import x509 as cryptography_x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from kortilla.mock_card.authority import Authority, Person
from kortilla.mock_card.keys import generate_key
from kortilla.mock_card.profiles import KeyType

NOW = datetime(2026, 6, 1, 12, 0, 30, 250_000, tzinfo=UTC)
NONCE = bytes(range(32))


@pytest.fixture(scope="module", params=["ECC", "RSA"])
def authority(request: pytest.FixtureRequest) -> Authority:
    return Authority.create(request.param)


def ask(
    serial: int, issuer: cryptography_x509.Certificate, hashed: Any = None
) -> bytes:
    """Return a request by hash, for a leaf that cryptography can't read."""
    hashed = hashed or hashes.SHA1()  # noqa: S303 - as OCSP names certificates
    name, key = hashes.Hash(hashed), hashes.Hash(hashed)
    name.update(issuer.subject.public_bytes())
    key.update(
        bytes(
            x509.Certificate.load(issuer.public_bytes(Encoding.DER)).public_key[
                "public_key"
            ]
        )
    )
    return (
        ocsp.OCSPRequestBuilder()
        .add_certificate_by_hash(name.finalize(), key.finalize(), serial, hashed)
        .add_extension(cryptography_x509.OCSPNonce(NONCE), critical=False)
        .build()
        .public_bytes(Encoding.DER)
    )


def leaf_serial(authority: Authority) -> int:
    key = generate_key(KeyType.P384).public_key()
    leaf = authority.issue(key, Person(), "authentication", null_parameters=True)
    return int(x509.Certificate.load(leaf).serial_number)


@pytest.mark.parametrize("hashed", [hashes.SHA1(), hashes.SHA256()])  # noqa: S303 - a name
def test_good_and_revoked_with_the_nonce_of_the_request(
    authority: Authority, hashed: Any
) -> None:
    serial = leaf_serial(authority)
    for ca, number in (
        (authority.issuing, serial),
        (authority.root, authority.issuing.serial_number),
    ):
        for revoked in ((), (number,)):
            answer = ocsp.load_der_ocsp_response(
                authority.answer_ocsp(ask(number, ca, hashed), revoked=revoked, at=NOW)
            )
            assert answer.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
            assert answer.serial_number == number
            status = "REVOKED" if revoked else "GOOD"
            assert answer.certificate_status.name == status
            assert answer.this_update_utc == NOW.replace(microsecond=0)
            [responder] = answer.certificates
            assert answer.responder_name == responder.subject != ca.subject
            [nonce] = answer.extensions
            assert nonce.value == cryptography_x509.OCSPNonce(NONCE)


def openssl(folder: Path, arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["openssl", "ocsp", *arguments.split()],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )


def test_openssl_asks_and_verifies_the_answer(
    authority: Authority, tmp_path: Path
) -> None:
    serial = leaf_serial(authority)
    for name, cas in (
        ("issuing", [authority.issuing]),
        ("root", [authority.root]),
        ("trusted", [authority.root, authority.issuing]),
    ):
        pem = b"".join(ca.public_bytes(Encoding.PEM) for ca in cas)
        (tmp_path / name).write_bytes(pem)
    for issuer, number in (
        ("issuing", serial),
        ("root", authority.issuing.serial_number),
    ):
        openssl(tmp_path, f"-issuer {issuer} -serial {number} -reqout request")
        for revoked, status in (((), "good"), ((number,), "revoked")):
            answer = authority.answer_ocsp(
                (tmp_path / "request").read_bytes(),
                revoked=revoked,
                at=datetime.now(UTC),
            )
            (tmp_path / "answer").write_bytes(answer)
            said = openssl(
                tmp_path,
                "-reqin request -respin answer -CAfile trusted -resp_text",
            )
            # The nonce matched as well: otherwise there would be a warning.
            assert said.stderr.strip() == "Response verify OK"
            assert f"Cert Status: {status}" in said.stdout


def test_the_answer_carries_who_signed_it(authority: Authority) -> None:
    for ca, number in (
        (authority.issuing, 1),
        (authority.root, authority.issuing.serial_number),
    ):
        answer = ocsp.load_der_ocsp_response(
            authority.answer_ocsp(ask(number, ca), at=NOW)
        )
        [responder] = answer.certificates
        responder.verify_directly_issued_by(ca)
        assert responder.not_valid_before_utc < NOW < responder.not_valid_after_utc
        extensions = {each.oid: each for each in responder.extensions}
        usage = extensions[ExtensionOID.EXTENDED_KEY_USAGE].value
        assert list(usage) == [ExtendedKeyUsageOID.OCSP_SIGNING]
        assert ExtensionOID.OCSP_NO_CHECK in extensions
        assert ExtensionOID.BASIC_CONSTRAINTS not in extensions
        key = responder.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        key.verify(
            answer.signature, answer.tbs_response_bytes, ec.ECDSA(hashes.SHA256())
        )


def test_what_it_was_not_asked_about_it_says_nothing_of(authority: Authority) -> None:
    other = Authority.create()
    for request, status in (
        (ask(1, other.issuing), ocsp.OCSPResponseStatus.UNAUTHORIZED),
        (b"", ocsp.OCSPResponseStatus.MALFORMED_REQUEST),
        (b"\x30\x00", ocsp.OCSPResponseStatus.MALFORMED_REQUEST),
        (b"\x30\x80" * 50, ocsp.OCSPResponseStatus.MALFORMED_REQUEST),
    ):
        answer = authority.answer_ocsp(request, at=NOW)
        assert ocsp.load_der_ocsp_response(answer).response_status is status


def test_the_root_has_a_list_of_its_own(authority: Authority) -> None:
    for by, ca in (("issuing", authority.issuing), ("root", authority.root)):
        der = authority.revoke([7], NOW, by=by)  # type: ignore[arg-type] # one of two
        found = cryptography_x509.load_der_x509_crl(der)
        assert found.issuer == ca.subject
        assert found.is_signature_valid(ca.public_key())  # type: ignore[arg-type] # a CA's
        assert found.get_revoked_certificate_by_serial_number(7)
        assert not found.get_revoked_certificate_by_serial_number(8)
