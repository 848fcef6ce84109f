# SPDX-License-Identifier: MIT
"""Reads the objects of a PDF as they are written (ISO 32000-2 §7.2 and §7.3).

pyHanko reads what it can; other programs read the same in another way. Here only what
can be read in one way is read at all.
"""

import re
from typing import NamedTuple

from kortilla.signing.verification.findings import RefusedError

#: Whitespace and comments. Nothing is tried twice, so that it stays fast.
BLANKS = re.compile(rb"(?:[\0\t\n\f\r ]++|%[^\r\n]*+)*+")
_TOKEN = re.compile(
    rb"(?P<begin><<|\[)|(?P<end>>>|\])"
    rb"|(?P<name>/[^\0\t\n\f\r ()<>\[\]{}/%]*+)"
    rb"|(?P<text>\()|(?P<hex><[0-9A-Fa-f\0\t\n\f\r ]*+>)"
    rb"|(?P<word>[^\0\t\n\f\r ()<>\[\]{}/%]++)"
)
_IN_TEXT = re.compile(rb"[()]|\\.", re.DOTALL)
_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")
_NUMBER = re.compile(rb"[+-]?(?:\d++\.?\d*+|\.\d++)")
_WHOLE = re.compile(rb"\d{1,10}")
_MAX_DEPTH = 100


class Name(str):
    """A name, without its slash and escapes."""

    __slots__ = ()


class Reference(NamedTuple):
    """A reference to an object."""

    number: int
    generation: int


#: Numbers are as they are written. Of texts nothing is kept.
Value = Name | Reference | bytes | list["Value"] | dict[str, "Value"] | None


def irregular(detail: str) -> RefusedError:
    """Return the error of what could be read in two ways."""
    return RefusedError("IRREGULAR", detail)


def after_blanks(content: bytes, at: int) -> int:
    """Return where whitespace and comments end."""
    found = BLANKS.match(content, at)
    return at if found is None else found.end()


def read(
    content: bytes, at: int, references: set[Reference] | None = None
) -> tuple[Value, int]:
    """Return the value at an offset, and the offset of its end.

    The references in it are added to ``references``.
    Raises ``RefusedError`` for one that is malformed, or has a key twice.
    """
    start = at
    holders: list[tuple[bytes, list[Value]]] = [(b"", [])]
    while True:
        at = after_blanks(content, at)
        token = _TOKEN.match(content, at)
        if token is None:
            raise irregular(f"no value at {at}")
        kind, text, at = token.lastgroup, token[0], token.end()
        items = holders[-1][1]
        if kind == "begin":
            if len(holders) > _MAX_DEPTH:
                raise irregular(f"a deep value at {start}")
            holders.append((text, []))
            continue
        if kind == "end":
            opened, inside = holders.pop()
            if (opened, text) not in {(b"<<", b">>"), (b"[", b"]")}:
                raise irregular(f"no end of a value at {at}")
            whole = inside if text == b"]" else _dictionary(inside, start)
            holders[-1][1].append(whole)
        elif text == b"R":
            _refer(items, start)
            if references is not None and isinstance(items[-1], Reference):
                references.add(items[-1])
        else:
            items.append(_simple(kind, text))
            at = _end_of_text(content, at) if kind == "text" else at
        if len(holders) == 1:
            return holders[0][1][0], at


def _simple(kind: str | None, text: bytes) -> Value:
    if kind == "name":
        return _name(text)
    if kind != "word":
        return None
    if _NUMBER.fullmatch(text) or text in {b"true", b"false", b"null"}:
        return text
    raise irregular(f"the word {text[:20]!r}")


def _name(text: bytes) -> Name:
    def octet(found: re.Match[bytes]) -> bytes:
        return bytes([int(found[1], 16)])

    return Name(_ESCAPE.sub(octet, text[1:]).decode("latin-1"))


def _refer(items: list[Value], start: int) -> None:
    """Put a reference in place of two numbers."""
    pair = items[-2:]
    numbers = [int(x) for x in pair if isinstance(x, bytes) and _WHOLE.fullmatch(x)]
    if len(numbers) != 2:
        raise irregular(f"a reference to nothing in the value at {start}")
    items[-2:] = [Reference(*numbers)]


def _dictionary(items: list[Value], start: int) -> dict[str, Value]:
    found: dict[str, Value] = {}
    if len(items) % 2:
        raise irregular(f"a key without a value at {start}")
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, Name):
            raise irregular(f"a key that is no name at {start}")
        if key in found:
            raise irregular(f"the key {key} twice at {start}")
        found[str(key)] = value
    return found


def _end_of_text(content: bytes, at: int) -> int:
    depth = 1
    while depth:
        found = _IN_TEXT.search(content, at)
        if found is None:
            raise irregular("a text without its end")
        depth += {b"(": 1, b")": -1}.get(found[0], 0)
        at = found.end()
    return at
