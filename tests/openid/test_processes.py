# SPDX-License-Identifier: MIT
"""Several processes on one real Redis: its failures, and the processes' ends."""

import asyncio
import contextlib
import itertools
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from kortilla.openid.clients.settings import ServerSettings
from kortilla.testing import KortillaCard
from tests.kortilla.redis_group import Group, replicated, sentinels, until
from tests.kortilla.redis_server import RedisServer
from tests.openid.provider import (
    ISSUER,
    ORIGIN,
    SECRET,
    Browser,
    LocalOP,
    asked,
    basic,
    configuration,
    toml,
    write_files,
)
from tests.openid.served import Running, code, redeem, running, visitor
from tests.support.guide import DOCS
from tests.support.patience import patience

#: Listens as systemd does.
ACTIVATE = shutil.which("systemd-socket-activate")
PACKAGING = DOCS.parent / "packaging" / "openid"


def config(
    folder: Path, card: KortillaCard, redis: RedisServer | Group, **server: Any
) -> Path:
    """Write a configuration, with a limit that the test's own logins don't reach."""
    write_files(folder, card)
    file = folder / "openid.toml"
    server = {"logins_per_minute": 100_000, **server}
    file.write_text(toml(configuration(redis={"url": redis.url}, server=server)))
    return file


@pytest.fixture(scope="module")
def pair(
    tmp_path_factory: pytest.TempPathFactory, card: KortillaCard, redis: RedisServer
) -> Iterator[tuple[Running, Running]]:
    """Two simulators that share a Redis."""
    file = config(tmp_path_factory.mktemp("pair"), card, redis, metrics_port=0)
    with running(file, "--simulator") as one, running(file, "--simulator") as other:
        yield one, other


async def test_a_code_that_twenty_redeem_at_two_processes_works_once(
    pair: tuple[Running, Running],
) -> None:
    async with visitor() as session:
        for _ in range(3):
            _, form = await code(session, pair[0].url)
            answers = await asyncio.gather(
                *(redeem(session, pair[n % 2].url, form) for n in range(20))
            )
            assert sorted(status for status, _ in answers) == [200] + [400] * 19
            errors = {content.get("error") for _, content in answers}
            assert errors == {None, "invalid_grant"}


async def test_every_key_in_the_store_has_a_lifetime(
    pair: tuple[Running, Running], redis: RedisServer
) -> None:
    async with visitor() as session:
        _, form = await code(session, pair[0].url)
        await redeem(session, pair[1].url, form)
        await redeem(session, pair[1].url, form)
        await code(session, pair[0].url)
        where, form = f"{pair[0].url}/authorize", asked()[1]
        async with session.post(where, data=form, allow_redirects=False) as answer:
            assert answer.status == 303
    keys = redis.client.keys("*")
    assert all(key.startswith(b"kortilla:") for key in keys)
    kinds = {key.decode().split(":")[-2] for key in keys}
    assert {"token", "replayed", "code", "par"} <= kinds
    lifetimes = {key: redis.client.ttl(key) for key in keys}
    assert all(0 < each <= 1800 for each in lifetimes.values()), lifetimes


async def test_logs_have_no_name_code_or_state(pair: tuple[Running, Running]) -> None:
    async with visitor() as session:
        found, form = await code(session, pair[0].url)
        _, content = await redeem(session, pair[0].url, form)
        headers = {"Authorization": f"Bearer {content['access_token']}"}
        async with session.get(f"{pair[0].url}/userinfo", headers=headers) as answer:
            told = await answer.json()
        async with session.get(f"{pair[0].url}/x?code={found}\n") as answer:
            assert answer.status == 404
    log = pair[0].log.read_text()
    assert "GET /openid/authorize 303" in log
    assert "POST /openid/token 200" in log
    secrets = [
        found, "STATE-OF-A-LOGIN", form["code_verifier"], SECRET, basic(),
        content["access_token"], content["id_token"], *map(str, told.values()),
    ]  # fmt: skip
    assert [each for each in secrets if each in log] == []


