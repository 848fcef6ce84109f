# SPDX-License-Identifier: MIT
"""Opens a file in its program, or shows it in the file manager."""

import os
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

#: https://www.freedesktop.org/wiki/Specifications/file-manager-interface/
_NAME = "org.freedesktop.FileManager1"
_PATH = "/org/freedesktop/FileManager1"
_WITHIN = 10_000  # milliseconds; the file manager may have to start


def open_file(path: Path) -> bool:
    """Have the desktop open a file or a folder; return whether a program was found."""
    return QDesktopServices.openUrl(QUrl.fromLocalFile(os.fspath(path)))


def show_in_folder(path: Path, failed: Callable[[], object]) -> None:
    """Have the file manager select a file, or else open its folder.

    ``failed`` is called if neither is possible.
    """

    def open_folder() -> None:
        if not open_file(path.parent):
            failed()

    try:
        from PySide6.QtDBus import (
            QDBusConnection,
            QDBusMessage,
            QDBusPendingCallWatcher,
        )
    except ImportError:  # a part of PySide6 that Debian packages apart
        open_folder()
        return
    bus = QDBusConnection.sessionBus()
    if not bus.isConnected():
        open_folder()
        return
    call = QDBusMessage.createMethodCall(_NAME, _PATH, _NAME, "ShowItems")
    call.setArguments([[path.absolute().as_uri()], ""])
    watcher = QDBusPendingCallWatcher(bus.asyncCall(call, _WITHIN))

    def ended(_: QDBusPendingCallWatcher) -> None:
        # The closure keeps the watcher until here.
        if watcher.isError():
            open_folder()
        watcher.deleteLater()

    watcher.finished.connect(ended)
