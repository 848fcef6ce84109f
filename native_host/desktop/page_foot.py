# SPDX-License-Identifier: MIT
"""The foot of a page: a note and buttons; and buttons in a line."""

from collections.abc import Sequence

from PySide6.QtCore import QSize
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QPushButton, QWidget

from native_host.desktop.parts import muted
from native_host.gui.sizes import dp
from native_host.gui.tokens import tokens_for

#: The least width of the note beside the buttons, in pixels where body text has 15.
_NOTE = 200
_ROW, _COLUMN = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom


class PageFoot(QWidget):
    """Stays in sight while the page scrolls, unless it would take much of the room.

    Where room is short, the note stands above the buttons, and the buttons above each
    other. The last one is the primary one.
    """

    def __init__(self, note: str, buttons: Sequence[QPushButton]) -> None:
        super().__init__()
        self._fixed = True
        self._parts = QBoxLayout(_ROW, self)
        self._parts.setSpacing(dp(12))
        self._note = muted(note)
        self._parts.addWidget(self._note, 1)
        self._buttons = QBoxLayout(_ROW)
        self._buttons.setSpacing(dp(12))
        self._all = buttons
        for each in buttons:
            self._buttons.addWidget(each)
        self._parts.addLayout(self._buttons)
        self.set_fixed(True)

    def set_fixed(self, fixed: bool) -> None:
        """Stand below what scrolls, or at the end of it."""
        self._fixed = fixed
        side, gap = (dp(32), dp(14)) if fixed else (0, 0)
        self._parts.setContentsMargins(side, gap, side, gap)

    def height_at(self, width: int) -> int:
        """Return the wanted height in pixels at a width."""
        self._arrange(width)
        return self._parts.totalHeightForWidth(width)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        self._arrange(self.width())
        super().resizeEvent(event)

    def _arrange(self, width: int) -> None:
        room = width - 2 * self._parts.contentsMargins().left()
        #: The width of the buttons beside each other. Their words may change.
        wide = sum(each.sizeHint().width() + dp(12) for each in self._all)
        beside = wide + dp(_NOTE + 12) <= room
        self._parts.setDirection(_ROW if beside else _COLUMN)
        self._buttons.setDirection(_ROW if wide <= room else _COLUMN)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        if self._fixed:
            line = max(dp(1), 1)
            left = dp(32)
            divider = tokens_for(self.palette()).divider
            painter = QPainter(self)
            painter.fillRect(left, 0, self.width() - 2 * left, line, divider)


class ButtonLine(QWidget):
    """Buttons beside each other at the left; without room, below each other."""

    def __init__(self, buttons: Sequence[QPushButton]) -> None:
        super().__init__()
        self._wide = sum(each.sizeHint().width() + dp(12) for each in buttons)
        self._parts = QBoxLayout(_ROW, self)
        self._parts.setContentsMargins(0, dp(6), 0, dp(2))
        self._parts.setSpacing(dp(12))
        for each in buttons:
            self._parts.addWidget(each)
        self._parts.addStretch(1)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        self._parts.setDirection(_ROW if self._wide <= self.width() else _COLUMN)
        super().resizeEvent(event)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(dp(_NOTE), super().minimumSizeHint().height())
