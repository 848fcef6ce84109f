# SPDX-License-Identifier: MIT
"""Follows what pages draw: contents, forms, patterns, glyphs and soft masks.

Each stream is read once, from pages and appearances on, with the resources that it
names (ISO 32000-2 §7.8.3).
"""

import re
from collections.abc import Hashable

from kortilla.signing.verification.pdf.contents import (
    BETWEEN_PARTS,
    Budget,
    Kind,
    Used,
    check_contents,
)
from kortilla.signing.verification.pdf.lexical import (
    Name,
    Reference,
    Stream,
    Value,
    irregular,
    whole,
)
from kortilla.signing.verification.pdf.notes import differently
from kortilla.signing.verification.pdf.objects import View

_FONTS = {"MMType1", "TrueType", "Type0", "Type1", "Type3"}
_COMPONENTS = {
    **dict.fromkeys(("DeviceGray", "CalGray", "Indexed", "Separation"), 1),
    **dict.fromkeys(("DeviceRGB", "CalRGB", "Lab"), 3),
    "DeviceCMYK": 4,
}
_MAX_DEPTH = 30
#: Where two parts of a page's contents may meet: not within a word.
_DELIMITERS = b"\t\n\f\r ()<>[]{}/%"
_IN_LINE = re.compile(rb"\\.|[()%]", re.DOTALL)
_MAX_LINE = 10_000  # octets
#: What an octet costs that Python unpacks, in octets that are only read.
_COST_OF_OTHERS, _COST_OF_PREDICTOR = 4, 12

Resources = dict[str, Value]


