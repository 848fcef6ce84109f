# SPDX-License-Identifier: MIT
"""Check boxes and radio buttons with wrapping text and large indicators."""

from collections.abc import Callable

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


class WrappingCheckBox(QCheckBox):
    """A check box whose text wraps, and whose indicator is as large as the text."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.setFont(scaled(self, 1.0, bold=True))
        self.setSizePolicy(wrapping_policy())

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(em(self, 20), self.heightForWidth(em(self, 20)))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(em(self, 6), em(self, 1.5))

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        return _height(self, width)

    def hitButton(self, pos: QPoint) -> bool:  # noqa: N802 - Qt's name
        return self.rect().contains(pos)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        _paint(self, _draw_box)


class WrappingRadioButton(QRadioButton):
    """A radio button whose text wraps. Space and the arrow keys choose."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.setAccessibleName(words)
        self.setSizePolicy(wrapping_policy())

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(em(self, 20), self.heightForWidth(em(self, 20)))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(em(self, 6), em(self, 1.5))

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        return _height(self, width)

    def hitButton(self, pos: QPoint) -> bool:  # noqa: N802 - Qt's name
        return self.rect().contains(pos)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        _paint(self, _draw_circle)


def _height(button: QAbstractButton, width: int) -> int:
    room = QRect(0, 0, width - em(button, 2.0), 0)
    words = button.fontMetrics().boundingRect(room, _WRAPPED, button.text())
    return max(words.height() + em(button, 0.6), em(button, 1.5))


def _paint(
    button: QAbstractButton,
    draw_sign: Callable[[QPainter, QAbstractButton, QRectF], None],
) -> None:
    ink = button.palette().windowText().color()
    painter = QPainter(button)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    side = em(button, 1.1)
    box = QRectF(em(button, 0.3), (button.height() - side) / 2, side, side)
    painter.setBrush(button.palette().base())
    painter.setPen(QPen(ink, 1.5))
    draw_sign(painter, button, box)
    painter.setPen(ink)
    words = button.rect().adjusted(em(button, 2.0), 0, 0, 0)
    painter.drawText(words, _WRAPPED, button.text())
    if button.hasFocus():
        draw_focus(painter, button)


def _draw_box(painter: QPainter, button: QAbstractButton, box: QRectF) -> None:
    painter.drawRoundedRect(box, 3, 3)
    side = box.width()
    painter.setPen(QPen(button.palette().text().color(), side / 7))
    if button.isChecked():
        painter.drawPolyline(
            [
                box.topLeft() + QPointF(side * x, side * y)
                for x, y in ((0.2, 0.55), (0.42, 0.77), (0.8, 0.25))
            ]
        )


def _draw_circle(painter: QPainter, button: QAbstractButton, box: QRectF) -> None:
    painter.drawEllipse(box)
    if button.isChecked():
        inner = box.width() / 4
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(button.palette().text())
        painter.drawEllipse(box.adjusted(inner, inner, -inner, -inner))
