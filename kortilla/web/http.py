# SPDX-License-Identifier: MIT
"""HTTP requests and responses, independent of the web framework, and those of ASGI."""

import asyncio
import hashlib
import json
import logging
import mimetypes
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from kortilla.common import JsonObject
from kortilla.validation.untrusted import load_json

__all__ = [
    "BrokenBodyError",
    "Headers",
    "Request",
    "RequestRefusedError",
    "Response",
    "check_origin_header",
    "is_same_origin",
    "json_response",
    "read_body",
    "read_json",
    "shown",
]

logger = logging.getLogger(__name__)

#: Characters of a client's text in a log.
_SHOWN = 200

_HARDENED = (
    ("X-Content-Type-Options", "nosniff"),
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; frame-ancestors 'none'",
    ),
)


# Systems disagree on these, and a browser runs no script of another type.
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
}
#: The files of the client's folder that pages load; the others are for npm.
_SERVED = {".js", ".css", ".html"}
_PACKAGE = Path(__file__).parents[1]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class BrokenBodyError(Exception):
    """Reading the body failed: the client disconnected or sent invalid HTTP."""


async def at_once(body: bytes | None) -> AsyncIterator[bytes]:
    """Yield a body that was read whole. Raises ``BrokenBodyError`` for None."""
    if body is None:
        raise BrokenBodyError
    yield body


class RequestRefusedError(Exception):
    """A request that is refused before its token is read."""

    def __init__(self, status: int, code: str, *, allow: str = "") -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.allow = allow


class Headers:
    """A request's headers. Names are case-insensitive."""

    def __init__(self, headers: Iterable[tuple[str, str]] = ()) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in headers:
            self._values.setdefault(name.lower(), []).append(value)

    def all(self, name: str) -> list[str]:
        """Return all values of a header, in order."""
        return [*self._values.get(name.lower(), ())]

    def announce(self, kind: str) -> bool:
        """Return whether the body is of a media type, and not compressed."""
        kinds = [
            value.partition(";")[0].strip().lower()
            for value in self.all("Content-Type")
        ]
        return kinds == [kind] and not self.all("Content-Encoding")

    def joined(self, name: str) -> str:
        """Return the values of a list header, joined (RFC 9110 §5.3)."""
        return ", ".join(self.all(name))


@dataclass(frozen=True)
class Request:
    """A request to card login.

    ``path`` is decoded, begins with ``/`` and lies below the prefix. ``body`` streams
    the bytes of the body, and raises ``BrokenBodyError``. ``client`` is the peer's
    address as the framework reports it.
    """

    method: str
    path: str
    headers: Headers
    body: AsyncIterator[bytes]
    client: str | None = None


@dataclass(frozen=True)
class Response:
    """A response. The server adds ``Content-Length``.

    ``logged_out`` says that the request ended the browser's session.
    """

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]
    logged_out: bool = False

    @classmethod
    def create(
        cls,
        body: str | bytes,
        content_type: str,
        *,
        status: int = 200,
        headers: Iterable[tuple[str, str]] = (("Cache-Control", "no-store"),),
    ) -> "Response":
        """Return a response with security headers.

        Our pages load styles alone, and no other page may embed them.
        """
        return cls(
            status,
            body.encode() if isinstance(body, str) else body,
            (("Content-Type", content_type), *_HARDENED, *headers),
        )

    def with_headers(self, *headers: tuple[str, str | None]) -> "Response":
        """Return this response with more headers, leaving out those that are None."""
        more = tuple((name, value) for name, value in headers if value is not None)
        return Response(self.status, self.body, self.headers + more)


def json_response(content: JsonObject, *, status: int = 200) -> Response:
    """Return a response in JSON that no cache may store."""
    text = json.dumps(content, ensure_ascii=False)
    return Response.create(text, "application/json; charset=utf-8", status=status)


def is_same_origin(headers: Headers, origin: str) -> bool:
    """Return whether a state-changing request came from the service's own page.

    Browsers send ``Origin`` with every POST, and a page can't change it. ``Host`` is
    not trusted. A request with neither ``Origin`` nor ``Sec-Fetch-Site`` is refused.
    """
    site = headers.all("Sec-Fetch-Site")
    origins = headers.all("Origin")
    if origins:
        return origins == [origin] and site in ([], ["same-origin"])
    return site == ["same-origin"]


def check_method(request: Request, allow: str) -> None:
    """Raise ``RequestRefusedError`` unless the method is one of ``GET, HEAD``, say."""
    if request.method not in allow.split(", "):
        raise RequestRefusedError(405, "METHOD_NOT_ALLOWED", allow=allow)


