# SPDX-License-Identifier: MIT
"""A card in use: held for its commands, and released while a person thinks."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import ParamSpec, Protocol, Self, TypeVar

from native_host.card.certificate import CardCertificate
from native_host.card.errors import CardError
from native_host.card.fineid import FineidCard
from native_host.card.source import CardConnection, CardSource, Reader, removal
from native_host.operations.card_access.secure_channel import SecureChannels
from native_host.platform.hardening import wipe
from native_host.platform.tasks import race

P = ParamSpec("P")
T = TypeVar("T")


class OtherCardError(CardError):
    """Another card was inserted than the one that the operation is about."""

    code = "OTHER_CARD"


class CardsChangedError(OtherCardError):
    """A card was put in that may be meant: the cards are to be looked at anew."""


class Cards(Protocol):
    """The cards that an operation goes through (``UsableCards``)."""

    channels: SecureChannels
    reading: bool

    def noticing_silence(self) -> AbstractContextManager[None]:
        """Show that a card keeps silent for long."""

    def forget(self, reader: Reader) -> None:
        """Look anew at the card in a reader."""

    async def confirm(
        self, held_card: "HeldCard", certificate: CardCertificate
    ) -> None:
        """Have the person confirm that another card than before is meant."""


class HeldCard:
    """A card and its reader. It is held exclusively, except while a person thinks.

    At the end of its ``async with`` block the card is released. A ``CardError`` in the
    block is stored in ``failure``, and ``UsableCards`` handles it.
    """

    def __init__(
        self,
        source: CardSource,
        reader: Reader,
        connection: CardConnection,
        card: FineidCard,
        cards: Cards,
    ) -> None:
        self._source = source
        self._connection: CardConnection | None = connection
        self._released = False
        self._cards = cards
        self.reader = reader
        self.card = card
        self.failure: CardError | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: object, error: BaseException | None, _traceback: object
    ) -> bool:
        await self.close()
        if isinstance(error, CardError):
            self.failure = error
        return self.failure is not None

    async def close(self) -> None:
        """Release the card for good, even if the caller is cancelled."""
        if self._connection is not None:
            await asyncio.shield(self._source.run(self._connection.close))

    async def release(self) -> None:
        """Let other programs use the card until the next ``run``.

        Windows resets a card that nobody uses in a transaction for five seconds.
        """
        connection = self._connection
        if self._released or connection is None:
            return
        await self._source.run(self.card.remember)
        self._released = True
        await self._source.run(connection.release)

    async def run(
        self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a function that uses the card, on the card's thread.

        A released card is held again. If another one is there now, this raises a
        ``CardError`` and sends it nothing of a person's.
        """
        if self._released:
            await self._resume()
        with self._cards.noticing_silence():
            return await self._source.run(function, *args, **kwargs)

    async def _resume(self) -> None:
        # If this fails or is cancelled, the source closes the connection.
        released, self._connection = self._connection, None
        if released is None:
            raise CardError("The card is not held any more.")
        if released.contactless:
            connection = await self._cards.channels.reopen(self.reader)
        else:
            with self._cards.noticing_silence():
                connection = await self._source.resume(self.reader, released)
        self._connection = connection
        with self._cards.noticing_silence():
            same = connection is not None and await self._source.run(
                self.card.resume, connection
            )
        if not same:
            self._cards.forget(self.reader)
            raise CardsChangedError("Another card is in the reader.")
        self._released = False

    async def wipe(self, digits: bytearray) -> None:
        """Wipe digits, after a command that still uses them for a cancelled caller.

        Sending wiped digits would cost a try.
        """
        await self._source.run(wipe, digits)

    async def confirm(self, certificate: CardCertificate) -> None:
        """Have the person confirm that another card than before is meant.

        Call it before each first question about a card. It asks nothing where the
        prompt has asked about no other card. Raises ``UserCancelledError`` and
        ``CardError``.
        """
        await self._cards.confirm(self, certificate)

    async def ask(
        self, question: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Ask a person. Meanwhile other programs may use the card.

        Raises ``CardRemovedError`` as soon as the card is removed.
        """
        self._cards.reading = False
        await self.release()
        return await race(question(*args, **kwargs), removal(self._source, self.reader))

    async def wait_for_other_card(self, since: tuple[Reader, ...] = ()) -> None:
        """Return when a card is put into another reader.

        ``since`` are the readers at an earlier moment, from which this counts.
        """
        before = readers = since or await self._source.readers()
        while not any(
            reader.atr is not None
            and reader.name != self.reader.name
            and reader not in before
            for reader in readers
        ):
            readers = await self._source.wait_for_change(readers)
