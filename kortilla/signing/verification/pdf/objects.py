# SPDX-License-Identifier: MIT
"""Reads a whole PDF strictly, once, as the revisions that it consists of.

A program that takes something for broken looks through the whole file, and shows the
last object of each number, also one that no section names. So the file is read here
from its start to its end as a sequence of complete objects and sections, and the
sections name exactly these objects at these places (ISO 32000-2 §7.5). Then there is
only one way to read it. Each section belongs to one revision, which ends with its
``%%EOF``, and each object belongs to the revision whose section names it.
"""

import re
from collections.abc import Iterator

from kortilla.signing.verification.findings import Rectangle, RefusedError
from kortilla.signing.verification.pdf.actions import POSSIBLY_ACTIVE, active
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
    references,
    whole,
)
from kortilla.signing.verification.pdf.revisions import Joined, place_of
from kortilla.signing.verification.pdf.sections import (
    END,
    NOWHERE,
    OBJECT,
    Place,
    Section,
    filters_of,
    read_section,
    read_sections,
    read_stream,
)

_HEADER = re.compile(rb"%PDF-[12]\.\d")
_AT_END = re.compile(END.pattern + rb"[\0\t\n\f\r ]*+")
_WHITE = re.compile(rb"[\0\t\n\f\r ]*+")
_ANY_END = re.compile(rb"startxref")
_ANY_TRAILER = re.compile(rb"trailer" + rb"[\s\0]*<<")
_GAP = rb"(?:[\s\0]|%[^\r\n]*[\r\n])"  # comments separate words, too
_ANY_OBJECT = re.compile(rb"\d" + _GAP + rb"++\d++" + _GAP + rb"*+obj$")
_OBJ = re.compile(rb"(?<=[\s\0\d])obj")
#: How far before the word an object's number may be, and in how many places at most.
_WINDOW, _MAX_WORDS = 300, 10_000
_FILTERS = {
    *("ASCII85Decode", "ASCIIHexDecode", "CCITTFaxDecode", "DCTDecode", "FlateDecode"),
    *("JBIG2Decode", "JPXDecode", "LZWDecode", "RunLengthDecode"),
}
#: What is read at most: the tokens of objects, and an object counts for some more.
_MAX_READ, _PER_OBJECT = 4_000_000, 6
_BETWEEN = (b"/", b"[", b"<", b"(", b"\\", b" ", b"\n", b"\r")
#: The most octets of unpacked object streams, and of values, that are kept.
_MAX_UNPACKED, _MAX_KEPT = 24_000_000, 3_000_000
_MAX_HOLDERS = 100
_MAX_SIZING = 3
_MAX_STEPS = 20  # from a reference to a reference


