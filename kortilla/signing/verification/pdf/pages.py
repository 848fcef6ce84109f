# SPDX-License-Identifier: MIT
"""Refuses PDFs that programs show in several ways.

Programs differ in what they do where the pages are not as ISO 32000-2 wants them. So
the tree of the pages (§7.7.3), their contents and what lies on them are checked here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kortilla.signing.verification.findings import RefusedError
from kortilla.signing.verification.pdf.contents import Budget
from kortilla.signing.verification.pdf.drawings import Drawings, Resources
from kortilla.signing.verification.pdf.lexical import (
    Number,
    Reference,
    Value,
    irregular,
    whole,
)
from kortilla.signing.verification.pdf.notes import check_catalog, items_of, looks_of
from kortilla.signing.verification.pdf.objects import Reading, View

_MAX_PAGES = 200_000
_COST_OF_PAGE = 16  # stops


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
    check_catalog(view, reading.groups)
    first, drawings = reading.first_page, Drawings(view, budget)
    for number, page, resources in _pages(view):
        if first not in {None, number}:
            raise irregular("a linearized file whose first page is another")
        first = None
        budget.take(stops=_COST_OF_PAGE)
        drawings.check_page(page, resources)
        for each in items_of(view, page, "Annots"):
            budget.take(stops=_COST_OF_PAGE)
            if not isinstance(each, dict):
                raise irregular("an annotation that is none")
            for form in looks_of(view, each):
                drawings.check_form(form, {})


@dataclass
class _Node:
    """A node of the tree of pages. ``stated`` is how many pages it says it has."""

    reference: Reference
    parent: "_Node | None"
    resources: Resources | None
    has_size: bool
    stated: int = 0
    count: int = 0


def _pages(view: View) -> Iterator[tuple[int, dict[str, Value], Resources | None]]:
    """Yield the pages with their numbers and resources."""
    waiting = [_Node(_reference(view.root.get("Pages")), None, None, False)]
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
        node.has_size |= "MediaBox" in found
        for box in sorted({"MediaBox", "CropBox"} & found.keys()):
            _check_box(items_of(view, found, box))
        kind = view.value(found.get("Type"))
        if kind == "Page" and above is not None and node.has_size:
            node.count = node.stated = 1
            yield node.reference.number, found, node.resources
        elif kind == "Pages" and node.reference not in known:
            known.add(node.reference)
            node.stated = whole(view.value(found.get("Count")))
            kids = view.value(found.get("Kids"))
            waiting += [
                _Node(_reference(each), node, node.resources, node.has_size)
                for each in reversed(kids if isinstance(kids, list) else [])
            ]
        else:
            raise irregular("a page that is none, or lacks its size")
    for node in reversed(seen):  # those below come later
        if node.count != node.stated:
            raise irregular("more or fewer pages than are counted")
        if node.parent is not None:
            node.parent.count += node.count


def _check_box(box: list[Value]) -> None:
    """Check that a page has an area: some programs show another one instead."""
    sides = [float(each) for each in box if isinstance(each, Number)]
    if len(sides) == len(box) == 4:
        left, bottom, right, top = sides
        if abs(right - left) >= 1 and abs(top - bottom) >= 1:
            return
    raise irregular("a page without an area")


def _reference(value: Value) -> Reference:
    if not isinstance(value, Reference):
        raise irregular("a page that is no object of its own")
    return value
