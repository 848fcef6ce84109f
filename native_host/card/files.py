# SPDX-License-Identifier: MIT
"""Reads the card's files, even if they are cut, padded or wrongly described."""

import logging
from contextlib import suppress

from native_host.card.apdu import (
    INS_READ_BINARY,
    INS_SELECT,
    SW,
    Command,
    CommandChannel,
)
from native_host.card.errors import CardError, UnsupportedCardError
from native_host.card.tlv import Tlv, TlvError

logger = logging.getLogger(__name__)

_MAX_OFFSET = 0x7FFF  # READ BINARY's offset has 15 bits
_MAX_READS = 256

MASTER_FILE = bytes.fromhex("3F00")

_TAGS_FILE_CONTROL = (0x62, 0x6F)
_TAG_FILE_SIZES = (0x81, 0x80)

_PAST_END = frozenset({SW.END_OF_FILE, SW.WRONG_OFFSET})


class FileReader:
    """Reads files of the application, which the caller has selected."""

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
