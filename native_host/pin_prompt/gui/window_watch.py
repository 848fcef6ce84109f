# SPDX-License-Identifier: MIT
"""Tells the input guard of a window what happens to the window."""

from collections.abc import Callable, Iterator

from PySide6.QtCore import QElapsedTimer, QEvent, QObject, QSize, Qt, QTimer
from PySide6.QtGui import QAccessible, QKeyEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget

from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.page import Page
from native_host.pin_prompt.gui.widgets import height_at

#: How often the window asks for its size while one page is shown.
_ASK_AT_MOST = 5
#: Milliseconds after a digit in which a screen reader may still have to handle it.
_LATE = 1000


class WindowWatch(QObject):
    """Tells the input guard of a window what happens to the window."""

    def __init__(
        self, window: QWidget, guard: InputGuard, page: Callable[[], Page | None]
    ) -> None:
        """Watch ``window``. ``page`` returns what it shows."""
        super().__init__(window)
        self._window, self._guard, self._page = window, guard, page
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
        page = self._page()
        if page and page.status_notice and page.status_notice.isVisibleTo(page):
            yield page.status_notice

    def _say_refused(self) -> None:
        page = self._page()
        if page and not self._said:
            self._said = True
            key = page.too_early if self._is_whole() else "too_small"
            page.show_hint(page.text(key))

    def _on_guard_changed(self, guarded: bool) -> None:
        page = self._page()
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
