# SPDX-License-Identifier: MIT
"""Notices: a sign, a title, a text, and what is to be ticked or pressed."""

from typing import Literal

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QVBoxLayout

from native_host.gui.icons import draw_icon
from native_host.gui.labels import label, wrapping_policy
from native_host.gui.sizes import dp
from native_host.gui.tokens import tokens_for

#: What a notice is about. Each kind has its sign and its colours.
Kind = Literal["warning", "error", "good"]
_SIGNS: dict[Kind, str] = {"warning": "warning", "error": "error", "good": "tick"}


class Notice(QFrame):
    """A framed text with a sign. ``rows`` takes further controls.

    The ``title`` is bold.
    """

    def __init__(self, text: str, *, title: str = "", kind: Kind = "warning") -> None:
        super().__init__()
        self.kind: Kind = kind
        self.setSizePolicy(wrapping_policy())
        self.rows = QVBoxLayout(self)
        self.rows.setContentsMargins(dp(50), dp(12), dp(16), dp(12))
        self.rows.setSpacing(dp(4))
        if title:
            self.rows.addWidget(label(title, bold=True))
        self.label = label(text)
        self.rows.addWidget(self.label)
        self.label.setVisible(bool(text) or not title)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        colour, ground = {
            "warning": (tokens.warning, tokens.warning_ground),
            "error": (tokens.error, tokens.error_ground),
            "good": (tokens.good, tokens.good_ground),
        }[self.kind]
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colour, max(dp(1), 1)))
        painter.setBrush(ground)
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(box, dp(10), dp(10))
        side = dp(21)
        sign = QRectF(dp(16), dp(11), side, side)
        draw_icon(painter, _SIGNS[self.kind], sign, ink=colour, paper=ground)
