# SPDX-License-Identifier: MIT
"""The cards in the readers, by events.

A card is read when it is inserted and when ``read_again`` is called, and never held
longer. Programs that wait for a card go first, as the agent lets them. While nothing
happens, nothing runs here.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from native_host.agent.agent import OTHERS_FIRST
from native_host.card.atr import is_contactless
from native_host.card.errors import CardBusyError, CardError, PcscUnavailableError
from native_host.card.pcsc import PcscSource
from native_host.card.pcsc_connection import wait_until_free
from native_host.card.pcsc_threads import in_thread
from native_host.card.source import CardSource, Reader
from native_host.errors import KortillaError
from native_host.operations.card_access.card_session import SILENT_AFTER
from native_host.operations.card_status import ReaderStatus, reader_status
from native_host.platform.log import log_unexpected

logger = logging.getLogger(__name__)

#: Seconds between two attempts to read a mock card that another program holds.
_MOCK_PAUSE = 1.0


@dataclass(frozen=True)
class ReaderContent:
    """A reader, and what ``card-status`` of PROTOCOL.md says of the card in it.

    ``status`` is None while a card is read for the first time.
    """

    name: str
    has_card: bool
    status: ReaderStatus | None


@dataclass(frozen=True)
class Cards:
    """All readers, or the code of the error for which there are none."""

    readers: tuple[ReaderContent, ...] = ()
    problem: str = ""


def only_holder(cards: Cards) -> str:
    """Return the name of the holder of the only card, if there is one."""
    found = [each.status["card"] for each in cards.readers if each.status]
    readable = [card for card in found if card is not None]
    if len(readable) != 1 or (holder := readable[0]["holder"]) is None:
        return ""
    return holder["name"]


class CardWatch:
    """Reports the cards at first and after each change, until it is cancelled."""

    def __init__(self, source: CardSource, report: Callable[[Cards], object]) -> None:
        self._source = source
        self._report = report
        self._last: Cards | None = None
        self._readers: tuple[Reader, ...] = ()
        self._status: dict[Reader, ReaderStatus] = {}
        self._reading: dict[Reader, asyncio.Task[None]] = {}
        #: Readers to read once more, when their reading ends.
        self._again: set[Reader] = set()

    async def run(self) -> None:
        """Run until cancelled, even while the smart card service is absent."""
        try:
            while True:
                try:
                    await self._follow()
                except PcscUnavailableError as error:
                    self._set_readers(())
                    self._tell(Cards(problem=error.code))
                    await self._source.wait_for_service()
        finally:
            self._set_readers(())

    def read_again(self) -> None:
        """Read all cards again, and report them; what is known stays until then."""
        self._last = None
        for reader in self._readers:
            self._read(reader)

    async def _follow(self) -> None:
        readers = await self._source.readers()
        while True:
            self._set_readers(readers)
            for reader in readers:
                if reader not in self._status and reader not in self._reading:
                    self._read(reader)
            self._tell(self._cards())
            readers = await self._source.wait_for_change(readers)

    def _set_readers(self, readers: tuple[Reader, ...]) -> None:
        self._readers = readers
        for reader in {*self._status, *self._reading} - {*readers}:
            self._status.pop(reader, None)
            self._again.discard(reader)
            if task := self._reading.pop(reader, None):
                task.cancel()

    def _read(self, reader: Reader) -> None:
        if reader in self._reading:
            self._again.add(reader)
        elif reader.atr or reader.mute:
            task = asyncio.create_task(self._read_card(reader))
            self._reading[reader] = task
            task.add_done_callback(lambda task: self._ended(reader, task))

    def _ended(self, reader: Reader, task: asyncio.Task[None]) -> None:
        if self._reading.get(reader) is task:
            del self._reading[reader]
            if reader in self._again:
                self._again.remove(reader)
                self._read(reader)
        if not task.cancelled():
            task.exception()  # the service has gone, which _follow hears too

    async def _read_card(self, reader: Reader) -> None:
        while True:
            await self._wait_until_free(reader)
            loop = asyncio.get_running_loop()
            silent = loop.call_later(SILENT_AFTER, self._say_silent, reader)
            try:
                status = await self._status_of(reader)
            finally:
                silent.cancel()
            if self._reading.get(reader) is not asyncio.current_task():
                return
            self._status[reader] = status
            self._tell(self._cards())
            if status.get("error", {}).get("code") != CardBusyError.code:
                return

    def _say_silent(self, reader: Reader) -> None:
        # On a contactless reader a card lets one wait after wrong numbers.
        slow = is_contactless(reader.atr or b"")
        self._status[reader] = _failed(reader, "CARD_SLOW" if slow else "CARD_SILENT")
        self._tell(self._cards())

    async def _status_of(self, reader: Reader) -> ReaderStatus:
        try:
            return await reader_status(self._source, reader)
        except Exception as error:
            # The page must not wait for ever, also for a card with a strange answer.
            log_unexpected(logger, error)
            code = error.code if isinstance(error, KortillaError) else CardError.code
            return _failed(reader, code)

    async def _wait_until_free(self, reader: Reader) -> None:
        if isinstance(self._source, PcscSource):
            await asyncio.sleep(OTHERS_FIRST)
            try:
                await in_thread(lambda: wait_until_free(reader.name))
            except CardError:
                return  # the reading says what is wrong
        elif reader in self._status:
            await asyncio.sleep(_MOCK_PAUSE)

    def _cards(self) -> Cards:
        return Cards(
            tuple(
                ReaderContent(
                    reader.name,
                    reader.atr is not None or reader.mute,
                    self._status.get(reader),
                )
                for reader in self._readers
            )
        )

    def _tell(self, cards: Cards) -> None:
        if cards != self._last:
            self._last = cards
            self._report(cards)


def _failed(reader: Reader, code: str) -> ReaderStatus:
    return {
        "reader": reader.name,
        "atr": None,
        "testCard": False,
        "card": None,
        "error": {"code": code, "message": ""},
    }
