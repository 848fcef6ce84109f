# SPDX-License-Identifier: MIT
"""Revocation by OCSP: valid responses, and who may sign them."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from aiohttp import web
from asn1crypto import core, ocsp, x509

from kortilla.errors import (
    UserCertificateOCSPCheckFailedError,
    UserCertificateRevokedError,
)
from kortilla.revocation import UNCHECKED
from kortilla.revocation.certificates import Subject
from kortilla.revocation.interface import NoAnswerError
from kortilla.revocation.ocsp import Rules, build_request, judge
from tests.kortilla.pki import CA, NOW, SERVER_AUTH, SURNAME, key
from tests.kortilla.responder import (
    OTHER_SERIAL,
    Chain,
    List,
    OCSPAnswer,
    Server,
    checker_by,
    make_ca,
)
from tests.kortilla.revocation_checks import accepted, refused, well

MINUTE = timedelta(minutes=1)


@pytest.fixture
def chain(server: Server, root: CA) -> Chain:
    """A valid chain with OCSP."""
    return well(server, root, by="ocsp")


checker = partial(checker_by, by="ocsp")
acceptance, refusal = partial(accepted, by="ocsp"), partial(refused, by="ocsp")


# --- good


async def test_good_by_the_ca_itself(chain: Chain, server: Server) -> None:
    await acceptance(chain.path)
    assert sorted(server.asked) == ["ocsp/issuing", "ocsp/root"]
    for request in server.requests:
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
    chain: Chain, server: Server, kind: str, algorithm: str, by_key: bool
) -> None:
    delegate = chain.delegate(key=key(kind))
    server.handlers["ocsp/issuing"] = OCSPAnswer(
        chain.ca, signer=delegate, algorithm=algorithm, by_key=by_key
    )
    await acceptance(chain.path)


@pytest.mark.parametrize(
    "right",
    [
        {"this_update": -2 * MINUTE},
        {"this_update": 15 * MINUTE},
        {"this_update": -2 * MINUTE, "next_update": -MINUTE},
        {"next_update": MINUTE},
        {"by_key": True},
    ],
    ids=str,
)
async def test_good_at_the_edges_of_what_is_allowed(
    chain: Chain, server: Server, right: dict[str, Any]
) -> None:
    server.handlers["ocsp/issuing"] = OCSPAnswer(chain.ca, **right)
    await acceptance(chain.path)


async def test_each_request_has_32_new_octets_of_nonce(
    chain: Chain, server: Server
) -> None:
    bodies = []
    answer = OCSPAnswer(chain.ca)

    async def remember(request: web.Request) -> web.StreamResponse:
        bodies.append(await request.read())
        return await answer(request)

    server.handlers["ocsp/issuing"] = remember
    async with checker() as revocation:
        for _ in range(3):
            await revocation.check(chain.path, at=NOW)
    nonces = {ocsp.OCSPRequest.load(body).nonce_value.native for body in bodies}
    assert len(nonces) == 3
    assert {len(nonce) for nonce in nonces} == {32}


async def test_a_responder_without_nonces_is_taken_where_asked_for(
    chain: Chain, server: Server
) -> None:
    server.handlers["ocsp/issuing"] = OCSPAnswer(chain.ca, nonce=None)
    await acceptance(chain.path, require_nonce=False)
    # A wrong nonce is an error even then.
    server.handlers["ocsp/issuing"] = OCSPAnswer(chain.ca, nonce=bytes(32))
    assert (await refusal(chain.path, require_nonce=False)).reason == "nonce-mismatch"


async def test_unchecked_accepts_what_is_revoked(chain: Chain, server: Server) -> None:
    await UNCHECKED.check(chain.path, at=NOW)
    assert server.asked == []


# --- revoked


async def test_a_revoked_leaf_is_refused(chain: Chain, server: Server) -> None:
    server.handlers["ocsp/issuing"] = OCSPAnswer(chain.ca, status="revoked")
    async with checker() as revocation:
        with pytest.raises(UserCertificateRevokedError) as caught:
            await revocation.check(chain.path, at=NOW)
    assert "127.0.0.1" in str(caught.value)
    assert SURNAME not in str(caught.value)


async def test_a_revoked_issuing_ca_is_refused(chain: Chain, server: Server) -> None:
    server.handlers["ocsp/root"] = OCSPAnswer(chain.root, status="revoked")
    async with checker() as revocation:
        for _ in range(2):
            with pytest.raises(UserCertificateRevokedError, match="issuing CA"):
                await revocation.check(chain.path, at=NOW)


async def test_being_revoked_or_unknown_is_final_whatever_the_list_says(
    chain: Chain, server: Server
) -> None:
    server.handlers["crl/issuing.crl"] = List(chain.ca)
    async with checker(by="ocsp-or-crl") as revocation:
        server.handlers["ocsp/issuing"] = OCSPAnswer(chain.ca, status="revoked")
        with pytest.raises(UserCertificateRevokedError):
            await revocation.check(chain.path, at=NOW)
        server.handlers["ocsp/issuing"] = OCSPAnswer(chain.ca, status="unknown")
        with pytest.raises(UserCertificateOCSPCheckFailedError) as caught:
            await revocation.check(chain.path, at=NOW)
    assert caught.value.reason == "unknown"
    assert "crl/issuing.crl" not in server.asked


# --- responses that differ from the request


CRITICAL = {
    "extn_id": "1.2.246.517.99.1",
    "critical": True,
    "extn_value": core.ParsableOctetString(b"\x05\x00"),
}

CONTENT = {
    "no nonce": ({"nonce": None}, "nonce-missing"),
    "another request's nonce": ({"nonce": bytes(32)}, "nonce-mismatch"),
    "a short nonce": ({"nonce": b"\0"}, "nonce-mismatch"),
    "121 seconds old": ({"this_update": -timedelta(seconds=121)}, "too-old"),
    "a day old": ({"this_update": -timedelta(days=1)}, "too-old"),
    "expired": (
        {"this_update": -MINUTE, "next_update": -16 * MINUTE},
        "expired",
    ),
    "ends before it begins": (
        {"this_update": MINUTE, "next_update": -MINUTE},
        "expired",
    ),
    "from the future": ({"this_update": 16 * MINUTE}, "from-the-future"),
    "made in the future": ({"produced_at": 16 * MINUTE}, "from-the-future"),
    "made long before what it tells": (
        {"produced_at": -timedelta(days=1)},
        "not-ocsp",
    ),
    "about another certificate": ({"serial": OTHER_SERIAL}, "wrong-certificate"),
    "about another CA's": ({"issuer_hash": bytes(20)}, "wrong-certificate"),
    "about nothing": ({"times": 0}, "wrong-certificate"),
    "saying it twice": ({"times": 2}, "wrong-certificate"),
    "signed with SHA-1": ({"algorithm": "sha1_ecdsa"}, "signature-algorithm"),
    "signed by a stranger": ({"signing_key": key("P-384")}, "signature"),
    "signed by a stranger of another kind": (
        {"signing_key": key("RSA-2048"), "algorithm": "sha256_rsa"},
        "signature",
    ),
    "an extension that must be known": (
        {"extensions": [CRITICAL]},
        "critical-extension",
    ),
    "status unknown": ({"status": "unknown"}, "unknown"),
    "revoked, by a stranger": (
        {"status": "revoked", "signing_key": key("P-384")},
        "signature",
    ),
}


@pytest.mark.parametrize("lie", CONTENT)
async def test_what_an_answer_says_wrong_is_named(
    chain: Chain, server: Server, lie: str
) -> None:
    wrong, reason = CONTENT[lie]
    server.handlers["ocsp/issuing"] = OCSPAnswer(chain.ca, **wrong)  # type: ignore[arg-type] # a table of all kinds
    assert (await refusal(chain.path)).reason == reason


async def test_an_answer_past_its_end_is_refused_however_old_it_may_be(
    chain: Chain, server: Server
) -> None:
    options: dict[str, Any] = {"max_age": timedelta(days=1)}
    for minutes, reason in ((-16, "expired"), (-15, None)):
        server.handlers["ocsp/issuing"] = OCSPAnswer(
            chain.ca, this_update=-60 * MINUTE, next_update=minutes * MINUTE
        )
        if reason:
            assert (await refusal(chain.path, **options)).reason == reason
            continue
        await acceptance(chain.path, **options)


async def test_an_older_answer_played_back_is_refused(
    chain: Chain, server: Server
) -> None:
    """The response was valid, but half a minute later the request has another nonce."""
    answer = OCSPAnswer(chain.ca)
    recorded: list[bytes] = []

    async def replay(request: web.Request) -> web.StreamResponse:
        if not recorded:
            recorded.append(answer.encode(await request.read()))
        return web.Response(body=recorded[0])

    server.handlers["ocsp/issuing"] = replay
    now = [NOW]
    async with checker(clock=lambda: now[0]) as revocation:
        await revocation.check(chain.path, at=NOW)
        now[0] += timedelta(seconds=30)
        with pytest.raises(UserCertificateOCSPCheckFailedError) as caught:
            await revocation.check(chain.path, at=NOW)
    assert caught.value.reason == "nonce-mismatch"


# --- who signed


Delegation = Callable[[Chain], dict[str, Any]]


def delegated(**options: Any) -> Delegation:
    """Return a function that has a responder answer that is unlike a right one."""
    return lambda chain: {"signer": chain.delegate(**options)}


OTHER_NAME = x509.Name.build({"common_name": "SPECIMEN Other"})
UNAUTHORISED: dict[str, Delegation] = {
    "not for OCSP": delegated(extended_key_usage=SERVER_AUTH),
    "for nothing in particular": delegated(extended_key_usage=None),
    "a person's card": lambda chain: {"signer": chain.leaf},
    "key not for signing": delegated(key_usage=bytes.fromhex("03020308")),
    "of the root": lambda chain: delegated(by=chain.root)(chain),
    "of a CA of the same name": lambda chain: delegated(by=make_ca(chain.root))(chain),
    "expired": delegated(not_after=NOW - MINUTE),
    "not valid yet": delegated(not_before=NOW + MINUTE),
    "certificate missing": lambda chain: {
        "signer": chain.delegate(),
        "certificates": (),
    },
    "another responder's certificate": lambda chain: {
        "signer": chain.delegate(),
        "certificates": [chain.delegate(subject_name=OTHER_NAME).der],
    },
}
DELEGATION: dict[str, tuple[Delegation, str]] = {
    **{who: (make, "responder-not-authorised") for who, make in UNAUTHORISED.items()},
    "another key": (
        lambda chain: {"signer": chain.delegate(), "signing_key": key("P-521")},
        "signature",
    ),
    "SHA-1": (
        lambda chain: {"signer": chain.delegate(), "algorithm": "sha1_ecdsa"},
        "signature-algorithm",
    ),
    "a short RSA key": (
        lambda chain: {
            "signer": chain.delegate(key=key("RSA-1024")),
            "algorithm": "sha256_rsa",
        },
        "signature-algorithm",
    ),
}


@pytest.mark.parametrize("who", DELEGATION)
async def test_who_may_not_answer_for_the_ca_is_refused(
    chain: Chain, server: Server, who: str
) -> None:
    make, reason = DELEGATION[who]
    wrong: dict[str, Any] = {"algorithm": "sha256_ecdsa"} | make(chain)
    server.handlers["ocsp/issuing"] = OCSPAnswer(chain.ca, **wrong)
    assert (await refusal(chain.path)).reason == reason


async def test_a_responder_that_could_be_revoked_is_looked_up_in_its_cas_list(
    chain: Chain, server: Server
) -> None:
    delegate = chain.delegate(extra=())  # without id-pkix-ocsp-nocheck
    server.handlers["ocsp/issuing"] = OCSPAnswer(
        chain.ca, signer=delegate, algorithm="sha256_ecdsa"
    )
    error = await refusal(chain.path)
    assert error.reason == "responder-not-authorised"  # no list exists
    server.handlers["crl/issuing.crl"] = List(chain.ca)
    await acceptance(chain.path)
    server.handlers["crl/issuing.crl"] = List(chain.ca, serials=[0xDE1E])
    error = await refusal(chain.path)
    assert error.reason == "responder-not-authorised"
    assert "revoked" in str(error)


# --- garbage


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (1, "malformed request"),
        (2, "internal error"),
        (3, "try later"),
        (5, "sign required"),
        (6, "unauthorized"),
    ],
)
async def test_an_unsuccessful_answer_says_which(
    chain: Chain, server: Server, status: int, words: str
) -> None:
    async def fail(_: web.Request) -> web.StreamResponse:
        return web.Response(body=bytes((0x30, 3, 0x0A, 1, status)))

    server.handlers["ocsp/issuing"] = fail
    error = await refusal(chain.path)
    assert error.reason == "unsuccessful"
    assert words in str(error)


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


@pytest.mark.parametrize("what", GARBAGE)
async def test_garbage_is_not_ocsp(chain: Chain, server: Server, what: str) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=GARBAGE[what])

    server.handlers["ocsp/issuing"] = answer
    assert (await refusal(chain.path)).reason == "not-ocsp"


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
