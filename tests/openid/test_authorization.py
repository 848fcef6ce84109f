# SPDX-License-Identifier: MIT
"""Requests to log in: what ends on our own page, and what goes back to the client."""

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.openid.provider import CALLBACK, ISSUER, Browser, LocalOP, asked


def error_of(op: LocalOP, location: str, parameters: dict[str, str]) -> str:
    """Check an error that goes back to the shop, and return its code."""
    assert location.startswith(CALLBACK + "&")
    assert parameters["iss"] == ISSUER
    assert parameters["state"] == "a state"
    assert "code" not in parameters
    return parameters["error"]


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": "stranger"},
        {"client_id": "SHOP"},
        {"client_id": 'sh"öp'},
        {"redirect_uri": None},
        {"redirect_uri": "https://shop.example/"},
        {"redirect_uri": CALLBACK + "&more=1"},
        {"redirect_uri": CALLBACK + "#fragment"},
        {"redirect_uri": CALLBACK.replace("callback", "callback/..%2fcallback")},
        {"redirect_uri": CALLBACK.replace("https", "http")},
        {"redirect_uri": CALLBACK.replace("shop.example", "shop.example.evil.example")},
        {"redirect_uri": CALLBACK.replace("shop.example", "shop.example@evil.example")},
        {"redirect_uri": CALLBACK + '"'},
        {"redirect_uri": CALLBACK + "ä"},
        {"redirect_uri": CALLBACK + "\r\nSet-Cookie: a=b"},
        {"redirect_uri": "https://office.example/cb"},
        {"redirect_uri": "javascript:alert(1)"},
    ],
)
async def test_an_unknown_client_or_redirect_uri_never_leads_to_a_redirect(
    browser: Browser, changes: dict[str, Any]
) -> None:
    _, answer = await browser.authorize(**changes)
    assert answer.status == 400
    assert answer.headers.all("Location") == []
    assert "The identification could not begin" in answer.text
    named = next(iter(changes))
    assert f"{named} is missing" in answer.text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "unsupported_response_type"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": 'c"ä'}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "profile email"}, "invalid_scope"),
        ({"scope": "openidx"}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": "a" * 43 + "\n"}, "invalid_request"),
        ({"code_challenge": "a" * 42 + "ä"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"max_age": "1.5"}, "invalid_request"),
        ({"prompt": "nothing"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"request": "a.b.c"}, "request_not_supported"),
        ({"request_uri": "https://evil.example/"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
    ],
)
async def test_a_client_s_mistake_goes_back_to_it_and_names_the_parameter(
    op: LocalOP, browser: Browser, changes: dict[str, Any], error: str
) -> None:
    _, answer = await browser.authorize(**changes)
    parameters = answer.parameters
    assert error_of(op, answer.location, parameters) == error
    assert next(iter(changes)) in parameters["error_description"]


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
    answer = await browser.send("GET", f"/authorize?{query}")
    assert (answer.status, answer.headers.all("Location")) == (400, [])


async def test_empty_parameters_count_as_left_out(browser: Browser) -> None:
    page = await browser.page(prompt="", max_age="", request="")
    assert "/login/" in page


async def test_unknown_scopes_and_hints_are_no_errors(browser: Browser) -> None:
    page = await browser.page(
        scope="openid groups offline_access",
        login_hint="SPECIMEN-VIRTANEN",
        acr_values="http://ftn.ficora.fi/2017/loa3",
        claims='{"userinfo":{"name":null}}',
        display="popup",
    )
    assert "/login/" in page


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
    answer = await browser.send(
        "POST",
        "/authorize",
        body=urlencode(form).encode(),
        kind="application/x-www-form-urlencoded",
        origin="https://shop.example",
    )
    assert answer.location.startswith(f"{ISSUER}/authorize?client_id=shop&request_uri=")
    assert answer.headers.all("Set-Cookie") == []
    page = await browser.send("GET", answer.location)
    back = await browser.log_in(page.location)
    assert (await op.token(back.parameters["code"], verifier)).status == 200


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
    assert not {"d", "p", "q", "dp", "dq", "qi"} & {
        name for key in keys for name in key
    }
    assert len({key["kid"] for key in keys}) == 4
