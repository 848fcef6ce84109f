# SPDX-License-Identifier: MIT
"""Attacks × the validator's errors.

Each row differs from a valid login in one thing.
"""

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from asn1crypto import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from kortilla import validate
from kortilla.errors import (
    AuthTokenParseError,
    AuthTokenSignatureValidationError,
    CertificateExpiredError,
    CertificateNotTrustedError,
    CertificateNotYetValidError,
    RelyingPartyError,
    UserCertificateDisallowedPolicyError,
    UserCertificateMissingPurposeError,
    UserCertificateParseError,
    UserCertificateRevokedError,
    UserCertificateWeakKeyError,
    UserCertificateWrongPurposeError,
)
from kortilla.revocation import CertificatePath
from tests.kortilla import pki
from tests.kortilla.pki import CA, NONCE, NOW, ORIGIN, Leaf, key
from tests.kortilla.test_roca import broken_key

P384 = key("P-384")
ODD: Any = ed25519.Ed25519PrivateKey.generate()
PRODUCTION = "1.2.246.517.1.10.352.1"
TEST = pki.TEST_POLICY
UNKNOWN = ("1.3.6.1.4.1.99999.1", b"\x05\x00")
BASE64 = base64.b64encode(b"x" * 32).decode()

Row = tuple[Callable[[CA], Leaf | dict[str, Any]], type[RelyingPartyError]]


def issued(leaf_key: Any = P384, **changes: Any) -> Callable[[CA], Leaf]:
    """Return a function that issues a valid leaf with these changes."""
    return lambda ca: ca.issue(leaf_key, **changes)


def sent(**changes: Any) -> Callable[[CA], dict[str, Any]]:
    """Return a function that creates a valid leaf's token and then changes it."""
    return lambda ca: ca.issue(P384).token() | changes


def named(**attributes: str) -> x509.Name:
    sound = {
        "country_name": "FI",
        "serial_number": pki.SATU,
        "given_name": "MAIJA",
        "surname": "SPECIMEN-X",
        "common_name": "SPECIMEN-X MAIJA",
    }
    return x509.Name.build({k: v for k, v in (sound | attributes).items() if v})


def twice(ca: CA) -> Leaf:
    rdns = [*named().chosen, *x509.Name.build({"serial_number": "99900335E"}).chosen]
    name = x509.Name(name="", value=x509.RDNSequence(rdns))
    return ca.issue(P384, subject_name=name)


def below(ca: CA) -> Leaf:
    return CA.create("SPECIMEN Lower CA", parent=ca).issue(P384)


def played(ca: CA) -> Leaf:
    leaf = ca.issue(P384)
    return CA(x509.Certificate.load(leaf.der), leaf.key).issue(P384)


