# SPDX-License-Identifier: MIT
"""Which certificates ``validate`` accepts, and the error for each other one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asn1crypto import x509

from kortilla import Trust, validate
from kortilla.errors import (
    CertificateExpiredError,
    CertificateNotTrustedError,
    CertificateNotYetValidError,
    RelyingPartyError,
    TrustConfigurationError,
    UserCertificateDisallowedPolicyError,
    UserCertificateMissingPurposeError,
    UserCertificateParseError,
    UserCertificateRevokedError,
    UserCertificateWrongPurposeError,
)
from kortilla.revocation import UNCHECKED, CertificatePath
from tests.kortilla import pki
from tests.kortilla.pki import CA, NONCE, NOW, ORIGIN, Leaf, key
from tests.kortilla.test_validation import check

# --- the certificate

#: The start and the end of a leaf's validity as UTCTime.
NOT_BEFORE, NOT_AFTER = b"\x17\x0d250601120000Z", b"\x17\x0d300531120000Z"


async def test_a_certificate_is_judged_at_the_given_time(
    leaf: Leaf, trust: Trust
) -> None:
    begin, end = NOW - timedelta(days=365), NOW + timedelta(days=4 * 365)
    second = timedelta(seconds=1)
    for at in (begin, end):
        assert await check(leaf.token(), trust, at=at)
    with pytest.raises(CertificateNotYetValidError):
        await check(leaf.token(), trust, at=begin - second)
    with pytest.raises(CertificateExpiredError):
        await check(leaf.token(), trust, at=end + second)


async def test_a_time_in_another_zone_is_the_same_time(
    leaf: Leaf, trust: Trust
) -> None:
    helsinki = NOW.astimezone(tz=None)
    assert await check(leaf.token(), trust, at=helsinki)


async def test_a_time_without_a_zone_is_the_callers_mistake(
    leaf: Leaf, trust: Trust
) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        await check(leaf.token(), trust, at=NOW.replace(tzinfo=None))


@pytest.mark.parametrize("end", [NOT_BEFORE, NOT_AFTER])
async def test_a_validity_without_a_zone_is_no_certificate(
    leaf: Leaf, trust: Trust, end: bytes
) -> None:
    assert end in leaf.der
    der = leaf.der.replace(end, b"\x18\x0d2026010100.00")
    with pytest.raises(UserCertificateParseError):
        await check(replace(leaf, der=der).token(), trust)


@pytest.mark.parametrize(
    "algorithm",
    ["ed25519", "ed448", "sha3_384_ecdsa", "ecdsa", "sha256_rsa", "md5_rsa"],
)
async def test_a_signature_that_the_issuers_key_can_not_make_is_not_trusted(
    ca: CA, trust: Trust, algorithm: str
) -> None:
    leaf = ca.issue(key("P-384"), signature_algorithm=algorithm, null_parameter=False)
    with pytest.raises(CertificateNotTrustedError):
        await check(leaf.token(), trust)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"key_usage": None}, UserCertificateMissingPurposeError),
        ({"key_usage": pki.SIGNATURE}, UserCertificateWrongPurposeError),
        # digitalSignature together with nonRepudiation
        ({"key_usage": bytes.fromhex("030206C0")}, UserCertificateWrongPurposeError),
        # keyAgreement alone
        ({"key_usage": bytes.fromhex("03020308")}, UserCertificateWrongPurposeError),
        ({"extended_key_usage": pki.SERVER_AUTH}, UserCertificateWrongPurposeError),
        ({"basic_constraints": pki.CA_TRUE}, UserCertificateWrongPurposeError),
        ({"policies": ()}, UserCertificateDisallowedPolicyError),
        ({"policies": ("1.2.246.517.1.10.353",)}, UserCertificateDisallowedPolicyError),
        ({"policies": ("1.2.246.517.990",)}, UserCertificateDisallowedPolicyError),
        ({"policies": ("2.5.29.32.0",)}, UserCertificateDisallowedPolicyError),
    ],
)
async def test_a_certificate_that_is_not_for_logging_in(
    ca: CA, trust: Trust, changes: dict[str, Any], expected: type[RelyingPartyError]
) -> None:
    with pytest.raises(expected):
        await check(ca.issue(key("P-384"), **changes).token(), trust)


async def test_extended_key_usage_with_client_authentication(
    ca: CA, trust: Trust
) -> None:
    leaf = ca.issue(key("P-384"), extended_key_usage=pki.CLIENT_AUTH)
    assert await check(leaf.token(), trust)


async def test_an_extension_that_occurs_twice(ca: CA, trust: Trust) -> None:
    leaf = ca.issue(key("P-384"), extra=[("key_usage", pki.AUTHENTICATION)])
    with pytest.raises(UserCertificateParseError):
        await check(leaf.token(), trust)


@pytest.mark.parametrize(
    "subject",
    [
        pki.subject(satu="99902038D"),  # another check character
        pki.subject(satu="9990203"),
        pki.subject(satu="010101-123N"),  # in the form of a personal identity code
        pki.subject(country="EE"),
        x509.Name.build({"country_name": "FI", "common_name": "SPECIMEN-X MAIJA"}),
    ],
)
async def test_a_subject_that_is_not_a_person_with_a_satu(
    ca: CA, trust: Trust, subject: x509.Name
) -> None:
    leaf = ca.issue(key("P-384"), subject_name=subject)
    with pytest.raises(UserCertificateParseError):
        await check(leaf.token(), trust)


# --- trust


async def test_an_issuer_that_is_not_configured(trust: Trust) -> None:
    stranger = CA.create("SPECIMEN Other CA")
    with pytest.raises(CertificateNotTrustedError):
        await check(stranger.issue(key("P-384")).token(), trust)


async def test_two_configured_issuers_of_the_same_name(ca: CA, root: CA) -> None:
    renewed = CA.create("SPECIMEN Issuing CA", parent=root)
    for trust in (ca.trust(renewed.der), renewed.trust(ca.der)):
        for issuer in (ca, renewed):
            assert await check(issuer.issue(key("P-384")).token(), trust)


async def test_the_issuers_name_in_another_encoding(ca: CA, trust: Trust) -> None:
    name = {"country_name": "FI", "common_name": "Specimen  issuing CA"}
    printable = x509.Name.build(name, use_printable=True)
    assert printable.dump() != ca.certificate.subject.dump()
    leaf = ca.issue(key("P-384"), issuer_name=printable)
    assert (await check(leaf.token(), trust)).issuer == "SPECIMEN Issuing CA"


async def test_an_issuers_name_that_is_nearly_the_same(ca: CA, trust: Trust) -> None:
    name = x509.Name.build({"country_name": "FI", "common_name": "SPECIMEN Issuing C"})
    with pytest.raises(CertificateNotTrustedError):
        await check(ca.issue(key("P-384"), issuer_name=name).token(), trust)


async def test_an_issuer_of_the_same_name_with_another_key(trust: Trust) -> None:
    impostor = CA.create("SPECIMEN Issuing CA")
    with pytest.raises(CertificateNotTrustedError):
        await check(impostor.issue(key("P-384")).token(), trust)


async def test_a_leaf_issued_by_the_root_itself(root: CA, trust: Trust) -> None:
    with pytest.raises(CertificateNotTrustedError):
        await check(root.issue(key("P-384")).token(), trust)


async def test_another_ca_of_the_same_root(root: CA, trust: Trust) -> None:
    sibling = CA.create("SPECIMEN Sibling CA", parent=root)
    with pytest.raises(CertificateNotTrustedError):
        await check(sibling.issue(key("P-384")).token(), trust)


async def test_a_person_who_plays_the_ca(ca: CA, trust: Trust, leaf: Leaf) -> None:
    player = CA(x509.Certificate.load(leaf.der), leaf.key)
    with pytest.raises(CertificateNotTrustedError):
        await check(player.issue(key("P-384")).token(), trust)


async def test_the_issuing_ca_itself_does_not_log_in(ca: CA, trust: Trust) -> None:
    with pytest.raises(UserCertificateWrongPurposeError):
        await check(Leaf(ca.der, ca.key).token(), trust)


async def test_a_self_signed_certificate(ca: CA, trust: Trust) -> None:
    own = CA(x509.Certificate(), key("P-384"))
    leaf = own.issue(key("P-384"), issuer_name=pki.subject())
    with pytest.raises(CertificateNotTrustedError):
        await check(leaf.token(), trust)


@pytest.mark.parametrize("years", [(2021, 2025), (2030, 2041)])
@pytest.mark.parametrize("which", ["issuing", "root"])
async def test_each_ca_must_be_valid_too(years: tuple[int, int], which: str) -> None:
    root = CA.create("SPECIMEN R", years=years if which == "root" else (2021, 2041))
    issuing = CA.create(
        "SPECIMEN I", parent=root, years=years if which == "issuing" else (2021, 2041)
    )
    expected = (
        CertificateExpiredError if years[1] == 2025 else CertificateNotYetValidError
    )
    with pytest.raises(expected):
        await check(issuing.issue(key("P-384")).token(), issuing.trust(root.der))


async def test_test_policies_are_refused_by_production_trust(
    leaf: Leaf, trust: Trust
) -> None:
    # The pins reject a test CA; the policy is checked as well.
    production = replace(trust, test=False)
    with pytest.raises(UserCertificateDisallowedPolicyError):
        await check(leaf.token(), production)


async def test_a_production_policy_beside_a_test_policy(ca: CA, trust: Trust) -> None:
    leaf = ca.issue(
        key("P-384"), policies=("1.2.246.517.1.10.352.1", "1.2.246.517.99.1")
    )
    with pytest.raises(UserCertificateDisallowedPolicyError):
        await check(leaf.token(), replace(trust, test=False))


@pytest.mark.parametrize("number", ["352", "301", "201"])
async def test_the_three_production_policies(ca: CA, trust: Trust, number: str) -> None:
    policy = f"1.2.246.517.1.10.{number}.1"
    leaf = ca.issue(key("P-384"), policies=(policy,))
    identity = await validate(
        leaf.token(),
        origin=ORIGIN,
        nonce=NONCE,
        trust=replace(trust, test=False),
        at=NOW,
        revocation=UNCHECKED,
    )
    assert (identity.assurance, identity.policy) == ("citizen-certificate", policy)


def test_production_trust_takes_pinned_certificates_only(ca: CA) -> None:
    with pytest.raises(TrustConfigurationError, match="not pinned"):
        ca.trust(test=False)


# --- revocation: the interface


class Checker:
    def __init__(self, error: RelyingPartyError | None = None) -> None:
        self.error = error
        self.asked: list[CertificatePath] = []

    async def check(self, path: CertificatePath, *, at: datetime) -> None:
        assert at == NOW.astimezone(UTC)
        self.asked.append(path)
        if self.error:
            raise self.error


async def test_the_checker_is_given_the_whole_path(
    leaf: Leaf, ca: CA, root: CA, trust: Trust
) -> None:
    checker = Checker()
    await validate(
        leaf.token(),
        origin=ORIGIN,
        nonce=NONCE,
        trust=trust,
        at=NOW,
        revocation=checker,
    )
    (path,) = checker.asked
    assert path.root is not None
    assert [path.leaf.dump(), path.issuer.dump(), path.root.dump()] == [
        leaf.der,
        ca.der,
        root.der,
    ]


async def test_what_the_checker_says_goes(leaf: Leaf, trust: Trust) -> None:
    with pytest.raises(UserCertificateRevokedError):
        await validate(
            leaf.token(),
            origin=ORIGIN,
            nonce=NONCE,
            trust=trust,
            at=NOW,
            revocation=Checker(UserCertificateRevokedError("revoked")),
        )


async def test_nobody_is_asked_about_an_untrusted_certificate(trust: Trust) -> None:
    checker = Checker()
    with pytest.raises(CertificateNotTrustedError):
        await validate(
            CA.create("SPECIMEN Other CA").issue(key("P-384")).token(),
            origin=ORIGIN,
            nonce=NONCE,
            trust=trust,
            at=NOW,
            revocation=checker,
        )
    assert checker.asked == []
