# SPDX-License-Identifier: MIT
"""Requests to log in, by a link, a form, or pushed before (RFC 9126)."""

import json
from typing import cast
from urllib.parse import urlencode

import pytest

from kortilla.store.memory import MemoryStore
from tests.openid.conftest import MakeOP
from tests.openid.provider import (
    BEARER,
    CALLBACK,
    ISSUER,
    OTHER_SECRET,
    Answer,
    Browser,
    LocalOP,
    asked,
    assertion,
    basic,
)


def assert_no_redirect(answer: Answer, status: int = 400) -> None:
    """Check that a request ends on our own page."""
    assert (answer.status, answer.headers.all("Location")) == (status, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("client_id", each) for each in (None, "stranger", "SHOP", 'sh"öp')),
        ("redirect_uri", None),
        ("redirect_uri", "https://shop.example/"),
        ("redirect_uri", CALLBACK + "&more=1"),
        ("redirect_uri", CALLBACK + "#fragment"),
        ("redirect_uri", CALLBACK.replace("callback", "callback/..%2fcallback")),
        ("redirect_uri", CALLBACK.replace("https", "http")),
        ("redirect_uri", CALLBACK.replace("shop.example", "shop.example.evil.example")),
        ("redirect_uri", CALLBACK.replace("shop.example", "shop.example@evil.example")),
        ("redirect_uri", CALLBACK + '"'),
        ("redirect_uri", CALLBACK + "ä"),
        ("redirect_uri", CALLBACK + "\r\nSet-Cookie: a=b"),
        ("redirect_uri", "https://office.example/cb"),
        ("redirect_uri", "javascript:alert(1)"),
    ],
)
async def test_an_unknown_client_or_redirect_uri_never_leads_to_a_redirect(
    browser: Browser, name: str, value: str | None
) -> None:
    _, answer = await browser.authorize(**{name: value})
    assert_no_redirect(answer)
    assert "The identification could not begin" in answer.text
    assert f"{name} is missing" in answer.text


@pytest.mark.parametrize(
    ("name", "values", "error"),
    [
        (
            "response_type",
            [None, "token", "code id_token", 'c"ä'],
            "unsupported_response_type",
        ),
        ("response_mode", ["fragment", "form_post"], "invalid_request"),
        ("scope", [None, "profile email", "openidx"], "invalid_scope"),
        (
            "code_challenge",
            [None, "short", "a" * 43 + "\n", "a" * 42 + "ä"],
            "invalid_request",
        ),
        ("code_challenge_method", [None, "plain"], "invalid_request"),
        ("max_age", ["-1", "soon", "1.5"], "invalid_request"),
        ("prompt", ["nothing", "none login"], "invalid_request"),
        ("request", ["a.b.c"], "request_not_supported"),
        ("request_uri", ["https://evil.example/"], "request_uri_not_supported"),
        ("registration", ["{}"], "registration_not_supported"),
    ],
)
async def test_a_client_s_mistake_goes_back_to_it_and_names_the_parameter(
    browser: Browser, name: str, values: list[str | None], error: str
) -> None:
    for value in values:
        _, answer = await browser.authorize(**{name: value})
        assert answer.location.startswith(CALLBACK + "&")
        parameters = answer.parameters
        assert "code" not in parameters
        assert (parameters["iss"], parameters["state"]) == (ISSUER, "a state")
        assert parameters["error"] == error, value
        assert name in parameters["error_description"]


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"state": "s" * 2049}, "state is too long"),
        ({"state": "ä" * 1025}, "state is too long"),
        ({"nonce": "n" * 513}, "nonce is too long"),
        ({"ui_locales": "u" * 129}, "ui_locales is too long"),
        ({"state": '"' * 2048}, "The parameters are too long together"),
        ({"state": "a\x01"}, "state has control characters"),
        ({"nonce": "a\n"}, "nonce has control characters"),
        ({"login_hint": "\x7f"}, "login_hint has control characters"),
        ({"request": "x" * 30_000}, "request is not supported"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
async def test_a_parameter_that_takes_much_memory_is_refused(
    op: LocalOP, more: dict[str, str], problem: str
) -> None:
    _, form = asked(**more)
    for answer in (
        await op.post("/authorize", form),
        await op.send("GET", "/authorize", query=urlencode(form)),
    ):
        assert answer.parameters["error_description"] == problem
    assert len(cast(MemoryStore, op.provider.store._store)) == 0


@pytest.mark.parametrize("name", ["state", "nonce", "client_id", "prompt", "unknown"])
async def test_no_parameter_may_be_repeated(browser: Browser, name: str) -> None:
    _, form = asked(prompt="login", unknown="1")
    query = urlencode([*form.items(), (name, "2")])
    answer = await browser.send("GET", f"/authorize?{query}")
    assert answer.status == 400
    assert f"{name} is repeated" in answer.text


@pytest.mark.parametrize(
    "query", ["client_id=%ff", "a&b&c=%", "&" * 200, "=", "client_id=%00"]
)
async def test_a_malformed_query_gets_a_page(browser: Browser, query: str) -> None:
    assert_no_redirect(await browser.send("GET", f"/authorize?{query}"))


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "", "max_age": "", "request": ""},
        {"scope": "openid groups offline_access", "display": "popup"},
        {"login_hint": "SPECIMEN-VIRTANEN"},  # mere data without the simulator
        {"acr_values": "http://ftn.ficora.fi/2017/loa3"},
        {"claims": '{"userinfo":{"name":null}}'},
    ],
)
async def test_empty_and_unknown_parameters_are_no_errors(
    browser: Browser, changes: dict[str, str]
) -> None:
    assert "/login/" in await browser.page(**changes)


