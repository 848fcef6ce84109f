# SPDX-License-Identifier: MIT
"""The foot of a window: that the program is nobody's office, and the buttons."""

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QPushButton, QWidget

from native_host.gui.icons import draw_icon
from native_host.gui.labels import label, make_muted
from native_host.gui.sizes import dp
from native_host.gui.tokens import tokens_for


class Foot(QWidget):
    """A note at the left and buttons at the right. ``low`` leaves little space."""

    def __init__(self, *, low: bool) -> None:
        super().__init__()
        self._low = low
        self._gap = dp(8 if low else 16)
        self._parts = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._parts.setContentsMargins(dp(24), self._gap, dp(24), self._gap)
        self._parts.setSpacing(dp(8 if low else 12))
        self._note = label("", 14 / 15)
        self._note.setContentsMargins(dp(25), 0, 0, 0)
        make_muted(self._note)
        self._parts.addWidget(self._note, 1)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(dp(12))
        self._buttons.addStretch()
        self._parts.addLayout(self._buttons)

    def set_note(self, words: str) -> None:
        """Set the note."""
        self._note.setText(words)

    def add(self, button: QPushButton) -> None:
        """Add a button at the right end."""
        self._buttons.addWidget(button)
        button.show()

    def remove(self, button: QPushButton) -> None:
        """Remove a button for good. It stays, hidden: see ``PageScrollArea``."""
        self._buttons.removeWidget(button)
        button.hide()

    def height_at(self, width: int) -> int:
        """Return the wanted height in pixels at a width."""
        self._arrange(width)
        return self._parts.totalHeightForWidth(width)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        self._arrange(self.width())
        super().resizeEvent(event)

    def _arrange(self, width: int) -> None:
        """Put the note above the buttons where they leave it too little room."""
        buttons = self._buttons.minimumSize() if self._low else self._buttons.sizeHint()
        left = width - buttons.width() - dp(2 * 24 + 12)
        two_lines = 2 * self._note.fontMetrics().lineSpacing()
        fits = left >= self._note.minimumSizeHint().width() and (
            self._low or self._note.heightForWidth(left) <= two_lines
        )
        direction = QBoxLayout.Direction
        self._parts.setDirection(
            direction.LeftToRight if fits else direction.TopToBottom
        )

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), tokens.foot)
        painter.fillRect(0, 0, self.width(), max(dp(1), 1), tokens.divider)
        side = dp(17)
        middle = self._note.geometry().center().y()
        place = QRectF(dp(24), middle - side / 2, side, side)
        draw_icon(painter, "info", place, ink=tokens.muted, paper=tokens.foot)
