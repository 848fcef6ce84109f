# SPDX-License-Identifier: MIT
"""A person at a prompt, played by the test step by step."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from native_host.errors import UserCancelledError
from native_host.pin_prompt.model import (
    CardChoice,
    CodesQuestion,
    ConsentQuestion,
    Conversation,
    PinQuestion,
    Problem,
    Progress,
    Step,
)
from native_host.pin_prompt.prompt import Prompt


@dataclass
class Person(Prompt):
    """Answers when the test says so.

    ``shown`` and the lists after it keep all that was shown and asked. ``pins`` are
    answered at once, in order, and where there are none the question stands; an empty
    one agrees to type on the reader. ``choice`` is which card is chosen, ``agrees``
    whether the person consents; None lets the question stand.
    """

    pins: list[str] = field(default_factory=list)
    conversation: Conversation | None = None
    shown: list[tuple[Step, Problem | None]] = field(default_factory=list)
    bars: list[Progress] = field(default_factory=list)
    #: For how many connections the PIN was said to be, one after the other.
    connections: list[int] = field(default_factory=list)
    questions: list[PinQuestion] = field(default_factory=list)
    choices: list[list[CardChoice]] = field(default_factory=list)
    consents: list[ConsentQuestion] = field(default_factory=list)
    #: What is answered to each asking for codes, by the fields' names.
    codes: list[dict[str, str]] = field(default_factory=list)
    codes_questions: list[CodesQuestion] = field(default_factory=list)
    #: Whether each offer to activate the card was for one that is so in part.
    offers: list[bool] = field(default_factory=list)
    started: bool = True
    choice: int | None = None
    agrees: bool | None = True
    #: What was handed over as a PIN, which must have been wiped at the end.
    typed: list[bytearray] = field(default_factory=list)
    _cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self, conversation: Conversation) -> None:
        self.conversation = conversation

    async def ask_started(self) -> None:
        if not self.started:
            raise UserCancelledError

    def show(
        self,
        step: Step,
        problem: Problem | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.shown.append((step, problem))
        if progress is not None:
            self.bars.append(progress)

    def show_connections(self, count: int) -> None:
        self.connections.append(count)

    async def choose_card(self, choices: Sequence[CardChoice]) -> int:
        self.choices.append(list(choices))
        if self.choice is None:
            await self._cancelled.wait()
            raise UserCancelledError
        return self.choice

    async def ask_consent(self, question: ConsentQuestion) -> None:
        self.consents.append(question)
        if self.agrees is None:
            await self._cancelled.wait()
        if not self.agrees:
            raise UserCancelledError

    async def ask_pin(self, question: PinQuestion) -> bytearray:
        self.questions.append(question)
        if self.pins:
            self.typed.append(bytearray(self.pins.pop(0), "ascii"))
            return self.typed[-1]
        await self._cancelled.wait()
        raise UserCancelledError

    async def ask_codes(self, question: CodesQuestion) -> dict[str, bytearray]:
        self.codes_questions.append(question)
        if self.codes:
            given = {n: bytearray(c, "ascii") for n, c in self.codes.pop(0).items()}
            self.typed.extend(given.values())
            return given
        await self._cancelled.wait()
        raise UserCancelledError

    async def offer_activation(self, *, partly: bool) -> None:
        self.offers.append(partly)
        if self.agrees is None:
            await self._cancelled.wait()
        if not self.agrees:
            raise UserCancelledError

    async def wait_for_cancel(self) -> None:
        await self._cancelled.wait()

    async def close(self) -> None:
        """There is no window."""

    def cancel(self) -> bool:
        """Press cancel."""
        self._cancelled.set()
        return True

    def problems(self) -> list[str]:
        """Return the codes of all problems that were shown, in order."""
        return [problem.code for _, problem in self.shown if problem]


class Unattended(Person):
    """Answers that were set up before, with nobody there."""

    attended = False


async def until(happened: Callable[[], object]) -> None:
    """Let the loop run until something is so."""
    async with asyncio.timeout(20):
        while not happened():  # noqa: ASYNC110 - a state of anything, not an event
            # The card's thread needs the processor meanwhile.
            await asyncio.sleep(0.001)
