# SPDX-License-Identifier: MIT
"""Real pcscd, a virtual reader and the mock card: faults of people and readers."""

import asyncio
import importlib
import threading
import time
from contextlib import suppress

import pytest

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.card_data import CAN
from kortilla.mock_card.contactless import ContactlessCard
from kortilla.mock_card.faults import Fault
from kortilla.mock_card.state import MockCardState
from native_host.card.contactless.pace import open_channel
from native_host.card.errors import (
    CardBusyError,
    CardMuteError,
    CardRemovedError,
    PcscUnavailableError,
    WrongCanError,
)
from native_host.card.fineid import FineidCard, KeyRole, PinRole
from native_host.card.pcsc import PcscSource
from native_host.card.pcsc_connection import PcscConnection
from native_host.card.signature import KeyType
from native_host.card.source import Reader
from tests.card.virtual_reader import (
    has_card,
    is_empty,
    reader_where,
    sign,
    threads_end,
)
from tests.support.patience import patience
from tests.support.pcsc import READER, READERS, Pcscd, isolated


class Counting(MockCard):
    """A mock card that counts its resets and commands, and can block."""

    def __init__(self, state: MockCardState) -> None:
        self.resets = 0
        self.commands = 0
        self.under_way = threading.Event()
        self.hold = threading.Event()
        self.hold.set()
        super().__init__(state)

    def reset(self) -> None:
        self.resets += 1
        super().reset()

    def transmit(self, apdu: bytes) -> bytes:
        self.commands += 1
        self.under_way.set()
        self.hold.wait(patience())
        return super().transmit(apdu)


@isolated
async def test_each_kind_of_key_signs(pcscd: Pcscd) -> None:
    authentication, signature = KeyRole
    async with PcscSource() as source:
        # "fetched" is a reader that refuses what T=0 can't carry.
        for profile, style, role, key_type, size in (
            ("v5", "fetched", authentication, None, 96),
            ("v5", "direct", signature, None, 96),
            ("v4.2", "direct", authentication, None, 256),
            ("v4.2", "fetched", authentication, None, 256),
            ("v4.2", "direct", signature, None, 64),
            ("v5-2026", "direct", signature, KeyType.RSA, 512),
        ):
            pcscd.insert(MockCard(pcscd.new_card(profile), style=style))
            assert len(await sign(source, role, key_type)) == size
            pcscd.pull()
            await reader_where(source, is_empty)


@isolated
async def test_a_card_on_a_contactless_reader_signs(pcscd: Pcscd) -> None:
    state = pcscd.new_card("v5-2026")
    pcscd.insert(ContactlessCard(state))
    async with PcscSource() as source:
        for role, key_type, size in (
            (KeyRole.AUTHENTICATION, None, 96),
            (KeyRole.SIGNATURE, KeyType.RSA, 512),
        ):
            signature = await sign(source, role, key_type, can=CAN.encode())
            assert len(signature) == size
        with pytest.raises(WrongCanError):
            await sign(source, can=b"000000")
        # A reset ends the channel, also after a mere look.
        connection = await source.connect(await reader_where(source, has_card))
        look = await source.run(open_channel, connection, bytearray(CAN.encode()))
        select = bytes.fromhex("00A4040C0CA000000063504B43532D3135")
        assert await source.run(look.send_and_receive, select) == (b"", 0x9000)
        await source.run(look.close)
        connection = await source.connect(await reader_where(source, has_card))
        assert connection.protocol == 1
        for _ in range(2):
            answer = await source.run(connection.send_and_receive, select)
            assert answer == (b"", 0x6982)


class BlockCard(MockCard):
    """A card that speaks T=1 only, in a reader without extended lengths.

    It gives data only to a command that says how much it expects.
    """

    @property
    def atr(self) -> bytes:
        interface = b"\xff" + super().atr[2:5] + b"\x01"  # TD1: T=1
        rest = interface + super().atr[5:]
        check = 0
        for byte in rest:
            check ^= byte
        return b"\x3b" + rest + bytes([check])

    def transmit(self, apdu: bytes) -> bytes:
        assert len(apdu) <= 261
        answer = super().transmit(apdu)
        has_le = len(apdu) == 5 or (len(apdu) > 5 and len(apdu) == 6 + apdu[4])
        return answer if has_le else answer[-2:]


