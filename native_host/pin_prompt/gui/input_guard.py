# SPDX-License-Identifier: MIT
"""Ignores keys and clicks that the person may have meant for another window.

A page takes no input right after it appears. The window takes none until the person has
clicked in it, or has pressed no key for longer than a slow typist does. That time is
longer for somebody whose keys come slowly. It runs only while the window is ready:
active, painted, and showing what must be read. A desktop may give the window another
size than it asks for, also later. Without the whole address and the result of the last
PIN, nobody knows what a PIN is for.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from PySide6.QtCore import QElapsedTimer, QEvent, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAccessible, QKeyEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget

from native_host.pin_prompt.gui.widgets import height_at

if TYPE_CHECKING:
    from native_host.pin_prompt.gui.page_window import PageWindow

#: Milliseconds after its appearance in which a page ignores input.
GUARD_MILLISECONDS = 500
#: Milliseconds without a key after which keys are for this window. Somebody who types
#: into another one with one finger presses a key at least every 1.5 s.
QUIET_MILLISECONDS = 2000
#: The time is this many times the longest pause between keys that were ignored.
_SLOWER, _AT_MOST = 2, 4000
#: Milliseconds after a digit in which a screen reader may still have to handle it.
_LATE = 1000
#: How often the window asks for its size while one page is shown.
_ASK_AT_MOST = 5


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


class WindowWatch(QObject):
    """Tells the input guard of a window what happens to the window."""

    def __init__(self, window: "PageWindow") -> None:
        super().__init__(window)
        self._window = window
        self._guard = window.guard
        self._wanted, self._asked, self._painted = QSize(), 0, False
        self._header: list[QWidget] = []
        self._since_digit = QElapsedTimer()
        #: Whether the page says that keys were not taken.
        self._said = False
        self._later = QTimer(self, singleShot=True, interval=0)
        self._later.timeout.connect(self.check)
        self._guard.refused.connect(self._say_refused)
        self._guard.changed.connect(self._on_guard_changed)
        window.installEventFilter(self)

    def begin_page(self) -> None:
        """Wait until a new page is painted."""
        self._asked, self._painted, self._said = 0, False, False
        self._guard.set_ready(False)
        self._guard.restart()
        self._window.update()

    def want(self, size: QSize, header: list[QWidget]) -> None:
        """Take what the page needs: a size in pixels, and the parts above it."""
        self._wanted, self._header = size, header

    def check_soon(self) -> None:
        """Check when the layout is complete."""
        self._later.start()

    def check(self) -> None:
        """Ask for the size again if it is too small, and tell the guard."""
        window, handle = self._window, self._window.windowHandle()
        if handle is None:
            return
        whole = self._is_whole()
        # A person may make the window smaller, but not so small that parts are hidden.
        if (
            self._is_too_small()
            and (self._guard.active or not whole)
            and self._asked < _ASK_AT_MOST
        ):
            self._asked += 1
            window.resize(window.size().expandedTo(self._wanted))
            self.check_soon()
        shown = self._painted and handle.isExposed()
        self._guard.set_ready(shown and whole and window.isActiveWindow())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if not hasattr(self, "_later"):
            return False  # Python's part of the object is deleted before Qt's
        kind = event.type()
        if watched is not self._window:
            return self._filter_input(event)
        if kind is QEvent.Type.Show:
            # Keys and clicks come here before any control gets them.
            self._window.windowHandle().installEventFilter(self)
        elif kind is QEvent.Type.Paint:
            self._painted = True
            self._guard.paint()
            self.check_soon()
        elif kind is QEvent.Type.Resize:
            self.check_soon()
        elif kind is QEvent.Type.ActivationChange:
            if self._window.isActiveWindow():
                # A person who has clicked in the window sees it.
                clicked = QApplication.mouseButtons() != Qt.MouseButton.NoButton
                self._guard.restart(unseen=not clicked)
            self.check()
        return False

    @property
    def heard_in(self) -> int:
        """Milliseconds until a screen reader has handled the digits; 0 without one.

        It gets keys from the X server, late if the computer is busy, and says digits if
        the window that is active by then has no focus in a password field.
        """
        if not self._since_digit.isValid() or not QAccessible.isActive():
            return 0
        return max(0, _LATE - self._since_digit.elapsed())

    def _filter_input(self, event: QEvent) -> bool:
        """Handle an event of the window before its controls do; return whether so."""
        if isinstance(event, QKeyEvent) and event.text().isdigit():
            self._since_digit.start()
        if event.type() in (QEvent.Type.MouseButtonPress, QEvent.Type.TouchBegin):
            self._guard.click()
        elif isinstance(event, QKeyEvent) and self._guard.active:
            if event.type() is not QEvent.Type.KeyPress:
                return False
            in_field = isinstance(self._window.focusWidget(), QLineEdit)
            if event.key() == Qt.Key.Key_Space and not in_field:
                self._guard.refuse()  # it would press a button or tick a box
                return True
            self._guard.restart()
        return False

    def _is_too_small(self) -> bool:
        size = self._window.size()
        return size.expandedTo(self._wanted) != size

    def _is_whole(self) -> bool:
        """Return whether the window shows all that must be read."""
        return not self._is_too_small() or all(map(_is_whole, self._parts()))

    def _parts(self) -> Iterator[QWidget]:
        yield from self._header
        page = self._window.page
        if page and page.status_notice and page.status_notice.isVisibleTo(page):
            yield page.status_notice

    def _say_refused(self) -> None:
        page = self._window.page
        if page and not self._said:
            self._said = True
            key = page.too_early if self._is_whole() else "too_small"
            page.show_hint(page.text(key))

    def _on_guard_changed(self, guarded: bool) -> None:
        page = self._window.page
        if page and self._said and not guarded:
            self._said = False
            page.show_hint(page.text(page.now) if page.now else "", kind="good")


def _is_whole(part: QWidget) -> bool:
    """Return whether no edge cuts off a part of the window."""
    if part.height() < height_at(part, part.width()):
        return False
    area, here = part.rect(), part
    while (around := here.parentWidget()) and not here.isWindow():
        area = area.translated(here.pos())
        if not around.rect().contains(area):
            return False
        here = around
    return True
