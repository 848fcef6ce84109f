# SPDX-License-Identifier: MIT
"""Processes that are asked to end lose no request, with real signals."""

import asyncio
import contextlib
import itertools
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from kortilla.openid.settings import ServerSettings
from kortilla.testing import KortillaCard
from tests.kortilla.redis_server import RedisServer
from tests.openid.provider import configuration, toml, write_files
from tests.openid.served import Running, code, redeem, running, visitor
from tests.support.guide import DOCS

PACKAGING = DOCS.parent / "packaging" / "openid"


def config(folder: Path, card: KortillaCard, redis: RedisServer, **server: Any) -> Path:
    """Write a configuration, with a limit that the test's own logins don't reach."""
    write_files(folder, card)
    file = folder / "openid.toml"
    server = {"logins_per_minute": 100_000, **server}
    file.write_text(toml(configuration(redis={"url": redis.url}, server=server)))
    return file


@contextlib.asynccontextmanager
async def one_request_each() -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a session that opens a connection for each request."""
    connector = aiohttp.TCPConnector(force_close=True)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(connector=connector, cookie_jar=jar) as session:
        yield session


async def test_rolling_restarts_lose_no_login(
    tmp_path: Path, card: KortillaCard, redis: RedisServer
) -> None:
    """Behind a balancer that tries the other process when a connection is refused."""
    file = config(tmp_path, card, redis, drain_seconds=0.2)
    finished = 0
    with contextlib.ExitStack() as stack:

        def start() -> Running:
            return stack.enter_context(running(file, "--simulator"))

        processes = [start(), start()]
        turns = itertools.count()

        async def balanced(call: Any, *arguments: Any) -> Any:
            first = next(turns)
            # A process that ends drops new connections, and the kernel tries again
            # after a second. By then the other one may be ending, and this one back.
            for each in range(first, first + 8):
                url = processes[each % 2].url
                with contextlib.suppress(aiohttp.ClientConnectorError):
                    return await call(session, url, *arguments)
            raise AssertionError("both processes refuse, each time")

        async def log_in_until(ended: asyncio.Event) -> None:
            nonlocal finished
            while not ended.is_set():
                _, form = await balanced(code)
                assert (await balanced(redeem, form))[0] == 200
                finished += 1

        async with one_request_each() as session:
            ended = asyncio.Event()
            visitors = [asyncio.create_task(log_in_until(ended)) for _ in range(4)]
            for number in range(4):
                assert await asyncio.to_thread(processes[number % 2].end) == 0
                processes[number % 2] = await asyncio.to_thread(start)
            ended.set()
            await asyncio.gather(*visitors)
    assert finished > 4


async def test_a_process_that_ends_serves_what_comes_until_it_is_asked_again(
    tmp_path: Path, card: KortillaCard, redis: RedisServer
) -> None:
    with running(config(tmp_path, card, redis, drain_seconds=60), "--simulator") as own:
        async with visitor() as session, one_request_each() as other:
            _, form = await code(session, own.url)
            own.process.send_signal(signal.SIGTERM)
            status = 200
            while status == 200:
                async with session.get(f"{own.url}/readyz") as answer:
                    status, said = answer.status, await answer.json()
            assert (status, said) == (503, {"status": "stopping"})
            assert answer.headers["Connection"] == "close"
            async with other.get(f"{own.url}/healthz") as answer:
                assert answer.status == 200
            assert (await redeem(other, own.url, form))[0] == 200
            _, form = await code(other, own.url)
            assert (await redeem(other, own.url, form))[0] == 200
        assert own.end() == 0


async def test_connections_that_nobody_has_accepted_yet_are_served(
    tmp_path: Path, card: KortillaCard, redis: RedisServer
) -> None:
    with running(config(tmp_path, card, redis), "--simulator") as own:
        address = urlsplit(own.url)
        own.process.send_signal(signal.SIGSTOP)
        pairs = [
            await asyncio.open_connection(address.hostname, address.port)
            for _ in range(50)
        ]
        request = f"GET {address.path}/healthz HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        for number, (_, writer) in enumerate(pairs):
            if number % 2:  # the others send it when nothing is accepted any more
                writer.write(request)
        own.process.send_signal(signal.SIGTERM)
        own.process.send_signal(signal.SIGCONT)
        with contextlib.suppress(OSError):
            while True:  # until it refuses connections
                _, writer = await asyncio.open_connection(
                    address.hostname, address.port
                )
                writer.close()
        for number, (_, writer) in enumerate(pairs):
            if not number % 2:
                writer.write(request)
        answers = [await reader.read() for reader, _ in pairs]
        for _, writer in pairs:
            writer.close()
        assert {answer.split(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 200 OK"}
        assert own.end() == 0


def test_the_examples_leave_time_to_end() -> None:
    """drain_seconds, what is on the way, open requests and hooks: 23 seconds."""
    unit = (PACKAGING / "kortilla-openid@.service").read_text()
    compose = (PACKAGING / "compose.yaml").read_text()
    container = (PACKAGING / "Containerfile").read_text()
    found = [
        re.search(r"TimeoutStopSec=(\d+)", unit),
        re.search(r"stop_grace_period: (\d+)s", compose),
        re.search(r"--stop-timeout (\d+)", container),
    ]
    assert [each and int(each[1]) for each in found] == [30, 30, 30]
    # And nginx closes idle connections before a process does.
    proxy = (PACKAGING / "nginx.conf").read_text()
    idle = re.search(r"keepalive_timeout (\d+)s", proxy)
    assert idle
    assert int(idle[1]) < ServerSettings().drain_seconds
