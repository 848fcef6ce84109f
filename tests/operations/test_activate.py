# SPDX-License-Identifier: MIT
"""Activation of a new card, by both schemes, despite errors of people and cards.

tests/host/test_manage.py has the progress that a page hears.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kortilla.mock_card.card_data import CardData
from kortilla.mock_card.state import MockCardState
from native_host.card.errors import CardRemovedError, WrongPinError, WrongPukError
from native_host.card.mock_source import MockCardConnection, MockCardSource
from native_host.errors import KortillaError, UserCancelledError
from native_host.operations.card_pins import ActivationBlockedError
from native_host.operations.set_pin import PinsSet
from native_host.pin_prompt.model import CodesQuestion, Step
from native_host.pin_prompt.prompt import PromptError
from tests.operations.faulty_session import SETTING, session
from tests.operations.managing import (
    CODES,
    COMMAND,
    DIGITS,
    EACH_SCHEME,
    GRANTED,
    INS,
    NEW_PIN1,
    NEW_PIN2,
    PAGE_1,
    PAGE_2,
    WRONG,
    CardInReader,
    activating,
    codes_sent,
    reason,
    typing,
)
from tests.operations.user import Unattended, User, cancelled, until


@pytest.mark.parametrize("scheme", GRANTED)
async def test_the_code_and_two_new_pins_activate_a_card(
    scheme: str, new: CardInReader
) -> None:
    digits = DIGITS[scheme]
    user, _, result = await new.run(activating, codes=[typing(digits)])
    assert result == PinsSet("set", "set")
    assert new.tries == (5, 5, 5)
    assert new.pins == (NEW_PIN1, NEW_PIN2)
    await new.check_works()
    assert user.conversation
    assert user.conversation.operation == "activate"
    assert user.conversation.origin == ""
    [question] = user.codes_questions
    assert [(each.name, each.lengths) for each in question.fields] == [
        ("activation", (7, 8) if "unclear" in scheme else (digits,)),
        ("new-PIN1", PAGE_1),
        ("new-PIN2", PAGE_2),
    ]
    assert question.at_risk == ("PIN1" if digits == 7 else "PUK")
    assert question.issued == GRANTED[scheme].year
    assert (question.tries_left, question.done, question.wrong) == (5, (), False)
    assert "SPECIMEN" in question.name
    assert user.shown[-1] == (Step.DONE, None)


@EACH_SCHEME
async def test_a_wrong_code_costs_one_try_is_not_sent_again_and_the_right_one_works(
    scheme: str, new: CardInReader
) -> None:
    digits, ins = DIGITS[scheme], INS[scheme]
    wrong = typing(digits, code=WRONG[scheme])
    user, record, result = await new.run(
        activating, codes=[wrong, wrong, typing(digits)]
    )
    await new.check_works()
    assert result == PinsSet("set", "set")
    assert [q.tries_left for q in user.codes_questions] == [5, 4, 4]
    assert [q.wrong for q in user.codes_questions] == [False, True, True]
    assert [q.repeated for q in user.codes_questions] == [False, False, True]
    assert new.tries == (5, 5, 5)
    assert codes_sent(record.commands()) == [
        (ins, 0x11, WRONG[scheme]),
        (ins, 0x11, CODES[digits]),
        (ins, 0x82, CODES[digits]),
    ]


@EACH_SCHEME
async def test_a_card_that_changes_under_our_hands_is_never_written(
    scheme: str, new: CardInReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if the reader misses the exchange, the serial number differs before PIN2."""
    serial = new.state.read().serial.encode()
    send = MockCardConnection.send_and_receive
    written = False

    def send_and_swap(card: MockCardConnection, apdu: bytes) -> tuple[bytes, int]:
        nonlocal written
        data, status = send(card, apdu)
        if written:
            data = data.replace(serial, b"X" * len(serial))
        written = written or apdu[1] in SETTING
        return data, status

    monkeypatch.setattr(MockCardConnection, "send_and_receive", send_and_swap)
    user = User(codes=[typing(DIGITS[scheme]), typing(DIGITS[scheme], 2)])
    work = asyncio.create_task(activating(new.source, user))
    await until(lambda: "OTHER_CARD" in user.problems())
    assert await cancelled(user, work) == "OTHER_CARD"
    assert new.pins == (NEW_PIN1, "")
    assert new.tries == (5, 0 if scheme == "eight" else 5, 5)


class Meanwhile(User):
    """A user whose card is changed by other means during each entry."""

    state: MockCardState
    change: Callable[[CardData], None]

    async def ask_codes(self, question: CodesQuestion) -> dict[str, bytearray]:
        with self.state.update() as card:
            self.change(card)
        return await super().ask_codes(question)


