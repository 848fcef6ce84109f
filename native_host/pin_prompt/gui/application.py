# SPDX-License-Identifier: MIT
"""The window's process: its start, its end, and which keys Qt may report."""

import gc
import os
import sys
import time
from types import TracebackType
from typing import NoReturn

from PySide6.QtCore import (
    QEvent,
    QMessageLogContext,
    QObject,
    Qt,
    QTimer,
    QtMsgType,
    qInstallMessageHandler,
)
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QApplication

from native_host.gui.application import QT_ENVIRONMENT, dress
from native_host.gui.portal_settings import PortalSettings
from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.pin_field import PinField
from native_host.pin_prompt.gui.prompt_window import PromptWindow, refuse
from native_host.platform import system

#: Keys that move the cursor in a field.
_MOVING = range(Qt.Key.Key_Home, Qt.Key.Key_PageDown + 1)
#: Milliseconds without a request after which the process waits for a later one.
_IDLE = 200


def make_application(
    text_scale: float = 1.0, portal: PortalSettings | None = None
) -> "_Application":
    """Return the application with the desktop's colours and text size."""
    qInstallMessageHandler(_log)
    QGuiApplication.setDesktopFileName("fi.kortilla.host")
    application = _Application(["kortilla"])
    application.setQuitOnLastWindowClosed(False)
    dress(application, text_scale, portal)
    return application


def run() -> NoReturn:
    """Exchange lines with the host over stdin and stdout until the end."""
    sys.excepthook = _report_exception
    lines = os.dup(1)
    os.dup2(2, 1)  # output of a library must not get between the lines
    os.environ |= QT_ENVIRONMENT
    application = make_application(portal=PortalSettings())
    for name in QT_ENVIRONMENT:
        del os.environ[name]  # not for a document's viewer

    def send(line: bytearray) -> None:
        try:
            os.write(lines, line)
        except OSError:  # the host has ended
            end()
        # The first line says that the window is visible.
        application.keep_digits()
        if not gc.isenabled():
            gc.freeze()
            gc.enable()

    def end() -> NoReturn:
        time.sleep(window.seconds_left)
        window.delete_copies()
        system.exit_now()  # nothing to save, and Qt's destructors take time

    window = PromptWindow(send, InputGuard())
    window.read_requests(end)
    QTimer.singleShot(_IDLE, window.prepare)
    application.exec()
    end()


class _Application(QApplication):
    """Keeps typed digits from the accessibility bus.

    Qt reports each key press on that bus, where any program of the session can listen,
    and delivers it to the window after the reply. All other keys are still reported,
    since screen readers have commands on them.
    """

    def __init__(self, arguments: list[str]) -> None:
        super().__init__(arguments)
        # A window has no keys before it has the focus.
        self.focusWindowChanged.connect(self.keep_digits)

    def keep_digits(self) -> None:
        """Handle each event here from now on.

        The first such event costs about 20 ms, in which PySide prepares all its
        classes. This comes after the first picture of the window, so the person does
        not wait for it.
        """
        self.notify = self._notify  # type: ignore[method-assign] # Qt calls it

    def _notify(self, receiver: QObject, event: QEvent) -> bool:
        # An event filter is not enough: Qt may install its own before it at any time.
        if isinstance(event, QKeyEvent) and event.spontaneous() and self._kept(event):
            copy = event.clone()
            taken = self.sendEvent(receiver, copy)
            event.setAccepted(copy.isAccepted())
            return taken
        return QApplication.notify(self, receiver, event)

    def _kept(self, event: QKeyEvent) -> bool:
        """Return whether a key is not reported: digits, and edits of a PIN field.

        An edit that waited for the bus would arrive after digits that do not wait.
        """
        if event.text().isdigit():
            return True
        edits = event.key() in _MOVING or not event.text().isprintable()
        return edits and isinstance(self.focusWidget(), PinField)


def _report_exception(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print where an error occurred, without its message, which may contain digits."""
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = trace.tb_frame.f_code.co_qualname if trace else "?"
    line = trace.tb_lineno if trace else 0
    refuse(f"{kind.__name__} in {where}, line {line}.")


def _log(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
    # The environment can have Qt log each key press at these levels.
    if kind not in (QtMsgType.QtDebugMsg, QtMsgType.QtInfoMsg):
        print(f"PIN window: {message}", file=sys.stderr, flush=True)
