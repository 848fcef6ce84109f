# SPDX-License-Identifier: MIT
"""A drawing of the letter that shows where the activation code is.

Painted and not an SVG file, since it shows as many dots as the code has digits.
"""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QLabel, QSizePolicy

from native_host.gui.tokens import mixed, readable
from native_host.pin_prompt.gui.widgets import em, scaled
from native_host.pin_prompt.texts import Texts

#: The lines of writing on the letter: start, height and length.
_WRITING = (
    *((8, 7, 26), (8, 11, 20)),
    *((8, 19, 76), (8, 23, 84), (8, 27, 62)),
    *((8, 59, 84), (8, 64, 70), (8, 69, 78), (8, 74, 34)),
)


class LetterDrawing(QLabel):
    """A schematic letter with a frame around the code.

    The layout of the authority's letter is not published, so nothing is copied.
    """

    def __init__(self, digits: int, colour: QColor, text: Texts) -> None:
        super().__init__()
        self._digits, self._colour = digits, colour
        self._name = text("letter.code")
        self.setAccessibleName(text("letter.drawing"))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(em(self, 9.5), em(self, 7.8))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.save()
        unit = self.width() / 100
        painter.scale(unit, unit)
        paper, ink = QColor("#fdfdf8"), QColor("#5a5f66")
        outside = self.palette().window().color()
        painter.setPen(QPen(readable(ink, outside, 3.0), 1.2))
        painter.setBrush(paper)
        painter.drawRect(QRectF(1, 1, 98, 80))
        painter.setPen(QPen(mixed(paper, ink, 0.45), 1.3))
        for start, top, long in _WRITING:
            painter.drawLine(QPointF(start, top), QPointF(start + long, top))
        colour = readable(self._colour, paper, 4.5)
        painter.setPen(QPen(colour, 1.6))
        painter.setBrush(mixed(paper, colour, 0.1))
        box = QRectF(8, 34, 84, 18)
        painter.drawRoundedRect(box, 3, 3)
        side, gap = 4.6, 7.5
        left = box.center().x() - gap * (self._digits - 1) / 2 - side / 2
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        for digit in range(self._digits):
            painter.drawEllipse(QRectF(left + gap * digit, 44.5, side, side))
        painter.restore()
        painter.setPen(colour)
        painter.setFont(scaled(self, 0.66, bold=True))
        where = QRectF(0, 35.5 * unit, self.width(), 8 * unit)
        painter.drawText(where, Qt.AlignmentFlag.AlignCenter, self._name)
