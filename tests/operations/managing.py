# SPDX-License-Identifier: MIT
"""New cards of both schemes, the input to manage them, and checks of the result."""

import shutil
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kortilla.mock_card.faults import CommandName, Fault, FaultName, Moment
from kortilla.mock_card.state import MockCardState
from native_host.card.fineid import PinRole
from native_host.card.mock_source import MockCardSource
from native_host.card.source import CardSource
from native_host.errors import UserCancelledError
from native_host.operations.activate import activate
from native_host.operations.request import Context
from native_host.operations.set_pin import ManageRequest, PinsSet, change_pin, unblock
from native_host.operations.sign import Signatures
from native_host.pin_prompt.prompt import Prompt
from tests.operations.faulty_session import (
    SETTING,
    Handy,
    Operation,
    Record,
    log_in,
    session,
    signing_of,
)
from tests.operations.readers import OneReader
from tests.operations.user import User

REQUEST = ManageRequest(language="fi")
NEW_PIN1, NEW_PIN2 = "2580", "147258"
CODES = {7: "1234567", 8: "12345678"}

#: Dates of issue: certain for either scheme, and within the uncertain period.
GRANTED = {
    "eight": datetime(2025, 6, 2, tzinfo=UTC),
    "seven": datetime(2026, 6, 2, tzinfo=UTC),
    "unclear-eight": datetime(2026, 1, 9, tzinfo=UTC),
    "unclear-seven": datetime(2026, 1, 20, tzinfo=UTC),
}
DIGITS = {"eight": 8, "seven": 7, "unclear-eight": 8, "unclear-seven": 7}

SCHEMES = ["eight", "seven"]
#: A code of the right length that no card has, the instruction that sets a PIN, and the
#: valid lengths of either PIN.
WRONG = {"eight": "99999999", "seven": "9999999"}
INS = {"eight": 0x2C, "seven": 0x24}
PAGE_1, PAGE_2 = (4, 5, 6, 7, 8), (6, 7, 8)

#: The command that sets a PIN, by scheme.
COMMAND = {"eight": CommandName.UNBLOCK, "seven": CommandName.CHANGE}
EACH_SCHEME = pytest.mark.parametrize("scheme", SCHEMES)

#: Returns a fresh copy of a card by its date of issue.
NewCard = Callable[[str], MockCardState]
Manage = Callable[[CardSource, Prompt], Awaitable[PinsSet]]


def typing(digits: int, *pins: int, code: str | None = None) -> dict[str, str]:
    new = {1: NEW_PIN1, 2: NEW_PIN2}
    return {
        "activation": code or CODES[digits],
        **{f"new-PIN{number}": new[number] for number in pins or (1, 2)},
    }


def copy(made: Path, folder: Path) -> MockCardState:
    shutil.rmtree(folder, ignore_errors=True)
    return MockCardState.open(Path(shutil.copytree(made, folder)))


async def activating(source: CardSource, prompt: Prompt) -> PinsSet:
    return await activate(Context(source, prompt), REQUEST)


def changing(role: PinRole) -> Manage:
    async def change(source: CardSource, prompt: Prompt) -> PinsSet:
        return await change_pin(Context(source, prompt), REQUEST, role)

    return change


def unlocking(role: PinRole) -> Manage:
    async def unlock(source: CardSource, prompt: Prompt) -> PinsSet:
        return await unblock(Context(source, prompt), REQUEST, role)

    return unlock


def tries(state: MockCardState) -> tuple[int, int, int]:
    """Return how many tries are left for PIN1, PIN2 and the PUK."""
    card = state.read()
    return card.pin1.tries, card.pin2.tries, card.puk.tries


def pins(state: MockCardState) -> tuple[str, str]:
    """Return the values of PIN1 and PIN2; one that is not set is empty."""
    card = state.read()
    one, two = (
        pin.value if pin.changed and pin.tries else "" for pin in (card.pin1, card.pin2)
    )
    return one, two


def codes_sent(commands: Iterable[bytes]) -> list[tuple[int, int, str]]:
    """Return instruction, reference and code of each command that sets a PIN."""
    return [
        (apdu[1], apdu[3], apdu[5:17].rstrip(b"\0").decode())
        for apdu in commands
        if apdu[1] in {0x24, 0x2C}
    ]


