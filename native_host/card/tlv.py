# SPDX-License-Identifier: MIT
"""BER-TLV in the subset that cards use (ISO/IEC 7816-4 §5.2.2)."""

from collections.abc import Iterator
from typing import Self

from native_host.card.errors import CardError

_MAX_TAG_BYTES = 3
_MAX_LENGTH_BYTES = 3


class TlvError(CardError):
    """Bytes from the card are not the expected BER-TLV."""


class Tlv(bytes):
    """One data object. As ``bytes`` it is its own encoding, as built or received.

    ``Tlv(tag, value)`` builds one; tags are written as numbers, ``0xDF21``.
    """

    tag: int
    value: bytes

    def __new__(cls, tag: int, value: bytes = b"") -> Self:
        """Build a data object with the shortest encoding of its length."""
        size = len(value)
        if size < 0x80:
            length = bytes([size])
        else:
            digits = size.to_bytes((size.bit_length() + 7) // 8)
            length = bytes([0x80 | len(digits)]) + digits
        encoded = tag.to_bytes(max(1, (tag.bit_length() + 7) // 8)) + length + value
        return cls._made(encoded, tag, value)

    @classmethod
    def _made(cls, encoded: bytes, tag: int, value: bytes) -> Self:
        self = super().__new__(cls, encoded)
        self.tag = tag
        self.value = value
        return self

    @classmethod
    def take(cls, data: bytes) -> tuple[Self, bytes]:
        """Parse the first data object of ``data``; return it and the rest.

        Tags have at most three bytes and lengths at most three digits; the indefinite
        form is rejected, as in ISO/IEC 7816-4. Raises ``TlvError``.
        """
        tag_end = _tag_end(data)
        if tag_end >= len(data):
            raise TlvError("A data object ends before its length.")
        length, start = data[tag_end], tag_end + 1
        if length >= 0x80:
            digits = length & 0x7F
            if not 1 <= digits <= _MAX_LENGTH_BYTES:
                raise TlvError("A data object has a length of a forbidden form.")
            if start + digits > len(data):
                raise TlvError("A data object ends within its length.")
            length = int.from_bytes(data[start : start + digits])
            start += digits
        end = start + length
        if end > len(data):
            raise TlvError(
                f"A data object of {length} bytes has only {len(data) - start}."
            )
        tag = int.from_bytes(data[:tag_end])
        return cls._made(bytes(data[:end]), tag, bytes(data[start:end])), data[end:]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Parse exactly one data object.

        Raises ``TlvError``, also for trailing bytes.
        """
        tlv, rest = cls.take(data)
        if rest:
            raise TlvError(f"{len(rest)} bytes follow a data object.")
        return tlv

    @classmethod
    def parse_all(cls, data: bytes) -> Iterator[Self]:
        """Parse consecutive data objects. Raises ``TlvError``."""
        while data:
            tlv, data = cls.take(data)
            yield tlv

    def value_at(self, *tags: int) -> bytes:
        """Return the value at a path of tags inside this one, the first at each step.

        Raises ``TlvError`` if it does not exist, or if a step is no TLV.
        """
        value = self.value
        for tag in tags:
            for child in Tlv.parse_all(value):
                if child.tag == tag:
                    value = child.value
                    break
            else:
                raise TlvError(f"The data object {tag:02X} is missing.")
        return value

    def __repr__(self) -> str:
        """Show only tag and length: values may be personal."""
        return f"Tlv({self.tag:02X}, {len(self.value)} bytes)"


def _tag_end(data: bytes) -> int:
    """Return the number of bytes of the tag at the start of ``data``."""
    if not data:
        raise TlvError("A data object is empty.")
    if data[0] & 0x1F != 0x1F:
        return 1
    for end in range(2, _MAX_TAG_BYTES + 1):
        if end > len(data):
            raise TlvError("A data object ends within its tag.")
        if not data[end - 1] & 0x80:
            return end
    raise TlvError("A data object has a tag of more than three bytes.")
