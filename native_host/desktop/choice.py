# SPDX-License-Identifier: MIT
"""One choice of several in a frame, and things that stand beside each other."""

from collections.abc import Sequence
from math import ceil
from typing import TypeVar

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPaintEvent, QPen, QResizeEvent, QTextLayout
from PySide6.QtWidgets import QBoxLayout, QVBoxLayout, QWidget

from native_host.desktop.parts import muted
from native_host.gui.labels import wrapped
from native_host.gui.sizes import dp, font
from native_host.gui.tokens import Act, tokens_for
from native_host.gui.wrapping_buttons import WrappingCheckBox, WrappingRadioButton

_Button = TypeVar("_Button", WrappingCheckBox, WrappingRadioButton)

#: Where the words begin, and what is around them, in pixels where body text has 15.
_TEXT_AT, _AROUND = 46, 12
#: The least width of one of several things beside each other, likewise.
_LEAST = 250


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
        return QSize(dp(_LEAST), self.heightForWidth(dp(_LEAST)))

    def focus_area(self) -> QRect:
        """Return the frame, which the focus ring surrounds."""
        return self.rect()

    def _lines(self, width: int) -> tuple[QTextLayout, QTextLayout]:
        room = width - dp(_TEXT_AT + _AROUND)
        bold = font(1.0, QFont.Weight.DemiBold)
        return wrapped(self.text(), bold, room), wrapped(
            self._more, font(14 / 15), room
        )

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        colours = tokens.acts[self._act]
        on = self.isChecked()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = max(dp(2 if on else 1.25), 1)
        painter.setPen(QPen(colours.sign if on else tokens.edge, line))
        painter.setBrush(colours.tint if on else tokens.window)
        half = line / 2
        box = QRectF(self.rect()).adjusted(half, half, -half, -half)
        painter.drawRoundedRect(box, dp(8), dp(8))
        circle = QRectF(dp(15), dp(_AROUND), dp(20), dp(20))
        painter.setPen(QPen(colours.sign if on else tokens.edge, dp(1.5)))
        painter.setBrush(tokens.field)
        painter.drawEllipse(circle)
        if on:
            inner = circle.width() / 4
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colours.sign)
            painter.drawEllipse(circle.adjusted(inner, inner, -inner, -inner))
        title, more = self._lines(self.width())
        painter.setPen(tokens.ink)
        title.draw(painter, QPointF(dp(_TEXT_AT), dp(_AROUND)))
        painter.setPen(tokens.ink if on else tokens.muted)
        below = dp(_AROUND + 2) + _height(title)
        more.draw(painter, QPointF(dp(_TEXT_AT), below))


class Beside(QWidget):
    """Things of equal width beside each other; without room, below each other."""

    def __init__(self, things: Sequence[QWidget], least: float = _LEAST) -> None:
        super().__init__()
        self._least = least
        self._parts = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._parts.setContentsMargins(0, 0, 0, 0)
        self._parts.setSpacing(dp(14))
        for each in things:
            self._parts.addWidget(each, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        wanted = self._parts.count() * dp(self._least)
        row, column = (
            QBoxLayout.Direction.LeftToRight,
            QBoxLayout.Direction.TopToBottom,
        )
        self._parts.setDirection(row if wanted <= self.width() else column)
        super().resizeEvent(event)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(dp(110), super().minimumSizeHint().height())


def explained(box: WrappingCheckBox, words: str) -> QWidget:
    """Return a check box with what it means below its words."""
    box.setAccessibleDescription(words)
    part = QWidget()
    rows = QVBoxLayout(part)
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setSpacing(0)
    rows.addWidget(flush(box))
    more = muted(words)
    more.setContentsMargins(dp(36), 0, 0, 0)
    rows.addWidget(more)
    return part


def flush(button: _Button) -> _Button:
    """Return a button whose indicator stands at the edge of the column."""
    button.indicator_at = 1
    return button


def _height(layout: QTextLayout) -> float:
    return layout.boundingRect().height()
