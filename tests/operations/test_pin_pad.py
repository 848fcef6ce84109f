# SPDX-License-Identifier: MIT
"""PIN entry on the reader: the window asks only for consent.

A reader that refuses to use the PIN pad that it announces leaves the keyboard.
"""

import asyncio
from threading import Event

import pytest

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.faults import CommandName
from kortilla.mock_card.state import MockCardState
from native_host.card.errors import PinNotEnteredError
from native_host.card.mock_source import (
    READER_NAME,
    MockCardConnection,
    MockCardSource,
)
from native_host.card.pcsc import PcscSource
from native_host.card.pin_pad import PadUse
from native_host.errors import UserCancelledError
from native_host.operations.refusals import Refusals
from native_host.operations.sign import SigningInterruptedError
from native_host.pin_prompt.model import Progress, Step
from native_host.state import unused_pads
from tests.operations.conftest import Typing, refuse
from tests.operations.faulty_session import log_in, signing_of
from tests.operations.user import Unattended, User
from tests.pkcs11.conftest import Windows, a_login
from tests.support.errors import raises
from tests.support.pcsc import READER, Pcscd, isolated

TIMED_OUT, CANCELLED, LENGTH = 0x6400, 0x6401, 0x6403

sign_two = signing_of("ab")


async def test_the_pin_is_typed_on_the_reader_after_consent_in_the_window(
    source: MockCardSource, typings: list[Typing]
) -> None:
    typings += ["1234", "123456", "123456"]
    user = User([""])
    assert "signature" in await log_in(source, user)
    assert user.questions[0].pin_pad
    assert user.shown[-1][0] is Step.PIN_PAD
    # PIN2 is typed once for each signature.
    user = User([""])
    assert len((await sign_two(source, user)).signatures) == 2
    assert len(user.questions) == 1
    assert [step for step, _ in user.shown].count(Step.PIN_PAD) == 2
    assert user.bars == [Progress(0, 2), Progress(1, 2)]


async def test_why_the_reader_gave_no_pin_is_said_and_it_is_asked_for_again(
    source: MockCardSource, typings: list[Typing]
) -> None:
    typings += [TIMED_OUT, LENGTH, "9999", "9999", "1234"]
    user = User(["", "", "", "", ""])
    await log_in(source, user)
    questions = user.questions
    assert [q.pad_problem for q in questions] == ["", "timed-out", "length", "", ""]
    assert [q.wrong for q in questions] == [False, False, False, True, True]
    # The host does not know PINs typed on the reader, so it can't hold them back.
    assert [q.repeated for q in questions] == [False] * 5
    assert [q.tries_left for q in questions] == [5, 5, 5, 4, 3]


async def test_cancel_on_the_reader_is_cancel(
    source: MockCardSource, typings: list[Typing]
) -> None:
    typings.append(CANCELLED)
    with pytest.raises(UserCancelledError):
        await log_in(source, User([""]))


async def test_a_batch_goes_on_where_it_was_after_a_slip_on_the_reader(
    source: MockCardSource, typings: list[Typing]
) -> None:
    typings += ["123456", "999999", "123456"]
    user = User(["", ""])
    made = await sign_two(source, user)
    assert [each.name for each in made.signatures] == ["a", "b"]
    assert [q.wrong for q in user.questions] == [False, True]


async def test_cancel_on_the_reader_in_the_middle_of_a_batch_is_an_interruption(
    source: MockCardSource, typings: list[Typing]
) -> None:
    typings += ["123456", CANCELLED]
    with pytest.raises(SigningInterruptedError) as caught:
        await sign_two(source, User([""]))
    assert caught.value.reason == "USER_CANCELLED"
    assert len(caught.value.done.signatures) == 1


