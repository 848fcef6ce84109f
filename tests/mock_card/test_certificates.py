# SPDX-License-Identifier: MIT
"""The leaves match FINEID's, defects included, and their CA is valid."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest
from asn1crypto import x509
from cryptography import x509 as strict_x509
from cryptography.hazmat.primitives.asymmetric import ec

from kortilla.mock_card.authority import Authority, Person, make_satu
from kortilla.mock_card.errors import InvalidArgumentError
from kortilla.mock_card.issue import issue_card
from kortilla.mock_card.keys import PublicKey
from kortilla.mock_card.profiles import PROFILES
from kortilla.mock_card.state import MockCardState
from tests.support.cards import rsa_key

BASIC_CONSTRAINTS = bytes.fromhex("300C 0603551D13 0405 3003010100")
ECDSA_WITH_NULL = bytes.fromhex("300C 06082A8648CE3D040303 0500")
AINO = Person()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create("ECC")


@pytest.fixture(scope="module")
def public_key() -> ec.EllipticCurvePublicKey:
    return ec.generate_private_key(ec.SECP384R1()).public_key()


def leaves(state: MockCardState) -> list[bytes]:
    return [key.certificate for key in state.read().keys]


def extensions(der: bytes) -> dict[str, tuple[bool, bytes]]:
    """Identifier → (critical, raw value)."""
    body = x509.Certificate.load(der)["tbs_certificate"]
    return {
        each["extn_id"].dotted: (each["critical"].native, each["extn_value"].contents)
        for each in body["extensions"]
    }


@pytest.mark.parametrize("profile", PROFILES)
def test_leaves_have_the_encoding_defects_of_their_generation(
    make_state: Callable[[str], MockCardState], profile: str
) -> None:
    for der in leaves(make_state(profile)):
        assert der.count(BASIC_CONSTRAINTS) == 1
        assert der.count(ECDSA_WITH_NULL) == (2 if profile == "v5" else 0)
        # The consequence for strict parsers, on every version:
        error = "ExtraData" if profile == "v5" else "EncodedDefault"
        with pytest.raises(ValueError, match=error):
            _ = strict_x509.load_der_x509_certificate(der).extensions
        algorithm = x509.Certificate.load(der)["signature_algorithm"]
        kind = "rsassa_pkcs1v15" if profile == "v4.2" else "ecdsa"
        assert algorithm.signature_algo == kind


@pytest.mark.usefixtures("known_rsa_keys")
def test_no_usual_leaf_has_a_length_that_asn1crypto_stumbles_over() -> None:
    # The lengths of those with RSA keys hardly differ.
    for profile, cards in (("v5", 3), ("v4.2", 3), ("v5-2026", 1)):
        for _ in range(cards):
            for key in issue_card(PROFILES[profile])[1].keys:
                assert 0x80 not in {key.certificate[3], key.certificate[7]}


@pytest.mark.usefixtures("known_rsa_keys")
@pytest.mark.parametrize("kind", ["ECC", "RSA"])
def test_the_signature_is_right_over_what_is_written_whatever_its_length(
    kind: Literal["ECC", "RSA"], public_key: ec.EllipticCurvePublicKey
) -> None:
    """Lengths matter: asn1crypto re-encodes values if a length ends in the byte 80."""
    authority = Authority.create(kind)
    lengths = set()
    for extra in range(1024):
        # Serial numbers have random lengths, so 256 steps may skip one.
        if extra >= 256 and 0x80 in lengths:
            break
        there = replace(authority, address="http://" + "a" * extra)
        der = there.issue(public_key, AINO, "authentication")
        lengths.add(der[7])
        assert BASIC_CONSTRAINTS in der
        leaf = strict_x509.load_der_x509_certificate(der)
        leaf.verify_directly_issued_by(authority.issuing)
    assert 0x80 in lengths


@pytest.mark.parametrize("kind", ["ECC", "RSA"])
def test_ca_certificates_are_sound(kind: Literal["ECC", "RSA"]) -> None:
    authority = Authority.create(kind)
    assert ECDSA_WITH_NULL not in authority.root_der + authority.issuing_der
    for der, path_length in ((authority.root_der, None), (authority.issuing_der, 0)):
        certificate = strict_x509.load_der_x509_certificate(der)
        assert "SPECIMEN" in certificate.subject.rfc4514_string()
        assert "Mock" in certificate.subject.rfc4514_string()
        constraints = certificate.extensions.get_extension_for_class(
            strict_x509.BasicConstraints
        )
        assert constraints.critical
        assert constraints.value == strict_x509.BasicConstraints(
            ca=True, path_length=path_length
        )
        usage = certificate.extensions.get_extension_for_class(
            strict_x509.KeyUsage
        ).value
        assert (usage.key_cert_sign, usage.digital_signature) == (True, False)
    root = strict_x509.load_der_x509_certificate(authority.root_der)
    certificate.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)


def test_the_subject_is_in_fineid_order_and_string_types(
    authority: Authority, public_key: ec.EllipticCurvePublicKey
) -> None:
    person = Person("SPECIMEN-ÅKERBLOM", "ÄIJÄ ÖÖ", make_satu(99902038))
    der = authority.issue(public_key, person, "authentication")
    subject = x509.Certificate.load(der).subject
    assert [
        (each["type"].dotted, each["value"].chosen.tag, each["value"].native)
        for name in subject.chosen
        for each in name
    ] == [
        ("2.5.4.6", 19, "FI"),
        ("2.5.4.5", 19, "99902038C"),
        ("2.5.4.42", 12, "ÄIJÄ ÖÖ"),
        ("2.5.4.4", 12, "SPECIMEN-ÅKERBLOM"),
        ("2.5.4.3", 12, "SPECIMEN-ÅKERBLOM ÄIJÄ ÖÖ 99902038C"),
    ]


def test_key_usage_is_the_purposes(
    authority: Authority, public_key: ec.EllipticCurvePublicKey
) -> None:
    rsa_public_key = rsa_key(2048).public_key()
    rows: list[tuple[PublicKey, Literal["authentication", "signature"], str]] = [
        (public_key, "authentication", "03020388"),
        (rsa_public_key, "authentication", "030204B0"),
        (public_key, "signature", "03020640"),
        (rsa_public_key, "signature", "03020640"),
    ]
    for key, purpose, usage in rows:
        found = extensions(authority.issue(key, AINO, purpose))
        assert found["2.5.29.15"] == (True, bytes.fromhex(usage))
        # Only signature leaves have qualified statements.
        assert ("1.3.6.1.5.5.7.1.3" in found) is (purpose == "signature")
    value = found["1.3.6.1.5.5.7.1.3"][1]
    for statement in ("04008E460101", "04008E460104", "04008E460106", "04008E46010601"):
        assert bytes.fromhex(statement) in value


def test_leaves_name_a_specimen_and_a_test_policy_and_no_extended_key_usage(
    state: MockCardState,
) -> None:
    for der in leaves(state):
        certificate = x509.Certificate.load(der)
        assert certificate.subject.native["surname"].startswith("SPECIMEN-")
        assert "SPECIMEN" in certificate.issuer.native["common_name"]
        assert "Mock" in certificate.issuer.native["common_name"]
        [policy] = certificate.certificate_policies_value
        assert policy["policy_identifier"].dotted.startswith("1.2.246.517.99.")
        assert certificate.extended_key_usage_value is None
        assert all(".invalid/" in url for url in certificate.ocsp_urls)


def test_revocation_addresses_are_the_ones_asked_for(
    public_key: ec.EllipticCurvePublicKey,
) -> None:
    authority = Authority.create(address="http://127.0.0.1:8081")
    leaf = x509.Certificate.load(authority.issue(public_key, AINO, "authentication"))
    issuing = x509.Certificate.load(authority.issuing_der)
    for certificate, issuer in ((leaf, "issuing"), (issuing, "root")):
        assert certificate.ocsp_urls == [f"http://127.0.0.1:8081/ocsp/{issuer}"]
        [point] = certificate.crl_distribution_points
        assert point.url == f"http://127.0.0.1:8081/crl/{issuer}.crl"
        access = extensions(certificate.dump())["1.3.6.1.5.5.7.1.1"][1]
        assert f"http://127.0.0.1:8081/ca/{issuer}.crt".encode() in access


def test_an_authority_can_be_opened_again_and_issues_leaves_of_any_time(
    authority: Authority, public_key: ec.EllipticCurvePublicKey, tmp_path: Path
) -> None:
    authority.save(tmp_path)
    again = Authority.open(tmp_path)
    assert again.root_der == authority.root_der
    assert (tmp_path / "issuing.key").stat().st_mode & 0o777 == 0o600
    start, end = datetime(2023, 3, 13, tzinfo=UTC), datetime(2051, 3, 12, tzinfo=UTC)
    der = again.issue(
        public_key, AINO, "authentication", not_before=start, not_after=end
    )
    leaf = strict_x509.load_der_x509_certificate(der)
    leaf.verify_directly_issued_by(authority.issuing)
    assert (leaf.not_valid_before_utc, leaf.not_valid_after_utc) == (start, end)


@pytest.mark.parametrize(
    "fields",
    [
        {"surname": "VIRTANEN"},
        {"given_name": ""},
        {"satu": "99902038D"},
        {"satu": "9990203"},
        {"satu": ""},
    ],
)
def test_nobody_but_a_specimen_is_named(fields: dict[str, str]) -> None:
    with pytest.raises(InvalidArgumentError):
        Person(**fields)
    # The check characters of the specimens of the real authority.
    for satu in ("99902038C", "99900335E", "99901112H", "999020016"):
        assert make_satu(int(satu[:8])) == satu
