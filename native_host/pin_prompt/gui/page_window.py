# SPDX-License-Identifier: MIT
"""A window that shows one page at a time, whole where the screen allows it."""

import sys
from collections.abc import Mapping

from PySide6.QtCore import (
    QAbstractEventDispatcher,
    QEvent,
    QEventLoop,
    QPoint,
    QSize,
    Qt,
    QTimer,
)
from PySide6.QtGui import QGuiApplication, QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractSlider,
    QApplication,
    QFrame,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from native_host.gui.accessibility import Announcer, Rest, TopDialog
from native_host.gui.frame import Foot
from native_host.gui.panels import PlainScrollBar
from native_host.gui.sizes import dp, is_low, keep_in_view
from native_host.pin_prompt.gui.header import Header, Requester, caller_notice
from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.page import Page
from native_host.pin_prompt.gui.window_watch import WindowWatch

#: Milliseconds until a page that is mostly there for a moment gets the focus. A screen
#: reader would say the button of each.
_BRIEF = 3000
#: Pixels reserved for the desktop's title bar.
_TITLE_BAR = 40
_NO_KEYS = QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents
#: The action of each key that scrolls.
_SCROLLING: Mapping[int, QAbstractSlider.SliderAction] = {
    Qt.Key.Key_PageUp: QAbstractSlider.SliderAction.SliderPageStepSub,
    Qt.Key.Key_PageDown: QAbstractSlider.SliderAction.SliderPageStepAdd,
}


def is_on_wayland() -> bool:
    return QGuiApplication.platformName().startswith("wayland")


