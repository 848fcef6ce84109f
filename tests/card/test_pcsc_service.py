# SPDX-License-Identifier: MIT
"""A smart card service that is absent, stops, is killed, hangs, or sends no events."""

import asyncio
import shutil
import signal
from unittest import mock

import pytest

from kortilla.mock_card.card import MockCard
from native_host.card.errors import PcscDeniedError, PcscUnavailableError
from native_host.card.fineid import FineidCard, PinRole
from native_host.card.pcsc import PcscSource
from native_host.card.pcsc_connection import status_change
from native_host.card.source import Reader
from tests.card.virtual_reader import has_card, reader_where, sign, watching_tries
from tests.support.pcsc import READER, READERS, Pcscd, isolated
from tests.support.refusing import refusing


async def wait_for_its_end(source: PcscSource) -> None:
    """Wait until the service has stopped. Its readers may disappear before."""
    readers = await source.readers()
    with pytest.raises(PcscUnavailableError):
        while True:
            readers = await source.wait_for_change(readers)


@isolated
async def test_a_service_that_is_not_there_is_said_and_waited_for(pcscd: Pcscd) -> None:
    pcscd.stop_service()
    # Even its folder is gone, as after a start of the computer without the service.
    shutil.rmtree(pcscd.socket.parent)
    async with watching_tries() as tries_over, PcscSource() as source:
        for _ in range(2):
            with pytest.raises(PcscUnavailableError):
                await source.readers()
            with pytest.raises(PcscUnavailableError):
                await source.connect(Reader(READER))
            waiting = asyncio.ensure_future(source.wait_for_service())
            await tries_over()
            assert not waiting.done()
            pcscd.start_service()
            async with asyncio.timeout(60):
                await waiting
            readers = await source.readers()
            assert READER in [reader.name for reader in readers]
            waiting = asyncio.ensure_future(wait_for_its_end(source))
            await asyncio.sleep(0)
            # A killed service leaves its socket behind.
            pcscd.stop_service(signal.SIGKILL)
            await waiting


@isolated
async def test_a_service_that_stops_wakes_who_waits_and_may_come_back(
    pcscd: Pcscd,
) -> None:
    state = pcscd.new_card()
    pcscd.insert(MockCard(state))
    async with PcscSource() as source:
        for end in (signal.SIGTERM, signal.SIGKILL):
            before = await reader_where(source, has_card)
            connection = await source.connect(before)
            card = await source.run(FineidCard, connection)
            waiting = asyncio.ensure_future(wait_for_its_end(source))
            await asyncio.sleep(0)
            pcscd.stop_service(end)
            await waiting
            with pytest.raises(PcscUnavailableError):
                await source.run(card.pin_info, PinRole.PIN1)
            await source.run(connection.close)
            pcscd.start_service()
            await source.wait_for_service()
            pcscd.insert(MockCard(state))
            after = await reader_where(source, has_card)
            assert after.insertion != before.insertion
            assert len(await sign(source)) == 96


@isolated
async def test_a_service_that_hangs_does_not_hold_up_closing(pcscd: Pcscd) -> None:
    source = PcscSource()
    await source.readers()
    pcscd.service.send_signal(signal.SIGSTOP)
    async with asyncio.timeout(60):
        await source.close()
    pcscd.service.send_signal(signal.SIGCONT)


@isolated
async def test_nothing_is_asked_of_the_service_while_nothing_happens(
    pcscd: Pcscd,
) -> None:
    for drivers in (1, 2, 3):
        pcscd.stop_service()
        pcscd.start_service(drivers=drivers)
        ask = "native_host.card.pcsc.status_change"
        with mock.patch(ask, side_effect=status_change) as asks:
            async with PcscSource() as source:
                readers = await source.readers()
                assert [each.name for each in readers] == [*READERS[: 2 * drivers]]
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.3):
                        await source.wait_for_change(readers)
                # One check of the readers, and the wait that does not end.
                assert asks.call_count == 2


@isolated
async def test_a_service_that_refuses_is_none_that_is_not_there(pcscd: Pcscd) -> None:
    async with watching_tries() as tries_over, PcscSource() as source:
        with refusing(pcscd):
            for _ in range(2):
                with pytest.raises(PcscDeniedError, match="SSH"):
                    await source.readers()
            with pytest.raises(PcscDeniedError):
                await source.connect(Reader(READER))
            waiting = asyncio.ensure_future(source.wait_for_service())
            await tries_over()
            assert not waiting.done()
        pcscd.start_service()
        async with asyncio.timeout(60):
            await waiting
