# SPDX-License-Identifier: MIT
"""Whether the desktop asks for dark colours or a high contrast.

Its settings portal says so, or Qt, or the name of GTK's theme. The colours of a palette
do not: GTK's usual theme is almost black and white.

xdg-desktop-portal answers no process that it can't inspect, as that which takes a PIN.
So a child process asks, which is forked before the window takes digits. The portal's
reports of later changes reach every process.
"""

import ctypes
import os
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    SLOT,
    QCoreApplication,
    QEvent,
    QObject,
    QSocketNotifier,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QStyleHints, QWindow

from kortilla.common.limits import die_with_parent
from native_host.platform import protection

if TYPE_CHECKING:
    from PySide6.QtDBus import QDBusMessage

_PORTAL = "org.freedesktop.portal.Desktop"
_PATH = "/org/freedesktop/portal/desktop"
_INTERFACE = "org.freedesktop.portal.Settings"
_NAMESPACE = "org.freedesktop.appearance"
#: The settings, with the value that counts: dark colours, high contrast.
_SETTINGS = {"color-scheme": 1, "contrast": 1}
_PATIENCE = 10_000  # milliseconds: the portal may only be started by the question
#: Names of GTK's, XFCE's and MATE's themes, without what separates words.
_HIGH = ("highcontrast", "contrasthigh")


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
    if sys.platform != "linux":  # mypy reads on only for Linux
        return
    die_with_parent(parent)
    # The pipes of the window and its host are closed before others may look.
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.dup2(writing, 3)
    os.closerange(4, os.sysconf("SC_OPEN_MAX"))
    protection.allow_inspection()
    os.write(3, b"".join(b"01"[is_set : is_set + 1] for is_set in _ask()))


def _ask() -> list[bool]:
    from PySide6.QtDBus import QDBusConnection

    # Qt wants one before it connects to the bus.
    application = QCoreApplication([])
    bus = QDBusConnection.sessionBus()
    found = []
    for key, value in _SETTINGS.items():
        reply = bus.call(_question(key), timeout=_PATIENCE)
        found.append(_plain((*reply.arguments(), None)[0]) == value)
    del application
    return found


def _question(key: str) -> "QDBusMessage":
    from PySide6.QtDBus import QDBusMessage

    call = QDBusMessage.createMethodCall(_PORTAL, _PATH, _INTERFACE, "Read")
    call.setArguments([_NAMESPACE, key])
    return call


def _plain(value: object) -> object:
    """Return what is in a variant, or in one in another."""
    while hasattr(value, "variant"):
        value = value.variant()
    return value


class DesktopContrast(QObject):
    """Follows the desktop's preference for a high contrast."""

    #: The preference has changed.
    changed = Signal()

    def __init__(
        self, hints: QStyleHints, portal: PortalSettings | None = None
    ) -> None:
        """``portal`` has the first answers, for a process to which it gives none."""
        super().__init__()
        # Qt tells each of its windows that the desktop's theme is another one.
        self._theme = _ThemeWatch(self._compare)
        found = getattr(hints, "accessibility", None)  # since Qt 6.10
        self._hints = found() if found else None
        self._from_portal = False
        if portal is not None:
            portal.changed.connect(lambda: self._take(int(portal.high_contrast)))
        if self._hints:
            self._hints.contrastPreferenceChanged.connect(self._compare)
        # Qt itself follows the portal only with a plugin, which Debian packages apart.
        self._follow_portal(ask=portal is None)
        self._was_high = self.is_high

    @property
    def is_high(self) -> bool:
        """Whether Qt, the settings portal or GTK's theme say so."""
        high = Qt.ContrastPreference.HighContrast if self._hints else None
        by_qt = self._hints is not None and self._hints.contrastPreference() is high
        return by_qt or self._from_portal or gtk_asks_for_high_contrast()

    def _follow_portal(self, *, ask: bool) -> None:
        """Follow what the settings portal reports, and ask it for the value now."""
        try:
            from PySide6.QtDBus import QDBusConnection, QDBusPendingCallWatcher
        except ImportError:  # a part of PySide6 that Debian packages apart
            return
        bus = QDBusConnection.sessionBus()
        if not bus.isConnected():
            return
        slot = SLOT("on_setting(QDBusMessage)")
        signal = (_PORTAL, _PATH, _INTERFACE, "SettingChanged")
        # PySide takes the text that SLOT returns, and not the bytes of its own types.
        bus.connect(*signal, self, slot)  # type: ignore[call-overload]
        if not ask:
            return
        question = bus.asyncCall(_question("contrast"))
        self._call = QDBusPendingCallWatcher(question)

        def answered(_: QDBusPendingCallWatcher) -> None:
            if not self._call.isError():
                self._take(self._call.reply().arguments()[0])

        self._call.finished.connect(answered)

    @Slot("QDBusMessage")
    def on_setting(self, message: "QDBusMessage") -> None:
        namespace, key, value = message.arguments()
        if (namespace, key) == (_NAMESPACE, "contrast"):
            self._take(value)

    def _take(self, value: object) -> None:
        self._from_portal = _plain(value) == _SETTINGS["contrast"]
        self._compare()

    def _compare(self) -> None:
        before, self._was_high = self._was_high, self.is_high
        if self._was_high != before:
            self.changed.emit()


class _ThemeWatch(QWindow):
    """A window that is never shown, and hears of each change of theme."""

    def __init__(self, changed: Callable[[], None]) -> None:
        super().__init__()
        self._changed = changed

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.ThemeChange:
            self._changed()
        return super().event(event)


def gtk_asks_for_high_contrast() -> bool:
    """Return whether Qt has loaded GTK, and GTK's theme is one of high contrast."""
    if sys.platform != "linux":
        return False
    try:
        gtk = ctypes.CDLL("libgtk-3.so.0", mode=os.RTLD_NOLOAD)
        gobject = ctypes.CDLL("libgobject-2.0.so.0", mode=os.RTLD_NOLOAD)
        glib = ctypes.CDLL("libglib-2.0.so.0", mode=os.RTLD_NOLOAD)
    except OSError:  # not loaded
        return False
    gtk.gtk_settings_get_default.restype = ctypes.c_void_p
    settings = gtk.gtk_settings_get_default()
    if not settings:
        return False
    name = ctypes.c_char_p()
    gobject.g_object_get(
        ctypes.c_void_p(settings), b"gtk-theme-name", ctypes.byref(name), None
    )
    plain = re.sub(r"[^a-z]", "", (name.value or b"").decode(errors="replace").lower())
    glib.g_free(name)
    return any(high in plain for high in _HIGH)
