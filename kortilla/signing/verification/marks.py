# SPDX-License-Identifier: MIT
"""Finds where the signature fields of a PDF are shown on its pages."""

import math
from collections.abc import Iterator
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader

from kortilla.signing.verification.findings import Rectangle

__all__ = ["items", "shown_at"]

#: Programs may show anything there.
_UNREADABLE: Rectangle = (0.0, 0.0, 0.0, 0.0)


def shown_at(
    reader: PdfFileReader, field: generic.DictionaryObject
) -> list[tuple[int | None, Rectangle]]:
    """Return the page, counted from 1, and the rectangle of each place of a field.

    A page is None if none of them has what could be shown.
    """
    widgets = [field, *items(field, "/Kids")]
    places = {
        each.container_ref: rectangle
        for each in widgets
        if (rectangle := _rectangle(each)) is not None
    }
    if not places:
        return []
    found: list[tuple[int | None, Rectangle]] = [
        (number, places[each.container_ref])
        for number, page in enumerate(_pages(reader), start=1)
        for each in items(page, "/Annots")
        if each.container_ref in places
    ]
    return found or [(None, each) for each in places.values()]


def items(holder: Any, key: str) -> list[Any]:
    """Return what is in an array of a dictionary, which may be missing.

    References are followed. An iteration would return them, and so would ``get``.
    """
    if key not in holder:
        return []
    array = holder[key]
    return [array[index] for index in range(len(array))]


def _rectangle(widget: generic.DictionaryObject) -> Rectangle | None:
    """Return the rectangle, or None if it has no area, and no looks that have one.

    Ghostscript draws such looks in their own size.
    """
    if "/Rect" not in widget:
        return None
    try:
        x1, y1, x2, y2 = found = [float(each) for each in items(widget, "/Rect")]
    except (TypeError, ValueError, OverflowError):
        return _UNREADABLE
    if not all(map(math.isfinite, found)):
        return _UNREADABLE
    if (x1 == x2 or y1 == y2) and not _has_looks(widget):
        return None
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def _has_looks(widget: generic.DictionaryObject) -> bool:
    """Return whether it has an appearance with an area (ISO 32000-2 §12.5.5)."""
    if "/AP" not in widget:
        return False
    try:
        for kind in widget["/AP"]:
            left, bottom, right, top = items(widget["/AP"][kind], "/BBox")
            if left != right and bottom != top:
                return True
    except (TypeError, ValueError, KeyError):
        return True  # one for each state, or an odd one
    return False


def _pages(reader: PdfFileReader) -> Iterator[Any]:
    waiting, seen = [reader.root["/Pages"]], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if "/Kids" in node:
            waiting += reversed(items(node, "/Kids"))
        else:
            yield node
