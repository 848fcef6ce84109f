# SPDX-License-Identifier: MIT
"""Reads what a page, form, pattern or glyph draws (ISO 32000-2 §7.8.2 and Annex A).

Programs go on in different ways after a number such as ``720-9000``, an operator with
too few operands or an image without an end. So contents are read by the standard's
grammar to the letter, and refused where they leave it.

Long contents consist of runs of operations that change nothing outside themselves. One
regular expression reads a run without trying anything twice. Only what comes between
the runs takes Python's time.
"""

import re
from dataclasses import dataclass, field
from typing import Literal

from kortilla.signing.verification.findings import RefusedError
from kortilla.signing.verification.pdf.images import DEVICES, read_image
from kortilla.signing.verification.pdf.lexical import Name, irregular, read

#: What stands between the parts of a page's contents: a blank and a comment in a
#: program, and refused within a text, a word or an image.
BETWEEN_PARTS = b"\n%\r"

#: ``glyph`` is one of a Type 3 font, ``uncoloured`` a pattern without colours.
Kind = Literal["page", "form", "glyph", "uncoloured"]

_MAX_NESTED, _MAX_STRING = 200, 32_767
_COST_OF_IMAGE, _COST_OF_VALUE = 20, 5  # stops
#: Colour components, of which DeviceN may have 32 (Annex C).
_MAX_COMPONENTS = 32
_DEVICES = {b"g": "DeviceGray", b"rg": "DeviceRGB", b"k": "DeviceCMYK"}

_SPACE = r"[\t\n\f\r ]"
_DELIMITER = r"[\t\n\f\r ()<>\[\]{}/%]"
_REGULAR = r"[^\0\t\n\f\r ()<>\[\]{}/%#]"
#: Blanks that may be missing (o), or not (s); the end of a word (e).
_O = rf"{_SPACE}*+(?:%[^\r\n]*+{_SPACE}++)*+"
_S = rf"{_SPACE}++(?:%[^\r\n]*+{_SPACE}++)*+"
_E = rf"(?={_DELIMITER}){_O}"
#: Programs hold other digits before the point, and other words, differently. They draw
#: nothing, or something else, at places far away.
_UNSIGNED = r"(?:\d{1,7}+(?:\.\d{0,60}+)?+|\.\d{1,60}+)"
_NUMBER = rf"[+-]?+{_UNSIGNED}"
_NAME = rf"/(?:{_REGULAR}|\#(?!00)[0-9A-Fa-f]{{2}}){{1,127}}+"
_HEX = rf"<(?:[0-9A-Fa-f]++|{_SPACE}++)*+>"
#: Some programs read a bare CR in a text as LF, as they should.
_ESCAPE = r"\\(?:[nrtbf()\\\n]|\r\n?+|[0-3][0-7]{0,2}+|[4-7][0-7]?+(?![0-7]))"


def _nested(begin: str, inside: str, end: str, depth: int) -> str:
    inner = f"|{_nested(begin, inside, end, depth - 1)}" if depth else ""
    return f"{begin}(?:{inside}{inner})*+{end}"


_TEXT = _nested(r"\(", rf"[^()\\\r]++|{_ESCAPE}", r"\)", 4)
_STRING = f"(?:{_TEXT}|{_HEX})"
_DICTIONARY = _nested("<<", rf"[^()<>%]++|%[^\r\n]*+|{_STRING}", ">>", 3)
_ARRAY = rf"\[(?:[^()<>\[\]%]++|{_STRING})*+\]"


def _operations(by_count: dict[int, str], at: int = 0) -> str:
    """Return operations by how many numbers come before them.

    The numbers are read once for all of them.
    """
    here = by_count.get(at, "")
    if at == max(by_count):
        return here
    deeper = f"{_NUMBER}{_S}(?:{_operations(by_count, at + 1)})"
    return f"{here}|{deeper}" if here else deeper


