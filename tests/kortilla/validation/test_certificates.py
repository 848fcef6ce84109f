# SPDX-License-Identifier: MIT
"""Which certificates are accepted for a login and a signature, and why others are not.

Each fault differs from a valid certificate in one thing.
"""

import base64
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from asn1crypto import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from kortilla import Identity, Trust, validate, validate_client, validate_signer
from kortilla.errors import (
    AuthTokenSignatureValidationError,
    CertificateExpiredError,
    CertificateNotTrustedError,
    CertificateNotYetValidError,
    RelyingPartyError,
    TrustConfigurationError,
    UserCertificateDisallowedPolicyError,
    UserCertificateMissingPurposeError,
    UserCertificateParseError,
    UserCertificateRevokedError,
    UserCertificateWeakKeyError,
    UserCertificateWrongPurposeError,
)
from kortilla.revocation import UNCHECKED, CertificatePath, RevocationChecker
from kortilla.testing import KortillaCard
from tests.kortilla import pki
from tests.kortilla.pki import CA, NONCE, NOW, ORIGIN, SATU, Leaf, key
from tests.kortilla.validation.test_roca import broken_key
from tests.kortilla.validation.test_validation import b64

P384 = key("P-384")
ODD: Any = ed25519.Ed25519PrivateKey.generate()
LONG = (1 << 8192) + 1
PRODUCTION, TEST = "1.2.246.517.1.10.352.1", pki.TEST_POLICY
UNKNOWN = ("1.3.6.1.4.1.99999.1", b"\x05\x00")
SECOND = timedelta(seconds=1)
DISALLOWED = UserCertificateDisallowedPolicyError
PARSE = UserCertificateParseError
WRONG = UserCertificateWrongPurposeError

Way = Callable[..., Awaitable[Identity]]


async def by_token(certificate: bytes, **options: Any) -> Identity:
    """Validate a token with a certificate and a signature of zeros.

    A fault of the certificate is named before that signature is verified.
    """
    token = {
        "unverifiedCertificate": b64(certificate),
        "algorithm": "ES384",
        "signature": b64(bytes(96)),
        "format": "web-eid:1.0",
        "appVersion": "specimen",
    }
    return await validate(token, origin=ORIGIN, nonce=NONCE, **options)


#: The three ways to validate a certificate, and the key usage that each wants.
WAYS: dict[str, tuple[Way, bytes]] = {
    "token": (by_token, pki.AUTHENTICATION),
    "TLS client": (validate_client, pki.AUTHENTICATION),
    "signature": (validate_signer, pki.SIGNATURE),
}
every_way = pytest.mark.parametrize("way", WAYS)
certified_ways = pytest.mark.parametrize("way", ["TLS client", "signature"])

Make = Callable[[CA, bytes], Leaf]


def issued(leaf_key: Any = P384, **changes: Any) -> Make:
    """Return a function that issues a valid leaf with these changes."""
    return lambda ca, usage: ca.issue(leaf_key, **{"key_usage": usage, **changes})


def issued_by(make_ca: Callable[[CA], CA], **changes: Any) -> Make:
    """Return a function that issues a leaf by another CA than the trusted one."""
    return lambda ca, usage: make_ca(ca).issue(P384, key_usage=usage, **changes)


def named(**attributes: str) -> x509.Name:
    sound = {
        "country_name": "FI",
        "serial_number": SATU,
        "given_name": "MAIJA",
        "surname": "SPECIMEN-X",
    }
    return x509.Name.build({k: v for k, v in (sound | attributes).items() if v})


def twice() -> x509.Name:
    rdns = [*named().chosen, *x509.Name.build({"serial_number": "99900335E"}).chosen]
    return x509.Name(name="", value=x509.RDNSequence(rdns))


def played(ca: CA) -> CA:
    leaf = ca.issue(P384)
    return CA(x509.Certificate.load(leaf.der), leaf.key)


def without_zone(end: bytes) -> Make:
    def make(ca: CA, usage: bytes) -> Leaf:
        leaf = ca.issue(P384, key_usage=usage)
        assert end in leaf.der
        return replace(leaf, der=leaf.der.replace(end, b"\x18\x0d2026010100.00"))

    return make


