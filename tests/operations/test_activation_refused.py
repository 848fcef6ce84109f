# SPDX-License-Identifier: MIT
"""Activation does not begin, or ends early, for these cards, codes and people."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kortilla.mock_card.faults import Fault, FaultName
from kortilla.mock_card.state import MockCardState
from native_host.card.errors import CardRemovedError, WrongPinError, WrongPukError
from native_host.card.mock_source import MockCardConnection, MockCardSource
from native_host.errors import KortillaError, UserCancelledError
from native_host.operations.activate import ActivationBlockedError
from native_host.operations.set_pin import PinsSet
from native_host.pin_prompt.model import CodesQuestion, Step
from native_host.pin_prompt.prompt import PromptError
from tests.operations.faulty_session import SETTING, session
from tests.operations.managing import (
    CODES,
    COMMAND,
    DIGITS,
    GRANTED,
    NEW_PIN1,
    NEW_PIN2,
    SCHEMES,
    WRONG,
    NewCard,
    activating,
    check_codes,
    codes_sent,
    pins,
    tries,
    typing,
)
from tests.operations.user import Unattended, User


@pytest.mark.parametrize(
    ("granted", "pin", "value", "problem"),
    [
        ("eight", "puk", 0, "PUK_BLOCKED"),
        ("seven", "pin1", 0, "ACTIVATION_BLOCKED"),
        ("seven", "pin2", 0, "ACTIVATION_BLOCKED"),
        ("unclear-seven", "pin1", 0, "ACTIVATION_BLOCKED"),
        ("unclear-seven", "pin2", 0, "ACTIVATION_BLOCKED"),
    ],
)
async def test_a_card_that_can_not_be_activated_is_said_and_nothing_is_asked(
    granted: str, pin: str, value: int, problem: str, new_card: NewCard
) -> None:
    state = new_card(granted)
    with state.update() as card:
        getattr(card, pin).tries = value
    async with MockCardSource(state.folder) as source:
        user, record, result = await session(source, state, activating)
    assert isinstance(result, UserCancelledError)
    assert result.reason == problem
    assert not codes_sent(record.commands())
    assert not user.codes_questions


@pytest.mark.parametrize(
    ("granted", "digits"), [("unclear-seven", 8), ("unclear-eight", 7)]
)
async def test_a_code_that_the_card_s_state_contradicts_is_explained_and_not_sent(
    granted: str, digits: int, new_card: NewCard
) -> None:
    state = new_card(granted)
    before = tries(state)
    async with MockCardSource(state.folder) as source:
        user, record, result = await session(
            source, state, activating, codes=[typing(digits), typing(DIGITS[granted])]
        )
    check_codes(user, record)
    assert user.problems() == ["ACTIVATION_MISMATCH"]
    assert result == PinsSet("set", "set")
    assert before[2] == 5
    assert {c for _, _, c in codes_sent(record.commands())} == {CODES[DIGITS[granted]]}


class Broken(User):
    """A prompt that does not validate the input."""

    async def ask_codes(self, question: CodesQuestion) -> dict[str, bytearray]:
        self.typed += [bytearray(code.encode()) for code in self.codes[0].values()]
        return dict(zip(self.codes[0], self.typed, strict=True))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    "typed",
    [
        {"activation": "123456"},
        {"activation": "123456789"},
        {"activation": "123456a"},
        {"new-PIN1": "123"},
        {"new-PIN1": "123456789"},
        {"new-PIN2": "12345"},
        {"new-PIN2": "१२३४५६"},
        {"old": "1234"},
    ],
)
async def test_codes_that_do_not_fit_their_fields_are_not_sent(
    scheme: str, typed: dict[str, str], new_card: NewCard
) -> None:
    state = new_card(scheme)
    user = Broken(codes=[{**typing(DIGITS[scheme]), **typed}])
    before = tries(state)
    async with MockCardSource(state.folder) as source:
        with pytest.raises(PromptError):
            await activating(source, user)
    assert tries(state) == before
    assert pins(state) == ("", "")
    assert not any(any(code) for code in user.typed)


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_card_of_which_one_pin_is_set_is_asked_for_the_other(
    scheme: str, new_card: NewCard
) -> None:
    state, digits = new_card(scheme), DIGITS[scheme]
    with state.update() as card:
        card.pin1.value, card.pin1.changed, card.pin1.tries = "8642", True, 3
    async with MockCardSource(state.folder) as source:
        user, record, result = await session(
            source, state, activating, codes=[typing(digits, 2)]
        )
    check_codes(user, record)
    assert result == PinsSet("was-set", "set")
    [question] = user.codes_questions
    assert question.done == ("PIN1",)
    assert [each.name for each in question.fields] == ["activation", "new-PIN2"]
    assert pins(state) == ("8642", NEW_PIN2)
    assert tries(state) == (3, 5, 5)


async def test_a_card_in_use_is_left_alone(source: MockCardSource) -> None:
    user = User()
    assert await activating(source, user) == PinsSet("was-set", "was-set")
    assert not user.codes_questions
    assert user.shown[-1] == (Step.DONE, None)


@pytest.mark.parametrize("granted", ["seven", "unclear-seven"])
async def test_a_new_pin_without_tries_is_unlocked_and_the_letter_sets_the_other(
    granted: str, new_card: NewCard
) -> None:
    state = new_card(granted)
    with state.update() as card:
        card.pin1.tries = 0
        puk = card.puk.value
    async with MockCardSource(state.folder) as source:
        user, record, result = await session(
            source,
            state,
            activating,
            codes=[{"PUK": puk, "new-PIN1": NEW_PIN1}, typing(7, 2)],
        )
    assert result == PinsSet("set", "set")
    assert [offer.pin for offer in user.unlock_offers] == ["PIN1"]
    assert [q.operation for q in user.codes_questions] == ["unblock", "activate"]
    assert user.codes_questions[-1].done == ("PIN1",)
    assert not user.problems()
    assert not record.verified_afterwards
    assert not any(any(code) for code in user.typed)
    assert pins(state) == (NEW_PIN1, NEW_PIN2)


@pytest.mark.parametrize("locked", [(1,), (2,), (1, 2)])
async def test_a_pin_in_use_that_is_locked_is_unlocked(
    locked: tuple[int, ...], new_card: NewCard
) -> None:
    state = new_card("seven")
    with state.update() as card:
        card.pin1.value, card.pin1.changed, card.pin1.tries = "8642", True, 5
        card.pin2.value, card.pin2.changed, card.pin2.tries = "864286", True, 5
        for number in locked:
            (card.pin1, card.pin2)[number - 1].tries = 0
        puk = card.puk.value
    new = {1: NEW_PIN1, 2: NEW_PIN2}
    codes = [{"PUK": puk, f"new-PIN{n}": new[n]} for n in locked]
    async with MockCardSource(state.folder) as source:
        user, _, result = await session(source, state, activating, codes=codes)
    assert isinstance(result, PinsSet)
    assert [offer.pin for offer in user.unlock_offers] == [f"PIN{n}" for n in locked]
    assert not user.problems()
    assert 0 not in tries(state)


async def test_a_locked_puk_is_said_and_no_pin_is_offered(new_card: NewCard) -> None:
    state = new_card("seven")
    with state.update() as card:
        card.pin1.tries = card.puk.tries = 0
    async with MockCardSource(state.folder) as source:
        user, record, result = await session(source, state, activating)
    assert isinstance(result, UserCancelledError)
    assert result.reason == "PUK_BLOCKED"
    assert not user.unlock_offers
    assert not codes_sent(record.commands())


async def test_where_nobody_is_there_a_locked_new_pin_is_an_error(
    new_card: NewCard,
) -> None:
    state = new_card("seven")
    with state.update() as card:
        card.pin1.tries = 0
    user = Unattended()
    async with MockCardSource(state.folder) as source:
        with pytest.raises(ActivationBlockedError):
            await activating(source, user)
    assert not user.unlock_offers


async def test_an_expired_card_is_not_activated(tmp_path: Path) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    state = MockCardState.create(
        tmp_path / "card", state="new", not_before=GRANTED["eight"], not_after=yesterday
    )
    async with MockCardSource(state.folder) as source:
        user, _, result = await session(source, state, activating, codes=[typing(8)])
    assert isinstance(result, UserCancelledError)
    assert result.reason == "CARD_EXPIRED"
    assert not user.codes_questions


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_whoever_cancels_between_the_pins_keeps_the_first(
    scheme: str, new_card: NewCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, digits = new_card(scheme), DIGITS[scheme]
    user = User(codes=[typing(digits)])
    loop = asyncio.get_running_loop()
    send = MockCardConnection.send_and_receive

    def cancel_at_the_write(card: MockCardConnection, apdu: bytes) -> tuple[bytes, int]:
        if apdu[1] in SETTING:
            loop.call_soon_threadsafe(user.cancel)
        return send(card, apdu)

    monkeypatch.setattr(MockCardConnection, "send_and_receive", cancel_at_the_write)
    async with MockCardSource(state.folder) as source:
        with pytest.raises(UserCancelledError):
            await activating(source, user)
    assert pins(state) == (NEW_PIN1, "")
    assert not any(any(code) for code in user.typed)


@pytest.mark.parametrize(
    ("scheme", "error"), [("eight", WrongPukError), ("seven", WrongPinError)]
)
async def test_where_nobody_is_there_a_wrong_code_is_an_error_at_once(
    scheme: str, error: type[KortillaError], new_card: NewCard
) -> None:
    state = new_card(scheme)
    user = Unattended(codes=[typing(DIGITS[scheme], code=WRONG[scheme])] * 2)
    async with MockCardSource(state.folder) as source:
        with pytest.raises(error):
            await activating(source, user)
    assert len(user.codes_questions) == 1
    state.set_faults(Fault(FaultName.CARD_PULLED, on=COMMAND[scheme]))
    async with MockCardSource(state.folder) as source:
        with pytest.raises(CardRemovedError):
            await activating(source, Unattended(codes=[typing(DIGITS[scheme])]))
