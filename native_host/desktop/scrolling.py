# SPDX-License-Identifier: MIT
"""What scrolls in a page, with a plain scroll bar."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QScrollArea,
    QScrollBar,
    QStyle,
    QStyleOptionSlider,
    QWidget,
)

from native_host.gui.sizes import dp
from native_host.gui.tokens import tokens_for


class ScrolledSheet(QScrollArea):
    """Scrolls a sheet up and down, never sideways."""

    def __init__(self, sheet: QWidget) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setVerticalScrollBar(PlainScrollBar())
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(sheet)


class Sheet(QWidget):
    """It is as high as its text needs at the width that is there."""

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        least = super().minimumSizeHint()
        view = self.parentWidget()
        if view is None:
            return least
        return QSize(least.width(), self.heightForWidth(view.width()))


class PlainScrollBar(QScrollBar):
    """A handle without a groove. The style's mouse and keyboard stay."""

    def __init__(self) -> None:
        super().__init__()
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent, False)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        handle = self.style().subControlRect(
            QStyle.ComplexControl.CC_ScrollBar,
            option,
            QStyle.SubControl.SC_ScrollBarSlider,
            self,
        )
        tokens = tokens_for(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens.ink if self.isSliderDown() else tokens.edge)
        inset = max((handle.width() - dp(7)) / 2, 0)
        bar = QRectF(handle).adjusted(inset, dp(2), -inset, -dp(2))
        painter.drawRoundedRect(bar, bar.width() / 2, bar.width() / 2)
