# SPDX-License-Identifier: MIT
"""What every prompt can do. Operations know this, and not which prompt it is."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeVar

__all__ = ["Conversation", "PinQuestion", "Problem", "Prompt", "Step"]

T = TypeVar("T")


@dataclass(frozen=True)
class Conversation:
    """What a prompt is opened for. It stays the same until the prompt is closed.

    ``origin`` is the ASCII origin that is signed, byte for byte; the prompt shows the
    international form beside it. ``language`` is ``fi``, ``sv`` or ``en``.
    ``started_by_person`` is False when no click in the page preceded the request: the
    window then takes no focus. ``test_card`` puts up the visible test-card mark.
    """

    operation: Literal["authenticate"]
    origin: str
    language: str
    test_card: bool
    started_by_person: bool = True


class Step(StrEnum):
    """What the program is doing while the person has nothing to answer."""

    WAITING_FOR_READER = "waiting-for-reader"
    WAITING_FOR_CARD = "waiting-for-card"
    READING = "reading"
    SIGNING = "signing"
    EXPIRED = "expired"  # the page stopped waiting; the window stays readable
    DONE = "done"


@dataclass(frozen=True)
class Problem:
    """What stands in the way, shown beside a waiting step.

    ``code`` is the code of an error of ``native_host.card.errors``
    (``UNSUPPORTED_CARD``, ``CARD_REMOVED``, ``CARD_MUTE``, ``CARD_BUSY``,
    ``PIN_BLOCKED``, ``CARD_EXPIRED``, ``PCSC_UNAVAILABLE``, …). ``detail`` names what
    was found, where that is known ("S4-2 organisation card").
    """

    code: str
    detail: str = ""


@dataclass(frozen=True)
class PinQuestion:
    """One asking for a PIN, which is also the consent to what the window shows.

    ``tries_left`` is what the card said just before. ``wrong`` says that the card has
    refused the PIN typed before; ``repeated`` that the very PIN it had refused was
    typed again and was not sent. ``min_length`` and ``max_length`` are in digits.
    """

    role: Literal["PIN1", "PIN2"]
    name: str
    satu: str
    tries_left: int
    wrong: bool = False
    repeated: bool = False
    min_length: int = 4
    max_length: int = 12


class Prompt(ABC):
    """One conversation with one person."""

    @abstractmethod
    async def open(self, conversation: Conversation) -> None:
        """Begin. Returns once the window is visible. Raises ``PromptFailed``."""

    @abstractmethod
    async def ask_started(self) -> None:
        """Ask "did you start this?", naming the site. Raises ``UserCancelled``."""

    @abstractmethod
    def show(self, step: Step, problem: Problem | None = None) -> None:
        """Show a step; it stays until the next call."""

    @abstractmethod
    async def ask_pin(self, question: PinQuestion) -> bytearray:
        """Ask for consent and PIN in one.

        Returns the ASCII digits in a buffer which the caller wipes. With one try left
        the person has confirmed explicitly that it is the last. Raises
        ``UserCancelled``.
        """

    @abstractmethod
    async def wait_for_cancel(self) -> None:
        """Return when the person cancels or closes the window; else never."""

    @abstractmethod
    async def close(self) -> None:
        """End the conversation and take the window away. May be called twice."""

    async def watch(self, awaitable: Awaitable[T]) -> T:
        """Await something while the person may cancel. Raises ``UserCancelled``."""
        from native_host.errors import UserCancelled

        work = asyncio.ensure_future(awaitable)
        cancel = asyncio.ensure_future(self.wait_for_cancel())
        try:
            await asyncio.wait({work, cancel}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            raise UserCancelled
        finally:
            for future in (work, cancel):
                future.cancel()
            await asyncio.gather(work, cancel, return_exceptions=True)