class Reading:
    """A PDF that can be read in one way only.

    ``groups`` has the numbers of optional content groups (§8.11.2), and ``first_page``
    the number that a linearized file gives its first page (Annex F). One that is
    ``mixed`` has sections of two kinds; poppler shows nothing of it.
    """

    def __init__(self, content: bytes) -> None:
        """Read it. Raises ``RefusedError``, with IRREGULAR or TOO_LARGE."""
        self.content = content
        self.groups: set[int] = set()
        self.first_page: int | None = None
        #: The action of some object that runs or changes something (§12.6).
        self.active = ""
        self._values: dict[Place, Value] = {}
        self._packs: dict[int, tuple[bytes, list[int]]] = {}
        self._kept = self._unpacked = self._read = self._sizing = 0
        begin = content.rfind(b"startxref")
        found = _AT_END.fullmatch(content, begin) if begin >= 0 else None
        if not _HEADER.match(content) or found is None:
            raise irregular("another begin or end than programs look for")
        sections = read_sections(content, int(found[1]))
        if any("Encrypt" in each.trailer for each in sections):
            raise RefusedError("ENCRYPTED")
        joined = Joined(content, sections)
        self.revisions, self.mixed = joined.revisions, len(joined.kinds) > 1
        self._named = joined.named
        self._heads: set[int] = set()  # where the words are that begin objects
        # By the numbers that a later revision writes: what refers to them since when.
        self._holders: dict[int, dict[int, int]] = {
            number: {} for each in self.revisions[1:] for number in each.places
        }
        for number, revision in enumerate(self.revisions):
            trailer = {**revision.trailer, "AdditionalStreams": None}  # of LibreOffice
            self._refer(0, {each.number for each in references(trailer)}, number)
        self._walk(sections)
        self._check_generations()

    def view(self, revision: int = -1) -> "View":
        """Return the file as it was as of a revision, the last one by default."""
        return View(self, range(len(self.revisions))[revision])

    def holders(self, number: int, *, before: int) -> set[int]:
        """Return the numbers of the objects that refer to one, in earlier revisions.

        0 is a trailer, and -1 stands for many more. It has to be one that a later
        revision writes.
        """
        sections = set[int]().union(*(each.sections for each in self.revisions))
        found = self._holders[number].items()
        return {0 if each in sections else each for each, at in found if at < before}

    def next_octet(self, revision: int) -> int:
        """Return where something comes after a revision that is no white space."""
        found = _WHITE.match(self.content, self.revisions[revision].end)
        return found.end() if found else len(self.content)

    def read_place(self, place: Place, revision: int) -> Value:
        """Return the object at a place, as of a revision."""
        if place in self._values:
            return self._values[place]
        if place.pack:
            value, size = self._read_packed(place, revision)
        else:
            value, size = self._read_plain(place, revision)
        self._kept += size
        if self._kept > _MAX_KEPT:
            self._values.clear()
            self._kept = size
        self._values[place] = value
        return value

    def _walk(self, sections: list[Section]) -> None:
        """Read the file as a sequence of objects and sections."""
        content, current, objects = self.content, 0, 0
        stops = {each.at: each.stop for each in sections}
        tables = {each.at for each in sections if not each.own}
        used = {each.hybrid.at for each in sections if each.hybrid} | stops.keys()
        unused: list[tuple[int, int]] = []
        at = after_blanks(content, 0)
        while at < len(content):
            start = at
            while start >= self.revisions[current].end:
                current += 1
            if start not in tables:
                if start not in self._named:
                    raise irregular(f"an object at {start} that no section names")
                objects += 1
                at, kind = self._read_object(start, current)
                if kind == "ObjStm":
                    self.revisions[current].packs.add(self._named[start])
                elif kind == "XRef" and start not in used:
                    unused.append((current, start))
            at = after_blanks(content, stops.get(start, at))
        if objects != len(self._named):
            raise irregular("an object that a section names in another one")
        ends = sum(each.named != NOWHERE for each in sections)
        self._check_words(ends, len(tables))
        self._heads.clear()
        self._check_packs()
        for number, start in unused:
            self._check_unused(number, start)
            self.revisions[number].sections.add(self._named[start])

    def _check_words(self, ends: int, tables: int) -> None:
        """Check that no stream and no text has what programs look for."""
        content = self.content
        if len(_ANY_END.findall(content)) != ends:
            raise irregular("an end within something else")
        if len(_ANY_TRAILER.findall(content)) != tables:
            raise irregular("a trailer within something else")
        words = (each.end() for each in _OBJ.finditer(content))
        left = _MAX_WORDS
        for end in words:
            if end in self._heads:
                continue
            left -= 1
            if left < 0 or _ANY_OBJECT.search(content[max(0, end - _WINDOW) : end]):
                raise irregular(f"an object within another one at {end}")

    def _read_object(self, start: int, revision: int) -> tuple[int, str]:
        """Read an object. Return where it ends, and the type of a stream."""
        content = self.content
        head = OBJECT.match(content, start)
        begin = head.end() if head else start
        self._heads.add(begin)
        noted: set[int | Reference] = set()
        value, at = read(content, begin, noted)
        self._count(content, start, at)
        self._refer(self._named[start], noted, revision)
        self._note(self._named[start], value)
        self._look_for_actions(value, content, start, at)
        at, kind = after_blanks(content, at), ""
        if isinstance(value, dict) and content.startswith(b"stream", at):
            stream, at = read_stream(content, at, value, self._size(value, revision))
            found = value.get("Type")
            kind = str(found) if isinstance(found, Name) else ""
            if isinstance(found, Reference):
                raise irregular(f"a stream at {start} of a type that is elsewhere")
            filters = map(str, filters_of(stream))
            if value.keys() & {"F", "FFilter"} or not _FILTERS.issuperset(filters):
                raise irregular(f"a stream at {start} elsewhere, or of another kind")
        if not content.startswith(b"endobj", at):
            raise irregular(f"an object at {start} without its end")
        return at + len(b"endobj"), kind

    def _refer(self, number: int, noted: set[int | Reference], revision: int) -> None:
        """Note what an object refers to."""
        self.revisions[revision].references |= noted
        if len(self.revisions) == 1:
            return
        for each in noted:
            to = each if isinstance(each, int) else each.number
            if to in self._holders:
                holders = self._holders[to]
                holders.setdefault(
                    number if len(holders) < _MAX_HOLDERS else -1, revision
                )

    def _count(self, content: bytes, start: int, end: int) -> None:
        """Count what is read, by what begins or separates its tokens."""
        self._read += _PER_OBJECT
        for each in _BETWEEN:
            self._read += content.count(each, start, end)
        if self._read > _MAX_READ:
            raise RefusedError("TOO_LARGE", "objects")

    def _size(self, entries: dict[str, Value], revision: int) -> int:
        self._sizing += 1  # a length may be in a stream, which has a length
        try:
            if self._sizing > _MAX_SIZING:
                raise irregular("a length of a stream that depends on itself")
            return whole(View(self, revision).value(entries.get("Length")))
        finally:
            self._sizing -= 1

    def _note(self, number: int, value: Value) -> None:
        if not isinstance(value, dict):
            return
        kind = value.get("Type")
        if kind == "OCG":
            self.groups.add(number)
        if kind == "OCMD" and "VE" in value:
            raise irregular("layers that depend on one another")
        if "Linearized" in value and whole(value.get("L")) == len(self.content):
            # It is not linearized any more once something was added (Annex F.4).
            self.first_page = whole(value.get("O"))

    def _look_for_actions(
        self, value: Value, content: bytes, begin: int, end: int
    ) -> None:
        if not self.active and POSSIBLY_ACTIVE.search(content, begin, end):
            self.active = active(value)

    def _read_plain(self, place: Place, revision: int) -> tuple[Value, int]:
        head = OBJECT.match(self.content, place.at)
        if head is None:
            raise irregular(f"no object at {place.at}")
        value, at = read(self.content, head.end())
        size = at - place.at
        at = after_blanks(self.content, at)
        if isinstance(value, dict) and self.content.startswith(b"stream", at):
            length = self._size(value, revision)
            value, _ = read_stream(self.content, at, value, length)
        return value, size

    def _read_packed(self, place: Place, revision: int) -> tuple[Value, int]:
        data, numbers = self._pack(place.pack, revision)
        places = numbers[1::2]
        if place.at >= len(places):
            raise irregular(f"no object {place.at} in {place.pack}")
        value, end = read(data, places[place.at])
        return value, end - places[place.at]

    def _pack(self, number: int, revision: int) -> tuple[bytes, list[int]]:
        """Return an object stream's octets, and its numbers and places in turn."""
        if number in self._packs:
            return self._packs[number]
        view = View(self, revision)
        place = view.place(number)
        stream = None if place is None or place.pack else view.value_at(place)
        if not isinstance(stream, Stream) or stream.entries.get("Type") != "ObjStm":
            raise irregular(f"an object stream {number} that is none")
        data = view.data(stream)
        first = whole(stream.entries.get("First"))
        heads = data[: max(first, 0)].split()
        if not all(each.isdigit() for each in heads) or len(heads) % 2:
            raise irregular(f"an object stream {number} that is none")
        numbers = [*map(int, heads)]
        numbers[1::2] = [each + first for each in numbers[1::2]]
        if len(numbers) != 2 * whole(stream.entries.get("N")):
            raise irregular(f"an object stream {number} of another length")
        self._unpacked += len(data)
        if self._unpacked > _MAX_UNPACKED:
            self._packs.clear()
            self._unpacked = len(data)
        self._packs[number] = data, numbers
        return data, numbers

    def _check_packs(self) -> None:
        """Check that object streams have each object at its place, and no other."""
        known: set[int] = set()
        for at, revision in enumerate(self.revisions):
            packed: dict[int, dict[int, int]] = {}
            for number, place in revision.places.items():
                if place is not None and place.pack:
                    packed.setdefault(place.pack, {})[place.at] = number
            if not packed.keys() <= revision.packs or known & revision.packs:
                raise irregular("an object stream of another revision")
            known |= revision.packs
            for holder in sorted(revision.packs):
                self._check_pack(holder, at, packed.get(holder, {}))

    def _check_pack(self, holder: int, revision: int, named: dict[int, int]) -> None:
        data, heads = self._pack(holder, revision)
        numbers, places = heads[::2], heads[1::2]
        if dict(enumerate(numbers)) != named or places != sorted(places):
            raise irregular(f"a packed object in {holder} that no section names")
        for number, place, stop in zip(
            numbers, places, [*places[1:], len(data)], strict=True
        ):
            noted: set[int | Reference] = set()
            value, end = read(data, place, noted)
            self._count(data, place, end)
            self._refer(number, noted, revision)
            self._note(number, value)
            self._look_for_actions(value, data, place, end)
            if after_blanks(data, end) != stop and end != stop:
                raise irregular(f"data between the packed objects in {holder}")

    def _check_unused(self, revision: int, start: int) -> None:
        """Check that a section says what those in use say up to there.

        PDFBox writes such beside tables, in updates of files with both.
        """
        view = View(self, revision)
        section = read_section(self.content, start)
        for number, place in section.places.items():
            if (None if number == 0 else view.place(number)) != (
                place_of(self.content, number, place)
            ):
                raise irregular(f"a section at {start} that is not used")

    def _check_generations(self) -> None:
        """Check that references are to generations of objects that there are."""
        wanted: dict[int, set[int]] = {}
        for revision in self.revisions:
            for each in revision.references:
                if isinstance(each, Reference):
                    wanted.setdefault(each.number, set()).add(each.generation)
            for number, place in revision.places.items():
                if place is not None and place.generation:
                    wanted.setdefault(number, set())
        for number, generations in wanted.items():
            if any(number in each.references for each in self.revisions):
                generations.add(0)
            places = [each.places.get(number) for each in self.revisions]
            known = {each.generation for each in places if each is not None}
            if known and not generations <= known:
                raise irregular(f"a reference to another generation of {number}")


