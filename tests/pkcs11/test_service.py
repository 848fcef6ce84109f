# SPDX-License-Identifier: MIT
"""The process: p11-kit starts it with a socket or pipes, or it listens."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from native_host.config import Config
from native_host.pkcs11.constants import CKF, CKR
from native_host.pkcs11.control import prepare_login, running_servers
from native_host.pkcs11.service import serve_socket
from tests.browser.warm_host import relay_command
from tests.pkcs11.client import HANDSHAKE, Client, message, octets, refusal, u32
from tests.pkcs11.test_control import mode_of, names_in
from tests.support import cards
from tests.support.errors import raises
from tests.support.patience import patience
from tests.support.token_control import runtime_folder

Start = Callable[..., subprocess.Popen[bytes]]

_PROGRAM = """
import sys
from pathlib import Path
from native_host.config import Config
from native_host.pkcs11.service import (serve_socket, serve_stdio)
card, *path = sys.argv[1:]
if card == "asks":
    window = [sys.executable, "-I", "-c", *path]
    sys.exit(serve_stdio(Config(card="mock"), window=window))
config = Config(card=card, prompt="automatic" if card == "mock" else "window")
sys.exit(serve_socket(config, Path(*path)) if path else serve_stdio(config))
"""

# A window that opens and closes, and writes its actions into a file.
_WINDOW = """
import sys
with open({file!r}, "w", buffering=1) as file:
    file.write("open\\n")
    sys.stdin.read()
    file.write("closed\\n")
"""

UNUSABLE = "SOCKET_UNUSABLE"


@pytest.fixture(autouse=True)
def session(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A session without a card service; returns its runtime folder."""
    assert empty_home.is_dir()
    with runtime_folder() as run:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(run))
        monkeypatch.setenv("PCSCLITE_CSOCK_NAME", str(run / "pcscd.comm"))
        yield run


@pytest.fixture
def own_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's mock card, of the current profile."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    cards.new_card(tmp_path / "data" / "kortilla" / "mock-card")


