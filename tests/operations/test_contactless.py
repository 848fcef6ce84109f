# SPDX-License-Identifier: MIT
"""The operations on a card on a contactless reader: the CAN comes first."""

import asyncio
import gc
from dataclasses import dataclass
from pathlib import Path

import pytest

from kortilla.mock_card.card_data import CAN
from kortilla.mock_card.faults import CommandName, Fault
from native_host.card.fineid import PinRole
from native_host.card.mock_source import MockCardConnection, MockCardSource
from native_host.operations.set_pin import PinsSet
from native_host.operations.sign import Signatures
from native_host.pin_prompt.automatic import AutomaticPrompt
from native_host.pin_prompt.model import CanQuestion, Problem, Step
from native_host.pin_prompt.prompt import PromptError
from tests.operations.faulty_session import log_in, signing_of
from tests.operations.managing import (
    NEW_PIN1,
    NEW_PIN2,
    NewCard,
    activating,
    changing,
    pins,
    tries,
    typing,
    unlocking,
)
from tests.operations.user import User, cancelled, until

WRONG = "111111"
SLOW = (Step.CONTACTLESS, Problem("CARD_SLOW"))


def a_source(folder: Path) -> MockCardSource:
    return MockCardSource(folder, contactless=True)


@dataclass
class Reached:
    """What has reached the card: the numbers of connections and PACE's choices."""

    connections: int = 0
    choices: int = 0


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> Reached:
    counted = Reached()
    begin, send = MockCardConnection.__init__, MockCardConnection.send_and_receive

    def begin_counted(*args: object, **kwargs: object) -> None:
        counted.connections += 1
        begin(*args, **kwargs)  # type: ignore[arg-type]

    def send_counted(self: MockCardConnection, command: bytes) -> tuple[bytes, int]:
        counted.choices += command[1:4] == b"\x22\xc1\xa4"
        assert counted.choices < 9, "a program that tries by itself does not end"
        return send(self, command)

    monkeypatch.setattr(MockCardConnection, "__init__", begin_counted)
    monkeypatch.setattr(MockCardConnection, "send_and_receive", send_counted)
    return counted


async def test_a_card_is_activated_used_changed_and_unlocked(new_card: NewCard) -> None:
    state = new_card("seven")

    def user(*pins: str, codes: dict[str, str] | None = None) -> User:
        return User(list(pins), cans=[CAN], codes=[codes] if codes else [])

    async with a_source(state.folder) as source:
        activated = await activating(source, user(codes=typing(7)))
        assert activated == PinsSet("set", "set")
        assert isinstance(await log_in(source, user(NEW_PIN1)), dict)
        signed = await signing_of("abc")(source, user(NEW_PIN2))
        assert isinstance(signed, Signatures)
        assert len(signed.signatures) == 3
        page = {"old": NEW_PIN1, "new-PIN1": "1234"}
        await changing(PinRole.PIN1)(source, user(codes=page))
        page = {"PUK": state.read().puk.value, "new-PIN2": "123456"}
        await unlocking(PinRole.PIN2)(source, user(codes=page))
        assert pins(state) == ("1234", "123456")
        assert tries(state) == (5, 5, 5)


async def test_nothing_is_held_until_the_can_is_typed(
    folder: Path, reached: Reached
) -> None:
    async with a_source(folder) as source:
        user = User()
        login = asyncio.create_task(log_in(source, user))
        await until(lambda: user.can_questions)
        assert user.can_questions == [CanQuestion()]
        assert reached == Reached(0, 0)
        assert await cancelled(user, login) is None
        assert reached == Reached(0, 0)


async def test_a_wrong_can_is_sent_once_and_asked_for_again(
    folder: Path, reached: Reached
) -> None:
    async with a_source(folder) as source:
        user = User(["1234"], cans=[WRONG, WRONG, CAN])
        await log_in(source, user)
        assert [each.wrong for each in user.can_questions] == [False, True, True]
        # The last one is for the PIN that was typed.
        assert reached == Reached(4, 4)
        # The person is told why the card is slow now, and not before.
        shown = [each for each in user.shown if each[0] is Step.CONTACTLESS]
        assert shown[:3] == [(Step.CONTACTLESS, None), SLOW, SLOW]
        assert shown[-1] == (Step.CONTACTLESS, None)
        assert tries(source._state) == (5, 5, 5)


async def test_the_can_is_asked_for_once_though_the_card_is_moved(
    folder: Path, reached: Reached
) -> None:
    async with a_source(folder) as source:
        user = User(cans=[CAN])
        login = asyncio.create_task(log_in(source, user))
        await until(lambda: user.questions)
        source.remove()
        await until(lambda: "CARD_REMOVED" in user.problems())
        user.pins.append("1234")
        source.insert()
        await login
        assert len(user.can_questions) == 1
        assert reached == Reached(3, 3)


async def test_a_card_that_is_moved_before_the_can_is_asked_about_anew(
    folder: Path, reached: Reached
) -> None:
    async with a_source(folder) as source:
        user = User(["1234"])
        login = asyncio.create_task(log_in(source, user))
        await until(lambda: user.can_questions)
        source.remove()
        await until(lambda: "CARD_REMOVED" in user.problems())
        assert reached == Reached(0, 0)
        user.cans.append(CAN)
        source.insert()
        await login


async def test_no_can_stays_in_memory(folder: Path) -> None:
    async with a_source(folder) as source:
        user = User(["1234"], cans=[WRONG, CAN])
        await log_in(source, user)
        gc.collect()
        assert {bytes(each).strip(b"\0") for each in user.typed} == {b""}


async def test_an_attack_during_a_login_costs_no_try(
    folder: Path, reached: Reached
) -> None:
    """It is said as a fault of the card, and the PIN is not sent again."""
    async with a_source(folder) as source:
        state = source._state
        state.set_faults(Fault("wrong-checksum", on=CommandName.CHOOSE_KEY))
        user = User(["1234"], cans=[CAN])
        login = asyncio.create_task(log_in(source, user))
        await until(user.problems)
        assert await cancelled(user, login) == "CARD_ERROR"
        assert tries(state) == (5, 5, 5)
        assert reached == Reached(2, 2)


async def test_a_program_answers_with_a_can_once(folder: Path) -> None:
    codes = {"PIN1": "1234", "CAN": CAN}
    async with a_source(folder) as source:
        assert isinstance(await log_in(source, AutomaticPrompt(codes)), dict)
        for can in ({}, {"CAN": WRONG}):
            with pytest.raises(PromptError):
                await log_in(source, AutomaticPrompt({"PIN1": "1234", **can}))
