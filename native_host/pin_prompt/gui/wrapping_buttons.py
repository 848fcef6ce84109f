# SPDX-License-Identifier: MIT
"""Check boxes and radio buttons with wrapping text and large indicators."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QCheckBox, QRadioButton

from native_host.pin_prompt.gui.widgets import draw_focus, em, scaled, wrapping_policy

__all__ = ["WrappingCheckBox", "WrappingRadioButton"]

_WRAPPED = (
    Qt.AlignmentFlag.AlignLeft
    | Qt.AlignmentFlag.AlignVCenter
    | Qt.TextFlag.TextWordWrap
)


if TYPE_CHECKING:
    _Button = QAbstractButton
else:
    _Button = object  # Qt's class comes after the mixin


class _WrappingText(_Button):
    """Lays out and paints a button whose text wraps beside its indicator."""

    def draw_indicator(self, painter: QPainter, box: QRectF) -> None:
        """Draw the indicator into a square."""
        raise NotImplementedError

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(em(self, 20), self.heightForWidth(em(self, 20)))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(em(self, 6), em(self, 1.5))

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        room = QRect(0, 0, width - em(self, 2.0), 0)
        words = self.fontMetrics().boundingRect(room, _WRAPPED, self.text())
        return max(words.height() + em(self, 0.6), em(self, 1.5))

    def hitButton(self, pos: QPoint) -> bool:  # noqa: N802 - Qt's name
        return self.rect().contains(pos)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        ink = self.palette().windowText().color()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        side = em(self, 1.1)
        painter.setBrush(self.palette().base())
        painter.setPen(QPen(ink, 1.5))
        top = (self.height() - side) / 2
        self.draw_indicator(painter, QRectF(em(self, 0.3), top, side, side))
        painter.setPen(ink)
        words = self.rect().adjusted(em(self, 2.0), 0, 0, 0)
        painter.drawText(words, _WRAPPED, self.text())
        if self.hasFocus():
            draw_focus(painter, self)


class WrappingCheckBox(_WrappingText, QCheckBox):
    """A check box whose text wraps, and whose indicator is as large as the text."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.setFont(scaled(self, 1.0, bold=True))
        self.setSizePolicy(wrapping_policy())

    def draw_indicator(self, painter: QPainter, box: QRectF) -> None:
        painter.drawRoundedRect(box, 3, 3)
        side = box.width()
        painter.setPen(QPen(self.palette().text().color(), side / 7))
        if self.isChecked():
            painter.drawPolyline(
                [
                    box.topLeft() + QPointF(side * x, side * y)
                    for x, y in ((0.2, 0.55), (0.42, 0.77), (0.8, 0.25))
                ]
            )


class WrappingRadioButton(_WrappingText, QRadioButton):
    """A radio button whose text wraps. Space and the arrow keys choose."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.setAccessibleName(words)
        self.setSizePolicy(wrapping_policy())

    def draw_indicator(self, painter: QPainter, box: QRectF) -> None:
        painter.drawEllipse(box)
        if self.isChecked():
            inner = box.width() / 4
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self.palette().text())
            painter.drawEllipse(box.adjusted(inner, inner, -inner, -inner))
