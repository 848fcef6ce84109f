# SPDX-License-Identifier: MIT
"""Certificates are read as they are on real cards, and never crash the host."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.utils import CryptographyDeprecationWarning
from hypothesis import given
from hypothesis import strategies as st

from native_host.card.certificate import CardCertificate, CertificateError
from tests.card.scripted import PrivateKey, make_certificate
from tests.support.cards import rsa_key

TOO_SHORT = 1024  # bits of an RSA key
P384 = ec.generate_private_key(ec.SECP384R1())
SPECIMEN = make_certificate(P384)


def test_both_encoding_defects_are_read_all_the_same() -> None:
    # Releases of cryptography before 45 only warn.
    with pytest.raises((ValueError, CryptographyDeprecationWarning)):
        x509.load_der_x509_certificate(SPECIMEN)
    certificate = CardCertificate.from_der(SPECIMEN)
    assert certificate.der == SPECIMEN
    assert certificate.public_key == P384.public_key()
    assert (certificate.surname, certificate.given_names, certificate.satu) == (
        "SPECIMEN-KORHONEN",
        "Aino",
        "99900111N",
    )
    assert certificate.not_before == datetime(2024, 1, 1, tzinfo=UTC)
    assert certificate.not_after == datetime(2028, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_the_name_is_put_together_and_not_parsed_from_the_common_name() -> None:
    certificate = CardCertificate.from_der(
        make_certificate(
            P384,
            surname="SPECIMEN-ÅKERLUND VON ALM",
            given_name="Märta Sofia",
            common_name="SPECIMEN-OTHER PERSON 99900111N",
        )
    )
    assert certificate.name == "Märta Sofia SPECIMEN-ÅKERLUND VON ALM"


def test_a_person_with_one_name_has_one_name() -> None:
    der = make_certificate(P384, given_name="")
    assert CardCertificate.from_der(der).name == "SPECIMEN-KORHONEN"


def test_characters_that_garble_a_window_are_not_shown() -> None:
    der = make_certificate(P384, given_name="Aino\u202e\n\x07")
    assert CardCertificate.from_der(der).name == "Aino SPECIMEN-KORHONEN"


@pytest.mark.parametrize(
    ("make", "algorithm", "hash_name"),
    [
        (lambda: P384, "ES384", "sha384"),
        (lambda: ec.generate_private_key(ec.SECP256R1()), "ES256", "sha256"),
        (lambda: rsa_key(2048), "PS256", "sha256"),
    ],
)
def test_the_key_decides_the_algorithm(
    make: Callable[[], PrivateKey], algorithm: str, hash_name: str
) -> None:
    certificate = CardCertificate.from_der(make_certificate(make()))
    assert (certificate.algorithm, certificate.hash_name) == (algorithm, hash_name)
    assert hashlib.new(certificate.hash_name)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ec.generate_private_key(ec.SECP256K1()),
        lambda: ec.generate_private_key(ec.SECP521R1()),
        lambda: rsa_key(TOO_SHORT),
    ],
)
def test_keys_that_no_citizen_card_has_are_refused(
    make: Callable[[], PrivateKey],
) -> None:
    with pytest.raises(CertificateError, match="key"):
        CardCertificate.from_der(make_certificate(make()))


def test_a_key_that_does_not_sign_so_is_refused() -> None:
    edwards = ed25519.Ed25519PrivateKey.generate()
    with pytest.raises(CertificateError, match="key"):
        CardCertificate.from_der(
            make_certificate(edwards)  # type: ignore[arg-type]  # the point of it
        )


def test_a_certificate_without_the_client_identifier_is_refused() -> None:
    with pytest.raises(CertificateError, match="identifier"):
        CardCertificate.from_der(make_certificate(P384, satu=None))


@pytest.mark.parametrize("end", [b"240101000000Z", b"281231235959Z"])
def test_a_validity_without_a_zone_is_refused(end: bytes) -> None:
    without = b"\x18\x0d2026010100.00"
    der = SPECIMEN.replace(b"\x17\x0d" + end, without)
    assert without in der
    with pytest.raises(CertificateError, match="time zone"):
        CardCertificate.from_der(der)


def test_no_person_shows_in_a_log() -> None:
    shown = repr(CardCertificate.from_der(SPECIMEN))
    for secret in ("KORHONEN", "Aino", "99900111N", SPECIMEN.hex()[:20]):
        assert secret not in shown


def read_or_refuse(der: bytes) -> None:
    try:
        certificate = CardCertificate.from_der(der)
    except CertificateError as error:
        assert "KORHONEN" not in str(error)
    else:
        assert certificate.der == der
        assert isinstance(certificate.name, str)
        assert certificate.not_before.tzinfo
        assert certificate.not_after.tzinfo


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(der: bytes) -> None:
    read_or_refuse(der)


@given(st.integers(0, len(SPECIMEN) - 1), st.integers(0, 255))
def test_any_byte_may_be_wrong(position: int, value: int) -> None:
    changed = bytearray(SPECIMEN)
    changed[position] = value
    read_or_refuse(bytes(changed))


@given(st.integers(0, len(SPECIMEN)), st.binary(max_size=3))
def test_any_end_may_be_cut_off_or_added(end: int, more: bytes) -> None:
    read_or_refuse(SPECIMEN[:end] + more)


@pytest.mark.parametrize(
    ("key_usage", "for_authentication", "for_signing"),
    [
        ("03020388", True, False),  # digitalSignature, keyAgreement
        ("030204B0", True, False),  # digitalSignature and two for encryption
        ("03020640", False, True),  # nonRepudiation
        ("030206C0", True, False),  # both
        ("03020520", False, False),  # keyEncipherment
        ("030100", False, False),
        ("0303000040", False, False),  # unknown bits
        ("0303070880", False, False),  # keyAgreement, decipherOnly
        (None, False, False),
    ],
)
def test_the_key_usage_decides_what_a_certificate_is_for(
    key_usage: str | None, for_authentication: bool, for_signing: bool
) -> None:
    certificate = CardCertificate.from_der(make_certificate(P384, key_usage=key_usage))
    assert certificate.for_authentication is for_authentication
    assert certificate.for_signing is for_signing


@pytest.mark.parametrize(
    ("policy", "test"),
    [
        ("1.2.246.517.99.10.1", True),
        ("1.2.246.517.99", True),
        ("1.2.246.517.1.10.352.1", False),
        ("1.2.246.517.990.1", False),
        ("2.5.29.32.0", False),
    ],
)
def test_a_test_policy_makes_a_test_certificate(policy: str, test: bool) -> None:
    der = make_certificate(P384, policy=policy)
    assert CardCertificate.from_der(der).test is test
