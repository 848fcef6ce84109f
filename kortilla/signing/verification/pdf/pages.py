# SPDX-License-Identifier: MIT
"""Refuses PDFs whose pages programs show in several ways.

Programs differ in what they do where the pages are not as ISO 32000-2 wants them. So
the tree of the pages (§7.7.3), their contents and what lies on them are checked here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader

from kortilla.signing.verification.pdf.lexical import irregular
from kortilla.signing.verification.pdf.objects import Reading

#: Annotations that need no appearance (§12.5.2).
_WITHOUT_LOOKS = {"/Link", "/Popup", "/Projection"}
_FONTS = {"/MMType1", "/TrueType", "/Type0", "/Type1", "/Type3"}
_HIDDEN = 0x02 | 0x20  # flags: hidden, no view
_MAX_DEPTH = 50
_MAX_PAGES = 200_000
_MAX_CONTENTS = 100_000_000  # bytes of contents in several parts
#: Where two parts of a page's contents may meet: not within a word.
_DELIMITER = re.compile(rb"[\0\t\n\f\r ()<>\[\]{}/%]")

_Reference = generic.Reference


def check_pages(reader: PdfFileReader, layout: Reading) -> None:
    """Check the pages of a file.

    Raises ``RefusedError``, and any exception, as pyHanko does.
    """
    root = reader.root
    _check_form(root)
    _check_layers(root, layout.groups)
    left, first = _MAX_CONTENTS, layout.first_page
    for page, resources in _pages(root):
        if first not in {None, page.container_ref.idnum}:
            raise irregular("a linearized file whose first page is another")
        first = None
        left -= _check_contents(page, resources)
        if left < 0:
            raise irregular("long contents in several parts")
        for each in items_of(page, "/Annots"):
            _check_annotation(each)


def _check_form(root: Any) -> None:
    if "/AcroForm" in root and "/NeedAppearances" in root["/AcroForm"]:
        needed = root["/AcroForm"]["/NeedAppearances"]
        if needed and len(items_of(root["/AcroForm"], "/Fields")):
            raise irregular("a form whose looks each program makes by itself")


def _check_layers(root: Any, groups: set[int]) -> None:
    """Check that each layer is either shown or hidden (§8.11.4)."""
    if not groups:
        return
    if "/OCProperties" not in root:
        raise irregular("a layer that the file does not list")
    properties = root["/OCProperties"]
    config = properties["/D"]
    on, off = _numbers(config, "/ON"), _numbers(config, "/OFF")
    if _numbers(properties, "/OCGs") != groups or on & off:
        raise irregular("a layer that the file does not list, or twice")
    hidden = "/BaseState" in config and config["/BaseState"] == "/OFF"
    for each in items_of(properties, "/OCGs"):
        number = each.container_ref.idnum
        shown = number not in off and (not hidden or number in on)
        usage = _value(each, "/Usage", {})
        # Some programs follow what is said of viewing, and others don't.
        if "/Zoom" in usage or (
            "/View" in usage and (usage["/View"]["/ViewState"] == "/ON") != shown
        ):
            raise irregular("a layer that only some programs show")


def _numbers(holder: Any, key: str) -> set[int]:
    return {each.container_ref.idnum for each in items_of(holder, key)}


def _pages(root: Any) -> Iterator[tuple[Any, bool]]:
    """Yield the pages, each with whether it has resources."""
    top = _Node(_reference(root, "/Pages"), None, False, False)
    waiting, seen = [top], []
    known: set[_Reference] = set()
    fonts: set[_Reference] = set()
    while waiting:
        node = waiting.pop()
        seen.append(node)
        found: Any = node.reference.get_object()
        if len(seen) > _MAX_PAGES:
            raise irregular("too many pages")
        above = None if node.parent is None else node.parent.reference
        if (_reference(found, "/Parent") if "/Parent" in found else None) != above:
            raise irregular("a page whose parent is another")
        if "/Resources" in found:
            node.has_resources = True
            _check_fonts(found["/Resources"], fonts)
        node.has_size |= "/MediaBox" in found
        for box in {"/MediaBox", "/CropBox"} & found.keys():
            _check_box(items_of(found, box))
        kind = _value(found, "/Type", "")
        if kind == "/Page" and above is not None and node.has_size:
            node.count = node.stated = 1
            yield found, node.has_resources
        elif kind == "/Pages" and node.reference not in known:
            known.add(node.reference)
            node.stated = int(found["/Count"])
            waiting += [
                _Node(_reference(found["/Kids"], at), node, *node.inherited)
                for at in reversed(range(len(found["/Kids"])))
            ]
        else:
            raise irregular("a page that is none, or lacks its size")
    for node in reversed(seen):  # those below come later
        if node.count != node.stated:
            raise irregular("more or fewer pages than are counted")
        if node.parent is not None:
            node.parent.count += node.count


def _check_box(box: list[Any]) -> None:
    """Check that a page has an area: some programs show another one instead."""
    left, bottom, right, top = (float(each) for each in box)
    # Written so that what is no number is refused, too.
    if not (abs(right - left) >= 1 and abs(top - bottom) >= 1):
        raise irregular("a page without an area")


def _check_fonts(resources: Any, known: set[_Reference]) -> None:
    """Check that fonts are such: some programs draw no text with what is none.

    The fonts that were checked before are ``known``.
    """
    fonts = _value(resources, "/Font", {})
    for name in fonts:
        raw = fonts.raw_get(name)
        if isinstance(raw, generic.IndirectObject):
            if raw.reference in known:
                continue
            known.add(raw.reference)
        kind = _value(fonts[name], "/Subtype", "")
        if kind not in _FONTS or ("/BaseFont" not in fonts[name] and kind != "/Type3"):
            raise irregular("a font that is none")


@dataclass
class _Node:
    """A node of the tree of pages. ``stated`` is how many pages it says it has."""

    reference: _Reference
    parent: "_Node | None"
    has_resources: bool
    has_size: bool
    stated: int = 0
    count: int = 0

    @property
    def inherited(self) -> tuple[bool, bool]:
        """What the nodes below have, too."""
        return self.has_resources, self.has_size


def _reference(holder: Any, key: str | int) -> _Reference:
    found = holder.raw_get(key)
    if not isinstance(found, generic.IndirectObject):
        raise irregular(f"no reference to {key}")
    return found.reference


def _check_contents(page: Any, has_resources: bool) -> int:
    """Return how many bytes were read to check the contents."""
    if "/Contents" not in page:
        return 0
    contents, size = page["/Contents"], 0
    if not has_resources:
        raise irregular("a page without resources")
    if isinstance(contents, generic.ArrayObject):
        parts = items_of(page, "/Contents")
        if not all(isinstance(each, generic.StreamObject) for each in parts):
            raise irregular("contents that are none")
        before = b" "
        for each in parts if len(parts) > 1 else ():
            data = each.data
            size += len(data)
            if not (_DELIMITER.match(data[:1] or b" ") or _DELIMITER.match(before)):
                raise irregular("contents that are split within a word")
            before = data[-1:] or before
    elif not isinstance(contents, generic.StreamObject):
        raise irregular("contents that are none")
    return size


def _check_annotation(annotation: Any) -> None:
    """Refuse one that some programs draw and others don't."""
    flags = int(_value(annotation, "/F", 0))
    kind = annotation["/Subtype"]
    if "/AP" in annotation or kind in _WITHOUT_LOOKS or flags & _HIDDEN:
        return
    if kind == "/Widget" and not _has_value(annotation):
        return
    if "/Rect" in annotation:
        x1, y1, x2, y2 = (float(each) for each in items_of(annotation, "/Rect"))
        if x1 == x2 or y1 == y2:
            return
    raise irregular("a note or field that each program draws by itself")


def _has_value(field: Any) -> bool:
    """Return whether a field has a value that a program could draw."""
    for _ in range(_MAX_DEPTH):
        if "/FT" in field and field["/FT"] == "/Sig":
            return False
        if "/V" in field and field["/V"] not in {"", "/Off"}:
            return True
        if "/Parent" not in field:
            return False
        field = field["/Parent"]
    raise irregular("a field deep in others")


def _value(holder: Any, key: str, default: Any) -> Any:
    """Return a value with its reference followed, which ``get`` does not."""
    return holder[key] if key in holder else default  # noqa: SIM401


def items_of(holder: Any, key: str) -> list[Any]:
    """Return what is in an array of a dictionary, which may be missing.

    References are followed. An iteration would return them, and so would ``get``.
    """
    if key not in holder:
        return []
    array = holder[key]
    return [array[index] for index in range(len(array))]
