# SPDX-License-Identifier: MIT
"""A desktop's portal that has nothing but settings of the appearance.

As xdg-desktop-portal does, it answers no process that it can't inspect.

The interface is ``org.freedesktop.portal.Settings``
(https://flatpak.github.io/xdg-desktop-portal/docs/doc-org.freedesktop.portal.Settings.html).
"""

import contextlib
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from jeepney import (
    DBusAddress,
    HeaderFields,
    Message,
    MessageType,
    new_error,
    new_method_return,
    new_signal,
)
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import open_dbus_connection

from tests.host.test_hardening import AS_ORDINARY

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
        if call.header.fields.get(HeaderFields.member) == "Read":
            namespace, key = call.body
            if namespace == _NAMESPACE and key in self.values:
                setting = ("v", ("u", self.values[key]))
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