_TO_PATH = {0: "h" + _E, 2: f"[lm]{_E}", 4: f"(?:[vy]|re){_E}", 6: f"c{_E}"}
_PAINT = rf"(?:[fBb]\*?+|[SsFn]){_E}"
_END_OF_PATH = rf"(?:W\*?+{_E})?+{_PAINT}"
_PATH = rf"(?:{_operations(_TO_PATH)})*+{_END_OF_PATH}"
#: MuPDF sets colors within a path. That is not allowed, and all programs do the same.
_TO_COLORED_PATH = _TO_PATH | {
    1: f"[gG]{_E}",
    3: f"(?:rg|RG){_E}",
    4: f"(?:[vykK]|re){_E}",
}
_COLORED_PATH = (
    f"(?:{_operations({2: f'm{_E}', 4: f're{_E}'})})"
    f"(?:{_operations(_TO_COLORED_PATH)})*+{_END_OF_PATH}"
)
_STATE = (  # of graphics and text; on pages and in texts
    f"(?:{_UNSIGNED}{_S}[wMi]|[0-2]{_S}[Jj]|[0-7]{_S}Tr){_E}"
    # Some programs draw a line whose dashes are all zero, and others none.
    rf"|\[{_O}(?:(?=[^\]%]*[1-9])(?:{_UNSIGNED}{_E})++)?+\]{_O}{_UNSIGNED}{_S}d{_E}"
    f"|/(?:AbsoluteColorimetric|RelativeColorimetric|Saturation|Perceptual){_E}ri{_E}"
)
_SPACING = f"T[cwzLs]{_E}"
_ON_PAGE = _operations(
    {0: _PAINT, 1: _SPACING, 2: f"m{_E}{_PATH}", 4: f"re{_E}{_PATH}", 6: f"cm{_E}"}
)
_IN_TEXT = _operations({0: rf"T\*{_E}", 1: _SPACING, 2: f"T[dD]{_E}", 6: f"Tm{_E}"})
_SHOWING = (
    f"{_STRING}{_O}(?:Tj|'){_E}"
    rf"|\[{_O}(?:(?:{_STRING}|{_NUMBER}(?={_DELIMITER})){_O})*+\]{_O}TJ{_E}"
    f'|{_NUMBER}{_S}{_NUMBER}{_E}{_STRING}{_O}"{_E}'
)
_STOP = (
    # DocuSign and iText draw a picture so, also in texts, where it changes nothing.
    rf"(?P<end>\Z)|q{_E}(?:{_NUMBER}{_S}){{6}}cm{_E}(?P<drawn>{_NAME}){_O}Do{_E}Q{_E}"
    rf"|(?P<path>{_COLORED_PATH})|(?P<plain>[qQ]|BT|ET|EMC|BX|EX){_E}"
    f"|(?P<numbers>(?:{_NUMBER}{_SPACE}++){{0,{_MAX_COMPONENTS}}}+)"
    f"(?:(?P<device>[gGkK]|rg|RG){_E}"
    f"|(?P<pattern>{_NAME}|){_O}(?P<colour>scn?+|SCN?+){_E})"
    f"|(?P<name>{_NAME}){_O}(?:"
    f"(?P<named>Do|gs|sh|cs|CS|BMC|MP|{_NUMBER}{_S}Tf){_E}"
    f"|(?P<properties>{_NAME}|{_DICTIONARY}){_O}(?P<marked>BDC|DP){_E})"
    f"|BI{_E}(?P<image>(?:{_NAME}{_O}(?:{_NAME}|{_STRING}|{_NUMBER}|{_ARRAY}"
    f"|{_DICTIONARY}|true|false|null){_E})*+)ID{_SPACE}"
)


def _pattern(*runs: str) -> "re.Pattern[bytes]":
    return re.compile(f"(?:{'|'.join(runs)})*+(?:{_STOP})".encode("latin-1"))


