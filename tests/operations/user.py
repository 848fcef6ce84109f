# SPDX-License-Identifier: MIT
"""A scripted user at a prompt."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest

from native_host.errors import UserCancelledError
from native_host.pin_prompt.model import (
    ActivationQuestion,
    Answer,
    AnyQuestion,
    CanQuestion,
    CardChoice,
    CardQuestion,
    CodesQuestion,
    ConsentQuestion,
    Conversation,
    OtherCardQuestion,
    PinQuestion,
    Problem,
    Progress,
    StartedQuestion,
    Step,
    UnlockQuestion,
)
from native_host.pin_prompt.prompt import DeclinedError, Prompt

#: In place of a PIN: the user says that there is none yet.
NO_PIN = "no PIN"


@dataclass
class User(Prompt):
    """Answers as the test says.

    ``shown`` and the lists after it record all messages and questions. ``pins`` answer
    at once, in order; without any left, the question stays open. An empty one confirms
    entry on the reader. ``choice`` is the index of the chosen card, ``agrees`` whether
    the user consents, ``confirms`` whether another card is meant; None leaves the
    question open.
    """

    pins: list[str] = field(default_factory=list)
    conversation: Conversation | None = None
    shown: list[tuple[Step, Problem | None]] = field(default_factory=list)
    bars: list[Progress] = field(default_factory=list)
    #: The number of connections for the PIN, for each message about it.
    connections: list[int] = field(default_factory=list)
    #: The CANs, which answer like ``pins``, and the questions for them.
    cans: list[str] = field(default_factory=list)
    can_questions: list[CanQuestion] = field(default_factory=list)
    questions: list[PinQuestion] = field(default_factory=list)
    choices: list[list[CardChoice]] = field(default_factory=list)
    other_cards: list[OtherCardQuestion] = field(default_factory=list)
    consents: list[ConsentQuestion] = field(default_factory=list)
    #: The answer to each question for codes, by the fields' names. An empty one
    #: declines where that is possible.
    codes: list[dict[str, str]] = field(default_factory=list)
    codes_questions: list[CodesQuestion] = field(default_factory=list)
    #: For each offer to activate the card, whether the card is partly activated.
    offers: list[bool] = field(default_factory=list)
    #: How often the user goes back from such an offer to the PIN.
    backs: int = 0
    #: The offers to unlock a PIN, and the answers. Without any left, the offer stays
    #: open.
    unlock_offers: list[UnlockQuestion] = field(default_factory=list)
    unlocks: list[bool] = field(default_factory=list)
    started: bool = True
    choice: int | None = None
    agrees: bool | None = True
    confirms: bool | None = True
    #: Whether the user wants no more offers for a card.
    declines: bool = False
    #: Whether the user allows the same for a while.
    allows: bool = False
    #: The bytearrays returned as PINs, which must be wiped at the end.
    typed: list[bytearray] = field(default_factory=list)
    _cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self, conversation: Conversation) -> None:
        self.conversation = conversation

    async def ask(self, question: AnyQuestion) -> Answer:
        match question:
            case StartedQuestion():
                await self._decide(self.started)
            case CardQuestion(choices=choices):
                return Answer(index=await self._choose_card(choices))
            case PinQuestion(role=role):
                digits = await self.ask_pin(question)
                return Answer({role: digits} if digits else {})
            case CodesQuestion():
                return Answer(await self.ask_codes(question))
            case CanQuestion():
                return Answer({"CAN": await self._ask_can(question)})
            case OtherCardQuestion():
                self.other_cards.append(question)
                await self._decide(self.confirms)
            case ConsentQuestion():
                self.consents.append(question)
                await self._decide(self.agrees)
            case ActivationQuestion():
                await self._offer_activation(question)
            case UnlockQuestion():
                await self.offer_unlock(question)
        return Answer()

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

    async def _choose_card(self, choices: Sequence[CardChoice]) -> int:
        self.choices.append(list(choices))
        if self.choice is None:
            await self._cancelled.wait()
            raise UserCancelledError
        return self.choice

    async def _ask_can(self, question: CanQuestion) -> bytearray:
        self.can_questions.append(question)
        if self.cans:
            self.allowed = self.allows and question.can_remember
            self.typed.append(bytearray(self.cans.pop(0), "ascii"))
            return self.typed[-1]
        await self._cancelled.wait()
        raise UserCancelledError

    async def _decide(self, agrees: bool | None) -> None:
        if agrees is None:
            await self._cancelled.wait()
        if not agrees:
            raise UserCancelledError

    async def ask_pin(self, question: PinQuestion) -> bytearray:
        self.questions.append(question)
        if self.pins and self.pins[0] == NO_PIN:
            assert question.can_activate
            del self.pins[0]
            raise DeclinedError
        if self.pins:
            self.allowed = self.allows and question.can_allow
            self.typed.append(bytearray(self.pins.pop(0), "ascii"))
            return self.typed[-1]
        await self._cancelled.wait()
        raise UserCancelledError

    async def ask_codes(self, question: CodesQuestion) -> dict[str, bytearray]:
        self.codes_questions.append(question)
        if question.can_decline and self.codes and not self.codes[0]:
            del self.codes[0]
            raise DeclinedError
        if self.codes:
            given = {n: bytearray(c, "ascii") for n, c in self.codes.pop(0).items()}
            self.typed.extend(given.values())
            return given
        await self._cancelled.wait()
        raise UserCancelledError

    async def _offer_activation(self, question: ActivationQuestion) -> None:
        self.offers.append(question.partly)
        if question.unasked and self.declines:
            raise DeclinedError
        if question.undecided and self.backs:
            self.backs -= 1
            raise DeclinedError
        await self._decide(self.agrees)

    async def offer_unlock(self, question: UnlockQuestion) -> None:
        self.unlock_offers.append(question)
        agrees = self.unlocks.pop(0) if self.unlocks else None
        await self._decide(agrees and not self._cancelled.is_set())

    async def wait_for_cancel(self) -> None:
        await self._cancelled.wait()

    async def close(self) -> None:
        """There is no window."""

    def cancel(self) -> bool:
        self._cancelled.set()
        return True

    def problems(self) -> list[str]:
        """Return the codes of all problems that were shown, in order."""
        return [problem.code for _, problem in self.shown if problem]


class Unattended(User):
    """Answers with fixed values, without a user."""

    attended = False


async def until(happened: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not happened():  # noqa: ASYNC110 - a state of anything, not an event
            # The card's thread needs the processor meanwhile.
            await asyncio.sleep(0.001)


async def cancelled(user: User, work: Awaitable[object]) -> str | None:
    """Cancel an operation, and return the reason with which it ends."""
    user.cancel()
    return await ending(work)


async def ending(work: Awaitable[object]) -> str | None:
    """Return the reason of the cancellation with which an operation ends."""
    with pytest.raises(UserCancelledError) as caught:
        await work
    return caught.value.reason
