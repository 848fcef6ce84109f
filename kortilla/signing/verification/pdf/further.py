# SPDX-License-Identifier: MIT
"""Judges what came after a signature in a PDF, by what may come and nothing else.

A later revision is validation data (ISO 32000-2 §12.8.4.3), a document timestamp, or a
further signature (§12.7.5.5), or one of these with validation data. Each object that it
writes or frees has to be a part of that, and each place where an object of before
differs has to be one that needs to differ. An object that nothing needs is refused.
"""

from dataclasses import dataclass, field

from kortilla.signing.verification.findings import RefusedError
from kortilla.signing.verification.pdf.changes import dictionary, refuse
from kortilla.signing.verification.pdf.fields import items, rectangle_of
from kortilla.signing.verification.pdf.lexical import (
    Reference,
    Stream,
    Value,
    references,
    same,
)
from kortilla.signing.verification.pdf.objects import Reading
from kortilla.signing.verification.pdf.store import loose_data
from kortilla.signing.verification.pdf.whole import Whole

#: What a field or its place on a page may have; no actions.
_OF_WIDGET = {
    *("AP", "AS", "BS", "Border", "C", "Contents", "DA", "DR", "F", "FT", "Ff", "H"),
    *("Kids", "Lock", "M", "MK", "NM", "P", "Parent", "Q", "Rect", "SV"),
    *("StructParent", "Subtype", "T", "TM", "TU", "Type", "V"),
}
#: What a field that was there may have anew once it is signed.
_SIGNED_FIELD = {"AP", "AS", "DA", "F", "Ff", "M", "MK", "P", "V"}
_OF_SIGNATURE = {
    *("ByteRange", "Cert", "Changes", "ContactInfo", "Contents", "Filter", "Location"),
    *("M", "Name", "Prop_AuthTime", "Prop_AuthType", "Prop_Build", "R", "Reason"),
    *("Reference", "SubFilter", "Type", "V"),
}
_MOST_NEW = 10  # fields


