# SPDX-License-Identifier: MIT
"""Refuses what only paper or only the screen shows, and media that run.

These are annotations and fields (ISO 32000-2 §12.5 and §12.7), and some entries of the
catalog.
"""

from collections.abc import Iterator

from kortilla.signing.verification.findings import RefusedError
from kortilla.signing.verification.pdf.lexical import (
    Name,
    Number,
    Stream,
    Value,
    differently,
    irregular,
    whole,
)
from kortilla.signing.verification.pdf.objects import View, has_area

#: Annotations that need no appearance (§12.5.2).
_WITHOUT_LOOKS = {"Link", "Popup", "Projection"}
#: Annotations that run something, and those of paper only.
_ACTIVE_KINDS = {"3D", "Movie", "RichMedia", "Screen", "Sound"}
_FOR_PAPER = {"PrinterMark", "TrapNet", "Watermark"}
#: Flags (§12.5.3). MuPDF takes ``invisible`` for ``hidden``.
_INVISIBLE, _HIDDEN, _PRINT, _NO_VIEW, _TOGGLE = 0x01, 0x02, 0x04, 0x20, 0x100
_NO_ZOOM, _NO_ROTATE = 0x08, 0x10
_MAX_DEPTH = 50
#: What viewers show or print of the page (§12.2).
_AREAS = (("ViewArea", "PrintArea"), ("ViewClip", "PrintClip"))


def check_catalog(view: View) -> None:
    """Check what is said for the whole file. Raises ``RefusedError``."""
    root = view.root
    form = view.value(root.get("AcroForm"))
    if isinstance(form, dict):
        if view.value(form.get("XFA")) is not None:
            raise RefusedError("XFA_FORM")
        if view.value(form.get("NeedAppearances")) and view.array(form.get("Fields")):
            raise irregular("a form whose looks each program makes by itself")
    if view.value(root.get("Collection")) is not None:
        raise differently("a collection of files")
    wishes = view.value(root.get("ViewerPreferences"))
    if isinstance(wishes, dict):
        for pair in _AREAS:
            viewed, printed = (view.value(wishes.get(each)) for each in pair)
            if (viewed or "CropBox") != (printed or "CropBox"):
                raise differently("pages that are cut in another way on paper")


def looks_of(view: View, annotation: dict[str, Value]) -> Iterator[Value]:
    """Check an annotation, and yield the forms that it may show.

    Raises ``RefusedError``.
    """
    kind = view.value(annotation.get("Subtype"))
    if kind in _ACTIVE_KINDS:
        raise RefusedError("ACTIVE_CONTENT", f"an annotation {kind}")
    if kind in _FOR_PAPER:
        raise differently(f"an annotation {kind}")
    flags = view.value(annotation.get("F"))
    bits = 0 if flags is None else whole(flags)
    place = view.rectangle(annotation.get("Rect"))
    if bits < 0 or not isinstance(kind, Name) or place is None:
        raise irregular("an annotation with odd flags, of no kind or at no place")
    looks = view.value(annotation.get("AP"))
    looks = looks if isinstance(looks, dict) else {}
    yield from _forms(view, looks)
    if view.value(looks.get("N")):
        if kind in _WITHOUT_LOOKS:
            raise differently(f"a {kind} that some programs draw")
        if has_area(place):
            _check_flags(bits)
            _check_state(view, annotation, looks)
    elif kind in _WITHOUT_LOOKS:
        if not bits & _HIDDEN and _is_drawn_by_some(view, annotation, kind):
            raise differently(f"a {kind} that some programs draw")
    elif (
        not bits & (_HIDDEN | _NO_VIEW)
        and has_area(place)
        and not (kind == "Widget" and _is_empty(view, annotation))
    ):
        raise irregular("a note or field that each program draws by itself")
    elif bits & _NO_VIEW and bits & _PRINT:
        raise differently("a note or field for paper only")


def _check_flags(bits: int) -> None:
    if bits & _HIDDEN:
        return
    if bits & (_NO_ZOOM | _NO_ROTATE):
        raise differently("a note that some programs show in another size")
    if bits & (_INVISIBLE | _TOGGLE) or bool(bits & _PRINT) == bool(bits & _NO_VIEW):
        raise differently("a note or field for screen or paper only")


def _forms(view: View, looks: dict[str, Value]) -> Iterator[Value]:
    for key in ("N", "R", "D"):
        found = view.value(looks.get(key))
        if isinstance(found, Stream):
            yield looks[key]
        elif isinstance(found, dict):
            yield from (each for each in found.values() if view.value(each) is not None)
        elif found is not None:
            raise irregular("looks that are none")


def _check_state(
    view: View, annotation: dict[str, Value], looks: dict[str, Value]
) -> None:
    """Check which of several looks is shown: some programs follow the field's value."""
    states = view.value(looks.get("N"))
    if not isinstance(states, dict):
        return
    state = view.value(annotation.get("AS"))
    value = next(_inherited(view, annotation, "V"), None)
    other = isinstance(value, Name) and value in states and value != state
    if not isinstance(state, Name) or not state or other:
        raise irregular("a field that some programs show in another state")
    if view.value(states.get(state)) is None and not (
        state == "Off"
        and next(_inherited(view, annotation, "FT"), None) == "Btn"
        and not _is_painted(view, annotation)
    ):
        raise irregular("a note or field that each program draws by itself")


def _is_empty(view: View, field: dict[str, Value]) -> bool:
    """Return whether a field without looks has nothing that a program could draw."""
    kind = next(_inherited(view, field, "FT"), None)
    value = next(_inherited(view, field, "V"), None)
    return not _is_painted(view, field) and (
        kind == "Sig" or (kind == "Tx" and value in (None, b""))
    )


def _is_painted(view: View, field: dict[str, Value]) -> bool:
    """Return whether a program may paint a field, or its border, by itself."""
    looks = view.value(field.get("MK"))
    return isinstance(looks, dict) and bool(looks.keys() & {"BG", "BC"})


def _is_drawn_by_some(view: View, annotation: dict[str, Value], kind: str) -> bool:
    """Return whether it is a link with a border, or a window that is open.

    Firefox, Ghostscript and poppler draw a border that has a color; MuPDF and PDFium
    don't. Ghostscript prints the window.
    """
    if kind != "Link":
        return view.value(annotation.get("Open")) is True
    style = view.value(annotation.get("BS"))
    border = view.array(annotation.get("Border"))
    width = border[2] if len(border) > 2 else None
    if isinstance(style, dict):
        width = view.value(style.get("W"))
    drawn = not isinstance(width, Number) or float(width) != 0
    return drawn and bool(view.array(annotation.get("C")))


def _inherited(view: View, field: dict[str, Value], key: str) -> Iterator[Value]:
    """Yield the values of a field and of those above it."""
    above: Value = field
    for _ in range(_MAX_DEPTH):
        if not isinstance(above, dict):
            return
        found = view.value(above.get(key))
        if found is not None:
            yield found
        above = view.value(above.get("Parent"))
    raise irregular("a field deep in others")
