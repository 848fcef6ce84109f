# SPDX-License-Identifier: MIT
"""A button that shows or hides what is below it."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QPushButton

from native_host.gui.sizes import dp, font
from native_host.gui.tokens import Act, tokens_for


class Fold(QPushButton):
    """A checkable button with an arrow, in the colour of an act."""

    def __init__(self, words: str, act: Act) -> None:
        super().__init__(words)
        self._act: Act = act
        self.setCheckable(True)
        self.setAutoDefault(False)
        self.setFont(font(14 / 15, QFont.Weight.DemiBold))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        words = self.fontMetrics().horizontalAdvance(self.text())
        return QSize(words + dp(28), max(dp(28), self.fontMetrics().height()))

    minimumSizeHint = sizeHint  # noqa: N815 - Qt's name

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        colour = tokens_for(self.palette()).acts[self._act].sign
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colour, dp(1.8)))
        side = dp(5)
        middle = QRectF(dp(10), self.height() / 2, 0, 0).topLeft()
        painter.save()
        painter.translate(middle)
        painter.rotate(90 if self.isChecked() else 0)
        painter.drawPolyline(
            [QRectF(x, y, 0, 0).topLeft() for x, y in ((-2, -side), (3, 0), (-2, side))]
        )
        painter.restore()
        words = self.rect().adjusted(dp(22), 0, 0, 0)
        middle_left = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(words, middle_left, self.text())
