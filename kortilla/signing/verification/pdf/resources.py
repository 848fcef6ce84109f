# SPDX-License-Identifier: MIT
"""Checks what pages draw with: images, states, colors, shadings, patterns and fonts.

Programs draw what is not as ISO 32000-2 wants it in different ways, or not at all. So
each has the entries that its table wants. What is inside of pictures, fonts, profiles
and functions is not checked.
"""

import re
from collections.abc import Callable

from kortilla.signing.verification.pdf.images import DEVICES
from kortilla.signing.verification.pdf.lexical import (
    Name,
    Number,
    Reference,
    Stream,
    Value,
    irregular,
    whole,
)
from kortilla.signing.verification.pdf.objects import View, has_area

_SIMPLE_FONTS = {"MMType1", "TrueType", "Type1"}
#: Names of color spaces in place of a device's (§8.6.5.6).
_DEFAULTS = {name.replace("Device", "Default"): n for name, n in DEVICES.items()}
_BY_WHITE_POINT = {"CalGray": 1, "CalRGB": 3, "Lab": 3}
#: The color spaces of ICC profiles (ICC.1 §7.2.6), by how many components a color has.
_PROFILES = {1: {b"GRAY"}, 3: {b"RGB ", b"Lab "}, 4: {b"CMYK"}}
_BLENDING = {
    *("Color", "ColorBurn", "ColorDodge", "Compatible", "Darken", "Difference"),
    *("Exclusion", "HardLight", "Hue", "Lighten", "Luminosity", "Multiply", "Normal"),
    *("Overlay", "Saturation", "Screen", "SoftLight"),
}
_MAX_DEPTH, _MAX_INDEX, _MAX_NAMES, _MAX_FUNCTIONS = 5, 255, 8, 8
#: The begin of a picture, and of its data (ITU-T T.81 §B.1.1.3).
_JPEG = re.compile(rb"\xff\xd8.*?\xff\xda", re.DOTALL)
#: The exponents that programs apply, or leave out, with little difference.
_GAMMA = 1.0, 3.0

Entries = dict[str, Value]