class Further(Whole):
    """Explains all of a revision, as far as it may come later.

    ``signed`` are the numbers of the fields that it signs. One that ``has_field`` has
    an empty one that shows nothing, for a signature to come.
    """

    def __init__(self, reading: Reading, revision: int) -> None:
        """Look at a revision that is not the first one. Raises ``RefusedError``."""
        super().__init__(reading, revision)
        self.signed: set[int] = set()
        self.has_field = False
        self._widgets: set[int] = set()  # of fields that are new

    def check(self) -> None:
        """Explain what may be. Raises ``RefusedError`` for what may not."""
        self.check_whole()
        self._check_fields()
        self._check_pages()

    # ------------------------------------------------------------------- the fields

    def _check_fields(self) -> None:
        """Explain the form, and fields that are signed."""
        before = self.old.root.get("AcroForm")
        after = self.new.root.get("AcroForm")
        self.own(after, "the form", self.catalog)
        old = dictionary(self.old.value(before), "the form")
        new = dictionary(self.new.value(after), "the form")
        holder = after.number if isinstance(after, Reference) else self.catalog
        was = items(self.old, old.get("Fields"))
        now = items(self.new, new.get("Fields"))
        # Fields have looks of their own, so that no program uses these to draw them.
        allowed = {"Fields", "SigFlags", "DR"} | ({"DA"} - old.keys())
        differing = self.differing(old, new, allowed, "the form")
        if self.own(new.get("DR"), "the form's DR", holder) or "DR" in differing:
            self._check_resources(old.get("DR"), new.get("DR"))
        self.own(new.get("Fields"), "the fields", holder)
        for each in self._added(was, now, "the fields"):
            self._check_new_field(each.number)
        for number in sorted(self.left):
            value = self.before(number)
            if isinstance(value, dict) and self.old.value(value.get("FT")) == "Sig":
                self._check_old_field(number, value)
        for number in sorted(self.left):
            self._check_old_part(number)
        if len(self.signed) > 1:
            raise refuse("several signatures at once")

    def _check_resources(self, old: Value, new: Value) -> None:
        """Check that a form's resources are only more."""
        was = dictionary(self.old.value(old), "the form's DR")
        now = dictionary(self.new.value(new), "the form's DR")
        for key, value in now.items():
            before, after = (
                self.old.value(was.get(key)),
                self.new.value(value),
            )
            self.own(value, "the form's DR", -1)
            if key == "XObject":
                pass  # no field is drawn with it; Adobe's programs put looks there
            elif isinstance(before, dict) and isinstance(after, dict):
                for name in before:
                    if not same(before[name], after.get(name)):
                        raise refuse(f"the form's DR: {key}: {name}")
            elif before is not None and not same(before, after):
                raise refuse(f"the form's DR: {key}")
            self.take_all(value, "the form's DR", looks=True)
        if was.keys() - now.keys():
            raise refuse("the form's DR with less")

    @staticmethod
    def _added(old: list[Value], new: list[Value], what: str) -> list[Reference]:
        """Return what an array refers to besides what was in it, in its order."""
        known = {each for each in old if isinstance(each, Reference)}
        more = [
            each for each in new if isinstance(each, Reference) and each not in known
        ]
        if not same(old, [each for each in new if each not in more[:_MOST_NEW]]):
            raise refuse(f"{what} of before")
        return more

    def _check_new_field(self, number: int) -> None:
        self.take(number, "a field")
        entries = self.after(number)
        if not isinstance(entries, dict) or self.new.value(entries.get("FT")) != "Sig":
            raise refuse(f"the field {number}, which is of no signature")
        if "T" not in entries or "Parent" in entries:
            raise refuse(f"the field {number} in another one")
        if "V" in entries:
            self._check_signed(number, entries)
        elif entries.keys() & {"AP", "Kids"} or rectangle_of(self.new, entries):
            raise refuse(f"the field {number}, which is shown without a signature")
        else:
            self.has_field = True
        self._check_widget(number, entries)
        kids = items(self.new, entries.get("Kids"))
        self.own(entries.get("Kids"), "the parts of a field", number)
        if not kids:
            self._check_place(number, entries)
            self._widgets.add(number)
        for each in kids:
            if not isinstance(each, Reference):
                raise refuse("the parts of a field")
            self.take(each.number, "a part of a field")
            self._widgets.add(each.number)
            part = self.new.value(each)
            if not isinstance(part, dict) or {"T", "V", "Kids"} & part.keys():
                raise refuse("the parts of a field")
            self._check_widget(each.number, part)
            self._check_place(each.number, part)

    def _check_old_field(self, number: int, old: dict[str, Value]) -> None:
        """Explain a field that was there without a signature."""
        new = self.after(number)
        if "V" in old or not isinstance(new, dict):
            raise refuse(f"the field {number}, which was signed before")
        self._check_rewritten(number, old, new, _SIGNED_FIELD)
        self._check_signed(number, new)

    def _check_old_part(self, number: int) -> None:
        """Explain the place on a page of a field that is signed.

        Only the field's kids are its places. One with a name is another field.
        """
        old, new = self.before(number), self.after(number)
        if isinstance(old, dict) and isinstance(new, dict):
            above = old.get("Parent")
            field = self.old.value(above)
            if (
                isinstance(above, Reference)
                and above.number in self.signed
                and isinstance(field, dict)
                and Reference(number, 0) in items(self.old, field.get("Kids"))
                and not {"FT", "Kids", "T", "V"} & old.keys()
            ):
                self._check_rewritten(number, old, new, _SIGNED_FIELD - {"V"})

    def _check_rewritten(
        self,
        number: int,
        old: dict[str, Value],
        new: dict[str, Value],
        allowed: set[str],
    ) -> None:
        differing = self.differing(old, new, allowed, f"the field {number}")
        self.left.discard(number)
        keys = (differing | {"AP"}) & new.keys()  # its looks may be other objects
        self._check_widget(number, {key: new[key] for key in keys})

    def _check_signed(self, number: int, entries: dict[str, Value]) -> None:
        """Explain the signature of a field."""
        value = self.new.value(entries.get("V"))
        if not isinstance(value, dict):
            raise refuse(f"the field {number} without a signature")
        if unknown := value.keys() - _OF_SIGNATURE:
            raise refuse(f"a signature with {min(unknown)}")
        reference = entries.get("V")
        if isinstance(reference, Reference):
            self.take(reference.number, "a signature")
        self.take_all(value, "a signature")
        self.signed.add(number)

    def _check_widget(self, number: int, entries: dict[str, Value]) -> None:
        """Explain what a field or its place on a page has: its looks, mostly."""
        if unknown := entries.keys() - _OF_WIDGET:
            raise refuse(f"a field with {min(unknown)}")
        looks = entries.get("AP")
        self.own(looks, "the looks", number)
        self.take_all(looks, "the looks", looks=True)
        found = dictionary(self.new.value(looks), "the looks")
        if found.keys() - {"N"} or not isinstance(
            self.new.value(found.get("N")), Stream | None
        ):
            raise refuse("looks of several kinds or states")
        # As an object of its own it could be a page's resources, too.
        if isinstance(looks, dict) and self.own(looks.get("N"), "the looks", number):
            self.take_all(self.new.value(looks["N"]), "the looks", looks=True)
        others = entries.keys() - {"AP", "Kids", "P", "Parent", "V"}
        self.take_all([entries[key] for key in sorted(others)], "a field", looks=True)

    def _check_place(self, number: int, entries: dict[str, Value]) -> None:
        """Check that a new place on a page shows nothing but its looks."""
        if (
            self.new.value(entries.get("Subtype")) != "Widget"
            or self.new.rectangle(entries.get("Rect")) is None
        ):
            raise refuse(f"the field {number}, which has no place")
        if rectangle_of(self.new, entries) is None and any(
            self.new.value(entries.get(key)) for key in ("BS", "Border", "C", "MK")
        ):
            raise refuse(f"the field {number}, which has a border without an area")

    # -------------------------------------------------------------------- the pages

    def _check_pages(self) -> None:
        """Explain pages that have a new field among their annotations."""
        for number in sorted(self.left):
            old, new = self.before(number), self.after(number)
            if isinstance(old, dict) and old.get("Type") == "Page":
                if not isinstance(new, dict):
                    raise refuse(f"the page {number}")
                for _ in self.differing(old, new, {"Annots"}, f"the page {number}"):
                    self._check_annotations(number, old, new)
                self.left.discard(number)
        for number in sorted(self.left):
            if isinstance(self.before(number), list):
                [*holders] = self.reading.holders(number, before=self.number)
                page = self.before(holders[0]) if len(holders) == 1 else None
                other = self.after(holders[0]) if len(holders) == 1 else None
                if isinstance(page, dict) and isinstance(other, dict):
                    self._check_array(number, page, other)

    def _check_array(
        self, number: int, page: dict[str, Value], other: dict[str, Value]
    ) -> None:
        """Explain an array of annotations that is an object of its own."""
        elsewhere = [value for key, value in page.items() if key != "Annots"]
        if page.get("Type") == "Page" and number not in {
            each.number for each in references(elsewhere)
        }:
            self._check_annotations(number, page, other)
            self.left.discard(number)

    def _check_annotations(
        self, number: int, old: dict[str, Value], new: dict[str, Value]
    ) -> None:
        array = new.get("Annots")
        if isinstance(array, Reference) and self.is_new(array.number):
            self.take(array.number, "the annotations")
        was, now = (
            items(self.old, old.get("Annots")),
            items(self.new, array),
        )
        for each in self._added(was, now, f"the annotations {number}"):
            if each.number not in self._widgets:
                raise refuse(f"the annotations {number}: no field of a signature")
            self._widgets.discard(each.number)


@dataclass
class Later:
    """What a revision is. ``refused`` says what of it may not come later, if anything.

    ``signed`` are the numbers of the fields that it signs, at most one.
    """

    has_data: bool = False
    signed: set[int] = field(default_factory=set)
    refused: str = ""


def judge_later(reading: Reading, revision: int) -> Later:
    """Judge a revision by the one before it. It is never the first one."""
    try:
        changes = Further(reading, revision)
        changes.check()
        for number in loose_data(changes.new, changes.left):
            changes.take(number, "validation data")
        if changes.left:
            raise refuse(f"the object {min(changes.left)}, which nothing needs")
        adds = changes.signed or changes.has_data or changes.has_field
        if changes.written.places and not (adds or changes.has_dates):
            raise refuse("an update that adds nothing")
    except RefusedError as error:
        return Later(refused=error.found.detail or error.found.code)
    return Later(changes.has_data, changes.signed)
