# SPDX-License-Identifier: MIT
"""Nothing that a browser or a client sends is a server error."""

import base64
import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws

from tests.openid.provider import (
    CALLBACK,
    CLIENT_KEY,
    ISSUER,
    SECRET,
    LocalOP,
    asked,
    assertion,
    basic,
)

PATHS = [
    "/authorize", "/par", "/token", "/userinfo", "/logout", "/jwks", "/healthz",
    "/.well-known/openid-configuration", "/login/" + "x" * 43,
    "/login/" + "x" * 43 + "/done", "/static/x", "/",
]  # fmt: skip
NAMES = [
    "client_id", "redirect_uri", "response_type", "response_mode", "scope", "state",
    "nonce", "code_challenge", "code_challenge_method", "prompt", "max_age", "request",
    "request_uri", "registration", "ui_locales", "login_hint", "acr_values", "lang",
    "grant_type", "code", "code_verifier", "client_secret", "client_assertion",
    "client_assertion_type", "id_token_hint", "post_logout_redirect_uri", "claims",
]  # fmt: skip
GOOD = asked()[1] | {
    "grant_type": "authorization_code",
    "code": "c" * 48,
    "code_verifier": "v" * 43,
}
#: Headers of a JWS that libraries stumble over, and JSON of great depth.
_ODD = st.tuples(
    st.sampled_from(["crit", "b64", "kid", "zip", "{x}", "jwk", "alg"]),
    st.sampled_from(["5", "null", "true", '[["a"]]', "{}", '"\\ud800"', "[" * 2000]),
    st.sampled_from(['{"sub":"office"}', "[" * 2000, "null", '{"sub":["office"]}']),
).map(
    lambda each: ".".join(
        base64.urlsafe_b64encode(part.encode()).decode().rstrip("=")
        for part in (f'{{"alg":"ES256","{each[0]}":{each[1]}}}', each[2], "x" * 64)
    )
)
_JWT = st.lists(st.binary(max_size=60), min_size=1, max_size=4).map(
    lambda parts: ".".join(base64.urlsafe_b64encode(p).decode() for p in parts)
)
VALUES = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "shop",
            "office",
            "post",
            CALLBACK,
            "code",
            "openid",
            "S256",
            "none",
            "0",
            "-1",
            "9" * 20,
            SECRET,
            "urn:ietf:params:oauth:request_uri:x",
            "%",
            '"',
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "\0",
            "\ud7ff",
        ]
    ),
    _JWT,
    _ODD,
)
FORMS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            ["Authorization", "Cookie", "Accept-Language", "Origin", "Accept"]
        ),
        st.one_of(
            st.text(st.characters(max_codepoint=255), max_size=60),
            # Bytes that are no UTF-8, as servers hand them over.
            st.sampled_from(["Bearer \udcff", "Basic \udcff", "\udcff", "a;q=\udcff"]),
            st.sampled_from([basic(), "Basic", "Bearer x", "null", "text/html", "*"]),
            _JWT.map(lambda text: f"Bearer {text}"),
            st.binary(max_size=40).map(
                lambda each: "Basic " + base64.b64encode(each).decode()
            ),
        ),
    ),
    max_size=3,
)


@settings(max_examples=400)
@given(
    path=st.sampled_from(PATHS),
    method=st.sampled_from(["GET", "POST", "HEAD", "PUT"]),
    good=st.sets(st.sampled_from(sorted(GOOD))),
    form=FORMS,
    headers=HEADERS,
    raw=st.one_of(st.none(), st.binary(max_size=80)),
)
async def test_no_request_is_a_server_error(
    op: LocalOP,
    path: str,
    method: str,
    good: set[str],
    form: dict[str, str],
    headers: list[tuple[str, str]],
    raw: bytes | None,
) -> None:
    fields: dict[str, Any] = {name: GOOD[name] for name in good} | form
    text = urlencode(fields, errors="replace")
    body = raw if raw is not None else text.encode()
    kind = ("Content-Type", "application/x-www-form-urlencoded")
    if method == "POST":
        answer = await op.send(method, path, body=body, headers=[kind, *headers])
    else:
        query = text if raw is None else quote(raw, safe="&=+")
        answer = await op.send(method, path, query=query, headers=headers)
    assert answer.status < 500
    for location in answer.headers.all("Location"):
        assert location.startswith((CALLBACK + "&", "/openid/login/", "https://login."))
        assert not set(location) & {"\r", "\n", " "}


@settings(max_examples=150)
@given(
    claims=st.dictionaries(
        st.sampled_from(["iss", "sub", "aud", "exp", "iat", "nbf", "jti"]),
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(allow_nan=False),
            st.text(max_size=20),
            st.lists(st.text(max_size=5), max_size=3),
            st.just({}),
        ),
        max_size=4,
    )
)
async def test_no_assertion_is_a_server_error(
    op: LocalOP, claims: dict[str, Any]
) -> None:
    bearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    answer = await op.token(
        "c" * 48,
        "v" * 43,
        authorization="",
        client_assertion_type=bearer,
        client_assertion=assertion(**claims),
    )
    assert answer.status in {400, 401}


@settings(max_examples=150)
@given(
    path=st.sampled_from(["/token", "/par"]), text=st.one_of(_ODD, _JWT.filter(bool))
)
async def test_no_text_in_an_assertion_s_place_is_a_server_error(
    op: LocalOP, path: str, text: str
) -> None:
    bearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    form = {"client_assertion_type": bearer, "client_assertion": text}
    assert (await op.post(path, form)).status in {400, 401}
    query = urlencode({"id_token_hint": text})
    assert (await op.send("GET", "/logout", query=query)).status == 400


BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DEEP = b"[" * 5000


def compact(header: bytes, payload: bytes) -> str:
    """Return a JWS of any bytes, with a signature that verifies nothing."""
    parts = (header, payload, b"x" * 64)
    return ".".join(base64.urlsafe_b64encode(p).decode().rstrip("=") for p in parts)


MALFORMED = [
    compact(b'{"alg":"ES256"}', DEEP),
    compact(b'{"alg":' + DEEP, b"{}"),
    *(
        compact(b'{"alg":"ES256",' + more + b"}", b'{"sub":"office","iss":"office"}')
        for more in (
            b'"crit":5',
            b'"crit":null',
            b'"crit":true',
            b'"crit":[["a"]]',
            b'"zip":"x"',
            b'"kid":["x"]',
            b'"{0}":1',
        )
    ),
]


@pytest.mark.parametrize("text", MALFORMED, ids=range(len(MALFORMED)))
async def test_a_malformed_token_is_the_client_s_mistake(
    op: LocalOP, text: str
) -> None:
    form = {"client_assertion_type": BEARER, "client_assertion": text}
    for path in ("/token", "/par"):
        assert (await op.post(path, form)).status in {400, 401}
    query = urlencode({"id_token_hint": text})
    assert (await op.send("GET", "/logout", query=query)).status == 400


async def test_bytes_that_are_no_text_are_the_client_s_mistake(op: LocalOP) -> None:
    assert (await op.userinfo("\udcff")).status == 401
    claims = {"iss": "office", "sub": "office", "aud": ISSUER}
    expiry = int(op.clock()) + 60
    text = json.dumps({**claims, "exp": expiry, "jti": "\ud800"})
    header = {"alg": "ES256", "kid": "client-1"}
    used = jws.serialize_compact(header, text.encode(), CLIENT_KEY)
    form = {"client_assertion_type": BEARER, "client_assertion": used}
    assert (await op.post("/par", form)).status == 400