@pytest.mark.parametrize(
    "text", ["a b+c%20&=?#/", "äö€𐀀", '"<script>', "a" * 512, " ", "%41"]
)
async def test_state_and_nonce_come_back_byte_for_byte(
    op: LocalOP, browser: Browser, text: str
) -> None:
    verifier, answer = await browser.authorize(state=text, nonce=text)
    back = await browser.log_in(answer.location)
    assert back.location.startswith(CALLBACK + "&")
    parameters = back.parameters
    assert parameters.keys() == {"from", "code", "state", "iss"}
    assert (parameters["state"], parameters["iss"]) == (text, ISSUER)
    answer = await op.token(parameters["code"], verifier)
    assert (await op.claims(answer.json["id_token"]))["nonce"] == text


async def test_a_request_without_state_gets_none(browser: Browser) -> None:
    back = await browser.log_in(await browser.page(state=None))
    assert back.parameters.keys() == {"from", "code", "iss"}


async def test_a_form_is_followed_by_a_link_so_that_cookies_come(
    op: LocalOP, browser: Browser
) -> None:
    verifier, form = asked()
    answer = await browser.submit("/authorize", form, "https://shop.example")
    assert answer.location.startswith(f"{ISSUER}/authorize?client_id=shop&request_uri=")
    assert answer.headers.all("Set-Cookie") == []
    page = await browser.send("GET", answer.location)
    back = await browser.log_in(page.location)
    assert (await op.token(back.parameters["code"], verifier)).status == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_logins_that_one_client_begins_are_limited(
    make_op: MakeOP, method: str
) -> None:
    op = make_op(server={"logins_per_minute": 2})
    statuses = []
    for _ in range(3):
        query = urlencode(asked()[1])
        if method == "GET":
            answer = await op.send("GET", "/authorize", query=query)
        else:
            answer = await op.post("/authorize", query)
        statuses.append(answer.status)
    assert statuses == [303, 303, 429]


