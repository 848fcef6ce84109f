# SPDX-License-Identifier: MIT
"""Sources of cards: the system's readers, or the mock card."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ParamSpec, Self, TypeVar

from native_host.card.connection import CardConnection

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
