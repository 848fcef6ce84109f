# SPDX-License-Identifier: MIT
"""Lengths and fonts as multiples of the body text, so that all grows with it."""

from PySide6.QtGui import QFont, QFontMetricsF, QGuiApplication
from PySide6.QtWidgets import QApplication, QWidget

#: The body size in pixels for which the lengths are given.
_BODY = 15
#: Scale of a site's name, the largest text in every window.
LARGEST = 22 / 15


def dp(length: float) -> int:
    """Return a length in pixels; ``length`` is in pixels where body text has 15."""
    dots = QGuiApplication.primaryScreen().logicalDotsPerInch()
    return round(length * QApplication.font().pointSizeF() * dots / 72 / _BODY)


def font(scale: float = 1.0, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    made = QFont(QApplication.font())
    made.setPointSizeF(made.pointSizeF() * scale)
    made.setWeight(weight)
    return made


def text_width(words: str, of: QFont) -> int:
    """Return the width of a line of text in whole pixels, rounded up."""
    return int(QFontMetricsF(of).horizontalAdvance(words)) + 1


def keep_in_view(window: QWidget) -> None:
    """Move a window up whose lower edge is below the screen, where it may place itself.

    A desktop places a window by its first size, and it may grow with each page.
    """
    frame, screen = window.frameGeometry(), window.screen().availableGeometry()
    if window.isVisible() and frame.bottom() > screen.bottom():
        above = screen.bottom() + 1 - frame.height()
        window.move(frame.x(), max(above, screen.top()))


def is_low(widget: QWidget) -> bool:
    """Return whether the screen is so low that gaps must not grow with the text."""
    return widget.screen().availableSize().height() < dp(660)
