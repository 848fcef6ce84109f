# SPDX-License-Identifier: MIT
"""Every step of a login and of a batch of three × every fault × before and after.

In every case, no try is lost, no command with a PIN goes out twice, no verified PIN
remains on the card, and no typed PIN in memory (``check_promises``). A user who takes
the card out and puts it back at each message, and types the PIN again at each question,
succeeds. If one of three signatures exists already, the operation ends as interrupted
and the page receives the existing signatures.
"""

import asyncio
import re
from dataclasses import dataclass
from itertools import product
from typing import Literal

import pytest

from kortilla.mock_card.faults import IN_SLOT, CommandName, Fault, FaultName, Moment
from kortilla.mock_card.state import MockCardState
from native_host.card.errors import CardResetError
from native_host.card.mock_source import MockCardConnection, MockCardSource
from native_host.errors import UserCancelledError
from native_host.operations.sign import Signatures, SigningInterruptedError
from native_host.pin_prompt.model import Problem, Step
from tests.operations.faulty_session import (
    PIN_STATUS,
    Operation,
    check_promises,
    log_in,
    session,
    signing_of,
)
from tests.operations.readers import OneReader

# The message to the user when a fault occurs at a step before or after the card
# executes it. In the middle of a batch, also the reason of the interruption. "." means
# that the fault goes unnoticed. The same holds for a login and each signature of a
# batch.
#
# The card's directory is optional: its errors are logged. A read that returns too
# little is continued, and a file of unknown length is read to its end. Attempts that
# can't be read in one way are read in the other. A status word of one byte is no
# response. 61xx and 6Cxx are followed, except for commands that carry a PIN or sign.
#
# A card whose power was lost has forgotten the application. The reader may not say so.
# A card that lacks files then is used once more from the start. What is lost after a
# command is noticed by the next one ("next"), whose case has it before.
#
# The number is what tells the card from others. It is read before the PIN is asked for,
# and again after that. Where it can't be found or differs, the card is used from the
# start without a word, and the PIN is asked for again ("again").
TABLE = """
                      application directory file     read     number   start    pin-info verify   key      hash     sign
card-pulled   before  removed     removed   removed  removed  removed  removed  removed  removed  removed  removed  removed
card-pulled   after   removed     removed   removed  removed  removed  removed  removed  removed  removed  removed  removed
reader-pulled before  removed     removed   removed  removed  removed  removed  removed  removed  removed  removed  removed
reader-pulled after   removed     removed   removed  removed  removed  removed  removed  removed  removed  removed  removed
power-lost    before  .           .         .        error    again    error    unread   error    error    error    error
power-lost    after   next        next      next     next     next     next     next     next     next     next     next
mute          before  mute        mute      mute     mute     mute     mute     mute     mute     mute     mute     mute
mute          after   mute        mute      mute     mute     mute     mute     mute     mute     mute     mute     mute
delay         before  .           .         .        .        .        .        .        .        .        .        .
delay         after   .           .         .        .        .        .        .        .        .        .        .
garbled       before  error       .         error    error    error    error    .        error    error    error    error
garbled       after   error       .         .        error    .        again    .        error    error    error    invalid
too-short     before  mute        mute      mute     mute     mute     mute     mute     mute     mute     mute     mute
too-short     after   mute        .         .        .        .        .        .        mute     mute     mute     invalid
too-long      before  error       .         error    error    error    error    .        error    error    error    error
too-long      after   .           .         .        error    .        .        .        .        .        .        invalid
61xx          before  error       .         error    error    error    error    .        error    error    error    error
61xx          after   .           .         .        .        .        .        .        error    .        .        .
6Cxx          before  .           .         .        .        .        .        .        error    .        error    error
6Cxx          after   .           .         .        .        .        .        .        error    .        error    error
6F00          before  error       .         error    error    error    error    .        error    error    error    error
6F00          after   error       .         error    error    error    error    .        error    error    error    error
"""  # noqa: E501 - a table