@pytest.fixture
def start() -> Iterator[Start]:
    """A function that starts a server with a kind of card and a place to listen.

    With ``anew`` the process is a new Python, as for a user. Without, it is a relay,
    and the server has all imports done: see ``warm_host``.
    """
    started: list[subprocess.Popen[bytes]] = []

    def run(
        *arguments: str | Path,
        stdio: socket.socket | None = None,
        anew: bool = False,
    ) -> subprocess.Popen[bytes]:
        given = subprocess.PIPE if stdio is None else stdio.fileno()
        python = [sys.executable, "-I", "-c", _PROGRAM]
        process = subprocess.Popen(
            [*(python if anew else relay_command(_PROGRAM)), *arguments],
            stdin=given,
            stdout=given,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def end_of(process: subprocess.Popen[bytes]) -> int:
    """Wait until the process has exited; its output must be empty."""
    _, complaints = process.communicate(timeout=patience())
    assert complaints == b""
    return process.returncode


@pytest.mark.usefixtures("own_card")
async def test_the_program_that_starts_it_has_the_token(start: Start) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        process = start("mock", stdio=theirs, anew=True)
    client = await Client.connect(ours)
    await client.initialize()
    session, key = await client.key()
    assert len(await client.sign(session, key)) == 96
    [server] = await running_servers()
    assert (server.pid, server.program_pid) == (process.pid, os.getpid())
    await prepare_login(server)
    assert len(await client.sign(session, key)) == 96
    await client.close()
    assert end_of(process) == 0
    assert await running_servers() == []


@pytest.mark.usefixtures("own_card")
@pytest.mark.parametrize("how", ["vanishes", "is told to end"])
async def test_window_and_process_end_when_the_program_vanishes_while_it_asks(
    start: Start, tmp_path: Path, how: str
) -> None:
    file = tmp_path / "window"
    ours, theirs = socket.socketpair()
    with theirs:
        process = start("asks", _WINDOW.format(file=str(file)), stdio=theirs)
    client = await Client.connect(ours)
    await client.initialize()
    session, key = await client.key()
    await client.sign_init(session, key)
    signing = client.sign_begun(session)
    async with asyncio.timeout(60):
        while not file.exists() or file.read_text() != "open\n":
            await client.call("GetInfo")
    if how == "is told to end":
        process.terminate()
    else:
        await client.close()
    assert end_of(process) == 0
    assert file.read_text() == "open\nclosed\n"
    signing.cancel()
    await asyncio.gather(signing, return_exceptions=True)
    await client.close()


@pytest.fixture
def in_pipes(start: Start) -> "subprocess.Popen[bytes]":
    """A server without a card service, with a client that has begun."""
    process = start("pcsc", anew=True)
    assert process.stdin and process.stdout
    begin = _frame("Initialize", octets(HANDSHAKE), b"\0", octets(b""))
    process.stdin.write(b"\1" + begin)
    process.stdin.flush()
    assert process.stdout.read(1) == b"\1"
    assert _answer(process) == u32(1) + u32(0)
    return process


def test_pipes_do_as_well_and_without_a_card_service_there_is_no_token(
    in_pipes: "subprocess.Popen[bytes]",
) -> None:
    assert in_pipes.stdin
    in_pipes.stdin.write(_frame("GetSlotList", b"\1", u32(2)))
    in_pipes.stdin.flush()
    assert _answer(in_pipes) == u32(4) + u32(2) + b"au" + b"\1" + u32(0)
    assert end_of(in_pipes) == 0


def _frame(name: str, *arguments: bytes) -> bytes:
    body = message(name, *arguments)
    return u32(16) + u32(0) + u32(len(body)) + body


def _answer(process: "subprocess.Popen[bytes]") -> bytes:
    assert process.stdout
    header = process.stdout.read(12)
    return process.stdout.read(int.from_bytes(header[8:]))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_ends_when_told_to(
    in_pipes: "subprocess.Popen[bytes]", number: signal.Signals
) -> None:
    in_pipes.send_signal(number)
    assert end_of(in_pipes) == 0


@pytest.mark.parametrize("path", ["/dev/null", __file__])
def test_what_is_no_conversation_ends_at_once(path: str) -> None:
    with Path(path).open("rb") as file:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _PROGRAM, "pcsc"],
            stdin=file,
            capture_output=True,
            timeout=patience(),
            check=False,
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.usefixtures("own_card")
async def test_a_socket_serves_many_programs_until_told_to_end(
    start: Start, session: Path
) -> None:
    path = session / "kortilla" / "pkcs11"
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    process = start("mock", path)
    clients = [await _connect(path, process) for _ in range(3)]
    sessions = []
    for client in clients:
        await client.initialize()
        sessions.append(await client.open_session())
    assert len(await running_servers()) == 3
    # What one learns of the PIN, all are told.
    with refusal(CKR.PIN_INCORRECT):
        await clients[0].log_in(sessions[0], b"9999")
    for client in clients:
        flags = (await client.call("GetTokenInfo", 1))[4]
        assert flags & CKF.USER_PIN_COUNT_LOW
    assert mode_of(path) == 0o600
    await clients[0].close()
    assert len(await clients[1].call("GetSlotInfo", 1)) == 5
    process.terminate()
    assert end_of(process) == 0
    for client in clients:
        await client.close()
    assert names_in(path.parent) == []


async def _connect(path: Path, process: subprocess.Popen[bytes]) -> Client:
    async with asyncio.timeout(60):
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(path))
            except OSError:
                connection.close()
                assert process.poll() is None
                await asyncio.sleep(0.01)
            else:
                return await Client.connect(connection)


def test_a_socket_that_is_in_use_or_that_others_can_reach_is_refused(
    session: Path,
) -> None:
    path = session / "kortilla" / "pkcs11"
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with raises(UNUSABLE, "another program"):
            serve_socket(Config(), path)
    path.unlink()
    path.write_text("not a socket")
    with raises(UNUSABLE):
        serve_socket(Config(), path)
    assert path.read_text() == "not a socket"
    path.parent.chmod(0o777)
    with raises(UNUSABLE, "others"):
        serve_socket(Config(), path)
    with raises(UNUSABLE):
        serve_socket(Config(), session / ("x" * 200))
