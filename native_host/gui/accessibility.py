# SPDX-License-Identifier: MIT
"""What people with a screen reader or without a mouse need: roles, speech, focus.

Headings and lists of other controls have roles that Qt's own controls do not have.
Qt's own interface of a scroll area crashes when it is asked for a child that it does
not have. A screen reader asks for one if the scroll bar has gone since it counted the
children. A stack of pages is a layered pane in Qt, which Orca names at each move of the
focus into it.
"""

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, Qt, QTimer
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QAccessibleInterface,
    QPaintEvent,
)
from PySide6.QtWidgets import (
    QAbstractScrollArea,
    QAccessibleWidget,
    QApplication,
    QDialog,
    QScrollArea,
    QStackedWidget,
    QWidget,
)
from shiboken6 import isValid

from native_host.gui.icons import draw_box, painter_of
from native_host.gui.labels import Heading, WrappingHeading
from native_host.gui.sizes import dp
from native_host.gui.tokens import tokens_for

#: Milliseconds in which words are collected. Orca says a page's focus first, which
#: would interrupt them.
_TOGETHER = 150
#: Gap between the control and its ring, and width of the ring, in pixels where body
#: text has 15.
_GAP, _WIDTH = 2, 3
_MOVES = (
    QEvent.Type.Move,
    QEvent.Type.Resize,
    QEvent.Type.Show,
    QEvent.Type.Hide,
    QEvent.Type.ChildAdded,
)


class List(QWidget):
    """A list whose children are list items."""


class ListItem(QWidget):
    """An item of a list."""


class TopWindow(QWidget):
    """A window that is no dialog. Qt gives it a role in which Orca finds no window."""


class TopDialog(QDialog):
    """A dialog that is a window of its own.

    Of a dialog, Orca says the description twice, or all labels where it has none.
    """


class Rest(QWidget):
    """Has the focus while no control has it, so that Orca says nothing of it.

    Qt gives the focus of a part that goes to any other, or tells a screen reader once
    more that the part has it.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.resize(0, 0)


class _Voice(QWidget):
    """Announces, and is never seen.

    Orca receives late what a slow computer sends. From other widgets it then takes one
    announcement in 0.1 s, and drops the next ones. It takes all from an alert.
    """


_ROLES: dict[type[QWidget], QAccessible.Role] = {
    Heading: QAccessible.Role.Heading,
    WrappingHeading: QAccessible.Role.Heading,
    List: QAccessible.Role.List,
    ListItem: QAccessible.Role.ListItem,
    TopWindow: QAccessible.Role.Window,
    TopDialog: QAccessible.Role.Window,
    _Voice: QAccessible.Role.AlertMessage,
    QScrollArea: QAccessible.Role.Client,
    QStackedWidget: QAccessible.Role.Client,
}


class _WithRole(QAccessibleWidget):
    """What Qt tells a screen reader of any widget, with a role."""


def install_roles() -> None:
    """Give headings, scroll areas and the widgets of this module their roles."""
    QAccessible.installFactory(_interface)


def _interface(_key: str, what: QObject | None) -> QAccessibleInterface | None:
    role = next((_ROLES[kind] for kind in _ROLES if isinstance(what, kind)), None)
    if role is None or not isinstance(what, QWidget):
        return None
    return _WithRole(what, role)


class Announcer:
    """Speaks for a window. Words that come within a moment are one announcement.

    Of a heading that gets the focus, Orca says that it is one, and not its words.
    """

    #: Milliseconds in which words are collected.
    together = _TOGETHER

    def __init__(self, window: QWidget) -> None:
        self._voice = _Voice(window)
        self._voice.hide()
        self._page = ""
        self._said: list[str] = []
        self._politely = True
        #: One that has got the focus and was not said yet.
        self._heading: Heading | None = None
        self._timer = QTimer(window, singleShot=True)
        self._timer.timeout.connect(self._speak)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._on_focus)

    def _on_focus(self, _old: QWidget | None, now: QWidget | None) -> None:
        if not isinstance(now, Heading) or not isValid(self._voice):
            return
        if now.window() is self._voice.window():
            self._heading = now
            self._start(politely=True)

    def say(self, words: str, politely: bool = False) -> None:
        """Say words, at once or after what the screen reader says already."""
        if words and words not in self._said:
            self._said.append(words)
        self._start(politely)

    def say_page(self, words: str) -> None:
        """Say what a page begins with, in place of a page that it has replaced."""
        self._page, self._said = words, []
        self._start(politely=False)

    def _start(self, politely: bool) -> None:
        self._politely = self._politely and politely
        if self.together:
            self._timer.start(self.together)
        else:
            self._speak()

    def _speak(self) -> None:
        words = " ".join(filter(None, (self._page, *self._said)))
        heading, self._heading = self._heading, None
        if heading and isValid(heading) and heading.text() not in words:
            words = f"{words} {heading.text()}".lstrip()
        event = QAccessibleAnnouncementEvent(self._voice, words)
        how = QAccessible.AnnouncementPoliteness
        event.setPoliteness(how.Polite if self._politely else how.Assertive)
        self._page, self._said, self._politely = "", [], True
        if words:
            QAccessible.updateAccessibility(event)


class FocusRing(QWidget):
    """A see-through widget above all others, which lets the mouse through.

    A control cannot paint outside itself. The ring is cut to the view of a scroll area.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()
        self._followed: list[QWidget] = []
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._on_focus)
        self._on_focus(None, QApplication.focusWidget())

    def _on_focus(self, _old: QWidget | None, now: QWidget | None) -> None:
        for watched in filter(isValid, (*self._followed, self._window)):
            watched.removeEventFilter(self)
        self._followed = []
        if not isValid(self._window):
            return
        if isinstance(now, Rest):
            now = None
        if now is not None and self._window.isAncestorOf(now):
            widget: QWidget | None = now
            while widget is not None and widget is not self._window:
                self._followed.append(widget)
                widget = widget.parentWidget()
            for watched in (*self._followed, self._window):
                watched.installEventFilter(self)
        self.place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() in _MOVES and watched is not self:
            self.place()
        return False

    def place(self) -> None:
        """Follow the control, or the part of it that has the focus."""
        shown = self._visible_part()
        self.setVisible(not shown.isEmpty())
        if not shown.isEmpty():
            self.setGeometry(shown)
            self.raise_()
            self.update()

    def _outer(self) -> QRect:
        control = self._followed[0]
        around = dp(_GAP) + dp(_WIDTH)
        # A control with words beside its box has the ring around the box.
        area = getattr(control, "focus_area", control.rect)()
        area.translate(control.mapTo(self._window, QPoint(0, 0)))
        return QRect(area).adjusted(-around, -around, around, around)

    def _visible_part(self) -> QRect:
        # A page goes with all its controls before another one has the focus.
        gone = not all(map(isValid, self._followed))
        if gone or not self._followed or not self._followed[0].isVisible():
            return QRect()
        shown = self._outer() & self._window.rect()
        for widget in self._followed[1:]:
            if isinstance(widget, QAbstractScrollArea):
                view = widget.viewport()
                shown &= QRect(view.mapTo(self._window, QPoint(0, 0)), view.size())
        return shown

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        if not self._followed or not isValid(self._followed[0]):
            return
        ring = QRectF(self._outer().translated(-self.pos()))
        focus = tokens_for(self.palette()).focus
        draw_box(
            painter_of(self), ring, dp(8 + _GAP + _WIDTH / 2), edge=focus, line=_WIDTH
        )
