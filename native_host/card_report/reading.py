# SPDX-License-Identifier: MIT
"""Reads from a card what needs no PIN, file by file, as the card gives it."""

from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

from native_host.card.apdu import (
    INS_READ_BINARY,
    INS_SELECT,
    SW,
    Command,
    CommandChannel,
)
from native_host.card.atr import identify
from native_host.card.connection import CardConnection
from native_host.card.directory import OBJECT_DIRECTORY
from native_host.card.errors import (
    CONNECTION_ERRORS,
    CardBusyError,
    CardError,
    CardKind,
    CardRemovedError,
    PcscUnavailableError,
    UnsupportedCardError,
)
from native_host.card.files import MASTER_FILE, size_in
from native_host.card.fineid import APPLICATION, AUTHORITIES, TOKEN_INFO, FineidCard
from native_host.card.keys import KNOWN_KEYS, PinRole
from native_host.card.pins import info_command
from native_host.card.tlv import Tlv, TlvError
from native_host.card_report.directories import certificate_files, directory_files
from native_host.card_report.limits import Limits, ReadingOnly
from native_host.card_report.understood import understood

__all__ = [
    "CardContent",
    "FileContent",
    "FileKind",
    "PinAnswer",
    "read_card",
]

#: Where certificates may be, by docs/reference/card.md, "Files".
_CERTIFICATES = (
    *(key.certificate_path for keys in KNOWN_KEYS.values() for key in keys),
    bytes.fromhex("50164333"),
)

_MOST_DIRECTORIES = 16
_MOST_CERTIFICATES = 16
_LARGEST = 8192  # bytes of a file
_MOST_READS = 256  # of a file
_LONGEST_PATH = 8  # bytes

#: How reading past the end is answered.
_ENDS = frozenset({SW.OK, SW.END_OF_FILE, SW.WRONG_OFFSET})

_CERTIFICATE_DIRECTORIES = frozenset({0xA4, 0xA5, 0xA6})


class FileKind(StrEnum):
    """What a file is taken for, which decides how it is copied."""

    DIRECTORY = "directory"
    CARD_INFO = "card-info"
    CERTIFICATE = "certificate"
    AUTHORITY = "authority"


@dataclass
class FileContent:
    """A file. It is in the master file, or its ``path`` is inside the application.

    ``pieces`` are how many bytes each READ BINARY brought, ``end`` is the status word
    of the last one. ``whole`` says that it was read to its end.
    """

    kind: FileKind
    path: bytes
    in_master_file: bool
    status: int
    answer: bytes = b""
    content: bytes = b""
    pieces: list[int] = field(default_factory=list)
    end: int | None = None
    whole: bool = True


@dataclass(frozen=True)
class PinAnswer:
    """The answer to PIN info."""

    role: PinRole
    status: int
    answer: bytes


@dataclass
class CardContent:
    """All that was read. It is personal, and stays in memory.

    ``stopped`` is the code of the error that ended the reading, where one did.
    """

    atr: bytes
    protocol: int
    chained: bool = False
    files: list[FileContent] = field(default_factory=list)
    pins: list[PinAnswer] = field(default_factory=list)
    understood: dict[str, object] | None = None
    stopped: str | None = None


def read_card(connection: CardConnection, limits: Limits | None = None) -> CardContent:
    """Read a card. A card that fails in the midst of it gives what it gave until then.

    Raises ``UnsupportedCardError`` for what is no citizen card, and
    ``CardRemovedError``, ``CardBusyError``, ``PcscUnavailableError``. A card of an
    unknown MultiApp generation is read like the others.
    """
    atr = connection.atr or b""
    try:
        identify(atr)
    except UnsupportedCardError as error:
        if error.kind != CardKind.UNKNOWN_GENERATION:
            raise
    guarded = ReadingOnly(connection, limits or Limits())
    found = CardContent(atr, connection.protocol)
    reading = _Reading(CommandChannel(guarded), found)
    try:
        reading.read()
        with suppress(UnsupportedCardError):
            found.understood = understood(FineidCard(guarded))
    except (CardRemovedError, CardBusyError, PcscUnavailableError):
        raise
    except CardError as error:
        if not found.files:
            raise
        found.stopped = error.code
    found.chained = guarded.chained
    return found


