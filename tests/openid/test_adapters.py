# SPDX-License-Identifier: MIT
"""The provider below a path of an aiohttp and of a Starlette application."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from starlette.applications import Starlette
from starlette.routing import Mount

from kortilla.openid import OpenIDApp, sub_application
from tests.kortilla.browser import ask_asgi
from tests.openid.conftest import MakeOP
from tests.openid.provider import ISSUER, LocalOP

#: What is the same in each adapter: method, path, and the expected status.
REQUESTS = [
    ("GET", "/openid/.well-known/openid-configuration", 200),
    ("GET", "/openid/jwks", 200),
    ("GET", "/openid/authorize?client_id=stranger", 400),
    ("GET", "/openid/static/button.js", 200),
    ("GET", "/openid/static/openid/login.css", 200),
    ("GET", "/openid/static/../settings.py", 404),
    ("POST", "/openid/token", 400),
    ("DELETE", "/openid/token", 405),
    ("GET", "/openid/", 404),
    ("GET", "/openid/login/x", 404),
    ("GET", "/openid/a%0d%0ab", 404),
    ("GET", "/openid/healthz", 200),
]


@contextlib.asynccontextmanager
async def aiohttp_site(op: LocalOP) -> AsyncIterator[str]:
    app = web.Application()
    app.add_subapp("/openid", sub_application(op.provider))
    async with TestServer(app) as server:
        yield str(server.make_url("/")).rstrip("/")


async def test_aiohttp_serves_a_sub_application(op: LocalOP) -> None:
    async with aiohttp_site(op) as url, aiohttp.ClientSession() as session:
        for method, path, status in REQUESTS:
            async with session.request(method, url + path) as answer:
                assert (path, answer.status) == (path, status)
        where = f"{url}/openid/.well-known/openid-configuration"
        # The issuer is the configured one, and never the Host header's.
        async with session.get(where, headers={"Host": "evil.example"}) as answer:
            assert (await answer.json())["issuer"] == ISSUER


async def test_a_body_that_ends_early_is_refused(op: LocalOP) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"grant_type="
        raise RuntimeError("the client is gone")

    async with aiohttp_site(op) as url, aiohttp.ClientSession() as session:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        with pytest.raises((aiohttp.ClientError, RuntimeError)):
            await session.post(f"{url}/openid/token", data=broken(), headers=kind)
        async with session.get(f"{url}/openid/healthz") as answer:
            assert answer.status == 200


async def test_starlette_mounts_the_application(op: LocalOP) -> None:
    app = Starlette(routes=[Mount("/openid", OpenIDApp(op.provider))])
    for method, path, status in REQUESTS:
        answered, _, _ = await ask_asgi(app, method, path)
        assert (path, answered) == (path, status)


async def test_an_asgi_server_s_lifespan_closes_the_provider(
    make_op: MakeOP,
) -> None:
    op = make_op(simulator=True)
    events = iter(["lifespan.startup", "lifespan.shutdown"])
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": next(events)}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await OpenIDApp(op.provider)({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
