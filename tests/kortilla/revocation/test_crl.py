# SPDX-License-Identifier: MIT
"""Revocation by CRL: which lists are valid, and what they revoke."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import core, x509
from asn1crypto.crl import CertificateList, IssuingDistributionPoint

from kortilla.revocation import crl as lists
from kortilla.revocation.certificates import Subject
from kortilla.revocation.interface import NoAnswerError
from tests.kortilla.pki import CA, key
from tests.kortilla.responder import (
    CA_SERIAL,
    LEAF_SERIAL,
    OTHER_SERIAL,
    Chain,
    Handler,
    List,
    OCSPAnswer,
    Server,
    always,
    distribution_points,
    full_name,
    make_ca,
    seal,
    sign,
)
from tests.kortilla.revocation_checks import KEEPING, Checks, listing

HOUR = timedelta(hours=1)


# --- good and revoked


async def test_an_empty_list_is_a_list(crl: Checks) -> None:
    crl.answer(serials=())
    await crl.accept()


REASONS = "key_compromise certificate_hold remove_from_crl privilege_withdrawn"


@pytest.mark.parametrize("reason", [None, *KEEPING, *REASONS.split()])
async def test_who_is_on_the_list_is_refused_for_whatever_reason(
    crl: Checks, reason: str | None
) -> None:
    crl.answer(serials=[OTHER_SERIAL, LEAF_SERIAL, 1], reason=reason)
    assert "127.0.0.1" in await crl.revoked(keeps=reason in KEEPING)


async def test_both_must_say_good(crl: Checks) -> None:
    ca, root = crl.chain.ca, crl.chain.root
    good: dict[str, Handler] = {
        "ocsp/issuing": OCSPAnswer(ca),
        "ocsp/root": OCSPAnswer(root),
        "crl/issuing.crl": List(ca),
        "crl/root.crl": List(root),
    }
    revoked: dict[str, Handler] = {
        "ocsp/issuing": OCSPAnswer(ca, status="revoked"),
        "ocsp/root": OCSPAnswer(root, status="revoked"),
        "crl/issuing.crl": List(ca, serials=[LEAF_SERIAL]),
        "crl/root.crl": List(root, serials=[CA_SERIAL]),
    }
    crl.server.handlers = dict(good)
    await crl.accept(by="both")
    for where, answer in revoked.items():
        crl.server.handlers = good | {where: answer}
        message = await crl.revoked(by="both")
        assert ("issuing CA" in message) == ("root" in where)
    crl.server.handlers = good
    del good["crl/issuing.crl"]
    await crl.refuse("http-status", by="both")


async def test_the_list_stands_in_for_a_responder_that_lies(crl: Checks) -> None:
    crl.server.handlers["ocsp/issuing"] = OCSPAnswer(
        crl.chain.ca, signing_key=key("P-384")
    )
    await crl.accept(by="ocsp-or-crl")
    assert "ocsp/root" in crl.server.asked  # no OCSP response: the list was used
    crl.answer(serials=[LEAF_SERIAL])
    await crl.revoked(by="ocsp-or-crl")


@pytest.mark.parametrize("serial", [0, 1, 0x7F, 0x80, 0xFF00, 2**159 - 1, -1, -(2**80)])
async def test_serial_numbers_of_every_size_are_found(
    serial: int, root: CA, tmp_path: Path
) -> None:
    file = tmp_path / "list"
    file.write_bytes(List(root, serials=[5, serial, 6]).encode())
    found = lists.load(file, issuer=Subject.of(root.certificate), most_octets=10_000)
    assert found.count == 3
    assert found.lists(serial)
    assert not found.lists(serial ^ 0x100000)


# --- invalid lists


def extension(name: str, value: Any, *, critical: bool = True) -> dict[str, Any]:
    return {"extn_id": name, "critical": critical, "extn_value": value}


def scope(**fields: Any) -> dict[str, Any]:
    return extension("issuing_distribution_point", IssuingDistributionPoint(fields))


UNKNOWN = extension("1.2.246.517.99.1", core.ParsableOctetString(b"\x05\x00"))
ZONELESS = core.ParsableOctetString(b"\x18\x0e20260101000000")
OTHER_NAME = x509.Name.build({"country_name": "FI", "common_name": "SPECIMEN Other"})

Change = Callable[[Chain], List]


def listed(**changes: Any) -> Change:
    """Return a function that makes a right list with these changes."""
    return lambda chain: List(chain.ca, **changes)


def scoped(**fields: Any) -> Change:
    return listed(extensions=[scope(**fields)])


DELTA = extension("delta_crl_indicator", core.Integer(1))
CERTIFICATE_ISSUER = extension(
    "certificate_issuer",
    x509.GeneralNames([x509.GeneralName("directory_name", OTHER_NAME)]),
)
#: By the reason of the refusal.
LIES: dict[str, dict[str, Change]] = {
    "signature": {
        "signed by a stranger": listed(signing_key=key("P-384")),
        "signed by the root": lambda chain: List(chain.ca, signing_key=chain.root.key),
        "of a CA of the same name": lambda chain: List(make_ca(chain.root)),
    },
    "wrong-issuer": {
        "the root's list": lambda chain: List(chain.root),
        "another issuer's name": listed(issuer=OTHER_NAME),
    },
    "signature-algorithm": {"signed with SHA-1": listed(algorithm="sha1_ecdsa")},
    "expired": {"expired": listed(this_update=-9 * HOUR, next_update=-HOUR)},
    "from-the-future": {"from the future": listed(this_update=HOUR)},
    "delta": {"of changes only": listed(extensions=[DELTA])},
    "indirect": {
        "of several CAs": scoped(indirect_crl=True),
        "of several CAs, said in an entry": listed(
            entry_extensions=[CERTIFICATE_ISSUER]
        ),
    },
    "wrong-scope": {
        "about CAs": scoped(only_contains_ca_certs=True),
        "about attributes": scoped(only_contains_attribute_certs=True),
        "for some reasons": scoped(only_some_reasons={"key_compromise"}),
        "another part": lambda chain: scoped(
            distribution_point=full_name(f"{chain.address}/crl/part2.crl")
        )(chain),
    },
    "not-crl": {
        "a time without its zone": listed(
            extensions=[extension("2.5.29.60", ZONELESS, critical=False)]
        ),
    },
    "critical-extension": {
        "an unknown extension": listed(extensions=[UNKNOWN]),
        "an entry with one": listed(entry_extensions=[UNKNOWN]),
    },
}


@pytest.mark.parametrize(
    ("reason", "lie"), [(reason, lie) for reason, all_ in LIES.items() for lie in all_]
)
async def test_a_list_that_does_not_count_is_named(
    crl: Checks, reason: str, lie: str, tmp_path: Path
) -> None:
    crl.serve(LIES[reason][lie](crl.chain))
    await crl.refuse(reason, cache_folder=tmp_path)
    if reason != "wrong-scope":
        # It is not kept; only the root's list may be.
        assert len(listing(tmp_path)) <= 1


async def test_a_list_whose_scope_has_the_certificate_counts(crl: Checks) -> None:
    own = full_name(f"{crl.chain.address}/crl/issuing.crl")
    for fields in ({"only_contains_user_certs": True}, {"distribution_point": own}):
        crl.answer(extensions=[scope(**fields)])
        await crl.accept()


async def test_a_list_about_people_says_nothing_about_the_issuing_ca(
    crl: Checks,
) -> None:
    only_people = [scope(only_contains_user_certs=True)]
    crl.server.handlers["crl/root.crl"] = List(crl.chain.root, extensions=only_people)
    await crl.refuse("wrong-scope")


async def test_garbage_is_not_a_list(crl: Checks) -> None:
    whole = List(crl.chain.ca).encode()
    half = whole[: len(whole) // 2]
    for garbage in (b"", b"<html>", whole[:-1], half, whole + b"\0"):
        crl.serve(always(garbage))
        await crl.refuse("not-crl")


def test_a_list_with_two_algorithms_is_no_list(root: CA, tmp_path: Path) -> None:
    """RFC 5280 §5.1.1.2: the signed part names the algorithm too."""
    file = tmp_path / "list"
    signed = CertificateList.load(List(root).encode())["tbs_cert_list"].dump()
    other, _ = sign(root.key, "sha512_ecdsa", b"")
    file.write_bytes(seal(signed, root.key, other))
    with pytest.raises(NoAnswerError) as caught:
        lists.load(file, issuer=Subject.of(root.certificate), most_octets=10_000)
    assert caught.value.reason == "not-crl"


@pytest.mark.parametrize("step", [61, pytest.param(3, marks=pytest.mark.slow)])
def test_no_list_survives_the_change_of_any_bit(
    root: CA, tmp_path: Path, step: int
) -> None:
    file, issuer = tmp_path / "list", Subject.of(root.certificate)
    whole = List(root, reason="key_compromise").encode()
    file.write_bytes(whole)
    assert lists.load(file, issuer=issuer, most_octets=10_000).count == 1
    for bit in range(0, 8 * len(whole), step):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        file.write_bytes(changed)
        with pytest.raises(NoAnswerError):
            lists.load(file, issuer=issuer, most_octets=10_000)


async def test_a_list_from_somewhere_else_than_its_address_is_not_asked_for(
    server: Server, root: CA
) -> None:
    """A list for some reasons alone, or another CA's, is not the issuer's own list."""
    partial = x509.CRLDistributionPoints(
        [
            {
                "distribution_point": full_name(f"{server.address}/crl/issuing.crl"),
                "reasons": {"key_compromise"},
            }
        ]
    ).dump()
    chain = Chain.create(server.address, root, extra=[("2.5.29.31", partial)])
    checks = Checks(server, chain, "crl")
    await checks.refuse("no-address", checks.leaf_alone)
    assert server.asked == []


async def test_the_second_address_is_tried(server: Server, root: CA) -> None:
    points = distribution_points(
        f"{server.address}/gone.crl", f"{server.address}/crl/issuing.crl"
    )
    chain = Chain.create(server.address, root, extra=[("2.5.29.31", points)])
    checks = Checks(server, chain, "crl")
    checks.answer()
    await checks.accept(checks.leaf_alone)
    assert server.asked == ["gone.crl", "crl/issuing.crl"]