async def test_metrics_count_logins_on_a_port_of_their_own(
    pair: tuple[Running, Running],
) -> None:
    running = pair[0]
    assert running.metrics

    async def logins(session: aiohttp.ClientSession) -> float:
        async with session.get(str(running.metrics)) as answer:
            lines = (await answer.text()).splitlines()
        assert not any("99955512B" in line for line in lines)
        name = 'kortilla_events_total{event="login"} '
        return sum(float(line.removeprefix(name)) for line in lines if name in line)

    async with visitor() as session:
        before = await logins(session)
        await code(session, running.url)
        while (after := await logins(session)) == before:
            pass  # events are counted in a thread of their own
        assert after == before + 1
        async with session.get(f"{running.url}/metrics") as answer:
            assert answer.status == 404


@pytest.fixture
async def op(
    files: Path, card: KortillaCard, redis: RedisServer
) -> AsyncIterator[LocalOP]:
    op = LocalOP.create(files, card, redis={"url": redis.url})
    yield op
    await op.provider.close()


@pytest.mark.parametrize(
    ("simulator", "issuer"),
    [(False, ISSUER), (True, "https://other.example/openid")],
    ids=["cards", "another issuer"],
)
async def test_a_session_counts_at_its_own_provider_alone(
    files: Path, card: KortillaCard, redis: RedisServer, simulator: bool, issuer: str
) -> None:
    shared: dict[str, Any] = {"redis": {"url": redis.url}, "sso_minutes": 60}
    first = LocalOP.create(files, card, simulator=True, **shared)
    second = LocalOP.create(files, card, simulator=simulator, issuer=issuer, **shared)
    browser = Browser(first)
    await browser.authorize(login_hint="SPECIMEN-VIRTANEN")
    _, own = await browser.authorize(prompt="none")
    assert "code" in own.parameters
    _, there = await Browser(second, dict(browser.cookies)).authorize(prompt="none")
    assert there.parameters["error"] == "login_required"
    for op in (first, second):
        await op.provider.close()


async def test_while_the_store_is_away_the_answer_is_503(
    op: LocalOP, redis: RedisServer
) -> None:
    browser = Browser(op)
    page = await browser.page()
    found, verifier = await op.code()
    with redis.away():
        _, refused = await Browser(op).authorize()
        statuses = [
            refused.status,
            (await browser.send("GET", page)).status,
            (await browser.send("POST", f"{page}/challenge", body=b"{}")).status,
            (await op.token(found, verifier)).status,
            (await op.userinfo("t")).status,
            (await op.send("GET", "/readyz")).status,
        ]
        assert statuses == [503] * 6
        answer = await op.token(found, verifier)
        assert answer.json == {"error": "temporarily_unavailable"}
        assert (await op.send("GET", "/healthz")).status == 200
    assert (await op.send("GET", "/readyz")).status == 200
    # A snapshot may bring back what was taken: logins and codes begin anew.
    assert (await op.token(found, verifier)).json["error"] == "invalid_grant"
    assert (await browser.send("GET", page)).status == 404
    found, verifier = await op.code()
    assert (await op.token(found, verifier)).status == 200


