# SPDX-License-Identifier: MIT
"""pcscd stops, is killed or restarts while a user logs in or signs."""

import asyncio
from collections.abc import Callable
from itertools import product
from signal import SIGKILL, SIGTERM

import pytest

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.faults import CommandName
from kortilla.mock_card.state import MockCardState
from native_host.card.pcsc import PcscSource
from native_host.operations.sign import Signatures, SigningInterruptedError
from native_host.pin_prompt.model import Problem, Step
from tests.card.virtual_reader import has_card, reader_where
from tests.operations.faulty_session import PIN_STATUS
from tests.operations.test_every_fault import OPERATIONS
from tests.operations.user import User, until
from tests.support.pcsc import Pcscd, isolated

GONE = "PCSC_UNAVAILABLE"
FOUR = (CommandName.VERIFY, CommandName.CHOOSE_KEY, CommandName.HASH, CommandName.SIGN)


class Watched(MockCard):
    """A mock card that counts its commands and reports each before its response."""

    def __init__(
        self,
        state: MockCardState,
        on_command: Callable[[CommandName, int], None] = lambda _name, _count: None,
    ) -> None:
        super().__init__(state)
        self.names: list[CommandName] = []
        self._on_command = on_command

    def transmit(self, apdu: bytes) -> bytes:
        name = CommandName.of(apdu)
        self.names.append(name)
        self._on_command(name, self.names.count(name))
        return super().transmit(apdu)


def killing(
    pcscd: Pcscd, command: CommandName, number: int
) -> Callable[[CommandName, int], None]:
    """Return a function that kills the service in the middle of that command."""

    def on_command(name: CommandName, count: int) -> None:
        if (name, count) == (command, number):
            pcscd.service.kill()
            pcscd.service.wait()

    return on_command


def start_anew(pcscd: Pcscd, card: MockCard) -> None:
    pcscd.stop_service()
    pcscd.start_service()
    pcscd.insert(card)


async def check_card(state: MockCardState) -> None:
    """Check that no try is lost and no verified PIN remains."""
    card = state.read()
    assert (card.pin1.tries, card.pin2.tries) == (5, 5)
    async with PcscSource() as source:
        connection = await source.connect(await reader_where(source, has_card))
        for status in PIN_STATUS:
            _, answer = await source.run(connection.send_and_receive, status)
            assert answer != 0x9000


async def until_said(user: User) -> None:
    """Wait until the prompt shows the problem and the missing reader.

    The thread of the commands may notice before the one that waits for readers.
    """
    await until(lambda: (Step.WAITING_FOR_READER, Problem(GONE)) in user.shown)
    assert user.shown[-1] == (Step.WAITING_FOR_READER, Problem(GONE))
    assert set(user.problems()) == {GONE}


async def not_noticed(_: User) -> None:
    """The service is back before the host has noticed."""


@isolated
async def test_a_service_that_goes_while_a_pin_is_asked_for_is_said_and_waited_for(
    pcscd: Pcscd,
) -> None:
    """The user types the PIN when the prompt asks again."""
    state = pcscd.new_card()
    cases = product(OPERATIONS.values(), (SIGTERM, SIGKILL), (until_said, not_noticed))
    for (operation, pin), ending, away in cases:
        start_anew(pcscd, MockCard(state))
        user, card = User(), Watched(state)
        async with PcscSource() as source:
            work = asyncio.ensure_future(operation(source, user))
            await until(user.questions.__len__)
            pcscd.stop_service(ending)
            user.pins.append(pin)
            await away(user)
            start_anew(pcscd, card)
            made = await work
        assert set(user.problems()) <= {GONE}
        assert (len(user.questions), len(user.typed)) == (2, 1)
        signatures = len(made.signatures) if isinstance(made, Signatures) else 1
        assert card.names.count(CommandName.VERIFY) == signatures
        await check_card(state)


@isolated
async def test_a_service_that_goes_in_the_first_signature_is_said_and_waited_for(
    pcscd: Pcscd,
) -> None:
    state = pcscd.new_card()
    for operation, pin in OPERATIONS.values():
        for command in FOUR:
            user = User([pin, pin])
            start_anew(pcscd, Watched(state, killing(pcscd, command, 1)))
            async with PcscSource() as source:
                work = asyncio.ensure_future(operation(source, user))
                await until_said(user)
                start_anew(pcscd, MockCard(state))
                made = await work
            assert not isinstance(made, Signatures) or len(made.signatures) == 3
            assert len(user.typed) == 2
            await check_card(state)


@isolated
async def test_a_service_that_goes_in_a_later_signature_interrupts_the_batch(
    pcscd: Pcscd,
) -> None:
    state = pcscd.new_card()
    operation, pin = OPERATIONS["sign"]
    for command in FOUR:
        user = User([pin, pin])
        card = Watched(state, killing(pcscd, command, 2))
        start_anew(pcscd, card)
        async with PcscSource() as source:
            with pytest.raises(SigningInterruptedError) as caught:
                await operation(source, user)
        assert (caught.value.reason, caught.value.total) == (GONE, 3)
        assert [each.name for each in caught.value.done.signatures] == ["a"]
        said = Problem("SIGNING_INTERRUPTED", "1/3")
        assert user.shown[-1] == (Step.FAILED, said)
        assert len(user.typed) == 1
        assert card.names.count(CommandName.VERIFY) == 2
        start_anew(pcscd, MockCard(state))
        await check_card(state)
