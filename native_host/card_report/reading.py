# SPDX-License-Identifier: MIT
"""Reads from the one card in the readers what needs no PIN, file by file.

SELECT, READ BINARY, GET DATA and GET RESPONSE can spend no try. Nothing else is sent,
but PACE to a card on a contactless reader. There the rest is read through the secure
channel, without the certificates in the master file, whose selection would end it.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from threading import Event
from typing import Literal

from kortilla.common import JsonObject
from native_host.card.apdu import (
    INS_GET_DATA,
    INS_GET_RESPONSE,
    INS_READ_BINARY,
    INS_SELECT,
    SW,
    Command,
    CommandChannel,
)
from native_host.card.atr import identify, is_contactless
from native_host.card.contactless.pace import CARD_ACCESS, open_channel
from native_host.card.errors import (
    CONNECTION_ERRORS,
    CardBusyError,
    CardError,
    CardKind,
    CardMuteError,
    CardRemovedError,
    PcscUnavailableError,
    UnsupportedCardError,
    WrongCanError,
)
from native_host.card.files import MASTER_FILE, FileReader, Tlv, TlvError
from native_host.card.fineid import AUTHORITIES, TOKEN_INFO, FineidCard
from native_host.card.keys import (
    KNOWN_KEYS,
    OBJECT_DIRECTORY,
    CardKey,
    KeyRole,
    PinRole,
)
from native_host.card.pins import info_command
from native_host.card.source import CardConnection, CardSource, Reader
from native_host.errors import KortillaError
from native_host.platform.hardening import wipe

_READING = frozenset({INS_SELECT, INS_READ_BINARY, INS_GET_DATA, INS_GET_RESPONSE})

#: Where certificates may be, by docs/reference/card.md, "Files".
_CERTIFICATES = (
    *(key.certificate_path for keys in KNOWN_KEYS.values() for key in keys),
    bytes.fromhex("50164333"),
)
_APPLICATION_FOLDER = bytes.fromhex("5015")  # PKCS#15 v1.1 §5.4

_SECONDS = 180
_MOST_FILES = 16  # directories, and as many certificates
_LARGEST = 8192  # bytes of a file

_OCTET_STRING = 0x04
_GROUPS = frozenset({0x30, *range(0xA0, 0xA9)})
_CERTIFICATE_DIRECTORIES = frozenset({0xA4, 0xA5, 0xA6})

#: A path of file ids as in docs/reference/card.md, "Files". None ends with a letter, so
#: that no text is taken for one.
_PATH = re.compile(rb"([/?@-_][^A-Za-z]){1,4}", re.DOTALL)


Why = Literal[
    "exists", "no-folder", "unwritable", "no-reader", "no-card", "several-cards"
]


class CardReportError(KortillaError):
    """No report can be made or written; ``why`` says what is in the way."""

    code = "REPORT_FAILED"

    def __init__(self, why: Why) -> None:
        super().__init__(f"There is no card report: {why}.")
        self.why = why


class FileKind(StrEnum):
    """What a file is taken for."""

    DIRECTORY = "directory"
    CARD_INFO = "card-info"
    CERTIFICATE = "certificate"
    AUTHORITY = "authority"
    CARD_ACCESS = "card-access"


@dataclass
class FileContent:
    """A file, by its path in the application or in the master file.

    ``pieces`` are how many bytes each READ BINARY brought, ``end`` is the status word
    of the last one. ``whole`` says that it was read to its end.
    """

    kind: FileKind
    path: bytes
    status: int = 0
    answer: bytes = b""
    content: bytes = b""
    pieces: list[int] = field(default_factory=list)
    end: int | None = None
    whole: bool = False


@dataclass
class CardContent:
    """All that was read. It is personal, and stays in memory.

    ``pins`` are the answers to PIN info. ``understood`` is what the program makes of
    the card, and holds nothing personal. ``stopped`` is the code of the error that
    ended the reading, where one did.
    """

    atr: bytes
    protocol: int
    chained: bool = False
    files: list[FileContent] = field(default_factory=list)
    pins: list[tuple[PinRole, bytes, int]] = field(default_factory=list)
    understood: JsonObject | None = None
    stopped: str | None = None


async def read_the_one_card(
    source: CardSource, ask_can: Callable[[bool], Awaitable[bytearray]]
) -> CardContent:
    """Read the card. May be cancelled: no command is sent after that.

    On a contactless reader, ``ask_can`` returns its CAN, which is wiped here. It is
    told whether the last one was wrong. Raises ``CardReportError`` if there is not one
    card, and what ``ask_can`` and ``read_card`` raise.
    """
    readers = await source.readers()
    there = [each for each in readers if each.atr is not None or each.mute]
    if not there:
        raise CardReportError("no-card" if readers else "no-reader")
    if len(there) > 1:
        raise CardReportError("several-cards")
    if there[0].mute:
        raise CardMuteError("The card does not answer.")
    wrong = False
    while True:
        can = None
        if _is_contactless(there[0].atr or b""):
            can = await ask_can(wrong)
        try:
            return await _read_once(source, there[0], can)
        except WrongCanError:
            wrong = True
        finally:
            if can is not None:
                await asyncio.shield(source.run(wipe, can))


async def _read_once(
    source: CardSource, reader: Reader, can: bytearray | None
) -> CardContent:
    cancelled = Event()
    connection = await source.connect(reader)
    try:
        return await source.run(read_card, connection, cancelled, can)
    except asyncio.CancelledError:
        # A command may still run, and hang. The end of the source closes the connection
        # after it, and does not wait forever.
        cancelled.set()
        raise
    finally:
        if not cancelled.is_set():
            await asyncio.shield(source.run(connection.close))


def _is_contactless(atr: bytes) -> bool:
    """Whether a CAN is needed. Raises ``UnsupportedCardError``."""
    if not is_contactless(atr):
        return False
    identify(atr, contactless=True)
    return True


class ReadingOnly:
    """A connection that refuses what could spend a try.

    It refuses everything after three minutes, or once ``cancelled`` is set.
    """

    def __init__(self, connection: CardConnection, cancelled: Event) -> None:
        self._connection = connection
        self._cancelled = cancelled
        self._end = time.monotonic() + _SECONDS
        self.atr: bytes | None = connection.atr
        self.protocol = connection.protocol
        self.contactless = connection.contactless
        self.longest_data = connection.longest_data
        #: Whether an answer came in pieces, as 61xx.
        self.chained = False

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        """Pass a command on. Raises ``CardError`` for what it refuses."""
        if apdu[0] != 0x00 or apdu[1] not in _READING:
            raise CardError("A report is made by reading only.")
        if self._cancelled.is_set() or time.monotonic() > self._end:
            raise CardMuteError("The card has been asked for long enough.")
        data, status = self._connection.send_and_receive(apdu)
        self.chained |= status & 0xFF00 == SW.MORE_DATA
        return data, status


class _RecordingChannel(CommandChannel):
    """Keeps the answers to the commands for one file."""

    file: FileContent | None = None

    def exchange(self, command: Command) -> tuple[bytes, int]:
        data, status = super().exchange(command)
        if self.file is not None and command.ins == INS_SELECT:
            self.file.answer, self.file.status = data, status
        elif self.file is not None:
            self.file.content += data
            self.file.pieces.append(len(data))
            self.file.end = status
        return data, status


def read_card(
    connection: CardConnection,
    cancelled: Event | None = None,
    can: bytearray | None = None,
) -> CardContent:
    """Read a card. One that fails in the midst of it gives what it gave until then.

    With ``can`` it lies on a contactless reader. Raises ``UnsupportedCardError`` for
    what is no citizen card, and ``CardRemovedError``, ``CardBusyError``,
    ``PcscUnavailableError``, ``WrongCanError``. A card of an unknown MultiApp
    generation is read like the others.
    """
    cancelled = cancelled or Event()
    guarded = ReadingOnly(connection, cancelled)
    found = CardContent(connection.atr or b"", connection.protocol)
    try:
        identify(found.atr, contactless=can is not None)
    except UnsupportedCardError as error:
        if error.kind != CardKind.UNKNOWN_GENERATION:
            raise
        guarded.atr = None  # so that FineidCard takes it
    try:
        if can is not None:
            connection.needs_reset = True
            access = _read_access(_RecordingChannel(guarded, guarded.protocol), found)
            channel = open_channel(connection, can, access)
            guarded = ReadingOnly(channel, cancelled)
        _read(guarded, found)
    except (CardRemovedError, CardBusyError, PcscUnavailableError, WrongCanError):
        raise
    except CardError as error:
        if not found.files:
            raise
        found.stopped = error.code
    found.chained = guarded.chained
    return found


def _read_access(channel: "_RecordingChannel", found: CardContent) -> bytes:
    """Read EF.CardAccess, which says how the secure channel is opened."""
    channel.file = FileContent(FileKind.CARD_ACCESS, CARD_ACCESS)
    found.files.append(channel.file)
    content = FileReader(channel).read_object(CARD_ACCESS, limit=_LARGEST)
    channel.file.whole = True
    return content


def _read(guarded: ReadingOnly, found: CardContent) -> None:
    channel = _RecordingChannel(guarded, guarded.protocol)

    def read(kind: FileKind, path: bytes) -> bytes:
        """Read a file once, and return what is in it."""
        if path in [each.path for each in found.files]:
            return b""
        reader = FileReader(channel)
        ask = reader.read_object if kind is FileKind.AUTHORITY else reader.read
        channel.file = file = FileContent(kind, path)
        found.files.append(file)
        try:
            file.whole = len(ask(path, limit=_LARGEST)) < _LARGEST
        except CONNECTION_ERRORS:
            raise
        except CardError:  # the status words say what is wrong
            pass
        finally:
            channel.file = None
        return file.content

    FineidCard(guarded)  # which selects the application
    listed = read(FileKind.DIRECTORY, OBJECT_DIRECTORY)
    read(FileKind.CARD_INFO, TOKEN_INFO)
    directories = {path: each.tag for each in _objects(listed) for path in _paths(each)}
    certificates = dict.fromkeys(_CERTIFICATES)
    for path, tag in [*directories.items()][:_MOST_FILES]:
        content = read(FileKind.DIRECTORY, path)
        if tag in _CERTIFICATE_DIRECTORIES:
            certificates |= {
                p: None for each in _objects(content) for p in _paths(each)
            }
    for path in [*certificates][:_MOST_FILES]:
        read(FileKind.CERTIFICATE, path)
    card = FineidCard(guarded)  # again: PIN2 is local to the application
    for role in PinRole:
        command = info_command(role)
        found.pins.append((role, *channel.exchange(command)))
    found.understood = _understood(card)
    for path in () if guarded.contactless else AUTHORITIES:
        read(FileKind.AUTHORITY, path)


def _objects(content: bytes) -> Iterator[Tlv]:
    """Yield the objects of a directory, up to what is none."""
    with suppress(TlvError):
        while content := content.lstrip(b"\x00\xff"):
            tlv, content = Tlv.take(content)
            yield tlv


def _paths(tlv: Tlv, depth: int = 0) -> Iterator[bytes]:
    """Yield the paths in an object, as they are inside the application."""
    if tlv.tag == _OCTET_STRING:
        path = tlv.value.removeprefix(MASTER_FILE)
        path = path.removeprefix(_APPLICATION_FOLDER) or path
        if _PATH.fullmatch(path):
            yield path
    elif tlv.tag in _GROUPS and depth < 4:
        for part in _objects(tlv.value):
            yield from _paths(part, depth + 1)


# -- What the program makes of the card ------------------------------------------------


def _understood(card: FineidCard) -> JsonObject:
    """Recognise the card, choose its keys, and read its PIN states."""

    def key(key: CardKey | KeyRole) -> JsonObject:
        if isinstance(key, KeyRole):
            key = card.key(key)
        certificate = card.certificate(key)
        path = key.certificate_path
        return {
            "role": key.role.value,
            "type": key.key_type.value,
            "reference": f"{key.reference:02X}",
            "file": path.hex().upper() if _PATH.fullmatch(path) else None,
            "algorithm": certificate.algorithm.name,
            "keyBits": certificate.public_key.key_size,
            "test": certificate.test,
            "forAuthentication": certificate.for_authentication,
            "forSigning": certificate.for_signing,
        }

    def pin(role: PinRole) -> JsonObject:
        info = card.pin_info(role)
        return {"triesLeft": info.tries_left, "changed": info.changed}

    keys = card.keys()
    return {
        "generation": card.generation and card.generation.name,
        "keys": [_told(partial(key, each)) for each in keys],
        "chosen": {each.value: _told(partial(key, each)) for each in KeyRole},
        "pins": {each.name: _told(partial(pin, each)) for each in PinRole},
    }


def _told(ask: Callable[[], object]) -> object:
    """Return an answer, or the code of the error in its place."""
    try:
        return ask()
    except CONNECTION_ERRORS:
        raise
    except CardError as error:
        return {"error": error.code}
