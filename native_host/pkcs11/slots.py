# SPDX-License-Identifier: MIT
"""The slots, and what is on the cards in them: shared by all clients of a process.

Everything happens on events. A card is read once for each insertion, and held for no
longer than that takes; which calls wait for it, and how long, is said at each.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from native_host.card.atr import identify
from native_host.card.connection import CardConnection
from native_host.card.errors import (
    CardBusyError,
    CardError,
    CardRemovedError,
    PcscUnavailableError,
)
from native_host.card.source import CardSource, Reader
from native_host.log import log_unexpected

if TYPE_CHECKING:  # imported where cards are read: browsers start without one
    from native_host.card.certificate import CardCertificate
    from native_host.pkcs11.mechanisms import MechanismInfo
    from native_host.pkcs11.objects import TokenObject

__all__ = ["SLOTS", "Slot", "SlotManager", "Token"]

logger = logging.getLogger(__name__)

#: The slots there are, whatever readers there are: programs ask for them but once.
SLOTS = (1, 2)

#: How often a card is read that fails.
_MOST_FAILURES = 3

#: Seconds that a call waits for a card that is being read.
READING_PATIENCE = 4.0


@dataclass(frozen=True)
class Token:
    """What is known of a card. ``serial`` is its number, of 16 characters at most."""

    certificate: "CardCertificate"
    serial: str
    objects: tuple["TokenObject", ...] = field(repr=False)
    mechanisms: dict[int, "MechanismInfo"]


@dataclass(eq=False)
class Slot:
    """A slot. ``token`` is None while nothing is known of the card in ``reader``."""

    number: int
    reader: Reader | None = None
    token: Token | None = None
    #: The reading of the card that is under way.
    reading: asyncio.Task[None] | None = None
    #: Another program held the card, or it failed once: a later call tries again, and
    #: waits for nothing.
    busy: bool = False
    failures: int = 0
    trying_again: bool = False
    #: The reader that was here last, which is to come here again.
    last: str = ""


class SlotManager:
    """The cards of a source, in slots. ``source`` is closed by the caller, after it."""

    def __init__(
        self, source: CardSource, *, patience: float = READING_PATIENCE
    ) -> None:
        self.source = source
        self._patience = patience
        self._slots = {number: Slot(number) for number in SLOTS}
        self._watching: asyncio.Task[None] | None = None
        self._looked = asyncio.Event()
        #: Told the number of each slot whose token has come or gone.
        self.listeners: set[Callable[[int], None]] = set()

    def start(self) -> None:
        """Begin to watch the readers, unless that has been begun."""
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """End the watch, and what is being read."""
        tasks = [slot.reading for slot in self._slots.values() if slot.reading]
        tasks += [self._watching] if self._watching else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def slot(self, number: int) -> Slot | None:
        """Return a slot as it is at this moment, or None when there is no such slot."""
        return self._slots.get(number)

    async def settled(self) -> None:
        """Wait until the cards that are there have been read, but not for ever.

        Where another program held a card, reading it is begun anew.
        """
        for slot in self._slots.values():
            if slot.busy and slot.reader and slot.reading is None:
                slot.trying_again = True
                self._begin_reading(slot, slot.reader)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                await self._looked.wait()
                if reading := self._under_way():
                    await asyncio.wait(reading)

    def _under_way(self) -> list[asyncio.Task[None]]:
        slots = [slot for slot in self._slots.values() if not slot.trying_again]
        return [slot.reading for slot in slots if slot.reading]

    async def _watch(self) -> None:
        while True:
            try:
                readers = await self.source.readers()
                while True:
                    self._take_in(readers)
                    readers = await self.source.wait_for_change(readers)
            except PcscUnavailableError as error:
                logger.info("%s", error)
                self._take_in(())
                await self.source.wait_for_service()
            except CardError as error:  # the mock card's folder is broken
                logger.warning("The readers can't be watched: %s", error)
                self._take_in(())
                return

    def _take_in(self, readers: tuple[Reader, ...]) -> None:
        """Bring the slots up to date."""
        with_card = [reader for reader in readers if reader.atr is not None]
        for slot in self._slots.values():
            if slot.reader is not None and slot.reader not in with_card:
                self._empty(slot)
        placed = {slot.reader for slot in self._slots.values()}
        for reader in with_card:
            if reader not in placed:
                self._place(reader)
        self._looked.set()

    def _place(self, reader: Reader) -> None:
        free = [slot for slot in self._slots.values() if slot.reader is None]
        free.sort(key=lambda slot: slot.last != reader.name)
        try:
            identify(reader.atr or b"")
        except CardError as error:
            logger.info("A card is left alone: %s", error.code)
            return
        if not free:
            logger.info("There are more cards than slots.")
            return
        free[0].reader, free[0].last = reader, reader.name
        self._begin_reading(free[0], reader)

    def _empty(self, slot: Slot) -> None:
        if slot.reading:
            slot.reading.cancel()
        had = slot.token
        slot.reader = slot.token = slot.reading = None
        slot.busy = slot.trying_again = False
        slot.failures = 0
        if had:
            self._tell(slot)

    def _begin_reading(self, slot: Slot, reader: Reader) -> None:
        slot.busy = False
        slot.reading = asyncio.create_task(self._read(slot, reader))

    async def _read(self, slot: Slot, reader: Reader) -> None:
        try:
            connection = await self.source.connect(reader)
            try:
                token = await self.source.run(_read_token, connection)
            finally:
                await asyncio.shield(self.source.run(connection.close))
        except CardBusyError:
            slot.busy = True
        except (CardRemovedError, PcscUnavailableError):
            pass  # the watch tells
        except CardError as error:
            logger.info("A card can't be used: %s", error.code)
            slot.failures += 1
            slot.busy = not error.final and slot.failures < _MOST_FAILURES
        except Exception as error:
            log_unexpected(logger, error)
        else:
            slot.token = token
            self._tell(slot)
        finally:
            if slot.reading is asyncio.current_task():
                slot.reading = None

    def _tell(self, slot: Slot) -> None:
        for listener in tuple(self.listeners):
            listener(slot.number)


def _read_token(connection: CardConnection) -> Token:
    """Read what the token consists of, on the card's thread. Raises ``CardError``."""
    from native_host.card.fineid import FineidCard
    from native_host.card.keys import KeyRole
    from native_host.pkcs11.mechanisms import mechanisms_of
    from native_host.pkcs11.objects import make_objects

    connection.only_look = True
    card = FineidCard(connection)
    certificate = card.certificate(card.key(KeyRole.AUTHENTICATION))
    try:
        serial = "".join(map(chr, filter(_is_plain, card.serial())))[-16:]
    except (CardRemovedError, CardBusyError, PcscUnavailableError):
        raise
    except CardError as error:
        logger.info("A card has no serial number: %s", error)
        serial = ""
    return Token(
        certificate,
        serial,
        make_objects(certificate, card.authority_certificates()),
        mechanisms_of(certificate),
    )


def _is_plain(character: int) -> bool:
    return 0x20 < character < 0x7F
