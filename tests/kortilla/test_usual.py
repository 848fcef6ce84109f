# SPDX-License-Identifier: MIT
"""The fast way of validation accepts nothing that the slow way refuses."""

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec

from kortilla import Trust, validate_client
from kortilla.errors import RelyingPartyError
from kortilla.mock_card.authority import Authority, Person
from kortilla.revocation import der
from kortilla.validation import usual
from kortilla.validation.usual import Purpose
from tests.kortilla import pki
from tests.kortilla.both_ways import EXTRA, agreed, compare, quick_ca, whole
from tests.kortilla.mutations import Mutator
from tests.kortilla.pki import CA, NOW, key

PURPOSES: dict[Literal["authentication", "signature"], Purpose] = {
    "authentication": usual.LOGIN,
    "signature": usual.SIGNING,
}


@pytest.fixture(scope="module")
def quick(root: CA) -> CA:
    return quick_ca(root)


@pytest.fixture(scope="module")
def quick_trust(quick: CA, root: CA) -> Trust:
    return quick.trust(root.der)


@pytest.mark.parametrize("kind", ["ECC", "RSA"])
async def test_a_cards_certificates_are_usual(kind: Literal["ECC", "RSA"]) -> None:
    authority = Authority.create(kind)
    trust = Trust.from_certificates(
        [authority.issuing_der, authority.root_der], test=True
    )
    for own in ("P-256", "P-384", "P-521", "RSA-2048", "RSA-3072"):
        for purpose, wanted in PURPOSES.items():
            for null_parameters in (True, False):
                leaf = authority.issue(
                    key(own).public_key(),
                    Person(),
                    purpose,
                    not_before=NOW - timedelta(days=1),
                    null_parameters=null_parameters,
                )
                assert await agreed(leaf, wanted, trust)


async def test_a_leaf_with_every_extension_of_a_card_is_usual(
    quick: CA, quick_trust: Trust
) -> None:
    assert await agreed(whole(quick).der, usual.LOGIN, quick_trust)
    fewer = whole(quick, extra=EXTRA[:3], policies=(pki.TEST_POLICY,))
    assert await agreed(fewer.der, usual.LOGIN, quick_trust)
    for_signing = whole(quick, key_usage=pki.SIGNATURE)
    assert await agreed(for_signing.der, usual.SIGNING, quick_trust)
    assert not await agreed(for_signing.der, usual.LOGIN, quick_trust)
    assert not await agreed(whole(quick).der, usual.SIGNING, quick_trust)


@pytest.mark.parametrize(
    ("count", "seed"),
    # A comparison takes four seeds.
    [(3_000, 0), pytest.param(17_000, 4, marks=pytest.mark.slow)],
)
async def test_both_ways_agree_on_mutated_certificates(
    quick: CA, quick_trust: Trust, count: int, seed: int
) -> None:
    accepted = await compare(quick, quick_trust, count, seed=seed)
    # Otherwise it would compare nothing, or nearly unchanged certificates.
    assert count // 30 < accepted < count // 2


async def outcome(leaf: bytes, trust: Trust) -> object:
    try:
        return await validate_client(leaf, trust=trust, at=NOW)
    except RelyingPartyError as error:
        return error.code, str(error)


