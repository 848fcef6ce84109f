# SPDX-License-Identifier: MIT
"""What the controls paint: boxes, and icons in the colours of the window.

The icons are our own SVG files. Three colours in a file are placeholders: black is the
ink, white the paper, and blue (``#0000ff``) the accent. All other colours stay. Only
files of this package are read here. Images from a site never reach QtSvg:
``native_host.pin_prompt.decode`` decodes them in a separate process.
"""

import re
from functools import lru_cache
from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QWidget

from native_host.gui.sizes import dp

_FOLDER = Path(__file__).parent / "icons"
_PLACEHOLDER = re.compile("#(?:000000|ffffff|0000ff)")


def painter_of(widget: QWidget) -> QPainter:
    """Return a painter with smooth edges for a paint event."""
    painter = QPainter(widget)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    return painter


def draw_box(
    painter: QPainter,
    box: QRectF,
    corner: float,
    *,
    ground: QColor | None = None,
    edge: QColor | None = None,
    line: float = 1,
    dashed: bool = False,
) -> None:
    """Paint a box with round corners, whose edge is inside ``box``.

    ``corner`` is the radius in pixels; half the height makes a circle. ``line`` is in
    pixels where body text has 15.
    """
    if edge is None:
        painter.setPen(Qt.PenStyle.NoPen)
    else:
        width = max(dp(line), 1)
        style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
        painter.setPen(QPen(edge, width, style))
        box = inset(box, width / 2)
    painter.setBrush(Qt.BrushStyle.NoBrush if ground is None else ground)
    painter.drawRoundedRect(box, corner, corner)


def inset(box: QRectF, by: float) -> QRectF:
    return box.adjusted(by, by, -by, -by)


def square(box: QRectF, side: float) -> QRectF:
    """Return the square of a side in the middle of a box."""
    made = QRectF(0, 0, side, side)
    made.moveCenter(box.center())
    return made


def draw_icon(
    painter: QPainter,
    name: str,
    bounds: QRectF,
    *,
    ink: QColor,
    paper: QColor,
    accent: QColor | None = None,
) -> None:
    """Paint ``icons/<name>.svg`` so that it fills ``bounds``."""
    colours = (ink, paper, accent or ink)
    _renderer(name, *(colour.name() for colour in colours)).render(painter, bounds)


@lru_cache(maxsize=32)
def _renderer(name: str, ink: str, paper: str, accent: str) -> QSvgRenderer:
    """Return the renderer of an icon, with ``#rrggbb`` in place of placeholders."""
    colours = {"#000000": ink, "#ffffff": paper, "#0000ff": accent}
    svg = (_FOLDER / f"{name}.svg").read_text("utf-8")
    svg = _PLACEHOLDER.sub(lambda match: colours[match[0]], svg)
    return QSvgRenderer(QByteArray(svg.encode()))
