# SPDX-License-Identifier: MIT
"""A pcscd with virtual readers for one test, independent of all others.

It keeps its files in its own folder, and programs find it by their environment.
``beside`` connects commands to it, ``isolated`` a test:

    with pcsc.beside(folder) as within:
        subprocess.run(within("kortilla", "card", "status"))

    @isolated
    async def test_something(pcscd: Pcscd) -> None: ...
"""

import asyncio
import contextlib
import functools
import importlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.contactless import ContactlessCard
from kortilla.mock_card.faults import CommandName
from kortilla.mock_card.state import MockCardState
from kortilla.mock_card.vpcd import VirtualReader
from tests.support import cards, warm
from tests.support.patience import patience
from tests.support.preload import preload

Scenario = Callable[["Pcscd"], Awaitable[None]]

#: All possible readers. The virtual reader's driver has two slots, each a PC/SC reader.
#: pcscd has one driver unless a test asks for more.
READERS = tuple(
    f"Virtual PCD{driver} 00 {slot:02X}"
    for driver in ("", *(f" {number}" for number in range(2, 8)))
    for slot in range(2)
)

#: The reader of ``Pcscd.insert``.
READER = READERS[0]

#: Environment variable with the path of pcscd's socket.
_SOCKET = "PCSCLITE_CSOCK_NAME"
#: Some users' PATH lacks it.
_PCSCD = shutil.which("pcscd", path=f"{os.environ['PATH']}:/usr/sbin") or "pcscd"
_DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
_READER_ENTRY = """\
FRIENDLYNAME "{name}"
DEVICENAME   /dev/null:{port:#X}
LIBPATH      {driver}
CHANNELID    {port:#X}
"""
_CONTROL = "control"  # a socket in its folder
#: What the tasks of ``_in_process`` import, if only at their first use.
_IMPORTS = ("encodings.idna", "smartcard.System", "tests.support.pcsc")
_TASK = """
import importlib, pathlib, sys
module, name, home, *more = sys.argv[1:]
getattr(importlib.import_module(module), name).inside(pathlib.Path(home), *more)
"""


