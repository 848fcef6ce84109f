# SPDX-License-Identifier: MIT
"""Whether the desktop asks for a high contrast.

The colours of its palette do not say so: GTK's usual theme is almost black and white.
"""

import ctypes
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import SLOT, QEvent, QObject, Qt, Signal, Slot
from PySide6.QtGui import QStyleHints, QWindow

from native_host.gui.portal_settings import PortalSettings

if TYPE_CHECKING:
    from PySide6.QtDBus import QDBusMessage

_PORTAL = "org.freedesktop.portal.Desktop"
_PORTAL_PATH = "/org/freedesktop/portal/desktop"
_SETTINGS = "org.freedesktop.portal.Settings"
#: The setting in the portal, whose value is 1 for a high contrast.
_NAMESPACE, _KEY = "org.freedesktop.appearance", "contrast"
#: Names of GTK's, XFCE's and MATE's themes, without what separates words.
_HIGH = ("highcontrast", "contrasthigh")


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
            self._hints.contrastPreferenceChanged.connect(lambda: self._take(0))
        else:
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
            from PySide6.QtDBus import (
                QDBusConnection,
                QDBusMessage,
                QDBusPendingCallWatcher,
            )
        except ImportError:  # a part of PySide6 that Debian packages apart
            return
        bus = QDBusConnection.sessionBus()
        if not bus.isConnected():
            return
        slot = SLOT("on_setting(QDBusMessage)")
        signal = (_PORTAL, _PORTAL_PATH, _SETTINGS, "SettingChanged")
        # PySide takes the text that SLOT returns, and not the bytes of its own types.
        bus.connect(*signal, self, slot)  # type: ignore[call-overload]
        if not ask:
            return
        call = QDBusMessage.createMethodCall(_PORTAL, _PORTAL_PATH, _SETTINGS, "Read")
        call.setArguments([_NAMESPACE, _KEY])
        self._call = QDBusPendingCallWatcher(bus.asyncCall(call))

        def answered(_: QDBusPendingCallWatcher) -> None:
            if not self._call.isError():
                self._take(self._call.reply().arguments()[0])

        self._call.finished.connect(answered)

    @Slot("QDBusMessage")
    def on_setting(self, message: "QDBusMessage") -> None:
        """Follow a change of a setting."""
        namespace, key, value = message.arguments()
        if (namespace, key) == (_NAMESPACE, _KEY):
            self._take(value)

    def _take(self, value: object) -> None:
        while hasattr(value, "variant"):  # one variant, or one in another
            value = value.variant()
        self._from_portal = value == 1
        self._compare()

    def _compare(self) -> None:
        before, self._was_high = self._was_high, self.is_high
        if self._was_high != before:
            self.changed.emit()


class _ThemeWatch(QWindow):
    """A window that is never shown, and hears of each change of theme."""

    def __init__(self, changed: "Callable[[], None]") -> None:
        super().__init__()
        self._changed = changed

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.ThemeChange:
            self._changed()
        return super().event(event)


def gtk_asks_for_high_contrast() -> bool:
    """Return whether Qt has loaded GTK, and GTK's theme is one of high contrast."""
    try:
        gtk = ctypes.CDLL("libgtk-3.so.0", mode=os.RTLD_NOLOAD)
        gobject = ctypes.CDLL("libgobject-2.0.so.0", mode=os.RTLD_NOLOAD)
        glib = ctypes.CDLL("libglib-2.0.so.0", mode=os.RTLD_NOLOAD)
    except (OSError, AttributeError):  # not loaded, or not on Linux
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
