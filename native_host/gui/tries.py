# SPDX-License-Identifier: MIT
"""The tries of a PIN that are left."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QLabel

from native_host.gui.sizes import dp, font, text_width
from native_host.gui.tokens import tokens_for

#: Tries of a PIN that is not wrong.
_TRIES = 5


class TriesLabel(QLabel):
    """The tries that are left, as pips over the words. A hollow pip is a used try."""

    def __init__(self, tries: int, words: str) -> None:
        super().__init__(words)
        self._tries = tries
        self.setTextFormat(Qt.TextFormat.PlainText)
        weight = QFont.Weight.DemiBold if tries <= 1 else QFont.Weight.Normal
        self.setFont(font(14 / 15, weight))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        words = text_width(self.text(), self.font())
        return QSize(max(words, dp(_TRIES * 16)), dp(18) + self.fontMetrics().height())

    minimumSizeHint = sizeHint  # noqa: N815 - Qt's name

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        colour = tokens.good if self._tries > 2 else tokens.warning
        spent = tokens.error if self._tries == 0 else tokens.warning
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        side, line = dp(10), dp(1.5)
        top = (self.height() - self.sizeHint().height()) / 2
        for index in range(max(_TRIES, self._tries)):
            left = index * dp(16)
            pip = QRectF(left + line / 2, top + line / 2, side - line, side - line)
            full = index < self._tries
            painter.setPen(QPen(colour if full else tokens.edge, line))
            painter.setBrush(colour if full else Qt.BrushStyle.NoBrush)
            painter.drawEllipse(pip)
        painter.setPen(spent if self._tries <= 1 else tokens.muted)
        words = QRectF(0, top + dp(18), self.width(), self.fontMetrics().height())
        painter.drawText(words, Qt.AlignmentFlag.AlignLeft, self.text())
