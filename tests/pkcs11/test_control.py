# SPDX-License-Identifier: MIT
"""The control socket: a client finds a server and asks it to prepare a login."""

import asyncio
import os
import socket
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from native_host.card.errors import PinBlockedError
from native_host.errors import UserCancelledError
from native_host.pkcs11.control import (
    ControlError,
    ControlServer,
    RunningServer,
    prepare_login,
    running_servers,
)
from native_host.platform.process_tree import Program
from tests.operations.user import until
from tests.support.errors import raises
from tests.support.token_control import runtime_folder

FIREFOX = Program(4711, "Firefox")


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the sockets, which does not exist yet."""
    with runtime_folder() as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
        yield runtime / "kortilla"


def make(folder: Path, mode: int) -> None:
    folder.mkdir()
    folder.chmod(mode)


def names_in(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def done() -> None:
    """Prepare at once."""


async def test_servers_are_found_by_what_they_serve(folder: Path) -> None:
    assert await running_servers() == []
    async with ControlServer(FIREFOX, done), ControlServer(Program(5, "p11tool"), done):
        found = await running_servers()
        assert {(each.program, each.program_pid) for each in found} == {
            ("Firefox", 4711),
            ("p11tool", 5),
        }
        assert {each.pid for each in found} == {os.getpid()}
        assert all(mode_of(each.path) == 0o600 for each in found)
        assert mode_of(folder) == 0o700
        for each in found:
            await prepare_login(each)
    assert await running_servers() == []
    assert names_in(folder) == []


async def test_a_socket_that_nobody_listens_on_is_taken_away(folder: Path) -> None:
    make(folder, 0o700)
    dead = folder / "pkcs11-99999999-0.sock"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(dead))
    (folder / "pkcs11-other.sock").write_text("no socket")
    (folder / "agent.lock").write_text("1")
    assert await running_servers() == []
    assert not dead.exists()
    assert (folder / "agent.lock").exists()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserCancelledError(), "USER_CANCELLED"),
        (PinBlockedError("blocked"), "PIN_BLOCKED"),
        (ZeroDivisionError("secret"), "INTERNAL"),
    ],
)
async def test_what_stood_in_the_way_is_told(error: Exception, code: str) -> None:
    async def fail() -> None:
        raise error

    async with ControlServer(FIREFOX, fail):
        [server] = await running_servers()
        with pytest.raises(ControlError) as caught:
            await prepare_login(server)
    assert caught.value.code == code
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("goes", ["asker", "server"])
async def test_the_preparing_is_called_off_when_either_side_goes(goes: str) -> None:
    began, called_off = asyncio.Event(), asyncio.Event()

    async def ask() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            called_off.set()

    async with asyncio.timeout(60):
        async with ControlServer(FIREFOX, ask):
            [server] = await running_servers()
            asking = asyncio.create_task(prepare_login(server))
            await began.wait()
            # Other clients get responses meanwhile.
            assert await running_servers() == [server]
            if goes == "asker":
                asking.cancel()
                await called_off.wait()
        if goes == "server":
            with raises("PROGRAM_NOT_RUNNING"):
                await asking
            with raises("PROGRAM_NOT_RUNNING"):  # nor later
                await prepare_login(server)
    assert called_off.is_set()


@asynccontextmanager
async def connected() -> AsyncIterator[Connection]:
    """A connection to a server, which answers others all the time."""
    async with ControlServer(FIREFOX, done):
        [server] = await running_servers()
        reader, writer = await asyncio.open_unix_connection(server.path)
        async with asyncio.timeout(60):
            yield reader, writer
        writer.close()
        assert await running_servers() == [server]


@pytest.mark.parametrize(
    "line",
    [
        *(b"\n", b"{}\n", b"[]\n", b'"prepare"\n', b'{"command": "login"}\n'),
        *(b'{"command": ["who"]}\n', b"[" * 255 + b"\n", b"[" * 4000 + b"\n"),
        *(b"\xff\n", b"x" * 100_000),
    ],
)
async def test_odd_lines_are_answered_or_let_go(line: bytes) -> None:
    answer = b""
    async with connected() as (reader, writer):
        with suppress(ConnectionError):
            writer.write(line)
            if not line.endswith(b"\n"):
                writer.write_eof()
            answer = await reader.read()
    assert answer == b"" or b'"INVALID_ARGUMENT"' in answer


async def test_who_says_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("native_host.pkcs11.control._REQUEST_TIMEOUT", 0.01)
    async with connected() as (reader, writer):
        writer.write(b"half a")
        assert await reader.read() == b""


async def test_many_who_say_nothing_are_not_all_listened_to() -> None:
    async with ControlServer(FIREFOX, done), AsyncExitStack() as stack:
        [server] = await running_servers()
        closed = []
        for _ in range(40):
            reader, writer = await asyncio.open_unix_connection(server.path)
            stack.callback(writer.close)
            closed.append(asyncio.create_task(reader.read()))
        await until(lambda: sum(each.done() for each in closed) >= 8)


async def test_what_is_said_after_the_line_is_not_kept() -> None:
    waits = asyncio.Event()

    async def wait() -> None:
        await waits.wait()

    async with ControlServer(FIREFOX, wait):
        [server] = await running_servers()
        reader, writer = await asyncio.open_unix_connection(server.path)
        writer.write(b'{"command": "prepare"}\n')
        tracemalloc.start()
        async with asyncio.timeout(60):
            for _ in range(100):
                writer.write(bytes(2**18))
                await writer.drain()
            held, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert held < 2**22  # of 26 million bytes
            waits.set()
            assert b"result" in await reader.readline()
        writer.close()


async def test_another_user_is_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ControlServer(FIREFOX, done):
        [server] = await running_servers()
        monkeypatch.setattr(os, "geteuid", lambda: 54321)
        with raises("PROGRAM_NOT_RUNNING"):
            await prepare_login(server)
        reader, writer = await asyncio.open_unix_connection(server.path)
        async with asyncio.timeout(60):
            assert await reader.read() == b""
        writer.close()


async def test_a_folder_that_others_can_write_is_not_used(folder: Path) -> None:
    make(folder, 0o777)
    async with ControlServer(FIREFOX, done):
        assert await running_servers() == []
        assert names_in(folder) == []


async def test_without_a_runtime_folder_nobody_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    async with ControlServer(FIREFOX, done):
        assert await running_servers() == []
    with raises("PROGRAM_NOT_RUNNING"):
        await prepare_login(RunningServer(Path("/nowhere"), 1, "", 1))
