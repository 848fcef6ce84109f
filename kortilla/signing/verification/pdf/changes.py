# SPDX-License-Identifier: MIT
"""The objects that a later revision of a PDF writes or frees, until each is explained.

Reachability is over all keys. An object is new only if no earlier revision refers to
its number: such a reference meant nothing (ISO 32000-2 §7.3.10).
"""

from kortilla.signing.verification.findings import RefusedError
from kortilla.signing.verification.pdf.lexical import (
    Reference,
    Stream,
    Value,
    references,
    same,
)
from kortilla.signing.verification.pdf.objects import Reading

#: What no looks and no field may have: actions.
_ACTIVE = {"AA", "JS"}
_MAX_CLOSURE = 20_000


def refuse(detail: str) -> RefusedError:
    """Return the error of what may not come later."""
    return RefusedError("CHANGED_AFTER_SIGNING", detail)


class Changes:
    """What a revision writes. ``left`` are the numbers that nothing explains yet."""

    def __init__(self, reading: Reading, revision: int) -> None:
        """Look at a revision that is not the first one. Raises ``RefusedError``."""
        self.reading, self.number = reading, revision
        self.written = reading.revisions[revision]
        self.old, self.new = reading.view(revision - 1), reading.view(revision)
        self.left = set(self.written.places)
        for number in sorted(self.written.sections | self.written.packs):
            self.take(number, "a section")
        for number in sorted(self.left):
            old, new = self.old.place(number), self.new.place(number)
            if old is not None and new is not None:
                if old.generation != new.generation:
                    raise refuse(f"another generation of the object {number}")
                if same(self.before(number), self.after(number)):
                    self.left.discard(number)

    @property
    def catalog(self) -> int:
        """The number of the catalog of before."""
        root = self.old.trailer.get("Root")
        return root.number if isinstance(root, Reference) else 0

    def before(self, number: int) -> Value:
        """Return an object as it was, or None."""
        return self.old.value(self._reference(number))

    def after(self, number: int) -> Value:
        """Return an object as it is written, or None."""
        return self.new.value(self._reference(number))

    def is_new(self, number: int) -> bool:
        """Return whether there was no object of a number before."""
        return number in self.written.places and self.old.place(number) is None

    def take(self, number: int, what: str) -> None:
        """Explain an object that is new, and that nothing referred to before."""
        if not self.is_new(number):
            raise refuse(f"{what} in the place of the object {number}")
        if any(
            each.refers_to(number) for each in self.reading.revisions[: self.number]
        ):
            raise refuse(f"the object {number}, which was referred to before")
        self.left.discard(number)

    def take_all(self, value: Value, what: str, *, looks: bool = False) -> None:
        """Explain the new objects that a value refers to, over all keys."""
        waiting, seen = [value], set[int]()
        while waiting:
            item = waiting.pop()
            if looks:
                self._check_passive(item, what)
            for each in references(item):
                if self.is_new(each.number) and each.number not in seen:
                    seen.add(each.number)
                    if len(seen) > _MAX_CLOSURE:
                        raise refuse(f"{what} with very many objects")
                    self.take(each.number, what)
                    waiting.append(self.new.value(each))

    @staticmethod
    def _check_passive(value: Value, what: str) -> None:
        """Check that a value has no action in it."""
        waiting = [value]
        while waiting:
            item = waiting.pop()
            if isinstance(item, Stream):
                item = item.entries
            if isinstance(item, dict):
                if found := _ACTIVE & item.keys():
                    raise refuse(f"{what} with {min(found)}")
                waiting += item.values()
            elif isinstance(item, list):
                waiting += item

    def own(self, value: Value, what: str, holder: int) -> bool:
        """Explain an object that may differ. Return whether it is rewritten.

        It may be new. If it was there before, only the object ``holder`` may have
        referred to it, or the trailer for 0.
        """
        if not isinstance(value, Reference) or value.number not in self.left:
            return False
        number = value.number
        if self.is_new(number):
            self.take(number, what)
            return True
        if self.new.place(number) is None:
            raise refuse(f"{what}, which is freed")
        holders = self.reading.holders(number, before=self.number)
        if not holders <= {holder}:
            raise refuse(f"{what}, which the object {max(holders)} refers to, too")
        self.left.discard(number)
        return True

    def differing(
        self, old: dict[str, Value], new: dict[str, Value], allowed: set[str], what: str
    ) -> set[str]:
        """Return the keys that differ. Raises ``RefusedError`` for another."""
        keys = old.keys() | new.keys()
        found = {key for key in keys if not same(old.get(key), new.get(key))}
        if found - allowed:
            raise refuse(f"{what}: {min(found - allowed)}")
        return found

    def _reference(self, number: int) -> Reference:
        place = self.new.place(number) or self.old.place(number)
        return Reference(number, place.generation if place else 0)


def dictionary(value: Value, what: str) -> dict[str, Value]:
    """Return a dictionary, empty for None. Raises ``RefusedError`` for others."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise refuse(what)
    return value