@isolated
async def test_a_card_that_speaks_t1_signs_too(pcscd: Pcscd) -> None:
    pcscd.insert(BlockCard(pcscd.new_card("v5-2026")))
    async with PcscSource() as source:
        reader = await reader_where(source, has_card)
        connection = await source.connect(reader)
        assert connection.protocol == 1
        await source.run(connection.close)
        assert len(await sign(source)) == 96
        assert len(await sign(source, KeyRole.SIGNATURE, KeyType.RSA)) == 512


@isolated
async def test_the_card_is_reset_before_others_so_that_no_pin_stays_verified(
    pcscd: Pcscd,
) -> None:
    mock = Counting(pcscd.new_card())
    pcscd.insert(mock)
    source = PcscSource()
    for close in ("release", "connection", "source"):
        connection = await source.connect(await reader_where(source, has_card))
        card = await source.run(FineidCard, connection)
        await source.run(card.verify_pin, PinRole.PIN1, bytearray(b"1234"))
        resets = mock.resets
        if close == "release":
            await source.run(connection.release)
            # Meanwhile another program has its turn.
            other = await asyncio.to_thread(OtherProgram, exclusive=False)
        elif close == "connection":
            await source.run(connection.close)
        else:
            await source.close()
        assert mock.resets > resets
        # Another program finds the card reset: no application, no verified PIN.
        assert mock.transmit(bytes.fromhex("00200011")) == b"\x6d\x00"
        if close == "release":
            other.close()
            held = await source.resume(Reader(READER), connection)
            resets = mock.resets
            await source.run(held.close)
            assert mock.resets == resets  # nothing was verified since
    await source.close()


@isolated
async def test_a_card_pulled_and_put_back_shows_as_a_new_insertion(
    pcscd: Pcscd,
) -> None:
    state = pcscd.new_card()
    async with PcscSource() as source:
        assert await reader_where(source, is_empty) == Reader(READER)
        pcscd.insert(MockCard(state))
        first = await reader_where(source, has_card)
        assert first.atr == state.profile.atr
        connection = await source.connect(first)
        card = await source.run(FineidCard, connection)
        pcscd.pull()
        for _ in range(2):  # within a session it is said at the next command
            with pytest.raises(CardRemovedError):
                await source.run(card.pin_info, PinRole.PIN1)
        await source.run(connection.close)
        empty = await reader_where(source, is_empty)
        for each in (empty, Reader("No such reader")):
            with pytest.raises(CardRemovedError):
                await source.connect(each)
        pcscd.insert(MockCard(state))
        second = await reader_where(source, has_card)
        assert second.insertion != first.insertion


@isolated
async def test_faults_during_a_command_are_told_apart(pcscd: Pcscd) -> None:
    state = pcscd.new_card()
    pcscd.insert(MockCard(state))

    async def connect() -> PcscConnection:
        while True:
            with suppress(CardRemovedError):  # it turns out to have been removed
                return await source.connect(await reader_where(source, has_card))

    async with PcscSource() as source:
        for name, when, errors in (
            ("card-pulled", "before", (CardRemovedError,)),
            ("card-pulled", "after", (CardRemovedError,)),
            ("too-short", "after", (CardMuteError,)),  # half a status word
            # pcscd may poll the card's line while it is down, and report later that
            # the card was removed and inserted again.
            ("mute", "before", (CardMuteError, CardRemovedError)),
        ):
            connection = await connect()
            card = await source.run(FineidCard, connection)
            state.set_faults(Fault(name, on="verify", when=when))
            with pytest.raises(errors):
                await source.run(card.verify_pin, PinRole.PIN1, bytearray(b"1234"))
            await source.run(connection.close)
            if name == "card-pulled":
                await reader_where(source, is_empty)
                state.insert()
        await source.run((await connect()).close)


@isolated
async def test_waiting_can_be_cancelled_and_closing_ends_it(pcscd: Pcscd) -> None:
    source = PcscSource()
    readers = await source.readers()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await source.wait_for_change(readers)
    waiting = asyncio.ensure_future(source.wait_for_change(readers))
    await asyncio.sleep(0)
    await source.close()
    with pytest.raises(PcscUnavailableError):
        await waiting
    await threads_end("kortilla-readers")


