# SPDX-License-Identifier: MIT
"""Finding a card that will do, with a person who may do anything meanwhile.

Every operation has the same frame: wait for a reader and a card, say what is wrong with
a card and wait for another, notice when it is pulled out, and end with the card reset.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TypeVar

from native_host.card.atr import identify
from native_host.card.certificate import CardCertificate
from native_host.card.connection import CardConnection
from native_host.card.errors import (
    CardBusy,
    CardError,
    CardExpired,
    CardRemoved,
    PcscUnavailable,
    UnsupportedCard,
)
from native_host.card.fineid import FineidCard
from native_host.card.source import CardSource, Reader
from native_host.errors import UserCancelled
from native_host.pin_prompt.prompt import Problem, Prompt, Step

__all__ = ["CardAtHand", "with_card"]

logger = logging.getLogger(__name__)

T = TypeVar("T")


class CardAtHand:
    """A card that is held exclusively, and the reader it is in."""

    def __init__(self, source: CardSource, reader: Reader, card: FineidCard) -> None:
        self._source = source
        self._reader = reader
        self.card = card

    async def run(self, function: Callable[..., T], *args: object) -> T:
        """Run something that talks to the card, on the card's thread."""
        return await self._source.run(function, *args)

    async def unless_removed(self, awaitable: Awaitable[T]) -> T:
        """Await a person. Raises ``CardRemoved`` at once when the card goes."""
        work = asyncio.ensure_future(awaitable)
        removal = asyncio.ensure_future(self._removal())
        try:
            await asyncio.wait({work, removal}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                removal.result()
                raise CardRemoved("The card was taken out of the reader.")
            return work.result()
        finally:
            for future in (work, removal):
                future.cancel()
            await asyncio.gather(work, removal, return_exceptions=True)

    async def _removal(self) -> None:
        readers = await self._source.readers()
        while _same_card(self._reader, readers):
            readers = await self._source.wait_for_change(readers)


async def with_card(
    source: CardSource,
    prompt: Prompt,
    work: Callable[[CardAtHand], Awaitable[T]],
) -> T:
    """Do ``work`` with the first card that will do, and return its result.

    Whatever is wrong with a card is said in the prompt, which waits for another card or
    for the same one put in anew. Ends only with a result, ``UserCancelled`` (whose
    reason says what stood in the way), or an error that is not the card's; where the
    prompt is not attended, with the card's error too.
    """
    search = _Search(source, prompt)
    while True:
        reader = await search.next_reader()
        try:
            async with _card_in(source, prompt, reader, search) as at_hand:
                return await work(at_hand)
        except CardError as error:
            if not prompt.attended:
                raise
            logger.info("The card can't be used: %s", error.code)
            search.reject(reader, error)


class _Search:
    """Which cards have been seen and would not do, and why the last one would not."""

    def __init__(self, source: CardSource, prompt: Prompt) -> None:
        self._source = source
        self._prompt = prompt
        self._rejected: set[Reader] = set()
        self._problem: Problem | None = None
        self._said_busy = False

    def reject(self, reader: Reader, error: CardError) -> None:
        detail = error.kind if isinstance(error, UnsupportedCard) else ""
        self._problem = Problem(error.code, detail)
        # A card that another program holds may be free a moment later.
        if not isinstance(error, CardBusy):
            self._rejected.add(reader)

    async def connect(self, reader: Reader) -> CardConnection:
        """Connect to a card; while another program holds it, that is said."""
        busy = self._problem
        if busy is None or busy.code != CardBusy.code:
            self._said_busy = False
            self._prompt.show(Step.READING)
            return await self._prompt.watch(self._source.connect(reader))
        if not self._said_busy:
            self._prompt.show(Step.WAITING_FOR_CARD, busy)
            self._said_busy = True
        connection = await self._cancellable(self._source.connect(reader), busy.code)
        self._prompt.show(Step.READING)
        self._said_busy = False
        return connection

    async def next_reader(self) -> Reader:
        """Wait for a reader with a card in it that has not been rejected."""
        while True:
            try:
                readers = await self._source.readers()
                while True:
                    self._rejected.intersection_update(readers)
                    for reader in readers:
                        if reader.atr is not None and reader not in self._rejected:
                            return reader
                    self._show(readers)
                    readers = await self._cancellable(
                        self._source.wait_for_change(readers), _obstacle(readers)
                    )
                    if any(r.atr is not None for r in set(readers) - self._rejected):
                        self._problem = None
            except PcscUnavailable as error:
                self._prompt.show(Step.WAITING_FOR_READER, Problem(error.code))
                await self._cancellable(self._source.wait_for_service(), error.code)

    def _show(self, readers: tuple[Reader, ...]) -> None:
        problem = self._problem
        if problem is None and any(reader.mute for reader in readers):
            problem = Problem("CARD_MUTE")
        step = Step.WAITING_FOR_CARD if readers else Step.WAITING_FOR_READER
        self._prompt.show(step, problem)

    async def _cancellable(self, awaitable: Awaitable[T], obstacle: str) -> T:
        try:
            return await self._prompt.watch(awaitable)
        except UserCancelled as error:
            reason = self._problem.code if self._problem else obstacle
            raise UserCancelled(reason=error.reason or reason) from None


def _obstacle(readers: tuple[Reader, ...]) -> str:
    if any(reader.mute for reader in readers):
        return "CARD_MUTE"
    return "NO_CARD" if readers else "NO_READER"


def _same_card(reader: Reader, readers: tuple[Reader, ...]) -> bool:
    return any(
        (r.name, r.atr, r.insertion) == (reader.name, reader.atr, reader.insertion)
        for r in readers
    )


@asynccontextmanager
async def _card_in(
    source: CardSource, prompt: Prompt, reader: Reader, search: _Search
) -> AsyncIterator[CardAtHand]:
    if reader.atr is None:
        raise CardRemoved("The card was taken out of the reader.")
    identify(reader.atr)
    connection = await search.connect(reader)
    try:
        card = await prompt.watch(source.run(FineidCard, connection))
        yield CardAtHand(source, reader, card)
    finally:
        await asyncio.shield(source.run(connection.close))


def check_validity(certificate: CardCertificate, at: datetime | None = None) -> None:
    """Raise ``CardExpired`` when a certificate is not valid now."""
    now = at or datetime.now(UTC)
    if not certificate.not_before <= now <= certificate.not_after:
        raise CardExpired("The card's certificate is not valid today.")