class View:
    """A PDF as of one of its revisions."""

    def __init__(self, reading: Reading, revision: int) -> None:
        """Look at ``reading`` as it was as of a revision, counted from 0."""
        self.reading, self.revision = reading, revision

    @property
    def trailer(self) -> dict[str, Value]:
        """The trailer, or the entries of the stream of references."""
        return self.reading.revisions[self.revision].trailer

    @property
    def root(self) -> dict[str, Value]:
        """The catalog. Raises ``RefusedError`` if there is none."""
        found = self.value(self.trailer.get("Root"))
        if not isinstance(found, dict):
            raise irregular("no catalog")
        return found

    def place(self, number: int) -> Place | None:
        """Return where an object is, or None if it is not defined."""
        for revision in reversed(self.reading.revisions[: self.revision + 1]):
            if number in revision.places:
                return revision.places[number]
        return None

    def freed(self) -> set[int]:
        """Return the numbers of objects that were there, and are free."""
        latest: dict[int, Place | None] = {}
        written: set[int] = set()
        for each in self.reading.revisions[: self.revision + 1]:
            latest |= each.places
            written |= {number for number, place in each.places.items() if place}
        return {number for number in written if latest[number] is None}

    def value_at(self, place: Place) -> Value:
        """Return the object at a place."""
        return self.reading.read_place(place, self.revision)

    def value(self, value: Value) -> Value:
        """Follow a reference. One to nothing is None (§7.3.10)."""
        for _ in range(_MAX_STEPS):
            if not isinstance(value, Reference):
                return value
            place = self.place(value.number)
            if place is None or place.generation != value.generation:
                return None
            value = self.value_at(place)
        raise irregular("references to references")

    def data(self, stream: Stream) -> bytes:
        """Return the decoded octets of a stream. Raises ``RefusedError``."""
        names = self.listed(stream.entries.get("Filter"))
        more = self.listed(stream.entries.get("DecodeParms"))
        if len(more) > len(names):
            raise irregular("a stream with more parameters than filters")
        more += [None] * (len(names) - len(more))
        parameters = [
            {key: self.value(inner) for key, inner in each.items()}
            if isinstance(each, dict)
            else {}
            for each in more
        ]
        return decoded(stream.raw, [str(each) for each in names], parameters)

    def listed(self, value: Value) -> list[Value]:
        """Return a value, or several, with references followed."""
        found = self.value(value)
        if isinstance(found, list):
            return self.array(found)
        return [] if found is None else [found]

    def array(self, value: Value) -> list[Value]:
        """Return what is in an array, with references followed; else nothing."""
        found = self.value(value)
        return [self.value(each) for each in found] if isinstance(found, list) else []

    def rectangle(self, value: Value) -> Rectangle | None:
        """Return a rectangle (§7.9.5), or None for anything else."""
        sides = [float(e) for e in self.array(value) if isinstance(e, Number)]
        if len(sides) != 4 or len(self.array(value)) != 4:
            return None
        left, bottom, right, top = sides
        return min(left, right), min(bottom, top), max(left, right), max(bottom, top)

    def numbers(self) -> Iterator[int]:
        """Yield the numbers of all objects that are defined."""
        seen: set[int] = set()
        for revision in reversed(self.reading.revisions[: self.revision + 1]):
            for number, place in revision.places.items():
                if number not in seen and place is not None:
                    yield number
                seen.add(number)


def has_area(rectangle: Rectangle) -> bool:
    """Return whether a rectangle is more than a line or a point."""
    left, bottom, right, top = rectangle
    return left < right and bottom < top