async def test_three_processes_go_on_through_a_failover(
    tmp_path: Path, card: KortillaCard
) -> None:
    async def is_ready() -> bool:
        answers = [await session.get(f"{each.url}/readyz") for each in processes]
        return all(answer.status == 200 for answer in answers)

    async def userinfo(process: Running) -> int:
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        where = f"{process.url}/userinfo"
        async with session.get(where, headers=headers) as answer:
            return answer.status

    with contextlib.ExitStack() as stack:
        group = stack.enter_context(sentinels())
        await replicated(group.servers[1])
        file = config(tmp_path, card, group)
        processes = [
            stack.enter_context(running(file, "--simulator")) for _ in range(3)
        ]
        async with visitor() as session:
            _, form = await code(session, processes[0].url)
            _, tokens = await redeem(session, processes[1].url, form)
            _, unused = await code(session, processes[2].url)
            assert group.servers[0].client.wait(1, 10_000) == 1
            group.servers[0].kill()
            assert not await is_ready()
            await until(is_ready)
            # An open login begins again, and who was logged in stays so.
            for process in processes:
                assert (await redeem(session, process.url, unused))[0] == 400
                assert await userinfo(process) == 200
            _, form = await code(session, processes[1].url)
            assert (await redeem(session, processes[2].url, form))[0] == 200
        for process in processes:
            said = process.log.read_text()
            assert re.search(r"Redis works again, after \d+\.\d seconds", said)


# --- a process that is asked to end loses no request


async def test_rolling_restarts_lose_no_login(
    tmp_path: Path, card: KortillaCard, redis: RedisServer
) -> None:
    """Behind a proxy that tries the other process when a connection fails."""
    file = config(tmp_path, card, redis, drain_seconds=0.2)
    finished = 0
    with contextlib.ExitStack() as stack:

        def start() -> Running:
            return stack.enter_context(running(file, "--simulator"))

        processes = [start(), start()]
        turns = itertools.count()

        async def balanced(call: Any, *arguments: Any) -> Any:
            first = next(turns)
            # By the time of the second try the other one may be ending, and this one
            # back.
            for each in range(first, first + 8):
                url = processes[each % 2].url
                with contextlib.suppress(aiohttp.ClientConnectionError):
                    return await call(session, url, *arguments)
            raise AssertionError("both processes refuse, each time")

        async def log_in_until(ended: asyncio.Event) -> None:
            nonlocal finished
            while not ended.is_set():
                _, form = await balanced(code)
                assert (await balanced(redeem, form))[0] == 200
                finished += 1

        async with visitor(force_close=True) as session:
            ended = asyncio.Event()
            visitors = [asyncio.create_task(log_in_until(ended)) for _ in range(4)]
            for number in range(4):
                assert await asyncio.to_thread(processes[number % 2].end) == 0
                processes[number % 2] = await asyncio.to_thread(start)
            ended.set()
            await asyncio.gather(*visitors)
    assert finished >= 4


async def test_a_process_that_ends_serves_what_comes_until_it_is_asked_again(
    tmp_path: Path, card: KortillaCard, redis: RedisServer
) -> None:
    with running(config(tmp_path, card, redis, drain_seconds=60), "--simulator") as own:
        async with visitor() as session, visitor(force_close=True) as other:
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


async def test_restarts_at_systemds_socket_lose_no_login(
    tmp_path: Path, card: KortillaCard, redis: RedisServer
) -> None:
    """One process alone, with kept and with new connections. Nothing is tried twice."""
    file = config(tmp_path, card, redis, drain_seconds=0.2)
    finished = 0

    async def log_in_until(ended: asyncio.Event, session: Any) -> None:
        nonlocal finished
        while not ended.is_set():
            _, form = await code(session, url)
            assert (await redeem(session, url, form))[0] == 200
            finished += 1

    def serve_once() -> None:
        with running(file, "--simulator", listening=own) as process:
            assert process.url == url
            wanted = finished + 10
            while finished < wanted:
                assert not any(each.done() for each in visitors)
                time.sleep(0.01)
            assert process.end() == 0

    with socket.create_server(("127.0.0.1", 0), backlog=1024) as own:
        url = f"http://127.0.0.1:{own.getsockname()[1]}/openid"
        async with visitor() as kept, visitor(force_close=True) as new:
            ended = asyncio.Event()
            visitors = [
                asyncio.create_task(log_in_until(ended, session))
                for session in (new, new, new, kept)
            ]
            for _ in range(3):
                await asyncio.to_thread(serve_once)
            with running(file, "--simulator", listening=own):
                ended.set()
                await asyncio.gather(*visitors)
    assert finished >= 30


