# SPDX-License-Identifier: MIT
"""Answers by itself, for the mock card alone: demonstrations and tests."""

import asyncio
from collections.abc import Mapping, Sequence

from .prompt import Prompt, PromptFailed
from .questions import (
    CardChoice,
    ConsentQuestion,
    Conversation,
    PinQuestion,
    Problem,
    Progress,
    Step,
)

__all__ = ["AutomaticPrompt"]


class AutomaticPrompt(Prompt):
    """Types the PINs that it was given, ``{"PIN1": …, "PIN2": …}``, once each.

    Whoever sets it up has answered for the mock card's last try as well. Where a person
    would have to do something it raises ``PromptFailed``, so that nothing waits for a
    person who is not there.
    """

    attended = False

    def __init__(self, pins: Mapping[str, str]) -> None:
        self._pins = dict(pins)
        self._stuck = asyncio.Event()
        self._problem: Problem | None = None
        self._over = False

    async def open(self, conversation: Conversation) -> None:
        if not conversation.test_card:
            raise PromptFailed("The automatic prompt answers for the mock card only.")

    async def ask_started(self) -> None:
        """Answer yes."""

    def show(
        self,
        step: Step,
        problem: Problem | None = None,
        progress: Progress | None = None,
    ) -> None:
        if step in (Step.EXPIRED, Step.FAILED):
            self._over = True  # a window would stay readable; nobody reads here
            self._stuck.set()
        elif problem is not None:
            self._problem = problem
            self._stuck.set()

    async def choose_card(self, choices: Sequence[CardChoice]) -> int:
        """Choose the first."""
        return 0

    async def ask_consent(self, question: ConsentQuestion) -> None:
        """Agree."""

    async def ask_pin(self, question: PinQuestion) -> bytearray:
        if question.wrong or question.repeated:
            raise PromptFailed(f"The card refused the {question.role} that was set up.")
        if question.pin_pad:
            raise PromptFailed("Nobody is there to type on the reader.")
        if question.role not in self._pins:
            raise PromptFailed(f"No {question.role} was set up.")
        return bytearray(self._pins[question.role], "ascii")

    async def wait_for_cancel(self) -> None:
        await self._stuck.wait()
        if self._over:
            return
        code = self._problem.code if self._problem else ""
        raise PromptFailed(f"Nobody is there to solve the problem {code}.")

    async def close(self) -> None:
        """There is nothing to take away."""
