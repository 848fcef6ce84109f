# SPDX-License-Identifier: MIT
"""Refuses PDFs in which another program may find other objects than pyHanko does.

pyHanko follows the cross-reference sections. A program that takes something for broken
looks through the whole file instead, and shows the last object of each number, also one
that no section names. So the file is read here from its start to its end as a sequence
of complete objects and sections, and the sections name exactly these objects at these
places (ISO 32000-2 §7.5). Then there is only one way to read it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.xref import (
    XRefSectionData,
    XRefSectionMetaInfo,
    parse_xref_stream,
)

from kortilla.signing.verification.pdf.lexical import (
    Name,
    Reference,
    Value,
    after_blanks,
    irregular,
    read,
)

_HEADER = re.compile(rb"%PDF-[12]\.\d")
_END = re.compile(rb"startxref\s+(\d{1,10})\s+%%EOF")
_ANY_END = re.compile(rb"startxref")
_ANY_TRAILER = re.compile(rb"trailer" + rb"[\s\0]*<<")
_AT_END = re.compile(_END.pattern + rb"[\s\0]*")
_OBJECT = re.compile(rb"(\d{1,10})\s+(\d{1,5})\s+obj\b")
_GAP = rb"(?:[\s\0]|%[^\r\n]*[\r\n])"  # comments separate words, too
# Nothing is tried twice, so that it stays fast in long digits.
_ANY_OBJECT = re.compile(rb"(?<!\d)(\d++)" + _GAP + rb"++(\d++)" + _GAP + rb"*+obj")
_TABLE = re.compile(
    rb"xref\s++(?:\d+ \d+\s++(?:\d{10} \d{5} [nf](?: \r| \n|\r\n))*)+\s*+trailer\b"
)
_SUBSECTION = re.compile(rb"^(\d+) (\d+)\s*$", re.MULTILINE)
_LINE = re.compile(rb"\d{10} \d{5} [nf]")
_STREAM = re.compile(rb"stream(?:\r\n|\n)")
_AFTER_STREAM = re.compile(rb"[\s\0]*+endstream\b")
#: Programs that mistrust the length of a stream end it here.
_ENDS = (b"endstream", b"endobj")
_FILTERS = {
    *("ASCII85Decode", "ASCIIHexDecode", "CCITTFaxDecode", "DCTDecode", "FlateDecode"),
    *("JBIG2Decode", "JPXDecode", "LZWDecode", "RunLengthDecode"),
}


@dataclass
class Layout:
    """What is in a file: objects and sections by their offsets."""

    objects: dict[int, tuple[int, int]] = field(default_factory=dict)
    tables: set[int] = field(default_factory=set)
    sections: set[int] = field(default_factory=set)  # as streams
    #: The numbers of object streams.
    packs: set[int] = field(default_factory=set)
    #: The numbers of optional content groups (§8.11.2).
    groups: set[int] = field(default_factory=set)
    references: set[int | Reference] = field(default_factory=set)
    #: The number that a linearized file gives its first page.
    first_page: int | None = None


def ends_regularly(reader: PdfFileReader, content: bytes) -> bool:
    """Return whether the last ``startxref`` is the one that was read.

    Only white space may come after its ``%%EOF``.
    """
    at = content.rfind(b"startxref")
    found = _AT_END.fullmatch(content, at) if at >= 0 else None
    return found is not None and int(found[1]) == reader.last_startxref


def check_layout(reader: PdfFileReader, content: bytes) -> Layout:
    """Check that a file can be read in one way only.

    Raises ``RefusedError``, and any exception, as pyHanko does.
    """
    layout = _read_all(reader, content)
    named = _named(reader, content)
    if layout.objects != named:
        at = min(set(layout.objects.items()) ^ set(named.items()))[0]
        raise irregular(f"an object at {at} that no section names, or another one")
    for found in _ANY_OBJECT.finditer(content):
        if found.start() not in named:
            raise irregular(f"an object within another one at {found.start()}")
    used = {after_blanks(content, at) for at in _used(reader)}
    if not layout.tables <= used <= layout.tables | layout.sections:
        raise irregular("a section that is not used, or is elsewhere")
    packed = _packed(reader)
    for at in layout.sections - used:
        _check_unused(reader, content, at, named, packed)
    _check_packs(reader, layout, packed)
    _check_references(layout, packed)
    return layout


def hybrid_irregularity(reader: PdfFileReader, signed: int) -> str:
    """Return where sections may show programs other objects, or an empty text.

    Such a section is for new programs, beside a table for all (ISO 32000-2 §7.5.8.4).
    Microsoft Word writes them. It must have been there when the first signature was
    made, of revision ``signed``. What it names must be where the table says, or unknown
    to all tables: Ghostscript shows another object of the two than poppler.
    """
    tables: dict[int, tuple[int, int]] = {}
    hidden: set[int] = set()
    for revision in range(reader.xrefs.total_revisions):
        data = reader.xrefs.get_xref_data(revision)
        tables |= data.standard_xrefs
        if data.hybrid is None:
            continue
        if revision > signed:
            return "a later section for some programs only"
        more = data.hybrid.xref_data
        hidden |= more.xrefs_in_objstm.keys()
        for number, place in more.standard_xrefs.items():
            if tables.get(number) != place:
                hidden.add(number)
    return "an object in two places" if hidden & tables.keys() else ""


def mixes_sections(reader: PdfFileReader) -> bool:
    """Return whether a file has sections of two kinds; poppler shows nothing of it."""
    xrefs = reader.xrefs
    kinds = {
        xrefs.get_xref_container_info(revision).stream_ref is None
        or xrefs.get_xref_data(revision).hybrid is not None
        for revision in range(xrefs.total_revisions)
    }
    return len(kinds) > 1


def _read_all(reader: PdfFileReader, content: bytes) -> Layout:
    """Read a file as a sequence of objects and sections."""
    layout, ends = Layout(), {}
    if not _HEADER.match(content):
        raise irregular("no header at the begin")
    at, section = after_blanks(content, 0), -1
    while at < len(content):
        start = at
        if section >= 0 and (ended := _END.match(content, at)):
            ends[at] = after_blanks(content, int(ended[1]))
            section, at = -1, ended.end()
        elif section >= 0 and section in layout.tables:
            raise irregular(f"a section at {section} without its end")
        elif content.startswith(b"xref", at):
            at = _read_table(content, at, is_last=start == reader.last_startxref)
            layout.tables.add(start)
            section = start
        else:
            at, kind = _read_object(reader, content, at, layout)
            section = start if kind == "XRef" else -1
        at = after_blanks(content, at)
    if section >= 0:
        raise irregular(f"a section at {section} without its end")
    # Those of a linearized file name the other section, or none (Annex F.3.4).
    nowhere = after_blanks(content, 0)
    if not {*ends.values()} <= {nowhere, *layout.tables, *layout.sections}:
        raise irregular("an end that names no section")
    if any(each.start() not in ends for each in _ANY_END.finditer(content)):
        raise irregular("an end within something else")
    if len(_ANY_TRAILER.findall(content)) != len(layout.tables):
        raise irregular("a trailer within something else")
    return layout


def _read_table(content: bytes, start: int, *, is_last: bool) -> int:
    """Read a table and its trailer. Return where they end.

    Some programs read no trailer but that of the section that is read first.
    """
    table = _TABLE.match(content, start)
    if table is None:
        raise irregular(f"a table at {start} that is none")
    numbers = [
        number
        for first, count in _SUBSECTION.findall(table[0])
        for number in range(int(first), int(first) + min(int(count), len(table[0])))
    ]
    if not len(set(numbers)) == len(numbers) == len(_LINE.findall(table[0])):
        raise irregular(f"a table at {start} with an object twice")
    trailer, end = read(content, table.end())
    wanted = {"Root", "Size"} if is_last else {"Size"}
    if not isinstance(trailer, dict) or not wanted <= trailer.keys():
        raise irregular(f"a trailer at {table.end()} that is none")
    return end


def _read_object(
    reader: PdfFileReader, content: bytes, start: int, layout: Layout
) -> tuple[int, str]:
    """Read an object. Return where it ends, and the type of a stream."""
    head = _OBJECT.match(content, start)
    if head is None:
        raise irregular(f"data at {start} that is no object")
    layout.objects[start] = int(head[1]), int(head[2])
    value, at = read(content, head.end(), layout.references)
    _note_group(layout, int(head[1]), value)
    if isinstance(value, dict) and _number(value.get("L")) == len(content):
        # It is not linearized any more once something was added to it (Annex F.4).
        layout.first_page = _number(value.get("O"))
    at, kind = after_blanks(content, at), ""
    if isinstance(value, dict) and content.startswith(b"stream", at):
        at = _end_of_stream(reader, content, at, value)
        found = value.get("Type")
        kind = str(found) if isinstance(found, Name) else ""
        if isinstance(found, Reference):
            raise irregular(f"a stream at {start} of a type that is elsewhere")
        if kind == "XRef":
            layout.sections.add(start)
            _check_index(value, start)
        elif kind == "ObjStm":
            layout.packs.add(int(head[1]))
    if not content.startswith(b"endobj", at):
        raise irregular(f"an object at {start} without its end")
    return at + len(b"endobj"), kind


def _number(value: Value) -> int:
    """Return a whole number, or -1."""
    return int(value) if isinstance(value, bytes) and value.isdigit() else -1


def _note_group(layout: Layout, number: int, value: Value) -> None:
    if isinstance(value, dict) and value.get("Type") == "OCG":
        layout.groups.add(number)
    if isinstance(value, dict) and value.get("Type") == "OCMD" and "VE" in value:
        raise irregular("layers that depend on one another")


def _end_of_stream(
    reader: PdfFileReader, content: bytes, at: int, entries: dict[str, Value]
) -> int:
    begin = _STREAM.match(content, at)
    length = entries.get("Length")
    if isinstance(length, Reference):
        found = generic.Reference(*length, reader).get_object()
        size = int(found) if isinstance(found, generic.NumberObject) else -1
    else:
        size = _number(length)
    if begin is None or size < 0:
        raise irregular(f"a stream at {at} without its length")
    end = _AFTER_STREAM.match(content, begin.end() + size)
    if end is None:
        raise irregular(f"a stream at {at} of another length")
    # Between the length and the end is nothing but white space.
    if any(content.find(word, begin.end(), end.end() - 9) >= 0 for word in _ENDS):
        raise irregular(f"the end of a stream within the stream at {at}")
    filters = entries.get("Filter", [])
    filters = filters if isinstance(filters, list) else [filters]
    if entries.keys() & {"F", "FFilter"} or not _FILTERS.issuperset(map(str, filters)):
        raise irregular(f"a stream at {at} that is elsewhere, or of another kind")
    return after_blanks(content, end.end())


def _check_index(entries: dict[str, Value], start: int) -> None:
    """Check that a cross-reference stream has each object once (§7.5.8.2)."""
    index = entries.get("Index")
    if index is None:
        return
    if not isinstance(index, list) or len(index) % 2:
        raise irregular(f"a section at {start} without an index")
    numbers = [int(x) for x in index if isinstance(x, bytes)]
    ranges = sorted(zip(numbers[::2], numbers[1::2], strict=True))
    for (first, count), (following, _) in pairwise(ranges):
        if first + count > following:
            raise irregular(f"a section at {start} with an object twice")


def _used(reader: PdfFileReader) -> Iterator[int]:
    """Return the offsets of the sections that pyHanko read."""
    for revision in range(reader.xrefs.total_revisions):
        yield reader.xrefs.get_xref_container_info(revision).declared_startxref
        hybrid = reader.xrefs.get_xref_data(revision).hybrid
        if hybrid is not None:
            yield hybrid.meta_info.declared_startxref


def _named(reader: PdfFileReader, content: bytes) -> dict[int, tuple[int, int]]:
    """Return the objects that the sections name, by their offsets."""
    named: dict[int, tuple[int, int]] = {}
    latest: dict[int, int] = {}
    for revision in range(reader.xrefs.total_revisions):
        section = reader.xrefs.get_xref_container_info(revision)
        data = reader.xrefs.get_xref_data(revision)
        places = _places(section, data)
        if data.hybrid is not None:
            places += _places(data.hybrid.meta_info, data.hybrid.xref_data)
        for number, generation, offset in places:
            at = after_blanks(content, offset)
            if not _OBJECT.match(content, at):
                continue  # and nothing is there to be shown
            if at < latest.get(number, 0):
                raise irregular(f"an older object {number} after a newer one")
            latest[number] = at
            named[at] = number, generation
    return named


def _places(
    section: XRefSectionMetaInfo, data: XRefSectionData
) -> list[tuple[int, int, int]]:
    """Return number, generation and offset of the objects that a section names."""
    places = [(number, *place) for number, place in data.standard_xrefs.items()]
    own = section.stream_ref
    if own is not None and data.hybrid is None:  # a stream is an object, too
        places.append((own.idnum, own.generation, section.declared_startxref))
    return places


def _packed(reader: PdfFileReader) -> dict[int, dict[int, int]]:
    """Return the numbers of packed objects by their streams and places in them."""
    packed: dict[int, dict[int, int]] = {}
    for revision in range(reader.xrefs.total_revisions):
        data = reader.xrefs.get_xref_data(revision)
        parts = [data] if data.hybrid is None else [data, data.hybrid.xref_data]
        for part in parts:
            for number, where in part.xrefs_in_objstm.items():
                own = packed.setdefault(where.obj_stream_id, {})
                own[where.ix_in_stream] = number
    return packed


def _check_unused(
    reader: PdfFileReader,
    content: bytes,
    section: int,
    named: dict[int, tuple[int, int]],
    packed: dict[int, dict[int, int]],
) -> None:
    """Check that a section says what those in use say up to there.

    PDFBox writes such beside tables, in updates of files with both.
    """
    number, generation = named[section]
    stream: Any = generic.Reference(number, generation, reader).get_object()
    newest = {own: at for at, (own, _) in sorted(named.items()) if at <= section}
    for entry in parse_xref_stream(stream):
        place = entry.location
        if isinstance(place, int):
            right = after_blanks(content, place) == newest.get(entry.idnum)
        elif place is not None:
            inside = packed.get(place.obj_stream_id, {}).values()
            right = entry.idnum not in newest and entry.idnum in inside
        else:
            right = entry.idnum == 0
        if not right:
            raise irregular(f"a section at {section} that is not used")


def _check_references(layout: Layout, packed: dict[int, dict[int, int]]) -> None:
    """Check that no reference is to another generation of an object than there is."""
    known: dict[int, set[int]] = {}
    for number, generation in layout.objects.values():
        known.setdefault(number, set()).add(generation)
    for numbers in packed.values():
        for number in numbers.values():
            known.setdefault(number, set()).add(0)
    for each in layout.references:
        number, generation = (each, 0) if isinstance(each, int) else each
        if number in known and generation not in known[number]:
            raise irregular(f"a reference to another generation of {number}")


def _check_packs(
    reader: PdfFileReader, layout: Layout, packed: dict[int, dict[int, int]]
) -> None:
    """Check that object streams have each object at its place, and no other."""
    for holder in sorted(layout.packs):
        pack: Any = generic.Reference(holder, 0, reader).get_object()
        if not isinstance(pack, generic.StreamObject):
            raise irregular(f"an object stream {holder} that is none")
        first = int(pack["/First"])
        heads = [int(each) for each in pack.data[:first].split()]
        numbers, places = heads[::2], heads[1::2]
        if dict(enumerate(numbers)) != packed.get(holder, {}) or (
            len(set(numbers)) != len(numbers) or places != sorted(places)
        ):
            raise irregular(f"a packed object in {holder} that no section names")
        stops = [*places[1:], len(pack.data)]
        for number, place, stop in zip(numbers, places, stops, strict=True):
            one = pack.data[first + place : first + stop]
            value, end = read(one, 0, layout.references)
            _note_group(layout, number, value)
            if after_blanks(one, end) != len(one):
                raise irregular(f"data between the packed objects in {holder}")
