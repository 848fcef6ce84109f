# SPDX-License-Identifier: MIT
"""The interface of every prompt. Operations use it without knowing the kind."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable
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

    ``ask`` raises ``UserCancelledError`` when the person cancels, and ``PromptError``
    when the prompt breaks.
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
    async def ask(self, question: model.AnyQuestion) -> model.Answer:
        """Ask; return the answer when the person has agreed.

        Digits have a length that the question allows, and both entries of a new PIN
        are equal. With one try left, the person has explicitly confirmed the last try.
        Raises ``DeclinedError`` when the person declines what the question allows to
        decline: ``can_activate``, ``can_decline``, ``unasked`` and ``undecided``. Only
        patient prompts are asked an ``UnlockQuestion``.
        """

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
