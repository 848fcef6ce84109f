# SPDX-License-Identifier: MIT
"""The card's files, and the BER-TLV in them (ISO/IEC 7816-4 §5.2)."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from typing import Self

from native_host.card.apdu import (
    INS_READ_BINARY,
    INS_SELECT,
    SW,
    Command,
    CommandChannel,
)
from native_host.card.errors import CardError, UnsupportedCardError

logger = logging.getLogger(__name__)

_MAX_OFFSET = 0x7FFF  # READ BINARY's offset has 15 bits
_MAX_READS = 256

MASTER_FILE = bytes.fromhex("3F00")

_TAGS_FILE_CONTROL = (0x62, 0x6F)
_TAG_FILE_SIZES = (0x81, 0x80)

_PAST_END = frozenset({SW.END_OF_FILE, SW.WRONG_OFFSET})

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


class FileReader:
    """Reads files of the application, which the caller has selected.

    A file may be cut, padded or wrongly described.
    """

    def __init__(self, channel: CommandChannel) -> None:
        self._channel = channel
        #: Whether the last selected file is in a folder below the application.
        self.in_folder = False

    def read(self, path: bytes, *, limit: int = _MAX_OFFSET + 1) -> bytes:
        """Read a file up to the length in its control parameters.

        ``path`` is inside the application. From a longer file, at most ``limit`` bytes
        are requested. Raises ``UnsupportedCardError`` if the file does not exist,
        ``CardError`` if it can't be read.
        """
        return self._read(min(self._select(path), limit))

    def read_object(self, identifier: bytes, *, limit: int) -> bytes:
        """Read the data object of which a file of the master file consists.

        The application has to be selected again afterwards. SELECT does not return the
        size of these files (docs/reference/card.md, "Reading files"), so the object's
        length is used. Raises ``UnsupportedCardError`` if the file does not exist,
        ``CardError`` if it can't be read, is longer than ``limit`` bytes or holds no
        such object.
        """
        self.in_folder = True
        for p1, file in ((0x00, MASTER_FILE), (0x02, identifier)):
            _, status = self._channel.exchange(Command(INS_SELECT, p1, 0x0C, file))
            _check_selected(status)
        return self._read(limit, only_object=True)

    def _read(self, size: int, *, only_object: bool = False) -> bytes:
        """Read the selected file to its end: ``size``, or the end of its one object."""
        content = b""
        for _ in range(_MAX_READS):
            offset = len(content)
            if offset >= size or offset > _MAX_OFFSET:
                return content[:size]
            if only_object and _is_whole(content):
                return content
            command = Command(INS_READ_BINARY, offset >> 8, offset & 0xFF, le=256)
            data, status = self._channel.exchange(command)
            content += data
            if status in _PAST_END or (status == SW.OK and not data):
                logger.info("A file ends after %d of %d bytes.", len(content), size)
                return content[:size]
            if status != SW.OK:
                raise CardError(
                    f"The card answered {status:04X} to reading.", status_word=status
                )
        raise CardError("The card gives a file in pieces that have no end.")

    def _select(self, path: bytes) -> int:
        """Select a file by its path in the application and return its size in bytes.

        If the card does not report the size, this is the maximum that can be read.
        """
        command = Command(INS_SELECT, 0x08, 0x04, path, le=256)
        self.in_folder = len(path) > 2
        data, status = self._channel.exchange(command)
        _check_selected(status)
        size = size_in(data)
        if size is not None:
            return size
        logger.info("The card does not say how long a file is.")
        return _MAX_OFFSET + 1


def size_in(answer: bytes) -> int | None:
    """Return the size in bytes that file control parameters tell, where they do."""
    with suppress(TlvError):
        control = Tlv.take(answer)[0]
        if control.tag in _TAGS_FILE_CONTROL:
            for child in Tlv.parse_all(control.value):
                if child.tag in _TAG_FILE_SIZES:
                    return int.from_bytes(child.value)
    return None


def _check_selected(status: int) -> None:
    if status == SW.FILE_NOT_FOUND:
        raise UnsupportedCardError("The card has no such file.")
    if status != SW.OK:
        raise CardError(
            f"The card answered {status:04X} to the choice of a file.",
            status_word=status,
        )


def _is_whole(content: bytes) -> bool:
    try:
        Tlv.take(content)
    except TlvError:
        return False
    return True
