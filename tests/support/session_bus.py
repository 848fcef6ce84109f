# SPDX-License-Identifier: MIT
"""A session bus of a test's own, GNOME's keyring on it, and its notifications."""

import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

from jeepney import DBusAddress, HeaderFields, Message, new_method_return, new_signal
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import DBusConnection, open_dbus_connection

_CONFIGURATION = """\
<busconfig>
  <type>session</type>
  <listen>unix:dir={folder}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
_NOTIFICATIONS = "org.freedesktop.Notifications"
_ADDRESS = DBusAddress("/org/freedesktop/Notifications", interface=_NOTIFICATIONS)


@contextmanager
def open_session_bus() -> Iterator[str]:
    """Run a bus that starts no service by itself. Yields its address."""
    with tempfile.TemporaryDirectory() as folder:  # a socket's path has 107 bytes
        configuration = Path(folder, "bus.conf")
        configuration.write_text(_CONFIGURATION.format(folder=folder))
        with subprocess.Popen(
            [
                *("dbus-daemon", "--nofork", "--nopidfile", "--print-address"),
                f"--config-file={configuration}",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as daemon:
            assert daemon.stdout is not None
            try:
                yield daemon.stdout.readline().strip()
            finally:
                daemon.terminate()


@contextmanager
def open_keyring() -> Iterator[None]:
    """Start GNOME's keyring, unlocked, on the bus of this environment."""
    command = ("gnome-keyring-daemon", "--foreground", "--unlock")
    with subprocess.Popen(
        [*command, "--components=secrets"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as keyring:
        assert keyring.stdin is not None
        keyring.stdin.write(b"specimen")
        keyring.stdin.close()
        try:
            yield
        finally:
            keyring.terminate()


@dataclass
class Notifications:
    """A stand-in for the desktop's service, which records what it is told."""

    bus: DBusConnection
    #: The title, the text and the actions of each notification.
    shown: "SimpleQueue[tuple[str, str, list[str]]]" = field(
        default_factory=SimpleQueue
    )
    withdrawn: "SimpleQueue[int]" = field(default_factory=SimpleQueue)
    count: int = 0

    def press(self, token: str) -> None:
        """Press the last notification, as a desktop on Wayland tells it."""
        self._tell("ActivationToken", "us", self.count, token)
        self._tell("ActionInvoked", "us", self.count, "default")

    def dismiss(self, number: int) -> None:
        """Say that one of any program's notifications was closed."""
        self._tell("NotificationClosed", "uu", number, 2)

    def _tell(self, signal: str, signature: str, *body: object) -> None:
        self.bus.send(new_signal(_ADDRESS, signal, signature, body))

    def answer(self, call: Message) -> None:
        match call.header.fields.get(HeaderFields.member):
            case "Notify":
                self.count += 1
                self.bus.send(new_method_return(call, "u", (self.count,)))
                _, _, _, title, text, actions, *_ = call.body
                self.shown.put((title, text, actions))
            case "CloseNotification":
                self.withdrawn.put(call.body[0])


@contextmanager
def open_notifications(address: str) -> Iterator[Notifications]:
    """Join a bus as the service for notifications, and leave it at exit."""
    bus = open_dbus_connection(bus=address)
    bus.send_and_get_reply(message_bus.RequestName(_NOTIFICATIONS))
    service = Notifications(bus)

    def listen() -> None:
        with suppress(OSError):  # the end
            while True:
                service.answer(bus.receive())

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        bus.sock.shutdown(2)
        thread.join()
        bus.close()
