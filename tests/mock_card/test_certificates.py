# SPDX-License-Identifier: MIT
"""The leaves match FINEID's, defects included, and their CA is valid."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest
from asn1crypto import x509
from cryptography import x509 as cryptography_x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathBuildingError

from kortilla.mock_card.authority import Authority, Person, make_satu
from kortilla.mock_card.errors import InvalidArgumentError
from kortilla.mock_card.issue import issue_card
from kortilla.mock_card.profiles import PROFILES
from kortilla.mock_card.state import MockCardState

BASIC_CONSTRAINTS = bytes.fromhex("300C 0603551D13 0405 3003010100")
ECDSA_WITH_NULL = bytes.fromhex("300C 06082A8648CE3D040303 0500")
ECDSA_SOUND = bytes.fromhex("300A 06082A8648CE3D040303")
AINO = Person()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create("ECC")


@pytest.fixture(scope="module")
def public_key() -> ec.EllipticCurvePublicKey:
    return ec.generate_private_key(ec.SECP384R1()).public_key()


@pytest.fixture(scope="module")
def rsa_public_key() -> rsa.RSAPublicKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()


def leaves(state: MockCardState) -> list[bytes]:
    return [key.certificate for key in state.read().keys]


def context(folder: Path) -> ValidationContext:
    return ValidationContext(
        trust_roots=[x509.Certificate.load((folder / "root.der").read_bytes())],
        other_certs=[x509.Certificate.load((folder / "issuing.der").read_bytes())],
        allow_fetching=False,
        revocation_mode="soft-fail",
    )


def extensions(der: bytes) -> dict[str, tuple[bool, bytes]]:
    """Identifier → (critical, raw value)."""
    body = x509.Certificate.load(der)["tbs_certificate"]
    return {
        each["extn_id"].dotted: (each["critical"].native, each["extn_value"].contents)
        for each in body["extensions"]
    }


def test_every_leaf_writes_out_that_it_is_no_ca(
    make_state: Callable[[str], MockCardState],
) -> None:
    for profile in PROFILES:
        for der in leaves(make_state(profile)):
            assert der.count(BASIC_CONSTRAINTS) == 1
    # The consequence for strict parsers, on every version:
    with pytest.raises(ValueError, match="EncodedDefault"):
        _ = cryptography_x509.load_der_x509_certificate(der).extensions


def test_v5_leaves_carry_null_in_both_algorithm_identifiers(
    make_state: Callable[[str], MockCardState],
) -> None:
    for der in leaves(make_state("v5")):
        assert der.count(ECDSA_WITH_NULL) == 2
        assert ECDSA_SOUND not in der
        with pytest.raises(ValueError, match="ExtraData"):
            cryptography_x509.load_der_x509_certificate(der)


def test_v42_leaves_are_signed_with_rsa(
    make_state: Callable[[str], MockCardState],
) -> None:
    for der in leaves(make_state("v4.2")):
        certificate = cryptography_x509.load_der_x509_certificate(der)
        oid = certificate.signature_algorithm_oid.dotted_string
        assert oid == "1.2.840.113549.1.1.11"


async def validate(leaf: bytes, context: ValidationContext, usage: str) -> int:
    """Validate a path and return its length."""
    validator: Any = CertificateValidator(
        x509.Certificate.load(leaf), validation_context=context
    )
    return len(list(await validator.async_validate_usage({usage})))


@pytest.mark.parametrize("profile", list(PROFILES))
async def test_paths_validate_with_certvalidator(
    make_state: Callable[[str], MockCardState], profile: str
) -> None:
    state = make_state(profile)
    for slot, der in zip(state.profile.keys, leaves(state), strict=True):
        usage = {"authentication": "digital_signature", "signature": "non_repudiation"}[
            slot.purpose
        ]
        assert await validate(der, context(state.folder), usage) == 3


async def test_a_path_does_not_validate_under_another_root(
    state: MockCardState, authority: Authority, tmp_path: Path
) -> None:
    authority.save(tmp_path)
    with pytest.raises(PathBuildingError):
        await validate(leaves(state)[0], context(tmp_path), "digital_signature")


@pytest.mark.usefixtures("known_rsa_keys")
def test_no_usual_leaf_has_a_length_that_asn1crypto_stumbles_over() -> None:
    # The lengths of those with RSA keys hardly differ.
    for profile, cards in (("v5", 3), ("v4.2", 3), ("v5-2026", 1)):
        for _ in range(cards):
            for key in issue_card(PROFILES[profile], {}).keys:
                assert 0x80 not in {key.certificate[3], key.certificate[7]}


@pytest.mark.usefixtures("known_rsa_keys")
@pytest.mark.parametrize("kind", ["ECC", "RSA"])
def test_the_signature_is_right_over_what_is_written_whatever_its_length(
    kind: Literal["ECC", "RSA"], public_key: ec.EllipticCurvePublicKey
) -> None:
    """Lengths matter: asn1crypto re-encodes values if a length ends in the byte 80."""
    authority = Authority.create(kind)
    issuer = authority.issuing.public_key()
    lengths = set()
    for extra in range(1024):
        # Serial numbers have random lengths, so 256 steps may skip one.
        if extra >= 256 and 0x80 in lengths:
            break
        there = replace(authority, address="http://" + "a" * extra)
        der = there.issue(public_key, AINO, "authentication", null_parameters=True)
        size = 4 + int.from_bytes(der[6:8])
        body, signature = der[4 : 4 + size], der[4 + size :]
        lengths.add(der[7])
        assert der[2:4] == (len(der) - 4).to_bytes(2)
        assert BASIC_CONSTRAINTS in body
        value = signature[signature.index(b"\x03") :]
        raw = x509.Certificate.load(der)["signature_value"].native
        assert value.endswith(raw)
        if isinstance(issuer, rsa.RSAPublicKey):
            issuer.verify(raw, body, padding.PKCS1v15(), hashes.SHA256())
        else:
            assert isinstance(issuer, ec.EllipticCurvePublicKey)
            issuer.verify(raw, body, ec.ECDSA(hashes.SHA384()))
    assert 0x80 in lengths


@pytest.mark.parametrize("kind", ["ECC", "RSA"])
def test_ca_certificates_are_sound(kind: Literal["ECC", "RSA"]) -> None:
    authority = Authority.create(kind)
    assert ECDSA_WITH_NULL not in authority.root_der + authority.issuing_der
    for der, path_length in ((authority.root_der, None), (authority.issuing_der, 0)):
        certificate = cryptography_x509.load_der_x509_certificate(der)
        assert "SPECIMEN" in certificate.subject.rfc4514_string()
        assert "Mock" in certificate.subject.rfc4514_string()
        constraints = certificate.extensions.get_extension_for_class(
            cryptography_x509.BasicConstraints
        )
        assert constraints.critical
        assert constraints.value == cryptography_x509.BasicConstraints(
            ca=True, path_length=path_length
        )
    root = cryptography_x509.load_der_x509_certificate(authority.root_der)
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
    authority: Authority,
    public_key: ec.EllipticCurvePublicKey,
    rsa_public_key: rsa.RSAPublicKey,
) -> None:
    def usage(
        key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
        purpose: Literal["authentication", "signature"],
    ) -> tuple[bool, str]:
        critical, value = extensions(authority.issue(key, AINO, purpose))["2.5.29.15"]
        return critical, value.hex().upper()

    assert usage(public_key, "authentication") == (True, "03020388")
    assert usage(rsa_public_key, "authentication") == (True, "030204B0")
    assert usage(public_key, "signature") == (True, "03020640")
    assert usage(rsa_public_key, "signature") == (True, "03020640")


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


def test_only_signature_leaves_have_qualified_statements(
    state: MockCardState,
) -> None:
    authentication, signature = (extensions(der) for der in leaves(state))
    assert "1.3.6.1.5.5.7.1.3" not in authentication
    value = signature["1.3.6.1.5.5.7.1.3"][1]
    for statement in ("04008E460101", "04008E460104", "04008E460106", "04008E46010601"):
        assert bytes.fromhex(statement) in value


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


def test_no_address_is_reached_by_default(state: MockCardState) -> None:
    for der in leaves(state):
        assert all(".invalid/" in url for url in x509.Certificate.load(der).ocsp_urls)


def test_leaves_can_be_of_any_time(
    authority: Authority, public_key: ec.EllipticCurvePublicKey
) -> None:
    start, end = datetime(2023, 3, 13, tzinfo=UTC), datetime(2051, 3, 12, tzinfo=UTC)
    der = authority.issue(
        public_key, AINO, "authentication", not_before=start, not_after=end
    )
    certificate = x509.Certificate.load(der)
    assert certificate.not_valid_before == start
    assert certificate.not_valid_after == end


def test_an_authority_can_be_opened_again(
    authority: Authority, public_key: ec.EllipticCurvePublicKey, tmp_path: Path
) -> None:
    authority.save(tmp_path)
    again = Authority.open(tmp_path)
    assert again.root_der == authority.root_der
    assert (tmp_path / "issuing.key").stat().st_mode & 0o777 == 0o600
    der = again.issue(public_key, AINO, "authentication", null_parameters=False)
    leaf = cryptography_x509.load_der_x509_certificate(der)
    leaf.verify_directly_issued_by(authority.issuing)


@pytest.mark.parametrize("satu", ["99902038C", "99900335E", "99901112H", "999020016"])
def test_check_characters_are_those_of_the_specimens(satu: str) -> None:
    assert make_satu(int(satu[:8])) == satu


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
