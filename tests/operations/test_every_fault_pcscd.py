# SPDX-License-Identifier: MIT
"""Every step and every fault of a login and a batch, in readers of the real pcscd.

Cards are also pulled around each PIN of an activation.

The results are the same, except that a virtual reader can't be unplugged. Most time is
spent waiting for pcscd, which polls for cards a few times a second. So there are many
readers, each with its own card, and the next fault runs in any free reader.
"""

import asyncio
import shutil
import traceback
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from itertools import product
from unittest import mock

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.faults import Fault, FaultName, Moment
from kortilla.mock_card.state import MockCardState
from native_host.card.mock_source import MockCardSource
from native_host.card.pcsc import PcscSource
from native_host.operations.set_pin import PinsSet
from tests.operations.faulty_session import log_in, session
from tests.operations.managing import (
    COMMAND,
    DIGITS,
    GRANTED,
    NEW_PIN1,
    NEW_PIN2,
    SCHEMES,
    activating,
    copy,
    managed,
    pins,
    tries,
    typing,
)
from tests.operations.readers import OneReader
from tests.operations.test_every_fault import (
    BEFORE_SIGNING,
    CODES,
    HEADER,
    IN_A_SIGNATURE,
    ROWS,
    Steps,
    fault_of,
    reason_of,
    said_of,
    steps_of,
)
from tests.support.pcsc import READERS, Pcscd, isolated

# The line to a mute card is broken for a moment. A busy pcscd may notice that, now or
# later, and take it for a card that was removed and inserted again: once more in the
# same case, or in the next one in this reader. So these come last. A command that comes
# in between meets a card that was reset, which is an error of the card.
POSSIBLE = sorted(
    (row for row in ROWS if row[0] != FaultName.READER_PULLED),
    key=lambda row: row[0] == FaultName.MUTE,
)
AS_IF_PUT_IN_ANEW = {"", "CARD_MUTE", "CARD_REMOVED", "CARD_ERROR"}
#: The maximum number of PIN entries there.
MANY = 9

Case = Callable[[OneReader, MockCardState], Awaitable[None]]


def cases_of(row: list[str], operation: str, steps: Steps) -> Iterator[Case]:
    """Yield each step's first command with the fault, and for a batch each later one.

    A case raises an error if the result differs from the table.
    """
    for step, expected in zip(HEADER, row[2:], strict=True):
        if operation == "sign" and step in BEFORE_SIGNING:
            continue  # a login has the same
        if expected == "next":
            continue
        commands = steps[step] if step in BEFORE_SIGNING else steps[step][:1]
        for sent in commands:
            yield partial(saying, expected, fault_of(row, sent), sent.typed, operation)
    if operation != "sign":
        return
    for step, expected in zip(IN_A_SIGNATURE, row[9:], strict=True):
        for done in (1, 2) if expected != "next" else ():
            fault = fault_of(row, steps[step][done])
            yield partial(interrupting, expected, fault, done)


async def saying(
    expected: str,
    fault: Fault,
    pin_typed: bool,
    operation: str,
    source: OneReader,
    state: MockCardState,
) -> None:
    typings = MANY if fault.name == FaultName.MUTE else 2
    said, typed = await said_of(fault, operation, source, state, typings=typings)
    check(expected, fault, said)
    if fault.name != FaultName.MUTE:
        assert typed == 1 + (said != "" and pin_typed) or expected == "again"


async def interrupting(
    expected: str, fault: Fault, done: int, source: OneReader, state: MockCardState
) -> None:
    typings = MANY if fault.name == FaultName.MUTE else 1
    reason = await reason_of(fault, done, source, state, typings=typings)
    check(expected, fault, reason)


def check(expected: str, fault: Fault, said: str) -> None:
    if fault.name == FaultName.MUTE:
        assert set(said.split(",")) <= AS_IF_PUT_IN_ANEW, (fault, said)
    else:
        assert said == CODES.get(expected, ""), (fault, said)


async def in_all_readers(pcscd: Pcscd, operation: str) -> None:
    """Run the table, several cases at a time, and report the failures."""
    pcscd.stop_service()
    # At pcscd's own pace: a hurried one notices more of a mute card's broken line.
    pcscd.start_service(drivers=len(READERS) // 2, hurried=False)
    made = pcscd.new_card()
    async with MockCardSource(made.folder) as source:
        steps = await steps_of(operation, source, made)
    cases = [case for row in POSSIBLE for case in cases_of(row, operation, steps)]
    wrong: list[str] = []

    async def go_on(reader: str, all_readers: PcscSource) -> None:
        folder = shutil.copytree(made.folder, pcscd.folder / reader)
        state = MockCardState.open(folder)
        pcscd.insert(MockCard(state), reader)
        async with OneReader(reader, state, all_readers) as source:
            while cases:
                case = cases.pop(0)
                try:
                    await case(source, state)
                except Exception:
                    wrong.append(traceback.format_exc())

    # The cards' folders need not survive a power failure.
    with mock.patch("os.fsync"):
        async with PcscSource() as all_readers:
            await asyncio.gather(*(go_on(each, all_readers) for each in READERS))
    assert not wrong, "\n".join([*wrong, f"{len(wrong)} went wrong."])


@isolated
async def test_a_login_is_as_the_table_says(pcscd: Pcscd) -> None:
    await in_all_readers(pcscd, "login")


@isolated
async def test_a_batch_is_as_the_table_says(pcscd: Pcscd) -> None:
    await in_all_readers(pcscd, "sign")


async def activate_in(
    scheme: str, done: int, moment: Moment, source: OneReader, state: MockCardState
) -> None:
    """Activate a card that is pulled when so many of its PINs are set."""
    fault = Fault(FaultName.CARD_PULLED, on=COMMAND[scheme], when=moment, skip=done)
    state.set_faults(fault)
    sheets = [typing(DIGITS[scheme])] * 2
    user, _, result = await managed(source, state, activating, codes=sheets)
    assert result == PinsSet("set", "set")
    assert set(user.problems()) == {"CARD_REMOVED"}
    assert tries(state) == (5, 5, 5)
    assert pins(state) == (NEW_PIN1, NEW_PIN2)
    whole = done == 1 and moment is Moment.AFTER
    assert len(user.codes_questions) == (1 if whole else 2)
    _, _, token = await session(source, state, log_in, NEW_PIN1)
    assert isinstance(token, dict)


@isolated
async def test_a_card_pulled_at_either_pin_is_activated_in_the_end(
    pcscd: Pcscd,
) -> None:
    cases = [*product(SCHEMES, [0, 1], Moment)]
    pcscd.stop_service()
    pcscd.start_service(drivers=len(cases) // 2)
    made = {
        scheme: MockCardState.create(
            pcscd.folder / scheme, state="new", not_before=GRANTED[scheme]
        ).folder
        for scheme in SCHEMES
    }

    async def in_reader(case: tuple[str, int, Moment], reader: str) -> None:
        state = copy(made[case[0]], pcscd.folder / reader)
        pcscd.insert(MockCard(state), reader)
        async with OneReader(reader, state, all_readers) as source:
            await activate_in(*case, source, state)

    with mock.patch("os.fsync"):
        async with PcscSource() as all_readers:
            await asyncio.gather(*map(in_reader, cases, READERS))
