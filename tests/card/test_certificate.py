# SPDX-License-Identifier: MIT
"""Certificates are read as they are on real cards, and never crash the host."""

from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.utils import CryptographyDeprecationWarning
from hypothesis import given, settings
from hypothesis import strategies as st

from kortilla.mock_card.keys import PrivateKey
from native_host.card.certificate import CardCertificate, CertificateError
from tests.card.scripted import P256, P384, V5, make_certificate
from tests.support.cards import rsa_key


def read(**changes: Any) -> CardCertificate:
    return CardCertificate.from_der(make_certificate(P384, **changes))


def test_both_encoding_defects_are_read_all_the_same() -> None:
    # Releases of cryptography before 45 only warn.
    with pytest.raises((ValueError, CryptographyDeprecationWarning)):
        x509.load_der_x509_certificate(V5)
    certificate = CardCertificate.from_der(V5)
    assert certificate.der == V5
    assert certificate.public_key == P384.public_key()
    assert (certificate.surname, certificate.given_names, certificate.satu) == (
        "SPECIMEN-KORHONEN",
        "Aino",
        "99900111N",
    )
    assert certificate.not_before == datetime(2024, 1, 1, tzinfo=UTC)
    assert certificate.not_after == datetime(2028, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("Märta Sofia", "Märta Sofia SPECIMEN-ÅKERLUND VON ALM"),
        ("", "SPECIMEN-ÅKERLUND VON ALM"),
        # Characters that garble a window.
        ("Aino\u202e\n\x07", "Aino SPECIMEN-ÅKERLUND VON ALM"),
    ],
)
def test_the_name_is_put_together_and_not_parsed_from_the_common_name(
    given_name: str, shown: str
) -> None:
    surname = "SPECIMEN-ÅKERLUND VON ALM"
    common_name = "SPECIMEN-OTHER PERSON 99900111N"
    certificate = read(surname=surname, given_name=given_name, common_name=common_name)
    assert certificate.name == shown


def test_the_key_decides_the_algorithm() -> None:
    rows: list[tuple[PrivateKey, str]] = [
        (P384, "ES384"),
        (P256, "ES256"),
        (rsa_key(2048), "PS256"),
    ]
    for key, algorithm in rows:
        certificate = CardCertificate.from_der(make_certificate(key))
        assert certificate.algorithm.name == algorithm


def test_keys_that_no_citizen_card_has_are_refused() -> None:
    keys: list[Any] = [
        ec.generate_private_key(ec.SECP256K1()),
        ec.generate_private_key(ec.SECP521R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa_key(1024),
    ]
    for key in keys:
        with pytest.raises(CertificateError, match="key"):
            CardCertificate.from_der(make_certificate(key))


def test_a_certificate_without_the_client_identifier_is_refused() -> None:
    with pytest.raises(CertificateError, match="identifier"):
        read(serial_number=None)


@pytest.mark.parametrize("end", [b"240101000000Z", b"281231235959Z"])
def test_a_validity_without_a_zone_is_refused(end: bytes) -> None:
    without = b"\x18\x0d2026010100.00"
    der = V5.replace(b"\x17\x0d" + end, without)
    assert without in der
    with pytest.raises(CertificateError, match="time zone"):
        CardCertificate.from_der(der)


def test_no_person_shows_in_a_log() -> None:
    shown = repr(CardCertificate.from_der(V5))
    for secret in ("KORHONEN", "Aino", "99900111N", V5.hex()[:20]):
        assert secret not in shown


def changed(position: int, value: int) -> bytes:
    return V5[:position] + bytes([value]) + V5[position + 1 :]


@settings(max_examples=300)
@given(
    st.binary(max_size=300)
    | st.builds(changed, st.integers(0, len(V5) - 1), st.integers(0, 255))
    | st.builds(
        lambda end, more: V5[:end] + more,
        st.integers(0, len(V5)),
        st.binary(max_size=3),
    )
)
def test_any_bytes_are_read_or_refused(der: bytes) -> None:
    """Also a certificate with a wrong byte, cut off, or longer."""
    try:
        certificate = CardCertificate.from_der(der)
    except CertificateError as error:
        assert "KORHONEN" not in str(error)
    else:
        assert certificate.der == der
        assert isinstance(certificate.name, str)
        assert certificate.not_before.tzinfo
        assert certificate.not_after.tzinfo


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
    certificate = read(key_usage=key_usage)
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
    assert read(policy=policy).test is test
