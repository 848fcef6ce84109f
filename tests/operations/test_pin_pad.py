# SPDX-License-Identifier: MIT
"""PIN entry on the reader: the window asks only for consent."""

import asyncio
from threading import Event

import pytest

from kortilla.mock_card.faults import CommandName
from kortilla.mock_card.state import MockCardState
from native_host.card.mock_source import MockCardConnection, MockCardSource
from native_host.errors import UserCancelledError
from native_host.operations.sign import SigningInterruptedError
from native_host.pin_prompt.model import Progress, Step
from tests.operations.conftest import Typing
from tests.operations.faulty_session import log_in, signing_of
from tests.operations.user import User

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
