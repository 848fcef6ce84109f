# SPDX-License-Identifier: MIT
"""Finds what a mark of a later signature hides: letters and figures under it.

A mark may lie on blank paper and over rules, frames and dotted lines, as marks of
signatures mostly do. It may not take letters and figures away. Those have strokes that
are some pixels high. A stroke is hidden if it no longer stands out from what is beside
it. A mark with a clear ground leaves the strokes as they are.
"""

from collections import defaultdict
from collections.abc import Iterator

from kortilla.signing.pages.poppler import Image

#: How much a pixel of ink differs from the paper, from 0 to 255.
_INK = 60
#: The height of strokes in pixels; a dot is lower, a rule or a frame higher.
_LEAST, _MOST = 3, 60
#: The part of its contrast that a hidden stroke has left, at most.
_LEFT = 0.35
#: The side of a cell in pixels, and the part of a cell's strokes that must be hidden.
_CELL, _SHARE = 10, 0.8

_Place = tuple[int, int, int, int]


def hides(old: Image, new: Image, place: _Place) -> bool:
    """Return whether letters of a picture are hidden in another one of its size.

    ``place`` is left, top, right and bottom in pixels.
    """
    left, top, right, bottom = place
    before, after = _grey(old, place), _grey(new, place)
    if before == after or left >= right or top >= bottom:
        return False
    every = b"".join(before)
    paper = max(set(every), key=every.count)
    strokes: dict[tuple[int, int], int] = defaultdict(int)
    hidden: dict[tuple[int, int], int] = defaultdict(int)
    for column, first, end in _strokes(before, paper):
        cell = column // _CELL, first // _CELL
        strokes[cell] += end - first
        was = now = 0
        for row in range(first, end):
            beside = _beside(before[row], column, paper)
            was += abs(before[row][column] - before[row][beside])
            now += abs(after[row][column] - after[row][beside])
        if now <= _LEFT * was:
            hidden[cell] += end - first
    return any(count >= _SHARE * strokes[cell] for cell, count in hidden.items())


def _grey(image: Image, place: _Place) -> list[bytes]:
    """Return the rows of a place; green is nearly as bright as all colours."""
    left, top, right, bottom = place
    line = 3 * image.width
    return [
        image.pixels[row * line + 3 * left + 1 : row * line + 3 * right : 3]
        for row in range(top, bottom)
    ]


def _strokes(rows: list[bytes], paper: int) -> Iterator[tuple[int, int, int]]:
    """Yield the column, the first row and the end of each stroke."""
    for column, pixels in enumerate(zip(*rows, strict=True)):
        first = None
        for row, value in enumerate((*pixels, paper)):
            if abs(value - paper) >= _INK:
                first = row if first is None else first
            elif first is not None:
                if _LEAST <= row - first <= _MOST:
                    yield column, first, row
                first = None


def _beside(row: bytes, column: int, paper: int) -> int:
    """Return the nearest column without ink."""
    for distance in range(1, len(row)):
        for other in (column - distance, column + distance):
            if 0 <= other < len(row) and abs(row[other] - paper) < _INK:
                return other
    return column
