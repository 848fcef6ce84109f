# SPDX-License-Identifier: MIT
"""The size and rotation of a page of an untrusted PDF."""

import math
from dataclasses import dataclass
from typing import Any

from pyhanko.pdf_utils.generic import DictionaryObject
from pyhanko.pdf_utils.writer import BasePdfFileWriter

from kortilla.common.corners import Box
from kortilla.errors import DocumentNotSignableError

__all__ = ["Page", "page_of"]

#: The most levels of a page tree that a page's attributes are inherited through.
_MOST_LEVELS = 50
#: US Letter, which is what most programs show where a page has no size.
_WITHOUT_SIZE = (0.0, 0.0, 612.0, 792.0)
_LARGEST = 14_400  # points (ISO 32000-1, Annex C)


@dataclass(frozen=True)
class Page:
    """What is shown of a page: ``box`` in points, turned clockwise by ``turn``."""

    box: Box
    turn: int

    @property
    def size_as_shown(self) -> tuple[float, float]:
        """Width and height in points."""
        left, bottom, right, top = self.box
        size = right - left, top - bottom
        return size[::-1] if self.turn in (90, 270) else size


def page_of(writer: BasePdfFileWriter, number: int) -> Page:
    """Return a page; ``number`` counts from 0, or from the end with -1.

    Raises ``DocumentNotSignableError`` for a page without an area, and pyHanko's errors
    for one that is not there.
    """
    tree, index, _ = writer.find_page_container(number)  # type: ignore[no-untyped-call] # it has no types
    page = tree.get_object()["/Kids"][index]
    media = _box(_inherited(page, "/MediaBox")) or _WITHOUT_SIZE
    crop = _box(_inherited(page, "/CropBox")) or media
    left, bottom = max(media[0], crop[0]), max(media[1], crop[1])
    right, top = min(media[2], crop[2]), min(media[3], crop[3])
    if not (right - left >= 1 and top - bottom >= 1):
        raise DocumentNotSignableError("The page has no area for a mark.")
    turn = _inherited(page, "/Rotate")
    if not isinstance(turn, int) or turn % 90:
        turn = 0
    return Page((left, bottom, right, top), int(turn) % 360)


def _inherited(page: DictionaryObject, name: str) -> Any:
    """Return an attribute of a page, or of what it inherits from; None if none."""
    node: Any = page
    for _ in range(_MOST_LEVELS):
        if not isinstance(node, DictionaryObject):
            break
        if name in node:
            return node[name]
        if "/Parent" not in node:
            break
        node = node["/Parent"]
    return None


def _box(value: Any) -> Box | None:
    """Return a rectangle whose corners may be given in any order (§7.9.5)."""
    try:
        x1, y1, x2, y2 = (float(each) for each in value)
    except (TypeError, ValueError):
        return None
    found = min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)
    usable = all(math.isfinite(each) and abs(each) <= _LARGEST for each in found)
    return found if usable else None