FAULTS: dict[str, tuple[Make, type[RelyingPartyError]]] = {
    # what can't be read
    "no certificate": (lambda ca, _: Leaf(b"certificate", ca.key), PARSE),
    "nothing": (lambda ca, _: Leaf(b"0\0\0\0", ca.key), PARSE),
    "a start without a zone": (without_zone(b"\x17\x0d250601120000Z"), PARSE),
    "an end without a zone": (without_zone(b"\x17\x0d300531120000Z"), PARSE),
    "a critical extension that nobody knows": (
        issued(extra=[UNKNOWN], extra_critical=True),
        PARSE,
    ),
    "an extension twice": (issued(extra=[UNKNOWN, UNKNOWN]), PARSE),
    "key usage twice": (issued(extra=[("key_usage", pki.AUTHENTICATION)]), PARSE),
    "serial number 0": (issued(serial_number=0), PARSE),
    "a negative serial number": (issued(serial_number=-1), PARSE),
    "a serial number of 21 octets": (issued(serial_number=1 << 160), PARSE),
    # a wrong time
    "before its time": (issued(not_before=NOW + SECOND), CertificateNotYetValidError),
    "after its time": (issued(not_after=NOW - SECOND), CertificateExpiredError),
    # another purpose
    "no key usage": (issued(key_usage=None), UserCertificateMissingPurposeError),
    "digitalSignature and nonRepudiation": (
        issued(key_usage=bytes.fromhex("030206C0")),
        WRONG,
    ),
    "keyAgreement alone": (issued(key_usage=bytes.fromhex("03020308")), WRONG),
    "a CA's": (issued(basic_constraints=pki.CA_TRUE), WRONG),
    "the issuing CA itself": (lambda ca, _: Leaf(ca.der, ca.key), WRONG),
    # another policy
    "no policy": (issued(policies=()), DISALLOWED),
    "any policy": (issued(policies=("2.5.29.32.0",)), DISALLOWED),
    "another policy of the authority": (
        issued(policies=("1.2.246.517.1.10.353.1",)),
        DISALLOWED,
    ),
    "a policy above one that is allowed": (
        issued(policies=("1.2.246.517.1.10.353",)),
        DISALLOWED,
    ),
    "a policy that begins with one that is allowed": (
        issued(policies=("1.2.246.517.990",)),
        DISALLOWED,
    ),
    # an untrusted issuer
    **{
        what: (issued_by(make, **changes), CertificateNotTrustedError)
        for what, make, changes in (
            ("a CA of one's own", lambda _: CA.create("SPECIMEN Own CA"), {}),
            ("one of the same name", lambda _: CA.create("SPECIMEN Issuing CA"), {}),
            (
                "a CA below the issuing CA",
                lambda ca: CA.create("SPECIMEN Lower CA", parent=ca),
                {},
            ),
            ("a person as the CA", played, {}),
            (
                "a self-signed one",
                lambda _: CA(x509.Certificate(), P384),
                {"issuer_name": pki.subject()},
            ),
            (
                "an issuer's name that is nearly the same",
                lambda ca: ca,
                {
                    "issuer_name": x509.Name.build(
                        {"country_name": "FI", "common_name": "SPECIMEN Issuing C"}
                    )
                },
            ),
        )
    },
    **{
        f"a signature algorithm that the issuer's key can't make: {algorithm}": (
            issued(signature_algorithm=algorithm, null_parameter=False),
            CertificateNotTrustedError,
        )
        for algorithm in (
            *("sha1_ecdsa", "ed25519", "ed448", "sha3_384_ecdsa", "ecdsa"),
            *("sha256_rsa", "md5_rsa"),
        )
    },
    # a key that others may have
    "a ROCA key": (
        lambda ca, usage: ca.issue(broken_key(2048), key_usage=usage),
        UserCertificateWeakKeyError,
    ),
    "an RSA key of 1024 bits": (
        lambda ca, usage: ca.issue(
            rsa.generate_private_key(65537, 1024),  # noqa: S505 - what is refused
            key_usage=usage,
        ),
        UserCertificateWeakKeyError,
    ),
    "an RSA key of 8193 bits": (
        issued(SimpleNamespace(public_key=rsa.RSAPublicNumbers(3, LONG).public_key)),
        PARSE,
    ),
    "a key on secp256k1": (issued(ec.generate_private_key(ec.SECP256K1())), PARSE),
    "a key on a brainpool curve": (
        issued(ec.generate_private_key(ec.BrainpoolP384R1())),
        PARSE,
    ),
    "an Edwards key": (issued(ODD), PARSE),
    # an invalid person
    **{
        what: (issued(subject_name=subject), PARSE)
        for what, subject in {
            "another check character": named(serial_number="99902038D"),
            "a SATU in lower case": named(serial_number="99902038c"),
            "a short SATU": named(serial_number="9990203"),
            "the form of a personal identity code": named(serial_number="010101-123N"),
            "two SATUs": twice(),
            "no SATU": named(serial_number=""),
            "a SATU of another country": named(country_name="EE"),
            "no surname, but a common name": named(
                surname="", common_name="SPECIMEN-X MAIJA"
            ),
            "a name with a line break": named(surname="SPECIMEN-X\nadmin"),
            "a name that runs to the left": named(surname="SPECIMEN-X\u202eadmin"),
        }.items()
    },
}
#: Faults for one purpose alone.
FAULTS_OF_A_WAY: dict[str, tuple[Make, type[RelyingPartyError], str]] = {
    "a signature certificate": (issued(key_usage=pki.SIGNATURE), WRONG, "token"),
    "a server's": (issued(extended_key_usage=pki.SERVER_AUTH), WRONG, "token"),
    "a login certificate": (issued(key_usage=pki.AUTHENTICATION), WRONG, "signature"),
}


