# SPDX-License-Identifier: MIT
"""Decodes an image in another process than the one in which the PIN is typed.

No code here parses an image format. The other process runs
``native_host.pin_prompt.decode`` and returns pixels, whose number is checked.
"""

import os
import sys

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

from native_host.pin_prompt.decode import HEAD, MOST_PIXELS

__all__ = ["ImageDecoder"]

#: The decoder. Its arguments are the image's format and the number of this process.
_PROGRAM = [sys.executable, "-I", "-m", "native_host.pin_prompt.decode"]
#: Milliseconds until the decoder is killed. The decoder's own limit is less, and counts
#: processor time.
_WITHIN = 30_000
_MOST_BYTES = HEAD.size + 4 * MOST_PIXELS


class ImageDecoder(QObject):
    """Decodes one image. Emits one signal, unless it is stopped before.

    The signal comes from the event loop, never from the constructor.
    """

    #: The decoded image.
    done = Signal(QImage)
    #: The image is faulty, too large, or took too long.
    failed = Signal()

    def __init__(self, data: bytes, form: str) -> None:
        # Not a child of the page, whose deletion would wait for the process.
        super().__init__(QCoreApplication.instance())
        self._process = QProcess(self)
        self._process.setProgram(_PROGRAM[0])
        self._process.setArguments([*_PROGRAM[1:], form, str(os.getpid())])
        # The decoder inherits no environment variables and no open files.
        self._process.setProcessEnvironment(QProcessEnvironment())
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
        self._process.write(data)
        self._process.closeWriteChannel()
        clock = QTimer(self, singleShot=True)
        clock.timeout.connect(self._process.kill)
        clock.start(_WITHIN)

    def stop(self) -> None:
        """Kill the decoder; emit no signal."""
        self.blockSignals(True)
        self._process.kill()

    def _bound(self) -> None:
        if self._process.bytesAvailable() > _MOST_BYTES:
            self._process.kill()

    def _see_error(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart:
            self.failed.emit()
            self.deleteLater()

    def _finish(self, code: int, how: QProcess.ExitStatus) -> None:
        picture = None
        if how is QProcess.ExitStatus.NormalExit and code == 0:
            picture = _picture(bytes(self._process.readAllStandardOutput().data()))
        if picture is None:
            self.failed.emit()
        else:
            self.done.emit(picture)
        self.deleteLater()


def _picture(answer: bytes) -> QImage | None:
    """Return the image in a decoder's output, or None if the output is malformed."""
    if len(answer) < HEAD.size:
        return None
    width, height = HEAD.unpack_from(answer)
    if width * height == 0 or len(answer) != HEAD.size + 4 * width * height:
        return None
    pixels = memoryview(answer)[HEAD.size :]
    form = QImage.Format.Format_RGBA8888
    picture = QImage(pixels, width, height, 4 * width, form).copy()
    return None if picture.isNull() else picture
