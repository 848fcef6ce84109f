# SPDX-License-Identifier: MIT
"""Requests and answers, without a web framework: what its adapter translates."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

__all__ = [
    "BrokenBodyError",
    "Headers",
    "Request",
    "RequestRefusedError",
    "Response",
    "is_same_origin",
    "json_answer",
    "read_body",
]

_HARDENED = (
    ("X-Content-Type-Options", "nosniff"),
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; frame-ancestors 'none'",
    ),
)


class BrokenBodyError(Exception):
    """What an adapter's body raises when the client went away or spoke no HTTP."""


class RequestRefusedError(Exception):
    """A request that is refused before anybody looks at a token."""

    def __init__(self, status: int, code: str, *, allow: str = "") -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.allow = allow


class Headers:
    """A request's headers, whose names are the same in upper and lower case."""

    def __init__(self, headers: Iterable[tuple[str, str]] = ()) -> None:
        self._headers = [(name.lower(), value) for name, value in headers]

    def all(self, name: str) -> list[str]:
        """Return each value of a header, in order."""
        return [value for known, value in self._headers if known == name.lower()]

    def joined(self, name: str) -> str:
        """Return the values of a header that is a list (RFC 9110 §5.3)."""
        return ", ".join(self.all(name))


@dataclass(frozen=True)
class Request:
    """A request as the core sees it.

    ``path`` is decoded, begins with ``/`` and lies below the prefix. ``body`` gives the
    body's bytes as they come, and raises ``BrokenBodyError``. ``client`` is the address
    that the framework tells.
    """

    method: str
    path: str
    headers: Headers
    body: AsyncIterator[bytes]
    client: str | None = None


@dataclass(frozen=True)
class Response:
    """An answer. ``headers`` may hold ``Set-Cookie``; the length is the server's."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]

    @classmethod
    def create(
        cls,
        body: str | bytes,
        content_type: str,
        *,
        status: int = 200,
        headers: Iterable[tuple[str, str]] = (("Cache-Control", "no-store"),),
    ) -> "Response":
        """Return an answer with the headers that protect it.

        None of ours is a page that loads more than a style, or that another may show in
        itself.
        """
        return cls(
            status,
            body.encode() if isinstance(body, str) else body,
            (("Content-Type", content_type), *_HARDENED, *headers),
        )

    def with_headers(self, *headers: tuple[str, str | None]) -> "Response":
        """Return this answer with more headers, those that have a value."""
        more = tuple((name, value) for name, value in headers if value is not None)
        return Response(self.status, self.body, self.headers + more)


def json_answer(content: dict[str, Any], *, status: int = 200) -> Response:
    """Return an answer in JSON, which nobody may keep."""
    text = json.dumps(content, ensure_ascii=False)
    return Response.create(text, "application/json; charset=utf-8", status=status)


def is_same_origin(headers: Headers, origin: str) -> bool:
    """Tell whether a request that changes something came from the service's own page.

    Browsers put ``Origin`` on every POST, and a page can't change it. What the request
    says of its ``Host`` is not asked. A request with neither header is refused too.
    """
    site = headers.all("Sec-Fetch-Site")
    origins = headers.all("Origin")
    if origins:
        return origins == [origin] and site in ([], ["same-origin"])
    return site == ["same-origin"]


async def read_body(
    body: AsyncIterator[bytes], *, max_bytes: int, seconds: float
) -> bytes:
    """Read a whole body. Raises ``RequestRefusedError``: 400, 408 or 413.

    A body that is too long is not read to its end.
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
