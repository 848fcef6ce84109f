# SPDX-License-Identifier: MIT
"""Copies the data objects of a card, each value as it is or as a stand-in.

The frame of tags and lengths is copied where the tag is one that may stand there. What
follows anything else is replaced to the end of the object around it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from native_host.card.tlv import Tlv, TlvError
from native_host.card_report import facts
from native_host.card_report.stand_ins import (
    StandIns,
    filler,
    number,
    text,
    time,
    wide_text,
)

__all__ = ["Copier", "Piece", "children", "dotted", "quoted"]

_BOOLEAN, _INTEGER, _BIT_STRING, _OCTET_STRING, _NULL, _OID, _ENUMERATED = (
    *(0x01, 0x02, 0x03, 0x04, 0x05, 0x06),
    0x0A,
)
_BMP_STRING = 0x1E
_TEXTS = frozenset({0x0C, 0x12, 0x13, 0x14, 0x16, 0x1A, _BMP_STRING})
_TIMES = frozenset({0x17, 0x18})
_CONTEXT = range(0x80, 0x89)  # primitive, of a meaning that depends on the place
_GROUPS = frozenset({0x30, 0x31, *range(0xA0, 0xA9)})
_KNOWN_TAGS = frozenset(
    {_BOOLEAN, _INTEGER, _BIT_STRING, _OCTET_STRING, _NULL, _OID, _ENUMERATED}
    | _TEXTS
    | _TIMES
    | _GROUPS
    | {*_CONTEXT}
)

_PADDING = b"\x00\xff"
_MOST_FLAGS = 3  # bytes of a BIT STRING's content, with the count of unused bits
_MOST_SHORT = 2  # bytes of a context-specific value that is a number
_DEEPEST = 16


@dataclass(frozen=True)
class Piece:
    """Some bytes of a copy: a data object without what is in it, or a value.

    ``head`` are tag and length, and ``words`` explain the value. ``replaced`` says that
    ``value`` is a stand-in.
    """

    depth: int
    head: bytes = b""
    value: bytes = b""
    words: str = ""
    replaced: bool = False

    def __bytes__(self) -> bytes:
        return self.head + self.value


class Copier:
    """Copies one file or answer into ``pieces``, which are as long together."""

    def __init__(self, stand_ins: StandIns) -> None:
        self.stand_ins = stand_ins
        self.pieces: list[Piece] = []

    def keep(self, depth: int, tlv: Tlv, words: str = "") -> None:
        """Copy an object as it is."""
        self.pieces.append(Piece(depth, _head(tlv), tlv.value, words))

    def replace(self, depth: int, tlv: Tlv, stand_in: bytes, words: str = "") -> None:
        """Copy an object with another value."""
        if not words and len(stand_in) > _MOST_SHORT and _is_readable(stand_in):
            words = quoted(stand_in)
        self.pieces.append(Piece(depth, _head(tlv), stand_in, words, replaced=True))

    def open(self, depth: int, tlv: Tlv, words: str = "") -> None:
        """Copy tag and length of an object; its content follows."""
        self.pieces.append(Piece(depth, _head(tlv), b"", words))

    def opaque(self, depth: int, content: bytes) -> None:
        """Replace bytes of no known form."""
        if content:
            self.pieces.append(Piece(depth, b"", filler(len(content)), replaced=True))

    def objects(
        self,
        content: bytes,
        depth: int,
        copy: Callable[[Tlv, int], None],
        *,
        tags: Callable[[int], bool] = _KNOWN_TAGS.__contains__,
        padded: bool = False,
    ) -> None:
        """Copy the objects in ``content`` one by one, as ``copy`` does.

        What begins with another tag than ``tags``, or is no object, is replaced.
        """
        while content:
            rest = content.lstrip(_PADDING) if padded else content
            if len(rest) < len(content):
                padding = content[: len(content) - len(rest)]
                self.pieces.append(Piece(depth, b"", padding))
                content = rest
                continue
            try:
                tlv, rest = Tlv.take(content)
            except TlvError:
                break
            if not tags(tlv.tag) or depth > _DEEPEST:
                break
            copy(tlv, depth)
            content = rest
        self.opaque(depth, content)

    def generic(
        self, tlv: Tlv, depth: int, *, paths: bool = False, texts: bool = True
    ) -> None:
        """Copy an object by what its tag says.

        OCTET STRINGs are copied where they are ``paths`` or one byte, ``texts`` where
        all of their words are known.
        """
        if tlv.tag in _GROUPS:
            self.open(depth, tlv)
            self.objects(
                tlv.value,
                depth + 1,
                lambda inner, below: self.generic(
                    inner, below, paths=paths, texts=texts
                ),
            )
        elif _is_fact(tlv, paths=paths, texts=texts):
            self.keep(depth, tlv, _words(tlv))
        else:
            self.replace(depth, tlv, self._stand_in(tlv))

    def _stand_in(self, tlv: Tlv) -> bytes:
        if tlv.tag == _OCTET_STRING:
            return self.stand_ins.octets(tlv.value)
        if tlv.tag in _STAND_INS:
            return _STAND_INS[tlv.tag](tlv.value)
        return text(tlv.value) if _is_readable(tlv.value) else filler(len(tlv.value))


def children(tlv: Tlv) -> list[Tlv]:
    """Return the objects in an object, or none where it holds anything else."""
    try:
        return list(Tlv.parse_all(tlv.value))
    except TlvError:
        return []


def dotted(value: bytes) -> str | None:
    """Return an object identifier in numbers (X.690 §8.19), or None for odd bytes."""
    numbers = list(_numbers(value))
    if not numbers or None in numbers:
        return None
    joined = int(numbers[0] or 0)
    first = min(joined // 40, 2)
    return ".".join(map(str, (first, joined - 40 * first, *numbers[1:])))


def _numbers(value: bytes) -> Iterator[int | None]:
    number, within = 0, False
    for each in value:
        if not within and each == 0x80:  # a leading zero: bytes that say nothing
            yield None
        number, within = number << 7 | each & 0x7F, bool(each & 0x80)
        if not within:
            yield number
            number = 0
    if within:
        yield None


def _head(tlv: Tlv) -> bytes:
    return bytes(tlv)[: len(tlv) - len(tlv.value)]


def _is_fact(tlv: Tlv, *, paths: bool, texts: bool) -> bool:
    """Whether a value is one that may be copied."""
    tag, value = tlv.tag, tlv.value
    if not value:
        return True
    if tag in _FACTS:
        return _FACTS[tag](value)
    if tag == _OCTET_STRING:
        return len(value) == 1 or (paths and facts.is_file_path(value))
    if tag in _CONTEXT and facts.is_known_number(value):
        return True
    return texts and tag not in _TIMES and facts.is_known_text(value)


def _words(tlv: Tlv) -> str:
    if tlv.tag == _OID:
        return facts.oid_name(dotted(tlv.value) or "")
    if tlv.tag in _TEXTS or (tlv.tag in _CONTEXT and len(tlv.value) > _MOST_SHORT):
        return quoted(tlv.value)
    return ""


def quoted(value: bytes) -> str:
    """Return a text in quotes that JSON need not escape."""
    return f"'{value.decode()}'"


def _is_readable(value: bytes) -> bool:
    return value.isascii() and value.decode().isprintable()


def _is_object_identifier(value: bytes) -> bool:
    return (oid := dotted(value)) is not None and facts.is_known_oid(oid)


#: Whether a value may be copied, by its tag.
_FACTS: dict[int, Callable[[bytes], bool]] = {
    _BOOLEAN: {b"\x00", b"\x01", b"\xff"}.__contains__,
    _INTEGER: facts.is_known_number,
    _BIT_STRING: lambda value: len(value) <= _MOST_FLAGS and value[0] < 8,
    _NULL: lambda value: False,
    _OID: _is_object_identifier,
    _ENUMERATED: lambda value: len(value) == 1,
}

_STAND_INS: dict[int, Callable[[bytes], bytes]] = {
    _INTEGER: number,
    _BIT_STRING: lambda value: b"\x00" + filler(len(value) - 1),
    _OID: lambda value: b"\x2a" + b"\x01" * (len(value) - 1),
    _BMP_STRING: wide_text,
    **dict.fromkeys(_TIMES, time),
    **dict.fromkeys(_TEXTS - {_BMP_STRING}, text),
}
