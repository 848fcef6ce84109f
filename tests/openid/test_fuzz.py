# SPDX-License-Identifier: MIT
"""Nothing that a browser or a client sends is a server error."""

import base64
import contextlib
import itertools
import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws

from kortilla.openid.clients.authorization import Wanted
from kortilla.openid.clients.keys import read_keys
from tests.openid.provider import (
    BEARER,
    CALLBACK,
    CLIENT_KEY,
    FORM,
    ISSUER,
    SECRET,
    LocalOP,
    asked,
    assertion,
    basic,
)

PATHS = [
    *("/authorize", "/par", "/token", "/userinfo", "/logout", "/jwks", "/healthz"),
    *("/.well-known/openid-configuration", "/static/x", "/"),
    *("/login/" + "x" * 43, "/login/" + "x" * 43 + "/done"),
]
NAMES = (
    "client_id redirect_uri response_type response_mode scope state nonce "
    "code_challenge code_challenge_method prompt max_age request request_uri "
    "registration ui_locales login_hint acr_values lang grant_type code code_verifier "
    "client_secret client_assertion client_assertion_type id_token_hint "
    "post_logout_redirect_uri claims"
)
GOOD = asked()[1] | {
    "grant_type": "authorization_code",
    "code": "c" * 48,
    "code_verifier": "v" * 43,
}


def compact(header: str, payload: str) -> str:
    """Return a JWS of any texts, with a signature that verifies nothing."""
    parts = (header, payload, "x" * 64)
    encoded = (base64.urlsafe_b64encode(p.encode()).decode() for p in parts)
    return ".".join(each.rstrip("=") for each in encoded)


#: Headers of a JWS that libraries stumble over, and JSON of great depth.
ODD = [
    compact(f'{{"alg":"ES256","{name}":{value}}}', payload)
    for name, value, payload in itertools.product(
        ["crit", "b64", "kid", "zip", "{0}", "jwk", "alg"],
        ["5", "null", "true", '[["a"]]', "{}", '"\\ud800"', "[" * 5000],
        ['{"sub":"office"}', "[" * 5000, "null", '{"sub":["office"]}'],
    )
]
_JWT = st.lists(st.binary(max_size=60), min_size=1, max_size=4).map(
    lambda parts: ".".join(base64.urlsafe_b64encode(p).decode() for p in parts)
)
VALUES = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            *("shop", "office", "post", CALLBACK, "code", "openid", "S256", "none"),
            *("0", "-1", "9" * 20, SECRET, "urn:ietf:params:oauth:request_uri:x"),
            *("%", '"', BEARER, "\0", "\ud7ff"),
        ]
    ),
    _JWT,
    st.sampled_from(ODD),
)
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
    form=st.dictionaries(st.sampled_from(NAMES.split()), VALUES, max_size=8),
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
    if method == "POST":
        body = raw if raw is not None else text.encode()
        headers = [("Content-Type", FORM), *headers]
        answer = await op.send(method, path, body=body, headers=headers)
    else:
        query = text if raw is None else quote(raw, safe="&=+")
        answer = await op.send(method, path, query=query, headers=headers)
    assert answer.status < 500
    for location in answer.headers.all("Location"):
        assert location.startswith((CALLBACK + "&", "/openid/login/", "https://login."))
        assert not set(location) & {"\r", "\n", " "}


_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=8),
    st.sampled_from(["EC", "RSA", "oct", "P-256", "AQAB", "a" * 43, "sig", "enc"]),
)
_NAMED = (
    "userinfo id_token sub acr value values essential keys kty crv x y n e d kid use"
)


def _objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(_NAMED.split())
    return st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=6)
    )


@settings(max_examples=300)
@given(content=st.recursive(_LEAVES, _objects, max_leaves=12), wrapped=st.booleans())
def test_no_claims_and_no_keys_are_another_error(content: Any, wrapped: bool) -> None:
    text = json.dumps({"keys": [content]} if wrapped else content)
    for read in (Wanted.read, read_keys):
        with contextlib.suppress(ValueError):
            read(text)


@settings(max_examples=150)
@given(
    claims=st.dictionaries(
        st.sampled_from(["iss", "sub", "aud", "exp", "iat", "nbf", "jti"]),
        st.one_of(
            *(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False)),
            *(st.text(max_size=20), st.lists(st.text(max_size=5), max_size=3)),
            st.just({}),
        ),
        max_size=4,
    )
)
async def test_no_assertion_is_a_server_error(
    op: LocalOP, claims: dict[str, Any]
) -> None:
    form = {"client_assertion_type": BEARER, "client_assertion": assertion(**claims)}
    answer = await op.token("c" * 48, "v" * 43, authorization="", **form)
    assert answer.status in {400, 401}


@pytest.mark.parametrize("path", ["/token", "/par", "/logout"])
async def test_a_malformed_token_is_the_client_s_mistake(
    op: LocalOP, path: str
) -> None:
    for text in ODD:
        if path == "/logout":
            query = urlencode({"id_token_hint": text})
            statuses, answer = {400}, await op.send("GET", path, query=query)
        else:
            form = {"client_assertion_type": BEARER, "client_assertion": text}
            statuses, answer = {400, 401}, await op.post(path, form)
        assert answer.status in statuses, text


async def test_bytes_that_are_no_text_are_the_client_s_mistake(op: LocalOP) -> None:
    assert (await op.userinfo("\udcff")).status == 401
    claims = {"iss": "office", "sub": "office", "aud": ISSUER}
    expiry = int(op.clock()) + 60
    text = json.dumps({**claims, "exp": expiry, "jti": "\ud800"})
    header = {"alg": "ES256", "kid": "client-1"}
    used = jws.serialize_compact(header, text.encode(), CLIENT_KEY)
    form = {"client_assertion_type": BEARER, "client_assertion": used}
    assert (await op.post("/par", form)).status == 400
