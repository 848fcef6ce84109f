# SPDX-License-Identifier: MIT
"""Runs the window until the person closes it."""

import os
import sys
from pathlib import Path

from PySide6.QtCore import (
    QMessageLogContext,
    QTimer,
    QtMsgType,
    qInstallMessageHandler,
)
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtWidgets import QApplication

import native_host
from native_host.config import Config
from native_host.desktop.background import Background
from native_host.desktop.single_window import Handover, SingleWindow
from native_host.desktop.window import Window
from native_host.gui.application import QT_ENVIRONMENT, dress
from native_host.hardening import allow_inspection, disable_core_dumps

_ICON = Path(native_host.__file__).parent / "desktop/kortilla.svg"
#: The name of the desktop file, by which desktops find the window's icon.
DESKTOP_FILE = "fi.kortilla.Kortilla"
#: Milliseconds in which the window and its first page have appeared.
_SETTLED = 1000


def make_application(text_scale: float = 1.0) -> QApplication:
    """Return the application with the desktop's colours and text size."""
    qInstallMessageHandler(_log)
    QGuiApplication.setDesktopFileName(DESKTOP_FILE)
    application = QApplication(["kortilla"])
    dress(application, text_scale)
    QGuiApplication.setWindowIcon(QIcon(os.fspath(_ICON)))
    return application


def run(
    config: Config,
    language: str,
    claim: SingleWindow,
    handover: Handover | None = None,
) -> None:
    """Show the window, with files on a page of it; return when it is closed."""
    disable_core_dumps()
    # Desktop services, as that for choosing files, answer only what they can inspect.
    allow_inspection()
    os.environ |= QT_ENVIRONMENT
    application = make_application()
    for name in QT_ENVIRONMENT:
        del os.environ[name]  # not for the windows that ask for codes
    background = Background()
    window = Window(config, language, background)
    window.show()
    if handover is not None:
        window.give_files(handover.page, handover.files)
    background.start(
        lambda: claim.listen(
            lambda *given: background.in_window(window.come_forward, *given)
        )
    )
    QTimer.singleShot(_SETTLED, window.look_for_faults)
    application.exec()
    background.close()


def _log(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
    # The environment can have Qt log each key press at these levels.
    if kind not in (QtMsgType.QtDebugMsg, QtMsgType.QtInfoMsg):
        print(f"Kortilla's window: {message}", file=sys.stderr, flush=True)
