# SPDX-License-Identifier: MIT
"""The band on top of a window: what the window is for, in the colour of the act."""

from PySide6.QtCore import QEvent, QRectF, Qt
from PySide6.QtGui import (
    QFont,
    QPainter,
    QPaintEvent,
    QPalette,
    QResizeEvent,
)
from PySide6.QtWidgets import QHBoxLayout, QWidget

from native_host.gui.icons import draw_icon
from native_host.gui.labels import Heading
from native_host.gui.sizes import dp, font, text_width
from native_host.gui.tokens import Act, tokens_for

_NAME = "Kortilla"


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
        colours = tokens.acts[self._act]
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), colours.band)
        if tokens.plain:
            line = dp(3)
            painter.fillRect(
                0, self.height() - line, self.width(), line, colours.on_band
            )
        top = (self.height() - self._tile) / 2
        tile = QRectF(dp(24), top, self._tile, self._tile)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colours.on_band)
        painter.drawRoundedRect(tile, dp(8), dp(8))
        inset = dp(6)
        place = tile.adjusted(inset, inset, -inset, -inset)
        draw_icon(painter, self._icon, place, ink=colours.band, paper=colours.on_band)
        self._draw_mark(painter)

    def _draw_mark(self, painter: QPainter) -> None:
        colours = tokens_for(self.palette()).acts[self._act]
        right = self.width() - dp(24)
        if self._named:
            name = text_width(_NAME, self._name_font())
            right -= name
            painter.setFont(self._name_font())
            painter.setPen(colours.on_band)
            middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
            painter.drawText(QRectF(right, 0, name, self.height()), middle, _NAME)
            right -= dp(6)
        if self._mark:
            side = dp(20)
            place = QRectF(right - side, (self.height() - side) / 2, side, side)
            draw_icon(painter, "mark", place, ink=colours.on_band, paper=colours.band)

    @staticmethod
    def _name_font() -> QFont:
        return font(14 / 15, QFont.Weight.DemiBold)