class OtherProgram:
    """Another program that uses the card with PC/SC's own calls."""

    def __init__(self, *, exclusive: bool, reader: str = READER) -> None:
        self.api = importlib.import_module("smartcard.scard")
        self.context = self.api.SCardEstablishContext(0)[1]
        mode = (
            self.api.SCARD_SHARE_EXCLUSIVE if exclusive else self.api.SCARD_SHARE_SHARED
        )
        result, self.card, _ = self.api.SCardConnect(self.context, reader, mode, 3)
        assert result == 0
        if not exclusive:
            assert self.api.SCardBeginTransaction(self.card) == 0

    def end_transaction(self) -> None:
        self.api.SCardEndTransaction(self.card, self.api.SCARD_LEAVE_CARD)

    def close(self) -> None:
        self.api.SCardDisconnect(self.card, self.api.SCARD_LEAVE_CARD)
        self.api.SCardReleaseContext(self.context)


async def waits_for_another_program(
    pcscd: Pcscd, name: str, *, exclusive: bool
) -> None:
    mock = Counting(pcscd.new_card("v4.2" if exclusive else "v5"))
    pcscd.insert(mock, name)
    async with PcscSource() as source:
        reader = await reader_where(source, has_card, name)
        other = OtherProgram(exclusive=exclusive, reader=name)
        started = time.monotonic()
        with pytest.raises(CardBusyError):
            await source.connect(reader)
        assert time.monotonic() - started > 2.5
        both = [asyncio.ensure_future(source.connect(reader)) for _ in range(2)]
        await asyncio.sleep(0)
        other.close()
        for each in both:
            connection = await each
            await source.run(FineidCard, connection)
            await source.run(connection.close)


@isolated
async def test_another_program_is_waited_for_briefly_and_then_said(
    pcscd: Pcscd,
) -> None:
    """One program has the card exclusively, another is in a transaction."""
    await asyncio.gather(
        waits_for_another_program(pcscd, READERS[0], exclusive=True),
        waits_for_another_program(pcscd, READERS[1], exclusive=False),
    )


@isolated
async def test_a_connection_that_nobody_waits_for_any_more_is_let_go(
    pcscd: Pcscd,
) -> None:
    mock = Counting(pcscd.new_card())
    pcscd.insert(mock)
    async with PcscSource() as source:
        reader = await reader_where(source, has_card)
        # While a program is connected, pcscd does not power the card off.
        keeper = OtherProgram(exclusive=False)
        keeper.end_transaction()
        other = OtherProgram(exclusive=False)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await source.connect(reader)
        resets = mock.resets
        other.close()
        # If the connection was established meanwhile, the event loop closes it.
        (await asyncio.to_thread(OtherProgram, exclusive=False)).close()
        # The connection sent nothing, so it did not reset the other program's card.
        assert mock.resets == resets
        # pcscd may take the card's power where the last disconnection meets the next
        # connection.
        assert len(await sign(source)) == 96
        keeper.close()


@isolated
async def test_closing_is_not_held_up_by_another_program(pcscd: Pcscd) -> None:
    pcscd.insert(MockCard(pcscd.new_card()))
    source = PcscSource()
    reader = await reader_where(source, has_card)
    other = OtherProgram(exclusive=False)
    waiting = asyncio.ensure_future(source.connect(reader))
    await asyncio.sleep(0)
    waiting.cancel()
    async with asyncio.timeout(60):
        await source.close()
    other.close()
    await threads_end("kortilla-pcsc")
    OtherProgram(exclusive=True).close()


@isolated
async def test_a_command_under_way_runs_to_its_end_when_its_caller_is_cancelled(
    pcscd: Pcscd,
) -> None:
    mock = Counting(pcscd.new_card())
    pcscd.insert(mock)
    source = PcscSource()
    connection = await source.connect(await reader_where(source, has_card))
    card = await source.run(FineidCard, connection)
    mock.hold.clear()
    mock.under_way.clear()
    before = mock.commands
    info = asyncio.ensure_future(source.run(card.pin_info, PinRole.PIN1))
    await asyncio.to_thread(mock.under_way.wait)
    info.cancel()
    closing = asyncio.ensure_future(source.close())
    await asyncio.sleep(0.05)
    assert not closing.done()
    mock.hold.set()
    await closing
    assert mock.commands == before + 1
