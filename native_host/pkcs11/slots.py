# SPDX-License-Identifier: MIT
"""The slots, the tokens on the cards in them, and what a client hears of them.

The readers' events drive everything. A card is read once for each insertion, and is
released as soon as it has been read. Calls that wait for a card await ``settled``.
All clients of a process share the slots. Sections are those of PKCS#11 3.0.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from native_host import VERSION
from native_host.card.atr import identify, is_contactless
from native_host.card.errors import (
    CardBusyError,
    CardError,
    CardKind,
    CardRemovedError,
    PcscUnavailableError,
    PinTriesUnreadableError,
)
from native_host.card.source import CardConnection, CardSource, Reader
from native_host.pkcs11.calls import CryptokiError, Values
from native_host.pkcs11.constants import CK_UNAVAILABLE_INFORMATION, CKF, CKR
from native_host.platform.log import log_unexpected

if TYPE_CHECKING:  # imported where cards are read: browsers start without one
    from native_host.card.certificate import CardCertificate
    from native_host.operations.card_access.access_numbers import AccessNumbers
    from native_host.pkcs11.mechanisms import MechanismInfo
    from native_host.pkcs11.objects import TokenObject

logger = logging.getLogger(__name__)

#: The slots, independent of the readers: programs ask for the list only once.
SLOTS = (1, 2)

#: The maximum number of attempts to read a card.
_MOST_FAILURES = 3

#: Seconds that a call waits for a card that is being read.
READING_PATIENCE = 4.0


@dataclass(frozen=True)
class Token:
    """What has been read from a card. ``serial`` has 16 characters at most."""

    certificate: "CardCertificate"
    serial: str
    objects: tuple["TokenObject", ...] = field(repr=False)
    mechanisms: dict[int, "MechanismInfo"]


@dataclass(eq=False)
class Slot:
    """A slot. ``token`` is None while the card in ``reader`` has not been read."""

    number: int
    reader: Reader | None = None
    token: Token | None = None
    #: PIN1's tries, as this process has last seen them. None if the card hides them.
    tries_left: int | None = None
    #: The task that reads the card.
    reading: asyncio.Task[None] | None = None
    #: Another program held the card, or one attempt failed. The next call starts
    #: another one; ``rereading`` then says that no call waits for it.
    read_again: bool = False
    rereading: bool = False
    failures: int = 0
    #: The name of the last reader here, which gets this slot again if it is free.
    last_reader: str = ""


class SlotManager:
    """The cards of a source, in slots.

    The caller closes ``source`` after the manager.
    """

    def __init__(
        self, source: CardSource, *, patience: float = READING_PATIENCE
    ) -> None:
        self.source = source
        #: The numbers of cards on contactless readers that windows have asked for.
        self.numbers: AccessNumbers | None = None
        self._patience = patience
        self._slots = {number: Slot(number) for number in SLOTS}
        self._watching: asyncio.Task[None] | None = None
        self._readers_known = asyncio.Event()
        #: Called with the number of each slot whose token has come or gone.
        self.listeners: set[Callable[[int], None]] = set()

    def learn_tries(self, certificate: "CardCertificate", tries_left: int) -> None:
        """Take down the tries that PIN1 of a card has now, for C_GetTokenInfo.

        That is polled, so it never asks the card. A card that is in no slot yet is read
        with the next call.
        """
        for slot in self._slots.values():
            if slot.token and slot.token.certificate.der == certificate.der:
                slot.tries_left = tries_left
                return
        # A window has used a card that could not be read here.
        for slot in self._slots.values():
            slot.read_again |= slot.token is None and slot.reading is None

    def start(self) -> None:
        """Begin to watch the readers. May be called again."""
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Stop to watch the readers, and to read cards; forget their numbers."""
        if self.numbers:
            self.numbers.wipe()
        tasks = [slot.reading for slot in self._slots.values() if slot.reading]
        tasks += [self._watching] if self._watching else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def slot(self, number: int) -> Slot:
        """Return a slot as it is at this moment. Raises ``CryptokiError``."""
        if slot := self._slots.get(number):
            return slot
        raise CryptokiError(CKR.SLOT_ID_INVALID)

    async def settled(self) -> None:
        """Wait until all cards have been read, for ``patience`` seconds at most.

        A card that another program held is read again meanwhile; that is not awaited.
        """
        for slot in self._slots.values():
            if slot.read_again and slot.reader and slot.reading is None:
                # A number that a window has asked for is what the program waits for.
                slot.rereading = not (self.numbers and slot.reader in self.numbers)
                self._begin_reading(slot, slot.reader)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                await self._readers_known.wait()
                for slot in self._slots.values():
                    if slot.reading and not slot.rereading:
                        await asyncio.wait({slot.reading})

    async def _watch(self) -> None:
        while True:
            try:
                readers = await self.source.readers()
                while True:
                    self._update(readers)
                    readers = await self.source.wait_for_change(readers)
            except PcscUnavailableError as error:
                logger.info("%s", error)
                self._update(())
                await self.source.wait_for_service()
            except CardError as error:  # the mock card's folder is broken
                logger.warning("The readers can't be watched: %s", error)
                self._update(())
                return

    def _update(self, readers: tuple[Reader, ...]) -> None:
        with_card = [reader for reader in readers if reader.atr is not None]
        for slot in self._slots.values():
            if slot.reader is not None and slot.reader not in with_card:
                self._remove_card(slot)
        placed = {slot.reader for slot in self._slots.values()}
        for reader in with_card:
            if reader not in placed:
                self._insert_card(reader)
        self._readers_known.set()

    def _insert_card(self, reader: Reader) -> None:
        free = [slot for slot in self._slots.values() if slot.reader is None]
        free.sort(key=lambda slot: slot.last_reader != reader.name)
        try:
            identify(reader.atr or b"", contactless=True)
        except CardError as error:
            logger.info("A card is left alone: %s", error.code)
            return
        if not free:
            logger.info("There are more cards than slots.")
            return
        free[0].reader, free[0].last_reader = reader, reader.name
        self._begin_reading(free[0], reader)

    def _remove_card(self, slot: Slot) -> None:
        if slot.reading:
            slot.reading.cancel()
        had = slot.token
        slot.reader = slot.token = slot.reading = slot.tries_left = None
        slot.read_again = slot.rereading = False
        slot.failures = 0
        if had:
            self._notify(slot)

    def _begin_reading(self, slot: Slot, reader: Reader) -> None:
        slot.read_again = False
        slot.reading = asyncio.create_task(self._read(slot, reader))

    async def _read(self, slot: Slot, reader: Reader) -> None:
        from native_host.operations.card_access.secure_channel import connect_unasked

        try:
            connection = await connect_unasked(self.source, reader, self.numbers)
            try:
                token, tries_left = await self.source.run(_read_token, connection)
            finally:
                await asyncio.shield(self.source.run(connection.close))
        except CardBusyError:
            slot.read_again = True
        except (CardRemovedError, PcscUnavailableError):
            pass  # the watch notices it
        except CardError as error:
            logger.info("A card can't be used: %s", error.code)
            if getattr(error, "kind", "") == CardKind.CONTACTLESS:
                slot.read_again = True  # the number may be known then
            else:
                # A card that was interrupted in PACE may take longer for the next run.
                once = is_contactless(reader.atr or b"")
                slot.failures += 1
                attempts = 1 if once else _MOST_FAILURES
                slot.read_again = not error.final and slot.failures < attempts
        except Exception as error:
            log_unexpected(logger, error)
        else:
            slot.token, slot.tries_left = token, tries_left
            self._notify(slot)
        finally:
            if slot.reading is asyncio.current_task():
                slot.reading = None

    def _notify(self, slot: Slot) -> None:
        for listener in tuple(self.listeners):
            listener(slot.number)


