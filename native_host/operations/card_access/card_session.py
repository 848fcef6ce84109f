# SPDX-License-Identifier: MIT
"""Finds a usable card and handles its removal at any time.

Every operation has the same frame: wait for a reader and a card, show what is wrong
with a card and wait for another, notice a removal, and release the card at the end.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn, Self, TypeVar

from kortilla.clock import utc_now
from native_host.card.atr import identify, is_contactless
from native_host.card.certificate import CardCertificate
from native_host.card.errors import (
    CardBusyError,
    CardError,
    CardExpiredError,
    CardRemovedError,
    CardResetAtPinError,
    CardResetError,
    PcscUnavailableError,
    UnsupportedCardError,
)
from native_host.card.fineid import FineidCard
from native_host.card.source import (
    CardConnection,
    Reader,
    closing_on_error,
    same_card,
)
from native_host.errors import UserCancelledError
from native_host.operations.card_access.held_card import (
    CardsChangedError,
    HeldCard,
)
from native_host.operations.card_access.secure_channel import SecureChannels
from native_host.operations.request import Context
from native_host.pin_prompt.model import (
    CardChoice,
    CardQuestion,
    OtherCardQuestion,
    Problem,
    Step,
)
from native_host.platform.tasks import race
from native_host.state import unused_pads

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds after which a card that does not answer is named.
SILENT_AFTER = 5.0


class SecondChoiceError(Exception):
    """Of several cards, another one is meant if it can be used at once.

    This one has nothing left to do, or must first be activated or unlocked.
    """

    def __init__(self, certificate: CardCertificate) -> None:
        super().__init__()
        self.certificate = certificate


@dataclass
class _Asked:
    """The card that the last question was about, and its certificates so far."""

    held_card: HeldCard
    holder: str
    certificates: set[bytes]


class UsableCards:
    """Iterates over usable cards until one has served its purpose.

    ``async for held_card in UsableCards(…)`` provides cards that are already held. The
    work with a card is done in one ``async with held_card:`` block. The loop ends when
    such a block ends without an error. A ``CardError`` in the block is shown in the
    prompt, which waits for another card or for the same one inserted again.

    If there are several cards, ``look`` reads the relevant certificate from each. It
    runs on the card's thread, and raises the ``CardError`` that rules the card out, or
    ``SecondChoiceError``. With ``suits``, the card with the matching certificate is
    used. Otherwise the person chooses if two or more are left. No other card than the
    one that the prompt has asked about is used before the person confirms that. With
    ``reader``, only the card in the reader of that name is used while it is there.

    Iterating raises ``UserCancelledError``, whose reason is the obstacle at that
    moment, and errors that are not the card's. It raises the card's error if the prompt
    is not attended, and a final one if the prompt is not patient.
    """

    def __init__(
        self,
        context: Context,
        *,
        look: Callable[[FineidCard], CardCertificate],
        suits: Callable[[CardCertificate], bool] | None = None,
        reader: str = "",
    ) -> None:
        self._source = context.source
        self._prompt = context.prompt
        self.channels = SecureChannels(context, self._connect)
        self._look = look
        self._suits = suits
        self._only_reader = reader
        self._current: HeldCard | None = None
        # Unusable cards, and cards that the person did not choose. They are examined
        # again after their next insertion.
        self._rejected: set[Reader] = set()
        self._begun_anew: set[Reader] = set()
        self._seen: dict[Reader, CardCertificate] = {}
        self._second_choice: set[Reader] = set()
        #: The readers when the current card was picked.
        self._readers: tuple[Reader, ...] = ()
        self._chosen: Reader | None = None
        self._asked: _Asked | None = None
        self._problem: Problem | None = None
        self._said_busy = False
        #: Whether a card has received a PIN.
        self._pin_sent = False
        #: Whether the prompt says that the card is read.
        self.reading = False
        self._reading_as = Step.READING

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> HeldCard:
        if self._current is not None:
            if self._current.failure is None:
                raise StopAsyncIteration
            self._pin_sent |= self._current.card.pin_sent
            self._fail(self._current.reader, self._current.failure)
        while True:
            reader = await self._next_reader()
            try:
                self._current = await self._hold(reader)
            except CardError as error:
                self._fail(reader, error)
            else:
                return self._current

    def _begins_anew(self, reader: Reader, error: CardError) -> bool:
        """Whether a card is to be used from the start, once for each insertion.

        A card that has lost its power for a moment has forgotten the application. If
        the reader does not say so, the card then lacks files that it had. After a PIN
        was sent the person is told instead, since a try may have been spent.
        """
        lost = isinstance(error, CardResetError) or (
            type(error) is UnsupportedCardError and not error.kind
        )
        if not lost or self._pin_sent or reader in self._begun_anew:
            return False
        logger.info("The card may have lost its power; it is used anew.")
        self._begun_anew.add(reader)
        return True

    def forget(self, reader: Reader) -> None:
        """Forget what was seen of the card in a reader, which is another one now."""
        self._seen.pop(reader, None)
        self._second_choice.discard(reader)
        self._chosen = None

    def _fail(self, reader: Reader, error: CardError) -> None:
        """Wait for another card. Raises the error if no person could insert one."""
        if self._begins_anew(reader, error):
            return
        if not self._prompt.attended:
            raise error
        if isinstance(error, CardsChangedError):
            return
        logger.info("The card can't be used: %s", error.code)
        self._reject(reader, error)
        if error.final and not self._prompt.patient:
            self._prompt.show(Step.FAILED, self._problem)
            raise error

    def _reject(self, reader: Reader, error: CardError) -> None:
        """Remember that a card can't be used, and why."""
        detail = error.kind if isinstance(error, UnsupportedCardError) else ""
        if isinstance(error, CardResetAtPinError):
            detail = "pin"
        self._problem = Problem(error.code, detail)
        # A card that another program holds may be free a moment later.
        if not isinstance(error, CardBusyError):
            self._rejected.add(reader)

    async def _hold(self, reader: Reader) -> HeldCard:
        """Connect to the card in a reader. Raises ``CardError``."""
        if reader.atr is None:
            raise CardRemovedError("The card was taken out of the reader.")
        identify(reader.atr, contactless=True)
        if is_contactless(reader.atr):
            connection = await self.channels.open(reader)
        else:
            connection = await self._connect(reader)
        async with closing_on_error(self._source, connection):
            with self.noticing_silence():
                card = await self._prompt.watch(
                    self._source.run(FineidCard, connection)
                )
        if card.has_pin_pad:
            card.leave_pad_unused(*unused_pads.uses_of(reader.name))
        return HeldCard(self._source, reader, connection, card, self)

    @contextmanager
    def noticing_silence(self) -> Iterator[None]:
        """Show that the card keeps silent, if the prompt says for long that it reads.

        A card or its driver may take half a minute for one command.
        """
        if not (self.reading and self._prompt.attended):
            yield
            return
        problem = Problem("CARD_SILENT")
        loop = asyncio.get_running_loop()
        step = self._reading_as
        timer = loop.call_later(SILENT_AFTER, self._prompt.show, step, problem)
        try:
            yield
        finally:
            timer.cancel()

    async def confirm(self, held_card: HeldCard, certificate: CardCertificate) -> None:
        asked, certificates = self._asked, {certificate.der}
        if asked is not None:
            if held_card is asked.held_card or self._is_asked(certificate):
                certificates |= asked.certificates
            elif held_card.reader != self._chosen:
                await self._ask_about_other(asked, held_card, certificate)
        holder = certificate.name or certificate.satu
        self._asked = _Asked(held_card, holder, certificates)

    def _is_asked(self, certificate: CardCertificate) -> bool:
        """Whether the last question was about the card with this certificate."""
        return self._asked is not None and certificate.der in self._asked.certificates

    async def _ask_about_other(
        self, asked: _Asked, held_card: HeldCard, certificate: CardCertificate
    ) -> None:
        """Ask whether another card is meant. The first one may be put back instead."""
        question = OtherCardQuestion(
            before=asked.holder,
            removed=not same_card(asked.held_card.reader, self._readers),
            reader=held_card.reader.name,
            name=certificate.name,
            satu=certificate.satu,
            test_card=certificate.test,
        )

        async def put_back() -> NoReturn:
            await held_card.wait_for_other_card(self._readers)
            raise CardsChangedError("A card was put into another reader.")

        async def confirm() -> None:
            await race(self._prompt.ask(question), put_back())

        await held_card.ask(confirm)

    async def _next_reader(self) -> Reader:
        """Wait for a reader with a card in it that has not been rejected."""
        while True:
            try:
                readers = await self._source.readers()
                while True:
                    self._rejected.intersection_update(readers)
                    candidates = self._candidates(readers)
                    reader = await self._choose(candidates, readers)
                    if reader is not None:
                        self._readers = readers
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
        named = [r for r in readers if r.name == self._only_reader] or readers
        return [r for r in named if r.atr is not None and r not in self._rejected]

    async def _choose(
        self, candidates: Sequence[Reader], readers: tuple[Reader, ...]
    ) -> Reader | None:
        """Return the card to use, if there is one at this moment."""
        if len(candidates) < 2:
            return next(iter(candidates), None)
        usable: dict[Reader, CardCertificate] = {}
        busy: Reader | None = None
        for reader in candidates:
            try:
                certificate = await self._examine(reader)
            except CardBusyError:
                busy = busy or reader
                continue
            if certificate is None:
                continue
            wanted = self._suits or self._is_asked
            if wanted(certificate):
                return self._only(reader, candidates)
            usable[reader] = certificate
        active = {
            r: c for r, c in usable.items() if r not in self._second_choice
        } or usable
        first = next(iter(active), None)
        if self._suits is not None:  # the busy one may be the right one
            return busy or first
        if len(active) < 2:
            return first or busy
        return await self._ask(active, readers)

    async def _examine(self, reader: Reader) -> CardCertificate | None:
        """Return a card's certificate, or None for a card that was rejected.

        Raises ``CardBusyError`` and ``PcscUnavailableError``.
        """
        try:
            if reader not in self._seen:
                self._seen[reader] = await self._look_at(reader)
        except (CardBusyError, PcscUnavailableError):
            raise
        except CardError as error:
            logger.info("A card of several can't be used: %s", error.code)
            self._reject(reader, error)
            return None
        return self._seen[reader]

    async def _look_at(self, reader: Reader) -> CardCertificate:
        held_card = await self._hold(reader)
        try:
            return await self._prompt.watch(held_card.run(self._look, held_card.card))
        except SecondChoiceError as second:
            self._second_choice.add(reader)
            return second.certificate
        finally:
            await held_card.close()

    async def _ask(
        self, usable: dict[Reader, CardCertificate], readers: tuple[Reader, ...]
    ) -> Reader | None:
        """Ask the person to choose. Returns None if the readers change meanwhile."""
        choices = tuple(
            CardChoice(reader.name, certificate.name, certificate.satu)
            for reader, certificate in usable.items()
        )

        async def change() -> None:
            await self._source.wait_for_change(readers)

        answer = await race(self._prompt.ask(CardQuestion(choices)), change())
        if answer is None:
            return None
        self._chosen = self._only(list(usable)[answer.index], list(usable))
        return self._chosen

    def _only(self, chosen: Reader, candidates: Sequence[Reader]) -> Reader:
        """Reject all other cards, so that none replaces this one after its removal."""
        self._rejected.update(set(candidates) - {chosen})
        return chosen

    async def _connect(
        self, reader: Reader, step: Step = Step.READING, slow: Problem | None = None
    ) -> CardConnection:
        """Connect to a card; show a message while another program holds it."""
        busy, self._reading_as = self._problem, step
        if busy is None or busy.code != CardBusyError.code:
            self._said_busy = False
            self._prompt.show(step, slow)
            self.reading = True
            with self.noticing_silence():
                return await self._prompt.watch(self._source.connect(reader))
        if not self._said_busy:
            self._prompt.show(Step.WAITING_FOR_CARD, busy)
            self._said_busy = True
        connection = await self._cancellable(self._source.connect(reader), busy.code)
        self._prompt.show(step, slow)
        self.reading = True
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


def _obstacle(readers: tuple[Reader, ...]) -> str:
    if any(reader.mute for reader in readers):
        return "CARD_MUTE"
    return "NO_CARD" if readers else "NO_READER"


def check_validity(certificate: CardCertificate) -> None:
    """Raise ``CardExpiredError`` if a certificate is not valid now."""
    if not certificate.not_before <= utc_now() <= certificate.not_after:
        raise CardExpiredError("The card's certificate is not valid today.")
