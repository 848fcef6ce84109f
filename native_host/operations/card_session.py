# SPDX-License-Identifier: MIT
"""Finding a card that will do, with a person who may do anything meanwhile.

Every operation has the same frame: wait for a reader and a card, say what is wrong with
a card and wait for another, notice when it is pulled out, and end with the card reset.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import ParamSpec, TypeVar

from native_host.card.atr import identify
from native_host.card.certificate import CardCertificate
from native_host.card.connection import CardConnection
from native_host.card.errors import (
    CardBusyError,
    CardError,
    CardExpiredError,
    CardRemovedError,
    PcscUnavailableError,
    UnsupportedCardError,
)
from native_host.card.fineid import FineidCard
from native_host.card.source import CardSource, Reader
from native_host.errors import UserCancelledError
from native_host.operations.activation_offers import note
from native_host.operations.prompting import race
from native_host.pin_prompt.prompt import CardChoice, Problem, Prompt, Step

__all__ = ["HeldCard", "NothingToDoError", "check_validity", "same_card", "with_card"]

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


class NothingToDoError(Exception):
    """A card with which nothing is left to do: any other of several is meant."""

    def __init__(self, certificate: CardCertificate) -> None:
        super().__init__()
        self.certificate = certificate


class HeldCard:
    """A card that is held exclusively, and the reader it is in."""

    def __init__(self, source: CardSource, reader: Reader, card: FineidCard) -> None:
        self._source = source
        self.reader = reader
        self.card = card

    async def run(
        self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run something that talks to the card, on the card's thread."""
        return await self._source.run(function, *args, **kwargs)

    def note_offer(self) -> None:
        """Note that this card is being offered to be activated."""
        note(self.reader)

    async def race_removal(self, awaitable: Awaitable[T]) -> T:
        """Await a person. Raises ``CardRemovedError`` at once when the card goes."""
        return await race(self._removal(), awaitable)

    async def _removal(self) -> None:
        readers = await self._source.readers()
        while same_card(self.reader, readers):
            readers = await self._source.wait_for_change(readers)
        raise CardRemovedError("The card was taken out of the reader.")


async def with_card(
    source: CardSource,
    prompt: Prompt,
    work: Callable[[HeldCard], Awaitable[T]],
    *,
    look: Callable[[FineidCard], CardCertificate],
    suits: Callable[[CardCertificate], bool] | None = None,
) -> T:
    """Do ``work`` with the first card that will do, and return its result.

    Whatever is wrong with a card is said in the prompt, which waits for another card or
    for the same one put in anew. Where there are several cards, ``look`` reads from
    each the certificate that ``work`` would use, or raises, on the card's thread, the
    ``CardError`` that speaks against the card, or ``NothingToDoError``. With ``suits``
    the one whose certificate does is taken; else, where two or more are left, the
    person chooses.

    Ends only with a result, ``UserCancelledError`` (whose reason says what stood in the
    way), or an error that is not the card's; where the prompt is not attended, with the
    card's error too, and where it is not patient, with a final one.
    """
    search = _Search(source, prompt, look, suits)
    while True:
        reader = await search.next_reader()
        try:
            async with search.card_in(reader) as held_card:
                return await work(held_card)
        except CardError as error:
            if not prompt.attended:
                raise
            logger.info("The card can't be used: %s", error.code)
            search.reject(reader, error)
            if error.final and not prompt.patient:
                search.show_problem()
                raise


