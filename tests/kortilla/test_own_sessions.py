# SPDX-License-Identifier: MIT
"""The application's own session in place of ours: ``on_login`` and ``on_logout``.

Django has its own tests, with its users.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from typing import Any

import aiohttp
import flask
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import kortilla.aiohttp
import kortilla.flask
import kortilla.starlette
from kortilla import Identity, LoginService, Trust
from kortilla.errors import LoginNotAllowedError
from tests.kortilla.browser import COOKIE, ask_asgi
from tests.kortilla.pki import NOW, ORIGIN, SATU, Leaf

#: Sends one request: method, path, content and cookies; returns status, content and
#: the values of ``Set-Cookie``.
Ask = Callable[[str, str, Any, str], Awaitable[tuple[int, Any, list[str]]]]
HEADERS = {"Origin": ORIGIN, "Content-Type": "application/json"}


class Hooks:
    """What the applications do at login and logout."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def enter(self, session: Any, identity: Identity, response: Any) -> None:
        response.set_cookie("entered", "yes")
        response.set_cookie("seen", "yes")
        if self.error:
            raise self.error
        session["person"] = identity.satu

    def leave(self, session: Any, response: Any) -> None:
        response.set_cookie("entered", "", max_age=0)
        session.clear()


@asynccontextmanager
async def on_flask(service: LoginService, hooks: Hooks) -> AsyncIterator[Ask]:
    app = flask.Flask("service")
    app.secret_key = "x"
    app.add_url_rule("/who", "who", lambda: {"person": flask.session.get("person")})
    kortilla.flask.setup(
        app,
        service,
        on_login=lambda identity, response: hooks.enter(
            flask.session, identity, response
        ),
        on_logout=lambda response: hooks.leave(flask.session, response),
    )
    client = app.test_client(use_cookies=False)

    async def ask(
        method: str, path: str, content: Any, cookies: str
    ) -> tuple[int, Any, list[str]]:
        answer = await asyncio.to_thread(
            lambda: client.open(
                path,
                method=method,
                data=json.dumps(content),
                headers={**HEADERS, "Cookie": cookies},
            )
        )
        return answer.status_code, answer.json, answer.headers.getlist("Set-Cookie")

    yield ask


@asynccontextmanager
async def on_starlette(service: LoginService, hooks: Hooks) -> AsyncIterator[Ask]:
    async def who(request: Request) -> JSONResponse:
        return JSONResponse({"person": request.session.get("person")})

    async def enter(request: Request, identity: Identity, response: Response) -> None:
        hooks.enter(request.session, identity, response)

    async def leave(request: Request, response: Response) -> None:
        hooks.leave(request.session, response)

    sessions = Middleware(SessionMiddleware, secret_key="x")
    app = Starlette(routes=[Route("/who", who)], middleware=[sessions])
    kortilla.starlette.setup(app, service, on_login=enter, on_logout=leave)

    async def ask(
        method: str, path: str, content: Any, cookies: str
    ) -> tuple[int, Any, list[str]]:
        status, headers, body = await ask_asgi(
            app,
            method,
            path,
            body=json.dumps(content).encode(),
            headers={**HEADERS, "Cookie": cookies},
        )
        found = [value for name, value in headers if name == "set-cookie"]
        return status, json.loads(body) if body[:1] == b"{" else None, found

    yield ask


@asynccontextmanager
async def on_aiohttp(service: LoginService, hooks: Hooks) -> AsyncIterator[Ask]:
    stored: dict[str, dict[str, Any]] = {"own": {}}

    @web.middleware
    async def keep(request: web.Request, handler: Any) -> web.StreamResponse:
        request["session"] = dict(stored.get(request.cookies.get("own", ""), {}))
        answer: web.StreamResponse = await handler(request)
        stored["own"] = request["session"]
        answer.set_cookie("own", "own")
        return answer

    async def who(request: web.Request) -> web.Response:
        return web.json_response({"person": request["session"].get("person")})

    async def enter(
        request: web.Request, identity: Identity, response: web.Response
    ) -> None:
        hooks.enter(request["session"], identity, response)

    async def leave(request: web.Request, response: web.Response) -> None:
        hooks.leave(request["session"], response)

    app = web.Application(middlewares=[keep])
    app.router.add_get("/who", who)
    kortilla.aiohttp.setup(app, service, on_login=enter, on_logout=leave)
    server = TestServer(app)
    async with server, aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as s:

        async def ask(
            method: str, path: str, content: Any, cookies: str
        ) -> tuple[int, Any, list[str]]:
            headers = {**HEADERS, "Cookie": cookies}
            async with s.request(
                method, server.make_url(path), json=content, headers=headers
            ) as answer:
                found = answer.headers.getall("Set-Cookie", [])
                is_json = answer.content_type == "application/json"
                return answer.status, await answer.json() if is_json else None, found

        yield ask


