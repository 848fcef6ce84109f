# SPDX-License-Identifier: MIT
"""Signed requests to log in (RFC 9101), and what forgers do with them."""

import base64
import hmac
import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey, KeySet

from kortilla.openid.clients.tokens import signing_keys, verify
from tests.openid.conftest import MakeOP
from tests.openid.profiles.parties import (
    BROKER_CALLBACK,
    ENCODING,
    SEALING,
    SIGNING,
    ask,
    assertion,
    broker,
    raw_signed,
    redeem,
    request_claims,
    request_object,
    rsa_keys,
    signed,
)
from tests.openid.provider import ISSUER, Answer, Browser, FromNow, LocalOP


def assert_refused(answer: Answer, said: str, status: int = 400) -> None:
    """Check that a request ends on our own page, which says why."""
    assert (answer.status, answer.headers.all("Location")) == (status, [])
    assert said in answer.text, answer.text


async def test_what_is_signed_counts_and_nothing_beside_it(
    op: LocalOP, browser: Browser
) -> None:
    page = await ask(
        browser,
        request_object(),
        state="another",
        redirect_uri="https://evil.example/",
        scope="email",
        prompt="none",
    )
    back = await browser.log_in(page.location)
    assert back.location.startswith(BROKER_CALLBACK)
    assert back.parameters["state"] == "a state"
    assert (await redeem(op, "broker", back.parameters["code"])).status == 200


@pytest.mark.parametrize("way", ["link", "form", "push"])
async def test_a_request_works_once(op: LocalOP, browser: Browser, way: str) -> None:
    text = request_object()

    async def send() -> Answer:
        form = {"client_id": "broker", "request": text}
        if way == "link":
            return await ask(browser, text)
        if way == "form":
            return await browser.submit("/authorize", form, "https://broker.example")
        return await op.post("/par", {**form, **assertion("broker")})

    assert (await send()).status == (201 if way == "push" else 303)
    answer = await send()
    assert answer.status == 400
    assert "request was used before" in answer.text
    # Also when another object has the same jti, and until it would expire.
    jti = "the same"
    assert (await ask(browser, request_object(jti=jti))).status == 303
    op.clock.ahead += 200
    assert_refused(await ask(browser, request_object(jti=jti)), "used before")


async def test_an_object_without_a_jti_works_once_too(browser: Browser) -> None:
    text = request_object(jti=None)
    assert (await ask(browser, text)).status == 303
    # Its ECDSA signature can be written in another way without the key.
    start, _, signature = text.rpartition(".")
    number = base64.urlsafe_b64decode(signature + "==")
    s = int.from_bytes(number[32:], "big")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    other = base64.urlsafe_b64encode(number[:32] + (order - s).to_bytes(32, "big"))
    for each in (text, f"{start}.{other.decode().rstrip('=')}"):
        assert_refused(await ask(browser, each), "used before")
    assert (await ask(browser, request_object(jti=None, state="b"))).status == 303


