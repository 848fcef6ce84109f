# SPDX-License-Identifier: MIT
"""PIN entry on the reader: the window asks only for consent."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from kortilla.mock_card.faults import CommandName
from kortilla.mock_card.state import MockCardState
from native_host.card.mock_source import MockCardSource
from native_host.card.pin_pad import PinPad
from native_host.card.source import CardConnection, Reader
from native_host.errors import UserCancelledError
from native_host.operations.authenticate import AuthenticateRequest
from native_host.operations.request import Context
from native_host.operations.sign import (
    HashToSign,
    Signatures,
    SigningInterruptedError,
    SignRequest,
    sign,
)
from native_host.pin_prompt.model import Progress, Step
from tests.operations.person import Person
from tests.operations.tokens import make_token

ORIGIN = "https://service.example"
NONCE = "bm9uY2Ugb2YgYSBzcGVjaW1lbiBzZXNzaW9uIG9ubHkh"
TIMED_OUT, CANCELLED, LENGTH = 0x6400, 0x6401, 0x6403


#: Digits, the reader's own response, or a function that runs before it.
Typing = str | int | Callable[[], str]


class Pad(PinPad):
    """A reader with a PIN pad, where the person acts as the test says.

    A function in the script runs first, as if the person took that long.
    """

    can_modify = False

    def __init__(self, typings: Iterator[Typing], card: CardConnection) -> None:
        self._typings = typings
        self._card = card

    def verify(self, template: bytes, min_digits: int, max_digits: int) -> int:
        typed = next(self._typings)
        if callable(typed):
            typed = typed()
        if isinstance(typed, int):
            return typed
        assert min_digits <= len(typed) <= max_digits
        padded = typed.encode().ljust(12, b"\x00")
        return self._card.send_and_receive(template[:5] + padded)[1]

    def modify(self, template: bytes, min_digits: int, max_digits: int) -> int:
        raise AssertionError


@pytest.fixture
def typings(source: MockCardSource, monkeypatch: pytest.MonkeyPatch) -> list[Typing]:
    """Give the reader a PIN pad; return the list of entries on it."""
    typings: list[Typing] = []
    connect, typed = source.connect, iter(typings)

    async def with_pad(reader: Reader) -> CardConnection:
        connection = await connect(reader)
        connection.pin_pad = Pad(typed, connection)
        return connection

    monkeypatch.setattr(source, "connect", with_pad)
    return typings


async def log_in(person: Person, source: MockCardSource) -> dict[str, Any]:
    request = AuthenticateRequest(origin=ORIGIN, challenge_nonce=NONCE, language="fi")
    return await make_token(Context(source, person), request)


async def sign_two(person: Person, source: MockCardSource) -> Signatures:
    hashes = tuple(HashToSign(name, bytes(48), "SHA-384") for name in ("a", "b"))
    request = SignRequest(origin=ORIGIN, language="fi", hashes=hashes)
    return await sign(Context(source, person), request)


async def test_the_pin_is_typed_on_the_reader_after_consent_in_the_window(
    source: MockCardSource, typings: list[Typing]
) -> None:
    typings.append("1234")
    person = Person([""])
    assert "signature" in await log_in(person, source)
    assert person.questions[0].pin_pad
    assert person.shown[-1][0] is Step.PIN_PAD


async def test_pin2_is_typed_once_for_each_signature(
    source: MockCardSource, typings: list[Typing]
) -> None:
    typings += ["123456", "123456"]
    person = Person([""])
    assert len((await sign_two(person, source)).signatures) == 2
    assert len(person.questions) == 1
    assert [step for step, _ in person.shown].count(Step.PIN_PAD) == 2
    assert person.bars == [Progress(0, 2), Progress(1, 2)]


async def test_why_the_reader_gave_no_pin_is_said_and_it_is_asked_for_again(
    source: MockCardSource, typings: list[Typing]
) -> None:
    typings += [TIMED_OUT, LENGTH, "9999", "9999", "1234"]
    person = Person(["", "", "", "", ""])
    await log_in(person, source)
    questions = person.questions
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
        await log_in(Person([""]), source)


async def test_a_batch_goes_on_where_it_was_after_a_slip_on_the_reader(
    source: MockCardSource, typings: list[Typing]
) -> None:
    typings += ["123456", "999999", "123456"]
    person = Person(["", ""])
    made = await sign_two(person, source)
    assert [each.name for each in made.signatures] == ["a", "b"]
    assert [q.wrong for q in person.questions] == [False, True]


async def test_cancel_on_the_reader_in_the_middle_of_a_batch_is_an_interruption(
    source: MockCardSource, typings: list[Typing]
) -> None:
    typings += ["123456", CANCELLED]
    with pytest.raises(SigningInterruptedError) as caught:
        await sign_two(Person([""]), source)
    assert caught.value.reason == "USER_CANCELLED"
    assert len(caught.value.done.signatures) == 1


@pytest.mark.parametrize("who", ["person", "page"])
async def test_whoever_cancels_while_the_reader_waits_for_pin2_signs_nothing(
    who: str, source: MockCardSource, typings: list[Typing], folder: Path
) -> None:
    loop, at_the_pad, go_on = asyncio.get_running_loop(), asyncio.Event(), Event()

    def slowly() -> str:
        loop.call_soon_threadsafe(at_the_pad.set)
        go_on.wait(60)
        return "123456"

    typings.append(slowly)
    commands = []
    connect = source.connect

    async def watched(reader: Reader) -> CardConnection:
        connection = await connect(reader)
        send = connection.send_and_receive

        def send_and_receive(apdu: bytes) -> tuple[bytes, int]:
            commands.append(CommandName.of(apdu))
            return send(apdu)

        connection.send_and_receive = send_and_receive  # type: ignore[method-assign] # to look on
        return connection

    source.connect = watched  # type: ignore[method-assign] # to look on
    person = Person([""])
    signing = asyncio.create_task(sign_two(person, source))
    await at_the_pad.wait()
    if who == "person":
        person.cancel()
    else:
        signing.cancel()
    # The cancellation reaches the card's thread after some turns of the event loop.
    for _ in range(100):
        await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(
        UserCancelledError if who == "person" else asyncio.CancelledError
    ):
        await signing
    assert CommandName.VERIFY in commands
    assert CommandName.SIGN not in commands
    assert MockCardState.open(folder).read().pin2.tries == 5
