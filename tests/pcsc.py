# SPDX-License-Identifier: MIT
"""A pcscd with a virtual reader for one test, out of the machine's sight.

pcscd has one socket per machine, so it gets a namespace of its own, with an empty /run
and a loopback of its own. ``run`` runs a command there, ``isolated`` a test:

    result = pcsc.run(["kortilla", "card", "status"], card=folder)

    @isolated
    async def test_something(room: Room) -> None: ...
"""

import argparse
import asyncio
import contextlib
import fcntl
import importlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from native_host.mock_card.card import MockCard
from native_host.mock_card.state import MockCardState
from native_host.mock_card.vpcd import DEFAULT_PORT, VirtualReader

__all__ = ["READER", "READERS", "Room", "isolated", "run", "within"]

#: All readers that there may be. The virtual reader's driver has two slots, each a
#: reader for PC/SC; there is one driver unless a room is told to have more.
READERS = tuple(
    f"Virtual PCD{driver} 00 {slot:02X}"
    for driver in ("", *(f" {number}" for number in range(2, 8)))
    for slot in range(2)
)

#: Where ``Room.insert`` puts a card.
READER = READERS[0]

_ROOT = Path(__file__).parent.parent
_SOCKET = Path("/run/pcscd/pcscd.comm")
_READERS = Path("/run/readers")
_DRIVER = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"
_READER_ENTRY = """\
FRIENDLYNAME "{name}"
DEVICENAME   /dev/null:{port:#X}
LIBPATH      {driver}
CHANNELID    {port:#X}
"""
_DYING_WITH_PARENT = ["setpriv", "--pdeathsig", "KILL", "--"]
_TIMEOUT = 60  # seconds


def within(command: Sequence[str], *, card: Path | None = None) -> list[str]:
    """Return the command that runs another one beside a pcscd of its own.

    ``card`` is the folder of the mock card that lies in the reader. When it is killed,
    pcscd and the command end with it.
    """
    folder = ["--card", str(card)] if card else []
    return _namespace(["run", *folder, "--", *command])


