# SPDX-License-Identifier: MIT
"""The interface of every prompt. Operations use it without knowing the kind."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Sequence
from typing import NoReturn, TypeVar

from native_host.errors import KortillaError, UserCancelledError
from native_host.pin_prompt import model
from native_host.platform.tasks import race

T = TypeVar("T")


class PromptError(KortillaError):
    """The window or terminal did not appear, failed, or must not answer."""

    code = "PROMPT_FAILED"


class DeclinedError(UserCancelledError):
    """The person declined one question. The prompt stays, and may ask another one."""


class Prompt(ABC):
    """One conversation with one person.

    What asks raises ``UserCancelledError`` when the person cancels, and
    ``PromptError`` when the prompt breaks. A question without an answer returns when
    the person agrees.
    """

    #: False when no person is present. A problem is then an error at once, and the
    #: operation does not wait.
    attended: bool = True

    #: False when the person prefers to start again over waiting for another card. An
    #: unusable card is then shown, and is an error.
    patient: bool = True

    #: Whether the person, with the last PIN, has allowed the same for a while; or with
    #: the last CAN, that it is remembered.
    allowed: bool = False

    def cancel(self) -> bool:
        """Cancel in the person's place; return whether that is possible.

        For a program that receives a signal to end.
        """
        return False

    @abstractmethod
    async def open(self, conversation: model.Conversation) -> None:
        """Open the prompt; return once it is visible. Raises ``PromptError``."""

    @abstractmethod
    async def ask_started(self) -> None:
        """Ask "did you start this?", naming the site."""

    @abstractmethod
    def show(
        self,
        step: model.Step,
        problem: model.Problem | None = None,
        progress: model.Progress | None = None,
    ) -> None:
        """Show a step until the next call.

        A call in which only the progress changes moves the progress bar.
        """

    def show_caller_timeout(self) -> None:  # noqa: B027 - no-op by default
        """Show that the calling program has stopped waiting, and what to do.

        The question, the typed digits and the meaning of the answer stay the same.
        Later pages show it too.
        """

    def show_connections(self, count: int) -> None:  # noqa: B027 - as above
        """Show for how many connections one PIN entry is, when that number changes.

        The question stays the same. For one connection, nothing is shown.
        """

    @abstractmethod
    async def choose_card(self, choices: Sequence[model.CardChoice]) -> int:
        """Ask which of several cards to use; return its index."""

    @abstractmethod
    async def ask_can(self, question: model.CanQuestion) -> bytearray:
        """Ask for the CAN; return its ASCII digits in a buffer that the caller wipes.

        With ``can_remember``, ``allowed`` then says whether it is to be remembered.
        """

    @abstractmethod
    async def confirm_other_card(self, question: model.OtherCardQuestion) -> None:
        """Ask whether another card is meant than before. Nothing is typed."""

    @abstractmethod
    async def ask_consent(self, question: model.ConsentQuestion) -> None:
        """Ask for consent where no PIN is needed."""

    @abstractmethod
    async def ask_pin(self, question: model.PinQuestion) -> bytearray:
        """Ask for consent and the PIN together.

        Returns the ASCII digits in a buffer that the caller wipes, or an empty buffer
        when the person types the PIN on the reader. With one try left, the person has
        explicitly confirmed the last try. Raises ``DeclinedError`` when the person says
        that there is no PIN yet, if the question allows that.
        """

    @abstractmethod
    async def ask_codes(self, question: model.CodesQuestion) -> dict[str, bytearray]:
        """Ask for all codes of a question; return each under its field's name.

        The codes are ASCII digits of a valid length, and both entries of a new PIN are
        equal. The caller wipes the buffers. The result is empty when the person types
        the codes on the reader. With one try left, the person has explicitly confirmed
        the last try. Raises ``DeclinedError`` if the question allows that.
        """

    @abstractmethod
    async def offer_activation(self, question: model.ActivationQuestion) -> None:
        """Offer to activate the card now.

        Raises ``DeclinedError`` when the person wants no such offer for this card, or
        goes back to the PIN.
        """

    @abstractmethod
    async def offer_unlock(self, question: model.UnlockQuestion) -> None:
        """Offer to unlock a PIN now. Only patient prompts are asked for it."""

    @abstractmethod
    async def wait_for_cancel(self) -> None:
        """Return when the person cancels or closes the prompt, else never.

        After ``EXPIRED`` or ``FAILED``, a prompt without a window returns at once.
        After ``READY``, only the person's closing counts.
        """

    @abstractmethod
    async def close(self) -> None:
        """Close the prompt and end the conversation. May be called twice."""

    async def watch(self, awaitable: Awaitable[T]) -> T:
        """Await something while the person may cancel."""
        return await race(awaitable, self._raise_when_cancelled())

    async def check_cancelled(self) -> None:
        """Raise ``UserCancelledError`` when the person has cancelled by now.

        ``watch`` would notice only after the card has received the next command.
        """
        await race(self._raise_when_cancelled(), asyncio.sleep(0))

    async def _raise_when_cancelled(self) -> NoReturn:
        await self.wait_for_cancel()
        raise UserCancelledError