class _Search:
    """Which cards have been seen and would not do, and why the last one would not."""

    def __init__(
        self,
        source: CardSource,
        prompt: Prompt,
        look: Callable[[FineidCard], CardCertificate],
        suits: Callable[[CardCertificate], bool] | None,
    ) -> None:
        self._source = source
        self._prompt = prompt
        self._look = look
        self._suits = suits
        # Cards that would not do, and those that the person did not choose: they are
        # looked at again when they are put in anew.
        self._rejected: set[Reader] = set()
        self._seen: dict[Reader, CardCertificate] = {}
        self._idle: dict[Reader, CardCertificate] = {}
        self._problem: Problem | None = None
        self._said_busy = False

    def reject(self, reader: Reader, error: CardError) -> None:
        """Remember that a card will not do, and why."""
        detail = error.kind if isinstance(error, UnsupportedCardError) else ""
        self._problem = Problem(error.code, detail)
        # A card that another program holds may be free a moment later.
        if not isinstance(error, CardBusyError):
            self._rejected.add(reader)

    def show_problem(self) -> None:
        """Say what is wrong with the card that was rejected last."""
        self._prompt.show(Step.FAILED, self._problem)

    @asynccontextmanager
    async def card_in(self, reader: Reader) -> AsyncIterator[HeldCard]:
        """Hold the card in a reader, which is reset at the end."""
        if reader.atr is None:
            raise CardRemovedError("The card was taken out of the reader.")
        identify(reader.atr)
        connection = await self._connect(reader)
        try:
            card = await self._prompt.watch(self._source.run(FineidCard, connection))
            yield HeldCard(self._source, reader, card)
        finally:
            await asyncio.shield(self._source.run(connection.close))

    async def next_reader(self) -> Reader:
        """Wait for a reader with a card in it that has not been rejected."""
        while True:
            try:
                readers = await self._source.readers()
                while True:
                    self._rejected.intersection_update(readers)
                    candidates = self._candidates(readers)
                    reader = await self._choose(candidates, readers)
                    if reader is not None:
                        return reader
                    if candidates:
                        # They were rejected, or the readers changed meanwhile.
                        readers = await self._source.readers()
                        continue
                    self._show(readers)
                    readers = await self._cancellable(
                        self._source.wait_for_change(readers), _obstacle(readers)
                    )
                    if self._candidates(readers):
                        self._problem = None
            except PcscUnavailableError as error:
                self._prompt.show(Step.WAITING_FOR_READER, Problem(error.code))
                await self._cancellable(self._source.wait_for_service(), error.code)

    def _candidates(self, readers: tuple[Reader, ...]) -> list[Reader]:
        return [r for r in readers if r.atr is not None and r not in self._rejected]

    async def _choose(
        self, candidates: Sequence[Reader], readers: tuple[Reader, ...]
    ) -> Reader | None:
        """Return the card to use, if there is one at this moment."""
        if len(candidates) < 2:
            return candidates[0] if candidates else None
        usable: dict[Reader, CardCertificate] = {}
        busy: Reader | None = None
        for reader in candidates:
            try:
                certificate = await self._look_at(reader)
            except PcscUnavailableError:
                raise
            except CardBusyError:
                busy = busy or reader
            except CardError as error:
                logger.info("A card of several can't be used: %s", error.code)
                self.reject(reader, error)
            else:
                if self._suits is not None and self._suits(certificate):
                    return self._only(reader, candidates)
                if reader not in self._idle:
                    usable[reader] = certificate
        usable = usable or {r: c for r, c in self._idle.items() if r in candidates}
        first = next(iter(usable), None)
        if self._suits is not None:  # the one that is held may be the right one
            return busy or first
        if len(usable) < 2:
            return first or busy
        return await self._ask(usable, readers)

    async def _look_at(self, reader: Reader) -> CardCertificate:
        if reader not in self._seen:
            async with self.card_in(reader) as held_card:
                try:
                    self._seen[reader] = await self._prompt.watch(
                        held_card.run(self._look, held_card.card)
                    )
                except NothingToDoError as nothing:
                    self._seen[reader] = self._idle[reader] = nothing.certificate
        return self._seen[reader]

    async def _ask(
        self, usable: dict[Reader, CardCertificate], readers: tuple[Reader, ...]
    ) -> Reader | None:
        """Let the person choose. Returns None when the readers change meanwhile."""
        choices = [
            CardChoice(reader.name, certificate.name, certificate.satu)
            for reader, certificate in usable.items()
        ]

        async def change() -> None:
            await self._source.wait_for_change(readers)
            raise _ReadersChangedError

        try:
            index = await race(change(), self._prompt.choose_card(choices))
        except _ReadersChangedError:
            return None
        return self._only(list(usable)[index], list(usable))

    def _only(self, chosen: Reader, candidates: Sequence[Reader]) -> Reader:
        """Stay with a card: the others do not take its place when it is pulled out."""
        self._rejected.update(set(candidates) - {chosen})
        return chosen

    async def _connect(self, reader: Reader) -> CardConnection:
        """Connect to a card; while another program holds it, that is said."""
        busy = self._problem
        if busy is None or busy.code != CardBusyError.code:
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

    def _show(self, readers: tuple[Reader, ...]) -> None:
        problem = self._problem
        if problem is None and any(reader.mute for reader in readers):
            problem = Problem("CARD_MUTE")
        step = Step.WAITING_FOR_CARD if readers else Step.WAITING_FOR_READER
        self._prompt.show(step, problem)

    async def _cancellable(self, awaitable: Awaitable[T], obstacle: str) -> T:
        try:
            return await self._prompt.watch(awaitable)
        except UserCancelledError as error:
            reason = self._problem.code if self._problem else obstacle
            raise UserCancelledError(reason=error.reason or reason) from None


class _ReadersChangedError(Exception):
    """The cards to choose from are no longer those that there are."""


def _obstacle(readers: tuple[Reader, ...]) -> str:
    if any(reader.mute for reader in readers):
        return "CARD_MUTE"
    return "NO_CARD" if readers else "NO_READER"


def same_card(reader: Reader, readers: tuple[Reader, ...]) -> bool:
    """Say whether the card that was in a reader has not been moved since."""
    return any(
        (r.name, r.atr, r.insertion) == (reader.name, reader.atr, reader.insertion)
        for r in readers
    )


def check_validity(certificate: CardCertificate, at: datetime | None = None) -> None:
    """Raise ``CardExpiredError`` when a certificate is not valid now."""
    now = at or datetime.now(UTC)
    if not certificate.not_before <= now <= certificate.not_after:
        raise CardExpiredError("The card's certificate is not valid today.")