def run(
    command: Sequence[str],
    *,
    card: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = _TIMEOUT,
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """Run a command beside a pcscd of its own and return its output and exit code.

    ``env`` stands instead of the environment, ``options`` go to ``subprocess.run``.
    """
    return subprocess.run(
        within(command, card=card),
        cwd=_ROOT,
        env=None if env is None else dict(env),
        timeout=timeout,
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def isolated(scenario: Callable[["Room"], Awaitable[None]]) -> Callable[[Path], None]:
    """Make a test of a coroutine that is run beside a pcscd of its own.

    It gets the ``Room``, and runs in a process of its own whose HOME is ``tmp_path``.
    """

    def test(tmp_path: Path) -> None:
        name = f"{scenario.__module__}:{scenario.__name__}"
        result = subprocess.run(
            _namespace(["scenario", name, str(tmp_path)]),
            cwd=_ROOT,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            timeout=_TIMEOUT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"

    test.__name__ = scenario.__name__
    test.__doc__ = scenario.__doc__
    test.__module__ = scenario.__module__
    test.scenario = scenario  # type: ignore[attr-defined]  # found again by name
    return test


class Room:
    """A pcscd, its virtual readers and mock cards, inside the namespace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pcscd: subprocess.Popen[bytes] | None = None
        self._cards: dict[str, VirtualReader] = {}

    def start_service(self, *, drivers: int = 1) -> None:
        """Start pcscd and wait until it can be reached.

        With ``drivers``, of which there may be 7, it has the first of ``READERS``, two
        for each. It then runs that many threads, which look for cards by themselves.
        """
        _READERS.mkdir(exist_ok=True)
        entries = []
        for number in range(drivers):
            # A driver has room for one reader, so each is a library of its own.
            driver = Path(f"/run/vpcd-{number}.so")
            shutil.copyfile(_DRIVER, driver)
            port = DEFAULT_PORT + 2 * number
            name = READERS[2 * number].removesuffix(" 00 00")
            entry = _READER_ENTRY.format(name=name, port=port, driver=driver)
            entries.append(entry)
        (_READERS / "vpcd").write_text("\n".join(entries))
        pcscd = ["pcscd", "--foreground", "--disable-polkit", "-c", str(_READERS)]
        self._pcscd = subprocess.Popen(
            [*_DYING_WITH_PARENT, *pcscd],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for what is tested
        )
        with _patience() as left, socket.socket(socket.AF_UNIX) as client:
            while client.connect_ex(str(_SOCKET)):
                assert self._pcscd.poll() is None, "pcscd did not start"
                left()

    def stop_service(self, sign: signal.Signals = signal.SIGTERM) -> None:
        """End pcscd and wait until it has gone; the card goes out with the reader."""
        if self._pcscd:
            self._pcscd.send_signal(sign)
            self._pcscd.wait()
            self._pcscd = None
        for reader in READERS:
            self.pull(reader)

    @property
    def service(self) -> subprocess.Popen[bytes]:
        """The pcscd that runs."""
        assert self._pcscd
        return self._pcscd

    def new_card(self, profile: str = "v5") -> MockCardState:
        """Make a mock card in the room's folder."""
        return MockCardState.create(self.folder / profile, profile=profile)

    def insert(self, card: MockCard, reader: str = READER) -> None:
        """Put a card into a reader."""
        self.pull(reader)
        port = DEFAULT_PORT + READERS.index(reader)
        self._cards[reader] = VirtualReader(card, port=port).__enter__()

    def pull(self, reader: str = READER) -> None:
        """Take the card out of a reader, if there is one."""
        if card := self._cards.pop(reader, None):
            card.__exit__(None, None, None)

    def settle(self) -> None:
        """Wait until pcscd has seen the cards, for programs that look once."""
        scard = importlib.import_module("smartcard.scard")
        context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)[1]
        for reader in self._cards:
            state = 0
            while not state & scard.SCARD_STATE_PRESENT:
                asked = [(reader, state)]
                result, found = scard.SCardGetStatusChange(context, 10_000, asked)
                assert result == scard.SCARD_S_SUCCESS, "the card does not show"
                state = found[0][1] & ~scard.SCARD_STATE_CHANGED
        scard.SCardReleaseContext(context)

    def close(self) -> None:
        """Take everything away."""
        for reader in READERS:
            self.pull(reader)
        self.stop_service()


def _namespace(arguments: Sequence[str]) -> list[str]:
    """Return the command that runs this module in a namespace, as root or as anyone."""
    flags = "-mn" if os.geteuid() == 0 else "-Urmn"
    python = [sys.executable, "-m", "tests.pcsc"]
    return ["unshare", flags, "--kill-child", *python, *arguments]


def _furnish() -> None:
    """Give the namespace an empty /run and bring its loopback up."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        up_and_running = struct.pack("16sH14x", b"lo", 0x41)
        fcntl.ioctl(any_socket, 0x8914, up_and_running)  # SIOCSIFFLAGS


@contextlib.contextmanager
def _patience(seconds: float = 10) -> Iterator[Callable[[], None]]:
    """Bound a wait for something that gives no sign of itself."""
    deadline = time.monotonic() + seconds

    def left() -> None:
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)

    yield left


def _run_command(command: Sequence[str], card: Path | None) -> int:
    with tempfile.TemporaryDirectory() as folder:
        room = Room(Path(folder))
        room.start_service()
        try:
            if card:
                room.insert(MockCard(MockCardState.open(card)))
                room.settle()
            whole = [*_DYING_WITH_PARENT, *command]
            signal.signal(signal.SIGINT, lambda _number, _frame: None)
            return subprocess.run(whole, check=False).returncode
        finally:
            room.close()


def _run_scenario(name: str, folder: Path) -> None:
    module, _, function = name.partition(":")
    scenario = getattr(importlib.import_module(module), function).scenario
    room = Room(folder)
    room.start_service()
    try:
        asyncio.run(asyncio.wait_for(scenario(room), _TIMEOUT - 10), debug=False)
    finally:
        room.close()


def _main() -> int:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="what", required=True)
    run_parser = commands.add_parser("run")
    run_parser.add_argument("--card", type=Path)
    run_parser.add_argument("command", nargs="+")
    within_parser = commands.add_parser("within")
    within_parser.add_argument("command", nargs=argparse.REMAINDER)
    scenario_parser = commands.add_parser("scenario")
    scenario_parser.add_argument("name")
    scenario_parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    if arguments.what == "within":
        return subprocess.run(within(arguments.command), check=False).returncode
    _furnish()
    if arguments.what == "run":
        return _run_command(arguments.command, arguments.card)
    _run_scenario(arguments.name, arguments.folder)
    return 0


if __name__ == "__main__":
    sys.exit(_main())
