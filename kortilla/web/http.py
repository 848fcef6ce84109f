# SPDX-License-Identifier: MIT
"""HTTP requests and responses, independent of the web framework."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

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


class BrokenBodyError(Exception):
    """Reading the body failed: the client disconnected or sent invalid HTTP."""


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
        self._headers = [(name.lower(), value) for name, value in headers]

    def all(self, name: str) -> list[str]:
        """Return all values of a header, in order."""
        return [value for known, value in self._headers if known == name.lower()]

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


def json_response(content: dict[str, Any], *, status: int = 200) -> Response:
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
) -> dict[str, Any]:
    """Read a JSON object with no other names than ``allowed``.

    Raises ``RequestRefusedError``: 415 before it reads, or 400, 408 or 413.
    """
    kinds = [
        value.partition(";")[0].strip().lower()
        for value in request.headers.all("Content-Type")
    ]
    if kinds != ["application/json"] or request.headers.all("Content-Encoding"):
        raise RequestRefusedError(415, "UNSUPPORTED_MEDIA_TYPE")
    body = await read_body(request.body, max_bytes=max_bytes, seconds=seconds)
    try:
        content = load_json(body)
    except ValueError:
        raise RequestRefusedError(400, "INVALID_REQUEST") from None
    if not isinstance(content, dict) or not content.keys() <= allowed:
        raise RequestRefusedError(400, "INVALID_REQUEST")
    return content