async def test_a_pushed_object_begins_a_login(op: LocalOP, browser: Browser) -> None:
    # Only the object counts here too.
    form = {"request": request_object(), "state": "another", **assertion("broker")}
    pushed = await op.post("/par", form)
    assert pushed.status == 201
    uri = pushed.json["request_uri"]
    query = f"/authorize?client_id=broker&request_uri={uri}"
    back = await browser.log_in((await browser.send("GET", query)).location)
    assert back.parameters["state"] == "a state"


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("iss", [None, "shop", ["broker"], 5], "iss in request is not the client"),
        ("client_id", [None, "bank", ["broker"]], "client_id in request is not"),
        ("aud", [None, "https://other.example", [], {}, 5], "aud in request is not"),
        ("aud", [["https://other.example"], [[ISSUER]], ISSUER + "/"], "aud in"),
        ("exp", [None, "soon", True, FromNow(0.5), 1e300], "exp in request is not a"),
        (
            "exp",
            [FromNow(-90), FromNow(40_000), -1, 10**400, -(10**400)],
            "exp in request is past, or over",
        ),
        ("nbf", ["x", [], False], "nbf in request is not a number"),
        ("nbf", [FromNow(6000)], "begins later"),
        ("iat", [FromNow(6000), 10**400], "begins later"),
        ("jti", ["", 5, "j" * 257], "jti in request is not"),
        ("sub", ["broker"], "request has sub in it"),
        ("request", ["a.b.c"], "request has request in it"),
        ("request_uri", ["urn:x"], "request has request_uri in it"),
        ("scope", [["openid"], True, 1.5], "neither text nor number"),
        ("claims", [["x"]], "neither text nor number"),
        ("redirect_uri", [None, "https://evil.example/"], "redirect_uri is missing"),
    ],
)
async def test_an_object_that_is_wrong_in_one_way_is_refused(
    browser: Browser, name: str, values: list[Any], said: str
) -> None:
    for value in values:
        answer = await ask(browser, request_object(**{name: value}))
        assert_refused(answer, said)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": [ISSUER, "https://other.example"]},
        {"nbf": FromNow(8), "iat": FromNow(8)},
        {"nbf": None, "iat": None},
        {"max_age": 300, "claims": {"userinfo": {"name": None}}},
    ],
)
async def test_what_other_clients_send_is_taken(
    browser: Browser, changes: dict[str, Any]
) -> None:
    assert "/login/" in (await ask(browser, request_object(**changes))).location


@pytest.mark.parametrize("typ", ["JWT", "jwt", "application/oauth-authz-req+jwt", None])
async def test_the_type_is_that_of_requests(browser: Browser, typ: str | None) -> None:
    assert (await ask(browser, request_object({"typ": typ}))).status == 303


def confused() -> dict[str, str]:
    """Return objects whose header lies, by what they try."""
    claims = request_claims()
    content = json.dumps(claims).encode()
    head = {"alg": "ES256", "kid": "sig"}
    good = request_object()
    body = good.split(".")[1]

    def encoded(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).decode().rstrip("=")

    def written(**header: Any) -> str:
        return encoded(json.dumps(header).encode())

    def by_secret(secret: bytes) -> str:
        start = f"{written(alg='HS256', kid='sig')}.{body}"
        mac = hmac.digest(secret, start.encode(), "sha256")
        return f"{start}.{encoded(mac)}"

    algorithms = ["ECDH-ES", ENCODING, "dir"]
    nested = jwe.encrypt_compact(
        {"alg": "ECDH-ES", "enc": ENCODING, "cty": "JWT"}, good, SEALING, algorithms
    )
    stranger = ECKey.generate_key("P-256", {"kid": "sig"})
    bomb = zlib.compress(b"0" * 10_000_000)
    return {
        "none": f"{written(alg='none')}.{body}.",
        "the public key as a secret": by_secret(SIGNING.as_pem(private=False)),
        "another key": signed(stranger, claims),
        "its own key": signed(
            stranger, claims, {"jwk": stranger.as_dict(private=False)}
        ),
        "the key that decrypts": raw_signed(SEALING, {**head, "kid": "enc"}, content),
        "another algorithm": signed(rsa_keys()[0], claims, {"alg": "PS256"}),
        "RS256": signed(rsa_keys()[0], claims, {"alg": "RS256"}),
        "crit": raw_signed(SIGNING, {**head, "crit": ["exp"]}, content),
        "crit of b64": raw_signed(SIGNING, {**head, "crit": ["b64"]}, content),
        "b64": raw_signed(SIGNING, {**head, "b64": False}, content),
        "b64 and crit": raw_signed(
            SIGNING, {**head, "b64": False, "crit": ["b64"]}, content
        ),
        "zip": raw_signed(SIGNING, {**head, "zip": "DEF"}, bomb[:9000]),
        "cty": raw_signed(SIGNING, {**head, "cty": "JWT"}, content),
        "nested": raw_signed(SIGNING, head, good.encode()),
        "encrypted": nested,
        "p2c": written(alg="PBES2-HS512+A256KW", enc=ENCODING, p2c=2**31, p2s="AAAA")
        + ".AAAA" * 4,
        "another type": signed(SIGNING, claims, {"typ": "dpop+jwt"}),
        "a type that is no text": raw_signed(SIGNING, {**head, "typ": 5}, content),
        "a list": raw_signed(SIGNING, head, b"[]"),
        "a depth": raw_signed(SIGNING, head, b"[" * 5000),
        "no JSON": raw_signed(SIGNING, head, b"\xff"),
        "cut off": good[:-8],
        "two of them": f"{good}.{good}",
        "another order": ".".join(reversed(good.split("."))),
        "an assertion": assertion("broker")["client_assertion"],
        "no token": "x",
    }


