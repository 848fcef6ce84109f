# SPDX-License-Identifier: MIT
"""Runs a program of ours that reads hostile data, for a window that must not read it.

The program sets its own limits with ``kortilla.common.limits.limit_resources``.
"""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
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


class LimitedProcess(QObject):
    """A process that answers with bytes. Emits ``done`` once, unless it is stopped.

    The process inherits no environment variables and no open files. It is killed when
    it takes too long or writes too much. ``program`` gets the number of this process as
    its last argument. ``given`` is its standard input: bytes, or a file. ``read`` turns
    its output into the result, which is None for malformed output.

    The signal comes from the event loop, never from the constructor.
    """

    #: What ``read`` returned, or None after a failure.
    done = Signal(object)

    def __init__(
        self,
        program: Sequence[str],
        given: bytes | Path,
        read: Callable[[bytes], object | None],
        *,
        most_bytes: int,
        milliseconds: int,
    ) -> None:
        # Not a child of the page, whose deletion would wait for the process.
        super().__init__(QCoreApplication.instance())
        self._read, self._most_bytes = read, most_bytes
        self._process = QProcess(self)
        self._process.setProgram(program[0])
        self._process.setArguments([*program[1:], str(os.getpid())])
        self._process.setProcessEnvironment(QProcessEnvironment())
        self._process.setStandardErrorFile(QProcess.nullDevice())
        if sys.platform == "win32":
            # Qt has it inherit all that can be inherited: this process got its own
            # input and output so, on which the answers of the person go.
            for each in range(3):
                with suppress(OSError):
                    os.set_inheritable(each, False)
        else:
            self._process.setUnixProcessParameters(
                QProcess.UnixProcessFlag.CloseFileDescriptors
            )
        self._process.readyReadStandardOutput.connect(self._bound)
        self._process.finished.connect(self._finish)
        self._process.errorOccurred.connect(
            self._see_error, Qt.ConnectionType.QueuedConnection
        )
        if isinstance(given, Path):
            self._process.setStandardInputFile(os.fspath(given))
        self._process.start()
        if isinstance(given, bytes):
            self._process.write(given)
            self._process.closeWriteChannel()
        clock = QTimer(self, singleShot=True)
        clock.timeout.connect(self._process.kill)
        clock.start(milliseconds)

    def stop(self) -> None:
        """Kill the process; emit no signal."""
        self.blockSignals(True)
        self._process.kill()

    def _bound(self) -> None:
        if self._process.bytesAvailable() > self._most_bytes:
            self._process.kill()

    def _see_error(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart:
            self._end(None)

    def _finish(self, code: int, how: QProcess.ExitStatus) -> None:
        result = None
        if how is QProcess.ExitStatus.NormalExit and code == 0:
            result = self._read(bytes(self._process.readAllStandardOutput().data()))
        self._end(result)

    def _end(self, result: object | None) -> None:
        self.done.emit(result)
        self.deleteLater()