async def test_errors_are_the_same_with_and_without_the_fast_way(
    quick: CA, quick_trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(quick.key, ec.EllipticCurvePrivateKey)
    mutator = Mutator(whole(quick).der, quick.key, seed=99)
    leaves = [mutator.next() for _ in range(400)]
    with_it = [await outcome(leaf, quick_trust) for leaf in leaves]
    monkeypatch.setattr(usual, "accept", lambda *_: None)
    assert with_it == [await outcome(leaf, quick_trust) for leaf in leaves]
    codes = {each[0] for each in with_it if isinstance(each, tuple)}
    assert len(codes) >= 4, codes


async def test_a_changed_bit_is_never_accepted(quick: CA, quick_trust: Trust) -> None:
    leaf, chance = whole(quick).der, random.Random(1)  # noqa: S311 - the same each time
    for position in chance.sample(range(len(leaf) * 8), 1_000):
        changed = bytearray(leaf)
        changed[position // 8] ^= 1 << position % 8
        assert usual.accept(bytes(changed), usual.LOGIN, quick_trust, NOW) is None
    for length in range(len(leaf)):
        assert usual.accept(leaf[:length], usual.LOGIN, quick_trust, NOW) is None


def extra_with(name: str, value: bytes) -> list[tuple[str, bytes]]:
    return [(each, value if each == name else old) for each, old in EXTRA]


#: Leaves that are not quite usual. What the slow way says of each is tested elsewhere.
UNUSUAL: dict[str, dict[str, Any]] = {
    "keyUsage with a bit too many": {"key_usage": bytes.fromhex("03020288")},
    "keyUsage with unused bits set": {"key_usage": bytes.fromhex("03020389")},
    "keyUsage of two octets": {"key_usage": bytes.fromhex("030307 8080")},
    "keyUsage with a long length": {"key_usage": bytes.fromhex("0381020388")},
    "basicConstraints of a CA": {"basic_constraints": pki.CA_TRUE},
    "basicConstraints with a path length": {
        "basic_constraints": bytes.fromhex("3003020100")
    },
    "an extended key usage": {"extended_key_usage": pki.CLIENT_AUTH},
    "an unknown extension": {"extra": [*EXTRA, ("1.3.6.1.4.1.99999.1", b"\5\0")]},
    "an extension twice": {"extra": [*EXTRA, EXTRA[0]]},
    "critical where it is not": {"extra_critical": True},
    "another CA's key identifier": {
        "extra": extra_with(
            "authority_key_identifier", der.encode(0x30, der.encode(0x80, b"x" * 20))
        )
    },
    "an issuer's name and serial number": {
        "extra": extra_with(
            "authority_key_identifier", der.encode(0x30, der.encode(0x82, b"\1"))
        )
    },
    "an address that IDNA reads": {
        "extra": extra_with(
            "subject_alt_name", der.encode(0x30, der.encode(0x81, b"a@xn--zzzz.fi"))
        )
    },
    "another name than an address": {
        "extra": extra_with(
            "subject_alt_name", der.encode(0x30, der.encode(0x82, b"a.fi"))
        )
    },
    "two names": {
        "extra": extra_with(
            "subject_alt_name", der.encode(0x30, der.encode(0x81, b"a@b.fi") * 2)
        )
    },
    "any policy": {
        "extra": EXTRA[:3],
        "policies": (pki.TEST_POLICY, "2.5.29.32.0"),
    },
    "a policy twice": {
        "extra": EXTRA[:3],
        "policies": (pki.TEST_POLICY, pki.TEST_POLICY),
    },
    "no policy": {"extra": EXTRA[:3]},
    "as many policies as nobody has": {
        "extra": EXTRA[:3],
        "policies": (pki.TEST_POLICY, *(f"1.2.3.{n}" for n in range(64))),
    },
    "no keyUsage": {"key_usage": None},
    "a list's address that is not DER": {
        "extra": extra_with(
            "crl_distribution_points", bytes.fromhex("308106 3004A002A000")
        )
    },
    "a serial number of 0": {"serial_number": 0},
    "a negative serial number": {"serial_number": -5},
    "a serial number of 21 octets": {"serial_number": 1 << 159},
    "SHA-3": {"signature_algorithm": "sha3_384_ecdsa"},
    "another country": {"subject_name": pki.subject(country="EE")},
    "a wrong SATU": {"subject_name": pki.subject(satu="99902038D")},
    "a surname with a control character": {
        "subject_name": pki.subject(surname="SPECIMEN-\x07")
    },
    "not valid any more": {"not_after": NOW - timedelta(seconds=1)},
    "not valid yet": {"not_before": NOW + timedelta(seconds=1)},
}


@pytest.mark.parametrize("what", UNUSUAL)
def test_what_is_unusual_is_left_to_the_slow_way(
    quick: CA, quick_trust: Trust, what: str
) -> None:
    leaf = whole(quick, **UNUSUAL[what])
    assert usual.accept(leaf.der, usual.LOGIN, quick_trust, NOW) is None


@pytest.mark.parametrize("what", [None, "text", 1, bytearray(b"0"), memoryview(b"0")])
async def test_what_is_no_certificate_at_all_is_left_to_the_slow_way(
    quick_trust: Trust, what: Any
) -> None:
    assert usual.accept(what, usual.LOGIN, quick_trust, NOW) is None


async def test_a_ca_whose_key_nobody_can_read_does_not_stand_in_the_way(
    quick: CA, root: CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: object) -> bool:
        raise UnsupportedAlgorithm("Curve 1.3.132.0.32 is not supported")

    trust = quick.trust(root.der)
    leaf = whole(quick).der
    monkeypatch.setattr(type(trust.issuers[0]), "has_signed", unreadable)
    assert usual.accept(leaf, usual.LOGIN, trust, NOW) is None


async def test_production_trust_refuses_a_test_policy(
    quick: CA, quick_trust: Trust
) -> None:
    production = replace(quick_trust, test=False)
    assert usual.accept(whole(quick).der, usual.LOGIN, production, NOW) is None


async def test_lengths_that_look_indefinite_to_a_parser() -> None:
    """asn1crypto re-encodes objects whose length ends in the octet 80."""
    authority = Authority.create("ECC")
    trust = Trust.from_certificates([authority.issuing_der], test=True)
    awkward = 0
    for length in range(1, 129):
        holder = Person(surname="SPECIMEN-" + "X" * length)
        public, start = key("P-256").public_key(), NOW - timedelta(days=1)
        leaf = authority.issue(public, holder, "authentication", not_before=start)
        if 0x80 in (leaf[3], leaf[7]):
            awkward += 1
            assert await agreed(leaf, usual.LOGIN, trust)
    assert awkward


@pytest.mark.parametrize(
    "encoded",
    [
        *("0101FF", "010100", "020100", "02020080", "0202FF7F", "0500", "06022A03"),
        *("06042A868148", "30030101FF", "A0020500", "8100", "3000", "0C03C3A4FF"),
    ],
)
def test_der_is_taken(encoded: str) -> None:
    assert der.outline(bytes.fromhex(encoded)).startswith(encoded[:2])


@pytest.mark.parametrize(
    "encoded",
    [
        *("010101", "0100", "01020000", "0200", "02020001", "0202FFFF", "050100"),
        *("0600", "06018088", "06022A80", "06032A8001", "0603808001", "0681022A03"),
        *("30800000", "2403040100", "2C020C00", "0000", "1000", "1100", "3F0100"),
        *("300201", "3081030101FF", "308200030101FF", "30" * 1 + "84FFFFFFFF", "31"),
        "3002" * 9 + "0500",
        "30103 00E300C300A30083006300430020500".replace(" ", ""),
    ],
)
def test_what_is_not_der_is_refused(encoded: str) -> None:
    with pytest.raises(der.MalformedError):
        der.outline(bytes.fromhex(encoded))