@contextlib.contextmanager
def beside(
    card: Path | None = None, *, contactless: bool = False
) -> Iterator[Callable[..., list[str]]]:
    """Run a pcscd with the mock card of a folder in its reader.

    With ``contactless`` that is a contactless one, whose card waits after a wrong CAN.
    Yields a function that returns the command to run another command beside it.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX) as listener,
    ):
        listener.bind(f"{folder}/{_CONTROL}")
        listener.listen()
        listener.settimeout(patience(30))
        words = [str(card), *["contactless"] * contactless] if card else []
        with _in_process(_keep_pcscd, Path(folder), *words):
            inside, _ = listener.accept()
            with inside:
                found = f"{_SOCKET}={inside.recv(200).decode()}"
                yield lambda *command: ["env", found, *command]


def isolated(scenario: Scenario) -> Callable[[Path], None]:
    """Decorate a coroutine as a test beside its own pcscd.

    The coroutine gets the ``Pcscd`` and runs in a new process whose HOME is
    ``tmp_path``.
    """

    def test(tmp_path: Path) -> None:
        with _in_process(scenario, tmp_path):
            """That is all."""

    test.__name__ = scenario.__name__
    test.__doc__ = scenario.__doc__
    test.__module__ = scenario.__module__
    inside = functools.partial(_run_scenario, scenario)
    test.inside = inside  # type: ignore[attr-defined]  # found again by name
    return pytest.mark.pcscd(test)


@contextlib.contextmanager
def _in_process(
    function: Callable[..., object], home: Path, *more: str
) -> Iterator[None]:
    """Run the ``inside`` of a function's name while the context's body runs.

    It gets the HOME and ``more``. In a new process it may change what libraries read
    only once. Raises ``AssertionError`` with its output if it fails or does not end.
    """
    file, variables = warm.handed_on()
    variables |= {"HOME": str(home), "PATH": os.environ["PATH"], **cards.handed_on()}
    module = function.__module__
    with tempfile.TemporaryFile() as output:
        process = warm.popen(
            [sys.executable, "-c", _TASK, module, function.__name__, home, *more],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[file],
            cwd=Path(__file__).parents[2],
            env=variables,
            imports=_IMPORTS,
            ahead=module,
        )
        try:
            yield
        finally:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(patience())
            process.kill()
            status = process.wait()
            output.seek(0)
            said = output.read().decode(errors="replace")
            assert status == 0, f"It ended with {status}.\n{said}"


@contextlib.contextmanager
def open_pcscd(folder: Path, *, hurried: bool = True) -> Iterator["Pcscd"]:
    """Run a pcscd with one driver for this process and the processes it starts.

    Once per process: libpcsclite reads the socket's path only at its first call.
    """
    with tempfile.TemporaryDirectory(prefix="pcscd-") as run:
        pcscd = Pcscd(folder, Path(run))
        os.environ[_SOCKET] = str(pcscd.socket)
        try:
            pcscd.start_service(hurried=hurried)
            yield pcscd
        finally:
            pcscd.close()


class LoggedCard(MockCard):
    """A mock card that records the names of its commands, and its resets."""

    def __init__(self, state: MockCardState) -> None:
        self.log: list[str] = []
        super().__init__(state)

    def transmit(self, apdu: bytes) -> bytes:
        self.log.append(CommandName.of(apdu))
        return super().transmit(apdu)

    def reset(self) -> None:
        self.log.append("reset")
        super().reset()


class Pcscd:
    """A pcscd, its virtual readers and mock cards.

    Mock cards are in ``folder``. ``socket`` is the path of pcscd's socket.
    """

    def __init__(self, folder: Path, run: Path) -> None:
        self.folder = folder
        #: pcscd creates its folder as in /run. It is not in ``folder``, since a
        #: socket's path has at most 107 bytes.
        self.socket = run / "pcscd" / "pcscd.comm"
        self._run = run
        self._ports = _hold_ports(len(READERS))
        self._pcscd: subprocess.Popen[bytes] | None = None
        self._cards: dict[str, VirtualReader] = {}

    def start_service(
        self,
        *,
        drivers: int = 1,
        hurried: bool = True,
        refuses: bool = False,
        pin_pad: str | None = None,
    ) -> None:
        """Start pcscd and wait until it accepts connections.

        With ``refuses`` it asks polkit, which is unreachable, and so refuses every
        client.

        With ``drivers``, at most 7, it has the first of ``READERS``, two per driver. It
        then runs that many threads, which poll for cards almost without pause. If
        ``hurried`` is false, they keep pcscd's own interval of 400 ms.

        With ``pin_pad`` the one driver's readers have a PIN pad, on which these digits
        are typed. An empty string means that the reader refuses to use it.
        """
        readers, no_drivers = self._run / "readers", self._run / "no-drivers"
        for each in (readers, no_drivers):
            each.mkdir(exist_ok=True)
        entries = []
        for number in range(drivers):
            # A driver has room for one reader, so each is a separate library.
            driver = self._run / f"vpcd-{number}.so"
            source = _DRIVER if pin_pad is None else preload("pin_pad", _DRIVER)
            shutil.copyfile(source, driver)
            name = READERS[2 * number].removesuffix(" 00 00")
            port = self._port(READERS[2 * number])
            entry = _READER_ENTRY.format(name=name, port=port, driver=driver)
            entries.append(entry)
        (readers / "vpcd").write_text("\n".join(entries))
        pcscd = [_PCSCD, "--foreground", "-c", str(readers)]
        if not refuses:
            pcscd.append("--disable-polkit")
        library = preload("pcscd_room")
        environment = {
            # A space in the whole path would end the name.
            "LD_PRELOAD": f"./{library.name}",
            "PCSCD_FOLDER": str(self.socket.parent),
            # Tests must not see the readers that are plugged into this machine.
            "PCSCLITE_HP_DROPDIR": str(no_drivers),
        }
        if pin_pad is not None:
            environment["PCSCD_PIN_PAD"] = pin_pad
            # The driver with the PIN pad needs vpcd's own, by this name.
            shutil.copyfile(_DRIVER, self._run / "libifdvpcd.so.0")
            environment["LD_LIBRARY_PATH"] = str(self._run)
        if hurried:
            environment["PCSCD_HURRIED"] = "1"
        if refuses:
            environment["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=/nowhere"
        self._pcscd = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *pcscd],
            cwd=library.parent,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the tested program
        )
        deadline = time.monotonic() + patience()
        with socket.socket(socket.AF_UNIX) as client:
            while client.connect_ex(str(self.socket)):
                assert self._pcscd.poll() is None, "pcscd did not start"
                assert time.monotonic() < deadline, "waited too long"
                time.sleep(0.005)

    def stop_service(self, sign: signal.Signals = signal.SIGTERM) -> None:
        """Stop pcscd and wait until it has exited. The card leaves with the reader."""
        if self._pcscd:
            self._pcscd.send_signal(sign)
            self._pcscd.wait()
            self._pcscd = None
        for reader in READERS:
            self.pull(reader)

    @property
    def service(self) -> subprocess.Popen[bytes]:
        """The running pcscd."""
        assert self._pcscd
        return self._pcscd

    def new_card(self, profile: str = "v5") -> MockCardState:
        """Put a mock card into its folder."""
        return cards.new_card(self.folder / profile, profile)

    def insert(self, card: MockCard, reader: str = READER) -> None:
        """Put a card into a reader.

        First waits until pcscd has noticed the removal of the previous card. It might
        miss a quick exchange.
        """
        self.pull(reader)
        _wait_for(reader, present=False)
        line = VirtualReader(card, port=self._port(reader))
        self._cards[reader] = line.__enter__()

    def pull(self, reader: str = READER) -> None:
        """Take the card out of a reader, if there is one."""
        if card := self._cards.pop(reader, None):
            card.__exit__(None, None, None)

    def settle(self) -> None:
        """Wait until pcscd has noticed the cards, for programs that check once."""
        for reader in self._cards:
            _wait_for(reader, present=True)

    def close(self) -> None:
        """Remove everything."""
        for reader in READERS:
            self.pull(reader)
        self.stop_service()
        for each in self._ports:
            each.close()

    def _port(self, reader: str) -> int:
        """Return the port of a virtual reader."""
        port: int = self._ports[READERS.index(reader)].getsockname()[1]
        return port


def _hold_ports(count: int) -> list[socket.socket]:
    """Return sockets bound to consecutive ports, so that only vpcd listens there.

    The kernel assigns bound ports to no other program. vpcd may still take them: it
    reuses addresses as these sockets do, and these sockets do not listen.
    """
    for _ in range(100):
        held: list[socket.socket] = []
        port = 0  # any free port
        with (
            contextlib.ExitStack() as closing,
            contextlib.suppress(OSError, OverflowError),  # taken; past the last one
        ):
            for _ in range(count):
                each = closing.enter_context(socket.socket())
                each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                each.bind(("127.0.0.1", port))
                port = each.getsockname()[1] + 1
                held.append(each)
            closing.pop_all()
            return held
    raise AssertionError("there are no free ports in a row")


def _wait_for(reader: str, *, present: bool) -> None:
    """Wait until pcscd reports a card in a reader, or none."""
    scard = importlib.import_module("smartcard.scard")
    context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)[1]
    state = scard.SCARD_STATE_UNAWARE
    wanted = scard.SCARD_STATE_PRESENT if present else scard.SCARD_STATE_EMPTY
    milliseconds = round(patience() * 1000)
    while not state & wanted:
        asked = [(reader, state)]
        result, found = scard.SCardGetStatusChange(context, milliseconds, asked)
        assert result == scard.SCARD_S_SUCCESS, "unexpected state of the card"
        state = found[0][1] & ~scard.SCARD_STATE_CHANGED
    scard.SCardReleaseContext(context)


def _keep_pcscd(folder: Path, card: str = "", contactless: str = "") -> None:
    """Keep a pcscd open for ``beside`` until the caller has finished."""
    with open_pcscd(folder) as pcscd, socket.socket(socket.AF_UNIX) as outside:
        if card:
            state = MockCardState.open(Path(card))
            there = ContactlessCard(state, wait=time.sleep) if contactless else None
            pcscd.insert(there or MockCard(state))
            pcscd.settle()
        outside.connect(f"{folder}/{_CONTROL}")
        outside.sendall(os.fsencode(pcscd.socket))
        outside.recv(1)


_keep_pcscd.inside = _keep_pcscd  # type: ignore[attr-defined]  # found by name


def _run_scenario(scenario: Scenario, folder: Path) -> None:
    with open_pcscd(folder) as pcscd:
        asyncio.run(asyncio.wait_for(scenario(pcscd), patience(50)), debug=False)
