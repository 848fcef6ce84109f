# SPDX-License-Identifier: MIT
"""A picture of what to do with the card, for those who read pictures first."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from native_host.pin_prompt.gui.operation_style import readable
from native_host.pin_prompt.gui.widgets import em
from native_host.pin_prompt.model import Step

__all__ = ["StepPicture"]

_WITH_CARD = (
    Step.WAITING_FOR_CARD,
    Step.READING,
    Step.SIGNING,
    Step.PIN_PAD,
    Step.READY,
)


class StepPicture(QWidget):
    """A reader, and for some steps a card that goes into it; a tick when all is done.

    Says nothing by itself.
    """

    def __init__(self, step: Step, colour: QColor) -> None:
        super().__init__()
        self._step, self._colour = step, colour
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(em(self, 6), em(self, 5))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.scale(self.width() / 120, self.height() / 100)
        ink = self.palette().windowText().color()
        colour = readable(self._colour, self.palette().window().color(), 3.0)
        if self._step is Step.DONE:
            self._draw_tick(painter, colour)
            return
        if self._step in _WITH_CARD:
            outside = self._step is Step.WAITING_FOR_CARD
            top = 0 if self._step is Step.PIN_PAD else 4 if outside else 22
            self._draw_card(painter, top, colour)
            if outside:
                self._draw_arrow(painter, ink)
        self._draw_reader(painter, ink)

    def _draw_card(self, painter: QPainter, top: float, colour: QColor) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawRoundedRect(QRectF(38, top, 44, 62), 5, 5)
        painter.setBrush(QColor("#e8c14a"))
        painter.drawRoundedRect(QRectF(52, top + 40, 16, 14), 3, 3)

    def _draw_tick(self, painter: QPainter, colour: QColor) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawEllipse(QPointF(60, 50), 38, 38)
        painter.setPen(QPen(readable(QColor("white"), colour), 9))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        tick = ((42, 52), (55, 65), (79, 36))
        painter.drawPolyline([QPointF(x, y) for x, y in tick])

    def _draw_arrow(self, painter: QPainter, ink: QColor) -> None:
        painter.setPen(QPen(ink, 3, c=Qt.PenCapStyle.RoundCap))
        painter.drawLine(QPointF(98, 18), QPointF(98, 52))
        painter.drawLine(QPointF(90, 44), QPointF(98, 53))
        painter.drawLine(QPointF(106, 44), QPointF(98, 53))

    def _draw_keys(self, painter: QPainter, ink: QColor) -> None:
        painter.setPen(QPen(ink, 3))
        painter.setBrush(self.palette().window())
        painter.drawRoundedRect(QRectF(24, 40, 72, 56), 6, 6)
        painter.drawLine(QPointF(32, 47), QPointF(88, 47))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink)
        for row in range(4):
            for column in range(3):
                key = QRectF(36 + 18 * column, 53 + 10 * row, 12, 6.5)
                painter.drawRoundedRect(key, 2, 2)

    def _draw_reader(self, painter: QPainter, ink: QColor) -> None:
        if self._step is Step.PIN_PAD:
            self._draw_keys(painter, ink)
            return
        painter.setPen(QPen(ink, 3))
        painter.setBrush(self.palette().window())
        painter.drawRoundedRect(QRectF(24, 68, 72, 26), 6, 6)
        painter.drawLine(QPointF(32, 76), QPointF(88, 76))
        if self._step is Step.WAITING_FOR_READER:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            cable = QPainterPath(QPointF(60, 68))
            cable.cubicTo(QPointF(60, 40), QPointF(92, 60), QPointF(92, 34))
            painter.drawPath(cable)
            painter.setBrush(ink)
            painter.drawRect(QRectF(85, 20, 14, 14))
            painter.drawRect(QRectF(88, 10, 8, 10))