class Drawings:
    """What a PDF draws, as of a revision. ``budget`` is that of the whole file."""

    def __init__(self, view: View, budget: Budget) -> None:
        self._view, self._budget = view, budget
        self._done: set[Hashable] = set()
        self._of_pages: dict[Hashable, Used] = {}
        self._under_way: set[Hashable] = set()

    def check_page(self, page: dict[str, Value], resources: Resources | None) -> None:
        """Check the contents of a page. Raises ``RefusedError``."""
        contents = self._view.value(page.get("Contents"))
        if contents is None:
            return
        if resources is None:
            raise irregular("a page without resources")
        listed = contents if isinstance(contents, list) else [page["Contents"]]
        known = tuple(each for each in listed if isinstance(each, Reference))
        if len(known) < len(listed):
            raise irregular("contents that are none")
        if known not in self._of_pages:
            data = BETWEEN_PARTS.join(self._parts_of(known))
            self._of_pages[known] = check_contents(data, "page", self._budget)
        self._follow(self._of_pages[known], resources)

    def _parts_of(self, listed: tuple[Reference, ...]) -> list[bytes]:
        """Return the parts of contents, which must be split between words."""
        parts: list[bytes] = []
        for each in listed:
            part = self._view.value(each)
            if not isinstance(part, Stream):
                raise irregular("contents that are none")
            more = self._data(part).rstrip(b"\0")
            if not more:
                continue
            if parts:
                if more[0] not in _DELIMITERS and parts[-1][-1] not in _DELIMITERS:
                    raise irregular("contents that are split within a word")
                if _ends_in_comment(parts[-1]):
                    raise irregular("contents that are split within a comment")
            parts.append(more)
        return parts

    def _data(self, stream: Stream) -> bytes:
        """Return the octets of a stream, and take the time for them."""
        data = self._view.data(stream)
        cost = len(data)
        if self._view.value(stream.entries.get("Filter")) not in (None, "FlateDecode"):
            cost += _COST_OF_OTHERS * len(stream.raw)
        if "DecodeParms" in stream.entries:
            cost += _COST_OF_PREDICTOR * len(data)
        self._budget.take(octets=cost)
        return data

    def check_form(self, reference: Value, above: Resources) -> None:
        """Check a form. One without resources has those of what is ``above``.

        Raises ``RefusedError``.
        """
        form = self._view.value(reference)
        if (
            not isinstance(form, Stream)
            or form.entries.get("Subtype", "Form") != "Form"
        ):
            raise irregular("a form that is none")
        box = self._view.value(form.entries.get("BBox"))
        if form.entries.keys() & {"Ref", "PS"} or not _is_box(box):
            raise irregular("a form without an area, or of another file")
        self._read(reference, form, "form", above)

    def _read(
        self, reference: Value, stream: Stream, kind: Kind, above: Resources
    ) -> None:
        resources = self._view.value(stream.entries.get("Resources"))
        inherits = not isinstance(resources, dict)
        known = (reference, kind, id(above) if inherits else None)
        if not isinstance(reference, Reference) or reference in self._under_way:
            raise irregular("a form that draws itself")
        if known in self._done:
            return
        if len(self._under_way) > _MAX_DEPTH:
            raise irregular("forms deep in others")
        self._under_way.add(reference)
        used = check_contents(self._data(stream), kind, self._budget)
        self._follow(used, resources if isinstance(resources, dict) else above)
        self._under_way.remove(reference)
        self._done.add(known)

    def _follow(self, used: Used, resources: Resources) -> None:
        self._budget.take(stops=len(used.names) + len(used.colours))
        for kind, name in used.names:
            holder = self._view.value(resources.get(kind))
            found = holder.get(name) if isinstance(holder, dict) else None
            value = self._view.value(found)
            if value is None:
                raise irregular(f"the resource {name[:40]}, which is not there")
            match kind:
                case "XObject":
                    self._check_object(found, value, resources)
                case "Font":
                    self._check_font(found, value, resources)
                case "ExtGState":
                    self._check_state(found, value, resources)
                case "Pattern":
                    self._check_pattern(found, value, resources)
        for space, count, is_pattern in used.colours:
            if count != self._count(space, resources, is_pattern=is_pattern):
                raise irregular("a color with more or fewer parts than its color space")

    def _check_object(self, found: Value, value: Value, resources: Resources) -> None:
        if not isinstance(value, Stream):
            raise irregular("an image that is none")
        if self._view.value(value.entries.get("Alternates")) is not None:
            raise differently("an image with alternates for paper or screen")
        if value.entries.get("Subtype") != "Image":
            self.check_form(found, resources)

    def _check_font(self, found: Value, value: Value, resources: Resources) -> None:
        """Check that a font is one: some programs draw no text with what is none."""
        if isinstance(found, Reference) and found in self._done:
            return
        font = value if isinstance(value, dict) else {}
        kind = self._view.value(font.get("Subtype"))
        if kind not in _FONTS or (kind != "Type3" and "BaseFont" not in font):
            raise irregular("a font that is none")
        if isinstance(found, Reference):
            self._done.add(found)
        if kind == "Type3":
            own = self._view.value(font.get("Resources"))
            glyphs = self._view.value(font.get("CharProcs"))
            for each in glyphs.values() if isinstance(glyphs, dict) else ():
                glyph = self._view.value(each)
                if not isinstance(glyph, Stream):
                    raise irregular("a glyph that is none")
                above = own if isinstance(own, dict) else resources
                self._read(each, glyph, "glyph", above)

    def _check_state(self, found: Value, value: Value, resources: Resources) -> None:
        if not isinstance(value, dict):
            raise irregular("a graphics state that is none")
        mask = self._view.value(value.get("SMask"))
        if isinstance(mask, dict):
            self.check_form(mask.get("G"), resources)
        font = self._view.value(value.get("Font"))
        if isinstance(font, list) and font:
            self._check_font(font[0], self._view.value(font[0]), resources)

    def _check_pattern(self, found: Value, value: Value, resources: Resources) -> None:
        if isinstance(value, Stream):
            plain = whole(self._view.value(value.entries.get("PaintType"))) == 1
            self._read(found, value, "page" if plain else "uncoloured", resources)
        elif not isinstance(value, dict) or "Shading" not in value:
            raise irregular("a pattern that is none")

    def _count(
        self, name: str | None, resources: Resources, *, is_pattern: bool
    ) -> int:
        """Return how many numbers a color of a space has, or -1 if nobody knows."""
        named = self._view.value(resources.get("ColorSpace"))
        space: Value = None if name is None else Name(name)
        if isinstance(named, dict) and name in named:
            space = self._view.value(named[name])
        kind, more = self._split(space)
        if (kind == "Pattern") != is_pattern:
            return -1
        if not is_pattern:
            return self._parts(space)
        return self._parts(more) if more is not None else 0

    def _parts(self, space: Value) -> int:
        kind, more = self._split(space)
        if kind == "ICCBased" and isinstance(more, Stream):
            return whole(self._view.value(more.entries.get("N")))
        if kind == "DeviceN" and isinstance(more, list):
            return len(more)
        return _COMPONENTS.get(str(kind), -1)

    def _split(self, space: Value) -> tuple[Value, Value]:
        """Return the family of a color space, and what comes after it."""
        space = self._view.value(space)
        items = space if isinstance(space, list) else [space]
        kind, more = ([self._view.value(each) for each in items[:2]] + [None] * 2)[:2]
        return kind, more


def _is_box(value: Value) -> bool:
    return isinstance(value, list) and len(value) == 4


def _ends_in_comment(data: bytes) -> bool:
    """Return whether a part of contents may have a comment at its end."""
    line = data[max(data.rfind(b"\n"), data.rfind(b"\r")) + 1 :]
    if b"%" not in line:
        return False
    depth = 0
    for found in _IN_LINE.finditer(line[-_MAX_LINE:]):
        depth += {b"(": 1, b")": -1}.get(found[0], 0)
        if found[0] == b"%" and depth <= 0:  # not in a text, also of an earlier line
            return True
    return len(line) > _MAX_LINE
