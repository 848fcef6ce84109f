# SPDX-License-Identifier: MIT
"""The frame of the PIN window: a band above, the steps of a task, a foot below."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPaintEvent, QPalette, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from native_host.gui.icons import draw_box, draw_icon, inset, painter_of
from native_host.gui.labels import LEFT, Heading, muted
from native_host.gui.panels import turn
from native_host.gui.sizes import dp, font, text_width
from native_host.gui.tokens import Act, tokens_for

_NAME = "Kortilla"
#: Least gap between two steps, in pixels where body text has 15.
_GAP = 28
#: A tick, in parts of the circle around it.
_TICK = ((0.3, 0.52), (0.45, 0.66), (0.71, 0.36))


class HeadingBand(QWidget):
    """An icon, a heading, and the program's mark and name.

    Where room is short, the name goes first and then the mark. ``low`` makes the band
    as low as its text allows.
    """

    def __init__(self, act: Act, icon: str, text: str, *, low: bool) -> None:
        super().__init__()
        self._act, self._icon = act, icon
        self._tile, side = dp(32), dp(24)
        self._row = layout = QHBoxLayout(self)
        gap = dp(4 if low else 12)
        layout.setContentsMargins(side + self._tile + dp(14), gap, side, gap)
        self.heading = Heading(text, 19 / 15)
        self.heading.setForegroundRole(QPalette.ColorRole.BrightText)
        layout.addWidget(self.heading)
        self.setMinimumHeight(self._tile + 2 * gap)
        self._follow_palette()

    def _follow_palette(self) -> None:
        palette = self.heading.palette()
        colours = tokens_for(self.palette()).acts[self._act]
        palette.setColor(QPalette.ColorRole.BrightText, colours.on_band)
        self.heading.setPalette(palette)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self._follow_palette()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        margins = self._row.contentsMargins()
        left = margins.left()
        heading = text_width(self.heading.text(), self.heading.font())
        self._mark = self.width() - left - heading >= dp(24 + 16 + 24)
        name = text_width(_NAME, self._name_font())
        self._named = self.width() - left - heading >= dp(24 + 6 + 16 + 24) + name
        side = dp(24) + (dp(24 + 10) if self._mark else 0)
        margins.setRight(side + (dp(6) + name if self._named else 0))
        self._row.setContentsMargins(margins)
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        band, ink = tokens.acts[self._act].band, tokens.acts[self._act].on_band
        painter = painter_of(self)
        painter.fillRect(self.rect(), band)
        if tokens.plain:
            painter.fillRect(0, self.height() - dp(3), self.width(), dp(3), ink)
        top = (self.height() - self._tile) / 2
        tile = QRectF(dp(24), top, self._tile, self._tile)
        draw_box(painter, tile, dp(8), ground=ink)
        draw_icon(painter, self._icon, inset(tile, dp(6)), ink=band, paper=ink)
        right = self.width() - dp(24)
        if self._named:
            name = text_width(_NAME, self._name_font())
            right -= name
            painter.setFont(self._name_font())
            painter.setPen(ink)
            painter.drawText(QRectF(right, 0, name, self.height()), LEFT, _NAME)
            right -= dp(6)
        if self._mark:
            side = dp(20)
            place = QRectF(right - side, (self.height() - side) / 2, side, side)
            draw_icon(painter, "mark", place, ink=ink, paper=band)

    @staticmethod
    def _name_font() -> QFont:
        return font(14 / 15, QFont.Weight.DemiBold)


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
        painter = painter_of(self)
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
                start, left = left + dp(10), left + line + dp(_GAP)
                self._draw_line(painter, index, start, left - dp(10))

    def _font(self, index: int) -> QFont:
        strong = index == self._current
        return font(14 / 15, QFont.Weight.DemiBold if strong else QFont.Weight.Normal)

    def _width(self, index: int) -> int:
        return dp(8) + text_width(self._names[index], self._font(index))

    def _total(self, shown: Sequence[int]) -> int:
        count = len(self._names)
        names = sum(self._width(index) for index in shown)
        return names + count * (dp(28) + 2) + (count - 1) * dp(_GAP)

    def _draw_circle(self, painter: QPainter, index: int, place: QRectF) -> None:
        tokens = tokens_for(self.palette())
        colours, side = tokens.acts[self._act], place.width()
        edge, ground, ink = tokens.edge, tokens.window, tokens.muted
        if index == self._current:
            edge, ground, ink = colours.button, colours.button, colours.on_button
        elif index < self._current:
            edge, ground, ink = colours.sign, colours.tint, colours.sign
        draw_box(painter, place, side / 2, ground=ground, edge=edge, line=1.6)
        if index < self._current:
            painter.setPen(QPen(ink, side / 14))
            corner = place.topLeft()
            painter.drawPolyline([corner + QPointF(x, y) * side for x, y in _TICK])
        else:
            painter.setPen(ink)
            painter.setFont(font(14 / 15, QFont.Weight.DemiBold))
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, str(index + 1))

    def _draw_name(self, painter: QPainter, index: int, left: float) -> None:
        tokens = tokens_for(self.palette())
        painter.setPen(tokens.ink if index == self._current else tokens.muted)
        painter.setFont(self._font(index))
        place = QRectF(left, 0, self._width(index), self.height())
        painter.drawText(place, LEFT, self._names[index])

    def _draw_line(
        self, painter: QPainter, index: int, left: float, end: float
    ) -> None:
        tokens = tokens_for(self.palette())
        done = index < self._current
        colour = tokens.acts[self._act].sign if done else tokens.divider
        painter.setPen(QPen(colour, dp(1.6)))
        middle = self.height() / 2
        if end > left:
            painter.drawLine(QPointF(left, middle), QPointF(end, middle))


class Foot(QWidget):
    """A note at the left and buttons at the right. ``low`` leaves little space."""

    def __init__(self, *, low: bool) -> None:
        super().__init__()
        self._low = low
        self._gap = dp(8 if low else 16)
        self._parts = QHBoxLayout(self)
        self._parts.setContentsMargins(dp(24), self._gap, dp(24), self._gap)
        self._parts.setSpacing(dp(8 if low else 12))
        self._note = muted("")
        self._note.setContentsMargins(dp(25), 0, 0, 0)
        self._parts.addWidget(self._note, 1)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(dp(12))
        self._buttons.addStretch()
        self._parts.addLayout(self._buttons)

    def set_note(self, words: str) -> None:
        self._note.setText(words)

    def add(self, button: QPushButton) -> None:
        self._buttons.addWidget(button)
        button.show()

    def remove(self, button: QPushButton) -> None:
        """Remove a button for good. It stays, hidden: see ``PageScrollArea``."""
        self._buttons.removeWidget(button)
        button.hide()

    def height_at(self, width: int) -> int:
        self._arrange(width)
        return self._parts.totalHeightForWidth(width)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        self._arrange(self.width())
        super().resizeEvent(event)

    def _arrange(self, width: int) -> None:
        """Put the note above the buttons where they leave it too little room."""
        buttons = self._buttons.minimumSize() if self._low else self._buttons.sizeHint()
        left = width - buttons.width() - dp(2 * 24 + 12)
        two_lines = 2 * self._note.fontMetrics().lineSpacing()
        fits = left >= self._note.minimumSizeHint().width() and (
            self._low or self._note.heightForWidth(left) <= two_lines
        )
        turn(self._parts, fits)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        painter = painter_of(self)
        painter.fillRect(self.rect(), tokens.foot)
        painter.fillRect(0, 0, self.width(), max(dp(1), 1), tokens.divider)
        side = dp(17)
        middle = self._note.geometry().center().y()
        place = QRectF(dp(24), middle - side / 2, side, side)
        draw_icon(painter, "info", place, ink=tokens.muted, paper=tokens.foot)
