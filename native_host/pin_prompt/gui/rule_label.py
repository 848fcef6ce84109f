# SPDX-License-Identifier: MIT
"""A rule for a new PIN, with a sign that shows whether it is kept."""

from enum import Enum

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QLabel

from native_host.gui.tokens import tokens_for
from native_host.pin_prompt.gui.widgets import em, scaled, wrapping_policy
from native_host.pin_prompt.texts import Texts


class RuleState(Enum):
    """Whether a rule is kept. The value is the key of its text."""

    OPEN = "open"  # too few digits to say
    KEPT = "kept"
    BROKEN = "broken"


class RuleLabel(QLabel):
    """A rule with a sign before it, whose meaning is in the accessible name."""

    def __init__(self, words: str, text: Texts) -> None:
        super().__init__(words)
        self._text = text
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setFont(scaled(self, 0.9))
        self.setSizePolicy(wrapping_policy())
        self.setContentsMargins(em(self, 1.5), 0, 0, 0)
        self.set_state(RuleState.OPEN)

    def set_state(self, state: RuleState) -> None:
        """Show whether the rule is kept."""
        self.state = state
        words = self._text(f"codes.rule.{state.value}")
        self.setAccessibleName(f"{self.text()}: {words}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tokens = tokens_for(self.palette())
        side = em(self, 0.85)
        box = QRectF(em(self, 0.2), (em(self, 1.05) - side) / 2 + 1, side, side)
        if self.state is RuleState.OPEN:
            painter.setPen(QPen(tokens.edge, 1.2))
            painter.drawEllipse(box.adjusted(1, 1, -1, -1))
            return
        kept = self.state is RuleState.KEPT
        colour = tokens.good if kept else tokens.warning
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawEllipse(box)
        ink = tokens.window
        if self.state is RuleState.BROKEN:
            painter.setPen(ink)
            painter.setFont(scaled(self, 0.8, bold=True))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, "!")
            return
        painter.setPen(QPen(ink, side / 8))
        tick = ((0.27, 0.53), (0.44, 0.7), (0.74, 0.33))
        painter.drawPolyline([box.topLeft() + QPointF(x, y) * side for x, y in tick])
