# SPDX-License-Identifier: MIT
"""Login over HTTP: a real server, real cookies, and attacks.

Tests that apply to every framework are in test_adapters.py.
"""

import asyncio
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
from kortilla.web.sessions import MemorySessionStore
from tests.kortilla.browser import COOKIE, Browser, code, log_in
from tests.kortilla.pki import CA, ORIGIN, Leaf, key
from tests.kortilla.test_challenge import Clock


async def who(request: web.Request) -> web.Response:
    identity = await current_identity(request)
    return web.json_response({"satu": identity and identity.satu})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def storage() -> MemorySessionStore:
    return MemorySessionStore()


@pytest.fixture
async def server(
    trust: Trust, clock: Clock, storage: MemorySessionStore
) -> AsyncIterator[TestServer]:
    app = web.Application()
    service = LoginService(origin=ORIGIN, trust=trust, clock=clock)
    setup(app, service, sessions=storage)
    app.router.add_get("/who", who)
    running = TestServer(app)
    async with running:
        yield running


@pytest.fixture
async def browser(server: TestServer) -> AsyncIterator[Browser]:
    browser = Browser(server)
    yield browser
    await browser.http.close()


@pytest.fixture
async def other(server: TestServer) -> AsyncIterator[Browser]:
    browser = Browser(server)
    yield browser
    await browser.http.close()


async def test_login_and_logout(browser: Browser, leaf: Leaf) -> None:
    assert await log_in(browser, leaf) == (
        200,
        {"name": "MAIJA SPECIMEN-MEIKÄLÄINEN", "satu": "99902038C"},
    )
    assert await browser.who() == "99902038C"
    assert await browser.post("logout") == (200, {})
    assert await browser.who() is None
    assert browser.cookie is None


async def test_the_session_changes_its_id_at_login_and_the_old_one_is_dead(
    browser: Browser, other: Browser, leaf: Leaf, storage: MemorySessionStore
) -> None:
    nonce = await browser.challenge()
    before = browser.cookie
    assert before
    await browser.post("login", {"authToken": leaf.token(nonce=nonce)})
    assert browser.cookie != before
    other.cookie = before
    assert await other.who() is None
    assert len(storage) == 1


async def test_a_copied_cookie_is_worth_nothing_after_logout(
    browser: Browser, other: Browser, leaf: Leaf
) -> None:
    await log_in(browser, leaf)
    assert browser.cookie
    other.cookie = browser.cookie
    assert await other.who() == "99902038C"
    await browser.post("logout")
    assert await other.who() is None


async def test_a_session_id_that_the_server_did_not_give_is_not_taken_over(
    browser: Browser, leaf: Leaf
) -> None:
    for chosen in ("chosen-by-an-attacker", "A" * 43):  # the other is well-formed
        browser.cookie = chosen
        await browser.challenge()
        assert browser.cookie != chosen


async def test_a_token_works_once(browser: Browser, leaf: Leaf) -> None:
    nonce = await browser.challenge()
    body = {"authToken": leaf.token(nonce=nonce), "nonce": nonce}
    assert (await browser.post("login", body))[0] == 200
    assert code(await browser.post("login", body)) == (403, "CHALLENGE_NONCE_NOT_FOUND")


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


async def test_of_twenty_simultaneous_uses_exactly_one_wins(
    browser: Browser, leaf: Leaf
) -> None:
    nonce = await browser.challenge()
    body = {"authToken": leaf.token(nonce=nonce)}
    answers = await asyncio.gather(*(browser.post("login", body) for _ in range(20)))
    assert sorted(status for status, _ in answers) == [200] + [403] * 19
    assert {code(a)[1] for a in answers if a[0] == 403} == {"CHALLENGE_NONCE_NOT_FOUND"}


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


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://other.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": ORIGIN + ":8443"},
        {"Origin": None},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "same-site"},
        {"Origin": None, "Sec-Fetch-Site": "none"},
        # The client chooses the Host header, so it is ignored.
        {"Origin": "https://other.example", "Host": "other.example"},
    ],
)
@pytest.mark.parametrize("path", ["challenge", "login", "logout"])
async def test_a_request_from_elsewhere(
    browser: Browser, path: str, headers: dict[str, str | None]
) -> None:
    assert code(await browser.post(path, {}, headers=headers)) == (
        403,
        "ORIGIN_REFUSED",
    )
    assert browser.cookie is None


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


