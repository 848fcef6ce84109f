# SPDX-License-Identifier: MIT
"""Changing and unblocking a PIN, on the computer's keyboard and on the reader."""

import asyncio

import pytest

from kortilla.mock_card.faults import CommandName, Fault, FaultName, Moment
from native_host.card.fineid import PinRole
from native_host.card.mock_source import READER_NAME, MockCardSource
from native_host.card.pin_pad import PadUse
from native_host.card.pins import Pins
from native_host.errors import InvalidArgumentError, UserCancelledError
from native_host.operations.set_pin import PinsSet
from native_host.pin_prompt.model import Step
from native_host.state import unused_pads
from tests.operations.conftest import Typing, refuse
from tests.operations.faulty_session import session
from tests.operations.managing import (
    NEW_PIN1,
    NEW_PIN2,
    PAGE_1,
    CardInReader,
    Manage,
    changing,
    codes_sent,
    reason,
    unlocking,
)
from tests.operations.user import User, until

ROLES = [PinRole.PIN1, PinRole.PIN2]
OLD = {PinRole.PIN1: "1234", PinRole.PIN2: "123456"}
NEW = {PinRole.PIN1: NEW_PIN1, PinRole.PIN2: NEW_PIN2}
SET = {PinRole.PIN1: PinsSet(pin1="set"), PinRole.PIN2: PinsSet(pin2="set")}
PUK = "12345678"
CHANGE, UNBLOCK = changing(PinRole.PIN1), unlocking(PinRole.PIN1)


def page(role: PinRole, **code: str) -> dict[str, str]:
    """Return the user's input: a code by its field, and the new PIN."""
    return {**code, f"new-{role.name}": NEW[role]}


def expected_pins(role: PinRole) -> tuple[str, str]:
    pin1, pin2 = ((NEW if each is role else OLD)[each] for each in ROLES)
    return pin1, pin2


@pytest.mark.parametrize("role", ROLES)
async def test_a_pin_is_changed_by_the_old_one(
    role: PinRole, active: CardInReader
) -> None:
    user, _, result = await active.run(
        changing(role), codes=[page(role, old=OLD[role])]
    )
    assert result == SET[role]
    assert result.fields() == {role.name.lower(): "set"}
    assert active.tries == (5, 5, 5)
    assert active.pins == expected_pins(role)
    await active.check_works(*expected_pins(role))
    [question] = user.codes_questions
    assert question.operation == "change-pin"
    assert (question.pin, question.at_risk) == (role.name, role.name)
    shortest = len(OLD[role])
    assert [(each.name, each.lengths) for each in question.fields] == [
        ("old", tuple(range(shortest, 13))),
        (f"new-{role.name}", tuple(range(shortest, 9))),
    ]
    assert user.conversation
    assert user.conversation.operation == "change-pin"
    assert user.shown[-1] == (Step.DONE, None)


@pytest.mark.parametrize("left", [0, 2, 5], ids="{} tries left".format)
@pytest.mark.parametrize("role", ROLES)
async def test_a_blocked_or_forgotten_pin_is_set_by_the_puk(
    role: PinRole, left: int, active: CardInReader
) -> None:
    with active.state.update() as card:
        (card.pin1 if role is PinRole.PIN1 else card.pin2).tries = left
    user, _, result = await active.run(unlocking(role), codes=[page(role, PUK=PUK)])
    assert result == SET[role]
    assert active.tries == (5, 5, 5)
    await active.check_works(*expected_pins(role))
    [question] = user.codes_questions
    assert question.operation == "unblock"
    assert (question.pin, question.at_risk) == (role.name, "PUK")
    puk, new = question.fields
    assert (puk.name, puk.lengths) == ("PUK", (8, 9, 10, 11, 12))
    assert new.name == f"new-{role.name}"


async def test_a_pin_that_is_run_down_is_blocked_and_no_more_is_asked(
    active: CardInReader,
) -> None:
    wrong = [page(PinRole.PIN1, old=f"999{n}") for n in range(5)]
    user, _, result = await active.run(CHANGE, codes=wrong)
    assert reason(result) == "PIN_BLOCKED"
    assert [q.tries_left for q in user.codes_questions] == [5, 4, 3, 2, 1]
    assert active.tries == (0, 5, 5)


