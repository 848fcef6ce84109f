# SPDX-License-Identifier: MIT
"""Refuses PDFs that programs show in several ways.

Programs differ in what they do where the pages are not as ISO 32000-2 wants them. So
the tree of the pages (§7.7.3), their contents and what lies on them are checked here.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kortilla.signing.verification.findings import Rectangle, RefusedError
from kortilla.signing.verification.pdf.contents import Budget
from kortilla.signing.verification.pdf.drawings import Drawings, Resources
from kortilla.signing.verification.pdf.layers import check_layers, check_membership
from kortilla.signing.verification.pdf.lexical import (
    Number,
    Reference,
    Value,
    differently,
    irregular,
    references,
    whole,
)
from kortilla.signing.verification.pdf.notes import (
    check_catalog,
    looks_of,
)
from kortilla.signing.verification.pdf.objects import Reading, View, has_area

_MAX_PAGES = 200_000
_COST_OF_PAGE = 16  # stops
_TURN = re.compile(rb"[+-]?\d{1,4}")


def check_shown(reading: Reading, revisions: Iterable[int]) -> None:
    """Check that all programs show a file alike, as of some revisions.

    Raises ``RefusedError``: IRREGULAR, ACTIVE_CONTENT, SHOWN_DIFFERENTLY, XFA_FORM,
    TOO_LARGE or TOO_SLOW.
    """
    if reading.active:
        raise RefusedError("ACTIVE_CONTENT", reading.active)
    budget = Budget()
    for revision in revisions:
        _check_view(reading, reading.view(revision), budget)


def _check_view(reading: Reading, view: View, budget: Budget) -> None:
    check_catalog(view)
    check_layers(view, reading.groups)
    _check_freed(view)
    first, drawings = reading.first_page, Drawings(view, budget, reading.groups)
    for number, page, resources in _pages(view):
        if first not in {None, number}:
            raise irregular("a linearized file whose first page is another")
        first = None
        budget.take(stops=_COST_OF_PAGE)
        drawings.check_page(page, resources)
        if not isinstance(view.value(page.get("Annots")), list | None):
            raise irregular("annotations that are none")
        for each in view.array(page.get("Annots")):
            budget.take(stops=_COST_OF_PAGE)
            if not isinstance(each, dict):
                raise irregular("an annotation that is none")
            check_membership(view, each.get("OC"), reading.groups)
            for form in looks_of(view, each):
                drawings.check_form(form, {})
                place = view.rectangle(each["Rect"])
                at_point = place is not None and not has_area(place)
                if at_point and not drawings.is_blank(view.value(form)):
                    raise irregular("looks without an area")


def _check_freed(view: View) -> None:
    """Refuse references to what was freed: poppler goes on to show it."""
    held: dict[int, set[int]] = {}
    for number in view.freed():
        for holder in view.reading.holders(number, before=view.revision + 1):
            if holder not in held:
                place = view.place(holder)
                value = view.value_at(place) if place is not None else None
                held[holder] = {each.number for each in references(value)}
            if holder < 1 or number in held[holder]:
                raise irregular(f"a reference to the object {number}, which is free")


@dataclass
class _Node:
    """A node of the tree of pages. ``stated`` is how many pages it says it has."""

    reference: Reference
    parent: "_Node | None"
    resources: Resources | None
    boxes: dict[str, Rectangle]
    stated: int = 0
    count: int = 0


def _pages(view: View) -> Iterator[tuple[int, dict[str, Value], Resources | None]]:
    """Yield the pages with their numbers and resources."""
    waiting = [_Node(_reference(view.root.get("Pages")), None, None, {})]
    seen: list[_Node] = []
    known: set[Reference] = set()
    while waiting:
        node = waiting.pop()
        seen.append(node)
        found = view.value(node.reference)
        above = None if node.parent is None else node.parent.reference
        if len(seen) > _MAX_PAGES or not isinstance(found, dict):
            raise irregular("too many pages, or one that is none")
        if found.get("Parent") != above:
            raise irregular("a page whose parent is another")
        resources = view.value(found.get("Resources"))
        if isinstance(resources, dict):
            node.resources = resources
        elif "Resources" in found:
            raise irregular("resources that are none")
        for box in sorted({"MediaBox", "CropBox"} & found.keys()):
            node.boxes[box] = _page_box(view.rectangle(found[box]))
        _check_turn(view, found)
        kind = view.value(found.get("Type"))
        if kind == "Page" and above is not None and "MediaBox" in node.boxes:
            _check_boxes(node.boxes)
            node.count = node.stated = 1
            yield node.reference.number, found, node.resources
        elif kind == "Pages" and node.reference not in known:
            known.add(node.reference)
            node.stated = whole(view.value(found.get("Count")))
            kids = view.value(found.get("Kids"))
            waiting += [
                _Node(_reference(each), node, node.resources, {**node.boxes})
                for each in reversed(kids if isinstance(kids, list) else [])
            ]
        else:
            raise irregular("a page that is none, or lacks its size")
    for node in reversed(seen):  # those below come later
        if node.count != node.stated:
            raise irregular("more or fewer pages than are counted")
        if node.parent is not None:
            node.parent.count += node.count


def _check_turn(view: View, page: dict[str, Value]) -> None:
    """Check how a page is turned and enlarged: some programs don't do it."""
    turn, unit = view.value(page.get("Rotate")), view.value(page.get("UserUnit"))
    if turn is not None and not (
        isinstance(turn, Number) and _TURN.fullmatch(turn) and not int(turn) % 90
    ):
        raise irregular("a page that is turned in no way that there is")
    if unit is not None and not (isinstance(unit, Number) and float(unit) == 1):
        raise differently("a page in a unit of its own")


def _page_box(box: Rectangle | None) -> Rectangle:
    """Return the area of a page: some programs show another one if it has none."""
    if box is None or box[2] - box[0] < 1 or box[3] - box[1] < 1:
        raise irregular("a page without an area")
    return box


def _check_boxes(boxes: dict[str, Rectangle]) -> None:
    """Check that a page shows a part of what it has."""
    if "CropBox" in boxes:
        (left, bottom, right, top), crop = boxes["MediaBox"], boxes["CropBox"]
        x1, y1 = max(left, crop[0]), max(bottom, crop[1])
        _page_box((x1, y1, min(right, crop[2]), min(top, crop[3])))


def _reference(value: Value) -> Reference:
    if not isinstance(value, Reference):
        raise irregular("a page that is no object of its own")
    return value
