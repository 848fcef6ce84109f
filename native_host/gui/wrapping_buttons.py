# SPDX-License-Identifier: MIT
"""Check boxes and radio buttons with wrapping text and large indicators."""

from math import ceil
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QKeyEvent, QPainter, QPaintEvent, QPen, QTextLayout
from PySide6.QtWidgets import QAbstractButton, QApplication, QCheckBox, QRadioButton

from native_host.gui.icons import draw_icon
from native_host.gui.labels import wrapped, wrapping_policy
from native_host.gui.sizes import dp, font
from native_host.gui.tokens import tokens_for

#: Room for the focus ring before the indicator, where the text begins after it, and the
#: least height, in pixels where body text has 15.
_RING, _TEXT_AT, _LEAST = 6, 36, 44
_ARROWS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Left, Qt.Key.Key_Right)

if TYPE_CHECKING:
    _Button = QAbstractButton
else:
    _Button = object  # Qt's class comes after the mixin


class _WrappingText(_Button):
    """Lays out and paints a button whose text wraps beside its indicator."""

    #: Where the indicator begins, in pixels where body text has 15.
    indicator_at = _RING

    def draw_indicator(self, painter: QPainter, box: QRectF) -> None:
        """Draw the indicator into a square."""
        raise NotImplementedError

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(dp(360), self.heightForWidth(dp(360)))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(dp(110), dp(_LEAST))

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        return max(self._height_of_words(width) + dp(12), dp(_LEAST))

    @property
    def _text_at(self) -> int:
        return dp(self.indicator_at + _TEXT_AT)

    def _words(self, width: int) -> QTextLayout:
        return wrapped(self.text(), self.font(), width - self._text_at)

    def _height_of_words(self, width: int) -> int:
        return ceil(self._words(width).boundingRect().height())

    def hitButton(self, pos: QPoint) -> bool:  # noqa: N802 - Qt's name
        return self.rect().contains(pos)

    def focus_area(self) -> QRect:
        """Return where the indicator is, which the focus ring surrounds."""
        side = dp(24)
        return QRect(dp(self.indicator_at), (self.height() - side) // 2, side, side)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(tokens.field)
        painter.setPen(QPen(tokens.edge, dp(1.5)))
        self.draw_indicator(painter, QRectF(self.focus_area()))
        painter.setPen(tokens.ink)
        top = (self.height() - self._height_of_words(self.width())) / 2
        self._words(self.width()).draw(painter, QPointF(self._text_at, top))


class WrappingCheckBox(_WrappingText, QCheckBox):
    """A check box whose text wraps."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.setFont(font(1.0, QFont.Weight.DemiBold))
        self.setSizePolicy(wrapping_policy())

    def draw_indicator(self, painter: QPainter, box: QRectF) -> None:
        painter.drawRoundedRect(box, dp(6), dp(6))
        if self.isChecked():
            tokens = tokens_for(self.palette())
            inset = dp(3)
            place = box.adjusted(inset, inset, -inset, -inset)
            draw_icon(painter, "tick", place, ink=tokens.ink, paper=tokens.field)


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
            painter.setBrush(tokens_for(self.palette()).ink)
            painter.drawEllipse(box.adjusted(inner, inner, -inner, -inner))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        super().keyPressEvent(event)
        # Qt moves only the focus while nothing is chosen.
        there = QApplication.focusWidget()
        if event.key() in _ARROWS and isinstance(there, WrappingRadioButton):
            there.setChecked(True)
