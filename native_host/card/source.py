# SPDX-License-Identifier: MIT
"""The interface to every card, real or mock, and to the sources of cards."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NoReturn, ParamSpec, Self, TypeVar

from native_host.card.errors import CardRemovedError
from native_host.card.pin_pad import PinPad


class CardConnection(ABC):
    """An exclusive connection to one card, until ``release()`` or ``close()``.

    Calls block, and only one thread may make them at a time. A card that has received a
    PIN is reset at the end, so that no verified PIN remains. Another one is not reset:
    that would disturb the programs that share it.
    """

    #: The transmission protocol, 0 or 1 for T=0 or T=1 (ISO/IEC 7816-3).
    protocol: int = 0

    #: The card's answer to reset, if the connection knows it.
    atr: bytes | None = None

    #: The reader's PIN pad, if it has one.
    pin_pad: PinPad | None = None

    #: Whether this is a secure channel to a card on the contactless side.
    contactless: bool = False

    #: The longest data of one command, in bytes.
    longest_data: int = 255

    #: Whether the card is to be reset when it is released: it has received a PIN, or it
    #: has a secure channel.
    needs_reset: bool = False

    @abstractmethod
    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        """Send one command APDU and return the response's data and its status word.

        The status word is 16 bits, SW1 in the high byte (ISO/IEC 7816-4 §5.6).
        Responses 61xx and 6Cxx may be returned unhandled. Raises ``CardRemovedError``
        if the card was removed, ``CardMuteError`` if it does not respond.
        """

    def release(self) -> None:
        """Let other programs use the card until ``CardSource.resume``."""
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Release the card for good. May be called twice."""


P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Reader:
    """The state of a card reader at one moment.

    ``atr`` is the answer to reset of the card in it, or None without a card. ``mute``
    is True for a card that did not answer the reset. ``insertion`` changes with every
    insertion, so a card that was taken out and put back is noticed. ``events`` counts
    how often the system has seen a card come or go in this reader. It is the same for
    every program, and 0 if the system does not count.
    """

    name: str
    atr: bytes | None = None
    mute: bool = False
    insertion: int = 0
    events: int = field(default=0, compare=False)


class CardSource(ABC):
    """The readers, their cards, and the thread that talks to the cards."""

    #: True for the mock card: windows carry the "test card" mark, and only then may
    #: the automatic prompt answer.
    test_card: bool = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    @abstractmethod
    async def readers(self) -> tuple[Reader, ...]:
        """Return the readers as they are now. Raises ``PcscUnavailableError``."""

    @abstractmethod
    async def wait_for_change(self, known: tuple[Reader, ...]) -> tuple[Reader, ...]:
        """Wait until the readers differ from ``known`` and return them.

        May be cancelled at any time. Raises ``PcscUnavailableError`` when the service
        goes.
        """

    async def wait_for_service(self) -> None:
        """Wait until the service that was unavailable can be reached.

        A source that needs no service never raises ``PcscUnavailableError``. Then this
        method is not called.
        """
        raise NotImplementedError

    @abstractmethod
    async def connect(self, reader: Reader) -> CardConnection:
        """Connect to the card in a reader, exclusively.

        Raises ``CardBusyError`` when another program keeps the card for longer than a
        brief wait, ``CardRemovedError``, ``CardMuteError``, ``PcscUnavailableError``.
        """

    async def resume(
        self, reader: Reader, connection: CardConnection
    ) -> CardConnection:
        """Hold the card of a released connection again, which the source takes over.

        The card may have been reset, or be another one. Raises as ``connect`` does, and
        then closes the connection.
        """
        return await self.connect(reader)

    @abstractmethod
    async def run(
        self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a blocking function on the one thread that talks to the card.

        If the caller is cancelled, the function still runs to its end, since a command
        under way can't be taken back.
        """

    @abstractmethod
    async def close(self) -> None:
        """Wait for a running command, close open connections and end the threads."""


@asynccontextmanager
async def closing_on_error(
    source: CardSource, connection: CardConnection
) -> AsyncIterator[None]:
    """Close a connection if the block fails or is cancelled."""
    try:
        yield
    except BaseException:
        await asyncio.shield(source.run(connection.close))
        raise


async def removal(source: CardSource, reader: Reader) -> NoReturn:
    """Wait until a card has left its reader. Raises ``CardRemovedError`` then."""
    readers = await source.readers()
    while same_card(reader, readers):
        readers = await source.wait_for_change(readers)
    raise CardRemovedError("The card was taken out of the reader.")


def same_card(reader: Reader, readers: tuple[Reader, ...]) -> bool:
    """Whether a card has stayed in its reader since."""
    return any(
        (r.name, r.atr, r.insertion) == (reader.name, reader.atr, reader.insertion)
        for r in readers
    )
