# SPDX-License-Identifier: MIT
"""Where a mark in a corner of a page is, on pages of any size and rotation.

Lengths are in points (1/72 inch).
"""

from typing import Literal, get_args

Corner = Literal["bottom-left", "bottom-right", "top-left", "top-right"]
CORNERS: tuple[Corner, ...] = get_args(Corner)
#: Left, bottom, right and top.
Box = tuple[float, float, float, float]

#: 70, 20 and 20 mm.
_WIDTH, _HEIGHT, _MARGIN = 198.0, 57.0, 57.0
#: The margin is at most this part of the page's shorter side.
_OF_SIDE = 0.1


def corner_box(width: float, height: float, corner: Corner) -> Box:
    """Return the box of a mark on a page of this size, as a person sees the page.

    The mark shrinks where the page is small, and is always within it.
    """
    margin = min(_MARGIN, _OF_SIDE * min(width, height))
    scale = min(1.0, (width - 2 * margin) / _WIDTH, (height - 2 * margin) / _HEIGHT)
    wide, high = _WIDTH * scale, _HEIGHT * scale
    vertical, _, horizontal = corner.partition("-")
    left = margin if horizontal == "left" else width - margin - wide
    bottom = margin if vertical == "bottom" else height - margin - high
    return left, bottom, left + wide, bottom + high


def turned_back(box: Box, page: Box, turn: int) -> Box:
    """Return a box in the coordinates of a page that is shown turned.

    ``box`` is where a person sees it, from the lower left corner of what is shown of
    the page. ``page`` is that part in the page's coordinates, and ``turn`` are the
    degrees clockwise by which it is shown turned (``Rotate``, ISO 32000-2 §7.7.3.3).
    """
    left, bottom, right, top = page
    width, height = right - left, top - bottom
    x1, y1, x2, y2 = box
    if turn == 90:
        x1, y1, x2, y2 = width - y2, x1, width - y1, x2
    elif turn == 180:
        x1, y1, x2, y2 = width - x2, height - y2, width - x1, height - y1
    elif turn == 270:
        x1, y1, x2, y2 = y1, height - x2, y2, height - x1
    return left + x1, bottom + y1, left + x2, bottom + y2