async def test_nothing_but_the_client_s_own_signature_is_taken(
    op: LocalOP, browser: Browser
) -> None:
    for name, text in confused().items():
        answer = await ask(browser, text)
        assert (answer.status, answer.headers.all("Location")) == (400, []), name
        assert "invalid_request_object" in answer.text, name
        pushed = await op.post("/par", {"request": text, **assertion("broker")})
        assert pushed.status == 400, name
        assert pushed.json["error"] == "invalid_request_object", name


def test_a_key_that_decrypts_verifies_nothing() -> None:
    """Not even if it is the only one. A key to sign needs no name beside it."""

    def verified(key: ECKey, *registered: ECKey) -> object:
        text = raw_signed(key, {"alg": "ES256"}, b'{"a":1}')
        keys = signing_keys(KeySet([*registered]))
        return verify(text, keys, ["ES256"], types=("",)).claims

    for registered in ([SEALING], [SIGNING, SEALING]):
        with pytest.raises(ValueError, match="no valid token"):
            verified(SEALING, *registered)
    assert verified(SIGNING, SIGNING, SEALING) == {"a": 1}


async def test_a_request_object_is_no_assertion(op: LocalOP) -> None:
    claims = request_claims(sub="broker")
    for typ in ("oauth-authz-req+jwt", "dpop+jwt"):
        form = assertion("broker")
        form["client_assertion"] = signed(SIGNING, claims, {"typ": typ})
        answer = await op.post("/par", form)
        assert (answer.status, answer.json["error"]) == (400, "invalid_client")


async def test_a_client_that_signs_can_not_be_made_not_to(
    op: LocalOP, browser: Browser
) -> None:
    claims = request_claims()
    form = {name: str(claims[name]) for name in claims if name not in {"aud", "exp"}}
    query = "&".join(f"{name}={value}" for name, value in form.items())
    answer = await browser.send("GET", f"/authorize?{query}")
    assert answer.parameters["error"] == "invalid_request"
    assert "request is missing" in answer.parameters["error_description"]
    pushed = await op.post("/par", {**form, **assertion("broker")})
    assert pushed.json["error"] == "invalid_request"
    for name in ("urn:ietf:params:oauth:request_uri:x", "https://evil.example/"):
        answer = await ask(browser, request_object(), request_uri=name)
        assert_refused(answer, "request_uri")


async def test_a_request_of_another_client_is_refused(
    op: LocalOP, browser: Browser, make_op: MakeOP, keyed: Path
) -> None:
    # Both have the same keys, as two clients of one operator may.
    other = make_op(clients=[broker(), broker(id="other")])
    answer = await Browser(other).send(
        "GET", f"/authorize?client_id=other&request={request_object()}"
    )
    assert_refused(answer, "iss in request is not the client")
    answer = await browser.send(
        "GET", f"/authorize?client_id=shop&request={request_object()}"
    )
    assert_refused(answer, "redirect_uri is missing")


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
async def test_a_client_signs_by_the_algorithm_that_it_has(
    make_op: MakeOP, keyed: Path, algorithm: str
) -> None:
    op = make_op(clients=[broker(request_object_signing_alg=algorithm)])
    text = signed(rsa_keys()[0], request_claims(), {"alg": algorithm})
    assert (await ask(Browser(op), text)).status == 303
    assert_refused(await ask(Browser(op), request_object()), "invalid_request_object")
