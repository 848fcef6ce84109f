# SPDX-License-Identifier: MIT
"""The client's address in ASGI, without a server in front."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette

from kortilla import LoginService, Trust
from kortilla.starlette import setup
from kortilla.web.asgi import ASGIApp, LoginApp
from kortilla.web.routes import LoginRoutes
from tests.kortilla.pki import ORIGIN


async def call(app: ASGIApp, path: str, root_path: str, kind: str = "http") -> Any:
    """Request a challenge, and return the response's first message."""
    answer = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"{}"}

    async def send(message: Any) -> None:
        answer.append(message)

    scope = {
        "type": kind,
        "method": "POST",
        "path": path,
        "root_path": root_path,
        "query_string": b"",
        "headers": [
            (b"origin", ORIGIN.encode()),
            (b"content-type", b"application/json"),
        ],
        "state": {},
    }
    await app(scope, receive, send)
    return answer[0]


@pytest.fixture
def service(trust: Trust) -> LoginService:
    return LoginService(origin=ORIGIN, trust=trust)


@pytest.mark.parametrize("make", [Starlette, FastAPI])
async def test_the_prefix_of_a_proxy_may_be_there_or_stripped(
    service: LoginService, make: Callable[[], Starlette]
) -> None:
    app = make()
    setup(app, service, prefix="/in")
    for path, root_path in (
        ("/in/challenge", ""),
        ("/in/challenge", "/shop"),
        ("/shop/in/challenge", "/shop"),
    ):
        assert (await call(app, path, root_path))["status"] == 200


async def test_the_login_as_an_application_of_its_own(service: LoginService) -> None:
    app = LoginApp(LoginRoutes(service))
    for path, root_path in (("/challenge", ""), ("/in/challenge", "/in")):
        assert (await call(app, path, root_path))["status"] == 200
    assert (await call(app, "/in/challenge", ""))["status"] == 404
    refused = await call(app, "/challenge", "", "websocket")
    assert refused == {"type": "websocket.close"}


async def test_the_service_is_closed_at_the_end_of_the_lifespan(
    service: LoginService, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = []

    async def note() -> None:
        closed.append(True)

    monkeypatch.setattr(service, "close", note)
    app = FastAPI()
    setup(app, service)
    async with app.router.lifespan_context(app):
        assert not closed
    assert closed == [True]
