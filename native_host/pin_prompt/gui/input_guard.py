# SPDX-License-Identifier: MIT
"""Keeps what was meant for another program out of a window that has just come up."""

from PySide6.QtCore import QObject, QTimer, Signal

__all__ = ["GUARD_MILLISECONDS", "InputGuard"]

#: How long a page takes neither keys nor confirmation after it has come up.
GUARD_MILLISECONDS = 500


class InputGuard(QObject):
    """Stands in the way for a while, and for longer while somebody is still typing."""

    #: Says whether the guard stands in the way now.
    changed = Signal(bool)

    def __init__(self, milliseconds: int = GUARD_MILLISECONDS) -> None:
        super().__init__()
        self._timer = QTimer(self, singleShot=True, interval=milliseconds)
        self._timer.timeout.connect(self.end)

    @property
    def active(self) -> bool:
        """Whether the guard stands in the way."""
        return self._timer.isActive()

    def restart(self) -> None:
        """Stand in the way from now on: a page came up, or a key was swallowed."""
        self._timer.start()
        self.changed.emit(True)

    def end(self) -> None:
        """Let keys and confirmation through."""
        self._timer.stop()
        self.changed.emit(False)
