# SPDX-License-Identifier: MIT
"""Activation of a new card, by both schemes, despite errors of people and cards."""

import asyncio

import pytest

from kortilla.mock_card.faults import Fault, FaultName, Moment
from kortilla.mock_card.state import MockCardState
from native_host.card.mock_source import MockCardConnection, MockCardSource
from native_host.errors import UserCancelledError
from native_host.operations.activate import activate
from native_host.operations.request import Context
from native_host.operations.set_pin import PinsSet
from native_host.pin_prompt.model import CodesQuestion, Progress, Step
from tests.operations.faulty_session import SETTING, session
from tests.operations.managing import (
    CODES,
    COMMAND,
    DIGITS,
    GRANTED,
    INS,
    NEW_PIN1,
    NEW_PIN2,
    PAGE_1,
    PAGE_2,
    REQUEST,
    SCHEMES,
    WRONG,
    NewCard,
    activating,
    check_card_works,
    check_codes,
    codes_sent,
    pins,
    tries,
    typing,
)
from tests.operations.user import User, until


@pytest.mark.parametrize("granted", GRANTED)
async def test_the_code_and_two_new_pins_activate_a_card(
    granted: str, new_card: NewCard
) -> None:
    state, digits = new_card(granted), DIGITS[granted]
    async with MockCardSource(state.folder) as source:
        user, record, result = await session(
            source, state, activating, codes=[typing(digits)]
        )
        check_codes(user, record)
        assert result == PinsSet("set", "set")
        assert tries(state) == (5, 5, 5)
        assert pins(state) == (NEW_PIN1, NEW_PIN2)
        await check_card_works(source, state)
    assert user.conversation
    assert user.conversation.operation == "activate"
    assert user.conversation.origin == ""
    [question] = user.codes_questions
    assert [(each.name, each.lengths) for each in question.fields] == [
        ("activation", (7, 8) if "unclear" in granted else (digits,)),
        ("new-PIN1", PAGE_1),
        ("new-PIN2", PAGE_2),
    ]
    assert question.at_risk == ("PIN1" if digits == 7 else "PUK")
    assert (question.tries_left, question.done, question.wrong) == (5, (), False)
    assert "SPECIMEN" in question.name
    assert user.shown[-1] == (Step.DONE, None)


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_each_write_comes_right_after_a_look_at_the_card(
    scheme: str, new_card: NewCard
) -> None:
    """Serial number, PIN information, tries at risk, then the write."""
    state = new_card(scheme)
    async with MockCardSource(state.folder) as source:
        _, record, _ = await session(
            source, state, activating, codes=[typing(DIGITS[scheme])]
        )
    [asked] = [i for i, event in enumerate(record.events) if isinstance(event, str)]
    sent = [apdu.hex().upper() for apdu in record.commands()[asked:]]
    code = CODES[DIGITS[scheme]].encode().ljust(12, b"\0").hex().upper()
    expected = []
    for reference, new in (("11", NEW_PIN1), ("82", NEW_PIN2)):
        at_risk = "83" if scheme == "eight" else reference
        padded = new.encode().ljust(12, b"\0").hex().upper()
        expected += [
            "00A4080402503200",
            *("00B0000000", "00B000B500", "00B0016A00"),
            *{f"00CB00FF05A0038301{each}": None for each in (reference, at_risk)},
            f"00{INS[scheme]:02X}00{reference}18{code}{padded}",
        ]
    assert sent == expected


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_progress_is_told_by_pins(scheme: str, new_card: NewCard) -> None:
    heard: list[tuple[str, Progress | None]] = []
    state = new_card(scheme)
    async with MockCardSource(state.folder) as source:
        await activate(
            Context(
                source,
                User(codes=[typing(DIGITS[scheme])]),
                lambda word, progress: heard.append((word, progress)),
            ),
            REQUEST,
        )
    assert heard == [
        ("window-open", None),
        ("setting", Progress(0, 2)),
        ("setting", Progress(1, 2)),
    ]


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_wrong_code_costs_one_try_is_not_sent_again_and_the_right_one_works(
    scheme: str, new_card: NewCard
) -> None:
    state, digits = new_card(scheme), DIGITS[scheme]
    wrong = typing(digits, code=WRONG[scheme])
    async with MockCardSource(state.folder) as source:
        user, record, result = await session(
            source, state, activating, codes=[wrong, wrong, typing(digits)]
        )
        await check_card_works(source, state)
    check_codes(user, record)
    assert result == PinsSet("set", "set")
    assert [q.tries_left for q in user.codes_questions] == [5, 4, 4]
    assert [q.wrong for q in user.codes_questions] == [False, True, True]
    assert [q.repeated for q in user.codes_questions] == [False, False, True]
    assert tries(state) == (5, 5, 5)
    ins = INS[scheme]
    assert codes_sent(record.commands()) == [
        (ins, 0x11, WRONG[scheme]),
        (ins, 0x11, CODES[digits]),
        (ins, 0x82, CODES[digits]),
    ]


