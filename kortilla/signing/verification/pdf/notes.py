# SPDX-License-Identifier: MIT
"""Refuses what only paper or only the screen shows, and media that run.

These are annotations and fields (ISO 32000-2 §12.5 and §12.7), layers (§8.11) and some
entries of the catalog.
"""

from collections.abc import Iterator

from kortilla.signing.verification.findings import RefusedError
from kortilla.signing.verification.pdf.fields import is_box
from kortilla.signing.verification.pdf.lexical import (
    Name,
    Number,
    Reference,
    Stream,
    Value,
    irregular,
    same,
    whole,
)
from kortilla.signing.verification.pdf.objects import View

#: Annotations that need no appearance (§12.5.2).
_WITHOUT_LOOKS = {"Link", "Popup", "Projection"}
#: Annotations that run something, and those of paper only.
_ACTIVE_KINDS = {"3D", "Movie", "RichMedia", "Screen", "Sound"}
_FOR_PAPER = {"PrinterMark", "TrapNet", "Watermark"}
#: Flags (§12.5.3). MuPDF takes ``invisible`` for ``hidden``.
_INVISIBLE, _HIDDEN, _PRINT, _NO_VIEW, _TOGGLE = 0x01, 0x02, 0x04, 0x20, 0x100
_NO_ZOOM, _NO_ROTATE = 0x08, 0x10
_MAX_DEPTH, _MAX_MEMBERS = 50, 100
#: What viewers show or print of the page (§12.2).
_AREAS = (("ViewArea", "PrintArea"), ("ViewClip", "PrintClip"))


def differently(detail: str) -> RefusedError:
    """Return the error of what screen and paper, or two programs, show differently."""
    return RefusedError("SHOWN_DIFFERENTLY", detail)


def check_catalog(view: View, groups: set[int]) -> None:
    """Check what is said for the whole file. Raises ``RefusedError``."""
    root = view.root
    form = view.value(root.get("AcroForm"))
    if isinstance(form, dict):
        if view.value(form.get("XFA")) is not None:
            raise RefusedError("XFA_FORM")
        if view.value(form.get("NeedAppearances")) and items_of(view, form, "Fields"):
            raise irregular("a form whose looks each program makes by itself")
    if view.value(root.get("Collection")) is not None:
        raise differently("a collection of files")
    wishes = view.value(root.get("ViewerPreferences"))
    if isinstance(wishes, dict):
        for pair in _AREAS:
            viewed, printed = (view.value(wishes.get(each)) for each in pair)
            if (viewed or "CropBox") != (printed or "CropBox"):
                raise differently("pages that are cut in another way on paper")
    _check_layers(view, groups)


def _check_layers(view: View, groups: set[int]) -> None:
    """Check that each layer is either shown or hidden, on screen and paper."""
    properties = view.value(view.root.get("OCProperties"))
    if not isinstance(properties, dict):
        if groups:
            raise irregular("a layer that the file does not list")
        return
    config = view.value(properties.get("D"))
    config = config if isinstance(config, dict) else {}
    if view.value(config.get("Intent")) not in (None, "View"):
        raise differently("layers that are not for viewing")
    on, off = _numbers(view, config, "ON"), _numbers(view, config, "OFF")
    listed = _numbers(view, properties, "OCGs")
    if listed != groups or not on | off <= listed or on & off:
        raise irregular("a layer that the file does not list, or twice")
    hidden = view.value(config.get("BaseState")) == "OFF"
    for number in listed:
        group = view.value(Reference(number, 0))
        shown = number not in off and (not hidden or number in on)
        if isinstance(group, dict):
            _check_usage(view, group, shown=shown)
    for each in items_of(view, config, "AS"):
        kinds = items_of(view, each, "Category") if isinstance(each, dict) else []
        if set(map(str, kinds)) & {"Language", "User", "Zoom"}:
            raise differently("a layer that depends on the person or program")


def check_membership(view: View, found: Value, groups: set[int]) -> None:
    """Check what says in which layers something is (§8.11.2.2).

    It may be missing, or be of another kind. Raises ``RefusedError``.
    """
    entries = view.value(found)
    if not isinstance(entries, dict):
        return
    kind = view.value(entries.get("Type"))
    if kind != "OCMD" and not entries.keys() & {"OCGs", "VE"}:
        if kind == "OCG" and not isinstance(found, Reference):
            raise irregular("a layer that the file does not list")
        return
    listed = entries.get("OCGs")
    if not (isinstance(listed, Reference) and listed.number in groups):
        listed = view.value(listed)
    members = listed if isinstance(listed, list) and listed else [listed]
    known = {
        each.number
        for each in members[: _MAX_MEMBERS + 1]
        if isinstance(each, Reference)
    }
    if "VE" in entries or not len(known) == len(members) <= _MAX_MEMBERS:
        raise irregular("something in layers that programs read differently")
    if not known <= groups:
        raise irregular("something in layers that programs read differently")