@pytest.mark.parametrize("who", ["user", "page"])
async def test_whoever_cancels_while_the_reader_waits_for_pin2_signs_nothing(
    who: str,
    source: MockCardSource,
    typings: list[Typing],
    state: MockCardState,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop, at_the_pad, go_on = asyncio.get_running_loop(), asyncio.Event(), Event()

    def slowly() -> str:
        loop.call_soon_threadsafe(at_the_pad.set)
        go_on.wait(60)
        return "123456"

    typings.append(slowly)
    commands: list[CommandName] = []
    send = MockCardConnection.send_and_receive

    def watched(card: MockCardConnection, apdu: bytes) -> tuple[bytes, int]:
        commands.append(CommandName.of(apdu))
        return send(card, apdu)

    monkeypatch.setattr(MockCardConnection, "send_and_receive", watched)
    user = User([""])
    signing = asyncio.create_task(sign_two(source, user))
    await at_the_pad.wait()
    if who == "user":
        user.cancel()
    else:
        signing.cancel()
    # The cancellation reaches the card's thread after some turns of the event loop.
    for _ in range(100):
        await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(UserCancelledError if who == "user" else asyncio.CancelledError):
        await signing
    assert CommandName.VERIFY in commands
    assert CommandName.SIGN not in commands
    assert state.read().pin2.tries == 5


# -- A reader that refuses its PIN pad ------------------------------------------------


async def test_where_the_reader_refuses_its_pin_pad_the_pin_is_typed_on_the_computer(
    source: MockCardSource, typings: list[Typing], state: MockCardState
) -> None:
    typings.append(refuse)
    user = User(["", "9999", "1234"])
    assert "signature" in await log_in(source, user)
    questions = user.questions
    assert [q.pin_pad for q in questions] == [True, False, False]
    assert [q.pad_problem for q in questions] == ["", "refused", ""]
    assert [q.pad_unused for q in questions] == [False, True, True]
    assert [q.tries_left for q in questions] == [5, 5, 4]
    # From then on it is typed there at once, and the question says why.
    user = User(["123456"])
    assert len((await sign_two(source, user)).signatures) == 2
    [question] = user.questions
    assert (question.pin_pad, question.pad_problem) == (False, "")
    assert question.pad_unused
    # A person who has the PIN pad used again types there.
    unused_pads.forget()
    typings.append("1234")
    user = User([""])
    await log_in(source, user)
    assert user.questions[0].pin_pad
    assert not user.questions[0].pad_unused
    assert state.read().pin1.tries == 5


async def test_nobody_types_on_the_computer_from_then_on_who_did_not_choose_to(
    source: MockCardSource, typings: list[Typing]
) -> None:
    for user in (User([""]), Unattended([""])):
        typings.append(refuse)
        work = asyncio.ensure_future(log_in(source, user))
        while not work.done() and len(user.questions) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0)
        user.cancel()
        expected = UserCancelledError if user.attended else PinNotEnteredError
        with pytest.raises(expected):
            await work
    assert not unused_pads.products()
    assert len(user.questions) == 1


async def test_a_batch_goes_on_where_it_was_after_the_reader_has_refused(
    source: MockCardSource, typings: list[Typing]
) -> None:
    typings += ["123456", refuse]
    made = await sign_two(source, User(["", "123456"]))
    assert [each.name for each in made.signatures] == ["a", "b"]
    assert unused_pads.uses_of(READER_NAME) == set(PadUse)


async def test_a_try_that_is_gone_after_a_refusal_is_a_wrong_pin_and_no_refusal(
    source: MockCardSource, typings: list[Typing], state: MockCardState
) -> None:
    def lie() -> str:
        with state.update() as card:
            card.pin1.tries -= 1
        return refuse()

    typings += [lie, "1234"]
    user = User(["", ""])
    await log_in(source, user)
    assert [q.pin_pad for q in user.questions] == [True, True]
    assert [q.wrong for q in user.questions] == [False, True]
    assert [q.tries_left for q in user.questions] == [5, 4]
    assert not unused_pads.products()


async def test_a_login_is_prepared_only_by_typing_on_the_computer(
    source: MockCardSource, typings: list[Typing], state: MockCardState
) -> None:
    windows = Windows()
    told: list[int] = []
    refusals = Refusals(lambda _, tries_left: told.append(tries_left))
    async with a_login(source, windows, refusals=refusals) as login:
        typings += ["9999", "1234"]
        windows.type("", "")
        with raises("PIN_PAD_ONLY"):
            await login.prepare()
        assert login.pins.kept is None
        assert told == [5, 4]  # for the flags of a token
        # A reader that refuses its PIN pad leaves the keyboard, and that is remembered.
        typings.append(refuse)
        windows.type("", "1234")
        await login.prepare()
        windows.type("1234")
        await login.prepare()
        assert login.pins.kept is not None
    asked = [[q.pin_pad for q in user.questions] for user in windows.users]
    assert asked == [[True, True], [True, False], [False]]
    assert [q.pad_problem for q in windows.users[1].questions] == ["", "refused"]
    assert state.read().pin1.tries == 5


@isolated
async def test_a_reader_of_pcscd_may_announce_a_pin_pad_and_refuse_it(
    pcscd: Pcscd,
) -> None:
    state = pcscd.new_card()
    for digits, pins, asked in (
        ("", ["", "1234"], [True, False]),
        ("1234", ["1234"], [False]),  # it is remembered, also for another insertion
        ("1234", [""], [True]),
    ):
        pcscd.stop_service()
        pcscd.start_service(pin_pad=digits)
        pcscd.insert(MockCard(state))
        pcscd.settle()
        user = User(pins)
        async with PcscSource() as source:
            assert "signature" in await log_in(source, user)
        assert [q.pin_pad for q in user.questions] == asked
        assert not user.problems()
        assert state.read().pin1.tries == 5
        assert unused_pads.uses_of(READER) == (
            set() if digits and asked[0] else set(PadUse)
        )
        if not asked[0]:
            unused_pads.forget()
