# SPDX-License-Identifier: MIT
"""Opens a new message with files attached, in the person's mail program.

The desktop's portal does that (``org.freedesktop.portal.Email``), or else
``xdg-email``. Nothing is sent here: the person sends the message, or not.
"""

import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import SLOT, QObject, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from native_host.card.pcsc_threads import in_thread
from native_host.desktop.background import Background

if TYPE_CHECKING:
    from PySide6.QtDBus import QDBusConnection, QDBusMessage

#: What came of it. A mail program that was opened may still leave out the files.
End = Literal["opened", "cancelled", "none"]

#: https://flatpak.github.io/xdg-desktop-portal/docs/doc-org.freedesktop.portal.Email.html
_PORTAL = "org.freedesktop.portal.Desktop"
_PATH = "/org/freedesktop/portal/desktop"
_EMAIL, _REQUEST = "org.freedesktop.portal.Email", "org.freedesktop.portal.Request"
_WITHIN = 10_000  # milliseconds; the portal may have to start
_ENDS: dict[int, End] = {0: "opened", 1: "cancelled"}
_PROGRAM = "xdg-email"
#: Seconds in which ``xdg-email`` fails, if it does. It may last as long as a message.
_PATIENCE = 3
#: xdg-email puts names into an argument of Thunderbird, where these characters would
#: begin another part, such as a blind copy to somebody.
_UNSAFE = {*"\"'`\\,;&?#=%$"}


class Message(QObject):
    """A new message with files, below a window.

    ``ended`` is called once, in the thread of the window, unless ``drop`` comes first.
    """

    def __init__(
        self,
        files: Sequence[Path],
        window: QWidget,
        background: Background,
        ended: Callable[[End], object],
    ) -> None:
        super().__init__(window)
        self._files, self._background = [*files], background
        self._ended: Callable[[End], object] | None = ended
        if (bus := session_bus()) is None:
            self._use_program()
            return
        from PySide6.QtDBus import QDBusMessage, QDBusPendingCallWatcher

        token = f"kortilla_{secrets.token_hex(8)}"
        sender = bus.baseService().removeprefix(":").replace(".", "_")
        # The answer may come before that of the call.
        slot = SLOT("on_response(QDBusMessage)")
        request = (_PORTAL, f"{_PATH}/request/{sender}/{token}", _REQUEST, "Response")
        # PySide takes the text that SLOT returns, and not the bytes of its own types.
        bus.connect(*request, self, slot)  # type: ignore[call-overload]
        call = QDBusMessage.createMethodCall(_PORTAL, _PATH, _EMAIL, "ComposeEmail")
        with ExitStack() as opened:
            try:
                options = self._options(token, opened)
            except OSError:
                self._end("none")
                return
            call.setArguments([_parent(window), options])
            self._watcher = QDBusPendingCallWatcher(bus.asyncCall(call, _WITHIN))
        self._watcher.finished.connect(self._called)

    def drop(self) -> None:
        """Have nothing called any more."""
        self._ended = None

    def _options(self, token: str, opened: ExitStack) -> dict[str, object]:
        """Return the options of the call. The bus has descriptors of its own.

        Raises ``OSError``.
        """
        from PySide6.QtCore import QMetaType
        from PySide6.QtDBus import QDBusArgument, QDBusUnixFileDescriptor

        # PySide makes an array of variants of a list.
        attached = QDBusArgument()
        attached.beginArray(QMetaType.fromName(b"QDBusUnixFileDescriptor"))
        for each in self._files:
            descriptor = os.open(each, os.O_RDONLY)
            opened.callback(os.close, descriptor)
            attached << QDBusUnixFileDescriptor(descriptor)
        attached.endArray()
        return {"handle_token": token, "attachment_fds": attached}

    def _called(self) -> None:
        if self._watcher.isError():
            self._use_program()

    @Slot("QDBusMessage")
    def on_response(self, message: "QDBusMessage") -> None:
        end = _ENDS.get(next(iter(message.arguments()), -1))
        if end is None:
            self._use_program()
        else:
            self._end(end)

    def _use_program(self) -> None:
        if self._ended is None:
            return
        program = shutil.which(_PROGRAM)
        words = [os.fspath(each.absolute()) for each in self._files]
        safe = all(each.isprintable() and not _UNSAFE & {*each} for each in words)
        if program is None or not safe:
            self._end("none")
            return
        attached = [part for each in words for part in ("--attach", each)]

        def run() -> End:
            try:
                # It goes on when this window is closed.
                process = subprocess.Popen(  # noqa: S603 - a program of the system
                    [program, *attached],
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
                return "none" if process.wait(_PATIENCE) else "opened"
            except subprocess.TimeoutExpired:
                return "opened"
            except OSError:
                return "none"

        async def work() -> End:
            return await in_thread(run)

        self._background.start(work, self._end)

    def _end(self, end: End) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(end)


def session_bus() -> "QDBusConnection | None":
    """Return the bus of the session; None without it or PySide6's part for it."""
    try:
        from PySide6.QtDBus import QDBusConnection
    except ImportError:  # Debian packages it apart
        return None
    bus = QDBusConnection.sessionBus()
    return bus if bus.isConnected() else None


def _parent(window: QWidget) -> str:
    """Return the window as portals name it; Qt gives no name of one on Wayland."""
    if QGuiApplication.platformName() == "xcb":
        return f"x11:{window.winId():x}"
    return ""
