# SPDX-License-Identifier: MIT
"""Compares what a PDF shows with what its signed revisions showed.

Each revision is drawn as a file of its own, at one scale. The same content gives the
same pixels, so each other pixel is a difference. Left out are the places of later
signatures by known signers: there, a difference is one that hides what was signed.

It runs in the process that reads the file (``kortilla/signing/worker.py``).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

from kortilla.signing.pages.hiding import hides
from kortilla.signing.pages.poppler import (
    Box,
    Document,
    Geometry,
    Image,
    Info,
    NoPopplerError,
    UndrawnError,
)

#: The most pages that are compared.
MAX_PAGES = 500
#: The most seconds of waiting for all programs.
MAX_SECONDS = 240
#: The longer side in pixels: 100 dots an inch on A4. Larger pages get more.
_LONGEST, _LONGEST_OF_LARGE, _LARGE = 1169, 2400, 1000  # pixels, pixels, points
#: Revisions that are drawn at a time, beside the whole file.
_AT_A_TIME = 3
#: Revisions whose pictures are returned.
_MOST_PICTURES = 3
_MOST_DIFFERENCES = 20  # pages
_MOST_AREAS = 8  # of a page
_CLOSE = 12  # pixels; what is as close belongs together
_EDGE = 2  # pixels around the rectangle of a mark

Kind = Literal["pages", "size", "content", "hidden"]
Left = Literal["", "no-poppler", "not-drawn", "too-many"]


@dataclass(frozen=True)
class Mark:
    """A place on a page (from 1) that a later signature shows, in points."""

    page: int
    rectangle: Box


@dataclass(frozen=True)
class Revision:
    """A signed revision: the first ``length`` bytes of the file, and later marks."""

    length: int
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Difference:
    """A page, from 1, that shows other content than the revision did.

    ``kind`` is ``pages`` for a page that only one of them has, ``size`` for another
    size or turn, ``content``, or ``hidden`` for what a later signature covers.
    ``areas`` are left, top, right and bottom as parts of the page, from its upper left
    corner.
    """

    page: int
    kind: Kind
    areas: tuple[Box, ...] = ()


@dataclass(frozen=True)
class Compared:
    """How a revision differs from the file: its first pages that do.

    ``pages`` is how many the file has, ``compared`` how many of them were compared,
    and ``left`` why that is not all.
    """

    differences: tuple[Difference, ...] = ()
    pages: int = 0
    compared: int = 0
    left: Left = ""


@dataclass(frozen=True)
class Picture:
    """A page as poppler draws it: rows from the top, three bytes a pixel."""

    width: int
    height: int
    pixels: bytes


def compare(
    content: bytes, request: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Any], bytes]:
    """Compare revisions of a PDF with the PDF. Return JSON, and pictures one by one."""
    results = [_Result(each) for each in _REVISIONS.validate_python(request)]
    first = 0
    try:
        for first in range(0, len(results), _AT_A_TIME):
            _compare(content, results[first : first + _AT_A_TIME])
    except NoPopplerError:
        for each in results:
            each.left = "no-poppler"
    except (UndrawnError, OSError):
        # Also those of which some pages were compared, and none that was complete.
        for each in results[first:]:
            each.left = each.left or "not-drawn"
    pictured = [each for each in results if each.images][:_MOST_PICTURES]
    pixels = [image.pixels for each in pictured for image in each.images]
    return {
        "compared": [asdict(each.report()) for each in results],
        "pictures": [
            [(image.width, image.height) for image in each.images] * (each in pictured)
            for each in results
        ],
    }, b"".join(pixels)


def read_answer(
    answer: Mapping[str, Any], pixels: bytes
) -> list[tuple[Compared, tuple[Picture, ...]]]:
    """Read what ``compare`` returned in another process.

    The pictures of a revision are two of its first page that differs, if both have it:
    as it was signed, and as the file shows it. Raises ``ValueError`` for a wrong
    answer.
    """
    compared = _COMPARED.validate_python(answer.get("compared"))
    sizes = _SIZES.validate_python(answer.get("pictures"))
    if len(compared) != len(sizes):
        raise ValueError("the answer has other revisions")
    found, at = [], 0
    for each, some in zip(compared, sizes, strict=True):
        pictures = []
        for width, height in some:
            end = at + 3 * width * height
            if not (width > 0 and height > 0 and end <= len(pixels)):
                raise ValueError("a picture is cut off")
            pictures.append(Picture(width, height, pixels[at:end]))
            at = end
        found.append((each, tuple(pictures)))
    return found


_REVISIONS = TypeAdapter(list[Revision])
_COMPARED = TypeAdapter(list[Compared])
_SIZES = TypeAdapter(list[list[tuple[int, int]]])


class _Result:
    """What is found of one revision."""

    def __init__(self, revision: Revision) -> None:
        self.revision = revision
        self.differences: list[Difference] = []
        self.images: tuple[Image, ...] = ()
        self.pages = self.compared = 0
        self.left: Left = ""

    def report(self) -> Compared:
        return Compared(tuple(self.differences), self.pages, self.compared, self.left)

    def compare(
        self, number: int, images: Iterator[Image], info: Info, now: Info, new: Image
    ) -> None:
        """Compare a page of the file with the next one of the revision."""
        if self.left:
            return
        if number > info.pages:
            self._add(Difference(number, "pages"))
            self.compared = number
            return
        old = next(images, None)
        if old is None:
            self.left = "not-drawn"
            return
        self.compared = number
        was, geometry = info.geometry[number - 1], now.geometry[number - 1]
        if was != geometry or old.size != new.size:
            self._add(Difference(number, "size"), old, new)
        elif found := _difference(number, old, new, self.revision, geometry):
            self._add(found, old, new)

    def end(self, info: Info, now: Info, drawn: int) -> None:
        """Note what the pages that were drawn can't tell."""
        if info.pages > now.pages:
            self._add(Difference(now.pages + 1, "pages"))
        if drawn < min(now.pages, MAX_PAGES):
            self.left = "not-drawn"
        elif now.pages > MAX_PAGES:
            self.left = self.left or "too-many"

    def _add(self, difference: Difference, *images: Image) -> None:
        if len(self.differences) < _MOST_DIFFERENCES:
            self.differences.append(difference)
        if not self.images:
            self.images = images