CODES = {
    "removed": "CARD_REMOVED",
    "mute": "CARD_MUTE",
    "error": "CARD_ERROR",
    "invalid": "SIGNATURE_INVALID",
    "unread": "PIN_TRIES_UNREADABLE",
}


def rows(table: str) -> tuple[list[str], list[list[str]]]:
    """Return the steps of a table, and its rows: every fault, before and after."""
    header, *rows = [line.split() for line in table.strip().splitlines()]
    assert [tuple(row[:2]) for row in rows] == [*product(IN_SLOT, Moment)]
    return header, rows


HEADER, ROWS = rows(TABLE)
EACH_ROW = pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(row[:2]))
EACH_OPERATION = pytest.mark.parametrize("operation", ["login", "sign"])
BEFORE_SIGNING = HEADER[:7]
IN_A_SIGNATURE = HEADER[7:]


@dataclass(frozen=True)
class Sent:
    """A command by its name and occurrence, and whether the PIN was typed before."""

    name: CommandName
    skip: int
    typed: bool


#: The commands of each step.
Steps = dict[str, list[Sent]]

OPERATIONS: dict[str, tuple[Operation, str]] = {
    "login": (log_in, "1234"),
    "sign": (signing_of("abc"), "123456"),
}


async def steps_of(
    operation: str, source: MockCardSource | OneReader, state: MockCardState
) -> Steps:
    """Return the commands of each step, by name and occurrence."""
    function, pin = OPERATIONS[operation]
    _, record, _ = await session(source, state, function, pin)
    seen: dict[CommandName, int] = {}
    commands: list[tuple[bytes, Sent]] = []
    typed = False
    for event in record.events:
        if isinstance(event, str):
            typed = True
        elif event[0] not in PIN_STATUS:
            name = CommandName.of(event[0])
            commands.append((event[0], Sent(name, seen.get(name, 0), typed)))
            seen[name] = seen.get(name, 0) + 1
    steps: Steps = {"application": [sent for apdu, sent in commands if apdu[2] == 4]}
    for step, read, path in (("file", "read", "43.."), ("number", "start", "5032")):
        chosen = re.compile(f"00a40804..{path}")
        found = [n for n, (apdu, _) in enumerate(commands) if chosen.match(apdu.hex())]
        steps[step] = [commands[n][1] for n in found]
        steps[read] = [commands[n + 1][1] for n in found]
    steps["directory"] = [sent for apdu, sent in commands if apdu[5:] == b"\x50\x31"]
    for step, name in (
        ("pin-info", CommandName.PIN_INFO),
        ("verify", CommandName.VERIFY),
        ("key", CommandName.CHOOSE_KEY),
        ("hash", CommandName.HASH),
        ("sign", CommandName.SIGN),
    ):
        steps[step] = [sent for _, sent in commands if sent.name is name]
    return steps


def fault_of(row: list[str], sent: Sent) -> Fault:
    name, when = row[:2]
    seconds = 0 if name == FaultName.DELAY else None
    return Fault(name, on=sent.name, when=when, skip=sent.skip, seconds=seconds)


async def said_of(
    fault: Fault,
    operation: str,
    source: MockCardSource | OneReader,
    state: MockCardState,
    *,
    typings: int = 2,
) -> tuple[str, int]:
    """Run an operation with a fault, and check that it succeeds.

    Returns the messages, and the number of PIN entries, of which ``typings`` are
    allowed.
    """
    function, pin = OPERATIONS[operation]
    state.set_faults(fault)
    user, record, result = await session(source, state, function, *[pin] * typings)
    check_promises(user, record)
    assert not isinstance(result, Exception), (fault, result)
    card = state.read()
    assert (card.pin1.tries, card.pin2.tries) == (5, 5)
    return ",".join(sorted(set(user.problems()))), len(user.typed)


