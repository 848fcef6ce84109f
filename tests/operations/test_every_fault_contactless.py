# SPDX-License-Identifier: MIT
"""Every step of a login × every fault × before and after, on a contactless reader.

The promises are those of a card in the slot (``test_every_fault``). What is altered on
the way ends the channel, so that almost each fault is an error. PACE has tests of its
own (``tests/card/test_pace.py``): here the channel is open without it.
"""

import secrets
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from kortilla.mock_card.card_data import CAN
from kortilla.mock_card.contactless import Channel, ContactlessCard
from kortilla.mock_card.faults import IN_SLOT, CommandName, Fault, FaultName, Moment
from kortilla.mock_card.state import MockCardState
from native_host.card.contactless.secure_messaging import SecureConnection
from native_host.card.mock_source import MockCardConnection, MockCardSource
from native_host.card.source import CardConnection, CardSource
from native_host.operations.card_access import secure_channel
from native_host.pin_prompt.model import PinQuestion
from native_host.pin_prompt.prompt import Prompt
from tests.operations.faulty_session import (
    Handy,
    Recorded,
    check_promises,
    log_in,
    session,
)
from tests.operations.test_every_fault import CODES, fault_of, steps_of

#: The message, where it is not that of an error of the card. "." means that the fault
#: goes unnoticed.
MESSAGES = {
    ("card-pulled", "before"): "removed",
    ("card-pulled", "after"): "removed",
    ("reader-pulled", "before"): "removed",
    ("reader-pulled", "after"): "removed",
    ("mute", "before"): "mute",
    ("mute", "after"): "mute",
    ("delay", "before"): ".",
    ("delay", "after"): ".",
    ("too-short", "before"): "mute",
    ("61xx", "after"): ".",
}
#: The same at one step, before or after the PIN is typed.
AT_STEPS = {
    # Their answers have no data, and so no padding.
    **{
        ("wrong-padding", "after", step, typed): "."
        for step in ("application", "verify", "key", "hash")
        for typed in (False, True)
    },
    # There is no answer before this one.
    ("replayed", "after", "application", False): "mute",
    ("replayed", "after", "application", True): "mute",
    # They are the last commands before the card is released.
    ("power-lost", "after", "start", False): ".",
    ("power-lost", "after", "sign", True): ".",
}
ROWS = [
    (name, when)
    for name, when in product(FaultName, Moment)
    if name in IN_SLOT or when is Moment.AFTER  # those execute the command in any case
]


@pytest.fixture
def without_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open the channel at once: a table of PACE's curve takes half a minute."""

    def give_keys(connection: CardConnection, _can: bytearray) -> SecureConnection:
        assert isinstance(connection, Recorded)
        assert isinstance(connection.inner, MockCardConnection)
        card = connection.inner._card._card
        assert isinstance(card, ContactlessCard)
        card._channel = theirs = Channel(secrets.token_bytes(48))
        return SecureConnection(connection, theirs.encryption_key, theirs.checksum_key)

    monkeypatch.setattr(secure_channel, "open_channel", give_keys)


async def said_of(
    fault: Fault, source: MockCardSource, *, typed: bool
) -> tuple[str, int]:
    """Log in with a fault, which begins when the PIN has been typed if ``typed``.

    Checks the promises. Returns the message, and the number of PIN entries.
    """

    state = source._state

    async def log_in_without_contact(source: CardSource, user: Prompt) -> object:
        assert isinstance(user, Handy)
        ask_pin = user.ask_pin

        async def ask_and_begin(question: PinQuestion) -> bytearray:
            pin = await ask_pin(question)
            if typed and len(user.questions) == 1:
                state.set_faults(fault)
            return pin

        user.cans = [CAN]
        user.ask_pin = ask_and_begin  # type: ignore[method-assign]
        try:
            return await log_in(source, user)
        finally:  # it is wiped with its context
            user.typed = [each for each in user.typed if len(each) != len(CAN)]

    if not typed:
        state.set_faults(fault)
    user, record, result = await session(
        source, state, log_in_without_contact, "1234", "1234"
    )
    check_promises(user, record)
    assert not isinstance(result, Exception), (fault, result)
    card = state.read()
    assert (card.pin1.tries, card.pin2.tries) == (5, 5)
    return ",".join(sorted(set(user.problems()))), len(user.typed)


@pytest.mark.usefixtures("without_pace")
@pytest.mark.parametrize("row", ROWS, ids="-".join)
async def test_a_fault_is_said_and_all_goes_well_with_the_card_laid_back(
    row: tuple[str, str], source: MockCardSource, state: MockCardState, folder: Path
) -> None:
    # In the channel the commands are the same ones.
    steps = await steps_of("login", source, state)
    sent = [(step, each) for step, commands in steps.items() for each in commands]
    at_typing: dict[CommandName, int] = {}
    for _, each in sent:
        if each.typed:
            at_typing[each.name] = min(each.skip, at_typing.get(each.name, 999))
    source.remove()
    async with MockCardSource(folder, contactless=True) as without_contact:
        for step, each in sent:
            fault = fault_of([*row], each)
            if each.typed:  # it does not count what was sent before
                fault = replace(fault, skip=each.skip - at_typing[each.name])
            said, typings = await said_of(fault, without_contact, typed=each.typed)
            usual = MESSAGES.get(row, "error")
            expected = AT_STEPS.get((*row, step, each.typed), usual)
            assert said == CODES.get(expected, ""), (step, each)
            assert typings == 1 + (said != "" and each.typed), (step, each)
