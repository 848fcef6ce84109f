# SPDX-License-Identifier: MIT
"""The ring around the control that has the focus: the same in every window."""

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QWidget
from shiboken6 import isValid

from native_host.gui.sizes import dp
from native_host.gui.tokens import tokens_for

_MOVES = (
    QEvent.Type.Move,
    QEvent.Type.Resize,
    QEvent.Type.Show,
    QEvent.Type.Hide,
    QEvent.Type.ChildAdded,
)


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
        """Return the outer edge of the ring in the window."""
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
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width = dp(_WIDTH)
        painter.setPen(QPen(tokens_for(self.palette()).focus, width))
        ring = QRectF(self._outer().translated(-self.pos()))
        half = width / 2
        corner = dp(8 + _GAP + _WIDTH / 2)
        painter.drawRoundedRect(ring.adjusted(half, half, -half, -half), corner, corner)


#: Gap between the control and its ring, and width of the ring.
_GAP, _WIDTH = 2, 3