@pytest.mark.skipif(not ACTIVATE, reason="systemd is not installed")
def test_systemd_passes_its_socket(tmp_path: Path, card: KortillaCard) -> None:
    """By systemd's own program, which starts the provider at the first connection."""
    write_files(tmp_path, card)
    file = tmp_path / "openid.toml"
    file.write_text(toml(configuration(issuer=ORIGIN)))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = free.getsockname()
    serve = [sys.executable, "-m", "kortilla.cli", "openid", "serve"]
    serve += ["--config", str(file)]
    listen = [str(ACTIVATE), f"--listen={address[0]}:{address[1]}"]
    with subprocess.Popen([*listen, *serve], stderr=subprocess.PIPE, text=True) as own:
        assert own.stderr
        try:
            while "Listening" not in own.stderr.readline():
                assert own.poll() is None
            url = f"http://{address[0]}:{address[1]}/healthz"
            with urllib.request.urlopen(url, timeout=patience()) as answer:
                assert answer.status == 200
        finally:
            own.send_signal(signal.SIGINT)
            own.stderr.read()
    assert own.returncode == 0


async def test_a_restart_at_systemds_socket_refuses_nobody(
    tmp_path: Path, card: KortillaCard
) -> None:
    """One process alone, with connections that it has accepted and that it has not."""
    write_files(tmp_path, card)
    file = tmp_path / "openid.toml"
    file.write_text(toml(configuration(issuer=ORIGIN)))
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    pairs: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def connect(count: int) -> None:
        for _ in range(count):
            pair = await asyncio.open_connection(*own.getsockname())
            pair[1].write(request)
            pairs.append(pair)

    def room() -> int:
        """Return how many connections the system keeps for the next process."""
        told = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
        return int(struct.unpack_from("I", told, 28)[0])

    with socket.create_server(("127.0.0.1", 0), backlog=1024) as own:
        as_configured = room()
        for _ in range(2):
            with running(file, listening=own) as process:
                assert urlsplit(process.url).port == own.getsockname()[1]
                assert room() == as_configured
                process.process.send_signal(signal.SIGSTOP)
                await connect(50)
                process.process.send_signal(signal.SIGTERM)
                process.process.send_signal(signal.SIGCONT)
                assert await asyncio.to_thread(process.process.wait) == 0
            await connect(10)
        with running(file, listening=own):
            async with asyncio.timeout(patience()):
                answers = [await reader.read() for reader, _ in pairs]
    for _, writer in pairs:
        writer.close()
    assert len(answers) == 120
    assert {answer.split(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 200 OK"}


def test_the_examples_leave_time_to_end() -> None:
    """drain_seconds, what is on the way, open requests and hooks: 21 seconds."""
    unit = (PACKAGING / "kortilla-openid@.service").read_text()
    compose = (PACKAGING / "compose.yaml").read_text()
    container = (PACKAGING / "Containerfile").read_text()
    found = [
        re.search(r"TimeoutStopSec=(\d+)", unit),
        re.search(r"stop_grace_period: (\d+)s", compose),
        re.search(r"--stop-timeout (\d+)", container),
    ]
    assert [each and int(each[1]) for each in found] == [30, 30, 30]
    socket_unit = (PACKAGING / "kortilla-openid@.socket").read_text()
    assert "Requires=kortilla-openid@%i.socket" in unit
    assert "ListenStream=127.0.0.1:%i" in socket_unit
    assert "Accept=no" in socket_unit
    # And nginx closes idle connections before a process does.
    proxy = (PACKAGING / "nginx.conf").read_text()
    idle = re.search(r"keepalive_timeout (\d+)s", proxy)
    assert idle
    assert int(idle[1]) < ServerSettings().drain_seconds