class PageScrollArea(QScrollArea):
    """Shows one page, and ignores the keys that scroll: the window decides on them."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBar(PlainScrollBar())
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def replace(self, page: QWidget) -> None:
        """Show a page in place of the one before, which stays, hidden.

        A screen reader may ask for each part of it at any time, and gets no answer if
        the part was destroyed.
        """
        if (before := self.takeWidget()) is not None:
            before.setParent(self)
            before.hide()
        self.setWidget(page)

    def hide_bar(self) -> None:
        """Hide a scroll bar that only the lines need which wrap beside it."""
        for policy in (
            Qt.ScrollBarPolicy.ScrollBarAlwaysOff,
            Qt.ScrollBarPolicy.ScrollBarAsNeeded,
        ):
            self.setVerticalScrollBarPolicy(policy)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() in _SCROLLING:
            event.ignore()
        else:
            super().keyPressEvent(event)


class PageWindow(TopDialog):
    """A header, a page that may scroll, and a foot with the page's buttons."""

    def __init__(self, guard: InputGuard) -> None:
        super().__init__(None, Qt.WindowType.Window)
        self.guard = guard
        self.page: Page | None = None
        #: The wanted width where body text has 15 pixels.
        self._wide = 0
        #: The height where body text has 15 pixels that most pages have room in.
        self._high = 0
        #: Whether the whole page fits on this screen.
        self._fits = True
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(0)
        self._scroll = PageScrollArea()
        self._watch = WindowWatch(self, self.guard, lambda: self.page)
        self._scroll.verticalScrollBar().valueChanged.connect(self._watch.check_soon)
        self._announcer = Announcer(self)
        self._rest = Rest(self)
        self.setFocusProxy(self._rest)
        self._focus_later = QTimer(self, singleShot=True, interval=_BRIEF)
        self._focus_later.timeout.connect(self._focus)
        #: Whether the person is elsewhere, and hears who asks when coming here. A
        #: screen reader must know first that the window is left.
        self._is_left = False
        self._describe_later = QTimer(self, singleShot=True, interval=0)
        self._describe_later.timeout.connect(self._describe)

    def _add_parts(self) -> None:
        """Add header, page and foot.

        Not before the window opens: the text size may change while it waits.
        """
        low = is_low(self)
        self._header, self._foot = Header(low=low), Foot(low=low)
        self._rows.addLayout(self._header)
        self._rows.addWidget(self._scroll, 1)
        self._rows.addWidget(self._foot)

    def _put_page(self, page: Page) -> None:
        """Show a page in place of the one before. ``_present`` follows."""
        self.setFocus()
        self._focus_later.stop()
        old, self.page = self.page, page
        if old is not None:
            old.end()
            self.guard.changed.disconnect(old.set_guarded)
            for button in old.buttons:
                self._foot.remove(button)
        requester = self._header.requester
        if requester is None:
            low = is_low(self)
            requester = Requester(page.conversation, page.text, low=low)
            page.rows.insertWidget(0, requester)
        page.follow(requester)
        if requester.is_short:
            page.explain_caller(caller_notice(page.conversation, page.text))
        self._scroll.replace(page)
        page.said.connect(self._announcer.say)
        self._describe()
        for button in page.buttons:
            self._foot.add(button)
        page.grown.connect(self._make_room)
        self.guard.changed.connect(page.set_guarded)
        self._watch.begin_page()

    def _present(self, page: Page) -> None:
        """Fit the window to a page, set the focus and announce it."""
        self._fit(page)
        if page.initial_focus:
            if page.is_brief:
                self._focus_later.start()
            else:
                page.initial_focus.setFocus()
            QTimer.singleShot(0, self._reveal_focus)
        if page.wants_attention and self.isVisible() and not self.isActiveWindow():
            self.raise_()
            QApplication.alert(self)
        self._announcer.say_page(str(page.announcement))

    def _focus(self) -> None:
        if self.page and self.page.initial_focus and self._rest.hasFocus():
            self.page.initial_focus.setFocus()

    def _describe(self) -> None:
        """Have a screen reader say who asks when the person comes back, and not now.

        A page's announcement says it too.
        """
        parties = self.page.parties if self.page and self._is_left else ""
        self.setAccessibleDescription(parties)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        if sys.platform == "win32" and not event.spontaneous():
            from native_host.config import load_config
            from native_host.platform.windows.protection import hide_from_capture

            if not load_config().show_to_screen_capture:
                hide_from_capture(self.winId())
        super().showEvent(event)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        super().changeEvent(event)
        if event.type() is QEvent.Type.ActivationChange:
            self._is_left = not self.isActiveWindow()
            if self._is_left:
                self._describe_later.start()

    def _width(self) -> int:
        """Return the preferred width in pixels, limited by the screen."""
        return min(dp(self._wide), self.screen().availableSize().width())

    def _first_height(self) -> int:
        """Return the height in pixels to open with; 0 for that of the first page.

        Wayland's desktops place a window by its first size, and it can't move itself.
        Some let it grow below the screen: it opens with room for most of its pages.
        """
        if not is_on_wayland():
            return 0
        return min(dp(self._high), self.screen().availableSize().height() - _TITLE_BAR)

    def _fit(self, page: Page) -> None:
        """Resize the window so that the whole page is visible, if the screen allows."""
        room, width = self.screen().availableSize(), self._width()
        self.setMinimumSize(min(dp(300), width), min(dp(300), room.height()))
        around = self._foot.height_at(width) + self._header.height_at(width)
        most = room.height() - _TITLE_BAR
        page.set_fitting(True)
        self._fits = around + page.heightForWidth(width) <= most
        page.set_fitting(self._fits)
        bar = self._scroll.verticalScrollBar()
        inside = width if self._fits else width - bar.sizeHint().width()
        # Qt gives a scroll area some height in any case.
        least = self._scroll.minimumSizeHint().height()
        height = min(around + max(page.wanted_height(inside), least), most)
        self._watch.want(QSize(width, height), self._header.parts)
        self.resize(max(self.width(), width), max(self.height(), height))
        if self._fits and bar.isVisible():
            self._scroll.hide_bar()
        keep_in_view(self)

    def _reveal_focus(self) -> None:
        page = self.page
        self._settle(page)
        if page is None or page.initial_focus is None or self.page is not page:
            return
        if not self._fits and page.scrolled and page.status_notice is None:
            # Nobody must sign without seeing that there is text to read.
            page.scrolled.setFocus()
            self._scroll.verticalScrollBar().setValue(0)
            first = page.scrolled.mapTo(page, QPoint(0, dp(60)))
            self._scroll.ensureVisible(0, first.y(), 0, 0)
            return
        focus = page.initial_focus
        self._scroll.ensureWidgetVisible(focus, 0, dp(12))
        if page.isAncestorOf(focus):
            # Qt leaves out the margin where the widget itself is in view.
            ring = focus.mapTo(page, QPoint(0, focus.height() + dp(6)))
            self._scroll.ensureVisible(0, ring.y(), 0, 0)
        if page.status_notice and not page.isAncestorOf(focus):
            self._scroll.ensureWidgetVisible(page.status_notice)
        elif page.status_notice:
            # The result of the last PIN is more important than the field's hint.
            top = page.status_notice.mapTo(page, QPoint(0, 0)).y()
            bottom = focus.mapTo(page, QPoint(0, focus.height())).y()
            bar = self._scroll.verticalScrollBar()
            highest = max(top, bottom - self._scroll.viewport().height())
            bar.setValue(min(bar.value(), highest))

    def _make_room(self, part: QWidget) -> None:
        page = self.page
        self._settle(page)
        if self.page is page:
            self._scroll.ensureWidgetVisible(part)

    def _settle(self, page: Page | None) -> None:
        """Complete the layout. A request may replace the page meanwhile."""
        if page:
            self._fit(page)  # inner scroll areas know their width by now
        for _ in range(2):  # the page's layout, then the scroll area's
            QApplication.processEvents(_NO_KEYS)
        keep_in_view(self)  # the desktop may have placed a smaller window
        # Qt may now sleep until the next event, with a key press in its queue.
        QAbstractEventDispatcher.instance().wakeUp()

    def focusNextPrevChild(self, next_: bool) -> bool:  # noqa: N802 - Qt's name
        moved = super().focusNextPrevChild(next_)
        # A scroll area does this only when the focus was already inside.
        part = self.focusWidget()
        if moved and part and self.page and self.page.isAncestorOf(part):
            self._scroll.ensureWidgetVisible(part)
        return moved

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        # Enter presses only the button with the focus. A dialog's default button would
        # confirm or cancel on a stray key.
        if (scrolling := _SCROLLING.get(event.key())) is not None:
            # The scroll area takes no focus, so the keyboard scrolls it here.
            bar = self._scroll.verticalScrollBar()
            if bar.maximum() == 0 and self.page and self.page.scrolled:
                bar = self.page.scrolled.verticalScrollBar()
            bar.triggerAction(scrolling)
        elif event.key() == Qt.Key.Key_Escape and event.isAutoRepeat():
            pass  # a held key must not answer the question that it has caused
        elif event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if event.text().isalnum():
                # The person may be typing a PIN without a field. The Enter after it
                # must not press the button that has the focus.
                self.guard.restart(unseen=True)
            super().keyPressEvent(event)
        elif self.guard.active:
            self.guard.refuse()
        elif isinstance(focus := self.focusWidget(), QPushButton):
            focus.click()
