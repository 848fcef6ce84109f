# SPDX-License-Identifier: MIT
"""A pcscd with a virtual reader for one test, out of the machine's sight.

pcscd has one socket per machine, so it gets a namespace of its own, with an empty /run
and a loopback of its own. ``beside`` lets commands run there, ``isolated`` a test:

    with pcsc.beside(folder) as within:
        subprocess.run(within("kortilla", "card", "status"))

    @isolated
    async def test_something(room: Room) -> None: ...
"""

import asyncio
import contextlib
import fcntl
import functools
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
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from native_host.mock_card.card import MockCard
from native_host.mock_card.state import MockCardState
from native_host.mock_card.vpcd import DEFAULT_PORT, VirtualReader

from . import cards, forked

__all__ = ["READER", "READERS", "Room", "beside", "isolated"]

Scenario = Callable[["Room"], Awaitable[None]]

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
#: Not in everybody's PATH.
_PCSCD = shutil.which("pcscd", path=f"{os.environ['PATH']}:/usr/sbin") or "pcscd"
_DRIVER = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"
_PACE = Path(__file__).with_name("pcscd_pace.c")
_READER_ENTRY = """\
FRIENDLYNAME "{name}"
DEVICENAME   /dev/null:{port:#X}
LIBPATH      {driver}
CHANNELID    {port:#X}
"""
_DYING_WITH_PARENT = ["setpriv", "--pdeathsig", "KILL", "--"]
_TIMEOUT = 60  # seconds
_DOOR = "door"  # a socket in the folder of a room


@contextlib.contextmanager
def beside(card: Path | None = None) -> Iterator[Callable[..., list[str]]]:
    """Have a pcscd, with the mock card of a folder in its reader.

    Yields what makes the command that runs another one there, of the other's words.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX) as door,
    ):
        door.bind(f"{folder}/{_DOOR}")
        door.listen()
        door.settimeout(_TIMEOUT / 2)
        words = [str(card)] if card else []
        with forked.running(__name__, _keep_room.__name__, Path(folder), *words):
            inside, _ = door.accept()
            with inside:
                peer = inside.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
                yield functools.partial(_entering, struct.unpack("3i", peer)[0])


def _entering(process: int, *command: str) -> list[str]:
    user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
    where = ["--mount", "--net", *user, f"--wdns={Path.cwd()}"]
    return ["nsenter", f"--target={process}", *where, "--", *command]


def isolated(scenario: Scenario) -> Callable[[Path], None]:
    """Make a test of a coroutine that is run beside a pcscd of its own.

    It gets the ``Room``, and runs in a process of its own whose HOME is ``tmp_path``.
    """

    def test(tmp_path: Path) -> None:
        forked.run(scenario.__module__, scenario.__name__, tmp_path)

    test.__name__ = scenario.__name__
    test.__doc__ = scenario.__doc__
    test.__module__ = scenario.__module__
    inside = functools.partial(_run_scenario, scenario)
    test.inside = inside  # type: ignore[attr-defined]  # found again by name
    return test


class Room:
    """A pcscd, its virtual readers and mock cards, inside the namespace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pcscd: subprocess.Popen[bytes] | None = None
        self._cards: dict[str, VirtualReader] = {}

    def start_service(self, *, drivers: int = 1, hurried: bool = True) -> None:
        """Start pcscd and wait until it can be reached.

        With ``drivers``, of which there may be 7, it has the first of ``READERS``, two
        for each. It then runs that many threads, which look for cards by themselves.
        They do so without pause to speak of, unless ``hurried`` is false: then at
        pcscd's own pace, each 400 ms.
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
        pcscd = [_PCSCD, "--foreground", "--disable-polkit", "-c", str(_READERS)]
        self._pcscd = subprocess.Popen(
            [*_DYING_WITH_PARENT, *pcscd],
            env={**os.environ, **({"LD_PRELOAD": str(_pace())} if hurried else {})},
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
        """Put a mock card into the room's folder."""
        return cards.new_card(self.folder / profile, profile)

    def insert(self, card: MockCard, reader: str = READER) -> None:
        """Put a card into a reader.

        One that was in it is out for pcscd as well before: else it might miss that.
        """
        self.pull(reader)
        _wait_for(reader, present=False)
        port = DEFAULT_PORT + READERS.index(reader)
        self._cards[reader] = VirtualReader(card, port=port).__enter__()

    def pull(self, reader: str = READER) -> None:
        """Take the card out of a reader, if there is one."""
        if card := self._cards.pop(reader, None):
            card.__exit__(None, None, None)

    def settle(self) -> None:
        """Wait until pcscd has seen the cards, for programs that look once."""
        for reader in self._cards:
            _wait_for(reader, present=True)

    def close(self) -> None:
        """Take everything away."""
        for reader in READERS:
            self.pull(reader)
        self.stop_service()