def _check_usage(view: View, group: dict[str, Value], *, shown: bool) -> None:
    """Check that a layer's usage agrees: some programs follow it, and others don't."""
    intents = view.value(group.get("Intent"))
    if intents is not None and "View" not in (
        intents if isinstance(intents, list) else [intents]
    ):
        raise differently("a layer that is not for viewing")
    usage = view.value(group.get("Usage"))
    for kind in ("View", "Print", "Export"):
        said = view.value(usage.get(kind)) if isinstance(usage, dict) else None
        state = view.value(said.get(f"{kind}State")) if isinstance(said, dict) else None
        if state is not None and (state == "ON") != shown:
            raise differently("a layer for screen or paper only")
    if isinstance(usage, dict) and "Zoom" in usage:
        raise differently("a layer for some sizes only")


def _numbers(view: View, holder: dict[str, Value], key: str) -> set[int]:
    found = view.value(holder.get(key))
    items = found if isinstance(found, list) else []
    return {each.number for each in items if isinstance(each, Reference)}


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
    if (
        bits < 0
        or not isinstance(kind, Name)
        or not is_box(view, annotation.get("Rect"))
    ):
        raise irregular("an annotation with odd flags, of no kind or at no place")
    looks = view.value(annotation.get("AP"))
    looks = looks if isinstance(looks, dict) else {}
    yield from _forms(view, looks)
    if view.value(looks.get("N")):
        if kind in _WITHOUT_LOOKS:
            raise differently(f"a {kind} that some programs draw")
        if has_area(view, annotation):
            _check_flags(bits)
            _check_state(view, annotation, looks)
    elif kind in _WITHOUT_LOOKS:
        if not bits & _HIDDEN and _is_drawn_by_some(view, annotation):
            raise differently(f"a {kind} that some programs draw")
    elif (
        not bits & (_HIDDEN | _NO_VIEW)
        and has_area(view, annotation)
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
    if not (isinstance(state, Name) and state) or (value in states and value != state):
        raise irregular("a field that some programs show in another state")
    if view.value(states.get(state)) is None and not (
        state == "Off"
        and next(_inherited(view, annotation, "FT"), None) == "Btn"
        and not _colors(view, annotation)
    ):
        raise irregular("a note or field that each program draws by itself")


def has_area(view: View, annotation: dict[str, Value]) -> bool:
    """Return whether an annotation has an area."""
    left, bottom, right, top = items_of(view, annotation, "Rect")
    return not same(left, right) and not same(bottom, top)


def _is_empty(view: View, field: dict[str, Value]) -> bool:
    """Return whether a field without looks has nothing that a program could draw."""
    kind = next(_inherited(view, field, "FT"), None)
    value = next(_inherited(view, field, "V"), None)
    return not _colors(view, field) and (
        kind == "Sig" or (kind == "Tx" and value in (None, b""))
    )


def _colors(view: View, field: dict[str, Value]) -> bool:
    """Return whether a program may paint a field, or its border, by itself."""
    looks = view.value(field.get("MK"))
    return isinstance(looks, dict) and bool(looks.keys() & {"BG", "BC"})


def _is_drawn_by_some(view: View, annotation: dict[str, Value]) -> bool:
    """Return whether it is a link with a border, or a window that is open.

    Firefox, Ghostscript and poppler draw a border that has a color; MuPDF and PDFium
    don't. Ghostscript prints the window.
    """
    if annotation.get("Subtype") != "Link":
        return view.value(annotation.get("Open")) is True
    style = view.value(annotation.get("BS"))
    border = items_of(view, annotation, "Border")
    width = border[2] if len(border) > 2 else None
    if isinstance(style, dict):
        width = view.value(style.get("W"))
    drawn = not isinstance(width, Number) or float(width) != 0
    return drawn and bool(items_of(view, annotation, "C"))


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


def items_of(view: View, holder: dict[str, Value], key: str) -> list[Value]:
    """Return what is in an array of a dictionary, which may be missing."""
    found = view.value(holder.get(key))
    return [view.value(each) for each in found] if isinstance(found, list) else []