async def refusal(way: str, certificate: bytes, trust: Trust) -> RelyingPartyError:
    """Expect a certificate to be refused; return the error, which names no person."""
    with pytest.raises(RelyingPartyError) as caught:
        await WAYS[way][0](certificate, trust=trust, at=NOW)
    for secret in ("SPECIMEN", "MAIJA", SATU, "99902038"):
        assert secret not in str(caught.value)
    return caught.value


@every_way
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_certificate_is_refused_for_its_fault(
    fault: str, way: str, ca: CA, trust: Trust
) -> None:
    make, expected = FAULTS[fault]
    made = make(ca, WAYS[way][1])
    assert type(await refusal(way, made.der, trust)) is expected


@pytest.mark.parametrize("fault", FAULTS_OF_A_WAY)
async def test_a_certificate_for_another_use_is_refused(
    fault: str, ca: CA, trust: Trust
) -> None:
    make, expected, way = FAULTS_OF_A_WAY[fault]
    made = make(ca, WAYS[way][1])
    assert type(await refusal(way, made.der, trust)) is expected


# --- what is accepted


@certified_ways
@pytest.mark.parametrize("kind", ["P-384", "P-256", "RSA-2048"])
async def test_a_sound_certificate_names_the_person(
    ca: CA, trust: Trust, kind: str, way: str
) -> None:
    validate, usage = WAYS[way]
    leaf = ca.issue(key(kind), key_usage=usage)
    assert (await validate(leaf.der, trust=trust, at=NOW)).satu == SATU


@pytest.mark.parametrize("profile", ["v5", "v4.2"])
async def test_a_card_signs_with_a_certificate_that_is_accepted_now(
    make_kortilla_card: Callable[..., KortillaCard], profile: str
) -> None:
    card = make_kortilla_card(profile=profile)
    answer = card.sign(ORIGIN, {"contract": hashlib.sha384(b"contract").digest()})
    der = base64.b64decode(answer["certificate"])
    trust = Trust.from_folder(card.folder, test=True)
    assert (await validate_signer(der, trust=trust)).satu == card.person.satu


async def test_extended_key_usage_with_client_authentication(
    ca: CA, trust: Trust
) -> None:
    leaf = ca.issue(P384, extended_key_usage=pki.CLIENT_AUTH)
    assert await validate_client(leaf.der, trust=trust, at=NOW)


async def test_a_certificate_is_judged_at_the_given_time(
    leaf: Leaf, trust: Trust
) -> None:
    begin, end = NOW - timedelta(days=365), NOW + timedelta(days=4 * 365)
    for at in (begin, end, NOW.astimezone(tz=None)):
        assert await validate_client(leaf.der, trust=trust, at=at)
    with pytest.raises(CertificateNotYetValidError):
        await validate_client(leaf.der, trust=trust, at=begin - SECOND)
    with pytest.raises(CertificateExpiredError):
        await validate_client(leaf.der, trust=trust, at=end + SECOND)


@every_way
async def test_a_time_without_a_zone_is_the_callers_mistake(
    leaf: Leaf, trust: Trust, way: str
) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        await WAYS[way][0](leaf.der, trust=trust, at=NOW.replace(tzinfo=None))


# --- trust


async def test_two_configured_issuers_of_the_same_name(ca: CA, root: CA) -> None:
    renewed = CA.create("SPECIMEN Issuing CA", parent=root)
    for trust in (ca.trust(renewed.der), renewed.trust(ca.der)):
        for issuer in (ca, renewed):
            leaf = issuer.issue(P384)
            assert await validate_client(leaf.der, trust=trust, at=NOW)


