# SPDX-License-Identifier: MIT
"""What every prompt can do. Operations know this, and not which prompt it is."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Sequence
from typing import NoReturn, TypeVar

from native_host.errors import KortillaError, UserCancelledError
from native_host.pin_prompt.model import (
    CardChoice,
    CodeField,
    CodesQuestion,
    ConsentQuestion,
    Conversation,
    Document,
    PinQuestion,
    Problem,
    Progress,
    Step,
)
from native_host.race import race

__all__ = [
    "CardChoice",
    "CodeField",
    "CodesQuestion",
    "ConsentQuestion",
    "Conversation",
    "Document",
    "PinQuestion",
    "Problem",
    "Progress",
    "Prompt",
    "PromptError",
    "Step",
]

T = TypeVar("T")


class PromptError(KortillaError):
    """The window or terminal could not be shown, broke, or may not answer."""

    code = "PROMPT_FAILED"


class Prompt(ABC):
    """One conversation with one person."""

    #: False where nobody is there who could do anything about a problem: what would be
    #: said and waited for is then an error at once.
    attended: bool = True

    #: False where the person would rather begin again than wait when a card will not do
    #: however often it is put in: that is said, and then an error.
    patient: bool = True

    def cancel(self) -> bool:
        """Do as if the person had cancelled; say whether that is possible.

        For a program that is told to end.
        """
        return False

    @abstractmethod
    async def open(self, conversation: Conversation) -> None:
        """Begin. Returns once the window is visible. Raises ``PromptError``."""

    @abstractmethod
    async def ask_started(self) -> None:
        """Ask "did you start this?", naming the site. Raises ``UserCancelledError``."""

    @abstractmethod
    def show(
        self,
        step: Step,
        problem: Problem | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Show a step; it stays until the next call.

        A call that differs from the last in nothing but the progress moves the bar.
        """

    def show_caller_timeout(self) -> None:  # noqa: B027 - nothing to do where nobody reads
        """Say that the calling program has stopped waiting, and what to do about it.

        Changes nothing about what is asked: what was typed stays, and the answer counts
        as before. What comes up later says it too.
        """

    def show_connections(self, count: int) -> None:  # noqa: B027 - as above
        """Say for how many connections one typing is, whenever that changes.

        Changes nothing about what is asked. One is not spoken of: the question does.
        """

    @abstractmethod
    async def choose_card(self, choices: Sequence[CardChoice]) -> int:
        """Ask which of several cards to use; return its index.

        Raises ``UserCancelledError``.
        """

    @abstractmethod
    async def ask_consent(self, question: ConsentQuestion) -> None:
        """Ask for consent where no PIN is needed. Raises ``UserCancelledError``."""

    @abstractmethod
    async def ask_pin(self, question: PinQuestion) -> bytearray:
        """Ask for consent and PIN in one.

        Returns the ASCII digits in a buffer which the caller wipes; an empty one when
        the PIN is to be typed on the reader. With one try left the person has confirmed
        explicitly that it is the last. Raises ``UserCancelledError``.
        """

    @abstractmethod
    async def ask_codes(self, question: CodesQuestion) -> dict[str, bytearray]:
        """Ask for all codes of a page, each by its field's name.

        What must be typed twice was typed the same; lengths fit; ASCII digits only.
        With one try left the person has confirmed explicitly that it is the last. The
        caller wipes the buffers. Empty where they are to be typed on the reader. Raises
        ``UserCancelledError``.
        """

    @abstractmethod
    async def offer_activation(self, *, partly: bool) -> None:
        """Say that the card is not, or not wholly, activated, and offer to do it now.

        Returns when the person wants to. Raises ``UserCancelledError``.
        """

    @abstractmethod
    async def wait_for_cancel(self) -> None:
        """Return when the person cancels or closes the window; else never.

        After ``EXPIRED`` or ``FAILED`` a prompt that needs no closing returns at once;
        after ``READY`` only a person's closing counts.

        Raises ``PromptError`` when the prompt breaks meanwhile.
        """

    @abstractmethod
    async def close(self) -> None:
        """End the conversation and take the window away. May be called twice."""

    async def watch(self, awaitable: Awaitable[T]) -> T:
        """Await something while the person may cancel.

        Raises ``UserCancelledError``, or ``PromptError`` when the prompt breaks
        meanwhile.
        """

        async def cancelled() -> NoReturn:
            await self.wait_for_cancel()
            raise UserCancelledError

        return await race(awaitable, cancelled())
