# SPDX-License-Identifier: MIT
"""A minimal browser for logins."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType
from typing import Any, Protocol, Self
from urllib.parse import unquote

import aiohttp
from yarl import URL

from tests.kortilla.pki import ORIGIN, Leaf

COOKIE = "__Host-kortilla-session"


class Site(Protocol):
    """A running server."""

    def make_url(self, path: str) -> URL:
        """Return the URL of a path."""
        ...


class Browser:
    """A browser: its cookie, and the headers of each request.

    The test server speaks http for a service at an https origin, as behind a proxy. So
    this class keeps the Secure cookie. ``address`` is the client's address. Without
    ``keep_alive`` each request uses a new connection.
    """

    def __init__(
        self, server: Site, *, address: str = "", keep_alive: bool = True
    ) -> None:
        self.server = server
        self.cookie: str | None = None
        self.http = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            connector=aiohttp.TCPConnector(
                local_addr=(address, 0) if address else None,
                limit=0,
                force_close=not keep_alive,
            ),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()

    @contextlib.asynccontextmanager
    async def request(
        self, method: str, path: str, *, headers: dict[str, str], data: Any = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self.cookie:
            headers = {"Cookie": f"{COOKIE}={self.cookie}"} | headers
        url = self.server.make_url(path)
        async with self.http.request(
            method, url, data=data, headers=headers, allow_redirects=False
        ) as answer:
            if COOKIE in answer.cookies:
                self.cookie = answer.cookies[COOKIE].value or None
            yield answer

    async def post(
        self, path: str, content: Any = None, **changes: Any
    ) -> tuple[int, Any]:
        headers = {"Origin": ORIGIN, "Content-Type": "application/json"}
        headers |= changes.pop("headers", {})
        headers = {k: v for k, v in headers.items() if v is not None}
        data = changes.pop("data", json.dumps({} if content is None else content))
        async with self.request(
            "POST", f"/auth/{path}", headers=headers, data=data
        ) as response:
            assert response.content_type == "application/json", await response.text()
            assert response.headers["Cache-Control"] == "no-store"
            return response.status, await response.json()

    async def challenge(self) -> str:
        status, answer = await self.post("challenge")
        assert status == 200
        nonce: str = answer["nonce"]
        return nonce

    async def who(self) -> str | None:
        async with self.request("GET", "/who", headers={}) as response:
            satu: str | None = (await response.json())["satu"]
            return satu


def code(answer: tuple[int, Any]) -> tuple[int, str]:
    """Return the status and the code of an error response."""
    status, content = answer
    assert set(content) == {"error"}
    assert set(content["error"]) == {"code", "message"}
    return status, content["error"]["code"]


async def log_in(browser: Browser, leaf: Leaf) -> tuple[int, Any]:
    """Request a challenge and respond to it."""
    nonce = await browser.challenge()
    return await browser.post("login", {"authToken": leaf.token(nonce=nonce)})


async def ask_asgi(
    app: Any,
    method: str,
    url: str,
    *,
    body: bytes = b"",
    headers: Mapping[str, str] = MappingProxyType({}),
    root_path: str = "",
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Send a request as an ASGI server does. Returns status, headers and body."""
    path, _, query = url.partition("?")
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": unquote(path),
        "root_path": root_path,
        "query_string": query.encode(),
        "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
        "client": ("192.0.2.1", 1),
    }
    # Starlette answers an error, and passes it on to the server.
    try:
        await app(scope, receive, send)
    except ZeroDivisionError:
        assert sent
    start, *rest = sent
    found = [(k.decode(), v.decode()) for k, v in start["headers"]]
    return start["status"], found, b"".join(each.get("body", b"") for each in rest)