class Checks:
    """Checks resources as of a revision. ``data`` unpacks a stream.

    Its methods raise ``RefusedError``, mostly IRREGULAR.
    """

    def __init__(self, view: View, data: Callable[[Stream], bytes]) -> None:
        self._view, self._data = view, data
        self._heads: dict[Value, bytes] = {}  # of profiles

    def image(self, image: Stream, depth: int = 0) -> None:
        """Check an image (§8.9.5)."""
        get, entries = self._get, image.entries
        filters = self._view.listed(entries.get("Filter"))
        last = filters[-1] if filters else None
        mask, bits = get(entries, "ImageMask"), get(entries, "BitsPerComponent")
        sizes = [whole(get(entries, each)) for each in ("Width", "Height")]
        if min(sizes) < 1 or not isinstance(mask, bool | None):
            raise irregular("an image without its size")
        if filters == ["DCTDecode"] and not _JPEG.match(image.raw):
            raise irregular("a picture of another kind")
        count = 1
        if mask:
            fits = whole(bits) in {-1, 1}
            fits &= get(entries, "ColorSpace") in (None, "DeviceGray")
        elif last == "JPXDecode":
            fits, count = True, 0
        else:
            fits = whole(bits) in {1, 2, 4, 8, 16} or (bits is None and bool(filters))
            count = self.components(entries.get("ColorSpace"))
        if not fits or count < 0:
            raise irregular("an image without its colors")
        if count and get(entries, "Decode") is not None:
            self.numbers(entries.get("Decode"), 2 * count)
        if {"Mask", "SMask"} <= entries.keys():
            raise irregular("an image of two masks")
        other = get(entries, "SMask") or get(entries, "Mask")
        if isinstance(other, Stream) and depth < _MAX_DEPTH:
            self.image(other, depth + 1)
        elif isinstance(other, list) and count:
            self.numbers(other, 2 * count)
            if any(whole(self._view.value(each)) < 0 for each in other):
                raise irregular("a mask of colors that are none")
        elif other is not None and other != "None":
            raise irregular("a mask that is none")

    def state(self, state: Entries) -> None:
        """Check a graphics state (§8.4.5)."""
        for key in {"CA", "ca"} & state.keys():
            if not 0 <= self._number(state[key]) <= 1:
                raise irregular("an opacity that is none")
        if "BM" in state and self._name(state, "BM") not in _BLENDING:
            raise irregular("a blend mode that is none")
        for key in {"TR", "TR2"} & state.keys():
            if self._name(state, key) not in {"Identity", "Default"}:
                raise irregular("a function that changes colors")
        mask = self._get(state, "SMask")
        if isinstance(mask, dict):
            group = self._get(mask, "G")
            kind = self._get(group.entries, "Group") if isinstance(group, Stream) else 0
            if (
                self._name(mask, "S") not in {"Alpha", "Luminosity"}
                or ("TR" in mask and self._name(mask, "TR") != "Identity")
                or not isinstance(kind, dict)
            ):
                raise irregular("a mask that is none")
        elif mask is not None and mask != "None":
            raise irregular("a mask that is none")

    def shading(self, shading: Value) -> None:
        """Check a shading (§8.7.4.5)."""
        entries = shading.entries if isinstance(shading, Stream) else shading
        if not isinstance(entries, dict):
            raise irregular("a shading that is none")
        kind = whole(self._get(entries, "ShadingType"))
        if (kind in {1, 2, 3}) == isinstance(shading, Stream) or not 0 < kind < 8:
            raise irregular("a shading of another kind")
        if self.components(entries.get("ColorSpace")) < 1:
            raise irregular("a shading without its colors")
        if kind < 4 or "Function" in entries:
            functions = self._get(entries, "Function")
            functions = functions if isinstance(functions, list) else [functions]
            if len(functions) > _MAX_FUNCTIONS:
                raise irregular("a shading of many functions")
            for each in functions:
                self._check_function(each)
        if kind in {2, 3}:
            ends = self.numbers(entries.get("Coords"), 2 * kind)
            if ends[:kind] == ends[kind:] or (kind == 3 and min(ends[2::3]) < 0):
                raise irregular("a shading from a place to itself")
            if "Domain" in entries:
                first, last = self.numbers(entries["Domain"], 2)
                if first >= last:
                    raise irregular("a shading of no parts")

    def pattern(self, pattern: Value) -> None:
        """Check a pattern (§8.7.3 and §8.7.4)."""
        entries = pattern.entries if isinstance(pattern, Stream) else pattern
        if not isinstance(entries, dict):
            raise irregular("a pattern that is none")
        self.matrix(entries)
        kind = whole(self._get(entries, "PatternType"))
        if kind == 2 and not isinstance(pattern, Stream):
            self.shading(self._get(entries, "Shading"))
            return
        steps = [self._number(entries.get(key)) for key in ("XStep", "YStep")]
        if (
            kind != 1
            or not isinstance(pattern, Stream)
            or not all(steps)
            or not self.has_area(entries.get("BBox"))
            or not isinstance(self._get(entries, "Resources"), dict)
        ):
            raise irregular("a pattern that is none")

    def font(self, font: Value) -> None:
        """Check a font (§9.6 and §9.7)."""
        entries = font if isinstance(font, dict) else {}
        kind, get = self._name(entries, "Subtype"), self._get
        if kind == "Type3":
            self.numbers(entries.get("FontBBox"), 4)
            self.numbers(entries.get("FontMatrix"), 6)
            fits = isinstance(get(entries, "Encoding"), Name | dict)
        elif kind == "Type0":
            below = get(entries, "DescendantFonts")
            below = below if isinstance(below, list) and len(below) == 1 else [None]
            cid = self._view.value(below[0])
            fits = isinstance(cid, dict) and self._name(cid, "Subtype") in {
                "CIDFontType0",
                "CIDFontType2",
            }
            fits &= isinstance(get(entries, "Encoding"), Name | Stream)
        else:
            fits = kind in _SIMPLE_FONTS
        if not fits or (kind != "Type3" and "BaseFont" not in entries):
            raise irregular("a font that is none")

    def defaults(self, resources: Entries) -> None:
        """Check the color spaces that stand for those of devices (§8.6.5.6)."""
        named = self._get(resources, "ColorSpace")
        named = named if isinstance(named, dict) else {}
        for key in _DEFAULTS.keys() & named.keys():
            kind, *_ = self._split(named[key])
            if (
                kind not in {"CalGray", "CalRGB", "ICCBased"}
                or self.components(named[key]) != _DEFAULTS[key]
            ):
                raise irregular("a color space in place of a device's")

    def color(self, name: str | None, resources: Entries, *, is_pattern: bool) -> int:
        """Return how many numbers a color of a space has, or -1 if nobody knows.

        ``name`` is that of the space, None for one that was set before.
        """
        named = self._get(resources, "ColorSpace")
        space: Value = None if name is None else Name(name)
        if isinstance(named, dict) and name in named:
            space = self._view.value(named[name])
        kind, *more = self._split(space)
        if (kind == "Pattern") != is_pattern or kind == "Indexed":
            return -1  # programs differ in what comes after the last color of an index
        if not is_pattern:
            return self.components(space)
        return self.components(more[0]) if more else 0

    def components(self, space: Value, depth: int = 0) -> int:
        """Return how many components a color has, or -1 if nobody knows (§8.6)."""
        kind, *more = self._split(space)
        first = self._view.value(more[0]) if more else None
        if kind in DEVICES:
            found = DEVICES[str(kind)]
        elif kind in _BY_WHITE_POINT and isinstance(first, dict):
            found = self._by_white_point(str(kind), first)
        elif kind == "ICCBased" and isinstance(first, Stream):
            found, head = whole(self._get(first.entries, "N")), self._head(more[0])
            if head[36:] != b"acsp" or head[16:20] not in _PROFILES.get(found, set()):
                found = -1
        elif kind in {"DeviceN", "Indexed", "Separation"} and len(more) > 2:
            found = self._by_another(kind == "Indexed", more, depth)
        else:
            found = -1
        return found

    def _head(self, profile: Value) -> bytes:
        """Return the begin of a profile. Many pages have the same one."""
        stream = self._view.value(profile)
        if isinstance(profile, Reference) and isinstance(stream, Stream):
            if profile not in self._heads:
                self._heads[profile] = self._data(stream)[:40]
            return self._heads[profile]
        return b""

    def _by_white_point(self, kind: str, entries: Entries) -> int:
        gamma = self._get(entries, "Gamma")
        values = gamma if isinstance(gamma, list) else [gamma]
        known = [self._number(each) for each in values[:4] if each is not None]
        fits = len(values) in {1, 3} and all(
            _GAMMA[0] <= each <= _GAMMA[1] for each in known
        )
        return _BY_WHITE_POINT[kind] if fits else -1

    def _by_another(self, is_index: bool, more: list[Value], depth: int) -> int:
        """Return those of a space whose colors are those of another one."""
        first, second, third = (self._view.value(each) for each in more[:3])
        base = 0
        if depth < _MAX_DEPTH:
            base = self.components(more[0] if is_index else second, depth + 1)
        if is_index:
            table = self._data(third) if isinstance(third, Stream) else third
            last = whole(second)
            fits = isinstance(table, bytes) and len(table) >= (last + 1) * base > 0
            return 1 if fits and last <= _MAX_INDEX else -1
        names = first if isinstance(first, list) else [first]
        if len(names) > _MAX_NAMES:
            return -1
        self._check_function(third)
        # Some programs draw nothing with these two, and others the alternate color.
        fits = base > 0 and not {"All", "None"} & {*map(str, names)}
        return len(names) if fits else -1

    def has_area(self, box: Value) -> bool:
        """Return whether a rectangle has an area. Raises for one that is none."""
        found = self._view.rectangle(box)
        if found is None:
            raise irregular("an area that is none")
        return has_area(found)

    def matrix(self, entries: Entries) -> None:
        """Check a matrix (§8.3.4), which may be missing."""
        if "Matrix" in entries:
            self.numbers(entries["Matrix"], 6)

    def numbers(self, value: Value, count: int) -> list[float]:
        """Return an array of some numbers."""
        found = self._view.value(value)
        if not isinstance(found, list) or len(found) != count:
            raise irregular("an array of more or fewer numbers")
        return [self._number(each) for each in found]

    def _number(self, value: Value) -> float:
        found = self._view.value(value)
        if not isinstance(found, Number):
            raise irregular("something in place of a number")
        return float(found)

    def _check_function(self, function: Value) -> None:
        found = self._view.value(function)
        entries = found.entries if isinstance(found, Stream) else found
        if not isinstance(entries, dict) or whole(
            self._get(entries, "FunctionType")
        ) not in {0, 2, 3, 4}:
            raise irregular("a function that is none")

    def _get(self, entries: Entries, key: str) -> Value:
        return self._view.value(entries.get(key))

    def _name(self, entries: Entries, key: str) -> str:
        found = self._get(entries, key)
        return found if isinstance(found, Name) else ""

    def _split(self, space: Value) -> list[Value]:
        """Return the family of a color space, and what comes after it."""
        found = self._view.value(space)
        items = found if isinstance(found, list) and found else [found]
        kind = self._view.value(items[0])
        return [kind if isinstance(kind, Name) else None, *items[1:]]
