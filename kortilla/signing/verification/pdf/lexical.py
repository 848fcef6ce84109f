# SPDX-License-Identifier: MIT
"""Reads the objects of a PDF as they are written (ISO 32000-2 §7.2 and §7.3).

Programs read what is malformed in different ways. Here only what can be read in one way
is read at all.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from kortilla.signing.verification.findings import RefusedError

#: Whitespace and comments. Nothing is tried twice, so that it stays fast.
BLANKS = re.compile(rb"(?:[\0\t\n\f\r ]++|%[^\r\n]*+)*+")
_TOKEN = re.compile(
    rb"(?:[\0\t\n\f\r ]++|%[^\r\n]*+)*+(?:"
    rb"(?P<numbers>\[(?:[\t\n\f\r ]*+[+-]?(?:\d++\.?\d*+|\.\d++)(?=[\t\n\f\r \]]))*+"
    rb"[\t\n\f\r ]*+\])|(?P<begin><<|\[)|(?P<end>>>|\])"
    rb"|(?P<name>/[^\0\t\n\f\r ()<>\[\]{}/%]*+)"
    rb"|(?P<number>[+-]?(?:\d++\.?\d*+|\.\d++)(?=[\0\t\n\f\r ()<>\[\]{}/%]|$))"
    rb"|(?P<text>\([^()\\\r]*+\))|(?P<odd>\()|(?P<hex><[0-9A-Fa-f\0\t\n\f\r ]*+>)"
    rb"|(?P<word>[^\0\t\n\f\r ()<>\[\]{}/%]++))"
)
_IN_TEXT = re.compile(rb"[()]|\\.", re.DOTALL)
_ESCAPED = re.compile(rb"\r\n?|\\(\r\n?|\n|[0-7]{1,3}|.)", re.DOTALL)
_ESCAPES = {b"\r\n": b"", b"\r": b"", b"\n": b""} | {
    bytes([key]): bytes([value])
    for key, value in zip(b"nrtbf", b"\n\r\t\b\f", strict=True)
}
_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")
_WHITE = b"\0\t\n\f\r "
_MAX_DEPTH = 100
#: The most octets of a value besides its long strings, and of a string with escapes.
_MAX_VALUE, _LONG_TEXT = 2_000_000, 1000
_LARGEST = 2**31 - 1
_WORDS = {b"true": True, b"false": False, b"null": None}


class Name(str):
    """A name, without its slash and escapes. Octets are letters of Latin-1."""

    __slots__ = ()


class Number(bytes):
    """A number as it is written, such as ``+1.50``."""

    __slots__ = ()


class Text(bytes):
    """The octets of a string."""

    __slots__ = ()


class Reference(NamedTuple):
    """A reference to an object."""

    number: int
    generation: int


class Stream(NamedTuple):
    """A stream with its octets as they are in the file."""

    entries: dict[str, "Value"]
    raw: memoryview


#: None is ``null``, which is the same as a missing entry of a dictionary.
Value = (
    Name
    | Number
    | Text
    | Reference
    | Stream
    | bool
    | list["Value"]
    | dict[str, "Value"]
    | None
)


def irregular(detail: str) -> RefusedError:
    """Return the error of what could be read in two ways."""
    return RefusedError("IRREGULAR", detail)


def differently(detail: str) -> RefusedError:
    """Return the error of what screen and paper, or two programs, show differently."""
    return RefusedError("SHOWN_DIFFERENTLY", detail)


def after_blanks(content: bytes, at: int) -> int:
    """Return where whitespace and comments end."""
    found = BLANKS.match(content, at)
    return at if found is None else found.end()


def whole(value: Value) -> int:
    """Return a whole number that is not negative, or -1 for anything else."""
    return int(value) if isinstance(value, Number) and value.isdigit() else -1


def read(
    content: bytes, at: int, noted: set[int | Reference] | None = None
) -> tuple[Value, int]:
    """Return the value at an offset, and the offset of its end.

    What it refers to is added to ``noted``: a number stands for its generation 0.
    Raises ``RefusedError`` for one that is malformed, or has a key twice, and for one
    that is too large.
    """
    start, limit = at, at + _MAX_VALUE
    opened: list[bytes] = []
    holders: list[list[Value]] = []
    items: list[Value] = []
    match = _TOKEN.match
    while True:
        token = match(content, at)
        if token is None:
            raise irregular(f"no value at {at}")
        kind, at = token.lastgroup or "", token.end()
        if at > limit and kind not in {"hex", "text"}:
            raise RefusedError("TOO_LARGE", f"the value at {start}")
        text = token[kind]
        if kind == "number":
            items.append(_number(text))
        elif kind == "name":
            items.append(_name(text))
        elif kind == "begin":
            if len(holders) > _MAX_DEPTH:
                raise irregular(f"a deep value at {start}")
            holders.append(items)
            opened.append(text)
            items = []
            continue
        elif kind == "end":
            if not opened or (opened.pop() == b"[") != (text == b"]"):
                raise irregular(f"no end of a value at {at}")
            inside = items if text == b"]" else _dictionary(items, start)
            items = holders.pop()
            items.append(inside)
        elif kind == "word":
            _add_word(items, text, start, noted)
        else:
            value, at = _long(kind, text, content, at)
            items.append(value)
            limit += _granted(value)
        if not holders:
            return items[0], at


def references(value: Value) -> Iterator[Reference]:
    """Yield the references in a value, of all keys."""
    waiting: list[Value] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Reference):
            yield item
        elif isinstance(item, Stream):
            waiting += item.entries.values()
        elif isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


def same(one: Value, other: Value) -> bool:
    """Return whether two values mean the same. References are to the same object."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            same(value, other[key]) for key, value in one.items()
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Stream) and isinstance(other, Stream):
        return one.raw == other.raw and same(one.entries, other.entries)
    if isinstance(one, Number) and isinstance(other, Number):
        return one == other or _plain(one) == _plain(other)
    return one == other


