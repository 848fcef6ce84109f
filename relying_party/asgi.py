# SPDX-License-Identifier: MIT
"""Card login as an ASGI application, which needs no framework (ASGI 3, HTTP).

It answers whatever is mounted to it: the part of the path that is beyond
``root_path``. Use an adapter where there is one: it also says who is logged in.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from .http import Answer, BrokenBodyError, Headers, Request
from .routes import LoginRoutes

__all__ = ["ASGIApp", "LoginApp", "Receive", "Scope", "Send", "read_request", "send"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class LoginApp:
    """The login's routes, for an ASGI server or a framework that mounts them."""

    def __init__(self, routes: LoginRoutes) -> None:
        self.routes = routes

    async def __call__(self, scope: Scope, receive: Receive, sending: Send) -> None:
        """Answer one request. Raises ``ValueError`` for what is not HTTP."""
        if scope["type"] != "http":
            raise ValueError(f"There is no {scope['type']} here.")
        answer = await self.routes.answer(read_request(scope, receive))
        await send(sending, answer)


def read_request(scope: Scope, receive: Receive) -> Request:
    """Return a request as the core sees it; its body has not been read yet."""
    return Request(
        method=scope["method"],
        path=scope["path"].removeprefix(scope.get("root_path", "")),
        headers=Headers(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in scope["headers"]
        ),
        body=_body(receive),
        client=(scope.get("client") or (None,))[0],
    )


async def send(sending: Send, answer: Answer) -> None:
    """Send an answer."""
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in answer.headers
    ]
    if answer.status != 304:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    start = {"type": "http.response.start", "status": answer.status, "headers": headers}
    await sending(start)
    await sending({"type": "http.response.body", "body": answer.body})


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise BrokenBodyError
        yield message.get("body", b"")
        if not message.get("more_body"):
            return
