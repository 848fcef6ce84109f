# SPDX-License-Identifier: MIT
"""The log of a provider that serves says nothing that a client chose."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from kortilla.openid.provider import Provider
from kortilla.openid.serving import serve
from tests.openid.provider import LocalOP


@contextlib.asynccontextmanager
async def served(provider: Provider) -> AsyncIterator[tuple[str, int]]:
    """Serve a provider in this process. Yields host and port."""
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        serve(provider, host="127.0.0.1", port=0, started=started.set_result)
    )
    try:
        async with asyncio.timeout(60):
            parts = urlsplit(await started)
        yield parts.hostname or "", parts.port or 0
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def raw(address: tuple[str, int], request: bytes) -> bytes:
    """Send bytes, and return all that comes back."""
    async with asyncio.timeout(60):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    return answer


async def test_a_malformed_request_leaves_no_code_in_the_log(
    op: LocalOP, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with served(op.provider) as address:
        for request in (
            b"GET /openid/authorize?code=SECRET\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /openid/authorize?code=SECRET HTTP/9.x\r\n\r\n",
            b"GET /openid/userinfo HTTP/1.1\r\nHost: x\r\n"
            b"Authorization: Bearer SECRET\x01\r\n\r\n",
            b"GET /openid/x?code=SECRET" + b"A" * 9000 + b" HTTP/1.1\r\n\r\n",
        ):
            assert (await raw(address, request)).startswith(b"HTTP/1.0 400")
    assert "BadStatusLine" in caplog.text or "BadHttpMessage" in caplog.text
    assert "SECRET" not in caplog.text
    assert caplog.text.count("UNKNOWN another path 400") == 4


async def test_the_log_has_no_path_that_a_client_chose(
    op: LocalOP, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with served(op.provider) as address:
        for path in (
            "/99955512B/token",
            "/openid/99955512B/token",
            f"/openid/login/{'x' * 43}/99955512b",
            "/openid/jwks",
        ):
            request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            await raw(address, request.encode())
    logged = [
        each.getMessage().rpartition(" ")[0].rpartition(" ")[0]
        for each in caplog.records
        if each.name == "kortilla.openid.access"
    ]
    assert logged == ["GET another path 404"] * 3 + ["GET /openid/jwks 200"]