async def test_no_login_takes_more_memory_than_documented(
    op: LocalOP, browser: Browser
) -> None:
    """About 1 KB, and 5 KB at most; unknown parameters are not kept."""

    async def stored(**more: str) -> str:
        page = await browser.page(junk="x" * 9000, **more)
        for language in ("sv", "x" * 5000):
            await browser.send("GET", f"{page}?lang={language}")
        for _ in range(5):
            await browser.send("POST", f"{page}/challenge", body=b"{}")
        key = page.rpartition("/")[2]
        return json.dumps(await op.provider.store.get("login", key))

    assert len(await stored(state="s" * 43, nonce="n" * 43)) < 1024
    longest = {"state": 2048, "nonce": 512, "login_hint": 256, "ui_locales": 128}
    values = {name: "x" * length for name, length in longest.items()}
    content = await stored(**values, scope="openid" + " x" * 300)
    assert 3000 < len(content) < 5 * 1024
    assert "junk" not in content


# --- pushed requests


async def follow(browser: Browser, uri: str, client: str = "shop") -> Answer:
    query = urlencode({"client_id": client, "request_uri": uri})
    return await browser.send("GET", f"/authorize?{query}")


async def test_a_pushed_request_works_once(op: LocalOP, browser: Browser) -> None:
    verifier, form = asked()
    answer = await op.post("/par", form, authorization=basic())
    assert answer.status == 201
    assert answer.json.keys() == {"request_uri", "expires_in"}
    page = await follow(browser, answer.json["request_uri"])
    back = await browser.log_in(page.location)
    assert (await op.token(back.parameters["code"], verifier)).status == 200
    assert_no_redirect(await follow(browser, answer.json["request_uri"]))


async def test_a_pushed_request_is_of_its_client_and_expires(
    op: LocalOP, browser: Browser
) -> None:
    for client, seconds in (("post", 0), ("shop", 90)):
        answer = await op.post("/par", asked()[1], authorization=basic())
        op.clock.ahead += seconds
        assert_no_redirect(await follow(browser, answer.json["request_uri"], client))


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("request_uri", "urn:ietf:params:oauth:request_uri:x", "request_uri_not"),
        ("request", "a.b.c", "request_not_supported"),
        ("redirect_uri", "https://evil.example/", "invalid_request"),
        ("client_id", "post", "invalid_request"),
        ("code_challenge", None, "invalid_request"),
        ("scope", "profile", "invalid_scope"),
        ("client_secret", OTHER_SECRET, "invalid_request"),
    ],
)
async def test_a_push_that_is_wrong_in_one_way_is_refused(
    op: LocalOP, name: str, value: str | None, error: str
) -> None:
    answer = await op.post("/par", asked(**{name: value})[1], authorization=basic())
    assert answer.status == 400
    assert answer.json["error"].startswith(error)
    assert name in answer.json["error_description"] or name == "client_secret"


async def test_a_client_authenticates_to_push(op: LocalOP) -> None:
    answer = await op.post("/par", asked()[1])
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")
    _, form = asked(
        client_id="office",
        redirect_uri="https://office.example/cb",
        client_assertion_type=BEARER,
        client_assertion=assertion(aud=f"{ISSUER}/par"),
    )
    assert (await op.post("/par", form)).status == 201
    assert (await op.post("/par", form)).json["error"] == "invalid_client"


# --- what is published


async def test_the_discovery_document_names_what_there_is(op: LocalOP) -> None:
    answer = await op.send("GET", "/.well-known/openid-configuration")
    document = answer.json
    assert document["issuer"] == ISSUER
    assert document["authorization_response_iss_parameter_supported"] is True
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert "kortilla_simulator" not in document
    for name, url in document.items():
        if name.endswith(("_endpoint", "_uri")):
            path = url.removeprefix(ISSUER)
            assert (await op.send("DELETE", path)).status == 405, name


async def test_the_published_keys_are_public_and_have_the_next_ones(
    op: LocalOP,
) -> None:
    keys = (await op.send("GET", "/jwks")).json["keys"]
    assert [key["alg"] for key in keys] == ["RS256", "RS256", "ES256", "ES256"]
    names = {name for key in keys for name in key}
    assert not {"d", "p", "q", "dp", "dq", "qi"} & names
    assert len({key["kid"] for key in keys}) == 4
