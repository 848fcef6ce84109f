# SPDX-License-Identifier: MIT
"""Revocation by CRL: which lists are valid, and what they revoke."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from asn1crypto import core, crl, x509

from kortilla.errors import (
    UserCertificateCRLCheckFailedError,
    UserCertificateRevokedError,
)
from kortilla.revocation import crl as lists
from kortilla.revocation.certificates import Subject
from kortilla.revocation.interface import NoAnswerError
from tests.kortilla.pki import CA, NOW, SURNAME, key
from tests.kortilla.responder import (
    CA_SERIAL,
    LEAF_SERIAL,
    OTHER_SERIAL,
    Chain,
    Handler,
    List,
    OCSPAnswer,
    Server,
    checker_by,
    distribution_points,
    full_name,
    make_ca,
    seal,
    sign,
)
from tests.kortilla.revocation_checks import accepted, listing, refused, well

HOUR = timedelta(hours=1)


@pytest.fixture
def chain(server: Server, root: CA) -> Chain:
    """A valid chain with CRLs."""
    return well(server, root, by="crl")


checker = partial(checker_by, by="crl")
acceptance, refusal = partial(accepted, by="crl"), partial(refused, by="crl")


# --- good and revoked


async def test_who_is_on_no_list_is_good(chain: Chain, server: Server) -> None:
    async with checker() as revocation:
        for _ in range(3):
            await revocation.check(chain.path, at=NOW)
    assert sorted(server.asked) == ["crl/issuing.crl", "crl/root.crl"]


async def test_an_empty_list_is_a_list(chain: Chain, server: Server) -> None:
    server.handlers["crl/issuing.crl"] = List(chain.ca, serials=())
    await acceptance(chain.path)


REASONS = [
    None,
    "unspecified",
    "key_compromise",
    "certificate_hold",
    "remove_from_crl",
    "privilege_withdrawn",
]


@pytest.mark.parametrize("reason", REASONS)
async def test_who_is_on_the_list_is_refused_for_whatever_reason(
    chain: Chain, server: Server, reason: str | None
) -> None:
    server.handlers["crl/issuing.crl"] = List(
        chain.ca, serials=[OTHER_SERIAL, LEAF_SERIAL, 1], reason=reason
    )
    async with checker() as revocation:
        for _ in range(2):
            with pytest.raises(UserCertificateRevokedError) as caught:
                await revocation.check(chain.path, at=NOW)
    assert "127.0.0.1" in str(caught.value)
    assert SURNAME not in str(caught.value)


async def test_a_revoked_issuing_ca_is_refused(chain: Chain, server: Server) -> None:
    server.handlers["crl/root.crl"] = List(chain.root, serials=[CA_SERIAL])
    async with checker() as revocation:
        with pytest.raises(UserCertificateRevokedError, match="issuing CA"):
            await revocation.check(chain.path, at=NOW)


async def test_without_its_root_the_issuing_ca_is_not_looked_up(
    chain: Chain, server: Server
) -> None:
    await acceptance(chain.path_without_root)
    assert server.asked == ["crl/issuing.crl"]


async def test_both_must_say_good(chain: Chain, server: Server) -> None:
    good: dict[str, Handler] = {
        "ocsp/issuing": OCSPAnswer(chain.ca),
        "ocsp/root": OCSPAnswer(chain.root),
        "crl/issuing.crl": List(chain.ca),
        "crl/root.crl": List(chain.root),
    }
    revoked: dict[str, Handler] = {
        "ocsp/issuing": OCSPAnswer(chain.ca, status="revoked"),
        "ocsp/root": OCSPAnswer(chain.root, status="revoked"),
        "crl/issuing.crl": List(chain.ca, serials=[LEAF_SERIAL]),
        "crl/root.crl": List(chain.root, serials=[CA_SERIAL]),
    }
    server.handlers = dict(good)
    await accepted(chain.path, by="both")
    for where, answer in revoked.items():
        server.handlers = good | {where: answer}
        with pytest.raises(UserCertificateRevokedError):
            await accepted(chain.path, by="both")
    server.handlers = {k: v for k, v in good.items() if k != "crl/issuing.crl"}
    assert (
        await refused(chain.path, by="both", kind=UserCertificateCRLCheckFailedError)
    ).reason


async def test_the_list_stands_in_for_a_responder_that_lies(
    chain: Chain, server: Server
) -> None:
    server.handlers["ocsp/issuing"] = OCSPAnswer(chain.ca, signing_key=key("P-384"))
    await accepted(chain.path, by="ocsp-or-crl")
    assert "ocsp/root" in server.asked  # no OCSP response: the list was used
    server.handlers["crl/issuing.crl"] = List(chain.ca, serials=[LEAF_SERIAL])
    with pytest.raises(UserCertificateRevokedError):
        await accepted(chain.path, by="ocsp-or-crl")


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
    return extension("issuing_distribution_point", crl.IssuingDistributionPoint(fields))


UNKNOWN = extension("1.2.246.517.99.1", core.ParsableOctetString(b"\x05\x00"))
OTHER_NAME = x509.Name.build({"country_name": "FI", "common_name": "SPECIMEN Other"})

Change = Callable[[Chain], List]


def listed(**changes: Any) -> Change:
    """Return a function that makes a right list with these changes."""
    return lambda chain: List(chain.ca, **changes)


def scoped(**fields: Any) -> Change:
    return listed(extensions=[scope(**fields)])


CERTIFICATE_ISSUER = extension(
    "certificate_issuer",
    x509.GeneralNames([x509.GeneralName("directory_name", OTHER_NAME)]),
)
LIES: dict[str, tuple[Change, str]] = {
    "signed by a stranger": (listed(signing_key=key("P-384")), "signature"),
    "signed by the root": (
        lambda chain: List(chain.ca, signing_key=chain.root.key),
        "signature",
    ),
    "the root's list": (lambda chain: List(chain.root), "wrong-issuer"),
    "of a CA of the same name": (lambda chain: List(make_ca(chain.root)), "signature"),
    "another issuer's name": (listed(issuer=OTHER_NAME), "wrong-issuer"),
    "signed with SHA-1": (listed(algorithm="sha1_ecdsa"), "signature-algorithm"),
    "expired": (listed(this_update=-9 * HOUR, next_update=-HOUR), "expired"),
    "from the future": (listed(this_update=HOUR), "from-the-future"),
    "of changes only": (
        listed(extensions=[extension("delta_crl_indicator", core.Integer(1))]),
        "delta",
    ),
    "of several CAs": (scoped(indirect_crl=True), "indirect"),
    "of several CAs, said in an entry": (
        listed(entry_extensions=[CERTIFICATE_ISSUER]),
        "indirect",
    ),
    "about CAs": (scoped(only_contains_ca_certs=True), "wrong-scope"),
    "about attributes": (scoped(only_contains_attribute_certs=True), "wrong-scope"),
    "for some reasons": (
        scoped(only_some_reasons={"key_compromise"}),
        "wrong-scope",
    ),
    "another part": (
        lambda chain: scoped(
            distribution_point=full_name(f"{chain.address}/crl/part2.crl")
        )(chain),
        "wrong-scope",
    ),
    "an extension that must be known": (
        listed(extensions=[UNKNOWN]),
        "critical-extension",
    ),
    "an entry with one": (listed(entry_extensions=[UNKNOWN]), "critical-extension"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_list_that_does_not_count_is_named(
    chain: Chain, server: Server, lie: str, tmp_path: Path
) -> None:
    make, reason = LIES[lie]
    server.handlers["crl/issuing.crl"] = make(chain)
    assert (await refusal(chain.path, cache_folder=tmp_path)).reason == reason
    if reason not in {"wrong-scope"}:
        # It is not kept; only the root's list may be.
        assert len(listing(tmp_path)) <= 1


@pytest.mark.parametrize(
    "fields",
    [
        {"only_contains_user_certs": True},
        {"distribution_point": "crl/issuing.crl"},
    ],
    ids=str,
)
async def test_a_list_whose_scope_has_the_certificate_counts(
    chain: Chain, server: Server, fields: dict[str, Any]
) -> None:
    if "distribution_point" in fields:
        name = full_name(f"{chain.address}/{fields['distribution_point']}")
        fields = {"distribution_point": name}
    server.handlers["crl/issuing.crl"] = List(chain.ca, extensions=[scope(**fields)])
    await acceptance(chain.path)


async def test_a_list_about_people_says_nothing_about_the_issuing_ca(
    chain: Chain, server: Server
) -> None:
    server.handlers["crl/root.crl"] = List(
        chain.root, extensions=[scope(only_contains_user_certs=True)]
    )
    assert (await refusal(chain.path)).reason == "wrong-scope"


async def test_garbage_is_not_a_list(chain: Chain, server: Server) -> None:
    whole = List(chain.ca).encode()
    for garbage in (
        b"",
        b"<html>",
        whole[:-1],
        whole[: len(whole) // 2],
        whole + b"\0",
    ):

        async def answer(_: web.Request, body: bytes = garbage) -> web.StreamResponse:
            return web.Response(body=body)

        server.handlers["crl/issuing.crl"] = answer
        assert (await refusal(chain.path)).reason == "not-crl"


def test_a_list_with_two_algorithms_is_no_list(root: CA, tmp_path: Path) -> None:
    """RFC 5280 §5.1.1.2: the signed part names the algorithm too."""
    file = tmp_path / "list"
    signed = crl.CertificateList.load(List(root).encode())["tbs_cert_list"].dump()
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
    assert (await refusal(chain.path_without_root)).reason == "no-address"
    assert server.asked == []


async def test_the_second_address_is_tried(server: Server, root: CA) -> None:
    points = distribution_points(
        f"{server.address}/gone.crl", f"{server.address}/crl/issuing.crl"
    )
    chain = Chain.create(server.address, root, extra=[("2.5.29.31", points)])
    server.handlers["crl/issuing.crl"] = List(chain.ca)
    await acceptance(chain.path_without_root)
    assert server.asked == ["gone.crl", "crl/issuing.crl"]
