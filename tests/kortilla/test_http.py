# SPDX-License-Identifier: MIT
"""Bodies of requests, independent of the web framework."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kortilla.web.http import (
    BrokenBodyError,
    Headers,
    Request,
    RequestRefusedError,
    read_json,
)

JSON = (("Content-Type", "application/json"),)


async def read(
    *chunks: bytes | BaseException,
    headers: tuple[tuple[str, str], ...] = JSON,
    seconds: float = 60,
) -> dict[str, Any]:
    async def body() -> AsyncIterator[bytes]:
        for each in chunks:
            if isinstance(each, BaseException):
                raise each
            yield each
        if seconds == 0:
            await asyncio.Event().wait()

    request = Request("POST", "/login", Headers(headers), body())
    return await read_json(request, allowed={"a", "b"}, max_bytes=32, seconds=seconds)


async def refusal(*chunks: bytes | BaseException, **more: Any) -> tuple[int, str]:
    with pytest.raises(RequestRefusedError) as caught:
        await read(*chunks, **more)
    return caught.value.status, caught.value.code


async def test_a_json_object_is_read() -> None:
    assert await read(b'{"a"', b": 1}") == {"a": 1}
    assert await read(b"{}") == {}
    assert await read(b'{"b": "' + b"x" * 23 + b'"}') == {"b": "x" * 23}


@pytest.mark.parametrize(
    "value",
    ["application/json; charset=utf-8", "Application/JSON", " application/json"],
)
async def test_the_media_type_may_have_parameters_and_capitals(value: str) -> None:
    assert await read(b"{}", headers=(("content-type", value),)) == {}


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("Content-Type", "text/plain"),),
        (("Content-Type", "application/jsonp"),),
        (*JSON, *JSON),
        (*JSON, ("Content-Encoding", "gzip")),
        (*JSON, ("Content-Encoding", "identity")),
    ],
    ids=str,
)
async def test_another_media_type_is_refused_before_the_body_is_read(
    headers: tuple[tuple[str, str], ...],
) -> None:
    unread = AssertionError("The body was read.")
    refused = await refusal(unread, headers=headers)
    assert refused == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"null", b'"a"', b"\xff", b'{"a": NaN}'),
        *(b'{"a": 1, "a": 1}', b'{"a": 1, "c": 1}'),
    ],
)
async def test_what_is_no_such_object_is_refused(body: bytes) -> None:
    assert await refusal(body) == (400, "INVALID_REQUEST")


async def test_a_body_that_is_too_long_late_or_broken_is_refused() -> None:
    assert await refusal(b"{}" + b" " * 31) == (413, "BODY_TOO_LARGE")
    assert await refusal(b"{", seconds=0) == (408, "REQUEST_TIMEOUT")
    assert await refusal(b"{}", BrokenBodyError()) == (400, "INVALID_REQUEST")
