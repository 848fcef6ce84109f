# SPDX-License-Identifier: MIT
"""Logins over HTTP that differ on no framework; the others are in test_adapters.py."""

import logging
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from kortilla import LoginService, Trust
from kortilla.aiohttp import current_identity, setup
from tests.kortilla.browser import Browser, code, log_in
from tests.kortilla.pki import CA, ORIGIN, Clock, Leaf, key


async def who(request: web.Request) -> web.Response:
    identity = await current_identity(request)
    return web.json_response({"satu": identity and identity.satu})


@pytest.fixture
async def server(trust: Trust, clock: Clock) -> AsyncIterator[TestServer]:
    app = web.Application()
    setup(app, LoginService(origin=ORIGIN, trust=trust, clock=clock))
    app.router.add_get("/who", who)
    running = TestServer(app)
    async with running:
        yield running


@pytest.fixture
async def browser(server: TestServer) -> AsyncIterator[Browser]:
    async with Browser(server) as browser:
        yield browser


@pytest.fixture
async def other(server: TestServer) -> AsyncIterator[Browser]:
    async with Browser(server) as browser:
        yield browser


async def test_a_session_id_that_the_server_did_not_give_is_not_taken_over(
    browser: Browser, leaf: Leaf
) -> None:
    for chosen in ("chosen-by-an-attacker", "A" * 43):  # the other is well-formed
        browser.cookie = chosen
        await browser.challenge()
        assert browser.cookie != chosen


async def test_a_refused_token_uses_the_challenge_up(
    browser: Browser, leaf: Leaf
) -> None:
    nonce = await browser.challenge()
    wrong = leaf.token(nonce=nonce, origin="https://phishing.example")
    assert code(await browser.post("login", {"authToken": wrong})) == (
        403,
        "AUTH_TOKEN_SIGNATURE_VALIDATION",
    )
    right = leaf.token(nonce=nonce)
    assert code(await browser.post("login", {"authToken": right})) == (
        403,
        "CHALLENGE_NONCE_NOT_FOUND",
    )


async def test_a_token_for_another_session(
    browser: Browser, other: Browser, leaf: Leaf
) -> None:
    """Login CSRF: the victim signs the attacker's nonce, or the reverse."""
    nonce = await browser.challenge()
    await other.challenge()
    token = leaf.token(nonce=nonce)
    assert code(await other.post("login", {"authToken": token, "nonce": nonce})) == (
        403,
        "CHALLENGE_NONCE_NOT_FOUND",
    )
    assert code(await other.post("login", {"authToken": token})) == (
        403,
        "AUTH_TOKEN_SIGNATURE_VALIDATION",
    )
    assert await other.who() is None


async def test_a_token_without_a_session(browser: Browser, leaf: Leaf) -> None:
    assert code(await browser.post("login", {"authToken": leaf.token()})) == (
        403,
        "CHALLENGE_NONCE_NOT_FOUND",
    )


async def test_five_minutes_later(browser: Browser, leaf: Leaf, clock: Clock) -> None:
    nonce = await browser.challenge()
    clock.forward(minutes=5)
    assert code(
        await browser.post("login", {"authToken": leaf.token(nonce=nonce)})
    ) == (403, "CHALLENGE_NONCE_EXPIRED")


async def test_two_tabs_answer_their_own_challenges(
    browser: Browser, leaf: Leaf
) -> None:
    first, second = await browser.challenge(), await browser.challenge()
    body = {"authToken": leaf.token(nonce=first), "nonce": first}
    assert (await browser.post("login", body))[0] == 200
    # The session is another now, so the second tab must start again.
    body = {"authToken": leaf.token(nonce=second), "nonce": second}
    assert code(await browser.post("login", body)) == (403, "CHALLENGE_NONCE_NOT_FOUND")


# --- requests that are refused before their token is validated


@pytest.mark.parametrize("route", ["challenge", "login", "logout"])
async def test_a_page_of_another_origin_gets_no_permission_by_cors(
    browser: Browser, route: str
) -> None:
    asked = {
        "Origin": "https://app.service.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    sent = {"Origin": asked["Origin"], "Content-Type": "application/json"}
    for method, headers, status in (("OPTIONS", asked, 405), ("POST", sent, 403)):
        async with browser.request(
            method, f"/auth/{route}", headers=headers, data="{}"
        ) as response:
            assert response.status == status
            names = [name.lower() for name in response.headers]
            assert not [name for name in names if name.startswith("access-control")]
            assert "set-cookie" not in names


@pytest.mark.parametrize("route", ["challenge", "login", "logout"])
async def test_the_host_header_which_a_client_chooses_is_ignored(
    browser: Browser, route: str
) -> None:
    headers = {"Origin": "https://other.example", "Host": "other.example"}
    answer = await browser.post(route, headers=headers)
    assert code(answer) == (403, "ORIGIN_REFUSED")


async def test_a_browser_that_only_sends_sec_fetch_site(browser: Browser) -> None:
    headers = {"Origin": None, "Sec-Fetch-Site": "same-origin"}
    assert (await browser.post("challenge", headers=headers))[0] == 200


@pytest.mark.parametrize(
    "token", [None, 1, "x", [], {}, {"format": "web-eid:1.0"}, {"a": {"b": [{}]}}]
)
async def test_a_token_that_is_none(browser: Browser, token: Any) -> None:
    await browser.challenge()
    assert code(await browser.post("login", {"authToken": token})) == (
        400,
        "AUTH_TOKEN_PARSE",
    )


async def test_a_card_that_is_not_trusted(browser: Browser) -> None:
    stranger = CA.create("SPECIMEN Other CA").issue(key("P-384"))
    assert code(await log_in(browser, stranger)) == (403, "CERTIFICATE_NOT_TRUSTED")


# --- error messages


async def test_the_log_holds_no_name_and_no_satu(
    browser: Browser, leaf: Leaf, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await log_in(browser, leaf)
    await browser.challenge()
    await browser.post("login", {"authToken": leaf.token()})
    assert "logged in" in caplog.text
    for secret in ("MEIKÄLÄINEN", "MAIJA", "99902038C"):
        assert secret not in caplog.text


# --- the session's cookie


async def test_http_on_this_computer_has_a_cookie_that_is_not_secure(
    trust: Trust,
) -> None:
    app, origin = web.Application(), "http://localhost:8080"
    setup(app, LoginService(origin=origin, trust=trust))
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        url, headers = server.make_url("/auth/challenge"), {"Origin": origin}
        async with http.post(url, json={}, headers=headers) as response:
            [cookie] = response.headers.getall("Set-Cookie")
    name = r"kortilla-session=[\w-]{43}"
    assert re.fullmatch(rf"{name}; HttpOnly; Path=/; SameSite=Lax", cookie)
