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
from kortilla.signing.verification.pdf.filters import SLOW
from kortilla.signing.verification.pdf.layers import check_membership
from kortilla.signing.verification.pdf.lexical import (
    Reference,
    Stream,
    Value,
    differently,
    irregular,
    whole,
)
from kortilla.signing.verification.pdf.objects import View
from kortilla.signing.verification.pdf.resources import Checks

_MAX_DEPTH = 30
#: Where two parts of a page's contents may meet: not within a word.
_DELIMITERS = b"\t\n\f\r ()<>[]{}/%"
_IN_LINE = re.compile(rb"\\.|[()%]", re.DOTALL)
_COMMENT = re.compile(rb"%[^\r\n]*")
_MAX_LINE = 10_000  # octets
#: What an octet costs that Python unpacks, in octets that are only read.
_COST_OF_SLOW, _COST_OF_PREDICTOR = 4, 12
_COST_OF_CHECK = 20  # stops

Resources = dict[str, Value]


class Drawings:
    """What a PDF draws, as of a revision.

    ``budget`` is that of the whole file, and ``groups`` are its layers.
    """

    def __init__(self, view: View, budget: Budget, groups: set[int]) -> None:
        self._view, self._budget = view, budget
        self._groups = groups
        self._checks = Checks(view, self._data)
        self._done: set[Hashable] = set()
        self._of_pages: dict[Hashable, Used] = {}
        self._under_way: set[Hashable] = set()
        self._numbered: dict[int, Resources] = {}

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
        if SLOW & {*map(str, self._view.listed(stream.entries.get("Filter")))}:
            cost += _COST_OF_SLOW * len(stream.raw)
        if "DecodeParms" in stream.entries:
            cost += _COST_OF_PREDICTOR * len(data)
        self._budget.take(octets=cost)
        return data

    def check_form(self, reference: Value, above: Resources) -> None:
        """Check a form. One without resources has those of what is ``above``.

        Raises ``RefusedError``.
        """
        form = self._view.value(reference)
        if not isinstance(form, Stream) or form.entries.get("Subtype") != "Form":
            raise irregular("a form that is none")
        self._checks.matrix(form.entries)
        has_area = self._checks.has_area(form.entries.get("BBox"))
        if form.entries.keys() & {"Ref", "PS"} or not (has_area or self.is_blank(form)):
            raise irregular("a form without an area, or of another file")
        self._read(reference, form, "form", above)

    def is_blank(self, form: Value) -> bool:
        """Return whether a form draws nothing."""
        return isinstance(form, Stream) and not _COMMENT.sub(
            b"", self._data(form)
        ).strip(b"\0\t\n\f\r ")

    def _read(
        self, reference: Value, stream: Stream, kind: Kind, above: Resources
    ) -> None:
        resources = self._view.value(stream.entries.get("Resources"))
        inherits = not isinstance(resources, dict)
        known = (reference, kind, self._number_of(above) if inherits else None)
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

    def _number_of(self, resources: Resources) -> int:
        """Return a number of some resources, which no others get."""
        self._numbered[id(resources)] = resources  # so that its id stays its own
        return id(resources)

    def _follow(self, used: Used, resources: Resources) -> None:
        self._budget.take(stops=len(used.names) + _COST_OF_CHECK * len(used.colours))
        self._checks.defaults(resources)
        for kind, name in sorted(used.names):
            holder = self._view.value(resources.get(kind))
            found = holder.get(name) if isinstance(holder, dict) else None
            known = (kind, found) if isinstance(found, Reference) else None
            if known is None or known not in self._done:
                self._budget.take(stops=_COST_OF_CHECK)
                value = self._view.value(found)
                if value is None:
                    raise irregular(f"the resource {name[:40]}, which is not there")
                if self._settled(kind, found, value, resources) and known is not None:
                    self._done.add(known)
        for space, count, is_pattern in used.colours:
            if count != self._checks.color(space, resources, is_pattern=is_pattern):
                raise irregular("a color with more or fewer parts than its color space")

    def _settled(
        self, kind: str, found: Value, value: Value, resources: Resources
    ) -> bool:
        """Check a resource. Returns whether it needs no other ``resources``.

        Many pages have the same one.
        """
        settled = True
        match kind:
            case "XObject":
                settled = self._check_object(found, value, resources)
            case "Font":
                settled = self._check_font(value, resources)
            case "ExtGState":
                settled = self._check_state(value, resources)
            case "Pattern":
                self._checks.pattern(value)
                if isinstance(value, Stream):
                    plain = whole(self._view.value(value.entries.get("PaintType"))) == 1
                    self._read(
                        found, value, "page" if plain else "uncoloured", resources
                    )
            case "Shading":
                self._checks.shading(value)
            case "Properties":
                check_membership(self._view, found, self._groups)
        return settled

    def _check_object(self, found: Value, value: Value, resources: Resources) -> bool:
        if not isinstance(value, Stream):
            raise irregular("an image that is none")
        if self._view.value(value.entries.get("Alternates")) is not None:
            raise differently("an image with alternates for paper or screen")
        check_membership(self._view, value.entries.get("OC"), self._groups)
        if value.entries.get("Subtype") == "Image":
            self._checks.image(value)
            return True
        self.check_form(found, resources)
        return isinstance(self._view.value(value.entries.get("Resources")), dict)

    def _check_font(self, value: Value, resources: Resources) -> bool:
        """Check that a font is one: some programs draw no text with what is none."""
        self._checks.font(value)
        font = value if isinstance(value, dict) else {}
        if self._view.value(font.get("Subtype")) != "Type3":
            return True
        own = self._view.value(font.get("Resources"))
        glyphs = self._view.value(font.get("CharProcs"))
        for each in glyphs.values() if isinstance(glyphs, dict) else ():
            self._budget.take(stops=1)
            glyph = self._view.value(each)
            if not isinstance(glyph, Stream):
                raise irregular("a glyph that is none")
            self._read(
                each, glyph, "glyph", own if isinstance(own, dict) else resources
            )
        return isinstance(own, dict)

    def _check_state(self, value: Value, resources: Resources) -> bool:
        if not isinstance(value, dict):
            raise irregular("a graphics state that is none")
        self._checks.state(value)
        mask = self._view.value(value.get("SMask"))
        if isinstance(mask, dict):
            self.check_form(mask.get("G"), resources)
        font = self._view.value(value.get("Font"))
        if isinstance(font, list) and font:
            self._check_font(self._view.value(font[0]), resources)
        return not isinstance(mask, dict) and not font


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