def _compare(content: bytes, results: Sequence[_Result]) -> None:
    with ExitStack() as stack:
        whole = stack.enter_context(Document(content))
        now = whole.info(1, MAX_PAGES)
        view, before, infos = memoryview(content), [], []
        for result in results:
            result.pages = now.pages
            part = Document(view[: result.revision.length])
            before.append(stack.enter_context(part))
            infos.append(part.info(1, MAX_PAGES))
        count = min(now.pages, MAX_PAGES)
        longest = _longest(now, *infos)
        images = [each.images(1, count, longest) for each in before]
        number = 0
        for number, new in enumerate(whole.images(1, count, longest), start=1):
            for result, old, info in zip(results, images, infos, strict=True):
                result.compare(number, old, info, now, new)
        for result, info in zip(results, infos, strict=True):
            result.end(info, now, number)


def _longest(*infos: Info) -> int:
    sides = [
        abs(side)
        for info in infos
        for each in info.geometry
        for left, bottom, right, top in [each.crop]
        for side in (right - left, top - bottom)
    ]
    return _LONGEST_OF_LARGE if max(sides, default=0) > _LARGE else _LONGEST


def _difference(
    number: int, old: Image, new: Image, revision: Revision, geometry: Geometry
) -> Difference | None:
    """Return how two pages of one size differ, if they do."""
    if old.pixels == new.pixels:
        return None
    marks = [each.rectangle for each in revision.marks if each.page == number]
    places = [_pixels(geometry, each, new) for each in marks]
    if areas := [*_differences(old, new, places)]:
        return Difference(number, "content", _parts(areas, new))
    if hidden := [each for each in places if hides(old, new, each)]:
        return Difference(number, "hidden", _parts(hidden, new))
    return None


def _pixels(page: Geometry, rectangle: Box, image: Image) -> tuple[int, int, int, int]:
    """Return where a rectangle is on the picture: left, top, right, bottom."""
    left, bottom, right, top = page.crop
    wide, high = right - left or 1, top - bottom or 1
    # As parts of the page that is not turned, from its upper left corner.
    x1, x2 = (rectangle[0] - left) / wide, (rectangle[2] - left) / wide
    y1, y2 = (top - rectangle[3]) / high, (top - rectangle[1]) / high
    box = {
        90: (1 - y2, x1, 1 - y1, x2),
        180: (1 - x2, 1 - y2, 1 - x1, 1 - y1),
        270: (y1, 1 - x2, y2, 1 - x1),
    }.get(page.turn, (x1, y1, x2, y2))
    x1, y1, x2, y2 = (min(max(each, -1.0), 2.0) for each in box)
    return (
        max(int(x1 * image.width) - _EDGE, 0),
        max(int(y1 * image.height) - _EDGE, 0),
        min(int(x2 * image.width) + 1 + _EDGE, image.width),
        min(int(y2 * image.height) + 1 + _EDGE, image.height),
    )


def _differences(
    old: Image, new: Image, places: Sequence[tuple[int, int, int, int]]
) -> Iterator[tuple[int, int, int, int]]:
    """Yield the areas outside of some places in which two pictures differ."""
    line = 3 * new.width
    first, second = bytearray(old.pixels), bytearray(new.pixels)
    for left, top, right, bottom in places:
        for row in range(top, bottom):
            part = slice(row * line + 3 * left, row * line + 3 * right)
            first[part] = second[part] = bytes(len(first[part]))
    area: tuple[int, int, int, int] | None = None
    for row in range(new.height):
        part = slice(row * line, (row + 1) * line)
        if first[part] == second[part]:
            continue
        # The lowest and the highest byte that differ.
        bits = int.from_bytes(first[part], "little")
        bits ^= int.from_bytes(second[part], "little")
        left = ((bits & -bits).bit_length() - 1) // 24
        right = (bits.bit_length() - 1) // 24 + 1
        if area is not None and row > area[3] + _CLOSE:
            yield area
            area = None
        if area is None:
            area = (left, row, right, row + 1)
        else:
            area = (min(area[0], left), area[1], max(area[2], right), row + 1)
    if area is not None:
        yield area


def _parts(areas: Sequence[tuple[int, int, int, int]], image: Image) -> tuple[Box, ...]:
    """Return areas as parts of the page. The last one has all that are too many."""
    some = [*areas[: _MOST_AREAS - 1]]
    if rest := areas[_MOST_AREAS - 1 :]:
        lefts, tops, rights, bottoms = zip(*rest, strict=True)
        some.append((min(lefts), min(tops), max(rights), max(bottoms)))
    width, height = image.width, image.height
    return tuple(
        (left / width, top / height, right / width, bottom / height)
        for left, top, right, bottom in some
    )
