# SPDX-License-Identifier: MIT
"""Refuses PDFs in which another program may find other objects than pyHanko does.

pyHanko follows the cross-reference sections. A program that takes one of them for
broken looks through the whole file instead, and shows the last object of each number,
also one that no section names. So after a signature, each octet must belong to an
object that its revision names, or to the section itself (ISO 32000-2 §7.5).
"""

import re
from io import BytesIO
from itertools import pairwise

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.xref import (
    XRefEntry,
    XRefSectionData,
    XRefSectionMetaInfo,
    parse_xref_stream,
)

_BLANKS = re.compile(rb"[\s\0]*+")
_END = re.compile(rb"startxref\s+(\d{1,10})\s+%%EOF[\s\0]*")
_OBJECT = re.compile(rb"(\d{1,10}) (\d{1,5}) obj\b")
_GAP = rb"(?:[\s\0]|%[^\r\n]*[\r\n])"  # comments separate words, too
# Nothing is tried twice, so that it stays fast in long digits.
_ANY_OBJECT = re.compile(rb"(?<!\d)(\d++)" + _GAP + rb"++(\d++)" + _GAP + rb"*+obj")
_TABLE = re.compile(
    rb"xref\s++(?:\d+ \d+\s++(?:\d{10} \d{5} [nf](?: \r| \n|\r\n))*)+\s*+trailer\s*"
)
_SUBSECTION = re.compile(rb"^(\d+) (\d+)\s*$", re.MULTILINE)
_COMMENT = re.compile(rb"%[^\r\n]*[\r\n]")
_LINE = re.compile(rb"\d{10} \d{5} [nf]")
#: What may be in the dictionary of a stream of objects or cross-references.
_SPECIAL = re.compile(rb"ObjStm|XRef|[#%]|Type\s*\d")


def ends_regularly(reader: PdfFileReader, content: bytes) -> bool:
    """Return whether the last ``startxref`` is the one that was read.

    Only white space may come after its ``%%EOF``.
    """
    at = content.rfind(b"startxref")
    found = _END.fullmatch(content, at) if at >= 0 else None
    return found is not None and int(found[1]) == reader.last_startxref


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


def irregularity(reader: PdfFileReader, content: bytes, end: int) -> str:
    """Return what is wrong in a file whose first signature covers it up to ``end``.

    The text is empty if nothing is. May raise any exception, as pyHanko does.
    """
    xrefs = reader.xrefs
    known: dict[int, tuple[int, int]] = {}  # the objects, by their offsets
    sections: set[int] = set()  # their offsets
    hybrids: set[int] = set()  # those of sections that tables name
    latest: dict[int, int] = {}
    packed: set[tuple[int, int]] = set()  # object numbers, each with its stream
    for revision in range(xrefs.total_revisions):
        section = xrefs.get_xref_container_info(revision)
        data = xrefs.get_xref_data(revision)
        start = _after_blanks(content, section.declared_startxref)
        sections.add(start)
        places = _places(section, data)
        packed |= _packed(data)
        if data.hybrid is not None:
            places += _places(data.hybrid.meta_info, data.hybrid.xref_data)
            packed |= _packed(data.hybrid.xref_data)
            hybrids.add(
                _after_blanks(content, data.hybrid.meta_info.declared_startxref)
            )
        table = section.stream_ref is None or data.hybrid is not None
        if table and not content.startswith(b"xref", start):
            return "a section that is not where it should be"
        for number, generation, offset in places:
            found = _ANY_OBJECT.match(content, _after_blanks(content, offset))
            if found is None:
                continue  # and nothing is there to be shown
            if found.start() < latest.get(number, 0):
                return f"an older object {number} after a newer one"
            latest[number] = found.start()
            known[found.start()] = number, generation
    if 0 < sum(content.startswith(b"xref", at) for at in sections) < len(sections):
        return "sections of two kinds"  # poppler shows nothing of such a file
    for found in _ANY_OBJECT.finditer(content):
        if known.get(found.start()) != (int(found[1]), int(found[2])):
            return f"an object at {found.start()} that no section names"
    return _unnamed_in_streams(
        reader, content, known, sections | hybrids, packed
    ) or _between(reader, content, end, known, sections)


