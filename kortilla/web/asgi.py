# SPDX-License-Identifier: MIT
"""Card login as an ASGI application without a framework (ASGI 3, HTTP).

Prefer the adapter of a framework: it also returns the person who is logged in.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from kortilla.web.http import BrokenBodyError, Headers, Request, Response
from kortilla.web.routes import LoginRoutes

__all__ = [
    "ASGIApp",
    "LoginApp",
    "Receive",
    "Scope",
    "Send",
    "read_request",
    "refuse_websocket",
    "send",
]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class LoginApp:
    """The login's routes, for an ASGI server or a framework that routes to them.

    The path below the prefix is Starlette's path parameter ``path``, or the rest of the
    path after ``root_path``.
    """

    def __init__(self, routes: LoginRoutes) -> None:
        self.routes = routes

    async def __call__(self, scope: Scope, receive: Receive, sending: Send) -> None:
        """Handle one request; a WebSocket is refused."""
        if scope["type"] != "http":
            await refuse_websocket(receive, sending)
            return
        await send(sending, await self.routes.handle(read_request(scope, receive)))


async def refuse_websocket(receive: Receive, sending: Send) -> None:
    """Respond to a handshake with 403."""
    await receive()
    await sending({"type": "websocket.close"})


def read_request(scope: Scope, receive: Receive) -> Request:
    """Convert a request; its body is read later."""
    path = scope.get("path_params", {}).get("path")
    if path is None:
        path = scope["path"].removeprefix(scope.get("root_path", "")).removeprefix("/")
    return Request(
        method=scope["method"],
        path=f"/{path}",
        headers=Headers(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in scope["headers"]
        ),
        body=_body(receive),
        client=(scope.get("client") or (None,))[0],
    )


async def send(sending: Send, response: Response) -> None:
    """Send a response."""
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in response.headers
    ]
    if response.status != 304:
        headers.append((b"content-length", str(len(response.body)).encode()))
    await sending(
        {
            "type": "http.response.start",
            "status": response.status,
            "headers": headers,
        }
    )
    await sending({"type": "http.response.body", "body": response.body})


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise BrokenBodyError
        yield message.get("body", b"")
        if not message.get("more_body"):
            return
