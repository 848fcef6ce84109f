# SPDX-License-Identifier: MIT
"""Reads the security store of a PDF: validation data (ISO 32000-2 §12.8.4.3).

It has certificates, OCSP responses and CRLs, and no other program shows anything of it.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress

from kortilla.signing.verification.findings import Kept, RefusedError
from kortilla.signing.verification.pdf.lexical import (
    Name,
    Reference,
    Stream,
    Text,
    Value,
)
from kortilla.signing.verification.pdf.objects import View
from kortilla.signing.verification.proofs.kept import MAX_ITEMS, keep

_ARRAYS = {"Certs", "OCSPs", "CRLs"}
_ARRAYS_OF_ONE = {"Cert", "OCSP", "CRL"}
_OF_STREAM = {"Length", "Filter", "DecodeParms", "Type", "Subtype", "DL"}
_HASH = re.compile("[0-9A-Fa-f]{40}")
_MAX_OBJECTS = 20_000


def store_of(view: View, checked: set[int]) -> set[int]:
    """Return the numbers of the objects of the store of a revision.

    Of those ``checked`` what is in the streams is looked at, too. Raises
    ``RefusedError`` if there is anything else in the store.
    """
    walk = _Walk(view, checked)
    store = walk.dictionary(view.root.get("DSS"), _ARRAYS | {"VRI", "Type"})
    for key in _ARRAYS & store.keys():
        walk.array(store[key])
    if "VRI" in store:
        for key, each in walk.dictionary(store["VRI"], None).items():
            if key != "Type":
                entry = walk.dictionary(each, _ARRAYS_OF_ONE | {"Type", "TU", "TS"})
                for name in _ARRAYS_OF_ONE & entry.keys():
                    walk.array(entry[name])
                if "TS" in entry:
                    walk.stream(entry["TS"])
                if not isinstance(walk.follow(entry.get("TU")), Text | None):
                    raise RefusedError("CHANGED_AFTER_SIGNING", "the security store")
    return walk.numbers


def loose_data(view: View, numbers: set[int]) -> set[int]:
    """Return which new objects are validation data, though nothing refers to them.

    Adobe's programs and iText leave such behind. Their numbers are checked elsewhere.
    """
    found: set[int] = set()
    known = _ARRAYS | _ARRAYS_OF_ONE | {"VRI", "Type", "TU", "TS"}
    for number in numbers:
        value = view.value(Reference(number, 0))
        if isinstance(value, dict):
            fits = all(key in known or _HASH.fullmatch(key) for key in value)
            parts = [*value.values()]
        elif isinstance(value, list):
            fits, parts = True, value
        else:
            fits, parts = False, []
            if isinstance(value, Stream) and value.entries.keys() <= _OF_STREAM:
                fits = _is_der(view.data(value))
        if fits and all(isinstance(each, Reference | Name | list) for each in parts):
            found.add(number)
    return found


def kept_in_pdf(views: Iterable[View]) -> list[Kept]:
    """Gather the security store of a PDF (ISO 32000-2 §12.8.4.3).

    ``views`` are of the revisions of its timestamps, and of the last one.
    """
    every, seen = [*views], set[bytes]()
    found = []
    for number, view in enumerate(every):
        names = (("Certs", "Cert"), ("OCSPs", "OCSP"), ("CRLs", "CRL"))
        new = [
            [each for each in _stored(view, *both) if each not in seen]
            for both in names
        ]
        seen.update(*new)
        if any(new):
            last = number == len(every) - 1
            found.append(keep(*new, stamped_by=None if last else number))
    return found


def _stored(view: View, name: str, name_in_vri: str) -> list[bytes]:
    """Return the contents of streams. An odd store counts as none."""
    found: list[bytes] = []
    store = view.value(view.root.get("DSS"))
    if not isinstance(store, dict):
        return found
    found += _streams(view, store.get(name))
    entries = view.value(store.get("VRI"))
    for key, each in entries.items() if isinstance(entries, dict) else ():
        entry = view.value(each)
        if key != "Type" and isinstance(entry, dict):
            found += _streams(view, entry.get(name_in_vri))
    return found


def _streams(view: View, value: Value) -> Iterator[bytes]:
    array = view.value(value)
    for each in array[:MAX_ITEMS] if isinstance(array, list) else ():
        stream = view.value(each)
        if isinstance(stream, Stream):
            with suppress(RefusedError):
                yield view.data(stream)


class _Walk:
    def __init__(self, view: View, checked: set[int]) -> None:
        self.view, self.checked = view, checked
        self.numbers: set[int] = set()

    def follow(self, value: Value) -> Value:
        if isinstance(value, Reference):
            self.numbers.add(value.number)
            if len(self.numbers) > _MAX_OBJECTS:
                raise RefusedError("CHANGED_AFTER_SIGNING", "a huge security store")
        return self.view.value(value)

    def dictionary(self, value: Value, keys: set[str] | None) -> dict[str, Value]:
        found = self.follow(value)
        if found is None:
            return {}
        if not isinstance(found, dict) or (keys and not keys >= found.keys()):
            raise RefusedError("CHANGED_AFTER_SIGNING", "the security store")
        return found

    def array(self, value: Value) -> None:
        found = self.follow(value)
        if not isinstance(found, list | None):
            raise RefusedError("CHANGED_AFTER_SIGNING", "the security store")
        for each in found or ():
            self.stream(each)

    def stream(self, value: Value) -> None:
        """Check that a stream has DER in it; one that is not there is nothing."""
        if isinstance(value, Reference) and value.number in self.numbers:
            return
        found = self.follow(value)
        if found is None:
            return
        if not isinstance(found, Stream) or not found.entries.keys() <= _OF_STREAM:
            raise RefusedError("CHANGED_AFTER_SIGNING", "the security store's data")
        self.follow(found.entries.get("Length"))
        if isinstance(value, Reference) and value.number in self.checked:
            data = self.view.data(found)
            if not _is_der(data):
                detail = f"the object {value.number} is no validation data"
                raise RefusedError("CHANGED_AFTER_SIGNING", detail)


def _is_der(data: bytes) -> bool:
    """Return whether octets are one SEQUENCE of DER, with nothing after it."""
    if len(data) < 2 or data[0] != 0x30:
        return False
    size, begin = data[1], 2
    if size & 0x80:
        begin += size & 0x7F
        size = int.from_bytes(data[2:begin])
    return len(data) == begin + size