def _plain(number: Number) -> bytes:
    """Return a number without what means nothing, such as the zeros of ``+01.50``."""
    sign = b"-" if number.startswith(b"-") else b""
    whole, _, fraction = number.lstrip(b"+-").partition(b".")
    digits = whole.lstrip(b"0") + b"." + fraction.rstrip(b"0")
    return digits if digits == b"." else sign + digits


@lru_cache(4096)
def _number(text: bytes) -> Number:
    if abs(float(text)) > _LARGEST:
        raise irregular(f"a number that programs cannot hold: {text[:20]!r}")
    return Number(text)


@lru_cache(4096)
def _name(text: bytes) -> Name:
    if b"#" in text:
        if b"#00" in text:
            raise irregular("a name with an octet of zero")
        text = _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), text)
    return Name(text[1:].decode("latin-1"))


def _add_word(
    items: list[Value], text: bytes, start: int, noted: set[int | Reference] | None
) -> None:
    """Add a word, or put a reference in place of two numbers."""
    if text != b"R":
        if text not in _WORDS:
            raise irregular(f"the word {text[:20]!r}")
        items.append(_WORDS[text])
        return
    numbers = [whole(each) for each in items[-2:]]
    if len(numbers) != 2 or numbers[0] < 1 or numbers[1] < 0:
        raise irregular(f"a reference to nothing in the value at {start}")
    found = Reference(*numbers)
    items[-2:] = [found]
    if noted is not None:
        noted.add(found if found.generation else found.number)


def _dictionary(items: list[Value], start: int) -> dict[str, Value]:
    found: dict[str, Value] = {}
    if len(items) % 2:
        raise irregular(f"a key without a value at {start}")
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, Name):
            raise irregular(f"a key that is no name at {start}")
        if key in found:
            raise irregular(f"the key {key} twice at {start}")
        found[key] = value
    return {key: value for key, value in found.items() if value is not None}


def _long(kind: str, text: bytes, content: bytes, at: int) -> tuple[Value, int]:
    """Return a string, or an array of numbers, and where it ends.

    Its first token ends at an offset.
    """
    if kind == "numbers":
        return [*map(_number, text[1:-1].split())], at
    if kind == "text":
        return Text(text[1:-1]), at
    if kind == "hex":
        return Text(_from_hex(text)), at
    end = _end_of_text(content, at)
    return _unescaped(content[at : end - 1]), end


def _granted(value: Value) -> int:
    """Return the octets of a long string, which are hexadecimal digits at most."""
    if isinstance(value, Text) and len(value) > _LONG_TEXT:
        return 2 * len(value)
    return 0


def _from_hex(text: bytes) -> bytes:
    digits = text[1:-1].translate(None, _WHITE)
    return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())


def _end_of_text(content: bytes, at: int) -> int:
    depth, limit = 1, at + _MAX_VALUE
    while depth:
        found = _IN_TEXT.search(content, at, limit)
        if found is None:
            raise irregular("a text without its end, or a huge one")
        depth += {b"(": 1, b")": -1}.get(found[0], 0)
        at = found.end()
    return at


def _unescaped(text: bytes) -> Text:
    """Return the octets of a string in parentheses (§7.3.4.2)."""

    def octets(found: re.Match[bytes]) -> bytes:
        escaped = found[1]
        if escaped is None:
            return b"\n"
        if escaped.isdigit() and escaped[:1] < b"8":
            return bytes([int(escaped, 8) & 0xFF])
        return _ESCAPES.get(escaped, escaped)

    return Text(_ESCAPED.sub(octets, text))