#: attack → how it is done, the validator's error
ATTACKS: dict[str, Row] = {
    # another site's login
    "a token for another site": (
        lambda ca: ca.issue(P384).token(origin="https://evil.example"),
        AuthTokenSignatureValidationError,
    ),
    "a token for another challenge": (
        lambda ca: ca.issue(P384).token(nonce=BASE64),
        AuthTokenSignatureValidationError,
    ),
    "another person's certificate put in": (
        sent(
            unverifiedCertificate=base64.b64encode(pki.CA_TRUE).decode(),
        ),
        UserCertificateParseError,
    ),
    "a signature of nothing": (
        sent(signature=base64.b64encode(bytes(96)).decode()),
        AuthTokenSignatureValidationError,
    ),
    "no algorithm": (sent(algorithm="none"), AuthTokenParseError),
    "a weaker algorithm": (
        sent(algorithm="ES256"),
        AuthTokenSignatureValidationError,
    ),
    "the algorithm of another curve": (
        lambda ca: ca.issue(P384).token("ES256"),
        AuthTokenSignatureValidationError,
    ),
    "a later version": (sent(format="web-eid:2.0"), AuthTokenParseError),
    "1.1 without its certificates": (sent(format="web-eid:1.1"), AuthTokenParseError),
    "1.1 with more than eight": (
        sent(
            format="web-eid:1.1",
            unverifiedSigningCertificates=[
                {
                    "certificate": BASE64,
                    "supportedSignatureAlgorithms": [
                        {
                            "cryptoAlgorithm": "ECC",
                            "hashFunction": "SHA-384",
                            "paddingScheme": "NONE",
                        }
                    ],
                }
            ]
            * 9,
        ),
        AuthTokenParseError,
    ),
    # an untrusted issuer
    "a CA of one's own": (
        lambda _: CA.create("SPECIMEN Own CA").issue(P384),
        CertificateNotTrustedError,
    ),
    "one of the same name": (
        lambda ca: CA.create("SPECIMEN Issuing CA").issue(P384),
        CertificateNotTrustedError,
    ),
    "a CA below the issuing CA": (below, CertificateNotTrustedError),
    "a person as the CA": (played, CertificateNotTrustedError),
    "the issuing CA itself": (
        lambda ca: Leaf(ca.der, ca.key),
        UserCertificateWrongPurposeError,
    ),
    "a signature algorithm of SHA-1": (
        issued(signature_algorithm="sha1_ecdsa", null_parameter=False),
        CertificateNotTrustedError,
    ),
    # a certificate for another purpose
    "a signature certificate": (
        issued(key_usage=pki.SIGNATURE),
        UserCertificateWrongPurposeError,
    ),
    "no key usage": (issued(key_usage=None), UserCertificateMissingPurposeError),
    "a server's": (
        issued(extended_key_usage=pki.SERVER_AUTH),
        UserCertificateWrongPurposeError,
    ),
    "a CA's": (
        issued(basic_constraints=pki.CA_TRUE),
        UserCertificateWrongPurposeError,
    ),
    "no policy": (issued(policies=()), UserCertificateDisallowedPolicyError),
    "any policy": (
        issued(policies=("2.5.29.32.0",)),
        UserCertificateDisallowedPolicyError,
    ),
    "another policy of the authority": (
        issued(policies=("1.2.246.517.1.10.353.1",)),
        UserCertificateDisallowedPolicyError,
    ),
    "a critical extension that nobody knows": (
        issued(extra=[UNKNOWN], extra_critical=True),
        UserCertificateParseError,
    ),
    "an extension twice": (
        issued(extra=[UNKNOWN, UNKNOWN]),
        UserCertificateParseError,
    ),
    "serial number 0": (issued(serial_number=0), UserCertificateParseError),
    "a negative serial number": (issued(serial_number=-1), UserCertificateParseError),
    "a serial number of 21 octets": (
        issued(serial_number=1 << 160),
        UserCertificateParseError,
    ),
    # a wrong time
    "before its time": (
        issued(not_before=NOW + timedelta(seconds=1)),
        CertificateNotYetValidError,
    ),
    "after its time": (
        issued(not_after=NOW - timedelta(seconds=1)),
        CertificateExpiredError,
    ),
    # a key that others may have
    "a ROCA key": (
        lambda ca: ca.issue(broken_key(2048)).token("PS256"),
        UserCertificateWeakKeyError,
    ),
    "an RSA key of 1024 bits": (
        lambda ca: ca.issue(
            rsa.generate_private_key(65537, 1024)  # noqa: S505 - what is refused
        ).token("PS256"),
        UserCertificateWeakKeyError,
    ),
    "a key on secp256k1": (
        lambda ca: ca.issue(ec.generate_private_key(ec.SECP256K1())).token("ES256"),
        UserCertificateParseError,
    ),
    "a key on a brainpool curve": (
        lambda ca: ca.issue(
            ec.generate_private_key(ec.BrainpoolP384R1()),
        ).token("ES384"),
        UserCertificateParseError,
    ),
    "an Edwards key": (
        lambda ca: sent(
            unverifiedCertificate=base64.b64encode(ca.issue(ODD).der).decode()
        )(ca),
        UserCertificateParseError,
    ),
    # an invalid person
    "another check character": (
        issued(subject_name=named(serial_number="99902038D")),
        UserCertificateParseError,
    ),
    "a SATU in lower case": (
        issued(subject_name=named(serial_number="99902038c")),
        UserCertificateParseError,
    ),
    "two SATUs": (twice, UserCertificateParseError),
    "no SATU": (
        issued(subject_name=named(serial_number="")),
        UserCertificateParseError,
    ),
    "a SATU of another country": (
        issued(subject_name=named(country_name="EE")),
        UserCertificateParseError,
    ),
    "no surname, but a common name": (
        issued(subject_name=named(surname="", common_name="SPECIMEN-X MAIJA")),
        UserCertificateParseError,
    ),
    "a name with a line break": (
        issued(subject_name=named(surname="SPECIMEN-X\nadmin")),
        UserCertificateParseError,
    ),
    "a name that runs to the left": (
        issued(subject_name=named(surname="SPECIMEN-X\u202eadmin")),
        UserCertificateParseError,
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_the_validator_says(attack: str, ca: CA, root: CA) -> None:
    attempt, said = ATTACKS[attack]
    made = attempt(ca)
    token = made.token() if isinstance(made, Leaf) else made
    with pytest.raises(RelyingPartyError) as caught:
        await validate(
            token, origin=ORIGIN, nonce=NONCE, trust=ca.trust(root.der), at=NOW
        )
    assert type(caught.value) is said
    for secret in ("SPECIMEN", "MAIJA", pki.SATU, "99902038"):
        assert secret not in str(caught.value)


class Asked:
    """A checker that counts its calls, and reports the card as lost."""

    def __init__(self) -> None:
        self.count = 0

    async def check(self, path: CertificatePath, *, at: datetime) -> None:
        self.count += 1
        raise UserCertificateRevokedError("lost")


@pytest.mark.parametrize(
    ("policies", "said"),
    [
        ((PRODUCTION,), UserCertificateRevokedError),
        ((TEST,), UserCertificateDisallowedPolicyError),
        ((PRODUCTION, TEST), UserCertificateDisallowedPolicyError),
        ((TEST, PRODUCTION), UserCertificateDisallowedPolicyError),
        (("1.2.246.517.99",), UserCertificateDisallowedPolicyError),
    ],
)
async def test_policies_in_production(
    ca: CA, policies: tuple[str, ...], said: type[RelyingPartyError]
) -> None:
    token = ca.issue(P384, policies=policies).token()
    production = replace(ca.trust(), test=False)
    with pytest.raises(said):
        await validate(
            token,
            origin=ORIGIN,
            nonce=NONCE,
            trust=production,
            at=NOW,
            revocation=Asked(),
        )


async def test_who_does_not_have_the_key_makes_the_server_ask_nobody(ca: CA) -> None:
    token = ca.issue(P384).token(nonce=BASE64)
    asked = Asked()
    with pytest.raises(AuthTokenSignatureValidationError):
        await validate(
            token,
            origin=ORIGIN,
            nonce=NONCE,
            trust=ca.trust(),
            at=NOW,
            revocation=asked,
        )
    assert asked.count == 0