def _places(
    section: XRefSectionMetaInfo, data: XRefSectionData
) -> list[tuple[int, int, int]]:
    """Return number, generation and offset of the objects that a section names."""
    places = [(number, *place) for number, place in data.standard_xrefs.items()]
    own = section.stream_ref
    if own is not None and data.hybrid is None:  # a stream is an object, too
        places.append((own.idnum, own.generation, section.declared_startxref))
    return places


def _packed(data: XRefSectionData) -> set[tuple[int, int]]:
    return {
        (number, place.obj_stream_id) for number, place in data.xrefs_in_objstm.items()
    }


def _after_blanks(content: bytes, offset: int) -> int:
    found = _BLANKS.match(content, offset)
    return offset if found is None else found.end()


def _unnamed_in_streams(
    reader: PdfFileReader,
    content: bytes,
    known: dict[int, tuple[int, int]],
    sections: set[int],
    packed: set[tuple[int, int]],
) -> str:
    """Look for objects and sections in streams that no section names."""
    stream = BytesIO(content)
    for offset, (number, generation) in known.items():
        head = content.find(b"stream", offset)
        if head < 0 or not _SPECIAL.search(content[offset:head]):
            continue
        stream.seek(_after_blanks(content, content.index(b"obj", offset) + 3))
        reference = generic.Reference(number, generation, reader)
        found = generic.read_object(stream, reference)
        if not isinstance(found, generic.StreamObject):
            continue
        kind = "/Type" in found and found["/Type"]
        if kind == "/XRef" and offset not in sections:
            # PDFBox writes such beside tables, in updates of files with both.
            newest = {own: at for at, (own, _) in sorted(known.items()) if at <= offset}
            for entry in parse_xref_stream(found):
                if not _is_true(entry, content, newest, packed):
                    return f"a section at {offset} that is not used"
        if kind == "/ObjStm":
            numbers = found.data[: found["/First"]].split()[: 2 * found["/N"] : 2]
            if not {(int(each), number) for each in numbers} <= packed:
                return f"a packed object at {offset} that no section names"
    return ""


def _is_true(
    entry: XRefEntry,
    content: bytes,
    newest: dict[int, int],
    packed: set[tuple[int, int]],
) -> bool:
    """Return whether an entry says where the sections in use have an object.

    ``newest`` are the offsets of the objects by their numbers.
    """
    number, place = entry.idnum, entry.location
    if isinstance(place, int):
        return _after_blanks(content, place) == newest.get(number)
    if place is not None:
        return number not in newest and (number, place.obj_stream_id) in packed
    return number == 0


def _between(
    reader: PdfFileReader,
    content: bytes,
    end: int,
    known: dict[int, tuple[int, int]],
    sections: set[int],
) -> str:
    """Look for anything else than objects and sections after ``end``."""
    starts = sorted({each for each in (*known, *sections) if each >= end})
    starts.append(len(content))
    if _after_blanks(content, end) < starts[0]:
        return "data before an update"
    for start, stop in pairwise(starts):
        text = content[start:stop]
        if start in sections:
            text, _, tail = text.rpartition(b"startxref")
            ended = _END.fullmatch(b"startxref" + tail)
            if ended is None or _after_blanks(content, int(ended[1])) != start:
                return f"a section at {start} without its end"
        if start in known:
            regular = _OBJECT.match(text) and text.rstrip().endswith(b"endobj")
            odd = b"trailer" in text or b"startxref" in text
        else:
            regular, odd = _is_table(reader, text), False
        if odd or not regular:
            return f"data after what is at {start}"
    return ""


def _is_table(reader: PdfFileReader, text: bytes) -> bool:
    """Return whether it is a table and its trailer, with each object once."""
    table = _TABLE.match(text)
    if table is None:
        return False
    if b"startxref" in text or text.count(b"trailer") != 1:
        return False
    stream = BytesIO(text + b"startxref")  # iText writes a comment before it
    stream.seek(table.end())
    owner = generic.TrailerReference(reader)  # type: ignore[no-untyped-call] # it has no types
    trailer = generic.DictionaryObject.read_from_stream(stream, owner)
    after = _COMMENT.sub(b"", stream.read()).strip()
    listed = [
        number
        for first, count in _SUBSECTION.findall(table[0])
        for number in range(int(first), int(first) + min(int(count), len(text)))
    ]
    return (
        after == b"startxref"
        and {"/Root", "/Size"} <= trailer.keys()
        and len(set(listed)) == len(listed) == len(_LINE.findall(table[0]))
    )
