# SPDX-License-Identifier: MIT
"""The strip that tells a mock card from a real one."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QLabel

from native_host.gui.sizes import dp, font


class MockCardMark(QLabel):
    """The mark that each page of a mock card's window has."""

    def __init__(self, mark: str, explained: str, *, low: bool) -> None:
        super().__init__(f"{mark}   {explained}")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setFont(font(14 / 15, QFont.Weight.DemiBold))
        self.setAutoFillBackground(True)
        self.setMargin(dp(2 if low else 6))
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Window, QColor("#ffd400"))
        palette.setColor(QPalette.ColorRole.WindowText, QColor("#1a1a1a"))
        self.setPalette(palette)
