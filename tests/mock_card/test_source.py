# SPDX-License-Identifier: MIT
"""The card as the host's source: one reader, exclusive access, a reset at the end.

``tests/operations/test_every_fault.py`` has the errors that its faults become.
"""

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kortilla.mock_card.faults import Fault
from kortilla.mock_card.state import MockCardState
from native_host.card.errors import CardBusyError, CardMuteError, CardRemovedError
from native_host.card.mock_source import (
    MockCardBrokenError,
    MockCardConnection,
    MockCardSource,
)
from native_host.card.source import CardConnection, Reader
from tests.mock_card.conftest import SELECT_APPLICATION, pin_block
from tests.support import cards

SELECT = bytes.fromhex(SELECT_APPLICATION)
STATUS = bytes.fromhex("00200011")
VERIFY = bytes.fromhex("002000110C" + pin_block("1234"))


@pytest.fixture
async def source(state: MockCardState) -> AsyncIterator[MockCardSource]:
    async with MockCardSource(state.folder, patience=0.1) as source:
        yield source


async def connected(source: MockCardSource) -> CardConnection:
    """Return a connection to the card, with its application selected."""
    [reader] = await source.readers()
    connection = await source.connect(reader)
    assert await source.run(connection.send_and_receive, SELECT) == (b"", 0x9000)
    return connection


async def test_there_is_one_reader_with_a_test_card_in_it(
    source: MockCardSource, state: MockCardState
) -> None:
    assert source.test_card
    [reader] = await source.readers()
    assert reader.name == "Kortilla mock card"
    assert reader.atr == state.profile.atr
    assert (await source.connect(reader)).atr == reader.atr
    source.insert(b"\x3b\x00")
    [reader] = await source.readers()
    assert (reader.atr, reader.insertion) == (b"\x3b\x00", 2)


async def test_the_card_is_reset_when_a_connection_is_closed(
    source: MockCardSource,
) -> None:
    connection = await connected(source)
    assert await source.run(connection.send_and_receive, VERIFY) == (b"", 0x9000)
    await source.run(connection.close)
    await source.run(connection.close)
    [reader] = await source.readers()
    connection = await source.connect(reader)
    assert await source.run(connection.send_and_receive, STATUS) == (b"", 0x6D00)
    assert await source.run(connection.send_and_receive, SELECT) == (b"", 0x9000)
    assert await source.run(connection.send_and_receive, STATUS) == (b"", 0x63C5)


async def test_the_style_of_answers_can_be_chosen(state: MockCardState) -> None:
    async with MockCardSource(state.folder, style="fetched") as source:
        connection = await connected(source)
        select = bytes.fromhex("00A40804024331")
        assert await source.run(connection.send_and_receive, select) == (b"", 0x6106)
        # T=0 has no room for a length beside the data.
        with pytest.raises(CardMuteError):
            await source.run(connection.send_and_receive, select + b"\x00")


async def test_a_second_connection_waits_until_the_card_is_let_go(
    source: MockCardSource, state: MockCardState
) -> None:
    [reader] = await source.readers()
    connection = await source.connect(reader)
    async with MockCardSource(state.folder, patience=0) as other:
        with pytest.raises(CardBusyError):
            await other.connect(reader)
    async with MockCardSource(state.folder, patience=60) as other:
        waiting = asyncio.create_task(other.connect(reader))
        await asyncio.sleep(0)
        await source.run(connection.close)
        await waiting


