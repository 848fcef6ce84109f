# SPDX-License-Identifier: MIT
"""The icons: our own SVG files, painted in the colours of the window.

Three colours in a file are placeholders: black is the ink, white the paper, and blue
(``#0000ff``) the accent. All other colours stay. Only files of this package are read
here. Images from a site never reach QtSvg; ``image_decoder`` decodes them in a separate
process.
"""

import re
from functools import lru_cache
from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF
from PySide6.QtGui import QColor, QPainter
from PySide6.QtSvg import QSvgRenderer

_FOLDER = Path(__file__).parent / "icons"
_PLACEHOLDER = re.compile("#(?:000000|ffffff|0000ff)")


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
