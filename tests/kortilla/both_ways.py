# SPDX-License-Identifier: MIT
"""Compares the two ways of validating a certificate, fast and slow.

``python -m tests.kortilla.both_ways 100000`` compares them on that many mutated
certificates; the tests take fewer.
"""

import asyncio
import sys
import time
import warnings
from typing import Any

from asn1crypto import core, x509
from cryptography import x509 as cryptography_x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from kortilla import Trust
from kortilla.errors import RelyingPartyError
from kortilla.revocation import der
from kortilla.validation import usual, validator
from kortilla.validation.usual import Purpose
from tests.kortilla import pki
from tests.kortilla.mutations import Mutator
from tests.kortilla.pki import CA, NOW, Leaf, key

KEY_ID = b"k" * 20
#: ecdsa-with-SHA384 as FINEID has it, the second defect.
NULL_PARAMETERS = bytes.fromhex("300C06082A8648CE3D0403030500")
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
                    "policy_qualifiers": [
                        {
                            "policy_qualifier_id": "certification_practice_statement",
                            "qualifier": core.IA5String("http://cps.example/"),
                        },
                        {
                            "policy_qualifier_id": "user_notice",
                            "qualifier": x509.UserNotice(
                                {
                                    "explicit_text": x509.DisplayText(
                                        name="utf8_string", value="Varmennepolitiikka"
                                    )
                                }
                            ),
                        },
                    ],
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


async def agreed(encoded: bytes, purpose: Purpose, trust: Trust) -> bool:
    """Return whether the fast way accepts, after comparing it with the slow one."""
    accepted = usual.accept(encoded, purpose, trust, NOW)
    if accepted is None:
        return False
    slow = {usual.LOGIN: validator._LOGIN, usual.SIGNING: validator._SIGNING}[purpose]
    try:
        path, key_of_slow, identity = await validator._validate_unusual_leaf(
            encoded, slow, trust, NOW
        )
    except RelyingPartyError as error:
        raise AssertionError(f"{error.code} for {encoded.hex()}") from error
    assert identity == accepted.identity, encoded.hex()
    assert path.issuer is accepted.issuer.certificate
    assert path.leaf.dump() == encoded
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    assert key_of_slow.public_bytes(*form) == accepted.key.public_bytes(*form)
    compare_with_cryptography(encoded, purpose, accepted)
    return True


def compare_with_cryptography(
    encoded: bytes, purpose: Purpose, accepted: usual.Accepted
) -> None:
    """Compare with a third parser, as far as it reads FINEID's defects."""
    identity = accepted.identity
    try:
        read = cryptography_x509.load_der_x509_certificate(encoded)
        same_key = read.public_key() == accepted.key
    except ValueError:
        assert NULL_PARAMETERS in encoded, encoded.hex()
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name is longer than X.520 has it
        named = {each.oid: each.value for each in read.subject}
    assert len(named) == len(list(read.subject)), encoded.hex()
    assert same_key, encoded.hex()
    assert (
        identity.serial,
        identity.not_before,
        identity.not_after,
        identity.country,
        identity.satu,
        identity.given_names,
        identity.surname,
    ) == (
        str(read.serial_number),
        read.not_valid_before_utc,
        read.not_valid_after_utc,
        named[NameOID.COUNTRY_NAME],
        named[NameOID.SERIAL_NUMBER],
        named[NameOID.GIVEN_NAME],
        named[NameOID.SURNAME],
    ), encoded.hex()
    try:
        extensions = read.extensions
    except ValueError:
        assert pki.EXPLICIT_FALSE in encoded, encoded.hex()
        return
    usage = extensions.get_extension_for_class(cryptography_x509.KeyUsage).value
    assert usage.digital_signature == (purpose == usual.LOGIN), encoded.hex()
    assert usage.content_commitment == (purpose == usual.SIGNING), encoded.hex()
    policies = extensions.get_extension_for_class(cryptography_x509.CertificatePolicies)
    assert identity.policy in {
        each.policy_identifier.dotted_string for each in policies.value
    }, encoded.hex()


async def compare(ca: CA, trust: Trust, count: int, *, seed: int = 0) -> int:
    """Compare both ways on mutated certificates; return how many the fast one took."""
    leaves = [
        (whole(ca).der, usual.LOGIN),
        (whole(ca, key_usage=pki.SIGNATURE).der, usual.SIGNING),
        (ca.issue(key("RSA-2048")).der, usual.LOGIN),
        # Without FINEID's defects, so that cryptography reads all of it.
        (
            whole(
                ca, basic_constraints=bytes.fromhex("3000"), null_parameter=False
            ).der,
            usual.LOGIN,
        ),
    ]
    assert isinstance(ca.key, ec.EllipticCurvePrivateKey)
    accepted = 0
    for number, (leaf, purpose) in enumerate(leaves, start=seed):
        mutator = Mutator(leaf, ca.key, seed=number)
        for _ in range(count // len(leaves)):
            accepted += await agreed(mutator.next(), purpose, trust)
    return accepted


async def main(count: int, seed: int) -> None:
    """Compare, and print what was compared."""
    root = CA.create("SPECIMEN Root CA")
    ca = quick_ca(root)
    begun = time.process_time()
    accepted = await compare(ca, ca.trust(root.der), count, seed=seed)
    seconds = time.process_time() - begun
    print(
        f"{count:,} mutated certificates in {seconds:.0f} s of processor time: both "
        f"ways accept {accepted:,}, and the fast one leaves the others to the slow one."
    )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int((sys.argv[2:] or ["0"])[0])))
