# SPDX-License-Identifier: MIT
"""Public clients in browsers, and the parameter ``claims``."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from pydantic import ValidationError

from tests.openid.conftest import MakeOP
from tests.openid.provider import (
    CALLBACK,
    SECRET,
    Answer,
    Browser,
    LocalOP,
    asked,
    basic,
    configuration,
)

PAGE = "https://app.example"
HERE = "https://app.example/cb"
OTHER = "https://other.example"
METADATA = "/.well-known/openid-configuration"


def public(**changes: Any) -> dict[str, Any]:
    """Return an application in a browser."""
    shop = configuration()["clients"][0]
    del shop["secrets"]
    own = {"id": "app", "authentication": "none", "origins": [PAGE]}
    return {**shop, **own, "redirect_uris": [HERE], **changes}


@pytest.fixture
def op(make_op: MakeOP) -> LocalOP:
    other = public(id="other", origins=[OTHER], redirect_uris=[f"{OTHER}/cb"])
    clients = [public(), other, *configuration()["clients"]]
    return make_op(clients=clients, simulator=True)


async def code(op: LocalOP, **changes: str) -> tuple[str, str]:
    own = {"client_id": "app", "redirect_uri": HERE}
    return await op.code(login_hint="SPECIMEN-VIRTANEN", **own, **changes)


async def redeem(
    op: LocalOP, code: str, verifier: str, origin: str = PAGE, **changes: str
) -> Answer:
    form = {
        "grant_type": "authorization_code",
        "client_id": "app",
        "code": code,
        "code_verifier": verifier,
        "redirect_uri": HERE,
        **changes,
    }
    return await op.post("/token", form, headers=[("Origin", origin)])


async def ask(op: LocalOP, method: str, path: str, origin: str, **more: str) -> Answer:
    headers = [("Origin", origin), *((k.replace("_", "-"), v) for k, v in more.items())]
    return await op.send(method, path, headers=headers)


def allowed(answer: Answer) -> list[str]:
    assert answer.headers.all("Access-Control-Allow-Credentials") == []
    return answer.headers.all("Access-Control-Allow-Origin")


async def test_a_page_logs_in_without_a_secret(op: LocalOP) -> None:
    answer = await redeem(op, *await code(op))
    assert (answer.status, allowed(answer)) == (200, [PAGE])
    bearer = f"Bearer {answer.json['access_token']}"
    told = await ask(op, "GET", "/userinfo", PAGE, Authorization=bearer)
    assert (allowed(told), told.json["name"]) == ([PAGE], "AINO SPECIMEN-VIRTANEN")
    # An error can be read too.
    refused = await redeem(op, "no-code", "v" * 43)
    assert (refused.json["error"], allowed(refused)) == ("invalid_grant", [PAGE])


async def test_a_public_client_has_to_prove_that_it_asked(op: LocalOP) -> None:
    found, _ = await code(op)
    assert (await redeem(op, found, "x" * 43)).json["error"] == "invalid_grant"
    found, verifier = await code(op)
    for changes in ({"client_id": "other"}, {"client_id": "shop"}, {"client_id": ""}):
        origin = OTHER if changes["client_id"] == "other" else PAGE
        answer = await redeem(op, found, verifier, origin, **changes)
        assert answer.status in {400, 401}, changes
    # A secret, or another's authentication, is no help.
    for more in ({"client_secret": SECRET}, {"client_assertion": "a.b.c"}):
        answer = await redeem(op, *await code(op), **more)
        assert answer.status in {400, 401}, more
    stolen, verifier = await op.code(login_hint="SPECIMEN-VIRTANEN")
    answer = await redeem(op, stolen, verifier, client_id="shop", redirect_uri=CALLBACK)
    assert answer.json["error"] == "invalid_client"


async def test_who_only_knows_the_id_can_t_fill_the_store(make_op: MakeOP) -> None:
    op = make_op(clients=[public()], server={"logins_per_minute": 3})
    _, form = asked(client_id="app", redirect_uri=HERE)
    statuses = [(await op.post("/par", form)).status for _ in range(5)]
    assert statuses == [201] * 3 + [429] * 2
    statuses = [(await redeem(op, "x" * 43, "v" * 43)).status for _ in range(5)]
    assert statuses == [400] * 3 + [429] * 2


async def test_each_page_is_of_one_client(op: LocalOP) -> None:
    found, verifier = await code(op)
    answer = await redeem(op, found, verifier, origin=OTHER)
    assert "origin" in answer.json["error_description"]
    # The code was not used up.
    assert (await redeem(op, found, verifier)).status == 200


@pytest.mark.parametrize("path", [METADATA, "/jwks", "/token", "/userinfo"])
async def test_only_registered_pages_read_answers(op: LocalOP, path: str) -> None:
    asks = {"Access_Control_Request_Method": "GET"}
    answer = await ask(op, "OPTIONS", path, PAGE, **asks)
    assert (answer.status, allowed(answer)) == (204, [PAGE])
    assert "Authorization" in answer.headers.joined("Access-Control-Allow-Headers")
    method = "POST" if path == "/token" else "GET"
    for origin in ("https://evil.example", "null", f"{PAGE}.evil.example", PAGE + "/"):
        assert (await ask(op, "OPTIONS", path, origin)).status == 405
        answer = await ask(op, method, path, origin)
        assert (allowed(answer), answer.headers.all("Vary")) == ([], ["Origin"])


async def test_by_default_no_page_reads_anything(make_op: MakeOP) -> None:
    op = make_op()
    for path in (METADATA, "/jwks"):
        assert allowed(await ask(op, "GET", path, PAGE)) == []
    assert (await ask(op, "OPTIONS", "/token", PAGE)).status == 405


async def test_no_page_of_a_client_reads_the_pages(op: LocalOP) -> None:
    query = urlencode(asked(client_id="app", redirect_uri=HERE)[1])
    headers = [("Origin", PAGE)]
    for path in ("/authorize", "/logout", "/par", "/login/x", "/healthz"):
        answer = await op.send("GET", path, query=query, headers=headers)
        assert allowed(answer) == []
        assert (await ask(op, "OPTIONS", path, PAGE)).status in {404, 405}


@pytest.mark.parametrize(
    "changes",
    [
        {"secrets": [SECRET]},
        {"jwks_file": "office.json"},
        {"request_object_signing_alg": "ES256"},
        {"id_token_encrypted_response_alg": "ECDH-ES"},
        {"authentication": "client_secret_post", "secrets": [SECRET]},
        {"origins": ["https://app.example/"]},
        {"origins": ["*"]},
        {"origins": ["null"]},
        {"origins": ["http://app.example"]},
    ],
)
def test_what_no_public_client_has_is_refused(
    make_op: MakeOP, changes: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        make_op(clients=[public(**changes)])


# --- the parameter ``claims``


async def told(op: LocalOP, claims: Any, **more: str) -> set[str]:
    """Return what userinfo tells the shop by this parameter."""
    text = claims if isinstance(claims, str) else json.dumps(claims)
    tokens = await op.tokens(
        login_hint="SPECIMEN-VIRTANEN", scope="openid", claims=text, **more
    )
    names = {*(await op.userinfo(tokens["access_token"])).json}
    return names - {"sub", "urn:oid:1.2.246.22"}  # of the scope openid


async def test_userinfo_tells_what_is_asked_for_and_allowed(op: LocalOP) -> None:
    asked = {"given_name": None, "family_name": {"essential": True}}
    assert await told(op, {"userinfo": asked}) == asked.keys()
    beyond: dict[str, Any] = {
        "preferred_username": None,
        "birthdate": None,
        "urn:oid:1.2.246.21": {},
    }
    assert await told(op, {"userinfo": beyond}) == set()
    mail = {"userinfo": {"email": None}, "more": [1]}
    assert await told(op, mail) == {"email", "email_verified"}
    # Names are in no ID token, since clients put these into addresses.
    tokens = await op.tokens(
        login_hint="SPECIMEN-VIRTANEN",
        claims=json.dumps({"id_token": {"given_name": {"essential": True}}}),
    )
    assert "given_name" not in await op.claims(tokens["id_token"])


@pytest.mark.parametrize(
    "text",
    [
        "x", "[]", "1", '{"userinfo": 1}', '{"userinfo": {"name": 1}}',
        '{"id_token": {"sub": {"value": 1}}}', '{"id_token": {"acr": {"values": "x"}}}',
        '{"id_token": {"sub": {"values": ["a", "b"]}}}', "[" * 2000,
        '{"userinfo": null, "userinfo": {}}',
    ],
)  # fmt: skip
async def test_a_parameter_that_is_none_is_refused(op: LocalOP, text: str) -> None:
    _, answer = await Browser(op).authorize(claims=text)
    assert answer.parameters["error"] == "invalid_request"
    assert answer.parameters["error_description"] == "claims is malformed"


async def test_a_level_that_is_demanded_is_the_one_or_an_error(op: LocalOP) -> None:
    own = "urn:kortilla:acr:simulator"
    demand = {"essential": True, "values": ["urn:x", own]}
    assert await told(op, {"id_token": {"acr": demand}}) == set()
    wish = {"id_token": {"acr": {"value": "urn:x"}}}
    assert await told(op, wish) == set()
    demand["values"] = ["urn:x"]
    claims = json.dumps({"id_token": {"acr": demand}})
    _, answer = await Browser(op).authorize(claims=claims)
    assert answer.parameters["error"] == "unmet_authentication_requirements"


async def test_a_subject_that_is_demanded_is_the_one_or_an_error(
    make_op: MakeOP,
) -> None:
    op = make_op(simulator=True, sso_minutes=60)
    browser = Browser(op)
    tokens = await browser.tokens(login_hint="SPECIMEN-VIRTANEN")
    sub = (await op.claims(tokens["id_token"]))["sub"]
    own, other = (
        json.dumps({"id_token": {"sub": {"value": each}}}) for each in (sub, "x")
    )
    _, answer = await browser.authorize(prompt="none", claims=own)
    assert "code" in answer.parameters
    _, answer = await browser.authorize(prompt="none", claims=other)
    assert answer.parameters["error"] == "login_required"
    again = {"prompt": "login", "login_hint": "SPECIMEN-KORHONEN"}
    _, answer = await browser.authorize(claims=own, **again)
    assert answer.parameters["error"] == "access_denied"
    pushed = await op.post("/par", asked(claims=own, **again)[1], authorization=basic())
    uri = {"client_id": "shop", "request_uri": pushed.json["request_uri"]}
    answer = await browser.send("GET", f"/authorize?{urlencode(uri)}")
    assert answer.parameters["error"] == "access_denied"
