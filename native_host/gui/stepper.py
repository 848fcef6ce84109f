# SPDX-License-Identifier: MIT
"""The steps of a task: which are done, which one is current, which follow."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QLabel, QSizePolicy

from native_host.gui.sizes import dp, font, text_width
from native_host.gui.tokens import Act, tokens_for


class Stepper(QLabel):
    """Shows the steps in a row, and reads as one sentence.

    ``spoken`` makes that sentence of the current step's number from 1, the number of
    steps and the step's name ("Step 2 of 3: PIN1").
    """

    def __init__(
        self, names: Sequence[str], act: Act, spoken: Callable[[int, int, str], str]
    ) -> None:
        super().__init__()
        self._names, self._act, self._spoken = names, act, spoken
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.set_current(0)

    @property
    def current(self) -> int:
        """The index of the current step."""
        return self._current

    def set_current(self, index: int) -> None:
        """Make a step the current one. All before it have ticks."""
        self._current = index
        name = self._names[index]
        self.setText(self._spoken(index + 1, len(self._names), name))
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(dp(400), dp(28) + 4)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        circles = len(self._names) * dp(28)
        return QSize(circles + max(map(self._width, range(len(self._names)))), dp(32))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        count = len(self._names)
        shown = [*range(count)]
        if self._total(shown) > self.width():
            shown = [self._current]  # no room for the other names
        line = max((self.width() - self._total(shown)) / max(count - 1, 1), 0)
        left = 0.0
        for index in range(count):
            self._draw_circle(painter, index, QRectF(left + 1, 2, dp(28), dp(28)))
            left += dp(28) + 2
            if index in shown:
                self._draw_name(painter, index, left + dp(8))
                left += self._width(index)
            if index < count - 1:
                self._draw_line(painter, index, left, line + dp(_GAP))
                left += line + dp(_GAP)

    def _font(self, index: int) -> QFont:
        strong = index == self._current
        return font(14 / 15, QFont.Weight.DemiBold if strong else QFont.Weight.Normal)

    def _width(self, index: int) -> int:
        return dp(8) + text_width(self._names[index], self._font(index))

    def _total(self, shown: Sequence[int]) -> int:
        """Return the width in pixels with the names of some steps."""
        count = len(self._names)
        names = sum(self._width(index) for index in shown)
        return names + count * (dp(28) + 2) + (count - 1) * dp(_GAP)

    def _draw_circle(self, painter: QPainter, index: int, place: QRectF) -> None:
        tokens = tokens_for(self.palette())
        colours = tokens.acts[self._act]
        if index == self._current:
            edge, ground, ink = colours.button, colours.button, colours.on_button
        elif index < self._current:
            edge, ground, ink = colours.sign, colours.tint, colours.sign
        else:
            edge, ground, ink = tokens.edge, tokens.window, tokens.muted
        painter.setPen(QPen(edge, dp(1.6)))
        painter.setBrush(ground)
        painter.drawEllipse(place)
        if index < self._current:
            _draw_tick(painter, place, ink)
        else:
            painter.setPen(ink)
            painter.setFont(font(14 / 15, QFont.Weight.DemiBold))
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, str(index + 1))

    def _draw_name(self, painter: QPainter, index: int, left: float) -> None:
        tokens = tokens_for(self.palette())
        painter.setPen(tokens.ink if index == self._current else tokens.muted)
        painter.setFont(self._font(index))
        place = QRectF(left, 0, self._width(index), self.height())
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(place, middle, self._names[index])

    def _draw_line(
        self, painter: QPainter, index: int, left: float, width: float
    ) -> None:
        tokens = tokens_for(self.palette())
        done = index < self._current
        colour = tokens.acts[self._act].sign if done else tokens.divider
        painter.setPen(QPen(colour, dp(1.6)))
        middle = self.height() / 2
        start, end = left + dp(10), left + width - dp(10)
        if end > start:
            painter.drawLine(QPointF(start, middle), QPointF(end, middle))


#: Least gap between two steps.
_GAP = 28


def _draw_tick(painter: QPainter, place: QRectF, ink: QColor) -> None:
    side = place.width()
    painter.setPen(QPen(ink, side / 14))
    tick = ((0.3, 0.52), (0.45, 0.66), (0.71, 0.36))
    painter.drawPolyline([place.topLeft() + QPointF(x, y) * side for x, y in tick])