async def reason_of(
    fault: Fault,
    done: int,
    source: MockCardSource | OneReader,
    state: MockCardState,
    *,
    typings: int = 1,
) -> str:
    """Run a batch of three with a fault after so many signatures.

    Returns the reason of the interruption, or an empty string when all signatures
    exist. The PIN is typed once; or up to ``typings`` times where the reader adds a
    fault of its own before the first signature.
    """
    function, pin = OPERATIONS["sign"]
    state.set_faults(fault)
    user, record, result = await session(source, state, function, *[pin] * typings)
    check_promises(user, record)
    card = state.read()
    assert (card.pin1.tries, card.pin2.tries) == (5, 5)
    assert 1 <= len(user.typed) <= typings
    if isinstance(result, Signatures):
        assert len(result.signatures) == 3
        return ""
    assert isinstance(result, SigningInterruptedError)
    assert result.total == 3
    made = len(result.done.signatures)
    assert made == done or (typings > 1 and 1 <= made < done)
    assert [each.name for each in result.done.signatures] == ["a", "b"][:made]
    assert user.shown[-1] == (Step.FAILED, Problem("SIGNING_INTERRUPTED", f"{made}/3"))
    assert result.reason is not None
    return result.reason


@EACH_OPERATION
@EACH_ROW
async def test_a_fault_is_said_and_all_goes_well_with_the_card_put_back(
    row: list[str], operation: str, source: MockCardSource, state: MockCardState
) -> None:
    steps = await steps_of(operation, source, state)
    found = dict(zip(HEADER, row[2:], strict=True))
    for step, expected in zip(HEADER, row[2:], strict=True):
        if expected == "next":
            continue
        # What comes before the signatures is sent before and after the PIN is typed.
        commands = steps[step] if step in BEFORE_SIGNING else steps[step][:1]
        for sent in commands:
            fault = fault_of(row, sent)
            said, typed = await said_of(fault, operation, source, state)
            asked_again = said != "" or (expected == "again" and typed > 1)
            assert typed == 1 + (asked_again and (sent.typed or expected == "again"))
            if said != CODES.get(expected, ""):
                found[step] = said
    assert found == dict(zip(HEADER, row[2:], strict=True))


@pytest.mark.parametrize("done", [1, 2])
@EACH_ROW
async def test_a_fault_in_a_later_signature_interrupts_the_batch(
    row: list[str], done: int, source: MockCardSource, state: MockCardState
) -> None:
    steps = await steps_of("sign", source, state)
    for step, expected in zip(IN_A_SIGNATURE, row[9:], strict=True):
        if expected == "next":
            continue
        fault = fault_of(row, steps[step][done])
        reason = await reason_of(fault, done, source, state)
        assert reason == CODES.get(expected, ""), step


@EACH_OPERATION
async def test_nothing_is_sent_between_a_refusal_and_the_next_typing(
    operation: str, source: MockCardSource, state: MockCardState
) -> None:
    function, pin = OPERATIONS[operation]
    wrong = ["999999", "999999", "888888"]
    user, record, result = await session(source, state, function, *wrong, pin)
    check_promises(user, record)
    assert not isinstance(result, Exception)
    assert [q.tries_left for q in user.questions] == [5, 4, 4, 3]


@pytest.mark.parametrize("fault", [FaultName.CARD_PULLED, FaultName.GARBLED])
@EACH_OPERATION
async def test_a_refusal_that_nobody_heard_is_told_by_the_tries(
    operation: str, fault: FaultName, source: MockCardSource, state: MockCardState
) -> None:
    function, pin = OPERATIONS[operation]
    state.set_faults(Fault(fault, on=CommandName.VERIFY, when=Moment.AFTER))
    user, record, result = await session(
        source, state, function, "999999", "999999", pin
    )
    check_promises(user, record)
    assert not isinstance(result, Exception)
    assert [q.tries_left for q in user.questions] == [5, 4, 4]
    assert [q.wrong for q in user.questions] == [False, True, True]
    assert [q.repeated for q in user.questions] == [False, False, True]


