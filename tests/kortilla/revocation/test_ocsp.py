# SPDX-License-Identifier: MIT
"""Revocation by OCSP: valid responses, who may sign them, and who is asked about."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from asn1crypto import core, x509
from asn1crypto import ocsp as asn1_ocsp

from kortilla.errors import UserCertificateOCSPCheckFailedError
from kortilla.revocation import Revocation
from kortilla.revocation.certificates import Subject
from kortilla.revocation.interface import NoAnswerError
from kortilla.revocation.ocsp import Rules, build_request, judge
from tests.kortilla.pki import CA, NOW, SATU, SERVER_AUTH, SURNAME, Clock, key
from tests.kortilla.responder import (
    CA_SERIAL,
    LEAF_SERIAL,
    NO_CHECK,
    OTHER_SERIAL,
    Chain,
    List,
    OCSPAnswer,
    Server,
    addresses,
    always,
    distribution_points,
    make_ca,
)
from tests.kortilla.revocation_checks import KEEPING, Checks

MINUTE = timedelta(minutes=1)


# --- good


async def test_good_by_the_ca_itself(ocsp: Checks) -> None:
    await ocsp.accept()
    assert sorted(ocsp.server.asked) == ["ocsp/issuing", "ocsp/root"]
    for request in ocsp.server.requests:
        assert request.method == "POST"
        assert request.headers["Content-Type"] == "application/ocsp-request"
        assert request.headers["Accept-Encoding"] == "identity"
        assert not {"Cookie", "Authorization"} & set(request.headers)


@pytest.mark.parametrize("by_key", [False, True])
@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [
        ("P-256", "sha256_ecdsa"),
        ("P-384", "sha512_ecdsa"),
        ("RSA-2048", "sha256_rsa"),
        ("RSA-2048", "pss"),
    ],
)
async def test_good_by_a_responder_that_the_ca_has_authorised(
    ocsp: Checks, kind: str, algorithm: str, by_key: bool
) -> None:
    delegate = ocsp.chain.delegate(key=key(kind))
    ocsp.answer(signer=delegate, algorithm=algorithm, by_key=by_key)
    await ocsp.accept()


async def test_good_at_the_edges_of_what_is_allowed(ocsp: Checks) -> None:
    rights: list[dict[str, Any]] = [
        {"this_update": -2 * MINUTE},
        {"this_update": 15 * MINUTE},
        {"this_update": -2 * MINUTE, "next_update": -MINUTE},
        {"next_update": MINUTE},
        {"by_key": True},
    ]
    for right in rights:
        ocsp.answer(**right)
        await ocsp.accept()


async def test_each_request_has_32_new_octets_of_nonce(ocsp: Checks) -> None:
    bodies = []
    answer = OCSPAnswer(ocsp.chain.ca)

    async def remember(request: web.Request) -> web.StreamResponse:
        bodies.append(await request.read())
        return await answer(request)

    ocsp.serve(remember)
    async with ocsp.checker() as revocation:
        for _ in range(3):
            await revocation.check(ocsp.path, at=NOW)
    nonces = {asn1_ocsp.OCSPRequest.load(each).nonce_value.native for each in bodies}
    assert len(nonces) == 3
    assert {len(nonce) for nonce in nonces} == {32}


async def test_a_responder_without_nonces_is_taken_where_asked_for(
    ocsp: Checks,
) -> None:
    ocsp.answer(nonce=None)
    await ocsp.accept(require_nonce=False)
    # A wrong nonce is an error even then.
    ocsp.answer(nonce=bytes(32))
    await ocsp.refuse("nonce-mismatch", require_nonce=False)


# --- revoked


@pytest.mark.parametrize("reason", [None, "key_compromise", *KEEPING])
async def test_a_revoked_leaf_is_refused(ocsp: Checks, reason: str | None) -> None:
    ocsp.answer(status="revoked", reason=reason)
    assert "127.0.0.1" in await ocsp.revoked(keeps=reason in KEEPING)


async def test_being_revoked_or_unknown_is_final_whatever_the_list_says(
    ocsp: Checks,
) -> None:
    ocsp.server.handlers["crl/issuing.crl"] = List(ocsp.chain.ca)
    ocsp.answer(status="revoked")
    await ocsp.revoked(by="ocsp-or-crl")
    ocsp.answer(status="unknown")
    await ocsp.refuse("unknown", by="ocsp-or-crl")
    assert "crl/issuing.crl" not in ocsp.server.asked


# --- responses that differ from the request


CRITICAL = {
    "extn_id": "1.2.246.517.99.1",
    "critical": True,
    "extn_value": core.ParsableOctetString(b"\x05\x00"),
}
#: By the reason of the refusal.
CONTENT: dict[str, dict[str, dict[str, Any]]] = {
    "nonce-missing": {"no nonce": {"nonce": None}},
    "nonce-mismatch": {
        "another request's nonce": {"nonce": bytes(32)},
        "a short nonce": {"nonce": b"\0"},
    },
    "too-old": {
        "121 seconds old": {"this_update": -timedelta(seconds=121)},
        "a day old": {"this_update": -timedelta(days=1)},
    },
    "expired": {
        "expired": {"this_update": -MINUTE, "next_update": -16 * MINUTE},
        "ends before it begins": {"this_update": MINUTE, "next_update": -MINUTE},
    },
    "from-the-future": {
        "from the future": {"this_update": 16 * MINUTE},
        "made in the future": {"produced_at": 16 * MINUTE},
    },
    "not-ocsp": {"made long before what it tells": {"produced_at": -timedelta(days=1)}},
    "wrong-certificate": {
        "about another certificate": {"serial": OTHER_SERIAL},
        "about another CA's": {"issuer_hash": bytes(20)},
        "about nothing": {"times": 0},
        "saying it twice": {"times": 2},
    },
    "signature-algorithm": {"signed with SHA-1": {"algorithm": "sha1_ecdsa"}},
    "signature": {
        "signed by a stranger": {"signing_key": key("P-384")},
        "signed by a stranger of another kind": {
            "signing_key": key("RSA-2048"),
            "algorithm": "sha256_rsa",
        },
        "revoked, by a stranger": {"status": "revoked", "signing_key": key("P-384")},
    },
    "critical-extension": {"an unknown extension": {"extensions": [CRITICAL]}},
    "unknown": {"status unknown": {"status": "unknown"}},
}


@pytest.mark.parametrize(
    ("reason", "lie"),
    [(reason, lie) for reason, lies in CONTENT.items() for lie in lies],
)
async def test_what_an_answer_says_wrong_is_named(
    ocsp: Checks, reason: str, lie: str
) -> None:
    ocsp.answer(**CONTENT[reason][lie])
    await ocsp.refuse(reason)


async def test_an_answer_past_its_end_is_refused_however_old_it_may_be(
    ocsp: Checks,
) -> None:
    ocsp.options["max_age"] = timedelta(days=1)
    ocsp.answer(this_update=-60 * MINUTE, next_update=-16 * MINUTE)
    await ocsp.refuse("expired")
    ocsp.answer(this_update=-60 * MINUTE, next_update=-15 * MINUTE)
    await ocsp.accept()


async def test_an_older_answer_played_back_is_refused(
    ocsp: Checks, clock: Clock
) -> None:
    """The response was valid, but half a minute later the request has another nonce."""
    answer = OCSPAnswer(ocsp.chain.ca)
    recorded: list[bytes] = []

    async def replay(request: web.Request) -> web.StreamResponse:
        if not recorded:
            recorded.append(answer.encode(await request.read()))
        return web.Response(body=recorded[0])

    ocsp.serve(replay)
    ocsp.options["clock"] = clock
    await ocsp.accept()
    clock.forward(seconds=30)
    await ocsp.refuse("nonce-mismatch")


# --- who signed


Delegation = Callable[[Chain], dict[str, Any]]


def delegated(answer: dict[str, Any] | None = None, **options: Any) -> Delegation:
    """Return a function that has a responder answer that is unlike a right one."""
    return lambda chain: {"signer": chain.delegate(**options), **(answer or {})}


OTHER_NAME = x509.Name.build({"common_name": "SPECIMEN Other"})
#: By the reason of the refusal.
DELEGATION: dict[str, dict[str, Delegation]] = {
    "responder-not-authorised": {
        "not for OCSP": delegated(extended_key_usage=SERVER_AUTH),
        "for nothing in particular": delegated(extended_key_usage=None),
        # RFC 5280 §4.2.
        "an extension that must be known": delegated(
            extra=[NO_CHECK, ("1.2.246.517.99.1", b"\x05\x00")], extra_critical=True
        ),
        "a person's card": lambda chain: {"signer": chain.leaf},
        "key not for signing": delegated(key_usage=bytes.fromhex("03020308")),
        "of the root": lambda chain: delegated(by=chain.root)(chain),
        "of a CA of the same name": lambda chain: delegated(by=make_ca(chain.root))(
            chain
        ),
        "expired": delegated(not_after=NOW - MINUTE),
        "not valid yet": delegated(not_before=NOW + MINUTE),
        "certificate missing": delegated({"certificates": ()}),
        "another responder's certificate": lambda chain: {
            "signer": chain.delegate(),
            "certificates": [chain.delegate(subject_name=OTHER_NAME).der],
        },
    },
    "signature": {"another key": delegated({"signing_key": key("P-521")})},
    "signature-algorithm": {
        "SHA-1": delegated({"algorithm": "sha1_ecdsa"}),
        "a short RSA key": delegated({"algorithm": "sha256_rsa"}, key=key("RSA-1024")),
    },
}


@pytest.mark.parametrize(
    ("reason", "who"),
    [(reason, who) for reason, answers in DELEGATION.items() for who in answers],
)
async def test_who_may_not_answer_for_the_ca_is_refused(
    ocsp: Checks, reason: str, who: str
) -> None:
    make = DELEGATION[reason][who]
    ocsp.answer(**{"algorithm": "sha256_ecdsa"} | make(ocsp.chain))
    await ocsp.refuse(reason)


async def test_a_responder_that_could_be_revoked_is_looked_up_in_its_cas_list(
    ocsp: Checks,
) -> None:
    delegate = ocsp.chain.delegate(extra=())  # without id-pkix-ocsp-nocheck
    ocsp.answer(signer=delegate, algorithm="sha256_ecdsa")
    await ocsp.refuse("responder-not-authorised")  # no list exists
    ocsp.server.handlers["crl/issuing.crl"] = List(ocsp.chain.ca)
    await ocsp.accept()
    ocsp.server.handlers["crl/issuing.crl"] = List(ocsp.chain.ca, serials=[0xDE1E])
    assert "revoked" in await ocsp.refuse("responder-not-authorised")


# --- garbage


async def test_an_unsuccessful_answer_says_which(ocsp: Checks) -> None:
    for status, words in {
        1: "malformed request",
        2: "internal error",
        3: "try later",
        5: "sign required",
        6: "unauthorized",
    }.items():
        ocsp.serve(always(bytes((0x30, 3, 0x0A, 1, status))))
        assert words in await ocsp.refuse("unsuccessful")


GARBAGE = {
    "nothing": b"",
    "a page": b"<!doctype html><title>Login</title>",
    "zeros": bytes(64),
    "success without an answer": bytes.fromhex("30030A0100"),
    "an unheard-of status": bytes.fromhex("30030A0109"),
    "an indefinite length": bytes.fromhex("30800A01000000"),
    "an endless length": bytes.fromhex("3084FFFFFFFF0A0100"),
    "nested": b"\x30\x82\x10\x00" * 1000,
}


async def test_garbage_is_not_ocsp(ocsp: Checks) -> None:
    for garbage in GARBAGE.values():
        ocsp.serve(always(garbage))
        await ocsp.refuse("not-ocsp")


@pytest.mark.parametrize("step", [61, pytest.param(3, marks=pytest.mark.slow)])
def test_no_answer_survives_the_change_of_any_bit(root: CA, step: int) -> None:
    chain = Chain.create("http://127.0.0.1", root)
    subject, issuer = Subject.of(chain.path.leaf), Subject.of(chain.path.issuer)
    nonce = bytes(range(32))
    right = OCSPAnswer(chain.ca, signer=chain.delegate(), algorithm="sha256_ecdsa")
    answer = right.encode(build_request(subject, issuer, nonce))
    asked: dict[str, Any] = {"subject": subject, "issuer": issuer, "nonce": nonce}
    asked |= {"at": NOW, "rules": Rules()}
    assert not judge(answer, **asked).revoked
    for bit in range(0, 8 * len(answer), step):
        changed = bytearray(answer)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(NoAnswerError):
            judge(bytes(changed), **asked)


# --- the issuing CA


async def test_the_issuing_ca_is_asked_about_once_for_all_logins(
    ocsp: Checks, clock: Clock
) -> None:
    asked = ocsp.server.asked
    async with ocsp.checker(clock=clock, max_age=timedelta(days=1)) as revocation:
        await asyncio.gather(*(revocation.check(ocsp.path, at=NOW) for _ in range(20)))
        assert asked.count("ocsp/root") == 1
        assert asked.count("ocsp/issuing") == 20
        for minutes, count in ((59, 1), (1, 2)):
            clock.forward(minutes=minutes)
            await revocation.check(ocsp.path, at=NOW)
            assert asked.count("ocsp/root") == count


async def test_the_issuing_ca_is_asked_about_again_after_its_answer_has_expired(
    ocsp: Checks, clock: Clock
) -> None:
    ocsp.server.handlers["ocsp/root"] = OCSPAnswer(
        ocsp.chain.root, next_update=timedelta(minutes=1)
    )
    async with ocsp.checker(clock=clock) as revocation:
        await revocation.check(ocsp.path, at=NOW)
        clock.forward(minutes=1)
        await revocation.check(ocsp.path, at=NOW)
    assert ocsp.server.asked.count("ocsp/root") == 2


async def test_without_its_root_the_issuing_ca_is_not_asked_about(
    ocsp: Checks, crl: Checks
) -> None:
    for checks in (ocsp, crl):
        await checks.accept(checks.leaf_alone)
    assert ocsp.server.asked == ["ocsp/issuing", "crl/issuing.crl"]


async def test_an_issuing_ca_that_is_not_known_to_be_good_is_refused(
    ocsp: Checks,
) -> None:
    # The issuing CA signs the response about itself.
    ocsp.server.handlers["ocsp/root"] = OCSPAnswer(ocsp.chain.ca)
    async with ocsp.checker() as revocation:
        for _ in range(2):
            with pytest.raises(UserCertificateOCSPCheckFailedError) as caught:
                await revocation.check(ocsp.path, at=NOW)
            assert caught.value.reason == "responder-not-authorised"


@pytest.mark.parametrize("by", ["ocsp", "both", "ocsp-or-crl"])
async def test_an_issuing_ca_that_names_no_responder_is_looked_up_in_its_roots_list(
    server: Server, root: CA, by: str
) -> None:
    points = distribution_points(f"{server.address}/crl/root.crl")
    ca = make_ca(root, extra=[("2.5.29.31", points)])
    leaf = ca.issue(
        key("P-384"),
        serial_number=LEAF_SERIAL,
        extra=addresses(server.address, "issuing"),
    )
    checks = Checks(server, Chain(server.address, root, ca, leaf), by)
    server.handlers = {
        "ocsp/issuing": OCSPAnswer(ca),
        "crl/issuing.crl": List(ca),
        "crl/root.crl": List(root),
    }
    await checks.accept()
    server.handlers["crl/root.crl"] = List(root, serials=[CA_SERIAL])
    assert "issuing CA" in await checks.revoked()


# --- addresses


async def test_a_certificate_without_an_address_is_refused(
    root: CA, server: Server
) -> None:
    chain = Chain.create(server.address, root, extra=())
    for by in ("ocsp", "ocsp-or-crl"):
        checks = Checks(server, chain, by)
        await checks.refuse("no-address", checks.leaf_alone, kind="ocsp")


async def test_logs_name_no_person(
    ocsp: Checks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ocsp.answer(nonce=None)
    ocsp.server.handlers["crl/issuing.crl"] = List(ocsp.chain.ca)
    await ocsp.accept(by="ocsp-or-crl")
    assert "nonce" in caplog.text
    assert SURNAME not in caplog.text and SATU not in caplog.text


def test_how_to_check_is_one_of_four() -> None:
    with pytest.raises(ValueError, match="ocsp-or-crl"):
        Revocation(by="none")  # type: ignore[arg-type] # that is what is tested
