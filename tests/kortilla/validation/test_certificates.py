# SPDX-License-Identifier: MIT
"""Which certificates are accepted for a login and a signature, and why others are not.

Each fault differs from a valid certificate in one thing.
"""

import secrets
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
    RevocationCheckFailedError,
    UserCertificateDisallowedPolicyError,
    UserCertificateMissingPurposeError,
    UserCertificateParseError,
    UserCertificateRevokedError,
    UserCertificateWeakKeyError,
    UserCertificateWrongPurposeError,
)
from kortilla.revocation import (
    UNCHECKED,
    CertificatePath,
    Revocation,
    RevocationChecker,
)
from kortilla.testing.broken_tokens import weak_key
from kortilla.validation.signature import has_roca_fingerprint
from tests.kortilla import pki
from tests.kortilla.pki import CA, NONCE, NOW, ORIGIN, SATU, Leaf, key
from tests.kortilla.validation.test_tokens import b64

P384 = key("P-384")
ODD: Any = ed25519.Ed25519PrivateKey.generate()
LONG = (1 << 8192) + 1
PRODUCTION, TEST = "1.2.246.517.1.10.352.1", pki.TEST_POLICY
UNKNOWN = ("1.3.6.1.4.1.99999.1", b"\x05\x00")
SECOND = timedelta(seconds=1)

Way = Callable[..., Awaitable[Identity]]


async def by_token(certificate: bytes, **options: Any) -> Identity:
    """Validate a token with a certificate and a signature of zeros.

    A fault of the certificate is named before that signature is verified.
    """
    token = Leaf(certificate, P384).token() | {"signature": b64(bytes(96))}
    return await validate(token, origin=ORIGIN, nonce=NONCE, **options)


#: The three ways to validate a certificate, and the key usage that each wants.
WAYS: dict[str, tuple[Way, bytes]] = {
    "token": (by_token, pki.AUTHENTICATION),
    "TLS client": (validate_client, pki.AUTHENTICATION),
    "signature": (validate_signer, pki.SIGNATURE),
}
every_way = pytest.mark.parametrize("way", WAYS)

Make = Callable[[CA, bytes], Leaf]


def issued(leaf_key: Any = P384, **changes: Any) -> Make:
    """Return a function that issues a valid leaf with these changes."""
    return lambda ca, usage: ca.issue(leaf_key, **{"key_usage": usage, **changes})


def issued_by(make_ca: Callable[[CA], CA], **changes: Any) -> Make:
    """Return a function that issues a leaf by another CA than the trusted one."""
    return lambda ca, usage: make_ca(ca).issue(P384, key_usage=usage, **changes)


def named(**attributes: str) -> Make:
    """Return a function that issues a leaf with other attributes of its holder."""
    sound = {
        "country_name": "FI",
        "serial_number": SATU,
        "given_name": "MAIJA",
        "surname": "SPECIMEN-X",
    }
    present = {k: v for k, v in (sound | attributes).items() if v}
    return issued(subject_name=x509.Name.build(present))


def twice() -> x509.Name:
    other = x509.Name.build({"serial_number": "99900335E"})
    rdns = [*pki.subject().chosen, *other.chosen]
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


