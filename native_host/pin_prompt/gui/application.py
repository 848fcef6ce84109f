# SPDX-License-Identifier: MIT
"""The window's process: from the host's lines to the window and back."""

import os
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import NoReturn

from PySide6.QtCore import (
    QEvent,
    QMessageLogContext,
    QObject,
    Qt,
    QtMsgType,
    Signal,
    qInstallMessageHandler,
)
from PySide6.QtGui import QGuiApplication, QKeyEvent, QPalette
from PySide6.QtWidgets import QApplication

from native_host.hardening import deny_memory_access, disable_core_dumps
from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.pin_field import PinField
from native_host.pin_prompt.gui.prompt_window import PromptWindow
from native_host.pin_prompt.gui.theme import dark_palette
from native_host.pin_prompt.messages import MAX_REQUEST, decode_request

__all__ = ["follow_colour_scheme", "make_application", "run"]

#: What Qt is told on Linux by the environment. Nothing here is drawn by the graphics
#: card, and not looking for one saves time; only from the desktop's portal Qt learns
#: whether the desktop is dark.
QT_ENVIRONMENT = {
    "QT_XCB_GL_INTEGRATION": "none",
    "QT_QPA_PLATFORMTHEME": "xdgdesktopportal",
}
#: Keys that move the cursor in a field.
_MOVING = range(Qt.Key.Key_Home, Qt.Key.Key_PageDown + 1)
#: Smallest size of text in points, where the desktop's own is smaller.
_SMALLEST_TEXT = 11.0


def make_application(text_scale: float = 1.0) -> QApplication:
    """Return the application, with the desktop's colours and size of text."""
    qInstallMessageHandler(_log)
    QGuiApplication.setDesktopFileName("fi.kortilla.host")
    application = _Application(["kortilla"])
    application.setApplicationName("Kortilla")
    application.setQuitOnLastWindowClosed(False)
    # One style everywhere, since the colours of buttons are checked against it.
    application.setStyle("Fusion")
    font = application.font()
    font.setPointSizeF(max(font.pointSizeF(), _SMALLEST_TEXT) * text_scale)
    application.setFont(font)
    hints = application.styleHints()
    hints.colorSchemeChanged.connect(
        lambda scheme: follow_colour_scheme(application, scheme)
    )
    follow_colour_scheme(application, hints.colorScheme())
    return application


def follow_colour_scheme(application: QApplication, scheme: Qt.ColorScheme) -> None:
    """Be dark when the desktop is.

    GNOME says that it is dark and leaves the colours to each program; others set a
    dark palette themselves, which stays, high contrast above all.
    """
    own = dark_palette()
    if scheme is Qt.ColorScheme.Dark:
        if application.palette().window().color().lightness() > 127:
            application.setPalette(own)
    elif application.palette().window().color() == own.window().color():
        application.setPalette(QPalette())


def run() -> NoReturn:
    """Speak with the host over standard input and output until it is over."""
    disable_core_dumps()
    sys.excepthook = _report_exception
    lines = os.dup(1)
    os.dup2(2, 1)  # what a library prints must not get between the lines
    os.environ |= QT_ENVIRONMENT
    application = make_application()
    for name in QT_ENVIRONMENT:
        del os.environ[name]  # not for the programs that documents open in

    def send(line: bytearray) -> None:
        try:
            os.write(lines, line)
        except OSError:  # the host is gone
            end()

    def end() -> NoReturn:
        window.copies.delete()
        os._exit(0)  # nothing to save, and taking Qt apart takes time

    window = PromptWindow(send, InputGuard())
    window.guard.changed.connect(_on_guard_changed)
    inbox = _Inbox(end)
    inbox.received.connect(
        lambda line: _handle(window, line), Qt.ConnectionType.QueuedConnection
    )
    inbox.start()
    application.exec()
    end()


def _on_guard_changed(guarded: bool) -> None:
    """Do so before a digit is taken, and after Qt has asked for the desktop's colours.

    The portal that it asks goes on answering a program that it has looked at once.
    """
    if not guarded:
        deny_memory_access()


class _Application(QApplication):
    """Keeps the digits that are pressed from the accessibility bus.

    Qt reports each key that comes from outside on that bus, where any program of the
    session can listen, and gives it to the window once that was answered. It reports
    the keys that are left: screen readers have their commands there.
    """

    def notify(self, receiver: QObject, event: QEvent) -> bool:
        # A filter would be too late: Qt may put its own in front at any time.
        if isinstance(event, QKeyEvent) and event.spontaneous() and self._kept(event):
            copy = event.clone()
            taken = self.sendEvent(receiver, copy)
            event.setAccepted(copy.isAccepted())
            return taken
        return super().notify(receiver, event)

    def _kept(self, event: QKeyEvent) -> bool:
        """Say whether a key is not reported: digits, and what edits a field for them.

        An edit that waits for the bus would come after digits which do not wait.
        """
        if event.text().isdigit():
            return True
        edits = event.key() in _MOVING or not event.text().isprintable()
        return edits and isinstance(self.focusWidget(), PinField)


class _Inbox(QObject):
    """Reads the host's lines on a thread of its own."""

    received = Signal(bytes)

    def __init__(self, end: Callable[[], NoReturn]) -> None:
        super().__init__()
        self._end = end

    def start(self) -> None:
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def _read(self) -> None:
        while line := sys.stdin.buffer.readline(MAX_REQUEST + 1):
            if len(line) > MAX_REQUEST:
                _refuse("A request is too long.")
            self.received.emit(line)
        # The host is gone or done. Not by way of the event loop, which may be busy.
        self._end()


def _handle(window: PromptWindow, line: bytes) -> None:
    try:
        window.handle(decode_request(line))
    except ValueError as error:
        _refuse(str(error))


def _refuse(why: str) -> NoReturn:
    print(f"PIN window: {why}", file=sys.stderr, flush=True)
    os._exit(2)


def _report_exception(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Say where it broke, but not the error's text, which might hold what was typed."""
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = trace.tb_frame.f_code.co_qualname if trace else "?"
    line = trace.tb_lineno if trace else 0
    _refuse(f"{kind.__name__} in {where}, line {line}.")


def _log(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
    # Qt can be told by the environment to log each key press: that is dropped.
    if kind not in (QtMsgType.QtDebugMsg, QtMsgType.QtInfoMsg):
        print(f"PIN window: {message}", file=sys.stderr, flush=True)
