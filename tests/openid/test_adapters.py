# SPDX-License-Identifier: MIT
"""The provider below a path of an aiohttp and of a Starlette application."""

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
from tests.openid.provider import FORM, ISSUER, LocalOP

#: What is the same in each adapter: method, path, and the expected status.
REQUESTS = [
    ("GET", "/openid/.well-known/openid-configuration", 200),
    ("GET", "/openid/authorize?client_id=stranger", 400),
    ("GET", "/openid/static/button.js", 200),
    ("GET", "/openid/static/openid/login.css", 200),
    ("GET", "/openid/static/../settings.py", 404),
    ("POST", "/openid/token", 400),
    ("DELETE", "/openid/token", 405),
    ("GET", "/openid/", 404),
    ("GET", "/openid/login/x", 404),
    ("GET", "/openid/a%0d%0ab", 404),
]


async def test_aiohttp_serves_a_sub_application(op: LocalOP) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"grant_type="
        raise RuntimeError("the client is gone")

    app = web.Application()
    app.add_subapp("/openid", sub_application(op.provider))
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        url = str(server.make_url("/")).rstrip("/")
        for method, path, status in REQUESTS:
            async with session.request(method, url + path) as answer:
                assert (path, answer.status) == (path, status)
        with pytest.raises((aiohttp.ClientError, RuntimeError)):
            kind = {"Content-Type": FORM}
            await session.post(f"{url}/openid/token", data=broken(), headers=kind)
        where = f"{url}/openid/.well-known/openid-configuration"
        # The issuer is the configured one, and never the Host header's.
        async with session.get(where, headers={"Host": "evil.example"}) as answer:
            assert (await answer.json())["issuer"] == ISSUER


async def test_starlette_mounts_the_application(op: LocalOP) -> None:
    app = Starlette(routes=[Mount("/openid", OpenIDApp(op.provider))])
    for method, path, status in REQUESTS:
        answered, _, _ = await ask_asgi(app, method, path)
        assert (path, answered) == (path, status)


async def test_an_asgi_server_s_lifespan_closes_the_provider(op: LocalOP) -> None:
    events = iter(["lifespan.startup", "lifespan.shutdown"])
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": next(events)}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await OpenIDApp(op.provider)({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
