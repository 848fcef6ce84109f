# SPDX-License-Identifier: MIT
"""Buttons, check boxes and radio buttons, whose words wrap where they are long.

A page has one button in the colour of its act. All others are flat with an outline.
"""

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QTextLayout,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QCheckBox,
    QPushButton,
    QRadioButton,
    QSizePolicy,
    QWidget,
)

from native_host.gui.icons import draw_box, draw_icon, inset, painter_of, square
from native_host.gui.labels import LEFT, muted, wrapped, wrapping_policy
from native_host.gui.panels import column
from native_host.gui.sizes import dp, font, text_width
from native_host.gui.tokens import Act, mixed, readable, tokens_for

#: Room for the focus ring before the indicator, where the text begins after it, and the
#: least height, in pixels where body text has 15.
_RING, _TEXT_AT, _LEAST = 6, 36, 44
#: Where the words of a framed choice begin, what is around them, and the least width,
#: likewise.
_CHOICE_TEXT_AT, _AROUND, _CHOICE = 46, 12, 250
_ARROWS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Left, Qt.Key.Key_Right)
_BOLD = QFont.Weight.DemiBold

if TYPE_CHECKING:
    _Button = QAbstractButton
else:
    _Button = object  # Qt's class comes after the mixin


class Button(QPushButton):
    """A push button. With an ``act`` it is the page's primary button.

    ``height`` is in pixels where body text has 15. ``icon`` names a drawing that
    takes the place of the words, which a screen reader still reads.
    """

    def __init__(
        self, words: str, act: Act | None = None, *, height: float = 44, icon: str = ""
    ) -> None:
        super().__init__("" if icon else words)
        self._act, self._height, self._icon = act, height, icon
        if icon:
            self.setAccessibleName(words)
            self.setToolTip(words)
        self.setAutoDefault(False)
        # Less wide than wanted where room is short, but never narrower than its words.
        policy = QSizePolicy.Policy
        self.setSizePolicy(policy.Preferred, policy.Fixed)
        self.setFont(font(1.0, _BOLD))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        height = dp(self._height)
        if self._icon:
            return QSize(height, height)
        words = text_width(self.text(), self.font())
        small = self._height < 44
        sides, least = dp(34 if small else 58), dp(68 if small else 124)
        return QSize(max(words + sides, least), height)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        if self._icon:
            return self.sizeHint()
        words = text_width(self.text(), self.font())
        return QSize(words + dp(24), dp(self._height))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        ground, ink, edge = tokens.window, tokens.ink, tokens.edge
        if self._act:
            act = tokens.acts[self._act]
            ground, ink, edge = act.button, act.on_button, act.button
        if not self.isEnabled():
            ground = mixed(tokens.window, tokens.ink, 0.1)
            ink = edge = readable(mixed(ground, tokens.ink, 0.5), ground, 3.0)
        elif self.isDown():
            ground = mixed(ground, ink, 0.18)
        elif self.underMouse():
            ground = mixed(ground, ink, 0.07)
        painter, box = painter_of(self), QRectF(self.rect())
        draw_box(painter, box, dp(8), ground=ground, edge=edge, line=1.25)
        if self._icon:
            place = square(box, dp(22))
            draw_icon(painter, self._icon, place, ink=ink, paper=ground)
            return
        painter.setPen(ink)
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())


class HoldButton(Button):
    """A button that acts while a person holds it, by mouse or keyboard.

    It ends when the window loses the focus, or the button is no longer shown. Another
    program can press a button over the accessibility bus. That does nothing here.
    """

    #: Whether the button is held.
    held = Signal(bool)

    def __init__(self, words: str, icon: str, *, height: float) -> None:
        super().__init__(words, icon=icon, height=height)
        self.released.connect(lambda: self.held.emit(False))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        super().mousePressEvent(event)
        self._say()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        super().keyPressEvent(event)
        self._say()

    def event(self, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.WindowDeactivate, QEvent.Type.Hide):
            self.setDown(False)
            self.held.emit(False)
        return super().event(event)

    def _say(self) -> None:
        if self.isDown():
            self.held.emit(True)


class Fold(QPushButton):
    """Shows or hides what is below it. It has an arrow in the colour of an act."""

    def __init__(self, words: str, act: Act) -> None:
        super().__init__(words)
        self._act: Act = act
        self.setCheckable(True)
        self.setAutoDefault(False)
        self.setFont(font(14 / 15, _BOLD))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        words = self.fontMetrics().horizontalAdvance(self.text())
        return QSize(words + dp(28), max(dp(28), self.fontMetrics().height()))

    minimumSizeHint = sizeHint  # noqa: N815 - Qt's name

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter, side = painter_of(self), dp(5)
        painter.setPen(QPen(tokens_for(self.palette()).acts[self._act].sign, dp(1.8)))
        painter.drawText(self.rect().adjusted(dp(22), 0, 0, 0), LEFT, self.text())
        painter.translate(dp(10), self.height() / 2)
        painter.rotate(90 if self.isChecked() else 0)
        arrow = (QPointF(-2, -side), QPointF(3, 0), QPointF(-2, side))
        painter.drawPolyline(arrow)


