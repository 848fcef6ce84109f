# SPDX-License-Identifier: MIT
"""Framed parts of a window with rounded corners."""

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QVBoxLayout

from native_host.gui.labels import wrapping_policy
from native_host.gui.sizes import dp
from native_host.gui.tokens import tokens_for


class Panel(QFrame):
    """A framed part of the window with rounded corners.

    Two panels look like one where they are joined. A ``plain`` one has no frame, only
    a line below. ``tinted`` gives it a ground.
    """

    def __init__(self, *, tinted: bool = False, plain: bool = False) -> None:
        super().__init__()
        self._tinted, self._plain = tinted, plain
        self.joined_above = self.joined_below = False
        self.setSizePolicy(wrapping_policy())
        self.rows = QVBoxLayout(self)
        side = dp(24 if plain else 16)
        gap = dp(6 if plain else 14)
        self.rows.setContentsMargins(side, gap, side, gap)
        self.rows.setSpacing(dp(2))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        painter = QPainter(self)
        ground = tokens.panel if self._tinted else tokens.window
        line = max(dp(1), 1)
        if self._plain:
            painter.fillRect(self.rect(), ground)
            bottom = self.height() - line
            painter.fillRect(0, bottom, self.width(), line, tokens.divider)
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        # The joined side is outside, so that its corners are square.
        corner, out = dp(12), dp(20)
        above = out if self.joined_above else 0
        below = out if self.joined_below else 0
        half = line / 2
        box = QRectF(self.rect()).adjusted(half, half, -half, -half)
        painter.setPen(QPen(tokens.divider, line))
        painter.setBrush(ground)
        path = QPainterPath()
        path.addRoundedRect(box.adjusted(0, -above, 0, below), corner, corner)
        painter.drawPath(path)
        if self.joined_below:
            bottom = self.height() - line
            painter.fillRect(0, bottom, self.width(), line, tokens.divider)
