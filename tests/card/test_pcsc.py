# SPDX-License-Identifier: MIT
"""Real pcscd, a virtual reader and the mock card: faults of people and readers."""

import asyncio
import importlib
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.faults import Fault, Moment
from kortilla.mock_card.state import MockCardState
from native_host.card.errors import (
    CardBusyError,
    CardMuteError,
    CardRemovedError,
    PcscUnavailableError,
)
from native_host.card.fineid import FineidCard, KeyRole, PinRole
from native_host.card.pcsc import PcscSource
from native_host.card.signature import HASH_SIZES, KeyType, supported_algorithms
from native_host.card.source import Reader
from tests.card.virtual_reader import has_card, is_empty, log_in, reader_where
from tests.support import pcsc
from tests.support.cards import new_card
from tests.support.patience import patience
from tests.support.pcsc import READER, READERS, Pcscd, isolated


class Counting(MockCard):
    """A mock card that counts its resets, and can disconnect or block."""

    def __init__(self, state: MockCardState) -> None:
        self.resets = 0
        self.commands = 0
        self.cut_off = False
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
        return b"\x90" if self.cut_off else super().transmit(apdu)


@isolated
async def test_v5_is_read_and_signs(pcscd: Pcscd) -> None:
    pcscd.insert(MockCard(pcscd.new_card("v5")))
    async with PcscSource() as source:
        assert len(await log_in(source)) == 96


@isolated
async def test_v4_2_is_read_and_signs(pcscd: Pcscd) -> None:
    pcscd.insert(MockCard(pcscd.new_card("v4.2")))
    async with PcscSource() as source:
        assert len(await log_in(source)) == 256


@isolated
async def test_cards_that_have_their_answers_fetched_work(pcscd: Pcscd) -> None:
    pcscd.insert(MockCard(pcscd.new_card("v4.2"), style="fetched"))
    async with PcscSource() as source:
        assert len(await log_in(source)) == 256


async def sign_twice(source: PcscSource, key_type: KeyType) -> list[bytes]:
    """Sign two digests with PIN2, as a batch does."""
    connection = await source.connect(await reader_where(source, has_card))
    assert connection.pin_pad is None
    try:
        card = await source.run(FineidCard, connection)
        key = await source.run(card.key, KeyRole.SIGNATURE, key_type)
        certificate = await source.run(card.certificate, key)
        algorithm = supported_algorithms(certificate.public_key)[0]
        assert (await source.run(card.pin_info, PinRole.PIN2)).tries_left == 5
        signatures = []
        for n in range(2):
            digest = bytes([n]) * HASH_SIZES[algorithm.hash_function]
            await source.run(card.verify_pin, PinRole.PIN2, bytearray(b"123456"))
            signatures.append(await source.run(card.sign, key, digest, algorithm))
        return signatures
    finally:
        await source.run(connection.close)


@isolated
async def test_every_signature_key_signs_a_batch(pcscd: Pcscd) -> None:
    async with PcscSource() as source:
        for profile, key_type, size in (
            ("v5", KeyType.ECC, 96),
            ("v4.2", KeyType.ECC, 64),
            ("v4.2", KeyType.RSA, 256),
            ("v5-2026", KeyType.RSA, 512),
        ):
            folder = pcscd.folder / f"{profile}-{key_type}"
            pcscd.insert(MockCard(new_card(folder, profile)))
            signatures = await sign_twice(source, key_type)
            assert [len(signature) for signature in signatures] == [size, size]
            pcscd.pull()
            await reader_where(source, is_empty)


@isolated
async def test_closing_resets_the_card_so_that_no_pin_stays_verified(
    pcscd: Pcscd,
) -> None:
    mock = Counting(pcscd.new_card())
    pcscd.insert(mock)
    async with PcscSource() as source:
        connection = await source.connect(await reader_where(source, has_card))
        card = await source.run(FineidCard, connection)
        await source.run(card.verify_pin, PinRole.PIN1, bytearray(b"1234"))
        resets = mock.resets
        await source.run(connection.close)
        assert mock.resets > resets
        # Another program finds the card reset: no application, no verified PIN.
        assert mock.transmit(bytes.fromhex("00200011")) == b"\x6d\x00"


