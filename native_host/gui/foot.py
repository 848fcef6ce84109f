# SPDX-License-Identifier: MIT
"""The foot of a window: that the program is nobody's office, and the buttons."""

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from native_host.gui.icons import draw_icon
from native_host.gui.labels import label, make_muted
from native_host.gui.sizes import dp
from native_host.gui.tokens import tokens_for

__all__ = ["Foot"]


class Foot(QWidget):
    """A note at the left and buttons at the right. ``low`` leaves little space."""

    def __init__(self, *, low: bool) -> None:
        super().__init__()
        self._row = QHBoxLayout(self)
        gap = dp(8 if low else 16)
        self._row.setContentsMargins(dp(24 + 25), gap, dp(24), gap)
        self._row.setSpacing(dp(12))
        self._note = label("", 14 / 15)
        make_muted(self._note)
        self._row.addWidget(self._note, 1)

    def set_note(self, words: str) -> None:
        """Set the note."""
        self._note.setText(words)

    def add(self, button: QPushButton) -> None:
        """Add a button at the right end."""
        self._row.addWidget(button)
        button.show()

    def remove(self, button: QPushButton) -> None:
        """Remove a button for good."""
        self._row.removeWidget(button)
        button.hide()
        button.deleteLater()

    def height_at(self, width: int) -> int:
        """Return the wanted height in pixels at a width."""
        return self._row.totalHeightForWidth(width)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), tokens.foot)
        painter.fillRect(0, 0, self.width(), max(dp(1), 1), tokens.divider)
        side = dp(17)
        place = QRectF(dp(24), (self.height() - side) / 2, side, side)
        draw_icon(painter, "info", place, ink=tokens.muted, paper=tokens.foot)
