# SPDX-License-Identifier: MIT
"""A minimal browser for logins, over HTTP or without a server."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from http.cookies import SimpleCookie
from types import MappingProxyType
from typing import Any, Protocol, Self
from urllib.parse import unquote

import aiohttp
from aiohttp.test_utils import TestServer
from flask import Flask
from yarl import URL

from kortilla.web.http import Headers, Request, Response
from kortilla.web.routes import LoginRoutes
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


class Visitor:
    """A browser that calls the routes without a server, and keeps their cookie."""

    def __init__(self, routes: LoginRoutes, cookie: str = "") -> None:
        self.routes = routes
        self.cookie = cookie

    async def post(self, path: str, content: object, **headers: str) -> Response:
        async def body() -> AsyncIterator[bytes]:
            yield json.dumps(content).encode()

        given = {"Content-Type": "application/json", "Cookie": self.cookie}
        given |= {"Origin": self.routes.service.origin}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        request = Request("POST", path, Headers(given.items()), body(), "192.0.2.7")
        answer = await self.routes.handle(request)
        if cookie := dict(answer.headers).get("Set-Cookie"):
            self.cookie = cookie.partition(";")[0]
        return answer

    async def challenge(self, **headers: str) -> str:
        answer = await self.post("/challenge", {}, **headers)
        nonce: str = json.loads(answer.body)["nonce"]
        return nonce

    async def log_in(self, leaf: Leaf, **headers: str) -> Response:
        token = leaf.token(nonce=await self.challenge(**headers))
        return await self.post("/login", {"authToken": token}, **headers)

    async def refusal(self, path: str, content: object) -> tuple[int, str]:
        """Return the status and the code of the refusal of a request."""
        answer = await self.post(path, content)
        return code((answer.status, json.loads(answer.body)))


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


class Client:
    """A browser on an application without a server of its own. Keeps all cookies.

    The application is one of Flask or of ASGI, or a test server with one of aiohttp.
    """

    def __init__(self, app: Any, root_path: str = "") -> None:
        self._app = app
        self._root_path = root_path
        self.cookies: dict[str, str] = {}

    async def ask(self, method: str, path: str, content: Any = None) -> tuple[int, Any]:
        """Return the status of a response, and its JSON if it has some."""
        body = b"" if content is None else json.dumps(content).encode()
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Origin": ORIGIN, "Content-Type": "application/json"}
        status, found, answer = await self._send(
            method, path, body, headers | {"Cookie": cookies}
        )
        for name, value in found:
            if name.lower() == "set-cookie":
                for cookie, morsel in SimpleCookie(value).items():
                    self.cookies[cookie] = morsel.value
        kinds = [value for name, value in found if name.lower() == "content-type"]
        return status, json.loads(answer) if "json" in str(kinds) else None

    async def get(self, path: str) -> Any:
        """Return the JSON of a response that is 200."""
        status, content = await self.ask("GET", path)
        assert status == 200
        return content

    async def post(self, path: str, content: Any) -> Any:
        """Return the JSON of a response to a POST that is 200."""
        status, answer = await self.ask("POST", path, content)
        assert status == 200
        return answer

    async def log_in(self, leaf: Leaf) -> tuple[int, Any]:
        nonce = (await self.post("/auth/challenge", {}))["nonce"]
        body = {"authToken": leaf.token(nonce=nonce)}
        return await self.ask("POST", "/auth/login", body)

    async def _send(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        if isinstance(self._app, Flask):
            client = self._app.test_client(use_cookies=False)
            answer = await asyncio.to_thread(
                client.open, path, method=method, data=body, headers=headers
            )
            return answer.status_code, list(answer.headers), answer.data
        if isinstance(self._app, TestServer):
            async with (
                aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
                http.request(
                    method, self._app.make_url(path), data=body, headers=headers
                ) as response,
            ):
                found = list(response.headers.items())
                return response.status, found, await response.read()
        return await ask_asgi(
            self._app,
            method,
            path,
            body=body,
            headers=headers,
            root_path=self._root_path,
        )


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