@isolated
async def test_closing_the_source_closes_its_connections(pcscd: Pcscd) -> None:
    mock = Counting(pcscd.new_card())
    pcscd.insert(mock)
    source = PcscSource()
    connection = await source.connect(await reader_where(source, has_card))
    await source.run(FineidCard, connection)
    resets = mock.resets
    await source.close()
    assert mock.resets > resets
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
        pcscd.pull()
        await reader_where(source, is_empty)
        pcscd.insert(MockCard(state))
        second = await reader_where(source, has_card)
        assert second.insertion != first.insertion


@isolated
async def test_a_card_pulled_within_a_session_is_said_at_the_next_command(
    pcscd: Pcscd,
) -> None:
    pcscd.insert(MockCard(pcscd.new_card()))
    async with PcscSource() as source:
        connection = await source.connect(await reader_where(source, has_card))
        card = await source.run(FineidCard, connection)
        pcscd.pull()
        with pytest.raises(CardRemovedError):
            await source.run(card.pin_info, PinRole.PIN1)
        with pytest.raises(CardRemovedError):
            await source.run(card.pin_info, PinRole.PIN1)
        await source.run(connection.close)


@isolated
async def test_a_card_pulled_during_a_command_is_not_taken_for_a_mute_one(
    pcscd: Pcscd,
) -> None:
    state = pcscd.new_card()
    pcscd.insert(MockCard(state))
    async with PcscSource() as source:
        for moment in Moment:
            connection = await source.connect(await reader_where(source, has_card))
            card = await source.run(FineidCard, connection)
            state.set_faults(Fault("card-pulled", on="pin-info", when=moment))
            with pytest.raises(CardRemovedError):
                await source.run(card.pin_info, PinRole.PIN1)
            await source.run(connection.close)
            await reader_where(source, is_empty)
            state.insert()


@isolated
async def test_an_empty_reader_gives_no_connection(pcscd: Pcscd) -> None:
    async with PcscSource() as source:
        reader = await reader_where(source, is_empty)
        with pytest.raises(CardRemovedError):
            await source.connect(reader)
        with pytest.raises(CardRemovedError):
            await source.connect(Reader("No such reader"))


@isolated
async def test_a_card_whose_answer_is_cut_off_is_mute(pcscd: Pcscd) -> None:
    mock = Counting(pcscd.new_card())
    pcscd.insert(mock)
    async with PcscSource() as source:
        connection = await source.connect(await reader_where(source, has_card))
        card = await source.run(FineidCard, connection)
        mock.cut_off = True
        with pytest.raises(CardMuteError):
            await source.run(card.pin_info, PinRole.PIN1)
        await source.run(connection.close)


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


async def threads_end(name: str) -> None:
    """Wait for threads that a busy machine may end later."""
    for thread in threading.enumerate():
        if thread.name == name:
            await asyncio.to_thread(thread.join, patience())
            assert not thread.is_alive()


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
        keeper.close()
        assert len(await log_in(source)) == 96


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


def test_a_program_finds_the_card_beside_a_service_of_its_own(tmp_path: Path) -> None:
    new_card(tmp_path)
    look = (
        "from smartcard.System import readers\n"
        "connection = readers()[0].createConnection()\n"
        "connection.connect()\n"
        "print(bytes(connection.getATR()).hex())\n"
    )
    with pcsc.beside(tmp_path) as within:
        result = subprocess.run(
            within(sys.executable, "-c", look),
            capture_output=True,
            text=True,
            check=False,
        )
    assert result.stdout.strip() == MockCardState.open(tmp_path).profile.atr.hex()


@pytest.mark.pcscd
def test_a_service_ends_with_the_process_that_started_it() -> None:
    code = (
        "import pathlib, sys; from tests.support import pcsc\n"
        "with pcsc.open_pcscd(pathlib.Path(sys.argv[1])) as pcscd:\n"
        "    print(pcscd.service.pid, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, "-c", code, folder],
            cwd=Path(pcsc.__file__).parents[2],
            env={**os.environ, "TMPDIR": folder},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process,
    ):
        assert process.stdout
        service = os.pidfd_open(int(process.stdout.readline()))
        process.kill()
        assert select.select([service], [], [], patience())[0]
        os.close(service)
