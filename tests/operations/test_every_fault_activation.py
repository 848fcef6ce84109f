# SPDX-License-Identifier: MIT
"""Every step of an activation × every fault × before and after, for both schemes.

In every case, a right code costs no try, no code goes out twice for one entry or to
a PIN that is already set, and no typed code remains in memory (``check_codes``). A
user who takes the card out and puts it back at each message, and types the codes
again at each question, ends with a working card and all tries of all three codes.
The same holds for changing and for unblocking a PIN.
"""

import pytest

from kortilla.mock_card.faults import CommandName, Fault
from kortilla.mock_card.state import MockCardState
from native_host.card.fineid import PinRole
from native_host.card.mock_source import MockCardSource
from native_host.operations.set_pin import PinsSet
from tests.operations.faulty_session import SETTING, Handy, Record, session
from tests.operations.managing import (
    DIGITS,
    EACH_SCHEME,
    NEW_PIN1,
    NEW_PIN2,
    Manage,
    NewCard,
    activating,
    changing,
    check_codes,
    pins,
    tries,
    typing,
    unlocking,
)
from tests.operations.test_every_fault import Sent, Steps, fault_of, rows

# The message to the user when a fault occurs at a step before or after the card
# executes it; "." means that the fault goes unnoticed. Several codes mean that the
# message depends on the command of the step. The steps are the selection of the
# application and the reads: directory, certificate, serial number, and the tries
# left of all three codes. After the entry of the codes, the application is selected
# again. The serial number and the tries are read again before each PIN is set.
#
# The directory is optional. Tries that can't be read in one way are read in the
# other, which does not show whether a PIN was ever set, and which the PUK lacks: then
# they are unreadable, unless the scheme does not need the PUK. If that happens after
# the entry, the user is asked again. A read that returns too little is continued.
# What is lost after a command is noticed by the next one ("next").
TABLE = """
                      application directory certificate serial  tries        again              PIN1    PIN2
card-pulled   before  removed     removed   removed     removed removed      removed            removed removed
card-pulled   after   removed     removed   removed     removed removed      removed            removed removed
reader-pulled before  removed     removed   removed     removed removed      removed            removed removed
reader-pulled after   removed     removed   removed     removed removed      removed            removed removed
power-lost    before  .           .         ./error     error   ./error/unreadable ./error/unreadable error error
power-lost    after   next        next      next        next    next         next               next    next
mute          before  mute        mute      mute        mute    mute         mute               mute    mute
mute          after   mute        mute      mute        mute    mute         mute               mute    mute
delay         before  .           .         .           .       .            .                  .       .
delay         after   .           .         .           .       .            .                  .       .
garbled       before  error       .         error       error   ./unreadable ./error/unreadable error   error
garbled       after   error       .         ./error     ./error ./unreadable ./error/unreadable error   error
too-short     before  mute        mute      mute        mute    mute         mute               mute    mute
too-short     after   mute        .         ./error     ./error ./unreadable ./mute/error/unreadable mute mute
too-long      before  error       .         error       error   ./unreadable ./error/unreadable error   error
too-long      after   .           .         ./error     .       ./unreadable ./unreadable       .       .
61xx          before  error       .         error       error   ./unreadable ./error/unreadable error   error
61xx          after   .           .         .           .       .            .                  error   error
6Cxx          before  .           .         .           .       .            .                  error   error
6Cxx          after   .           .         .           .       .            .                  error   error
6F00          before  error       .         error       error   ./unreadable ./error/unreadable error   error
6F00          after   error       .         error       error   ./unreadable ./error/unreadable error   error
"""  # noqa: E501 - a table

CODES = {
    ".": "",
    "removed": "CARD_REMOVED",
    "mute": "CARD_MUTE",
    "error": "CARD_ERROR",
    "unreadable": "PIN_TRIES_UNREADABLE",
}

HEADER, ROWS = rows(TABLE)
EACH_ROW = pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(row[:2]))

#: Commands that read the card before the scheme is known.
SAME_FOR_BOTH = {"application", "directory", "certificate", "serial"}