async def test_the_issuers_name_in_another_encoding(ca: CA, trust: Trust) -> None:
    name = {"country_name": "FI", "common_name": "Specimen  issuing CA"}
    printable = x509.Name.build(name, use_printable=True)
    assert printable.dump() != ca.certificate.subject.dump()
    leaf = ca.issue(P384, issuer_name=printable)
    identity = await validate_client(leaf.der, trust=trust, at=NOW)
    assert identity.issuer == "SPECIMEN Issuing CA"


@pytest.mark.parametrize("sibling", [False, True])
async def test_a_root_and_its_other_cas_accept_nobody(
    root: CA, trust: Trust, sibling: bool
) -> None:
    issuer = CA.create("SPECIMEN Sibling CA", parent=root) if sibling else root
    error = await refusal("token", issuer.issue(P384).der, trust)
    assert isinstance(error, CertificateNotTrustedError)


@pytest.mark.parametrize("years", [(2021, 2025), (2030, 2041)])
@pytest.mark.parametrize("which", ["issuing", "root"])
async def test_each_ca_must_be_valid_too(years: tuple[int, int], which: str) -> None:
    root = CA.create("SPECIMEN R", years=years if which == "root" else (2021, 2041))
    issuing = CA.create(
        "SPECIMEN I", parent=root, years=years if which == "issuing" else (2021, 2041)
    )
    error = await refusal("token", issuing.issue(P384).der, issuing.trust(root.der))
    assert type(error) is (
        CertificateExpiredError if years[1] == 2025 else CertificateNotYetValidError
    )


@pytest.mark.parametrize(
    "policies",
    [(TEST,), (PRODUCTION, TEST), (TEST, PRODUCTION), ("1.2.246.517.99",)],
)
async def test_production_trust_refuses_a_test_policy(
    ca: CA, trust: Trust, policies: tuple[str, ...]
) -> None:
    # The pins reject a test CA; the policy is checked as well.
    leaf = ca.issue(P384, policies=policies)
    error = await refusal("token", leaf.der, replace(trust, test=False))
    assert type(error) is DISALLOWED


@pytest.mark.parametrize("number", ["352", "301", "201"])
async def test_the_three_production_policies(ca: CA, trust: Trust, number: str) -> None:
    policy = f"1.2.246.517.1.10.{number}.1"
    leaf = ca.issue(P384, policies=(policy,))
    production = replace(trust, test=False)
    identity = await validate_client(
        leaf.der, trust=production, at=NOW, revocation=UNCHECKED
    )
    assert (identity.assurance, identity.policy) == ("citizen-certificate", policy)


def test_production_trust_takes_pinned_certificates_only(ca: CA) -> None:
    with pytest.raises(TrustConfigurationError, match="not pinned"):
        ca.trust(test=False)


# --- revocation: the interface


class Lost:
    """A checker that records the paths, and reports the card as lost."""

    def __init__(self) -> None:
        self.asked: list[CertificatePath] = []

    async def check(self, path: CertificatePath, *, at: datetime) -> None:
        assert at == NOW.astimezone(UTC)
        self.asked.append(path)
        raise UserCertificateRevokedError("lost")


async def by_own_token(leaf: Leaf, trust: Trust, checker: RevocationChecker) -> None:
    await validate(
        leaf.token(),
        origin=ORIGIN,
        nonce=NONCE,
        trust=trust,
        at=NOW,
        revocation=checker,
    )


@every_way
@pytest.mark.parametrize("test", [False, True])
async def test_the_checker_is_given_the_whole_path_and_what_it_says_goes(
    ca: CA, root: CA, trust: Trust, way: str, test: bool
) -> None:
    validate, usage = WAYS[way]
    checker, trust = Lost(), replace(trust, test=test)
    leaf = ca.issue(P384, key_usage=usage, policies=(PRODUCTION,))
    with pytest.raises(UserCertificateRevokedError):
        if way == "token":
            await by_own_token(leaf, trust, checker)
        await validate(leaf.der, trust=trust, at=NOW, revocation=checker)
    (path,) = checker.asked
    assert path.root is not None
    assert [path.leaf.dump(), path.issuer.dump(), path.root.dump()] == [
        leaf.der,
        ca.der,
        root.der,
    ]


async def test_nobody_is_asked_about_an_untrusted_certificate_or_another_key(
    leaf: Leaf, trust: Trust
) -> None:
    checker = Lost()
    stranger = CA.create("SPECIMEN Other CA").issue(P384)
    with pytest.raises(CertificateNotTrustedError):
        await by_own_token(stranger, trust, checker)
    # A signature of zeros
    with pytest.raises(AuthTokenSignatureValidationError):
        await by_token(leaf.der, trust=trust, at=NOW, revocation=checker)
    assert checker.asked == []