def _wait_for(reader: str, *, present: bool) -> None:
    """Wait until pcscd says that there is a card in a reader, or none."""
    scard = importlib.import_module("smartcard.scard")
    context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)[1]
    state = scard.SCARD_STATE_UNAWARE
    while state & (scard.SCARD_STATE_PRESENT | scard.SCARD_STATE_EMPTY) != (
        scard.SCARD_STATE_PRESENT if present else scard.SCARD_STATE_EMPTY
    ):
        asked = [(reader, state)]
        result, found = scard.SCardGetStatusChange(context, 20_000, asked)
        assert result == scard.SCARD_S_SUCCESS, "the card is not as it should be"
        state = found[0][1] & ~scard.SCARD_STATE_CHANGED
    scard.SCardReleaseContext(context)


def _pace() -> Path:
    """Return the library that hurries pcscd, built if it is not there yet."""
    library = _ROOT / "build" / "tests" / "pcscd_pace.so"
    if not library.exists() or library.stat().st_mtime < _PACE.stat().st_mtime:
        library.parent.mkdir(parents=True, exist_ok=True)
        # Another process may do the same just now.
        made = library.with_suffix(f".{os.getpid()}")
        command = ["cc", "-shared", "-fPIC", "-O2", "-o", str(made), str(_PACE)]
        subprocess.run(command, check=True)
        made.replace(library)
    return library


@contextlib.contextmanager
def _patience(seconds: float = 20) -> Iterator[Callable[[], None]]:
    """Bound a wait for something that gives no sign of itself."""
    deadline = time.monotonic() + seconds

    def left() -> None:
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)

    yield left


def _keep_room(folder: Path, card: str = "") -> None:
    """Keep a room for ``beside``, until that has no more use for it."""
    with _room(folder) as room, socket.socket(socket.AF_UNIX) as outside:
        if card:
            room.insert(MockCard(MockCardState.open(Path(card))))
            room.settle()
        outside.connect(f"{folder}/{_DOOR}")
        outside.recv(1)


_keep_room.inside = _keep_room  # type: ignore[attr-defined]  # found by name


def _run_scenario(scenario: Scenario, folder: Path) -> None:
    with _room(folder) as room:
        asyncio.run(asyncio.wait_for(scenario(room), _TIMEOUT - 10), debug=False)


@contextlib.contextmanager
def _room(folder: Path, *, hurried: bool = True) -> Iterator[Room]:
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        up_and_running = struct.pack("16sH14x", b"lo", 0x41)
        fcntl.ioctl(any_socket, 0x8914, up_and_running)  # SIOCSIFFLAGS
    room = Room(folder)
    try:
        room.start_service(hurried=hurried)
        yield room
    finally:
        room.close()


def _main(here: str, *command: str) -> int:
    """Run a command beside a pcscd at its own pace: ``within COMMAND…``."""
    if here == "within":
        flags = "-mn" if os.geteuid() == 0 else "-Urmn"
        there = [sys.executable, "-m", "tests.pcsc", "inside", *command]
        command = ("unshare", flags, "--kill-child", *there)
        return subprocess.run([*_DYING_WITH_PARENT, *command], check=False).returncode
    with tempfile.TemporaryDirectory() as folder, _room(Path(folder), hurried=False):
        signal.signal(signal.SIGINT, lambda _number, _frame: None)
        return subprocess.run([*_DYING_WITH_PARENT, *command], check=False).returncode


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
