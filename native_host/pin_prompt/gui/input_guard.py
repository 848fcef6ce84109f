# SPDX-License-Identifier: MIT
"""Ignores key presses and clicks right after a page appears.

The person may have meant them for another window.
"""

from PySide6.QtCore import QObject, QTimer, Signal

__all__ = ["GUARD_MILLISECONDS", "InputGuard"]

#: Milliseconds after its appearance in which a page ignores input.
GUARD_MILLISECONDS = 500


class InputGuard(QObject):
    """Is active for a while after a restart. A key press restarts it."""

    #: Whether the guard is active now.
    changed = Signal(bool)

    def __init__(self, milliseconds: int = GUARD_MILLISECONDS) -> None:
        super().__init__()
        self._timer = QTimer(self, singleShot=True, interval=milliseconds)
        self._timer.timeout.connect(self.end)

    @property
    def active(self) -> bool:
        """Whether input is ignored."""
        return self._timer.isActive()

    def restart(self) -> None:
        """Ignore input from now on: a page appeared, or a key press was ignored."""
        self._timer.start()
        self.changed.emit(True)

    def end(self) -> None:
        """Accept input."""
        self._timer.stop()
        self.changed.emit(False)