async def test_a_browser_that_only_sends_sec_fetch_site(browser: Browser) -> None:
    headers = {"Origin": None, "Sec-Fetch-Site": "same-origin"}
    assert (await browser.post("challenge", headers=headers))[0] == 200


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "a/b; c"]
)
async def test_what_a_plain_form_could_send(
    browser: Browser, content_type: str
) -> None:
    headers = {"Content-Type": content_type}
    assert code(await browser.post("login", {"authToken": {}}, headers=headers)) == (
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nothing",
        b"[]",
        b"null",
        b"\xff\xfe{}",
        b'{"authToken": {}, "authToken": {}}',
        b'{"authToken": {}, "more": 1}',
        b'{"authToken": {}, "nonce": 1}',
        b'{"nonce": "x"}',
        b"[" * 9_000,
        b'{"authToken": ' + b"9" * 6_000 + b"}",
    ],
)
async def test_a_body_that_is_not_a_login(browser: Browser, data: bytes) -> None:
    await browser.challenge()
    assert code(await browser.post("login", data=data)) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_is_too_long(browser: Browser, chunked: bool) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 1024

    data = chunks() if chunked else b"x" * 40_000
    assert code(await browser.post("login", data=data)) == (413, "BODY_TOO_LARGE")


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


@pytest.mark.parametrize(
    ("header", "language", "begins"),
    [
        ("fi-FI,fi;q=0.9,en;q=0.5", "fi", "Tämä tunnistautuminen"),
        ("sv", "sv", "Den här identifieringen"),
        ("de, en;q=0.3, sv;q=0.7", "sv", "Den här identifieringen"),
        ("de", "en", "This identification"),
        (";;q=,,fi;q=x,fi;q=9", "en", "This identification"),
    ],
)
async def test_an_error_tells_what_to_do_in_the_persons_language(
    browser: Browser, header: str, language: str, begins: str
) -> None:
    headers = {"Accept-Language": header}
    _, answer = await browser.post("login", {"authToken": {}}, headers=headers)
    assert answer["error"]["message"].startswith(begins)

    async with browser.http.post(
        browser.server.make_url("/auth/login"),
        json={"authToken": {}},
        headers=headers | {"Origin": ORIGIN, "Accept": "text/html"},
    ) as response:
        page = await response.text()
    assert response.status == 403
    assert response.content_type == "text/html"
    assert f'<html lang="{language}">' in page
    assert begins in page


async def test_an_address_that_is_opened_by_hand(browser: Browser) -> None:
    for path, status in [
        ("login", 405),
        ("nowhere", 404),
        ("static/../x", 404),
        ("static/" + 5000 * "a", 404),
    ]:
        async with browser.http.get(
            browser.server.make_url(f"/auth/{path}"), headers={"Accept": "text/html"}
        ) as response:
            assert response.status == status
            assert "<h1>" in await response.text()


async def test_the_page_client_is_served(browser: Browser) -> None:
    for path in ("kortilla.js", "texts/fi.js"):
        url = browser.server.make_url(f"/auth/static/{path}")
        async with browser.http.get(url) as response:
            assert response.status == 200
            assert response.content_type.endswith("/javascript")
            assert response.headers["X-Content-Type-Options"] == "nosniff"


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


@pytest.mark.parametrize(
    ("origin", "name", "more"),
    [
        (ORIGIN, COOKIE, ["Secure"]),
        ("http://localhost:8080", "kortilla-session", []),
    ],
)
async def test_the_cookies_protection(
    trust: Trust, origin: str, name: str, more: list[str]
) -> None:
    app = web.Application()
    setup(app, LoginService(origin=origin, trust=trust))
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        for path in ("challenge", "logout"):
            async with http.post(
                server.make_url(f"/auth/{path}"), json={}, headers={"Origin": origin}
            ) as response:
                cookie = response.headers["Set-Cookie"]
            assert re.match(rf"{name}=([\w-]{{43}}|\"\");", cookie)
            parts = {part.strip() for part in cookie.split(";")[1:]}
            protection = {"HttpOnly", "Path=/", "SameSite=Lax", *more}
            if path == "challenge":
                assert parts == protection
            else:
                assert parts > protection
                assert "Max-Age=0" in parts


async def test_the_service_is_closed_with_the_application(
    trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = []

    async def note() -> None:
        closed.append(True)

    service = LoginService(origin=ORIGIN, trust=trust)
    monkeypatch.setattr(service, "close", note)
    app = web.Application()
    setup(app, service)
    async with TestServer(app):
        assert not closed
    assert closed == [True]