async def managed(
    source: MockCardSource | OneReader,
    state: MockCardState,
    operation: Operation,
    *pins: str,
    codes: Iterable[dict[str, str]] = (),
) -> tuple[Handy, Record, object]:
    """Run ``session``, and check what holds for every fault and input."""
    user, record, result = await session(source, state, operation, *pins, codes=codes)
    check_codes(user, record)
    return user, record, result


def reason(result: object) -> str | None:
    """Return the reason of the cancellation that ended an operation."""
    assert isinstance(result, UserCancelledError)
    return result.reason


def check_codes(user: User, record: Record) -> None:
    """Check what holds for every fault and input.

    For one entry, each PIN gets at most one command, and after a rejected one no
    command goes out before the next entry. The serial number and the tries left are
    read before each command. No code has a wrong length, and no code goes to a PIN that
    is already set. PIN2 is not set before PIN1. No typed code remains in memory.
    """
    held = iter(record.held)
    sent: set[int] = set()
    open_, serial_read, tries_read = False, False, set[int]()
    for event in record.events:
        if isinstance(event, str):
            open_, sent = True, set()
            continue
        apdu, status = event
        serial_read |= apdu[1] == 0xA4 and apdu[5:7] == b"\x50\x32"
        if apdu[1] == 0xCB:
            tries_read.add(apdu[9])
        if apdu[1] == 0xA4 and apdu[2] == 0x04:
            serial_read, tries_read = False, set()  # another session
        if apdu[1] not in SETTING:
            continue
        card = next(held)
        reference, unlocks = apdu[3], apdu[1] == 0x2C
        assert open_, "a code was sent that was not typed"
        assert reference not in sent, "a code was sent twice"
        sent.add(reference)
        assert serial_read, "the serial number was not read"
        assert (0x83 if unlocks else reference) in tries_read, "tries were not read"
        serial_read, tries_read = False, set()
        code, new = (part.rstrip(b"\0") for part in (apdu[5:17], apdu[17:]))
        assert len(apdu) == 29
        assert len(new) in ((4, 5, 6, 7, 8) if reference == 0x11 else (6, 7, 8))
        if user.conversation and user.conversation.operation == "activate":
            assert len(code) == (8 if unlocks else 7)
            pin = card.pin1 if reference == 0x11 else card.pin2
            assert not pin.changed or (unlocks and pin.tries == 0)
            if reference == 0x82 and (not card.pin1.tries or not card.pin1.changed):
                raise AssertionError("PIN2 before PIN1")
        open_ = status == 0x9000
    assert not record.verified_afterwards
    assert not any(any(code) for code in user.typed)


@dataclass(frozen=True)
class CardInReader:
    """A reader, and the mock card in it."""

    source: MockCardSource
    state: MockCardState

    async def run(
        self, operation: Operation, *pins: str, codes: Iterable[dict[str, str]] = ()
    ) -> tuple[Handy, Record, object]:
        return await managed(self.source, self.state, operation, *pins, codes=codes)

    async def check_works(self, pin1: str = NEW_PIN1, pin2: str = NEW_PIN2) -> None:
        _, _, token = await session(self.source, self.state, log_in, pin1)
        assert isinstance(token, dict)
        _, _, signed = await session(self.source, self.state, signing_of("a"), pin2)
        assert isinstance(signed, Signatures)

    def leave(self, **tries: int) -> None:
        """Leave a code of the card so many tries: ``pin1``, ``pin2`` or ``puk``."""
        with self.state.update() as card:
            for name, left in tries.items():
                getattr(card, name).tries = left

    def put_pins(self, *pins: tuple[str, int]) -> None:
        """Set PIN1, and perhaps PIN2: each has a value and so many tries left."""
        with self.state.update() as card:
            for pin, (value, left) in zip((card.pin1, card.pin2), pins, strict=False):
                pin.value, pin.tries, pin.changed = value, left, True

    def pull_at(
        self, command: CommandName, when: Moment = Moment.BEFORE, *, skip: int = 0
    ) -> None:
        """Have the card pulled at a command, after so many of them."""
        self.state.set_faults(
            Fault(FaultName.CARD_PULLED, on=command, when=when, skip=skip)
        )

    @property
    def tries(self) -> tuple[int, int, int]:
        """How many tries are left for PIN1, PIN2 and the PUK."""
        return tries(self.state)

    @property
    def pins(self) -> tuple[str, str]:
        """The values of PIN1 and PIN2; one that is not set is empty."""
        return pins(self.state)