@pytest.mark.parametrize("resets", [1, 2])
@EACH_OPERATION
async def test_a_card_that_was_reset_is_used_anew_once_before_a_pin_and_never_after(
    operation: str,
    resets: int,
    source: MockCardSource,
    state: MockCardState,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """PC/SC says so at the next command, which the card does not get."""
    function, pin = OPERATIONS[operation]
    _, whole, _ = await session(source, state, function, pin)
    names = [CommandName.of(apdu) for apdu in whole.commands()]
    first_pin = names.index(CommandName.VERIFY)
    send = MockCardConnection.send_and_receive
    for number, name in enumerate(names[:-2]):  # without the examination at the end
        left = [number, resets]

        def send_or_reset(
            card: MockCardConnection, apdu: bytes, left: list[int] = left
        ) -> tuple[bytes, int]:
            if apdu in PIN_STATUS:  # the examination at the end
                return send(card, apdu)
            left[0] -= 1
            if left[0] < 0 < left[1]:
                left[1] -= 1
                raise CardResetError("reset")
            return send(card, apdu)

        monkeypatch.setattr(MockCardConnection, "send_and_receive", send_or_reset)
        user, record, result = await session(source, state, function, *[pin] * 3)
        monkeypatch.undo()
        check_promises(user, record)
        card = state.read()
        assert (card.pin1.tries, card.pin2.tries) == (5, 5)
        if isinstance(result, SigningInterruptedError):
            assert result.reason == "CARD_RESET"
            continue
        assert not isinstance(result, Exception), number
        said = [problem for _, problem in user.shown if problem]
        if number < first_pin:
            assert said == [Problem("CARD_RESET")] * (resets - 1)
        else:
            # Only at VERIFY a try may have been spent.
            at_pin = "pin" if name is CommandName.VERIFY else ""
            assert said[0] == Problem("CARD_RESET", at_pin)
            assert len(said) == resets


@EACH_OPERATION
async def test_eight_commands_go_to_the_card_for_a_signature(
    operation: str, source: MockCardSource, state: MockCardState
) -> None:
    function, pin = OPERATIONS[operation]
    _, record, _ = await session(source, state, function, pin)
    [asked] = [i for i, event in enumerate(record.events) if isinstance(event, str)]
    look = [
        *(CommandName.SELECT, CommandName.SELECT),
        *(CommandName.READ, CommandName.PIN_INFO),
    ]
    four = [
        CommandName.VERIFY,
        CommandName.CHOOSE_KEY,
        CommandName.HASH,
        CommandName.SIGN,
    ]
    sent = [CommandName.of(apdu) for apdu in record.commands()[asked:]]
    assert sent == look + four * (1 if operation == "login" else 3)


@pytest.mark.parametrize("who", ["user", "page"])
@EACH_OPERATION
async def test_it_can_be_called_off_at_every_command(
    operation: str,
    who: Literal["user", "page"],
    source: MockCardSource,
    state: MockCardState,
) -> None:
    function, pin = OPERATIONS[operation]
    _, whole, _ = await session(source, state, function, pin)
    for number in range(len(whole.commands())):
        user, record, result = await session(
            source, state, function, pin, called_off=(who, number)
        )
        check_promises(user, record)
        card = state.read()
        assert (card.pin1.tries, card.pin2.tries) == (5, 5)
        if who == "page":
            # If the cancellation was too late, the operation has an unused result.
            assert isinstance(result, asyncio.CancelledError | dict | Signatures)
        else:
            assert isinstance(
                result, UserCancelledError | SigningInterruptedError | dict | Signatures
            )
        after = record.commands()[number + 1 :]
        assert CommandName.VERIFY not in {CommandName.of(apdu) for apdu in after}