def check_origin_header(headers: Headers, origin: str) -> None:
    """Raise ``RequestRefusedError`` unless ``is_same_origin``; the log has both."""
    if not is_same_origin(headers, origin):
        logger.warning(
            "ORIGIN_REFUSED: a request came from %s, and this service is %s. The "
            "address in the browser has to be the configured origin, and the proxy has "
            "to pass Origin on.",
            shown(headers.joined("Origin")),
            origin,
        )
        raise RequestRefusedError(403, "ORIGIN_REFUSED")


def shown(text: str) -> str:
    """Return what a client sent as a log may have it: short, quoted ASCII, one line."""
    return ascii(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


async def read_body(
    body: AsyncIterator[bytes], *, max_bytes: int, seconds: float
) -> bytes:
    """Read a whole body. Raises ``RequestRefusedError``: 400, 408 or 413.

    Reading stops once the body is too long.
    """
    content = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in body:
                content += chunk
                if len(content) > max_bytes:
                    raise RequestRefusedError(413, "BODY_TOO_LARGE")
    except TimeoutError:
        raise RequestRefusedError(408, "REQUEST_TIMEOUT") from None
    except BrokenBodyError:
        raise RequestRefusedError(400, "INVALID_REQUEST") from None
    return bytes(content)


async def read_json(
    request: Request, *, allowed: set[str], max_bytes: int, seconds: float
) -> JsonObject:
    """Read a JSON object with no other names than ``allowed``.

    Raises ``RequestRefusedError``: 415 before it reads, or 400, 408 or 413.
    """
    if not request.headers.announce("application/json"):
        raise RequestRefusedError(415, "UNSUPPORTED_MEDIA_TYPE")
    body = await read_body(request.body, max_bytes=max_bytes, seconds=seconds)
    try:
        content = load_json(body)
    except ValueError:
        raise RequestRefusedError(400, "INVALID_REQUEST") from None
    if not isinstance(content, dict) or not content.keys() <= allowed:
        raise RequestRefusedError(400, "INVALID_REQUEST")
    return content


@dataclass(frozen=True)
class File:
    """A file in memory, so that no path is ever built from a request."""

    content: bytes
    content_type: str
    tag: str

    @classmethod
    def read(cls, path: Path) -> "File":
        """Read a file of this package."""
        content = path.read_bytes()
        kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        return cls(content, kind or "application/octet-stream", tag)

    def response(self, headers: Headers) -> Response:
        """Return the file, or 304 if the client has it (RFC 9110 §13.1.2)."""
        mine = (("ETag", self.tag), ("Cache-Control", "no-cache"))
        known = {tag.strip() for tag in headers.joined("If-None-Match").split(",")}
        if known & {self.tag, f"W/{self.tag}"}:
            return Response(304, b"", mine)
        return Response.create(self.content, self.content_type, headers=mine)


@cache
def packaged_files() -> dict[str, File]:
    """Return the files that are served, by path below the prefix."""
    folder = _PACKAGE / "client"
    files = {
        f"/static/{path.relative_to(folder).as_posix()}": File.read(path)
        for path in folder.rglob("*.*")
        if path.suffix in _SERVED
    }
    return files | {"/openapi.json": File.read(_PACKAGE / "web" / "openapi.json")}


async def refuse_websocket(receive: Receive, sending: Send) -> None:
    """Respond to the handshake of a WebSocket with 403."""
    await receive()
    await sending({"type": "websocket.close"})


def read_request(scope: Scope, receive: Receive) -> Request:
    """Convert a request of ASGI; its body is read later.

    The path below the prefix is Starlette's path parameter ``path``, or the rest of the
    path after ``root_path``.
    """
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
        body=_asgi_body(receive),
        client=(scope.get("client") or (None,))[0],
    )


async def send(sending: Send, response: Response) -> None:
    """Send a response by ASGI."""
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in response.headers
    ]
    if response.status != 304:
        headers.append((b"content-length", str(len(response.body)).encode()))
    await sending(
        {"type": "http.response.start", "status": response.status, "headers": headers}
    )
    await sending({"type": "http.response.body", "body": response.body})


async def _asgi_body(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise BrokenBodyError
        yield message.get("body", b"")
        if not message.get("more_body"):
            return


async def live(
    receive: Receive, sending: Send, close: Callable[[], Awaitable[None]]
) -> None:
    """Answer to a lifespan of ASGI, and call ``close`` at its end."""
    kind = ""
    while kind != "lifespan.shutdown":
        kind = (await receive())["type"]
        if kind == "lifespan.shutdown":
            await close()
        await sending({"type": f"{kind}.complete"})