_BEGIN = re.compile(_O.encode())
_PAGE = _pattern(_ON_PAGE, _STATE)
_TEXTS = _pattern(_IN_TEXT, _SHOWING, _STATE)
_TEXTS_WITHOUT_FONT = _pattern(_IN_TEXT, _STATE)
_ANY_STRING = re.compile(_STRING.encode("latin-1"))
_METRICS = re.compile(
    f"(?:{_NUMBER}{_S}){{2}}(?:(d0)|(?:{_NUMBER}{_S}){{4}}d1){_E}".encode()
)
_COLORS = re.compile(rb"\b(?:[gGkK]|rg|RG)\b")
_COMMENT = re.compile(rb"%[^\r\n]*")
_MARK = re.compile(rb"<<\s*/MCID\s+\d+\s*>>")
#: The kinds of resources by their operators.
_RESOURCES = {b"Do": "XObject", b"gs": "ExtGState", b"sh": "Shading"}
#: Color spaces that need no resource.
_SPACES = {*DEVICES, "Pattern"}

_State = tuple[str | None, str | None, bool]


@dataclass
class Budget:
    """What may still be read of all contents of a file.

    ``octets`` are unpacked ones; ``stops`` are operations between the runs.
    """

    octets: int = 80_000_000
    stops: int = 1_200_000

    def take(self, octets: int = 0, stops: int = 0) -> None:
        """Raise ``RefusedError`` if there is less."""
        self.octets -= octets
        self.stops -= stops
        if self.octets < 0 or self.stops < 0:
            raise RefusedError("TOO_SLOW", "contents")


@dataclass
class Used:
    """What contents use: names by their kind of resource (§7.8.3).

    ``colours`` are color spaces with how many numbers a colour has, and whether the
    name of a pattern. A space is None for one that was set before a form begins.
    """

    names: set[tuple[str, str]] = field(default_factory=set)
    colours: set[tuple[str | None, int, bool]] = field(default_factory=set)


def check_contents(data: bytes, kind: Kind, budget: Budget) -> Used:
    """Check contents, unpacked, and return what they use.

    The caller takes their octets of ``budget``, before it joins parts.
    Parts are joined by ``BETWEEN_PARTS``. Raises ``RefusedError``.
    """
    data = b"".join((b"\n", data, b"\n"))  # the other one is given up
    return _Reader(data, kind, budget).read()