@EACH_SCHEME
async def test_a_pin_that_is_set_meanwhile_does_not_get_the_code(
    scheme: str, new: CardInReader
) -> None:
    def set_pin1(card: CardData) -> None:
        card.pin1.changed, card.pin1.value, card.pin1.tries = True, "8642", 5

    user = Meanwhile(codes=[typing(DIGITS[scheme]), typing(DIGITS[scheme], 2)])
    user.state, user.change = new.state, set_pin1
    assert await activating(new.source, user) == PinsSet("was-set", "set")
    assert [q.done for q in user.codes_questions] == [(), ("PIN1",)]
    assert new.pins == ("8642", NEW_PIN2)
    assert new.tries == (5, 5, 5)


@EACH_SCHEME
async def test_a_last_try_is_not_spent_by_whoever_was_told_of_more(
    scheme: str, new: CardInReader
) -> None:
    def lose_tries(card: CardData) -> None:
        card.puk.tries = 1
        if not card.pin1.changed and card.pin1.tries:
            card.pin1.tries = 1

    digits = DIGITS[scheme]
    user = Meanwhile(codes=[typing(digits, code=WRONG[scheme]), typing(digits)])
    user.state, user.change = new.state, lose_tries
    assert await activating(new.source, user) == PinsSet("set", "set")
    assert [q.tries_left for q in user.codes_questions] == [5, 1]
    assert not any(q.wrong for q in user.codes_questions)


@pytest.mark.parametrize(
    ("scheme", "problem", "at_risk", "left"),
    [
        ("eight", "PUK_BLOCKED", "PUK", (0, 0, 0)),
        ("seven", "ACTIVATION_BLOCKED", "PIN1", (0, 5, 5)),
    ],
)
async def test_a_code_runs_down_to_its_last_try_and_stops(
    problem: str, at_risk: str, left: tuple[int, ...], scheme: str, new: CardInReader
) -> None:
    wrong = [f"{WRONG[scheme][:-1]}{n}" for n in range(5)]
    user, _, result = await new.run(
        activating, codes=[typing(0, code=code) for code in wrong]
    )
    assert reason(result) == problem
    # With one try left the user has confirmed: prompts guarantee that.
    assert [q.tries_left for q in user.codes_questions] == [5, 4, 3, 2, 1]
    assert {q.at_risk for q in user.codes_questions} == {at_risk}
    assert new.tries == left


async def test_the_pin_with_fewer_tries_is_the_one_at_risk(new: CardInReader) -> None:
    new.leave(pin2=1)
    user, _, result = await new.run(activating, codes=[typing(7)])
    assert result == PinsSet("set", "set")
    [question] = user.codes_questions
    assert (question.at_risk, question.tries_left) == ("PIN2", 1)


# -- What is refused, or ends early ---------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "without", "problem"),
    [
        ("eight", ["puk"], "PUK_BLOCKED"),
        ("seven", ["pin2"], "ACTIVATION_BLOCKED"),
        ("unclear-seven", ["pin1"], "ACTIVATION_BLOCKED"),
        ("seven", ["pin1", "puk"], "PUK_BLOCKED"),
    ],
)
async def test_a_card_that_can_not_be_activated_is_said_and_nothing_is_asked(
    without: list[str], problem: str, new: CardInReader
) -> None:
    with new.state.update() as card:
        for code in without:
            getattr(card, code).tries = 0
    user, record, result = await new.run(activating)
    assert reason(result) == problem
    assert not codes_sent(record.commands())
    assert not user.codes_questions
    assert not (user.unlock_offers and "puk" in without)


@pytest.mark.parametrize(
    ("scheme", "digits"), [("unclear-seven", 8), ("unclear-eight", 7)]
)
async def test_a_code_that_the_card_s_state_contradicts_is_explained_and_not_sent(
    digits: int, scheme: str, new: CardInReader
) -> None:
    right = DIGITS[scheme]
    user, record, result = await new.run(
        activating, codes=[typing(digits), typing(right)]
    )
    assert user.problems() == ["ACTIVATION_MISMATCH"]
    assert result == PinsSet("set", "set")
    assert {code for _, _, code in codes_sent(record.commands())} == {CODES[right]}


class Broken(User):
    """A prompt that does not validate the input."""

    async def ask_codes(self, question: CodesQuestion) -> dict[str, bytearray]:
        self.typed += [bytearray(code.encode()) for code in self.codes[0].values()]
        return dict(zip(self.codes[0], self.typed, strict=True))


