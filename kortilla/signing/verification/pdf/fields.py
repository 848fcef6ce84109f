# SPDX-License-Identifier: MIT
"""Finds the signature fields of a PDF, and where they show something (§12.7.5.5)."""

from collections.abc import Iterator
from typing import NamedTuple

from pyhanko.pdf_utils.generic import decode_pdfdocencoding

from kortilla.signing.verification.findings import Rectangle, RefusedError
from kortilla.signing.verification.pdf.lexical import (
    Reference,
    Stream,
    Text,
    Value,
    irregular,
)
from kortilla.signing.verification.pdf.objects import View, has_area

_MAX_FIELDS, _MAX_DEPTH = 50_000, 40
#: Where programs may show anything.
_UNREADABLE: Rectangle = (0.0, 0.0, 0.0, 0.0)


class Field(NamedTuple):
    """A signature field. ``number`` is that of its object, 0 for one without.

    ``value`` is its signature, and ``holder`` the number of the object that has this.
    ``widgets`` are its places in pages, by their numbers.
    """

    name: str
    number: int
    entries: dict[str, Value]
    value: dict[str, Value] | None
    holder: int
    widgets: dict[int, dict[str, Value]]


def signature_fields(view: View) -> list[Field]:
    """Return the signature fields. Raises ``RefusedError`` for an odd form."""
    form = view.value(view.root.get("AcroForm"))
    if not isinstance(form, dict):
        return []
    found: list[Field] = []
    waiting = [(each, "", False, 0) for each in items(view, form.get("Fields"))[::-1]]
    seen: set[int] = set()
    while waiting:
        item, above, inherited, depth = waiting.pop()
        number = item.number if isinstance(item, Reference) else 0
        if number in seen or depth > _MAX_DEPTH or len(seen) > _MAX_FIELDS:
            raise irregular("a field that is its own, or in too many others")
        seen |= {number} - {0}
        entries = view.value(item)
        if not isinstance(entries, dict):
            continue  # a field that is not there
        name = _name(view, entries, above)
        kind = view.value(entries.get("FT"))
        signs = inherited if kind is None else kind == "Sig"
        kids = items(view, entries.get("Kids"))
        parts = [(each, view.value(each)) for each in kids]
        waiting += [
            (each, name, signs, depth + 1)
            for each, part in reversed(parts)
            if isinstance(part, dict) and "T" in part
        ]
        widgets = {
            each.number: part
            for each, part in parts
            if isinstance(each, Reference)
            and isinstance(part, dict)
            and not {"Kids", "T"} & part.keys()
        }
        if signs:
            # Programs also show one that has kids, and looks of its own.
            has_place = not kids or bool(entries.keys() & {"AP", "Rect"})
            own = {number: entries} if has_place else {}
            value, holder = entries.get("V"), number
            if isinstance(value, Reference):
                holder = value.number
            signed = view.value(value)
            if signed is not None and not isinstance(signed, dict):
                raise RefusedError("BROKEN", f"the value of the field {name}")
            found.append(Field(name, number, entries, signed, holder, own | widgets))
    return found


def items(view: View, value: Value) -> list[Value]:
    """Return what is in an array, which may be missing; references stay references."""
    found = view.value(value)
    if found is None:
        return []
    if not isinstance(found, list):
        raise irregular("an array that is none")
    return found


def text_of(value: Value) -> str:
    """Return a text string (§7.9.2.2), or what another value is."""
    if not isinstance(value, Text):
        return "" if value is None else str(value)
    for mark, encoding in ((b"\xfe\xff", "utf-16-be"), (b"\xef\xbb\xbf", "utf-8")):
        if value.startswith(mark):
            return value[len(mark) :].decode(encoding, "replace")
    try:
        return str(decode_pdfdocencoding(bytes(value)))  # type: ignore[no-untyped-call] # it has no types
    except UnicodeDecodeError:
        return value.decode("latin-1")


def places_of(view: View, field: Field) -> dict[int, Rectangle]:
    """Return the rectangles of a field's widgets that may show something."""
    found = {
        number: rectangle_of(view, widget) for number, widget in field.widgets.items()
    }
    return {number: each for number, each in found.items() if each is not None}


def pages_of(view: View) -> Iterator[dict[str, Value]]:
    """Yield the pages, as often as they are shown, also in a tree that is none."""
    waiting: list[Value] = [view.root.get("Pages")]
    seen: set[Value] = set()
    while waiting:
        item = waiting.pop()
        node = view.value(item)
        if not isinstance(item, Reference) or not isinstance(node, dict):
            continue
        if "Kids" not in node:
            yield node
        elif item not in seen:
            seen.add(item)
            waiting += reversed(items(view, node["Kids"]))


def _name(view: View, entries: dict[str, Value], above: str) -> str:
    """Return the whole name of a field (§12.7.4.2)."""
    own = view.value(entries.get("T"))
    if own is None:
        return above
    if not isinstance(own, Text):
        raise RefusedError("BROKEN", "the name of a field is no text")
    return f"{above}.{text_of(own)}" if above else text_of(own)


def rectangle_of(view: View, widget: dict[str, Value]) -> Rectangle | None:
    """Return the rectangle, or None if it has no area, and no looks that have one.

    Ghostscript draws such looks in their own size.
    """
    if view.value(widget.get("Rect")) is None:
        return None
    box = view.rectangle(widget["Rect"])
    if box is None:
        return _UNREADABLE
    return box if has_area(box) or _has_looks(view, widget) else None


def _has_looks(view: View, widget: dict[str, Value]) -> bool:
    """Return whether it has an appearance with an area (§12.5.5)."""
    looks = view.value(widget.get("AP"))
    if not isinstance(looks, dict):
        return looks is not None
    for each in looks.values():
        found = view.value(each)
        form = found.entries if isinstance(found, Stream) else {}
        box = view.rectangle(form.get("BBox"))
        if box is None or has_area(box):
            return True  # also one for each state, or an odd one
    return False
