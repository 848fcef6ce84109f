# SPDX-License-Identifier: MIT
"""The visible appearance of a signature, and its place on a page of a PDF."""

import math
import unicodedata
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from pyhanko.pdf_utils import generic, layout
from pyhanko.pdf_utils.font.api import FontEngineFactory, ShapeResult
from pyhanko.pdf_utils.font.basic import COURIER_META, SimpleFontEngine
from pyhanko.pdf_utils.layout import BoxConstraints
from pyhanko.pdf_utils.text import TextBoxStyle
from pyhanko.pdf_utils.writer import BasePdfFileWriter
from pyhanko.stamp import TextStamp, TextStampStyle

from kortilla.common.corners import CORNERS, Box, Corner
from kortilla.errors import DocumentNotSignableError

_MAX_TEXT = 500
_MAX_COORDINATE = 14_400  # points: the largest page of PDF (ISO 32000-1, Annex C)
#: The most levels of a page tree that a page's attributes are inherited through.
_MOST_LEVELS = 50
#: US Letter, which is what most programs show where a page has no size.
_WITHOUT_SIZE = (0.0, 0.0, 612.0, 792.0)
_FONT_SIZE = 10
_FIRST_FREE_CODE, _LAST_FREE_CODE = 1, 31
_NAME = generic.NameObject
_WIDTH = 0.6  # of a Courier character, in ems


@dataclass(frozen=True)
class Appearance:
    """The place and text of a visible signature.

    ``box`` is left, bottom, right and top in points (1/72 inch) from the page's lower
    left corner, or the corner of the page as it is shown, where the mark shrinks to fit
    and is upright. ``page`` counts from 0, or from the end with -1. ``text`` is in the
    user's language and may have line breaks; by default it is the name and the time.
    It shrinks to fit. The font is Courier, which is not embedded, so a PDF/A conforms
    only with an invisible signature.
    """

    box: tuple[int, int, int, int] | Corner
    page: int = 0
    text: str | None = None

    def __post_init__(self) -> None:
        if not (
            self.box in CORNERS if isinstance(self.box, str) else _is_box(self.box)
        ):
            raise ValueError(
                "The box is neither left, bottom, right and top in points nor a corner."
            )
        if self.text is not None and not 1 <= len(self.text) <= _MAX_TEXT:
            raise ValueError(f"The text has 1 to {_MAX_TEXT} characters.")


def _is_box(box: tuple[int, int, int, int]) -> bool:
    left, bottom, right, top = box
    within = all(math.isfinite(each) and abs(each) <= _MAX_COORDINATE for each in box)
    return within and left < right and bottom < top


def shown_of_page(writer: BasePdfFileWriter, number: int) -> tuple[Box, int]:
    """Return what is shown of a page, in points, and how far it is turned clockwise.

    ``number`` counts from 0, or from the end with -1.

    Raises ``DocumentNotSignableError`` for a page without an area, and pyHanko's errors
    for one that is not there.
    """
    tree, index, _ = writer.find_page_container(number)  # type: ignore[no-untyped-call] # it has no types
    page = tree.get_object()["/Kids"][index]
    media = _rectangle(_inherited(page, "/MediaBox")) or _WITHOUT_SIZE
    crop = _rectangle(_inherited(page, "/CropBox")) or media
    left, bottom = max(media[0], crop[0]), max(media[1], crop[1])
    right, top = min(media[2], crop[2]), min(media[3], crop[3])
    if not (right - left >= 1 and top - bottom >= 1):
        raise DocumentNotSignableError("The page has no area for a mark.")
    turn = _inherited(page, "/Rotate")
    if not isinstance(turn, int) or turn % 90:
        turn = 0
    return (left, bottom, right, top), int(turn) % 360


def _inherited(page: generic.DictionaryObject, name: str) -> Any:
    """Return an attribute of a page, or of what it inherits from; None if none."""
    node: Any = page
    for _ in range(_MOST_LEVELS):
        if not isinstance(node, generic.DictionaryObject):
            break
        if name in node:
            return node[name]
        if "/Parent" not in node:
            break
        node = node["/Parent"]
    return None


def _rectangle(value: Any) -> Box | None:
    """Return a rectangle whose corners may be given in any order (§7.9.5)."""
    try:
        x1, y1, x2, y2 = (float(each) for each in value)
    except (TypeError, ValueError):
        return None
    found = min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)
    usable = all(math.isfinite(each) and abs(each) <= _MAX_COORDINATE for each in found)
    return found if usable else None


def stamp_style(turn: int = 0) -> TextStampStyle:
    """Return pyHanko's stamp style that draws ``text`` into a signature's box.

    ``turn`` are the degrees clockwise by which the page is shown turned. The text is
    then upright all the same.
    """
    return _TurnedStyle(
        turn=turn,
        border_width=1,
        stamp_text="%(text)s",
        background=None,
        text_box_style=TextBoxStyle(
            font=_CourierFactory(), font_size=_FONT_SIZE, leading=_FONT_SIZE + 2
        ),
        inner_content_layout=layout.SimpleBoxLayoutRule(
            x_align=layout.AxisAlignment.ALIGN_MIN,
            y_align=layout.AxisAlignment.ALIGN_MID,
            margins=layout.Margins(left=4, right=4, top=4, bottom=4),
            inner_content_scaling=layout.InnerScaling.SHRINK_TO_FIT,
        ),
    )


