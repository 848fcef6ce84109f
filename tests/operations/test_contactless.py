# SPDX-License-Identifier: MIT
"""The operations on a card in the secure channel, which they do not notice.

No operation asks for the CAN yet: the source knows it here, and tells of a card in the
slot.
"""

import asyncio
from pathlib import Path

from kortilla.mock_card.card_data import CAN
from kortilla.mock_card.faults import CommandName, Fault
from native_host.card.contactless.pace import open_channel
from native_host.card.errors import CardError
from native_host.card.fineid import PinRole
from native_host.card.mock_source import MockCardConnection, MockCardSource
from native_host.card.source import CardConnection, Reader
from native_host.operations.set_pin import PinsSet
from native_host.operations.sign import Signatures
from tests.operations.faulty_session import log_in, signing_of
from tests.operations.managing import (
    NEW_PIN1,
    NEW_PIN2,
    NewCard,
    activating,
    changing,
    pins,
    tries,
    typing,
    unlocking,
)
from tests.operations.user import User, cancelled, until


class ContactlessSource(MockCardSource):
    """A source whose connections are secure channels. ``opened`` counts them."""

    opened = 0

    async def connect(self, reader: Reader) -> CardConnection:
        connection = await asyncio.to_thread(
            MockCardConnection, self._state, contactless=True
        )
        self._connection = connection
        self.opened += 1
        try:
            return await self.run(open_channel, connection, bytearray(CAN.encode()))
        except CardError:
            await self.run(connection.close)
            raise


async def test_a_card_is_activated_used_changed_and_unlocked(new_card: NewCard) -> None:
    state = new_card("seven")
    async with ContactlessSource(state.folder) as source:
        activated = await activating(source, User([], codes=[typing(7)]))
        assert activated == PinsSet("set", "set")
        assert isinstance(await log_in(source, User([NEW_PIN1])), dict)
        signed = await signing_of("abc")(source, User([NEW_PIN2]))
        assert isinstance(signed, Signatures)
        assert len(signed.signatures) == 3
        page = {"old": NEW_PIN1, "new-PIN1": "1234"}
        await changing(PinRole.PIN1)(source, User([], codes=[page]))
        page = {"PUK": state.read().puk.value, "new-PIN2": "123456"}
        await unlocking(PinRole.PIN2)(source, User([], codes=[page]))
        assert pins(state) == ("1234", "123456")
        assert tries(state) == (5, 5, 5)
        assert source.opened == 5


async def test_an_attack_during_a_login_costs_no_try(folder: Path) -> None:
    """It is said as a fault of the card, and the PIN is not sent again."""
    async with ContactlessSource(folder) as source:
        state = source._state
        state.set_faults(Fault("wrong-checksum", on=CommandName.CHOOSE_KEY))
        user = User(["1234"])
        login = asyncio.create_task(log_in(source, user))
        await until(user.problems)
        assert await cancelled(user, login) == "CARD_ERROR"
        assert tries(state) == (5, 5, 5)
        assert source.opened == 1