@pytest.mark.parametrize("executed", [False, True])
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_another_card_is_noticed_and_never_written(
    scheme: str, executed: bool, new_card: NewCard
) -> None:
    state, digits = new_card(scheme), DIGITS[scheme]
    moment = Moment.AFTER if executed else Moment.BEFORE
    state.set_faults(Fault(FaultName.CARD_PULLED, on=COMMAND[scheme], when=moment))
    user = User(codes=[typing(digits)])
    async with MockCardSource(state.folder) as source:
        work = asyncio.create_task(activating(source, user))
        await until(lambda: "CARD_REMOVED" in user.problems())
        mine = state.read()
        with state.update() as card:
            card.serial = "FI9999999"
            card.pin1.changed = False
        other = state.read()
        source.insert()
        await until(lambda: "OTHER_CARD" in user.problems())
        assert user.shown[-1][0] is Step.WAITING_FOR_CARD
        assert state.read() == other
        source.remove()
        with state.update() as card:
            card.serial = mine.serial
            card.pin1, card.pin2 = mine.pin1, mine.pin2
        user.codes.append(typing(digits, *((2,) if executed else (1, 2))))
        source.insert()
        async with asyncio.timeout(60):
            assert await work == PinsSet("set", "set")
        await check_card_works(source, state)
    assert len(user.codes_questions) == 2


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_card_that_changes_under_our_hands_is_never_written(
    scheme: str, new_card: NewCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if the reader misses the exchange, the serial number differs before PIN2."""
    state, digits = new_card(scheme), DIGITS[scheme]
    serial = state.read().serial.encode()
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
    user = User(codes=[typing(digits), typing(digits, 2)])
    async with MockCardSource(state.folder) as source:
        work = asyncio.create_task(activating(source, user))
        await until(lambda: "OTHER_CARD" in user.problems())
        user.cancel()
        with pytest.raises(UserCancelledError) as caught:
            await work
    assert caught.value.reason == "OTHER_CARD"
    assert pins(state) == (NEW_PIN1, "")
    assert tries(state) == (5, 0 if scheme == "eight" else 5, 5)


class Meanwhile(User):
    """A user whose PIN1 is set by other means while the code is typed."""

    state: MockCardState

    async def ask_codes(self, question: CodesQuestion) -> dict[str, bytearray]:
        with self.state.update() as card:
            card.pin1.changed, card.pin1.value, card.pin1.tries = True, "8642", 5
        return await super().ask_codes(question)


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_pin_that_is_set_meanwhile_does_not_get_the_code(
    scheme: str, new_card: NewCard
) -> None:
    state, digits = new_card(scheme), DIGITS[scheme]
    user = Meanwhile(codes=[typing(digits), typing(digits, 2)])
    user.state = state
    async with MockCardSource(state.folder) as source:
        assert await activating(source, user) == PinsSet("was-set", "set")
    assert [q.done for q in user.codes_questions] == [(), ("PIN1",)]
    assert pins(state) == ("8642", NEW_PIN2)
    assert tries(state) == (5, 5, 5)


class Fewer(User):
    """A user whose card loses tries by other means during the entry."""

    state: MockCardState

    async def ask_codes(self, question: CodesQuestion) -> dict[str, bytearray]:
        with self.state.update() as card:
            card.puk.tries = 1
            if not card.pin1.changed and card.pin1.tries:
                card.pin1.tries = 1
        return await super().ask_codes(question)


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_last_try_is_not_spent_by_whoever_was_told_of_more(
    scheme: str, new_card: NewCard
) -> None:
    state, digits = new_card(scheme), DIGITS[scheme]
    user = Fewer(codes=[typing(digits, code=WRONG[scheme]), typing(digits)])
    user.state = state
    async with MockCardSource(state.folder) as source:
        assert await activating(source, user) == PinsSet("set", "set")
    assert [q.tries_left for q in user.codes_questions] == [5, 1]
    assert not any(q.wrong for q in user.codes_questions)


async def test_the_puk_runs_down_to_its_last_try_and_stops(new_card: NewCard) -> None:
    state = new_card("eight")
    wrong = [typing(8, code=f"9999999{n}") for n in range(5)]
    async with MockCardSource(state.folder) as source:
        user, record, result = await session(source, state, activating, codes=wrong)
    check_codes(user, record)
    assert isinstance(result, UserCancelledError)
    assert result.reason == "PUK_BLOCKED"
    # With one try left the user has confirmed: prompts guarantee that.
    assert [q.tries_left for q in user.codes_questions] == [5, 4, 3, 2, 1]
    assert {q.at_risk for q in user.codes_questions} == {"PUK"}
    assert set(user.problems()) == {"PUK_BLOCKED"}
    assert tries(state) == (0, 0, 0)


async def test_a_new_pin_runs_down_and_then_only_a_puk_helps(
    new_card: NewCard,
) -> None:
    state = new_card("seven")
    wrong = [typing(7, code=f"999999{n}") for n in range(5)]
    async with MockCardSource(state.folder) as source:
        user, record, result = await session(source, state, activating, codes=wrong)
    check_codes(user, record)
    assert isinstance(result, UserCancelledError)
    assert result.reason == "ACTIVATION_BLOCKED"
    assert [q.tries_left for q in user.codes_questions] == [5, 4, 3, 2, 1]
    assert tries(state) == (0, 5, 5)


async def test_the_pin_with_fewer_tries_is_the_one_at_risk(new_card: NewCard) -> None:
    state = new_card("seven")
    with state.update() as card:
        card.pin2.tries = 1
    async with MockCardSource(state.folder) as source:
        user, record, result = await session(
            source, state, activating, codes=[typing(7)]
        )
    check_codes(user, record)
    assert result == PinsSet("set", "set")
    [question] = user.codes_questions
    assert (question.at_risk, question.tries_left) == ("PIN2", 1)
