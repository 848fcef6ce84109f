# SPDX-License-Identifier: MIT
"""Colours that can be read on the desktop's palette.

The desktop may be light, dark or of high contrast. A colour is moved towards black or
white until it has the contrast that WCAG 2.2 demands (1.4.3 and 1.4.11).
"""

from PySide6.QtGui import QColor


def contrast(a: QColor, b: QColor) -> float:
    """Return the contrast ratio of two opaque colours, 1 to 21 (WCAG 2.2)."""
    dark, light = sorted((_luminance(a), _luminance(b)))
    return (light + 0.05) / (dark + 0.05)


def readable(colour: QColor, on: QColor, at_least: float = 4.5) -> QColor:
    """Return ``colour``, moved towards black or white until it is readable."""
    goal = QColor("white" if _luminance(on) < 0.18 else "black")
    for share in range(21):
        moved = mixed(colour, goal, share / 20)
        if contrast(moved, on) >= at_least:
            return moved
    return goal


def mixed(colour: QColor, other: QColor, share: float) -> QColor:
    """Return ``colour`` with a share, 0 to 1, of the other."""
    parts = zip(_parts(colour), _parts(other), strict=True)
    return QColor.fromRgbF(*(a + (b - a) * share for a, b in parts))


def _parts(colour: QColor) -> tuple[float, float, float]:
    return colour.redF(), colour.greenF(), colour.blueF()


def _luminance(colour: QColor) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = map(linear, _parts(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
