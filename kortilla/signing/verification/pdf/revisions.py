# SPDX-License-Identifier: MIT
"""Joins the sections of a PDF to revisions (ISO 32000-2 §7.5.6)."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from kortilla.signing.verification.pdf.lexical import (
    Reference,
    Value,
    after_blanks,
    irregular,
    whole,
)
from kortilla.signing.verification.pdf.sections import OBJECT, Place, Section


@dataclass
class Revision:
    """What one revision writes. ``places`` has None for a number that it frees.

    Its octets are those from ``begin`` to ``end``, where its ``%%EOF`` ends.
    ``references`` has what its objects refer to; a number stands for its generation 0.
    ``sections`` has the numbers of streams of references, ``packs`` of object streams.
    One that is ``hybrid`` has a section for some programs only (§7.5.8.4).
    """

    begin: int
    end: int
    trailer: dict[str, Value]
    places: dict[int, Place | None] = field(default_factory=dict)
    references: set[int | Reference] = field(default_factory=set)
    sections: set[int] = field(default_factory=set)
    packs: set[int] = field(default_factory=set)
    hybrid: bool = False

    def refers_to(self, number: int) -> bool:
        """Return whether an object refers to a number, of any generation."""
        odd = (each for each in self.references if isinstance(each, Reference))
        return number in self.references or number in {each.number for each in odd}


class Joined:
    """The revisions of sections. ``named`` has the numbers of objects by their offsets.

    ``kinds`` has whether sections are streams.
    """

    def __init__(self, content: bytes, sections: list[Section]) -> None:
        """Join them, the oldest first. Raises ``RefusedError``."""
        self.revisions: list[Revision] = []
        self.named: dict[int, int] = {}
        self.kinds: set[bool] = set()
        self._content = content
        self._latest: dict[int, Place | None] = {}
        in_tables: set[int] = set()
        hidden: set[int] = set()  # numbers that only new programs find
        begin = 0
        for part in _parts(sections):
            first, last = part[-1], max(part, key=lambda each: each.at)
            if first.at < begin or after_blanks(content, last.named) != first.at:
                raise irregular(f"a section at {first.at} that another end names")
            revision = Revision(begin, last.stop, first.trailer)
            self.revisions.append(revision)
            for section in part:
                self._add(section, revision, hidden)
                if not section.own:
                    in_tables |= {n for n, each in section.places.items() if each}
            begin = last.stop
        if hidden & in_tables:
            raise irregular("an object in two places")
        if content[begin:].strip(b"\0\t\n\f\r "):
            raise irregular("data at the end")

    def _add(self, section: Section, revision: Revision, hidden: set[int]) -> None:
        """Add what a section names, and check that it is there."""
        self.kinds.add(bool(section.own))
        revision.sections |= {section.own} - {0}
        places = section.places
        if section.hybrid is not None:
            revision.hybrid = True
            revision.sections.add(section.hybrid.own)
            places = self._merged(section, hidden)
        size = whole(section.trailer.get("Size"))
        for number, place in places.items():
            found = place_of(self._content, number, place)
            if number >= size and found is not None:
                raise irregular(f"the object {number} beyond the size")
            if self._latest.get(number) == found:
                continue
            if number in revision.places or (revision.begin and place and not found):
                raise irregular(f"the object {number} in two places, or none")
            if found is not None and not found.pack:
                if not revision.begin <= found.at < revision.end:
                    raise irregular(f"the object {number} of an older revision")
                self.named[found.at] = number
            self._latest[number] = revision.places[number] = found

    def _merged(self, section: Section, hidden: set[int]) -> dict[int, Place | None]:
        """Return what a table and the section for new programs name (§7.5.8.4).

        What the second one names must be where a table says, or unknown to all tables:
        Ghostscript shows another object of the two than poppler.
        """
        places = dict(section.places)
        more = section.hybrid.places if section.hybrid is not None else {}
        for number, place in more.items():
            found = place_of(self._content, number, place)
            old = place_of(self._content, number, places.get(number))
            old = self._latest.get(number) if old is None else old
            if found is None:
                continue
            if old is not None and old != found:
                raise irregular(f"the object {number} in two places")
            if old is None:
                hidden.add(number)
            places[number] = found
        return places


def place_of(content: bytes, number: int, place: Place | None) -> Place | None:
    """Return where an object is, or None where nothing is there to be shown."""
    if place is None or place.pack:
        return place
    at = after_blanks(content, place.at)
    head = OBJECT.match(content, at)
    if head is None:
        return None
    if (int(head[1]), int(head[2])) != (number, place.generation):
        raise irregular(f"another object at {at} than {number}")
    return place._replace(at=at)


def _parts(sections: list[Section]) -> Iterator[list[Section]]:
    """Yield the sections of each revision, the one that is read first last."""
    both = len(sections) > 1 and (
        # The second section of a linearized file is its first one (Annex F.3.4).
        sections[0].at > sections[1].at
        # Microsoft Word has its section for new programs at an empty table.
        or (sections[1].hybrid is not None and not sections[1].places)
    )
    if both:
        yield sections[:2]
    for each in sections[2 * both :]:
        yield [each]