@dataclass(frozen=True)
class _TurnedStyle(TextStampStyle):
    """A style whose stamps are turned back by ``turn`` degrees."""

    turn: int = 0

    def create_stamp(
        self,
        writer: BasePdfFileWriter,
        box: BoxConstraints,
        text_params: dict[str, str],
    ) -> TextStamp:
        if self.turn in (90, 270):
            box = BoxConstraints(box.height, box.width)
        return _TurnedStamp(writer, self, text_params, box)


class _TurnedStamp(TextStamp):
    """The matrix of a form turns it (ISO 32000-2 §12.5.5 fits it into the box)."""

    def as_form_xobject(self) -> generic.StreamObject:
        form: generic.StreamObject = super().as_form_xobject()
        if matrix := _MATRICES.get(self.style.turn):
            numbers = [generic.NumberObject(each) for each in matrix]  # type: ignore[no-untyped-call] # it has no types
            form["/Matrix"] = generic.ArrayObject(numbers)
        return form


#: Rotations counterclockwise.
_MATRICES = {
    90: (0, 1, -1, 0, 0, 0),
    180: (-1, 0, 0, -1, 0, 0),
    270: (0, -1, 1, 0, 0, 0),
}


class _CourierFactory(FontEngineFactory):
    def create_font_engine(
        self, writer: BasePdfFileWriter, obj_stream: object = None
    ) -> "_Courier":
        return _Courier(writer)


class _Courier(SimpleFontEngine):
    """Courier with the letters of names in Finland.

    pyHanko's own font encodes š and € wrongly. Letters outside Windows-1252, such as č
    and ŋ of the Sámi languages, get free codes and a glyph name (Adobe Glyph List).
    """

    def __init__(self, writer: BasePdfFileWriter) -> None:
        super().__init__(writer, "Courier", _WIDTH, COURIER_META)
        self._codes: dict[str, int] = {}
        # pyHanko requests the resource before the text is known, and writes it after.
        self._differences = generic.ArrayObject()

    def shape(self, txt: str) -> ShapeResult:
        codes = bytes(self._code(each) for each in unicodedata.normalize("NFC", txt))
        operators = BytesIO()
        generic.ByteStringObject(codes).write_to_stream(operators)
        operators.write(b" Tj")
        return ShapeResult(operators.getvalue(), len(codes) * _WIDTH, 0)

    def as_resource(self) -> generic.DictionaryObject:
        font: generic.DictionaryObject = super().as_resource()  # type: ignore[no-untyped-call] # it has no types there
        font["/Encoding"] = generic.DictionaryObject(  # type: ignore[no-untyped-call]
            {
                _NAME("/Type"): _NAME("/Encoding"),
                _NAME("/BaseEncoding"): _NAME("/WinAnsiEncoding"),
                _NAME("/Differences"): self._differences,
            }
        )
        return font

    def _code(self, letter: str) -> int:
        if letter in self._codes:
            return self._codes[letter]
        try:
            code = letter.encode("cp1252")[0]
        except UnicodeEncodeError:
            code = 0
        if code >= 32:
            return code
        free = _FIRST_FREE_CODE + len(self._codes)
        glyph = _glyph_name(letter)
        if glyph is None or free > _LAST_FREE_CODE:
            return ord("?")
        self._codes[letter] = free
        self._differences.append(generic.NumberObject(free))  # type: ignore[no-untyped-call]
        self._differences.append(_NAME(f"/{glyph}"))
        return free


_MARKS = {
    "ACUTE": "acute",
    "BREVE": "breve",
    "CARON": "caron",
    "CEDILLA": "cedilla",
    "DOT ABOVE": "dotaccent",
    "DOUBLE ACUTE": "hungarumlaut",
    "MACRON": "macron",
    "OGONEK": "ogonek",
    "RING ABOVE": "ring",
}
_NAMED = {
    "Đ": "Dcroat",
    "đ": "dcroat",
    "Ħ": "Hbar",
    "ħ": "hbar",
    "ı": "dotlessi",
    "Ł": "Lslash",
    "ł": "lslash",
    "Ŋ": "Eng",
    "ŋ": "eng",
    "Ŧ": "Tbar",
    "ŧ": "tbar",
}


def _glyph_name(letter: str) -> str | None:
    if letter in _NAMED:
        return _NAMED[letter]
    base, _, mark = unicodedata.name(letter, "").partition(" WITH ")
    plain = unicodedata.normalize("NFD", letter)[0]
    if mark not in _MARKS or not base.startswith("LATIN ") or not plain.isascii():
        return None
    return plain + _MARKS[mark]
