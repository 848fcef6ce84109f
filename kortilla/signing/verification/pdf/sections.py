# SPDX-License-Identifier: MIT
"""Reads the cross-reference sections of a PDF strictly (ISO 32000-2 §7.5.4, §7.5.8)."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from kortilla.signing.verification.findings import RefusedError
from kortilla.signing.verification.pdf.filters import decoded
from kortilla.signing.verification.pdf.lexical import (
    Name,
    Number,
    Reference,
    Stream,
    Value,
    after_blanks,
    irregular,
    read,
    whole,
)

#: The most revisions, and entries of all sections, that are read.
MAX_REVISIONS, MAX_ENTRIES = 300, 300_000
OBJECT = re.compile(
    rb"(\d{1,10})[\0\t\n\f\r ]+(\d{1,5})[\0\t\n\f\r ]+obj(?![^\0\t\n\f\r ()<>\[\]{}/%])"
)
END = re.compile(rb"startxref[\0\t\n\f\r ]+(\d{1,10})[\0\t\n\f\r ]+%%EOF")
_STREAM = re.compile(rb"stream(?:\r\n|\n)")
_AFTER_STREAM = re.compile(rb"[\0\t\n\f\r ]*+endstream\b")
#: Programs that mistrust the length of a stream end it here.
_ENDS = (b"endstream", b"endobj")
_HEAD = re.compile(rb"(\d{1,10}) (\d{1,10})[\t\n\f\r ]++")
_LINES = re.compile(rb"(?:\d{10} \d{5} [nf](?: \r| \n|\r\n))*+")
_LINE = 20  # octets
_AFTER_LINES = re.compile(rb"[\t\n\f\r ]*+trailer\b")
#: What a section names that has no ``startxref``.
NOWHERE = -1


class Place(NamedTuple):
    """Where an object is: its offset, or its index in the object stream ``pack``."""

    at: int
    generation: int = 0
    pack: int = 0


@dataclass
class Section:
    """A section. ``places`` has None for a number that is free.

    It is at the offset ``at``, and its ``%%EOF`` ends at ``stop``. ``own`` is the
    number of a stream, 0 for a table. ``named`` is the offset that its ``startxref``
    names, and ``hybrid`` is the section for new programs beside it.
    """

    at: int
    trailer: dict[str, Value]
    places: dict[int, Place | None]
    own: int = 0
    stop: int = 0
    named: int = 0
    hybrid: "Section | None" = None


def read_sections(content: bytes, start: int) -> list[Section]:
    """Return the sections, the oldest first. The newest one is at ``start``.

    Raises ``RefusedError``.
    """
    found: list[Section] = []
    at, left = after_blanks(content, start), MAX_ENTRIES
    known: set[int] = set()
    while at not in known:
        known.add(at)
        section = read_section(content, at)
        hybrid = section.trailer.get("XRefStm")
        if hybrid is not None:
            if section.own:
                raise irregular("a stream of references with another one")
            section.hybrid = read_section(content, _offset(content, hybrid))
            if not section.hybrid.own:
                raise irregular("a table for new programs")
            left -= len(section.hybrid.places)
        _read_end(content, section)
        found.append(section)
        left -= len(section.places)
        if left < 0 or len(found) > MAX_REVISIONS:
            raise RefusedError("TOO_LARGE", "objects or revisions")
        if "Prev" not in section.trailer:
            return found[::-1]
        at = _offset(content, section.trailer["Prev"])
    raise irregular("a section that comes before itself")


def read_section(content: bytes, at: int) -> Section:
    """Read a table with its trailer, or a stream. Raises ``RefusedError``."""
    if content.startswith(b"xref", at):
        return _read_table(content, at)
    head = OBJECT.match(content, at)
    if head is None:
        raise irregular(f"no section at {at}")
    entries, after = read(content, head.end())
    if not isinstance(entries, dict) or entries.get("Type") != Name("XRef"):
        raise irregular(f"a section at {at} that is none")
    stream, after = read_stream(content, after, entries, whole(entries.get("Length")))
    if not content.startswith(b"endobj", after):
        raise irregular(f"a section at {at} without its end")
    number = int(head[1])
    places = _places_of(stream, at)
    own = places.get(number)  # which some programs leave out, and iText calls free
    if own is not None and (own.pack or after_blanks(content, own.at) != at):
        raise irregular(f"a section at {at} that is elsewhere")
    places[number] = Place(at, int(head[2]))
    return Section(at, entries, places, number, after + len(b"endobj"))


def read_stream(
    content: bytes, at: int, entries: dict[str, Value], size: int
) -> tuple[Stream, int]:
    """Return the stream after its dictionary, and where ``endobj`` begins.

    ``size`` is its length, which may be another object, or negative for none.
    """
    at = after_blanks(content, at)
    begin = _STREAM.match(content, at)
    if begin is None or size < 0:
        raise irregular(f"a stream at {at} without its length")
    end = _AFTER_STREAM.match(content, begin.end() + size)
    if end is None:
        raise irregular(f"a stream at {at} of another length")
    # Between the length and the end is nothing but white space.
    if any(content.find(word, begin.end(), end.end() - 9) >= 0 for word in _ENDS):
        raise irregular(f"the end of a stream within the stream at {at}")
    raw = memoryview(content)[begin.end() : begin.end() + size]
    return Stream(entries, raw), after_blanks(content, end.end())


def filters_of(stream: Stream) -> list[Value]:
    """Return the filters of a stream, which may be one or several."""
    found = stream.entries.get("Filter", [])
    return found if isinstance(found, list) else [found]


def _offset(content: bytes, value: Value) -> int:
    at = whole(value)
    if not 0 < at < len(content):
        raise irregular("a section that is nowhere")
    return after_blanks(content, at)


def _read_end(content: bytes, section: Section) -> None:
    """Read the ``startxref`` that follows each section."""
    end = END.match(content, after_blanks(content, section.stop))
    if end is not None:
        section.stop, section.named = end.end(), int(end[1])
    elif section.own:  # qpdf writes none after a linearized file's first stream
        section.named = NOWHERE
    else:
        raise irregular(f"a section at {section.at} without its end")


def _read_table(content: bytes, start: int) -> Section:
    places: dict[int, Place | None] = {}
    at, count = after_blanks(content, start + len(b"xref")), 0
    while head := _HEAD.match(content, at):
        first, size = int(head[1]), int(head[2])
        lines = content[head.end() : head.end() + size * _LINE]
        count += size
        if len(lines) != size * _LINE or not _LINES.fullmatch(lines):
            raise irregular(f"a table at {start} that is none")
        if count > MAX_ENTRIES:
            raise RefusedError("TOO_LARGE", "objects")
        for index in range(size):
            line = lines[index * _LINE : index * _LINE + 18]
            kept = line.endswith(b"n")
            places[first + index] = (
                Place(int(line[:10]), int(line[11:16])) if kept else None
            )
        at = head.end() + size * _LINE
    end = _AFTER_LINES.match(content, at)
    if end is None or len(places) != count:
        raise irregular(f"a table at {start} that is none, or has an object twice")
    trailer, stop = read(content, end.end())
    if not isinstance(trailer, dict) or "Size" not in trailer:
        raise irregular(f"a trailer at {end.end()} that is none")
    return Section(start, trailer, places, 0, stop)


def _places_of(stream: Stream, at: int) -> dict[int, Place | None]:
    """Return what a stream of references names (§7.5.8.3)."""
    entries = stream.entries
    wrong = irregular(f"a section at {at} that is none")
    size = whole(entries.get("Size"))
    widths = entries.get("W")
    index = entries.get("Index", [Number(b"0"), Number(b"%d" % size)])
    if not isinstance(widths, list) or not isinstance(index, list):
        raise wrong
    fields, numbers = [*map(whole, widths)], [*map(whole, index)]
    if len(fields) != 3 or not 0 <= min(fields) <= max(fields) <= 8:
        raise wrong
    if len(numbers) % 2 or min([size, *numbers]) < 0:
        raise wrong
    row, count = sum(fields), sum(numbers[1::2])
    if count > MAX_ENTRIES:
        raise RefusedError("TOO_LARGE", "objects")
    filters, parameters = filters_of(stream), entries.get("DecodeParms", {})
    parameters = parameters if isinstance(parameters, list) else [parameters]
    if any(isinstance(each, Reference) for each in [*filters, *parameters]):
        raise wrong
    data = decoded(
        stream.raw,
        [str(each) for each in filters],
        [each if isinstance(each, dict) else {} for each in parameters][: len(filters)],
    )
    if not row or len(data) != row * count:
        raise wrong
    first, second = fields[0], fields[0] + fields[1]
    places: dict[int, Place | None] = {}
    where = 0
    for begin, length in zip(numbers[::2], numbers[1::2], strict=True):
        for number in range(begin, begin + length):
            line = data[where : where + row]
            where += row
            kind = int.from_bytes(line[:first]) if first else 1
            value = int.from_bytes(line[first:second])
            last = int.from_bytes(line[second:])
            if kind > 2 or number in places:
                raise irregular(f"a section at {at} with an object twice")
            places[number] = (
                None
                if not kind
                else Place(value, last)
                if kind == 1
                else Place(last, 0, value)
            )
    return places