class _Reader:
    def __init__(self, data: bytes, kind: Kind, budget: Budget) -> None:
        self._data, self._kind, self._budget = data, kind, budget
        self._used = Used()
        begin = None if kind == "form" else "DeviceGray"
        #: The color spaces of filling and stroking, and whether there is a font.
        self._state: _State = begin, begin, False
        self._saved: list[_State] = []
        #: How many marked parts are open outside of texts, and in this text.
        self._marks: list[int] = [0]
        self._sections = 0
        self._coloured = kind != "uncoloured"
        self._at = 0
        self._values: dict[bytes, str] = {}

    def read(self) -> Used:
        found = _BEGIN.match(self._data)
        self._at = 0 if found is None else found.end()
        if self._kind == "glyph":
            found = _METRICS.match(self._data, self._at)
            if found is None:
                raise irregular("a glyph without its width")
            self._coloured = found[1] is not None
            self._at = found.end()
        while self._at < len(self._data):
            pattern = _PAGE
            if len(self._marks) > 1:
                pattern = _TEXTS if self._state[2] else _TEXTS_WITHOUT_FONT
            found, at = pattern.match(self._data, self._at), self._at
            if found is not None:
                self._at = found.end()
                if self._at - at > _MAX_STRING:
                    self._check_strings(at)
            if found is None or not self._stop(found):
                raise irregular(f"contents that programs read differently at {at}")
        if self._saved or self._marks != [0] or self._sections:
            raise irregular("contents without their end")
        return self._used

    def _check_strings(self, at: int) -> None:
        """Refuse a string of which PDFium shows only the begin."""
        for found in _ANY_STRING.finditer(self._data, at, self._at):
            if found.end() - found.start() > _MAX_STRING:
                raise irregular("a long string in contents")

    def _stop(self, found: "re.Match[bytes]") -> bool:
        """Go on after a run. Returns whether what comes next is allowed here."""
        self._budget.take(stops=1)
        if found.lastgroup == "plain":
            return self._nest(found["plain"], in_text=len(self._marks) > 1)
        if found.lastgroup == "drawn":
            self._use("XObject", found["drawn"])
        further = {
            "path": self._path,
            "device": self._device,
            "colour": self._colour,
            "named": self._name,
            "marked": self._mark,
            "image": self._image,
        }.get(str(found.lastgroup))
        return further is None or further(found)

    def _nest(self, word: bytes, *, in_text: bool) -> bool:
        allowed = not in_text
        if word == b"q":
            self._saved.append(self._state)
            allowed &= len(self._saved) <= _MAX_NESTED
        elif word == b"Q":
            allowed &= bool(self._saved)
            self._state = self._saved.pop() if allowed else self._state
        elif word == b"BT":
            self._marks.append(0)
        elif word == b"ET":
            allowed = in_text and not self._marks.pop()
        elif word == b"EMC":
            self._marks[-1] -= 1
            allowed = self._marks[-1] >= 0
        else:
            self._sections += 1 if word == b"BX" else -1
            allowed = self._sections >= 0
        return allowed

    def _path(self, found: "re.Match[bytes]") -> bool:
        for name in _COLORS.findall(_COMMENT.sub(b"", found["path"])):
            self._set_space(_DEVICES[name.lower()], stroking=name.isupper())
        return self._coloured and len(self._marks) == 1

    def _device(self, found: "re.Match[bytes]") -> bool:
        name = found["device"]
        space = _DEVICES[name.lower()]
        self._set_space(space, stroking=name.isupper())
        return self._coloured and len(found["numbers"].split()) == DEVICES[space]

    def _set_space(self, space: str | None, *, stroking: bool) -> None:
        filled, stroked, font = self._state
        self._state = (filled, space, font) if stroking else (space, stroked, font)

    def _colour(self, found: "re.Match[bytes]") -> bool:
        """Read a colour. Of a pattern, only ``SCN`` and ``scn`` have the name."""
        word, pattern = found["colour"], found["pattern"]
        count = len(found["numbers"].split())
        space = self._state[1] if word.isupper() else self._state[0]
        self._used.colours.add((space, count, bool(pattern)))
        if pattern:
            self._use("Pattern", pattern)
        return self._coloured and (not pattern or word.lower() == b"scn")

    def _name(self, found: "re.Match[bytes]") -> bool:
        word, name = found["named"], found["name"]
        if word in {b"BMC", b"MP"}:
            self._marks[-1] += word == b"BMC"
            return name != b"/OC"
        if word.endswith(b"Tf"):
            self._use("Font", name)
            self._state = *self._state[:2], True
            return True
        if word.lower() == b"cs":
            self._set_space(self._value(name), stroking=word == b"CS")
            if self._value(name) not in _SPACES:
                self._use("ColorSpace", name)
            return self._coloured
        self._use(_RESOURCES[word], name)
        return word == b"gs" or len(self._marks) == 1

    def _mark(self, found: "re.Match[bytes]") -> bool:
        properties = found["properties"]
        self._marks[-1] += found["marked"] == b"BDC"
        if properties.startswith(b"/"):
            self._use("Properties", properties)
            return True
        if not _MARK.fullmatch(properties):
            self._value(properties)
        return found["name"] != b"/OC"

    def _image(self, found: "re.Match[bytes]") -> bool:
        image = read_image(found["image"], self._data, self._at)
        self._budget.take(image.octets, _COST_OF_IMAGE)
        after = _BEGIN.match(self._data, image.end)
        self._at = image.end if after is None else after.end()
        if image.space is not None and image.space not in _SPACES:
            self._used.names.add(("ColorSpace", image.space))
        return len(self._marks) == 1 and (self._coloured or image.is_mask)

    def _use(self, kind: str, name: bytes) -> None:
        self._used.names.add((kind, self._value(name)))

    def _value(self, written: bytes) -> str:
        """Return a name without its slash and escapes. A dictionary is only read."""
        if written not in self._values:
            self._budget.take(stops=_COST_OF_VALUE)
            found, _ = read(written, 0)
            self._values[written] = str(found) if isinstance(found, Name) else ""
        return self._values[written]
