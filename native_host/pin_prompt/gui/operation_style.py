# SPDX-License-Identifier: MIT
"""The colours and the icon of each operation's window.

Identification and signing must never look alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap

from native_host.gui.icons import draw_icon
from native_host.gui.tokens import LIGHT, Act
from native_host.pin_prompt.model import Operation


@dataclass(frozen=True)
class OperationStyle:
    """What sets an operation's window apart.

    ``act`` names its colours (``native_host.gui.tokens``). ``colour`` is the colour of
    the band, ``text`` that of the text on it. ``icon`` names a drawing.
    """

    act: Act
    colour: QColor
    text: QColor
    icon: str


def _style(act: Act, icon: str) -> OperationStyle:
    colours = LIGHT.acts[act]
    return OperationStyle(act, colours.band, colours.on_band, icon)


_MANAGING = _style("manage", "key")
_SIGNING = _style("sign", "pen-on-paper")

#: The style of each operation that has a window. People who see few colours can tell
#: the blue and the red apart too. A login in a browser identifies, as every login.
OPERATION_STYLES: Mapping[Operation, OperationStyle] = {
    "authenticate": _style("identify", "person-on-card"),
    "tls-login": _style("identify", "person-in-browser"),
    "prepare-login": _style("identify", "clock-in-browser"),
    "signing-certificate": _SIGNING,
    "sign": _SIGNING,
    "sign-own": _SIGNING,
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
        tile = QRectF(0, 0, size, size)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(style.colour)
        painter.drawRoundedRect(tile, size / 5, size / 5)
        edge = size / 6
        place = tile.adjusted(edge, edge, -edge, -edge)
        draw_icon(painter, style.icon, place, ink=style.text, paper=style.colour)
        painter.end()
        icon.addPixmap(pixmap)
    return icon