@pytest.mark.parametrize("moment", Moment)
async def test_the_puk_runs_down_even_when_nobody_hears_it_and_stops(
    moment: Moment, active: CardInReader
) -> None:
    active.pull_at(CommandName.UNBLOCK, moment, skip=2)
    wrong = [page(PinRole.PIN1, PUK=f"9999999{n}") for n in range(8)]
    user, _, result = await active.run(UNBLOCK, codes=wrong)
    assert reason(result) == "PUK_BLOCKED"
    asked = [q.tries_left for q in user.codes_questions]
    assert asked == ([5, 4, 3, 3, 2, 1] if moment is Moment.BEFORE else [5, 4, 3, 2, 1])
    assert active.tries == (5, 5, 0)


async def test_a_dead_puk_is_said_and_not_asked_for(active: CardInReader) -> None:
    active.leave(puk=0, pin1=0)
    user, record, result = await active.run(UNBLOCK)
    assert reason(result) == "PUK_BLOCKED"
    assert not codes_sent(record.commands())
    assert not user.codes_questions


async def test_an_old_pin_of_twelve_digits_can_be_changed(active: CardInReader) -> None:
    with active.state.update() as card:
        card.pin1.value = "123456789012"
    codes = [page(PinRole.PIN1, old="123456789012")]
    _, _, result = await active.run(CHANGE, codes=codes)
    assert result == SET[PinRole.PIN1]


@pytest.mark.parametrize(
    ("moment", "before", "again", "doubts"),
    [
        # The counter shows it: a PIN that was set has all tries, and one that was
        # not has as many as before. The prompt does not suggest a PIN that can't be
        # right.
        (Moment.AFTER, 4, None, []),
        (Moment.BEFORE, 4, "1234", [False]),
        # The counter does not show it, so the prompt says that either PIN may be right.
        (Moment.AFTER, 5, NEW_PIN1, [True]),
        (Moment.BEFORE, 5, "1234", [True]),
    ],
)
async def test_a_change_that_got_no_answer(
    moment: Moment,
    before: int,
    again: str | None,
    doubts: list[bool],
    active: CardInReader,
) -> None:
    active.leave(pin1=before)
    active.pull_at(CommandName.CHANGE, moment)
    codes = [page(PinRole.PIN1, old=old) for old in ("1234", again) if old]
    user, _, result = await active.run(CHANGE, codes=codes)
    assert result == SET[PinRole.PIN1]
    assert [q.in_doubt for q in user.codes_questions] == [False, *doubts]
    assert active.pins[0] == NEW_PIN1
    assert active.tries == (5, 5, 5)


