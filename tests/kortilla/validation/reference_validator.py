# SPDX-License-Identifier: MIT
"""A second validator, of asn1crypto and pyhanko-certvalidator, to compare with.

Kortilla's own may accept nothing that this one refuses, and has to read the same holder
and key. ``python -m tests.kortilla.validation.reference_validator 100000`` compares
them on that many mutated certificates; the tests take fewer.
"""

import asyncio
import sys
import time
from collections import Counter
from typing import Any, Literal

from asn1crypto import core, x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.authority import CertTrustAnchor
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import PKIXValidationParams
from pyhanko_certvalidator.validate import async_validate_path

from kortilla import Identity, Trust, validate_client, validate_signer
from kortilla.errors import RelyingPartyError
from kortilla.revocation import der
from kortilla.validation.identity import is_satu
from kortilla.validation.leaf import load_leaf, read_leaf
from kortilla.validation.signature import load_public_key, read_public_key
from kortilla.validation.trust import IssuingCA
from tests.kortilla import pki
from tests.kortilla.pki import CA, NOW, Leaf, key
from tests.kortilla.validation.mutations import Mutator

Use = Literal["digital_signature", "non_repudiation"]
LOGIN: Use = "digital_signature"
SIGNING: Use = "non_repudiation"

KEY_ID = b"k" * 20
CPS = {
    "policy_qualifier_id": "certification_practice_statement",
    "qualifier": core.IA5String("http://cps.example/"),
}
TEXT = x509.DisplayText(name="utf8_string", value="Varmennepolitiikka")
NOTICE = {
    "policy_qualifier_id": "user_notice",
    "qualifier": x509.UserNotice({"explicit_text": TEXT}),
}
#: The extensions of a card's certificate that the plain leaves of ``pki`` lack, with a
#: CPS and a user notice in the policy.
EXTRA: list[tuple[str, bytes]] = [
    ("authority_key_identifier", der.encode(0x30, der.encode(0x80, KEY_ID))),
    ("key_identifier", core.OctetString(b"s" * 20).dump()),
    ("subject_alt_name", der.encode(0x30, der.encode(0x81, b"S1.Maija@testi.fi"))),
    (
        "certificate_policies",
        x509.CertificatePolicies(
            [
                {
                    "policy_identifier": pki.TEST_POLICY,
                    "policy_qualifiers": [CPS, NOTICE],
                }
            ]
        ).dump(),
    ),
    (
        "crl_distribution_points",
        bytes.fromhex("3016 3014 A012 A010 860E") + b"http://a.fi/cr",
    ),
    (
        "authority_information_access",
        bytes.fromhex("301A 3018 0608 2B06010505073001 860C") + b"http://a.fi/",
    ),
    ("1.3.6.1.5.5.7.1.3", bytes.fromhex("300A3008060604008E460101")),
]


def quick_ca(root: CA) -> CA:
    """Return a CA that signs and verifies fast, with a key of P-256."""
    name = x509.Name.build({"country_name": "FI", "common_name": "SPECIMEN Quick CA"})
    certificate = root.issue(
        key("P-256"),
        subject_name=name,
        key_usage=pki.CERTIFICATE_SIGN,
        basic_constraints=pki.CA_TRUE,
        policies=(),
        null_parameter=False,
        extra=[("key_identifier", core.OctetString(KEY_ID).dump())],
    )
    return CA(x509.Certificate.load(certificate.der), key("P-256"))


def whole(quick: CA, **changes: Any) -> Leaf:
    """Issue a leaf with all extensions of a card's."""
    return quick.issue(key("P-256"), **({"policies": (), "extra": EXTRA, **changes}))


async def identify(encoded: bytes, use: Use, trust: Trust) -> Identity:
    """Validate a certificate as Kortilla does."""
    validate = validate_client if use == LOGIN else validate_signer
    return await validate(encoded, trust=trust, at=NOW)