#: The faults by the error that names them.
BY_ERROR: dict[type[RelyingPartyError], dict[str, Make]] = {
    UserCertificateParseError: {
        "no certificate": lambda ca, _: Leaf(b"certificate", ca.key),
        "nothing": lambda ca, _: Leaf(b"0\0\0\0", ca.key),
        "a start without a zone": without_zone(b"\x17\x0d250601120000Z"),
        "an end without a zone": without_zone(b"\x17\x0d300531120000Z"),
        "a critical extension that nobody knows": issued(
            extra=[UNKNOWN], extra_critical=True
        ),
        "an extension twice": issued(extra=[UNKNOWN, UNKNOWN]),
        "key usage twice": issued(extra=[("key_usage", pki.AUTHENTICATION)]),
        "serial number 0": issued(serial_number=0),
        "a negative serial number": issued(serial_number=-1),
        "a serial number of 21 octets": issued(serial_number=1 << 160),
        # a key of another kind
        "an RSA key of 8193 bits": issued(
            SimpleNamespace(public_key=rsa.RSAPublicNumbers(3, LONG).public_key)
        ),
        "a key on secp256k1": issued(ec.generate_private_key(ec.SECP256K1())),
        "a key on a brainpool curve": issued(
            ec.generate_private_key(ec.BrainpoolP384R1())
        ),
        "an Edwards key": issued(ODD),
        # an invalid person
        "another check character": named(serial_number="99902038D"),
        "a SATU in lower case": named(serial_number="99902038c"),
        "a short SATU": named(serial_number="9990203"),
        "a long SATU": named(serial_number="99902038CC"),
        "the form of a personal identity code": named(serial_number="010101-123N"),
        "two SATUs": issued(subject_name=twice()),
        "no SATU": named(serial_number=""),
        "a SATU of another country": named(country_name="EE"),
        "no surname, but a common name": named(
            surname="", common_name="SPECIMEN-X MAIJA"
        ),
        "a name with a line break": named(surname="SPECIMEN-X\nadmin"),
        "a name that runs to the left": named(surname="SPECIMEN-X\u202eadmin"),
    },
    CertificateNotYetValidError: {"before its time": issued(not_before=NOW + SECOND)},
    CertificateExpiredError: {"after its time": issued(not_after=NOW - SECOND)},
    UserCertificateMissingPurposeError: {"no key usage": issued(key_usage=None)},
    UserCertificateWrongPurposeError: {
        "digitalSignature and nonRepudiation": issued(
            key_usage=bytes.fromhex("030206C0")
        ),
        "keyAgreement alone": issued(key_usage=bytes.fromhex("03020308")),
        "a CA's": issued(basic_constraints=pki.CA_TRUE),
        "the issuing CA itself": lambda ca, _: Leaf(ca.der, ca.key),
    },
    UserCertificateDisallowedPolicyError: {
        "no policy": issued(policies=()),
        "any policy": issued(policies=("2.5.29.32.0",)),
        "another policy of the authority": issued(policies=("1.2.246.517.1.10.353.1",)),
        "a policy above one that is allowed": issued(
            policies=("1.2.246.517.1.10.353",)
        ),
        "a policy that begins with one that is allowed": issued(
            policies=("1.2.246.517.990",)
        ),
    },
    CertificateNotTrustedError: {
        "a CA of one's own": issued_by(lambda _: CA.create("SPECIMEN Own CA")),
        "one of the same name": issued_by(lambda _: CA.create("SPECIMEN Issuing CA")),
        "a CA below the issuing CA": issued_by(
            lambda ca: CA.create("SPECIMEN Lower CA", parent=ca)
        ),
        "a person as the CA": issued_by(played),
        "a self-signed one": issued_by(
            lambda _: CA(x509.Certificate(), P384), issuer_name=pki.subject()
        ),
        "an issuer's name that is nearly the same": issued(
            issuer_name=x509.Name.build(
                {"country_name": "FI", "common_name": "SPECIMEN Issuing C"}
            )
        ),
        **{
            f"a signature algorithm that the issuer's key can't make: {algorithm}": (
                issued(signature_algorithm=algorithm, null_parameter=False)
            )
            for algorithm in (
                *("sha1_ecdsa", "ed25519", "ed448", "sha3_384_ecdsa", "ecdsa"),
                *("sha256_rsa", "md5_rsa"),
            )
        },
    },
    UserCertificateWeakKeyError: {
        "a ROCA key": lambda ca, usage: ca.issue(weak_key(), key_usage=usage),
        "an RSA key of 1024 bits": lambda ca, usage: ca.issue(
            key("RSA-1024"), key_usage=usage
        ),
    },
}
FAULTS = {
    name: (make, error)
    for error, rows in BY_ERROR.items()
    for name, make in rows.items()
}
#: Faults for one purpose alone.
FAULTS_OF_A_WAY: dict[str, tuple[Make, str]] = {
    "a signature certificate": (issued(key_usage=pki.SIGNATURE), "token"),
    "a server's": (issued(extended_key_usage=pki.SERVER_AUTH), "token"),
    "a login certificate": (issued(key_usage=pki.AUTHENTICATION), "signature"),
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
    make, way = FAULTS_OF_A_WAY[fault]
    error = await refusal(way, make(ca, WAYS[way][1]).der, trust)
    assert type(error) is UserCertificateWrongPurposeError


def test_only_a_key_of_two_broken_primes_has_the_fingerprint_of_roca() -> None:
    ordinary, broken = key("RSA-2048"), weak_key().private_numbers()
    assert isinstance(ordinary, rsa.RSAPrivateKey)
    assert has_roca_fingerprint(broken.public_numbers.n)
    assert not has_roca_fingerprint(broken.p * ordinary.private_numbers().p)
    assert not any(
        has_roca_fingerprint(secrets.randbits(2048) | 1) for _ in range(20_000)
    )


# --- what is accepted


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
    assert type(error) is UserCertificateDisallowedPolicyError


@pytest.mark.parametrize("number", ["352", "301", "201"])
async def test_the_three_production_policies(ca: CA, trust: Trust, number: str) -> None:
    policy = f"1.2.246.517.1.10.{number}.1"
    leaf = ca.issue(P384, policies=(policy,))
    # A test CA may write any policy into its certificates.
    for trusted, assurance in (
        (replace(trust, test=False), "citizen-certificate"),
        (trust, "test"),
    ):
        identity = await validate_client(
            leaf.der, trust=trusted, at=NOW, revocation=UNCHECKED
        )
        assert (identity.assurance, identity.policy) == (assurance, policy)


# --- the identity


async def test_the_common_name_is_never_looked_at(
    ca: CA, leaf: Leaf, trust: Trust
) -> None:
    other = {**pki.subject().native, "common_name": "SPECIMEN-OTHER PERSON 99900335E"}
    lying = x509.Name.build(other)
    lied = await validate_client(
        ca.issue(P384, subject_name=lying).der, trust=trust, at=NOW
    )
    assert lied == await validate_client(leaf.der, trust=trust, at=NOW)


async def test_a_session_of_another_version(leaf: Leaf, trust: Trust) -> None:
    identity = await validate_client(leaf.der, trust=trust, at=NOW)
    stored = identity.to_json()
    del stored["assurance"], stored["policy"]
    before = Identity.from_json({**stored, "from_the_future": "x"})
    assert before == replace(identity, assurance="unknown", policy="")


# --- revocation: the interface


class Lost:
    """A checker that records the paths, and reports the card as lost."""

    def __init__(self) -> None:
        self.asked: list[CertificatePath] = []

    async def check(self, path: CertificatePath, *, at: datetime) -> None:
        assert at == NOW.astimezone(UTC)
        self.asked.append(path)
        raise UserCertificateRevokedError("lost")


async def check(
    way: str, leaf: Leaf, trust: Trust, checker: RevocationChecker | None
) -> Identity:
    """Validate a leaf in one of the ways; a token with a right signature."""
    options: dict[str, Any] = {"trust": trust, "at": NOW, "revocation": checker}
    if way == "token":
        return await validate(leaf.token(), origin=ORIGIN, nonce=NONCE, **options)
    return await WAYS[way][0](leaf.der, **options)


@every_way
@pytest.mark.parametrize("test", [False, True])
async def test_the_checker_is_given_the_whole_path_and_what_it_says_goes(
    ca: CA, root: CA, trust: Trust, way: str, test: bool
) -> None:
    checker, trust = Lost(), replace(trust, test=test)
    leaf = ca.issue(P384, key_usage=WAYS[way][1], policies=(PRODUCTION,))
    with pytest.raises(UserCertificateRevokedError):
        await check(way, leaf, trust, checker)
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
        await check("token", stranger, trust, checker)
    # A signature of zeros
    with pytest.raises(AuthTokenSignatureValidationError):
        await by_token(leaf.der, trust=trust, at=NOW, revocation=checker)
    assert checker.asked == []


@every_way
async def test_production_trust_checks_revocation_unless_told_otherwise(
    ca: CA, trust: Trust, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    production = replace(trust, test=False)
    leaf = ca.issue(P384, policies=(PRODUCTION,), key_usage=WAYS[way][1])
    assert await check(way, leaf, production, UNCHECKED)
    # These leaves name no responder and no list, which is an error.
    async with Revocation() as revocation:
        with pytest.raises(RevocationCheckFailedError):
            await check(way, leaf, production, revocation)
    # A checker that is made for one call alone is said in the log.
    assert "revocation=" not in caplog.text
    with pytest.raises(RevocationCheckFailedError):
        await check(way, leaf, production, None)
    assert "revocation=" in caplog.text
