# SPDX-License-Identifier: MIT
"""Kortilla's validator accepts nothing that pyhanko-certvalidator refuses."""

from datetime import timedelta
from typing import Any, Literal

import pytest
from asn1crypto import x509
from cryptography.exceptions import UnsupportedAlgorithm

from kortilla import Trust
from kortilla.errors import (
    CertificateNotTrustedError,
    UserCertificateParseError,
)
from kortilla.mock_card.authority import Authority, Person
from kortilla.revocation import der
from kortilla.validation import trust as trust_module
from tests.kortilla import pki
from tests.kortilla.pki import CA, NOW, key
from tests.kortilla.validation.reference_validator import (
    EXTRA,
    LOGIN,
    SIGNING,
    Use,
    compare,
    fault_of,
    identify,
    quick_ca,
    whole,
)

PURPOSES: dict[Literal["authentication", "signature"], Use] = {
    "authentication": LOGIN,
    "signature": SIGNING,
}


@pytest.fixture(scope="module")
def quick(root: CA) -> CA:
    return quick_ca(root)


@pytest.fixture(scope="module")
def quick_trust(quick: CA, root: CA) -> Trust:
    return quick.trust(root.der)


@pytest.mark.parametrize("kind", ["ECC", "RSA"])
async def test_a_cards_certificates_are_accepted(kind: Literal["ECC", "RSA"]) -> None:
    authority = Authority.create(kind)
    trust = Trust.from_certificates(
        [authority.issuing_der, authority.root_der], test=True
    )
    for own in ("P-256", "P-384", "P-521", "RSA-2048", "RSA-3072"):
        for purpose, use in PURPOSES.items():
            for null_parameters in (True, False):
                leaf = authority.issue(
                    key(own).public_key(),
                    Person(),
                    purpose,
                    not_before=NOW - timedelta(days=1),
                    null_parameters=null_parameters,
                )
                assert not await fault_of(leaf, use, trust)


async def test_a_leaf_with_every_extension_of_a_card_is_accepted(
    quick: CA, quick_trust: Trust
) -> None:
    assert not await fault_of(whole(quick).der, LOGIN, quick_trust)
    fewer = whole(quick, extra=EXTRA[:3], policies=(pki.TEST_POLICY,))
    assert not await fault_of(fewer.der, LOGIN, quick_trust)
    for_signing = whole(quick, key_usage=pki.SIGNATURE)
    assert not await fault_of(for_signing.der, SIGNING, quick_trust)
    assert await fault_of(for_signing.der, LOGIN, quick_trust)
    assert await fault_of(whole(quick).der, SIGNING, quick_trust)


@pytest.mark.parametrize(
    ("count", "seed"),
    # A comparison takes three seeds.
    [(3_000, 0), pytest.param(6_000, 3, marks=pytest.mark.slow)],
)
async def test_nothing_is_accepted_that_certvalidator_refuses(
    quick: CA, quick_trust: Trust, count: int, seed: int
) -> None:
    accepted, codes = await compare(quick, quick_trust, count, seed=seed)
    # Otherwise it would compare nothing, or nearly unchanged certificates.
    assert count // 30 < accepted < count // 2
    assert len(codes) >= 4, codes


def other_name(name: bytes) -> list[tuple[str, bytes]]:
    """Return the extensions, with names in DER in the alternative name."""
    return extra_with("subject_alt_name", der.encode(0x30, name))


def other_issuer(identifier: bytes) -> list[tuple[str, bytes]]:
    return extra_with("authority_key_identifier", der.encode(0x30, identifier))


def extra_with(name: str, value: bytes) -> list[tuple[str, bytes]]:
    return [(each, value if each == name else old) for each, old in EXTRA]


def with_policies(*policies: str) -> dict[str, Any]:
    return {"extra": EXTRA[:3], "policies": (pki.TEST_POLICY, *policies)}


#: Forms that are not DER, or that no profile has; other faults: test_certificates.
REFUSED: dict[str, dict[str, Any]] = {
    "keyUsage with a bit too many": {"key_usage": bytes.fromhex("03020288")},
    "keyUsage with unused bits set": {"key_usage": bytes.fromhex("03020389")},
    "keyUsage with a long length": {"key_usage": bytes.fromhex("0381020388")},
    "basicConstraints with a path length": {
        "basic_constraints": bytes.fromhex("3003020100")
    },
    "critical where it is not": {"extra_critical": True},
    "an issuer's name and serial number": {
        "extra": other_issuer(der.encode(0x82, b"\1"))
    },
    "an address that IDNA reads": {
        "extra": other_name(der.encode(0x81, b"a@xn--zzzz.fi"))
    },
    "a policy twice": with_policies(pki.TEST_POLICY),
    "as many policies as nobody has": with_policies(*(f"1.2.3.{n}" for n in range(64))),
    "a list's address that is not DER": {
        "extra": extra_with(
            "crl_distribution_points", bytes.fromhex("308106 3004A002A000")
        )
    },
    "policy constraints": {
        "extra": [*EXTRA, ("2.5.29.36", bytes.fromhex("3003800100"))]
    },
}
ACCEPTED: dict[str, dict[str, Any]] = {
    "keyUsage of two octets": {"key_usage": bytes.fromhex("030307 8080")},
    "an extended key usage": {"extended_key_usage": pki.CLIENT_AUTH},
    "an unknown extension": {"extra": [*EXTRA, ("1.3.6.1.4.1.99999.1", b"\5\0")]},
    "another name than an address": {"extra": other_name(der.encode(0x82, b"a.fi"))},
    "two names": {"extra": other_name(der.encode(0x81, b"a@b.fi") * 2)},
    "any policy beside": with_policies("2.5.29.32.0"),
    "another attribute": {
        "subject_name": x509.Name.build(
            {**pki.subject().native, "organization_name": "SPECIMEN Oy"}
        )
    },
}


@pytest.mark.parametrize("what", REFUSED)
async def test_a_leaf_of_another_form_is_refused(
    quick: CA, quick_trust: Trust, what: str
) -> None:
    leaf = whole(quick, **REFUSED[what])
    with pytest.raises(UserCertificateParseError):
        await identify(leaf.der, LOGIN, quick_trust)


@pytest.mark.parametrize("what", ACCEPTED)
async def test_a_leaf_that_a_later_profile_may_have_is_accepted(
    quick: CA, quick_trust: Trust, what: str
) -> None:
    assert not await fault_of(whole(quick, **ACCEPTED[what]).der, LOGIN, quick_trust)


async def test_a_leaf_that_names_another_key_of_its_issuer_is_refused(
    quick: CA, quick_trust: Trust
) -> None:
    other = other_issuer(der.encode(0x80, b"x" * 20))
    with pytest.raises(CertificateNotTrustedError):
        await identify(whole(quick, extra=other).der, LOGIN, quick_trust)


@pytest.mark.parametrize("what", [None, "text", 1, bytearray(b"0"), memoryview(b"0")])
async def test_what_is_no_certificate_at_all_is_refused(
    quick_trust: Trust, what: Any
) -> None:
    with pytest.raises(UserCertificateParseError):
        await identify(what, LOGIN, quick_trust)


async def test_a_ca_whose_key_nobody_can_read_has_signed_nothing(
    quick: CA, root: CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: object) -> None:
        raise UnsupportedAlgorithm("Curve 1.3.132.0.32 is not supported")

    monkeypatch.setattr(trust_module, "verify", unreadable)
    with pytest.raises(CertificateNotTrustedError):
        await identify(whole(quick).der, LOGIN, quick.trust(root.der))


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
            assert not await fault_of(leaf, LOGIN, trust)
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