def steps_of(record: Record) -> Steps:
    """Return the commands of each step.

    Among the reads before the entry, the first of each kind represents all.
    """
    [asked] = [i for i, event in enumerate(record.events) if isinstance(event, str)]
    steps: Steps = {name: [] for name in HEADER}
    seen: dict[CommandName, int] = {}
    kinds: set[tuple[str, int, int]] = set()
    file = ""
    for number, apdu in enumerate(record.commands()):
        name, ins = CommandName.of(apdu), apdu[1]
        command = Sent(name, seen.get(name, 0), typed=number >= asked)
        seen[name] = command.skip + 1
        if ins == 0xA4:
            file = {0x31: "directory", 0x32: "serial"}.get(apdu[6], "directory")
            file = "certificate" if apdu[5] == 0x43 else file
            file = "application" if apdu[2] == 0x04 else file
        step = "tries" if ins == 0xCB else file
        if ins in SETTING:
            step = "PIN1" if apdu[3] == 0x11 else "PIN2"
        elif number >= asked:
            step = "again"
        kind = step, ins, apdu[-1] if ins == 0xCB else 0
        if step == "again" or kind not in kinds:
            steps[step].append(command)
        kinds.add(kind)
    return steps


async def broken(
    state: MockCardState, operation: Manage, sheets: list[dict[str, str]], *fault: Fault
) -> tuple[Handy, Record, object]:
    """Run an operation with a fault, and check all promises."""
    state.set_faults(*fault)
    async with MockCardSource(state.folder) as source:
        user, record, result = await session(source, state, operation, codes=sheets)
    check_codes(user, record)
    assert isinstance(result, PinsSet), (fault, result)
    assert not any(q.wrong or q.repeated for q in user.codes_questions)
    assert tries(state) == (5, 5, 5)
    return user, record, result


def said_to(user: Handy) -> str:
    """Return the messages, which all have the same reason."""
    [said] = set(user.problems()) or {""}
    return said


@EACH_SCHEME
@EACH_ROW
async def test_a_fault_is_said_and_the_card_is_activated_in_the_end(
    row: list[str], scheme: str, new_card: NewCard
) -> None:
    sheets = [typing(DIGITS[scheme])] * 3
    _, record, _ = await broken(new_card(scheme), activating, sheets)
    for (step, commands), cell in zip(steps_of(record).items(), row[2:], strict=True):
        assert commands
        if cell == "next":
            continue
        expected = {CODES[word] for word in cell.split("/")}
        if scheme == "seven" and step in SAME_FOR_BOTH:
            continue
        for command in commands:
            state = new_card(scheme)
            fault = fault_of(row, command)
            user, record, result = await broken(state, activating, sheets, fault)
            assert pins(state) == (NEW_PIN1, NEW_PIN2)
            assert result == PinsSet("set", "set")
            said, pages = said_to(user), len(user.codes_questions)
            assert said in expected, (step, fault)
            if step in {"PIN1", "PIN2"}:
                # The last PIN need not be asked for again if it turns out to be set.
                whole = said == "" or (step == "PIN2" and fault.executed)
                assert pages == (1 if whole else 2)
            elif step == "again":
                assert pages == 2 if said else pages in {1, 2}
            elif (row[0], said) == ("power-lost", "CARD_ERROR") and step == "tries":
                assert pages == 2  # one scheme does not need the tries of the PUK
            else:
                assert pages == 1
            sent = sum(apdu[1] in SETTING for apdu in record.commands())
            lost = step in {"PIN1", "PIN2"} and said != "" and not fault.executed
            assert sent == 2 + lost


@pytest.mark.parametrize("name", ["change", "unblock"])
@EACH_ROW
async def test_a_fault_while_one_pin_is_set_is_said_and_it_is_set_in_the_end(
    row: list[str], name: str, new_card: NewCard
) -> None:
    changes = name == "change"
    operation = (changing if changes else unlocking)(PinRole.PIN2)
    sheet = {"old": "123456", "PUK": "12345678", "new-PIN2": NEW_PIN2}

    def card() -> MockCardState:
        state = new_card("eight")
        with state.update() as data:
            data.pin1.tries, data.pin1.changed = 5, True
            data.pin2.tries, data.pin2.changed = (5 if changes else 0), True
        return state

    _, record, _ = await broken(card(), operation, [sheet])
    steps = steps_of(record)
    for step in ("again", "PIN2"):
        cell = row[HEADER.index(step) + 2]
        if cell == "next":
            continue
        expected = {CODES[word] for word in cell.split("/")}
        for command in steps[step]:
            fault, state = fault_of(row, command), card()
            sheets = [sheet, sheet]
            if changes and step == "PIN2" and fault.executed:
                sheets[1] = sheet | {"old": NEW_PIN2}  # as the message says
            user, _, result = await broken(state, operation, sheets, fault)
            assert said_to(user) in expected, (step, fault)
            assert result == PinsSet(pin2="set")
            assert pins(state)[1] == NEW_PIN2
            doubts = [q.in_doubt for q in user.codes_questions[1:]]
            assert doubts in ([], [changes and step == "PIN2"])
