# SPDX-License-Identifier: MIT
"""Drawings of a file with its type, and of a card, which show nobody and no emblem.

The words beside a drawing say the same.
"""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QWidget

from native_host.gui.icons import draw_icon, painter_of
from native_host.gui.sizes import dp, font
from native_host.gui.tokens import mixed, readable, tokens_for

#: The tags on the drawing of a file, and their colours.
_TAGS = {"PDF": "#b3261e", "PNG": "#2f5f9e", "JPEG": "#2f5f9e", "TXT": "#4b5868"}
#: The size of such a drawing, and the height of a card of width 1.
_FILE, _CARD = (34, 42), 133 / 210


def draw_file(painter: QPainter, left: float, height: int, tag: str) -> None:
    """Draw a file in the middle of a height, and its tag. Others than known have none.

    ``left`` and ``height`` are in pixels.
    """
    tokens = tokens_for(_palette(painter))
    high = dp(_FILE[1])
    place = QRectF(left, (height - high) / 2, dp(_FILE[0]), high)
    draw_icon(painter, "file", place, ink=tokens.edge, paper=tokens.field)
    if tag not in _TAGS:
        return
    ground = tokens.ink if tokens.plain else QColor(_TAGS[tag])
    side = place.adjusted(dp(4), dp(20), -dp(4), -dp(8))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ground)
    painter.drawRoundedRect(side, dp(3), dp(3))
    painter.setFont(font(9 / 15, QFont.Weight.Bold))
    painter.setPen(readable(QColor("white"), ground))
    painter.drawText(side, Qt.AlignmentFlag.AlignCenter, tag)


def draw_card(painter: QPainter, place: QRectF) -> None:
    tokens = tokens_for(_palette(painter))
    face = tokens.window if tokens.plain else mixed(tokens.panel, tokens.edge, 0.15)
    ink = tokens.ink if tokens.plain else mixed(tokens.edge, tokens.window, 0.1)
    draw_icon(painter, "holders-card", place, ink=ink, paper=face)


def _palette(painter: QPainter) -> QPalette:
    """Return the palette of the widget that is painted."""
    device = painter.device()
    return device.palette() if isinstance(device, QWidget) else QPalette()


class FileSign(QWidget):
    """The drawing of a file in a row."""

    def __init__(self, tag: str) -> None:
        super().__init__()
        self._tag = tag
        self.setFixedSize(dp(_FILE[0]), dp(_FILE[1]))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        draw_file(painter_of(self), 0, self.height(), self._tag)


class CardDrawing(QWidget):
    """The drawing of a card. ``width`` is in pixels where body text has 15."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.setFixedSize(dp(width), dp(width * _CARD))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        draw_card(painter_of(self), QRectF(self.rect()))
