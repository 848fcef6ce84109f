# SPDX-License-Identifier: MIT
"""The application's own session in place of ours: ``on_login`` and ``on_logout``.

Django has its own tests, with its users.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

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
from tests.kortilla.browser import COOKIE, Client
from tests.kortilla.pki import NOW, ORIGIN, SATU, Leaf

SESSION = web.RequestKey("session", dict[str, Any])


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
async def on_flask(service: LoginService, hooks: Hooks) -> AsyncIterator[Client]:
    def enter(identity: Identity, response: flask.Response) -> None:
        hooks.enter(flask.session, identity, response)

    def leave(response: flask.Response) -> None:
        hooks.leave(flask.session, response)

    app = flask.Flask("service")
    app.secret_key = "x"
    app.add_url_rule("/who", "who", lambda: {"person": flask.session.get("person")})
    kortilla.flask.setup(app, service, on_login=enter, on_logout=leave)
    yield Client(app)


@asynccontextmanager
async def on_starlette(service: LoginService, hooks: Hooks) -> AsyncIterator[Client]:
    async def who(request: Request) -> JSONResponse:
        return JSONResponse({"person": request.session.get("person")})

    async def enter(request: Request, identity: Identity, response: Response) -> None:
        hooks.enter(request.session, identity, response)

    async def leave(request: Request, response: Response) -> None:
        hooks.leave(request.session, response)

    sessions = Middleware(SessionMiddleware, secret_key="x")
    app = Starlette(routes=[Route("/who", who)], middleware=[sessions])
    kortilla.starlette.setup(app, service, on_login=enter, on_logout=leave)
    yield Client(app)


@asynccontextmanager
async def on_aiohttp(service: LoginService, hooks: Hooks) -> AsyncIterator[Client]:
    stored: dict[str, dict[str, Any]] = {"own": {}}

    @web.middleware
    async def keep(request: web.Request, handler: Any) -> web.StreamResponse:
        request[SESSION] = dict(stored.get(request.cookies.get("own", ""), {}))
        answer: web.StreamResponse = await handler(request)
        stored["own"] = request[SESSION]
        answer.set_cookie("own", "own")
        return answer

    async def who(request: web.Request) -> web.Response:
        return web.json_response({"person": request[SESSION].get("person")})

    async def enter(
        request: web.Request, identity: Identity, response: web.Response
    ) -> None:
        hooks.enter(request[SESSION], identity, response)

    async def leave(request: web.Request, response: web.Response) -> None:
        hooks.leave(request[SESSION], response)

    app = web.Application(middlewares=[keep])
    app.router.add_get("/who", who)
    kortilla.aiohttp.setup(app, service, on_login=enter, on_logout=leave)
    async with TestServer(app) as server:
        yield Client(server)


@pytest.fixture
def hooks() -> Hooks:
    return Hooks()


@pytest.fixture(params=[on_aiohttp, on_starlette, on_flask])
async def client(
    request: pytest.FixtureRequest, trust: Trust, hooks: Hooks
) -> AsyncIterator[Client]:
    service = LoginService(origin=ORIGIN, trust=trust, clock=lambda: NOW)
    async with request.param(service, hooks) as client:
        yield client


async def person(client: Client) -> Any:
    return (await client.get("/who"))["person"]


async def test_the_applications_session_alone_says_who_is_logged_in(
    client: Client, leaf: Leaf
) -> None:
    assert await person(client) is None
    status, content = await client.log_in(leaf)
    assert (status, content["satu"]) == (200, SATU)
    assert not client.cookies[COOKIE]
    assert (client.cookies["entered"], client.cookies["seen"]) == ("yes", "yes")
    assert await person(client) == SATU
    assert await client.post("/auth/logout", {}) == {}
    assert await person(client) is None
    assert (client.cookies["entered"], client.cookies["seen"]) == ("", "yes")


async def test_a_person_who_may_not_use_the_service_is_not_let_in(
    client: Client, leaf: Leaf, hooks: Hooks
) -> None:
    hooks.error = LoginNotAllowedError("not on the list")
    status, content = await client.log_in(leaf)
    assert (status, content["error"]["code"]) == (403, "LOGIN_NOT_ALLOWED")
    assert "not on the list" not in str(content)
    assert await person(client) is None
    assert not client.cookies[COOKIE]
    assert not client.cookies.get("entered")


async def test_a_hook_that_fails_lets_nobody_in(
    client: Client, leaf: Leaf, hooks: Hooks
) -> None:
    hooks.error = ZeroDivisionError()
    assert (await client.log_in(leaf))[0] == 500
    assert await person(client) is None
    hooks.error = None
    assert (await client.log_in(leaf))[0] == 200
    assert await person(client) == SATU


async def test_a_used_challenge_does_not_reach_the_application(
    client: Client, leaf: Leaf, hooks: Hooks
) -> None:
    nonce = (await client.post("/auth/challenge", {}))["nonce"]
    body = {"authToken": leaf.token(nonce=nonce)}
    before = dict(client.cookies)
    assert (await client.ask("POST", "/auth/login", body))[0] == 200
    hooks.error = AssertionError("the hook is called for a replay")
    client.cookies = before
    status, content = await client.ask("POST", "/auth/login", body)
    assert (status, content["error"]["code"]) == (403, "CHALLENGE_NONCE_NOT_FOUND")
