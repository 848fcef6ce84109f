# SPDX-License-Identifier: MIT
"""The buses of a desktop's session: accessibility, and the settings of the portal."""

import contextlib
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

from jeepney import (
    DBusAddress,
    HeaderFields,
    Message,
    MessageType,
    Properties,
    new_error,
    new_method_call,
    new_method_return,
    new_signal,
)
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import DBusConnection, open_dbus_connection

from tests.host.test_hardening import AS_ORDINARY
from tests.support.patience import patience

_REGISTRY = "org.a11y.atspi.Registry"
#: AT-SPI's numbers of a role and of a state (``atspi-constants.h``).
PASSWORD_TEXT, BUTTON, DIALOG = 40, 43, 16
LIST, LIST_ITEM, HEADING = 31, 32, 83
#: A dialog, a frame and a window.
WINDOWS = {DIALOG, 23, 69}
_ENABLED, _FOCUSED, _SHOWING = 8, 12, 25


@dataclass(frozen=True)
class Part:
    """A part of a program: the program's bus name, and the part's object path."""

    program: str
    path: str


@dataclass(frozen=True)
class Seen:
    """A part that the screen shows: its name, and two of its states."""

    name: str
    is_enabled: bool
    has_focus: bool


class AccessibilityBus:
    """Sends requests as a screen reader does, and receives all messages of the bus."""

    def __init__(self, session: str, bus: str) -> None:
        #: For the environment of a program: ``DBUS_SESSION_BUS_ADDRESS``.
        self.session = session
        self._bus = open_dbus_connection(bus=bus)
        self._monitor = open_dbus_connection(bus=bus)
        self._announced: list[Message] = []
        self._more = threading.Condition()
        self._asking = threading.Lock()
        self._closed = False
        address = DBusAddress(
            "/org/freedesktop/DBus",
            "org.freedesktop.DBus",
            "org.freedesktop.DBus.Monitoring",
        )
        monitor = new_method_call(address, "BecomeMonitor", "asu", ([], 0))
        self._monitor.send_and_get_reply(monitor)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        registry = DBusAddress("/org/a11y/atspi/registry", _REGISTRY, _REGISTRY)
        for event in ("object", "window", "focus", "keyboard"):
            self._call(registry, "RegisterEvent", "s", event)

    def close(self) -> None:
        """Stop monitoring."""
        for connection in (self._bus, self._monitor):
            connection.sock.shutdown(2)
        self._thread.join()
        with self._more:
            self._closed = True
            self._more.notify_all()
        for connection in (self._bus, self._monitor):
            connection.close()

    def follow(self) -> Iterator[Message]:
        """Return each message after this call as it comes, until the bus is closed."""
        with self._more:
            first = len(self._announced)
        return self._from(first)

    def _from(self, number: int) -> Iterator[Message]:
        while True:
            with self._more:
                while not self._closed and number == len(self._announced):
                    self._more.wait()
                if self._closed:
                    return
                message = self._announced[number]
            number += 1
            yield message

    @property
    def heard(self) -> list[Message]:
        """All messages so far."""
        with self._more:
            return [*self._announced]

    def wait_for(self, condition: Callable[[Message], bool]) -> None:
        """Wait until a message meets a condition."""
        with self._more:
            assert self._more.wait_for(
                lambda: any(map(condition, self._announced)), patience()
            )

    def ask(
        self, part: Part, interface: str, method: str, signature: str = "", *args: Any
    ) -> tuple[Any, ...]:
        """Call a method of ``org.a11y.atspi.…``. Raises ``ValueError``."""
        address = DBusAddress(part.path, part.program, f"org.a11y.atspi.{interface}")
        return self._call(address, method, signature, *args)

    def property(self, part: Part, interface: str, name: str) -> Any:
        """Return a property of ``org.a11y.atspi.…``. Raises ``ValueError``."""
        address = DBusAddress(part.path, part.program, f"org.a11y.atspi.{interface}")
        return self._send(Properties(address).get(name))[0][1]

    def parts(self, role: int, *, hidden: bool = False) -> list[Part]:
        """Return the parts of programs with a role, in order; also ``hidden`` ones."""
        found = [part for part, has in self.roles() if has == role]
        return [p for p in found if hidden or self.has_state(p, _SHOWING)]

    def roles(self) -> list[tuple[Part, int]]:
        """Return all parts of programs with their roles, in order."""
        parts = self._below(Part(_REGISTRY, "/org/a11y/atspi/accessible/root"))
        return [(part, *self.ask(part, "Accessible", "GetRole")) for part in parts]

    def ask_for_more(self) -> None:
        """Ask each part for children that it does not have.

        A screen reader counts the children and asks for each. Some may go meanwhile.
        """
        for part, _ in self.roles():
            count = self.property(part, "Accessible", "ChildCount")
            for beyond in range(count, count + 10):
                self.ask(part, "Accessible", "GetChildAtIndex", "i", beyond)

    def name(self, part: Part) -> str:
        """Return the name of a part."""
        return str(self.property(part, "Accessible", "Name"))

    def has_state(self, part: Part, state: int = _ENABLED) -> bool:
        """Whether a part has a state; without one, whether it is enabled."""
        ((low, _high),) = self.ask(part, "Accessible", "GetState")
        return bool(low & 1 << state)

    def announcements(self) -> list[str]:
        """Return what programs have had a screen reader say so far."""
        return [
            message.body[3][1]
            for message in self.heard
            if message.header.fields.get(HeaderFields.member) == "Announcement"
        ]

    def seen(self) -> list[Seen]:
        """Return all parts that the screen shows."""
        found = []
        for part in self._below(Part(_REGISTRY, "/org/a11y/atspi/accessible/root")):
            with contextlib.suppress(ValueError):  # gone in the meantime
                ((low, _high),) = self.ask(part, "Accessible", "GetState")
                if low & 1 << _SHOWING:
                    has = [bool(low & 1 << state) for state in (_ENABLED, _FOCUSED)]
                    found.append(Seen(self.name(part), *has))
        return found

    def registry_process(self) -> int:
        """Return the id of the process that receives key events."""
        address = DBusAddress(
            "/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus"
        )
        (pid,) = self._call(address, "GetConnectionUnixProcessID", "s", _REGISTRY)
        return int(pid)

    def _below(self, part: Part) -> Iterator[Part]:
        with contextlib.suppress(ValueError):  # gone in the meantime
            (children,) = self.ask(part, "Accessible", "GetChildren")
            for child in children:
                yield Part(*child)
                yield from self._below(Part(*child))

    def _call(
        self, address: DBusAddress, method: str, signature: str, *args: Any
    ) -> tuple[Any, ...]:
        return self._send(new_method_call(address, method, signature, args))

    def _send(self, call: Message) -> tuple[Any, ...]:
        with self._asking:
            return _body(self._bus.send_and_get_reply(call, timeout=patience()))

    def _listen(self) -> None:
        with contextlib.suppress(OSError):  # the end
            while True:
                message = self._monitor.receive()
                with self._more:
                    self._announced.append(message)
                    self._more.notify_all()