async def refer(encoded: bytes, use: Use, trust: Trust) -> Identity:
    """Validate a certificate by asn1crypto and certvalidator, and return its holder.

    Raises any exception for one that is not valid.
    """
    leaf = load_leaf(encoded)
    usages = leaf.key_usage_value.native
    other = {LOGIN: SIGNING, SIGNING: LOGIN}[use]
    assert use in usages and other not in usages and not leaf.ca
    if use == LOGIN and leaf.extended_key_usage_value is not None:
        assert "client_auth" in leaf.extended_key_usage_value.native
    policy = trust.allowed_policy(
        each["policy_identifier"].dotted for each in leaf.certificate_policies_value
    )
    issuer = await _issuer(leaf, trust)
    for valid in (leaf, issuer.certificate, issuer.root):
        assert valid is None or valid.not_valid_before <= NOW <= valid.not_valid_after
    load_public_key(leaf)
    attributes = [
        (each["type"].native, each["value"].native)
        for names in leaf.subject.chosen
        for each in names
    ]
    count = Counter(name for name, _ in attributes)
    holder = dict(attributes)
    for name in ("surname", "given_name", "serial_number", "country_name"):
        assert count[name] == 1 and holder[name] and holder[name].isprintable()
    assert holder["country_name"] == "FI" and is_satu(holder["serial_number"])
    assert policy is not None
    return Identity(
        surname=holder["surname"],
        given_names=holder["given_name"],
        satu=holder["serial_number"],
        country="FI",
        issuer=issuer.certificate.subject.native["common_name"],
        serial=str(leaf.serial_number),
        not_before=leaf.not_valid_before,
        not_after=leaf.not_valid_after,
        assurance="test" if trust.test else "citizen-certificate",
        policy=policy,
    )


async def _issuer(leaf: x509.Certificate, trust: Trust) -> IssuingCA:
    for issuer in trust.issuers:
        anchor = CertTrustAnchor(issuer.certificate)
        if not anchor.authority.is_potential_issuer_of(leaf):
            continue
        context = ValidationContext(
            trust_roots=[], moment=NOW, allow_fetching=False, revocation_mode="none"
        )
        path = ValidationPath(anchor, [], leaf)
        await async_validate_path(context, path, PKIXValidationParams())
        return issuer
    raise LookupError("no issuer")


async def fault_of(encoded: bytes, use: Use, trust: Trust) -> str:
    """Compare with the reference; return the code of Kortilla's error, "" for none."""
    try:
        identity = await identify(encoded, use, trust)
    except RelyingPartyError as error:
        assert "SPECIMEN" not in str(error)
        return error.code
    try:
        assert identity == await refer(encoded, use, trust)
    except Exception as error:
        raise AssertionError(encoded.hex()) from error
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    own_key = read_public_key(read_leaf(encoded).key)
    others_key = load_public_key(load_leaf(encoded))
    assert own_key.public_bytes(*form) == others_key.public_bytes(*form), encoded.hex()
    return ""


async def compare(
    ca: CA, trust: Trust, count: int, *, seed: int = 0
) -> tuple[int, set[str]]:
    """Compare on mutated certificates.

    Return how many Kortilla accepts, and the codes of its errors.
    """
    leaves = [
        (whole(ca), LOGIN),
        (whole(ca, key_usage=pki.SIGNATURE), SIGNING),
        (ca.issue(key("RSA-2048")), LOGIN),
    ]
    assert isinstance(ca.key, ec.EllipticCurvePrivateKey)
    results: Counter[str] = Counter()
    for number, (leaf, use) in enumerate(leaves, start=seed):
        mutator = Mutator(leaf.der, ca.key, seed=number)
        for _ in range(count // len(leaves)):
            results[await fault_of(mutator.next(), use, trust)] += 1
    return results.pop(""), set(results)


async def main(count: int, seed: int) -> None:
    """Compare, and print what was compared."""
    root = CA.create("SPECIMEN Root CA")
    ca = quick_ca(root)
    begun = time.process_time()
    accepted, _ = await compare(ca, ca.trust(root.der), count, seed=seed)
    seconds = time.process_time() - begun
    print(
        f"{count:,} mutated certificates in {seconds:.0f} s of processor time: "
        f"Kortilla accepts {accepted:,}, and the reference all of these alike."
    )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int((sys.argv[2:] or ["0"])[0])))
