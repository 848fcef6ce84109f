# SPDX-License-Identifier: MIT
"""Faults as an ordinary PC/SC program sees them."""

import asyncio
import contextlib

import pytest

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.faults import Fault
from native_host.card.errors import CardError, CardMuteError, CardRemovedError
from native_host.card.pcsc import PcscSource
from native_host.card.pcsc_connection import PcscConnection
from native_host.card.source import Reader
from tests.mock_card.conftest import SELECT_APPLICATION, pin_block
from tests.support.pcsc import READER, Pcscd, isolated

SELECT = bytes.fromhex(SELECT_APPLICATION)
INFORMATION = bytes.fromhex("00CB00FF05A003830111")
WRONG = bytes.fromhex(f"002000110C{pin_block('4321')}")


async def reader(source: PcscSource, *, with_card: bool) -> Reader:
    """Wait until the card is in its reader, or out of it."""
    known = await source.readers()
    while True:
        for each in known:
            if each.name == READER and (each.atr is not None) is with_card:
                return each
        known = await source.wait_for_change(known)


async def connect(source: PcscSource) -> PcscConnection:
    """Connect to the card, and again if it turns out to have been removed."""
    while True:
        with contextlib.suppress(CardRemovedError):
            return await source.connect(await reader(source, with_card=True))


@isolated
async def test_a_pulled_card_is_gone_for_pcsc_and_comes_back(pcscd: Pcscd) -> None:
    state = pcscd.new_card()
    pcscd.insert(MockCard(state))
    async with PcscSource() as source:
        first = await reader(source, with_card=True)
        connection = await source.connect(first)
        assert await source.run(connection.send_and_receive, SELECT) == (b"", 0x9000)
        state.set_faults(Fault("card-pulled", on="verify", when="after", seconds=1))
        with pytest.raises(CardError):
            await source.run(connection.send_and_receive, WRONG)
        await source.run(connection.close)
        await reader(source, with_card=False)
        again = await reader(source, with_card=True)
        assert again.insertion > first.insertion
        assert state.read().pin1.tries == 4
        await source.run((await source.connect(again)).close)


@isolated
async def test_a_mute_card_and_altered_answers_come_through_pcsc(pcscd: Pcscd) -> None:
    state = pcscd.new_card()
    pcscd.insert(MockCard(state))
    async with PcscSource() as source:
        there = await reader(source, with_card=True)
        connection = await source.connect(there)
        state.set_faults(Fault("mute", on="pin-info"))
        assert await source.run(connection.send_and_receive, SELECT) == (b"", 0x9000)
        # pcscd may poll the card's line while it is down, and report later that the
        # card was removed and inserted again.
        with pytest.raises((CardMuteError, CardRemovedError)):
            await source.run(connection.send_and_receive, INFORMATION)
        await source.run(connection.close)
        # The card is still there, and responds on a new connection.
        async with asyncio.timeout(60):
            connection = await connect(source)
        assert await source.run(connection.send_and_receive, SELECT) == (b"", 0x9000)
        for name, status_word in (("6Cxx", 0x6C25), ("61xx", 0x6125), ("6F00", 0x6F00)):
            state.set_faults(Fault(name, on="pin-info", when="after"))
            answer = await source.run(connection.send_and_receive, INFORMATION)
            assert answer == (b"", status_word)
        state.set_faults(Fault("too-short", on="pin-info", when="after"))
        data, _ = await source.run(connection.send_and_receive, INFORMATION)
        assert len(data) == 0x25 // 2
        await source.run(connection.close)
