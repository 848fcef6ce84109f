# SPDX-License-Identifier: MIT
"""What the desktop's settings portal says of colours, for a process of closed memory.

xdg-desktop-portal answers no process that it can't inspect. So a child process asks,
which is forked before the window takes digits. The portal's reports of later changes
reach every process.
"""

import os
import sys

from PySide6.QtCore import QCoreApplication, QObject, QSocketNotifier, Signal

from native_host.hardening import allow_inspection, die_with_parent

_PORTAL = "org.freedesktop.portal.Desktop"
_PATH = "/org/freedesktop/portal/desktop"
_INTERFACE = "org.freedesktop.portal.Settings"
_NAMESPACE = "org.freedesktop.appearance"
#: The settings, with the value that counts: dark colours, high contrast.
_SETTINGS = {"color-scheme": 1, "contrast": 1}
_PATIENCE = 10_000  # milliseconds: the portal may only be started by the question


class PortalSettings(QObject):
    """The answers of the portal, once they are there.

    Create it before the application: the process must have a single thread.
    """

    #: The answers have come.
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.dark = self.high_contrast = False
        self._child = self._pipe = -1
        if sys.platform != "linux":
            return
        self._pipe, writing = os.pipe()
        parent = os.getpid()
        self._child = os.fork()
        if self._child == 0:
            try:
                _answer(parent, writing)
            finally:
                os._exit(0)
        os.close(writing)

    def listen(self) -> None:
        """Wait for the answers on the event loop."""
        if self._pipe >= 0:
            kind = QSocketNotifier.Type.Read
            self._notifier = QSocketNotifier(self._pipe, kind, self)
            self._notifier.activated.connect(self._take)

    def _take(self) -> None:
        self._notifier.setEnabled(False)
        answer = os.read(self._pipe, len(_SETTINGS))
        os.close(self._pipe)
        os.waitpid(self._child, 0)
        self.dark, self.high_contrast = answer[:1] == b"1", answer[1:] == b"1"
        if b"1" in answer:
            self.changed.emit()


def _answer(parent: int, writing: int) -> None:
    """Ask the portal in the child process, and write a digit for each setting."""
    die_with_parent(parent)
    # The pipes of the window and its host are closed before others may look.
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.dup2(writing, 3)
    os.closerange(4, os.sysconf("SC_OPEN_MAX"))
    allow_inspection()
    os.write(3, b"".join(b"01"[is_set : is_set + 1] for is_set in _ask()))


def _ask() -> list[bool]:
    from PySide6.QtDBus import (  # noqa: PLC0415 - only the child needs it
        QDBusConnection,
        QDBusMessage,
    )

    # Qt wants one before it connects to the bus.
    application = QCoreApplication([])
    bus = QDBusConnection.sessionBus()
    found = []
    for key, value in _SETTINGS.items():
        call = QDBusMessage.createMethodCall(_PORTAL, _PATH, _INTERFACE, "Read")
        call.setArguments([_NAMESPACE, key])
        reply = bus.call(call, timeout=_PATIENCE)
        said: object = (*reply.arguments(), None)[0]
        while hasattr(said, "variant"):  # one variant, or one in another
            said = said.variant()
        found.append(said == value)
    del application
    return found
