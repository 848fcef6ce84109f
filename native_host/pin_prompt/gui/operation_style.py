# SPDX-License-Identifier: MIT
"""How an operation's window looks. Identifying and signing must never look alike.

Colours are derived from the palette that the desktop sets, light, dark or of high
contrast, and moved until they can be read on it (WCAG 2.2, 1.4.3 and 1.4.11).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPalette, QPen, QPixmap

from native_host.pin_prompt.model import Operation

__all__ = [
    "OPERATION_STYLES",
    "OperationStyle",
    "contrast",
    "dark_palette",
    "draw_pen",
    "icon",
    "mixed",
    "readable",
]


@dataclass(frozen=True)
class OperationStyle:
    """What sets an operation's window apart.

    ``colour`` is the band's and the confirming button's, with ``text`` on it; ``draw``
    paints the icon in a square of side 1.
    """

    colour: QColor
    text: QColor
    draw: Callable[[QPainter, QColor, QColor], None]


def _draw_person_on_card(painter: QPainter, ink: QColor, paper: QColor) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ink)
    painter.drawRoundedRect(QRectF(0.04, 0.18, 0.92, 0.64), 0.09, 0.09)
    painter.setBrush(paper)
    painter.drawEllipse(QPointF(0.3, 0.42), 0.1, 0.1)
    shoulders = QPainterPath(QPointF(0.13, 0.7))
    shoulders.cubicTo(QPointF(0.13, 0.5), QPointF(0.47, 0.5), QPointF(0.47, 0.7))
    painter.drawPath(shoulders)
    painter.setPen(QPen(paper, 0.06, c=Qt.PenCapStyle.RoundCap))
    painter.drawLine(QPointF(0.6, 0.42), QPointF(0.83, 0.42))
    painter.drawLine(QPointF(0.6, 0.58), QPointF(0.76, 0.58))


def _draw_pen_on_paper(painter: QPainter, ink: QColor, paper: QColor) -> None:
    painter.setPen(QPen(ink, 0.07, c=Qt.PenCapStyle.RoundCap))
    painter.drawLine(QPointF(0.1, 0.9), QPointF(0.9, 0.9))
    draw_pen(painter, ink, paper)


def draw_pen(painter: QPainter, ink: QColor, paper: QColor) -> None:
    """Paint a pen that is about to write, in a square of side 1."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ink)
    painter.save()
    painter.translate(0.26, 0.78)
    painter.rotate(-45)
    nib = QPainterPath(QPointF(0, 0))
    nib.lineTo(0.2, -0.12)
    nib.lineTo(0.2, 0.12)
    nib.closeSubpath()
    painter.drawPath(nib)
    painter.drawRect(QRectF(0.24, -0.12, 0.42, 0.24))
    painter.drawRoundedRect(QRectF(0.7, -0.12, 0.16, 0.24), 0.05, 0.05)
    painter.setPen(QPen(paper, 0.03))
    painter.drawLine(QPointF(0.02, 0), QPointF(0.14, 0))
    painter.restore()


def _draw_key(painter: QPainter, ink: QColor, paper: QColor) -> None:
    painter.setPen(QPen(ink, 0.13, c=Qt.PenCapStyle.FlatCap))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawEllipse(QPointF(0.3, 0.5), 0.18, 0.18)
    painter.drawLine(QPointF(0.47, 0.5), QPointF(0.95, 0.5))
    for x, y in ((0.72, 0.68), (0.885, 0.74)):
        painter.drawLine(QPointF(x, 0.5), QPointF(x, y))


def _draw_browser(painter: QPainter, ink: QColor, paper: QColor) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ink)
    painter.drawRoundedRect(QRectF(0.04, 0.1, 0.92, 0.8), 0.09, 0.09)
    painter.setBrush(paper)
    painter.drawRoundedRect(QRectF(0.14, 0.18, 0.72, 0.13), 0.06, 0.06)
    painter.drawRect(QRectF(0.11, 0.39, 0.78, 0.42))


def _draw_person_in_browser(painter: QPainter, ink: QColor, paper: QColor) -> None:
    _draw_browser(painter, ink, paper)
    painter.setBrush(ink)
    painter.drawEllipse(QPointF(0.5, 0.52), 0.09, 0.09)
    shoulders = QPainterPath(QPointF(0.33, 0.81))
    shoulders.cubicTo(QPointF(0.33, 0.61), QPointF(0.67, 0.61), QPointF(0.67, 0.81))
    painter.drawPath(shoulders)


def _draw_clock_in_browser(painter: QPainter, ink: QColor, paper: QColor) -> None:
    _draw_browser(painter, ink, paper)
    painter.setPen(QPen(ink, 0.06, c=Qt.PenCapStyle.RoundCap))
    painter.drawEllipse(QPointF(0.5, 0.6), 0.155, 0.155)
    painter.drawLine(QPointF(0.5, 0.6), QPointF(0.5, 0.52))
    painter.drawLine(QPointF(0.5, 0.6), QPointF(0.57, 0.6))


#: What a program asks PIN1 for: a blue too, but nearer to violet.
_FOR_PROGRAMS = QColor("#34349a")
#: What is done with the card's PINs. Green, and darker than the blue and the red.
_MANAGING = OperationStyle(QColor("#1d4d33"), QColor("#ffffff"), _draw_key)
_SIGNING = OperationStyle(QColor("#7c1d3f"), QColor("#ffffff"), _draw_pen_on_paper)

#: The look of each operation that has a window. Blue and this red stay apart for those
#: who see few colours.
OPERATION_STYLES: Mapping[Operation, OperationStyle] = {
    "authenticate": OperationStyle(
        QColor("#0b4f86"), QColor("#ffffff"), _draw_person_on_card
    ),
    "tls-login": OperationStyle(
        _FOR_PROGRAMS, QColor("#ffffff"), _draw_person_in_browser
    ),
    "prepare-login": OperationStyle(
        _FOR_PROGRAMS, QColor("#ffffff"), _draw_clock_in_browser
    ),
    "signing-certificate": _SIGNING,
    "sign": _SIGNING,
    "activate": _MANAGING,
    "change-pin": _MANAGING,
    "unblock": _MANAGING,
}


def icon(style: OperationStyle) -> QIcon:
    """Return an operation's icon for the title bar and the task bar."""
    icon = QIcon()
    for size in (32, 64, 128):
        pixmap = QPixmap(size, size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.scale(size, size)
        style.draw(painter, style.colour, style.text)
        painter.end()
        icon.addPixmap(pixmap)
    return icon


def dark_palette() -> QPalette:
    """Return the dark palette for desktops that name the scheme but set no colours."""
    palette = QPalette(QColor("#3a3f45"), QColor("#26292d"))
    for role, colour in (
        (QPalette.ColorRole.Base, "#1b1d20"),
        (QPalette.ColorRole.Highlight, "#4c9be0"),
        (QPalette.ColorRole.HighlightedText, "#101010"),
    ):
        palette.setColor(role, QColor(colour))
    return palette


def contrast(a: QColor, b: QColor) -> float:
    """Return the contrast of two opaque colours, 1 to 21 (WCAG 2.2)."""
    dark, light = sorted((_luminance(a), _luminance(b)))
    return (light + 0.05) / (dark + 0.05)


def readable(colour: QColor, on: QColor, at_least: float = 4.5) -> QColor:
    """Return ``colour``, moved towards black or white until it can be read."""
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
