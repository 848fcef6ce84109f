# SPDX-License-Identifier: MIT
"""Has a page of a PDF drawn in another process than the window's.

No code here parses a PDF or an image format. The other process runs
``native_host.desktop.page_picture`` and returns pixels, whose number is checked.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import (
    QCoreApplication,
    QObject,
    QProcess,
    QProcessEnvironment,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QImage

from native_host.desktop.page_picture import HEAD, LONGEST

__all__ = ["PagePainter", "PagePicture"]

_PROGRAM = [sys.executable, "-I", "-m", "native_host.desktop.page_picture"]
#: Milliseconds until it is killed. Its own limit counts processor time.
_WITHIN = 20_000
_MOST_BYTES = HEAD.size + 3 * (LONGEST + 1) ** 2
_LARGEST = 1e6  # points


@dataclass(frozen=True)
class PagePicture:
    """A page, and its size in points as it is shown."""

    image: QImage
    width: float
    height: float


class PagePainter(QObject):
    """Has one page drawn. Emits ``done`` once, unless it is stopped before.

    The signal comes from the event loop, never from the constructor.
    """

    #: The ``PagePicture``, or None if there is none.
    done = Signal(object)

    def __init__(self, pdf: Path, page: str) -> None:
        # Not a child of the page, whose deletion would wait for the process.
        super().__init__(QCoreApplication.instance())
        self._process = QProcess(self)
        self._process.setProgram(_PROGRAM[0])
        self._process.setArguments([*_PROGRAM[1:], page, str(os.getpid())])
        # It inherits no environment variables and no open files.
        self._process.setProcessEnvironment(QProcessEnvironment())
        self._process.setStandardInputFile(os.fspath(pdf))
        self._process.setStandardErrorFile(QProcess.nullDevice())
        if sys.platform != "win32":
            self._process.setUnixProcessParameters(
                QProcess.UnixProcessFlag.CloseFileDescriptors
            )
        self._process.readyReadStandardOutput.connect(self._bound)
        self._process.finished.connect(self._finish)
        self._process.errorOccurred.connect(
            self._see_error, Qt.ConnectionType.QueuedConnection
        )
        self._process.start()
        clock = QTimer(self, singleShot=True)
        clock.timeout.connect(self._process.kill)
        clock.start(_WITHIN)

    def stop(self) -> None:
        """Kill the process; emit no signal."""
        self.blockSignals(True)
        self._process.kill()

    def _bound(self) -> None:
        if self._process.bytesAvailable() > _MOST_BYTES:
            self._process.kill()

    def _see_error(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart:
            self.done.emit(None)
            self.deleteLater()

    def _finish(self, code: int, how: QProcess.ExitStatus) -> None:
        picture = None
        if how is QProcess.ExitStatus.NormalExit and code == 0:
            picture = _picture(bytes(self._process.readAllStandardOutput().data()))
        self.done.emit(picture)
        self.deleteLater()


def _picture(answer: bytes) -> PagePicture | None:
    """Return the picture in an answer, or None if it is malformed."""
    if not HEAD.size < len(answer) <= _MOST_BYTES:
        return None
    columns, rows, width, height = HEAD.unpack_from(answer)
    if len(answer) != HEAD.size + 3 * columns * rows:
        return None
    if not (1 <= width < _LARGEST and 1 <= height < _LARGEST):  # nor not a number
        return None
    pixels = memoryview(answer)[HEAD.size :]
    form = QImage.Format.Format_RGB888
    image = QImage(pixels, columns, rows, 3 * columns, form).copy()
    return None if image.isNull() else PagePicture(image, width, height)