class _WrappingText(_Button):
    """Lays out and paints a button whose text wraps beside its indicator."""

    #: Where the indicator begins, in pixels where body text has 15.
    indicator_at = _RING

    def draw_indicator(self, painter: QPainter, box: QRectF) -> None:
        raise NotImplementedError

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(dp(360), self.heightForWidth(dp(360)))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(dp(110), dp(_LEAST))

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        return max(ceil(_height(self._words(width))) + dp(12), dp(_LEAST))

    @property
    def _text_at(self) -> int:
        return dp(self.indicator_at + _TEXT_AT)

    def _words(self, width: int) -> QTextLayout:
        return wrapped(self.text(), self.font(), width - self._text_at)

    def hitButton(self, pos: QPoint) -> bool:  # noqa: N802 - Qt's name
        return self.rect().contains(pos)

    def focus_area(self) -> QRect:
        """Return where the indicator is, which the focus ring surrounds."""
        side = dp(24)
        return QRect(dp(self.indicator_at), (self.height() - side) // 2, side, side)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter, words = painter_of(self), self._words(self.width())
        self.draw_indicator(painter, QRectF(self.focus_area()))
        painter.setPen(tokens_for(self.palette()).ink)
        top = (self.height() - ceil(_height(words))) / 2
        words.draw(painter, QPointF(self._text_at, top))


class WrappingCheckBox(_WrappingText, QCheckBox):
    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.setFont(font(1.0, _BOLD))
        self.setSizePolicy(wrapping_policy())

    def draw_indicator(self, painter: QPainter, box: QRectF) -> None:
        tokens = tokens_for(self.palette())
        draw_box(painter, box, dp(6), ground=tokens.field, edge=tokens.edge, line=1.5)
        if self.isChecked():
            place = inset(box, dp(3))
            draw_icon(painter, "tick", place, ink=tokens.ink, paper=tokens.field)


class WrappingRadioButton(_WrappingText, QRadioButton):
    """A radio button whose text wraps. Space and the arrow keys choose."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.setAccessibleName(words)
        self.setSizePolicy(wrapping_policy())

    def draw_indicator(self, painter: QPainter, box: QRectF) -> None:
        tokens = tokens_for(self.palette())
        self._draw_circle(painter, box, tokens.edge, tokens.ink)

    def _draw_circle(
        self, painter: QPainter, box: QRectF, edge: QColor, ink: QColor
    ) -> None:
        side, field = box.width(), tokens_for(self.palette()).field
        draw_box(painter, box, side / 2, ground=field, edge=edge, line=1.5)
        if self.isChecked():
            draw_box(painter, square(box, side / 2), side / 4, ground=ink)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        super().keyPressEvent(event)
        # Qt moves only the focus while nothing is chosen.
        there = QApplication.focusWidget()
        if event.key() in _ARROWS and isinstance(there, WrappingRadioButton):
            there.setChecked(True)


class Choice(WrappingRadioButton):
    """A radio button in a frame: a title, and what it means."""

    def __init__(self, title: str, more: str, act: Act) -> None:
        super().__init__(title)
        self._more, self._act = more, act
        #: What is chosen with it.
        self.form = ""
        self.setAccessibleDescription(more)

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        title, more = self._lines(width)
        return ceil(_height(title) + _height(more)) + dp(2 * _AROUND + 2)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(dp(_CHOICE), self.heightForWidth(dp(_CHOICE)))

    def focus_area(self) -> QRect:
        """Return the frame, which the focus ring surrounds."""
        return self.rect()

    def _lines(self, width: int) -> Sequence[QTextLayout]:
        room = width - dp(_CHOICE_TEXT_AT + _AROUND)
        title = wrapped(self.text(), font(1.0, _BOLD), room)
        return title, wrapped(self._more, font(14 / 15), room)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens, on = tokens_for(self.palette()), self.isChecked()
        colours = tokens.acts[self._act]
        edge = colours.sign if on else tokens.edge
        ground = colours.tint if on else tokens.window
        painter, box, line = painter_of(self), QRectF(self.rect()), 2 if on else 1.25
        draw_box(painter, box, dp(8), ground=ground, edge=edge, line=line)
        circle = QRectF(dp(15), dp(_AROUND), dp(20), dp(20))
        self._draw_circle(painter, circle, edge, colours.sign)
        title, more = self._lines(self.width())
        painter.setPen(tokens.ink)
        title.draw(painter, QPointF(dp(_CHOICE_TEXT_AT), dp(_AROUND)))
        painter.setPen(tokens.ink if on else tokens.muted)
        below = dp(_AROUND + 2) + _height(title)
        more.draw(painter, QPointF(dp(_CHOICE_TEXT_AT), below))


_Flush = TypeVar("_Flush", WrappingCheckBox, WrappingRadioButton)


def flush(button: _Flush) -> _Flush:
    """Return a button whose indicator stands at the edge of the column."""
    button.indicator_at = 1
    return button


def explained(box: WrappingCheckBox, words: str) -> QWidget:
    """Return a check box with what it means below its words."""
    box.setAccessibleDescription(words)
    more = muted(words)
    more.setContentsMargins(dp(36), 0, 0, 0)
    return column(flush(box), more)


def _height(layout: QTextLayout) -> float:
    return layout.boundingRect().height()