class Browser:
    """Keeps all cookies of a service."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.cookies: dict[str, str] = {}

    async def ask(self, method: str, path: str, content: Any = None) -> tuple[int, Any]:
        sent = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        status, answer, found = await self._ask(method, path, content, sent)
        for header in found:
            for name, morsel in SimpleCookie(header).items():
                self.cookies[name] = morsel.value
        return status, answer

    async def log_in(self, leaf: Leaf) -> tuple[int, Any]:
        _, challenge = await self.ask("POST", "/auth/challenge", {})
        token = leaf.token(nonce=challenge["nonce"])
        return await self.ask("POST", "/auth/login", {"authToken": token})

    async def person(self) -> str | None:
        _, content = await self.ask("GET", "/who")
        return content["person"] if content else None


@pytest.fixture
def hooks() -> Hooks:
    return Hooks()


@pytest.fixture(params=[on_aiohttp, on_starlette, on_flask])
async def browser(
    request: pytest.FixtureRequest, trust: Trust, hooks: Hooks
) -> AsyncIterator[Browser]:
    service = LoginService(origin=ORIGIN, trust=trust, clock=lambda: NOW)
    async with request.param(service, hooks) as ask:
        yield Browser(ask)


async def test_the_applications_session_alone_says_who_is_logged_in(
    browser: Browser, leaf: Leaf
) -> None:
    assert await browser.person() is None
    status, content = await browser.log_in(leaf)
    assert (status, content["satu"]) == (200, SATU)
    assert not browser.cookies[COOKIE]
    assert await browser.person() == SATU


async def test_a_logout_of_the_page_ends_the_applications_session(
    browser: Browser, leaf: Leaf
) -> None:
    await browser.log_in(leaf)
    assert await browser.ask("POST", "/auth/logout", {}) == (200, {})
    assert await browser.person() is None


async def test_the_application_sets_cookies_of_its_own(
    browser: Browser, leaf: Leaf, hooks: Hooks
) -> None:
    hooks.error = LoginNotAllowedError("not on the list")
    await browser.log_in(leaf)
    assert not browser.cookies.get("entered")
    hooks.error = None
    await browser.log_in(leaf)
    assert (browser.cookies["entered"], browser.cookies["seen"]) == ("yes", "yes")
    await browser.ask("POST", "/auth/logout", {})
    assert (browser.cookies["entered"], browser.cookies["seen"]) == ("", "yes")


async def test_a_person_who_may_not_use_the_service_is_not_let_in(
    browser: Browser, leaf: Leaf, hooks: Hooks
) -> None:
    hooks.error = LoginNotAllowedError("not on the list")
    status, content = await browser.log_in(leaf)
    assert (status, content["error"]["code"]) == (403, "LOGIN_NOT_ALLOWED")
    assert "not on the list" not in str(content)
    assert await browser.person() is None
    assert not browser.cookies[COOKIE]


async def test_a_hook_that_fails_lets_nobody_in(
    browser: Browser, leaf: Leaf, hooks: Hooks
) -> None:
    hooks.error = ZeroDivisionError()
    status, _ = await browser.log_in(leaf)
    assert status == 500
    assert await browser.person() is None
    hooks.error = None
    assert (await browser.log_in(leaf))[0] == 200
    assert await browser.person() == SATU


async def test_a_used_challenge_does_not_reach_the_application(
    browser: Browser, leaf: Leaf, hooks: Hooks
) -> None:
    _, challenge = await browser.ask("POST", "/auth/challenge", {})
    body = {"authToken": leaf.token(nonce=challenge["nonce"])}
    before = dict(browser.cookies)
    assert (await browser.ask("POST", "/auth/login", body))[0] == 200
    hooks.error = AssertionError("the hook is called for a replay")
    browser.cookies = before
    status, content = await browser.ask("POST", "/auth/login", body)
    assert (status, content["error"]["code"]) == (403, "CHALLENGE_NONCE_NOT_FOUND")
