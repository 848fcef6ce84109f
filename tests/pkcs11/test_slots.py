# SPDX-License-Identifier: MIT
"""Slots while cards come and go, are busy, or are not FINEID cards."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest

from kortilla.mock_card.faults import CommandName, Fault, FaultName
from kortilla.mock_card.state import MockCardState
from native_host.card.errors import CardBusyError
from native_host.card.mock_source import MockCardSource
from native_host.card.source import CardConnection, Reader
from native_host.pkcs11.slots import SlotManager
from tests.operations.readers import SeveralReaders
from tests.pkcs11.client import Client, u32, u64
from tests.pkcs11.conftest import CopyCard, Server, open_server
from tests.pkcs11.names import CKF, CKR
from tests.pkcs11.signing import refusal
from tests.support import cards

P = ParamSpec("P")
T = TypeVar("T")


async def slots(client: Client) -> list[int]:
    """Return the slots with a token."""
    [found] = await client.call("GetSlotList", b"\1", u32(9))
    return list(found)


async def event(client: Client) -> int:
    """Wait until a token appears or disappears, and return its slot."""
    [slot] = await client.call("WaitForSlotEvent", u64(0))
    return int(slot)


async def test_a_card_comes_goes_and_comes_again(
    client: Client, source: MockCardSource
) -> None:
    assert await event(client) == 1
    session = await client.open_session()
    source.remove()
    assert await event(client) == 1
    assert await slots(client) == []
    with refusal(CKR.SESSION_HANDLE_INVALID):
        await client.call("GetSessionInfo", u64(session))
    with refusal(CKR.TOKEN_NOT_PRESENT):
        await client.open_session()
    source.insert()
    assert await event(client) == 1
    assert await slots(client) == [1]
    assert await client.open_session() > session


async def test_a_card_in_a_folder_that_takes_the_place_of_the_first_is_another_token(
    client: Client, folder: Path, tmp_path: Path
) -> None:
    prepared = shutil.copytree(cards.made("v4.2"), tmp_path / "prepared")
    assert await event(client) == 1
    session = await client.open_session()
    before = (await client.call("GetTokenInfo", u64(1)))[3]
    shutil.rmtree(folder)
    assert await event(client) == 1
    assert await slots(client) == []
    prepared.rename(folder)
    assert await event(client) == 1
    assert (await client.call("GetTokenInfo", u64(1)))[3] != before
    with refusal(CKR.SESSION_HANDLE_INVALID):
        await client.call("GetSessionInfo", u64(session))


async def test_a_card_that_was_put_back_between_two_calls_has_no_old_sessions(
    client: Client, source: MockCardSource
) -> None:
    await event(client)
    session = await client.open_session()
    source.remove()
    source.insert()
    assert await event(client) == 1
    assert await slots(client) == [1]
    with refusal(CKR.SESSION_HANDLE_INVALID):
        await client.call("GetSessionInfo", u64(session))


async def test_the_first_call_waits_until_the_card_is_read(
    server: Server, folder: Path
) -> None:
    slow = Fault(FaultName.DELAY, CommandName.READ, seconds=0.1)
    MockCardState.open(folder).set_faults(slow)
    client = await server.client()
    assert await slots(client) == [1]


async def test_no_call_waits_for_ever_for_a_card(source: MockCardSource) -> None:
    class Slow(MockCardSource):
        async def connect(self, reader: Reader) -> CardConnection:
            await asyncio.Event().wait()
            raise AssertionError

    async with Slow(source._state.folder) as slow:
        tokens = SlotManager(slow, patience=0.01)
        server = Server(slow, tokens)
        client = await server.client()
        assert await slots(client) == []
        await server.close()


async def test_a_card_that_another_program_holds_is_tried_again_by_a_later_call(
    folder: Path,
) -> None:
    class Held(MockCardSource):
        tried = 0
        free = False

        async def connect(self, reader: Reader) -> CardConnection:
            self.tried += 1
            if not self.free:
                raise CardBusyError("held")
            return await super().connect(reader)

    async with Held(folder) as held, open_server(held) as server:
        client = await server.client()
        assert await slots(client) == []
        before = held.tried
        assert await slots(client) == []
        assert held.tried > before
        held.free = True
        await slots(client)  # this starts the read without waiting for it
        assert await event(client) == 1
        assert await slots(client) == [1]


async def test_cards_of_others_are_no_tokens(folder: Path) -> None:
    async with MockCardSource(folder) as source, open_server(source) as server:
        client = await server.client()
        await event(client)
        source.remove()
        await event(client)
        for atr in (
            "3B7F9600008031B865B0850300EF1200F6829000",  # obsolete for a long time
            "3B8F80018031B865B08505102412246082900022",  # the contactless side
            "3B00",
            "3BDD96008031FE450031B8640429ECC1739401808349",  # of an organisation
        ):
            source.insert(bytes.fromhex(atr))
            assert await slots(client) == []
            source.remove()
        source.insert()
        assert await event(client) == 1


@pytest.mark.parametrize("state", ["new", "pin1-blocked", "expired", "last-try"])
async def test_what_is_wrong_with_a_card_is_said_in_the_window_and_not_here(
    tmp_path: Path, state: str
) -> None:
    MockCardState.create(tmp_path / "card", state=state)
    async with (
        MockCardSource(tmp_path / "card") as source,
        open_server(source) as server,
    ):
        client = await server.client()
        assert await slots(client) == [1]


@pytest.mark.parametrize(
    "fault",
    [FaultName.GARBLED, FaultName.TOO_SHORT, FaultName.NO_DIAGNOSIS, FaultName.MUTE],
)
@pytest.mark.parametrize("skip", [0, 3, 9, 20])
async def test_a_card_that_fails_while_it_is_read_breaks_nothing(
    server: Server, folder: Path, fault: str, skip: int
) -> None:
    MockCardState.open(folder).set_faults(Fault(fault, skip=skip, times=None))
    client = await server.client()
    assert await slots(client) in ([], [1])
    assert (await client.call("GetSlotInfo", u64(2)))[2] == (
        CKF.REMOVABLE_DEVICE | CKF.HW_SLOT
    )


@pytest.mark.parametrize("skip", range(0, 30, 3))
async def test_a_card_that_is_pulled_while_it_is_read_is_read_when_it_comes_back(
    server: Server, folder: Path, source: MockCardSource, skip: int
) -> None:
    fault = Fault(FaultName.CARD_PULLED, skip=skip)
    MockCardState.open(folder).set_faults(fault)
    client = await server.client()
    found = await slots(client)
    source.insert()
    while await slots(client) != [1]:
        await event(client)
    assert found in ([], [1])


@pytest.fixture
async def two(copy_card: CopyCard) -> AsyncIterator[SeveralReaders]:
    """Two readers, with one card of each kind."""
    async with (
        MockCardSource(copy_card("v5")) as first,
        MockCardSource(copy_card("v4.2")) as second,
    ):
        yield SeveralReaders({"A": first, "B": second})


async def test_two_cards_are_two_tokens_and_each_stays_in_its_slot(
    two: SeveralReaders,
) -> None:
    async with open_server(two) as server:
        client = await server.client()
        assert await slots(client) == [1, 2]
        labels = [
            (await client.call("GetTokenInfo", u64(slot)))[0].strip() for slot in (1, 2)
        ]
        assert labels == ["Kortilla", "Kortilla (2)"]
        assert {await event(client), await event(client)} == {1, 2}
        first = await client.open_session(1)
        second = await client.open_session(2)
        two.sources["A"].remove()
        assert await event(client) == 1
        assert await slots(client) == [2]
        await client.call("GetSessionInfo", u64(second))
        with refusal(CKR.SESSION_HANDLE_INVALID):
            await client.call("GetSessionInfo", u64(first))
        two.sources["B"].remove()
        assert await event(client) == 2
        two.sources["B"].insert()
        assert await event(client) == 2
        assert await slots(client) == [2]
        assert (await client.call("GetSlotInfo", u64(2)))[0].strip() == "B"


async def test_a_third_card_has_no_slot_until_one_is_free(copy_card: CopyCard) -> None:
    folder = copy_card("v5")
    folders = [folder] + [
        Path(shutil.copytree(folder, folder.with_name(f"card-{n}"))) for n in (2, 3)
    ]
    sources = {
        name: MockCardSource(each) for name, each in zip("ABC", folders, strict=True)
    }
    three = SeveralReaders(sources)
    async with open_server(three) as server:
        client = await server.client()
        assert await slots(client) == [1, 2]
        assert {await event(client), await event(client)} == {1, 2}
        sources["A"].remove()
        while await slots(client) != [1, 2]:
            await event(client)
        assert (await client.call("GetSlotInfo", u64(1)))[0].strip() == "C"
    for source in sources.values():
        await source.close()


async def test_each_card_is_read_once_however_many_ask(two: SeveralReaders) -> None:
    async with open_server(two) as server:
        clients = [await server.client() for _ in range(3)]
        for client in clients:
            assert await slots(client) == [1, 2]
            await client.find(await client.open_session(), {})
        assert sorted(two.connected) == ["A", "B"]
