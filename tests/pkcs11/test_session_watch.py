# SPDX-License-Identifier: MIT
"""A PIN that is kept ends when the person leaves: on real buses, with a stand-in."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, suppress

import pytest
from jeepney import DBusAddress, HeaderFields, new_method_return, new_signal
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import DBusConnection, open_dbus_connection

from native_host.config import Config
from native_host.operations.environment import open_source
from native_host.pkcs11.pin_cache import KeptPin
from native_host.pkcs11.service import BROWSERS_PATIENCE, _TokenService
from native_host.pkcs11.session_watch import watch
from native_host.pkcs11.slots import SlotManager
from native_host.pkcs11.tls_login import TlsLogin
from native_host.platform.process_tree import Program
from tests.support import cards
from tests.support.patience import patience
from tests.support.session_bus import open_session_bus

LOGIND = "org.freedesktop.login1"
PATH = "/org/freedesktop/login1"
OWN, OTHERS = f"{PATH}/session/_31", f"{PATH}/session/_32"

SESSIONS: list[object] = [
    ("1", os.getuid(), "specimen", "seat0", OWN),
    ("2", os.getuid() + 1, "another", "seat0", OTHERS),
]


class Desktop:
    """A program on one bus. As logind it also says which sessions there are."""

    def __init__(self, address: str, *, logind: bool) -> None:
        #: What it answers, by D-Bus's types.
        self.signature, self.sessions = "a(susso)", SESSIONS
        self.bus: DBusConnection = open_dbus_connection(bus=address)
        #: Is set once a token listens: it asks this last.
        self.asked = threading.Event()
        self._thread = threading.Thread(target=self._answer, daemon=True)
        if logind:
            self.bus.send_and_get_reply(message_bus.RequestName(LOGIND))
            self._thread.start()

    def close(self) -> None:
        with suppress(OSError):  # its bus has ended
            self.bus.sock.shutdown(2)
        if self._thread.ident is not None:
            self._thread.join()
        self.bus.close()

    def _answer(self) -> None:
        with suppress(OSError):  # the end
            while True:
                call = self.bus.receive()
                if call.header.fields.get(HeaderFields.member) == "ListSessions":
                    said = (self.sessions,)
                    self.bus.send(new_method_return(call, self.signature, said))
                    self.asked.set()

    def tell(
        self, path: str, interface: str, name: str, signature: str = "", *body: object
    ) -> None:
        address = DBusAddress(path, interface=interface)
        self.bus.send(new_signal(address, name, signature or None, body))

    def change(self, path: str, name: str, value: bool) -> None:
        what, changed = f"{LOGIND}.Session", {name: ("b", value)}
        self.tell(
            path,
            "org.freedesktop.DBus.Properties",
            "PropertiesChanged",
            "sa{sv}as",
            *(what, changed, []),
        )

    def sleep(self, begins: bool = True) -> None:
        self.tell(PATH, f"{LOGIND}.Manager", "PrepareForSleep", "b", begins)

    def end_session(self, path: str = OWN) -> None:
        self.tell(PATH, f"{LOGIND}.Manager", "SessionRemoved", "so", "1", path)

    def lock(self, of: str = "org.gnome", active: bool = True) -> None:
        path = "/" + f"{of}.ScreenSaver".replace(".", "/")
        self.tell(path, f"{of}.ScreenSaver", "ActiveChanged", "b", active)


class Desktops:
    """What runs on the two buses. ``locker`` is any program of the session."""

    def __init__(self, system: str, session: str) -> None:
        self.logind = Desktop(system, logind=True)
        # It answers there too, so that the test knows when the token listens.
        self.locker = Desktop(session, logind=True)
        self.forger = Desktop(system, logind=False)

    def close(self) -> None:
        for each in (self.logind, self.locker, self.forger):
            each.close()

    async def listened(self) -> None:
        for each in (self.logind, self.locker):
            assert await asyncio.to_thread(each.asked.wait, patience())


@pytest.fixture
def buses(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ExitStack]]:
    """A system's bus and a session's, which end with this."""
    buses = {}
    with ExitStack() as stack:
        for kind in ("SYSTEM", "SESSION"):
            buses[kind] = stack.enter_context(ExitStack())
            address = buses[kind].enter_context(open_session_bus())
            monkeypatch.setenv(f"DBUS_{kind}_BUS_ADDRESS", address)
        yield buses


@pytest.fixture
def desktops(buses: dict[str, ExitStack]) -> Iterator[Desktops]:
    system, session = (
        os.environ[f"DBUS_{kind}_BUS_ADDRESS"] for kind in ("SYSTEM", "SESSION")
    )
    desktops = Desktops(system, session)
    yield desktops
    desktops.close()


@pytest.fixture
async def signer(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    empty_home: object,
) -> AsyncIterator[TlsLogin]:
    """What signs for a browser, of a token on a mock card."""
    data = tmp_path_factory.mktemp("data")
    monkeypatch.setenv("XDG_DATA_HOME", str(data))
    cards.new_card(data / "kortilla" / "mock-card")
    config = Config(card="mock", prompt="automatic")
    async with open_source(config) as source:
        service = _TokenService(config, SlotManager(source), None, BROWSERS_PATIENCE)
        signer = service._open_signer(Program(4711, "Firefox", browser=True))
        yield signer
        await signer.close()


async def prepared(signer: TlsLogin) -> KeptPin:
    await signer.prepare()
    assert signer.pins.kept is not None
    return signer.pins.kept


async def is_wiped(signer: TlsLogin, kept: KeptPin) -> bool:
    async with asyncio.timeout(patience()):
        await kept.gone.wait()
        await signer.pins.close()
    return signer.pins.kept is None and not any(kept.pin)


SIGNALS = {
    "sleep": lambda all_: all_.logind.sleep(),
    "session's end": lambda all_: all_.logind.end_session(),
    "loginctl lock-session": lambda all_: all_.logind.tell(
        OWN, f"{LOGIND}.Session", "Lock"
    ),
    "locked hint": lambda all_: all_.logind.change(OWN, "LockedHint", True),
    "another user": lambda all_: all_.logind.change(OWN, "Active", False),
    "GNOME's locker": lambda all_: all_.locker.lock(),
    "KDE's locker": lambda all_: all_.locker.lock("org.freedesktop"),
    "XFCE's locker": lambda all_: all_.locker.lock("org.xfce"),
}


@pytest.mark.parametrize("signal", SIGNALS)
async def test_a_prepared_pin_ends_when_the_person_leaves(
    desktops: Desktops, signer: TlsLogin, signal: str
) -> None:
    kept = await prepared(signer)
    await desktops.listened()
    SIGNALS[signal](desktops)
    assert await is_wiped(signer, kept)


@pytest.mark.parametrize("which", ["SYSTEM", "SESSION"])
async def test_the_end_of_a_bus_ends_it_too_and_the_next_pin_listens_anew(
    desktops: Desktops, buses: dict[str, ExitStack], signer: TlsLogin, which: str
) -> None:
    kept = await prepared(signer)
    await desktops.listened()
    buses[which].close()
    assert await is_wiped(signer, kept)
    other = desktops.locker if which == "SYSTEM" else desktops.logind
    other.asked.clear()
    kept = await prepared(signer)
    assert await asyncio.to_thread(other.asked.wait, patience())
    SIGNALS["GNOME's locker" if which == "SYSTEM" else "sleep"](desktops)
    assert await is_wiped(signer, kept)


async def test_nothing_else_is_taken_for_it_and_no_flood_hides_it(
    desktops: Desktops,
) -> None:
    left: asyncio.Queue[None] = asyncio.Queue()
    watching = asyncio.create_task(watch(lambda: left.put_nowait(None)))
    await desktops.listened()
    # Not logind: its name belongs to another.
    desktops.forger.sleep()
    desktops.forger.change(OWN, "LockedHint", True)
    desktops.forger.bus.send_and_get_reply(message_bus.GetId())  # the bus has them
    desktops.logind.sleep(begins=False)
    desktops.logind.end_session(OTHERS)
    desktops.logind.change(OWN, "LockedHint", False)
    desktops.logind.change(OWN, "Active", True)
    desktops.logind.sleep()
    async with asyncio.timeout(patience()):
        await left.get()
    for _ in range(2000):
        desktops.locker.lock(active=False)
    desktops.locker.tell("/", "org.gnome.ScreenSaver", "ActiveChanged", "s", "true")
    desktops.locker.lock()
    async with asyncio.timeout(patience()):
        await left.get()
    assert left.empty()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_a_false_logind_on_the_sessions_bus_stops_no_watch(
    desktops: Desktops, signer: TlsLogin
) -> None:
    desktops.locker.signature, desktops.locker.sessions = "ai", [1]
    await prepared(signer)
    await desktops.listened()
    kept = await prepared(signer)
    desktops.locker.lock()
    assert await is_wiped(signer, kept)


async def test_without_a_bus_it_is_kept(
    signer: TlsLogin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere")
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    kept = await prepared(signer)
    assert not kept.gone.is_set()
