# SPDX-License-Identifier: MIT
"""Finds what of a PDF's form is not as it was signed (ISO 32000-2 §12.7).

pyHanko's analysis names each field that has looks, also one that did not change. So the
fields are compared here too.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from io import BytesIO
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader

_DRAWING = ("/NeedAppearances", "/DR", "/DA", "/Q")
#: Ways up, to the page, and from a signature to the whole file.
_UP = {"/Parent", "/P", "/Reference"}
_MOST_LEVELS = 40
_MOST_OBJECTS = 100_000


def changed_fields(
    reader: PdfFileReader, revision: int, names: Iterable[str]
) -> list[str]:
    """Return which of the fields of these names are not as in a revision.

    These are all that can't be compared, too.
    """
    if not (wanted := set(names)):
        return []
    try:
        old = _fields(reader.get_historical_root(revision), wanted)
        new = _fields(reader.root, wanted)
    except MemoryError:
        raise
    except Exception:  # of pyHanko, any
        return sorted(wanted)
    return sorted(
        name for name in wanted if name not in new or old.get(name) != new[name]
    )


def redraws_form(reader: PdfFileReader, revision: int) -> bool:
    """Return whether viewers must draw the form's fields in another way than before.

    They draw the values of fields anew, in place of the looks that were signed. May
    raise any exception, as pyHanko does.
    """
    after = _drawing(reader.root)
    before = _drawing(reader.get_historical_root(revision))
    return after.get("/NeedAppearances") == "true" and before != after


def written(value: Any) -> str:
    """Return an object as it is written in a PDF; references stay references."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    output = BytesIO()
    value.write_to_stream(output)
    return output.getvalue().decode("latin-1")


def _drawing(root: Any) -> dict[str, str]:
    if "/AcroForm" not in root:
        return {}
    form = root["/AcroForm"]
    return {key: written(form[key]) for key in _DRAWING if key in form}


def _fields(root: Any, wanted: set[str]) -> dict[str, bytes]:
    """Return a digest of each field that is wanted, with all that it refers to."""
    found: dict[str, bytes] = {}
    if "/AcroForm" not in root or "/Fields" not in root["/AcroForm"]:
        return found
    for name, field in _walk(root["/AcroForm"]["/Fields"], "", _MOST_LEVELS):
        if name in wanted:
            digest = sha256()
            for part in _parts(field, [_MOST_OBJECTS], _MOST_LEVELS):
                digest.update(part)
            found[name] = digest.digest() + found.get(name, b"")
    return found


def _walk(fields: Any, above: str, levels: int) -> Iterator[tuple[str, Any]]:
    if not levels:
        raise RecursionError("the tree of fields is too deep")
    for index in range(len(fields)):
        field = fields[index]
        name = above
        if "/T" in field:
            name = f"{above}.{field['/T']}" if above else str(field["/T"])
            yield name, field
        if "/Kids" in field:
            yield from _walk(field["/Kids"], name, levels - 1)


def _parts(value: Any, left: list[int], levels: int) -> Iterator[bytes]:
    """Yield what an object is, with what it refers to."""
    left[0] -= 1
    if not left[0] or not levels:
        raise RecursionError("a field refers to too much")
    if isinstance(value, generic.IndirectObject):
        value = value.get_object()  # type: ignore[no-untyped-call] # it has no types
    if isinstance(value, generic.DictionaryObject):
        yield b"<<"
        for key in sorted(value):
            if key not in _UP:
                yield key.encode()
                yield from _parts(value.raw_get(key), left, levels - 1)
        yield b">>"
        if isinstance(value, generic.StreamObject):
            yield sha256(value.data).digest()
    elif isinstance(value, generic.ArrayObject):
        yield b"["
        for index in range(len(value)):
            yield from _parts(value.raw_get(index), left, levels - 1)
        yield b"]"
    else:
        yield written(value).encode()
