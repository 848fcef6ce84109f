# SPDX-License-Identifier: MIT
"""The colours and the icon of each operation's window.

Identification and signing must never look alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap

from native_host.gui.icons import draw_icon
from native_host.pin_prompt.model import Operation

__all__ = ["OPERATION_STYLES", "OperationStyle", "window_icon"]


@dataclass(frozen=True)
class OperationStyle:
    """What sets an operation's window apart.

    ``colour`` is the colour of the band and of the confirm button, ``text`` the colour
    of the text on them. ``icon`` names a file in ``icons/``.
    """

    colour: QColor
    text: QColor
    icon: str


_WHITE = QColor("#ffffff")
#: Programs ask for PIN1 in a blue that is nearer to violet.
_FOR_PROGRAMS = QColor("#34349a")
#: The card's PINs are managed in green, darker than the blue and the red.
_MANAGING = OperationStyle(QColor("#1d4d33"), _WHITE, "key")
_SIGNING = OperationStyle(QColor("#7c1d3f"), _WHITE, "pen-on-paper")

#: The style of each operation that has a window. People who see few colours can tell
#: the blue and the red apart too.
OPERATION_STYLES: Mapping[Operation, OperationStyle] = {
    "authenticate": OperationStyle(QColor("#0b4f86"), _WHITE, "person-on-card"),
    "tls-login": OperationStyle(_FOR_PROGRAMS, _WHITE, "person-in-browser"),
    "prepare-login": OperationStyle(_FOR_PROGRAMS, _WHITE, "clock-in-browser"),
    "signing-certificate": _SIGNING,
    "sign": _SIGNING,
    "activate": _MANAGING,
    "change-pin": _MANAGING,
    "unblock": _MANAGING,
}


def window_icon(style: OperationStyle) -> QIcon:
    """Return an operation's icon for the title bar and the task bar."""
    icon = QIcon()
    for size in (32, 64, 128):
        pixmap = QPixmap(size, size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        bounds = QRectF(0, 0, size, size)
        draw_icon(painter, style.icon, bounds, ink=style.colour, paper=style.text)
        painter.end()
        icon.addPixmap(pixmap)
    return icon