@contextmanager
def open_accessibility_bus(screen: str) -> Iterator[AccessibilityBus]:
    """Start the buses of a session on a screen, and end them at exit."""
    with open_session(screen) as (session, address):
        bus = AccessibilityBus(session, address)
        try:
            yield bus
        finally:
            bus.close()


@contextmanager
def open_session(screen: str) -> Iterator[tuple[str, str]]:
    """Start the same buses; return the addresses of the session and accessibility."""
    with TemporaryDirectory() as folder:
        environment = os.environ | {
            "DISPLAY": screen,
            "HOME": folder,
            "XDG_RUNTIME_DIR": folder,
            "GSETTINGS_BACKEND": "memory",
        }
        daemon = subprocess.Popen(
            [
                *("dbus-daemon", "--session", "--nofork", "--nopidfile"),
                *("--print-address", f"--address=unix:dir={folder}"),
            ],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert daemon.stdout is not None
            session = daemon.stdout.readline().strip()
            with open_dbus_connection(bus=session) as connection:
                yield session, _switch_on(connection)
        finally:
            daemon.terminate()
            daemon.communicate()


def _switch_on(connection: DBusConnection) -> str:
    """Switch accessibility on, as any program can, and return the bus's address."""
    launcher = DBusAddress("/org/a11y/bus", "org.a11y.Bus", "org.a11y.Bus")
    call = new_method_call(launcher, "GetAddress")
    (address,) = _body(connection.send_and_get_reply(call, timeout=patience()))
    status = Properties(launcher.with_interface("org.a11y.Status"))
    on = status.set("IsEnabled", "b", True)
    _body(connection.send_and_get_reply(on, timeout=patience()))
    return str(address)


def _body(reply: Message) -> tuple[Any, ...]:
    if reply.header.message_type is MessageType.error:
        raise ValueError(reply.body)
    return tuple(reply.body)


_NAMESPACE = "org.freedesktop.appearance"
_SETTINGS = DBusAddress(
    "/org/freedesktop/portal/desktop", interface="org.freedesktop.portal.Settings"
)


class SettingsPortal:
    """Answers programs of a session, and reports each change.

    ``values`` are the settings, numbers of 32 bits.
    """

    def __init__(self, session: str, values: dict[str, int]) -> None:
        self.values = values
        self._bus = open_dbus_connection(bus=session)
        self._asking = open_dbus_connection(bus=session)
        name = message_bus.RequestName("org.freedesktop.portal.Desktop")
        self._bus.send_and_get_reply(name)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Leave the session."""
        self._bus.sock.shutdown(2)
        self._thread.join()
        self._bus.close()
        self._asking.close()

    def change(self, key: str, value: int) -> None:
        """Change a setting, as a person does in the desktop's settings."""
        self.values[key] = value
        body = (_NAMESPACE, key, ("u", value))
        self._bus.send(new_signal(_SETTINGS, "SettingChanged", "ssv", body))

    def _can_inspect(self, call: Message) -> bool:
        """Whether the caller's process lets programs of its user look at it."""
        name = call.header.fields[HeaderFields.sender]
        asking = message_bus.GetConnectionUnixProcessID(name)
        [pid] = self._asking.send_and_get_reply(asking).body
        looking = [*AS_ORDINARY, "test", "-d", f"/proc/{pid}/root/"]
        return subprocess.run(looking, check=False).returncode == 0

    def _listen(self) -> None:
        with contextlib.suppress(OSError):  # the end
            while True:
                call = self._bus.receive()
                if call.header.message_type is MessageType.method_call:
                    self._bus.send(self._answer(call))

    def _answer(self, call: Message) -> Message:
        if not self._can_inspect(call):
            return new_error(call, "org.freedesktop.portal.Error.NotAllowed")
        if call.header.fields.get(HeaderFields.member) == "ReadAll":
            found = {key: ("u", value) for key, value in self.values.items()}
            return new_method_return(call, "a{sa{sv}}", ({_NAMESPACE: found},))
        if call.body[0] == _NAMESPACE and call.body[1] in self.values:  # Read
            setting = ("v", ("u", self.values[call.body[1]]))
            return new_method_return(call, "v", (setting,))
        return new_error(call, "org.freedesktop.portal.Error.NotFound")


@contextmanager
def open_settings_portal(session: str, **values: int) -> Iterator[SettingsPortal]:
    """Join a session's bus, and leave it at exit."""
    portal = SettingsPortal(session, values)
    try:
        yield portal
    finally:
        portal.close()