def _read_token(connection: CardConnection) -> tuple[Token, int | None]:
    """Read a card's token and PIN1's tries, on the card's thread.

    That costs no try. Raises ``CardError``.
    """
    from native_host.card.fineid import FineidCard
    from native_host.card.keys import KeyRole, PinRole
    from native_host.pkcs11.mechanisms import mechanisms_of
    from native_host.pkcs11.objects import make_objects

    card = FineidCard(connection)
    certificate = card.certificate(card.key(KeyRole.AUTHENTICATION))
    try:
        plain = bytes(each for each in card.serial() if 0x20 < each < 0x7F)
        serial = plain.decode()[-16:]
    except (CardRemovedError, CardBusyError, PcscUnavailableError):
        raise
    except CardError as error:
        logger.info("A card has no serial number: %s", error)
        serial = ""
    tries_left = None
    with suppress(PinTriesUnreadableError):
        tries_left = card.pin_info(PinRole.PIN1).tries_left
    token = Token(
        certificate,
        serial,
        make_objects(certificate, card.authority_certificates()),
        mechanisms_of(certificate),
    )
    return token, tries_left


_MANUFACTURER = "Kortilla"
# A program that sees 3.0 may expect calls that are not answered here.
_CRYPTOKI_VERSION = (2, 40)
_NO_VERSION = (0, 0)


