# SPDX-License-Identifier: MIT
"""Reads and writes the BER around a long content, piece by piece (ITU-T X.690).

Only the content is long. All that stands before and after it is read as a whole, up to
a limit, and parsed by asn1crypto.
"""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from kortilla.errors import (
    EncryptionUnsupportedError,
    NotEncryptedError,
    TrailingDataError,
)

SEQUENCE, SET, OCTET_STRING = 0x30, 0x31, 0x04
#: [0] of a constructed value, and of a primitive one.
CONTEXT_0, CONTEXT_0_PRIMITIVE = 0xA0, 0x80

#: Bytes of the content that are read or written at a time.
PIECE = 1 << 16
_MAX_DEPTH = 16
_END = b"\x00\x00"


class Header(NamedTuple):
    """A tag and a length in bytes, or None where an end mark follows the value."""

    tag: int
    length: int | None
    encoded: bytes


class Reader:
    """Reads values one after the other. Raises ``NotEncryptedError`` for other bytes.

    Values that are entered are left in the opposite order. The end of one of a known
    length is checked, also while it is read.
    """

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._position = 0
        #: The ends of the values that were entered; None where a mark ends one.
        self._ends: list[int | None] = []
        #: For each, where the first end of a known length around it is.
        self._limits: list[int | None] = [None]

    def enter(self, tag: int) -> None:
        """Enter the next value, which must have the tag."""
        header = self._header()
        if header.tag != tag:
            raise NotEncryptedError(f"the tag {header.tag:02X} in place of {tag:02X}")
        self.enter_after(header)

    def enter_after(self, header: Header) -> None:
        """Enter the value whose header was read."""
        end = None if header.length is None else self._position + header.length
        limit = self._limits[-1]
        if end is not None and limit is not None and end > limit:
            raise NotEncryptedError("a part is longer than the whole")
        self._ends.append(end)
        self._limits.append(limit if end is None else end)

    def leave(self) -> None:
        """Leave the value that was entered last, which must be at its end."""
        end = self._ends.pop()
        self._limits.pop()
        if end is None:
            self._end_mark()
        elif end != self._position:
            raise NotEncryptedError("a value has more parts than are known")

    def end(self) -> None:
        """Raise ``TrailingDataError`` unless the source ends here."""
        if self._source.read(1):
            raise TrailingDataError("something follows the message")

    def next(self) -> Header | None:
        """Read the next value's header, or return None at the end of this value."""
        end = self._ends[-1]
        if end is not None and self._position == end:
            return None
        header = self._header()
        if end is None and header.encoded == _END:
            self._ends[-1] = self._position  # the mark was read
            return None
        return header

    def value(self, limit: int) -> bytes:
        """Read a whole value with its header, of at most ``limit`` bytes."""
        return self.value_after(self._header(), limit)

    def value_after(self, header: Header, limit: int, depth: int = 0) -> bytes:
        """Read a value whose header was read. Raises ``EncryptionUnsupportedError``."""
        if depth > _MAX_DEPTH or (header.length or 0) > limit:
            raise EncryptionUnsupportedError("A part of the message is too large.")
        if header.length is not None:
            return header.encoded + self.take(header.length)
        parts = [header.encoded]
        while True:
            part = self._header()
            if part.encoded == _END:
                return b"".join([*parts, _END])
            parts.append(self.value_after(part, limit, depth + 1))
            limit -= len(parts[-1])

    def pieces(self, header: Header) -> Iterator[bytes]:
        """Read an octet string whose header was read, primitive or in parts."""
        if not header.tag & 0x20:
            yield from self._primitive(header)
            return
        self.enter_after(header)
        while (part := self.next()) is not None:
            if part.tag != OCTET_STRING:
                raise NotEncryptedError("the content has parts of another kind")
            yield from self._primitive(part)
        self.leave()

    def take(self, count: int) -> bytes:
        """Read this many bytes."""
        limit = self._limits[-1]
        if limit is not None and self._position + count > limit:
            raise NotEncryptedError("a part is longer than the whole")
        read = self._source.read(count)
        if len(read) != count:
            raise NotEncryptedError("the message is cut")
        self._position += count
        return read

    def _primitive(self, header: Header) -> Iterator[bytes]:
        if header.length is None:
            raise NotEncryptedError("a primitive value has no length")
        left = header.length
        while left:
            piece = self.take(min(left, PIECE))
            left -= len(piece)
            yield piece

    def _header(self) -> Header:
        encoded = self.take(2)
        tag, length = encoded
        if tag & 0x1F == 0x1F:
            raise NotEncryptedError("a tag of several bytes")
        if length < 0x80:
            return Header(tag, length, encoded)
        if length == 0x80:
            if not tag & 0x20:
                raise NotEncryptedError("a primitive value has no length")
            return Header(tag, None, encoded)
        size = length & 0x7F
        if size > 8:
            raise NotEncryptedError("a length of more than 8 bytes")
        digits = self.take(size)
        return Header(tag, int.from_bytes(digits), encoded + digits)

    def _end_mark(self) -> None:
        if self.take(2) != _END:
            raise NotEncryptedError("a value has more parts than are known")


def opened(*tags: int) -> bytes:
    """Return the headers of values inside each other, whose ends are marked."""
    return b"".join(bytes([tag, 0x80]) for tag in tags)


def closed(depth: int) -> bytes:
    """Return the end marks of this many values."""
    return _END * depth


def encoded(tag: int, content: bytes) -> bytes:
    """Return a value of a known length."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(digits)]) + digits + content