async def test_a_call_that_is_given_up_still_runs_to_its_end(
    source: MockCardSource,
) -> None:
    started, go, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        go.wait()
        done.set()

    task = asyncio.create_task(source.run(work))
    try:
        assert await asyncio.to_thread(started.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    finally:
        go.set()  # or the fixture waits for the thread without end
    await source.close()
    assert done.is_set()


async def test_a_connection_that_nobody_waits_for_lets_go_of_the_card(
    source: MockCardSource, state: MockCardState
) -> None:
    [reader] = await source.readers()
    go = threading.Event()
    blocker = asyncio.create_task(source.run(go.wait))
    task = asyncio.create_task(source.connect(reader))
    try:
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    finally:
        go.set()
    await blocker
    await source.close()
    MockCardConnection(state, patience=0).close()


async def test_a_pulled_card_is_noticed_and_does_not_come_back(
    source: MockCardSource, state: MockCardState
) -> None:
    connection = await connected(source)
    before = await source.readers()
    source.remove()
    empty = await source.wait_for_change(before)
    assert empty[0].atr is None
    # It is out for another program, too.
    async with MockCardSource(state.folder) as other:
        for each in (source, other):
            for reader in (*before, *empty):
                with pytest.raises(CardRemovedError):
                    await each.connect(reader)
    source.insert()
    after = await source.wait_for_change(empty)
    assert after != before
    assert after[0].insertion == before[0].insertion + 1
    with pytest.raises(CardRemovedError):
        await source.run(connection.send_and_receive, STATUS)
    await source.run(connection.close)
    await connected(source)


async def test_waiting_ends_at_the_change_and_can_be_given_up(
    source: MockCardSource, state: MockCardState
) -> None:
    """The reader is pulled and put back by another process, who has the folder too."""
    connection = await connected(source)
    known = await source.readers()
    waiting = [asyncio.create_task(source.wait_for_change(known)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    state.pull(reader=True)
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1] == results[2] == ()
    with pytest.raises(CardRemovedError):
        await source.run(connection.send_and_receive, STATUS)
    await source.run(connection.close)
    again = asyncio.create_task(source.wait_for_change(()))
    await asyncio.sleep(0)
    state.insert()
    [reader] = known = await again
    assert (reader.atr, reader.insertion) == (state.profile.atr, 2)
    state.pull(seconds=0.05)  # it comes back by itself
    while (known := await source.wait_for_change(known))[0].atr is None:
        pass
    assert known[0].insertion == 3


async def test_a_delay_does_not_outlive_the_end(
    source: MockCardSource, state: MockCardState
) -> None:
    connection = await connected(source)
    state.set_faults(Fault("delay", seconds=3600))
    command = asyncio.create_task(
        source.run(connection.send_and_receive, bytes.fromhex("00A4000C023F00"))
    )
    await asyncio.sleep(0)
    await source.close()
    assert await command == (b"", 0x9000)


async def test_what_is_broken_is_named(state: MockCardState, tmp_path: Path) -> None:
    (state.folder / "session.lock").mkdir()
    with pytest.raises(MockCardBrokenError, match=r"session\.lock can't be used"):
        MockCardConnection(state)
    with pytest.raises(MockCardBrokenError, match=r"card\.json"):
        MockCardSource(tmp_path)


async def test_another_card_in_the_folder_or_another_folder_is_noticed(
    source: MockCardSource, state: MockCardState, tmp_path: Path
) -> None:
    [first] = known = await source.readers()

    async def news() -> tuple[Reader, ...]:
        nonlocal known
        async with asyncio.timeout(60):
            known = await source.wait_for_change(known)
        return known

    MockCardState.create(state.folder, profile="v4.2", replace=True)
    [second] = await news()
    assert second.insertion != first.insertion
    assert second.atr == state.profile.atr != first.atr
    state.insert()
    await news()

    shutil.rmtree(state.folder)
    [empty] = await news()
    assert empty.atr is None
    shutil.copytree(cards.made(), state.folder)
    [third] = await news()
    assert third.atr == first.atr
    assert len({first.insertion, second.insertion, third.insertion}) == 3
    state.pull()
    assert [each.atr for each in await news()] == [None]

    # As a person does who has prepared another one.
    prepared = tmp_path / "prepared"
    MockCardState.create(prepared)
    shutil.rmtree(state.folder)
    prepared.rename(state.folder)
    while (await news())[0].atr is None:
        pass
    await connected(source)
