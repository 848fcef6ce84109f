# SPDX-License-Identifier: MIT
"""Ignores keys and clicks that the person may have meant for another window.

A page takes no input right after it appears. The window takes none until the person has
clicked in it, or has pressed no key for longer than a slow typist does. That time is
longer for somebody whose keys come slowly. It runs only while the window is ready:
active, painted, and showing what must be read. A desktop may give the window another
size than it asks for, also later. Without the whole address and the result of the last
PIN, nobody knows what a PIN is for.
"""

from PySide6.QtCore import QElapsedTimer, QObject, QTimer, Signal

#: Milliseconds after its appearance in which a page ignores input.
GUARD_MILLISECONDS = 500
#: Milliseconds without a key after which keys are for this window. Somebody who types
#: into another one with one finger presses a key at least every 1.5 s.
QUIET_MILLISECONDS = 2000
#: The time is this many times the longest pause between keys that were ignored.
_SLOWER, _AT_MOST = 2, 4000


class InputGuard(QObject):
    """Is active from a restart on, until the person is taken to see the window."""

    #: Whether the guard is active now.
    changed = Signal(bool)
    #: A key was ignored.
    refused = Signal()

    def __init__(
        self, milliseconds: int = GUARD_MILLISECONDS, quiet: int = QUIET_MILLISECONDS
    ) -> None:
        super().__init__()
        self._shortest = quiet - milliseconds
        self._since_key = QElapsedTimer()
        self._pause = QTimer(self, singleShot=True, interval=milliseconds)
        self._quiet = QTimer(self, singleShot=True, interval=self._shortest)
        self._new = QTimer(self, singleShot=True, interval=milliseconds)
        self._pause.timeout.connect(self._open)
        self._quiet.timeout.connect(self._wait_for_late_keys)
        self._active, self._ready, self._painted = False, True, False
        #: Whether keys are for this window.
        self._seen = False

    @property
    def active(self) -> bool:
        """Whether input is ignored."""
        return self._active

    def restart(self, *, unseen: bool = False) -> None:
        """Ignore input from now on: a page appeared, or the person pressed a key.

        ``unseen`` says that the next keys may be for another window.
        """
        self._active = True
        self._seen = self._seen and not unseen
        if self._ready:
            self._pause.start()
            self._quiet.start()
        self.changed.emit(True)

    def refuse(self) -> None:
        """Ignore a key. The keys after it belong to it: they are ignored too."""
        if self._since_key.isValid():
            pause = min(_SLOWER * self._since_key.elapsed(), _AT_MOST)
            pause -= self._pause.interval()
            if pause > self._quiet.interval():
                self._quiet.setInterval(pause)
        self._since_key.start()
        self.restart(unseen=True)
        self.refused.emit()

    def set_ready(self, ready: bool) -> None:
        """Follow whether the window is active and shows what must be read."""
        if ready == self._ready:
            return
        self._ready = ready
        if not ready:
            self._pause.stop()
            self._quiet.stop()
        if self._active or not ready:
            self.restart()

    def paint(self) -> None:
        """Know that the window is on the screen."""
        if not self._painted:
            self._painted = True
            self._new.start()

    def click(self) -> None:
        """Take a click in the window as a sign that the person sees it.

        A click right after the window's appearance was meant for what was there before.
        """
        if self._painted and not self._new.isActive():
            self._seen = True
            self._open()

    def end(self) -> None:
        """Accept input."""
        self._pause.stop()
        self._quiet.stop()
        self._quiet.setInterval(self._shortest)
        self._since_key.invalidate()
        self._active, self._seen = False, True
        self.changed.emit(False)

    def _wait_for_late_keys(self) -> None:
        """End the time in two parts: a busy process may get keys after its timer."""
        self._seen = True
        self._pause.start()

    def _open(self) -> None:
        if self._active and self._seen and self._ready and not self._pause.isActive():
            self.end()