def library_info() -> Values:
    major, minor = map(int, VERSION.split(".")[:2])
    name = _padded(_MANUFACTURER, 32)
    return (_CRYPTOKI_VERSION, name, 0, name, (major, minor))


def slot_info(slot: Slot, token: Token | None) -> Values:
    """Return CK_SLOT_INFO of a slot, in which the client sees a token or none."""
    flags = CKF.REMOVABLE_DEVICE | CKF.HW_SLOT
    if token:
        flags |= CKF.TOKEN_PRESENT
    name = slot.reader.name if slot.reader else f"{_MANUFACTURER} {slot.number}"
    manufacturer = _padded(_MANUFACTURER, 32)
    return (_padded(name, 64), manufacturer, int(flags), _NO_VERSION, _NO_VERSION)


def token_info(slot: Slot, token: Token, sessions: int) -> Values:
    """Return CK_TOKEN_INFO. ``sessions`` is the number of the client's sessions."""
    # Heavy, and loaded already: a card has been read.
    from native_host.card.keys import PinRole
    from native_host.card.pins import ALL_TRIES, PIN_DIGITS

    pin_digits = PIN_DIGITS[PinRole.PIN1]
    unknown = CK_UNAVAILABLE_INFORMATION
    flags = CKF.WRITE_PROTECTED | CKF.USER_PIN_INITIALIZED | CKF.TOKEN_INITIALIZED
    left = ALL_TRIES if slot.tries_left is None else slot.tries_left
    if left < ALL_TRIES:
        flags |= CKF.USER_PIN_COUNT_LOW
    if left < 2:
        flags |= CKF.USER_PIN_FINAL_TRY if left else CKF.USER_PIN_LOCKED
    # NSS tells tokens apart by their labels.
    first = slot.number == SLOTS[0]
    label = _MANUFACTURER if first else f"{_MANUFACTURER} ({slot.number})"
    model = "FINEID test card" if token.certificate.test else "FINEID"
    return (
        *(_padded(label, 32), _padded(_MANUFACTURER, 32), _padded(model, 16)),
        *(_padded(token.serial, 16), int(flags)),
        *(0, sessions, unknown, 0),  # of sessions 0 is the highest number: no limit
        *(pin_digits[-1], pin_digits[0]),
        *(unknown, unknown, unknown, unknown),  # memory
        *(_NO_VERSION, _NO_VERSION, _padded("", 16)),
    )


def _padded(text: str, size: int) -> bytes:
    """Return a text as so many bytes of UTF-8; a text that is too long is cut."""
    cut = text.encode()[:size].decode(errors="ignore").encode()
    return cut.ljust(size)


class SlotEvents:
    """The slots whose token has come or gone, until the client has the event."""

    def __init__(self) -> None:
        self._slots: set[int] = set()
        #: Set while there are slots. Another one after C_Finalize.
        self._changed = asyncio.Event()

    def add(self, slot: int) -> None:
        """Record an event, and wake all who wait for one."""
        self._slots.add(slot)
        self._changed.set()

    async def take(self, *, block: bool) -> int:
        """Return a slot with an event, once for each event.

        Without one it waits if ``block`` is true, and raises ``CryptokiError`` if not.
        ``clear`` ends a wait with that error.
        """
        changed = self._changed
        while not self._slots:
            if not block:
                raise CryptokiError(CKR.NO_EVENT)
            await changed.wait()
            if changed is not self._changed:
                raise CryptokiError(CKR.CRYPTOKI_NOT_INITIALIZED)
        slot = self._slots.pop()
        if not self._slots:
            changed.clear()
        return slot

    def clear(self) -> None:
        """Delete all events, and end all waits: the client has called C_Finalize."""
        self._slots.clear()
        self._changed.set()
        self._changed = asyncio.Event()