@pytest.mark.parametrize("moment", Moment)
async def test_a_change_that_got_no_answer_from_a_card_that_tells_tries_alone(
    moment: Moment, active: CardInReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The empty VERIFY does not show whether a PIN was ever set."""
    monkeypatch.setattr(Pins, "_read_info", lambda _self, _role: None)
    active.pull_at(CommandName.CHANGE, moment)
    again = NEW_PIN1 if moment is Moment.AFTER else "1234"
    codes = [page(PinRole.PIN1, old=old) for old in ("1234", again)]
    user, record, result = await session(
        active.source, active.state, CHANGE, codes=codes
    )
    assert len(codes_sent(record.commands())) == 2
    assert result == SET[PinRole.PIN1]
    assert [q.in_doubt for q in user.codes_questions] == [False, True]
    assert active.tries == (5, 5, 5)


@pytest.mark.parametrize("operation", [CHANGE, UNBLOCK])
async def test_a_new_card_s_pin_is_not_set_but_activated(
    operation: Manage, new: CardInReader
) -> None:
    user, record, result = await new.run(operation)
    assert reason(result) == "CARD_NOT_ACTIVATED"
    assert not codes_sent(record.commands())
    assert not user.codes_questions


async def test_a_new_pin_without_tries_is_set_by_an_ordered_puk(
    new: CardInReader,
) -> None:
    new.leave(pin1=0)
    codes = [page(PinRole.PIN1, PUK=PUK)]
    _, _, result = await new.run(UNBLOCK, codes=codes)
    assert result == SET[PinRole.PIN1]
    assert new.tries == (5, 5, 5)


@pytest.mark.parametrize("operation", [changing, unlocking])
async def test_the_puk_itself_is_not_set(
    operation: type, source: MockCardSource
) -> None:
    with pytest.raises(InvalidArgumentError):
        await operation(PinRole.PUK)(source, User())


@pytest.mark.parametrize(
    ("operation", "code"), [(CHANGE, {"old": "1234"}), (UNBLOCK, {"PUK": PUK})]
)
async def test_another_card_that_is_put_in_after_the_typing_is_never_written(
    operation: Manage, code: dict[str, str], active: CardInReader
) -> None:
    active.pull_at(CommandName.CHANGE)
    active.state.add_fault(Fault(FaultName.CARD_PULLED, on=CommandName.UNBLOCK))
    user = User(codes=[page(PinRole.PIN1, **code) for _ in range(2)])
    work = asyncio.ensure_future(operation(active.source, user))
    await until(lambda: "CARD_REMOVED" in user.problems())
    with active.state.update() as card:
        serial, card.serial = card.serial, "FI9999999"
    before = active.state.read()
    active.source.insert()
    await until(lambda: "OTHER_CARD" in user.problems())
    assert user.shown[-1][0] is Step.WAITING_FOR_CARD
    assert active.state.read() == before
    assert len(user.codes) == 1
    with active.state.update() as card:
        card.serial = serial
    active.source.remove()
    active.source.insert()
    assert await work == SET[PinRole.PIN1]


# -- On the reader --------------------------------------------------------------------

TIMED_OUT, CANCELLED, DIFFERENT = 0x6400, 0x6401, 0x6402


async def test_a_pin_is_changed_on_the_reader(
    active: CardInReader, typings: list[Typing]
) -> None:
    typed = [("1234", "258"), ("9999", NEW_PIN1), ("1234", NEW_PIN1)]
    typings += [TIMED_OUT, DIFFERENT, *typed]
    user = User(codes=[{}] * 5)
    assert await CHANGE(active.source, user) == SET[PinRole.PIN1]
    questions = user.codes_questions
    assert all(q.pin_pad for q in questions)
    assert [each.lengths for each in questions[0].fields] == [PAGE_1] * 2
    problems = ["", "timed-out", "different", "length", ""]
    assert [q.pad_problem for q in questions] == problems
    assert [q.tries_left for q in questions] == [5, 5, 5, 5, 4]
    assert [q.wrong for q in questions] == [False, False, False, False, True]
    assert Step.PIN_PAD in [step for step, _ in user.shown]
    assert active.pins == (NEW_PIN1, "123456")


async def test_a_pin_is_unlocked_on_the_reader_with_eight_digits(
    active: CardInReader, typings: list[Typing]
) -> None:
    """A reader that accepts other lengths would send a PUK that is too short."""
    typings += [("1234567", "25801470"), (PUK, NEW_PIN1), (PUK, "25801470")]
    user = User(codes=[{}] * 3)
    assert await UNBLOCK(active.source, user) == SET[PinRole.PIN1]
    assert [each.lengths for each in user.codes_questions[0].fields] == [(8,)] * 2
    assert [q.pad_problem for q in user.codes_questions] == ["", "length", "length"]
    assert active.pins == ("25801470", "123456")
    assert active.tries == (5, 5, 5)


async def test_cancelled_on_the_reader_is_cancelled(
    active: CardInReader, typings: list[Typing]
) -> None:
    typings.append(CANCELLED)
    with pytest.raises(UserCancelledError):
        await changing(PinRole.PIN2)(active.source, User(codes=[{}]))
    assert active.tries == (5, 5, 5)
    assert active.pins == ("1234", "123456")


async def test_codes_are_typed_on_the_computer_where_the_reader_refuses_its_pin_pad(
    active: CardInReader, typings: list[Typing]
) -> None:
    typings.append(refuse)
    user = User(codes=[{}, {"old": "1234", "new-PIN1": NEW_PIN1}])
    assert await CHANGE(active.source, user) == SET[PinRole.PIN1]
    questions = user.codes_questions
    assert [q.pin_pad for q in questions] == [True, False]
    assert [q.pad_problem for q in questions] == ["", "refused"]
    assert not any(q.in_doubt for q in questions)
    # The reader may be able to verify a PIN nevertheless.
    assert unused_pads.uses_of(READER_NAME) == {PadUse.MODIFY}
    user = User(codes=[{"PUK": PUK, "new-PIN1": "2580"}])
    assert await UNBLOCK(active.source, user) == SET[PinRole.PIN1]
    [question] = user.codes_questions
    assert (question.pin_pad, question.pad_unused) == (False, True)
    assert active.pins == ("2580", "123456")
    assert active.tries == (5, 5, 5)