class _Reading:
    def __init__(self, channel: CommandChannel, found: CardContent) -> None:
        self._channel = channel
        self._found = found

    def read(self) -> None:
        self._select_application()
        listed = self._file(FileKind.DIRECTORY, OBJECT_DIRECTORY)
        self._file(FileKind.CARD_INFO, TOKEN_INFO)
        directories = list(dict.fromkeys(directory_files(listed)))
        certificates = list(_CERTIFICATES)
        for tag, path in directories[:_MOST_DIRECTORIES]:
            content = self._file(FileKind.DIRECTORY, path)
            if tag in _CERTIFICATE_DIRECTORIES:
                certificates += certificate_files(content)
        for path in list(dict.fromkeys(certificates))[:_MOST_CERTIFICATES]:
            self._file(FileKind.CERTIFICATE, path)
        self._select_application()
        for role in PinRole:
            self._pin(role)
        for identifier in AUTHORITIES:
            self._authority(identifier)
        self._select_application()

    def _select_application(self) -> None:
        _, status = self._channel.exchange(Command(INS_SELECT, 0x04, 0x0C, APPLICATION))
        if status == SW.SECURITY_STATUS:
            raise UnsupportedCardError(
                "The card has to be put into the slot of the reader.",
                kind=CardKind.CONTACTLESS,
            )
        if status != SW.OK:
            raise UnsupportedCardError("This card is not a FINEID citizen card.")

    def _file(self, kind: FileKind, path: bytes) -> bytes:
        """Read a file of the application once, and return what is in it."""
        if len(path) > _LONGEST_PATH or path in [f.path for f in self._found.files]:
            return b""
        command = Command(INS_SELECT, 0x08, 0x04, path, le=256)
        answer, status = self._channel.exchange(command)
        file = FileContent(kind, path, False, status, answer)
        self._found.files.append(file)
        if status == SW.OK:
            self._read(file, size_in(answer))
        return file.content

    def _authority(self, identifier: bytes) -> None:
        """Read a file of the master file, as ``FileReader.read_object`` does."""
        for p1, file_id in ((0x00, MASTER_FILE), (0x02, identifier)):
            command = Command(INS_SELECT, p1, 0x0C, file_id)
            _, status = self._channel.exchange(command)
            if status != SW.OK:
                break
        file = FileContent(FileKind.AUTHORITY, identifier, True, status)
        self._found.files.append(file)
        if status == SW.OK:
            self._read(file, None)

    def _read(self, file: FileContent, size: int | None) -> None:
        """Read the chosen file to its size, or to its end where that is not known.

        One of the master file ends with its first object.
        """
        file.whole = False
        limit = _LARGEST if size is None else min(size, _LARGEST)
        while len(file.content) < limit and len(file.pieces) < _MOST_READS:
            if file.in_master_file and _is_whole(file):
                break
            offset = len(file.content)
            command = Command(INS_READ_BINARY, offset >> 8, offset & 0xFF, le=256)
            try:
                data, file.end = self._channel.exchange(command)
            except CONNECTION_ERRORS:
                raise
            except CardError:  # an answer without an end
                return
            file.content += data
            file.pieces.append(len(data))
            if file.end != SW.OK or not data:
                file.whole = file.end in _ENDS
                return
        is_object = file.in_master_file and _is_whole(file)
        file.whole = is_object or (size is not None and len(file.content) >= size)

    def _pin(self, role: PinRole) -> None:
        command = info_command(role, self._found.protocol)
        answer, status = self._channel.exchange(command)
        self._found.pins.append(PinAnswer(role, status, answer))


def _is_whole(file: FileContent) -> bool:
    with suppress(TlvError):
        return bool(Tlv.take(file.content))
    return False
