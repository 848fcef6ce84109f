# SPDX-License-Identifier: MIT
"""Answers by itself, for the mock card alone: demonstrations and tests."""

import asyncio
from collections.abc import Mapping, Sequence

from native_host.pin_prompt.model import (
    CardChoice,
    CodeField,
    CodesQuestion,
    ConsentQuestion,
    Conversation,
    PinQuestion,
    Problem,
    Progress,
    Step,
)
from native_host.pin_prompt.prompt import Prompt, PromptError

__all__ = ["AutomaticPrompt"]


#: What somebody would have to do something about.
_WAITING = {Step.WAITING_FOR_READER: "NO_READER", Step.WAITING_FOR_CARD: "NO_CARD"}


class AutomaticPrompt(Prompt):
    """Types the PINs and codes that it was given, by name, once each.

    ``PIN1`` and ``PIN2`` are the PINs; ``activation`` and ``PUK`` the card's codes. A
    PIN is set to ``new-PIN1`` or ``new-PIN2``, and where there is none to the PIN.
    Whoever sets it up has answered for the mock card's last try as well. Where a person
    would have to do something it raises ``PromptError``, so that nothing waits for a
    person who is not there.
    """

    attended = False

    def __init__(self, codes: Mapping[str, str]) -> None:
        self._codes = dict(codes)
        self._stuck = asyncio.Event()
        self._problem = ""
        self._over = False

    async def open(self, conversation: Conversation) -> None:
        if not conversation.test_card:
            raise PromptError("The automatic prompt answers for the mock card only.")

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
        elif problem is not None or step in _WAITING:
            self._problem = problem.code if problem else _WAITING[step]
            self._stuck.set()

    async def choose_card(self, choices: Sequence[CardChoice]) -> int:
        """Choose the first."""
        return 0

    async def ask_consent(self, question: ConsentQuestion) -> None:
        """Agree."""

    async def ask_pin(self, question: PinQuestion) -> bytearray:
        if question.wrong or question.repeated:
            raise PromptError(f"The card refused the {question.role} that was set up.")
        if question.pin_pad:
            raise PromptError("Nobody is there to type on the reader.")
        if question.role not in self._codes:
            raise PromptError(f"No {question.role} was set up.")
        return bytearray(self._codes[question.role], "ascii")

    async def ask_codes(self, question: CodesQuestion) -> dict[str, bytearray]:
        if question.wrong or question.repeated:
            raise PromptError("The card refused the code that was set up.")
        if question.pin_pad:
            raise PromptError("Nobody is there to type on the reader.")
        codes = {field.name: self._code(field, question) for field in question.fields}
        return {name: bytearray(code, "ascii") for name, code in codes.items()}

    async def offer_activation(self, *, partly: bool) -> None:
        raise PromptError("Nobody is there to activate the card.")

    def _code(self, field: CodeField, question: CodesQuestion) -> str:
        """Return what was set up for a field. Raises ``PromptError``."""
        names: Mapping[str, tuple[str, ...]] = {
            "activation": ("activation", "PUK"),  # of eight digits, it is the PUK
            "PUK": ("PUK",),
            "old": (question.pin,),
            "new-PIN1": ("new-PIN1", "PIN1"),
            "new-PIN2": ("new-PIN2", "PIN2"),
        }
        for name in names[field.name]:
            if len(code := self._codes.get(name, "")) in field.lengths:
                return code
        raise PromptError(f"Nothing that fits was set up for {field.name}.")

    async def wait_for_cancel(self) -> None:
        await self._stuck.wait()
        if self._over:
            return
        raise PromptError(f"Nobody is there to solve the problem {self._problem}.")

    async def close(self) -> None:
        """There is nothing to take away."""