@EACH_SCHEME
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
    typed: dict[str, str], scheme: str, new: CardInReader
) -> None:
    user = Broken(codes=[{**typing(DIGITS[scheme]), **typed}])
    before = new.tries
    with pytest.raises(PromptError):
        await activating(new.source, user)
    assert new.tries == before
    assert new.pins == ("", "")
    assert not any(any(code) for code in user.typed)


@EACH_SCHEME
async def test_a_card_of_which_one_pin_is_set_is_asked_for_the_other(
    scheme: str, new: CardInReader
) -> None:
    new.put_pins(("8642", 3))
    codes = [typing(DIGITS[scheme], 2)]
    user, _, result = await new.run(activating, codes=codes)
    assert result == PinsSet("was-set", "set")
    [question] = user.codes_questions
    assert question.done == ("PIN1",)
    assert [each.name for each in question.fields] == ["activation", "new-PIN2"]
    assert new.pins == ("8642", NEW_PIN2)
    assert new.tries == (3, 5, 5)


@pytest.mark.parametrize("scheme", ["seven", "unclear-seven"])
async def test_a_new_pin_without_tries_is_unlocked_and_the_letter_sets_the_other(
    new: CardInReader,
) -> None:
    with new.state.update() as card:
        card.pin1.tries = 0
        puk = {"PUK": card.puk.value, "new-PIN1": NEW_PIN1}
    user, _, result = await new.run(activating, codes=[puk, typing(7, 2)])
    assert result == PinsSet("set", "set")
    assert [offer.pin for offer in user.unlock_offers] == ["PIN1"]
    assert [q.operation for q in user.codes_questions] == ["unblock", "activate"]
    assert user.codes_questions[-1].done == ("PIN1",)
    assert not user.problems()
    assert new.pins == (NEW_PIN1, NEW_PIN2)


@pytest.mark.parametrize("locked", [(1,), (2,), (1, 2)])
async def test_a_pin_in_use_that_is_locked_is_unlocked(
    locked: tuple[int, ...], new: CardInReader
) -> None:
    left = [5 * (number not in locked) for number in (1, 2)]
    new.put_pins(("8642", left[0]), ("864286", left[1]))
    puk, values = new.state.read().puk.value, {1: NEW_PIN1, 2: NEW_PIN2}
    codes = [{"PUK": puk, f"new-PIN{n}": values[n]} for n in locked]
    user, _, result = await new.run(activating, codes=codes)
    assert isinstance(result, PinsSet)
    assert [offer.pin for offer in user.unlock_offers] == [f"PIN{n}" for n in locked]
    assert not user.problems()
    assert 0 not in new.tries


async def test_an_expired_card_is_not_activated(tmp_path: Path) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    state = MockCardState.create(
        tmp_path / "card", state="new", not_before=GRANTED["eight"], not_after=yesterday
    )
    async with MockCardSource(state.folder) as source:
        user, _, result = await session(source, state, activating, codes=[typing(8)])
    assert reason(result) == "CARD_EXPIRED"
    assert not user.codes_questions


@EACH_SCHEME
async def test_whoever_cancels_between_the_pins_keeps_the_first(
    scheme: str, new: CardInReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = User(codes=[typing(DIGITS[scheme])])
    loop = asyncio.get_running_loop()
    send = MockCardConnection.send_and_receive

    def cancel_at_the_write(card: MockCardConnection, apdu: bytes) -> tuple[bytes, int]:
        if apdu[1] in SETTING:
            loop.call_soon_threadsafe(user.cancel)
        return send(card, apdu)

    monkeypatch.setattr(MockCardConnection, "send_and_receive", cancel_at_the_write)
    with pytest.raises(UserCancelledError):
        await activating(new.source, user)
    assert new.pins == (NEW_PIN1, "")
    assert not any(any(code) for code in user.typed)


async def test_where_nobody_is_there_a_locked_new_pin_is_an_error(
    new: CardInReader,
) -> None:
    new.leave(pin1=0)
    user = Unattended()
    with pytest.raises(ActivationBlockedError):
        await activating(new.source, user)
    assert not user.unlock_offers


@pytest.mark.parametrize(
    ("scheme", "error"), [("eight", WrongPukError), ("seven", WrongPinError)]
)
async def test_where_nobody_is_there_a_wrong_code_is_an_error_at_once(
    error: type[KortillaError], scheme: str, new: CardInReader
) -> None:
    user = Unattended(codes=[typing(DIGITS[scheme], code=WRONG[scheme])] * 2)
    with pytest.raises(error):
        await activating(new.source, user)
    assert len(user.codes_questions) == 1
    new.pull_at(COMMAND[scheme])
    with pytest.raises(CardRemovedError):
        await activating(new.source, Unattended(codes=[typing(DIGITS[scheme])]))
