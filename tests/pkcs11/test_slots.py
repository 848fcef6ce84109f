# SPDX-License-Identifier: MIT
"""Slots while cards come and go, are busy, or are not FINEID cards."""

import asyncio
import shutil
from pathlib import Path

import pytest

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.faults import Fault, FaultName
from kortilla.mock_card.state import MockCardState
from native_host.card.errors import CardBusyError
from native_host.card.mock_source import MockCardSource
from native_host.card.pcsc import PcscSource
from native_host.card.source import CardConnection, Reader
from native_host.pkcs11.constants import CKF, CKR
from native_host.pkcs11.slots import SlotManager
from tests.operations.readers import SeveralReaders
from tests.pkcs11.client import Client, refusal
from tests.pkcs11.conftest import Server, open_server
from tests.support import cards
from tests.support.pcsc import READER, LoggedCard, Pcscd, isolated


async def test_a_card_comes_goes_and_comes_again(
    client: Client, source: MockCardSource
) -> None:
    assert await client.event() == 1
    session = await client.open_session()
    source.remove()
    assert await client.event() == 1
    assert await client.slots() == []
    await client.has_lost(session)
    with refusal(CKR.TOKEN_NOT_PRESENT):
        await client.open_session()
    source.insert()
    assert await client.event() == 1
    assert await client.slots() == [1]
    again = await client.open_session()
    assert again > session
    # Between two calls.
    source.remove()
    source.insert()
    assert await client.event() == 1
    assert await client.slots() == [1]
    await client.has_lost(again)


async def test_a_card_in_a_folder_that_takes_the_place_of_the_first_is_another_token(
    client: Client, folder: Path, tmp_path: Path
) -> None:
    prepared = shutil.copytree(cards.made("v4.2"), tmp_path / "prepared")
    assert await client.event() == 1
    session = await client.open_session()
    before = (await client.call("GetTokenInfo", 1))[3]
    shutil.rmtree(folder)
    assert await client.event() == 1
    assert await client.slots() == []
    prepared.rename(folder)
    assert await client.event() == 1
    assert (await client.call("GetTokenInfo", 1))[3] != before
    await client.has_lost(session)


async def test_no_call_waits_for_ever_for_a_card(folder: Path) -> None:
    class Slow(MockCardSource):
        async def connect(self, reader: Reader) -> CardConnection:
            await asyncio.Event().wait()
            raise AssertionError

    async with Slow(folder) as slow:
        server = Server(slow, SlotManager(slow, patience=0.01))
        assert await (await server.client()).slots() == []
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
        assert await client.slots() == []
        before = held.tried
        assert await client.slots() == []
        assert held.tried > before
        held.free = True
        await client.slots()  # this starts the read without waiting for it
        assert await client.event() == 1
        assert await client.slots() == [1]


async def test_cards_of_others_are_no_tokens(
    client: Client, source: MockCardSource
) -> None:
    await client.event()
    source.remove()
    await client.event()
    for atr in (
        "3B7F9600008031B865B0850300EF1200F6829000",  # obsolete for a long time
        "3B8F80018031B865B08505102412246082900022",  # the contactless side
        "3B00",
        "3BDD96008031FE450031B8640429ECC1739401808349",  # of an organisation
    ):
        source.insert(bytes.fromhex(atr))
        assert await client.slots() == []
        source.remove()
    source.insert()
    assert await client.event() == 1


@pytest.mark.parametrize("state", ["new", "pin1-blocked", "expired", "last-try"])
async def test_what_is_wrong_with_a_card_is_said_in_the_window_and_not_here(
    tmp_path: Path, state: str
) -> None:
    MockCardState.create(tmp_path / "card", state=state)
    async with (
        MockCardSource(tmp_path / "card") as source,
        open_server(source) as server,
    ):
        assert await (await server.client()).slots() == [1]


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
    assert await client.slots() in ([], [1])
    flags = CKF.REMOVABLE_DEVICE | CKF.HW_SLOT
    assert (await client.call("GetSlotInfo", 2))[2] == flags


@pytest.mark.parametrize("skip", range(0, 30, 3))
async def test_a_card_that_is_pulled_while_it_is_read_is_read_when_it_comes_back(
    server: Server, folder: Path, source: MockCardSource, skip: int
) -> None:
    fault = Fault(FaultName.CARD_PULLED, skip=skip)
    MockCardState.open(folder).set_faults(fault)
    client = await server.client()
    found = await client.slots()
    source.insert()
    while await client.slots() != [1]:
        await client.event()
    assert found in ([], [1])


# -- Several readers -------------------------------------------------------------------


async def reader_of(client: Client, slot: int) -> str:
    """Return the name of a slot's reader."""
    return str((await client.call("GetSlotInfo", slot))[0]).strip()


async def test_two_cards_are_two_tokens_and_each_stays_in_its_slot(
    two: SeveralReaders,
) -> None:
    async with open_server(two) as server:
        clients = [await server.client() for _ in range(3)]
        for client in clients:
            assert await client.slots() == [1, 2]
        # Each card is read once, however many ask.
        assert sorted(two.connected) == ["A", "B"]
        labels = [(await client.call("GetTokenInfo", slot))[0] for slot in (1, 2)]
        assert [each.strip() for each in labels] == ["Kortilla", "Kortilla (2)"]
        # The cards may have been read before the others came.
        client = clients[0]
        assert {await client.event(), await client.event()} == {1, 2}
        first, second = [await client.open_session(slot) for slot in (1, 2)]
        two.sources["A"].remove()
        assert await client.event() == 1
        assert await client.slots() == [2]
        await client.call("GetSessionInfo", second)
        await client.has_lost(first)
        two.sources["B"].remove()
        assert await client.event() == 2
        two.sources["B"].insert()
        assert await client.event() == 2
        assert await client.slots() == [2]
        assert await reader_of(client, 2) == "B"


async def test_a_third_card_has_no_slot_until_one_is_free(folder: Path) -> None:
    folders = [folder] + [
        Path(shutil.copytree(folder, folder.with_name(f"card-{n}"))) for n in (2, 3)
    ]
    sources = {
        name: MockCardSource(each) for name, each in zip("ABC", folders, strict=True)
    }
    async with open_server(SeveralReaders(sources)) as server:
        client = await server.client()
        assert await client.slots() == [1, 2]
        assert {await client.event(), await client.event()} == {1, 2}
        sources["A"].remove()
        while await client.slots() != [1, 2]:
            await client.event()
        assert await reader_of(client, 1) == "C"
    for source in sources.values():
        await source.close()


# -- A reader of the real pcscd --------------------------------------------------------


@isolated
async def test_a_card_is_read_without_a_reset_signs_and_is_noticed_to_go(
    pcscd: Pcscd,
) -> None:
    card = LoggedCard(pcscd.new_card())
    async with PcscSource() as source, open_server(source) as server:
        client = await server.client()
        assert await client.slots() == []
        card.log.clear()
        pcscd.insert(card)
        assert await client.event() == 1
        assert await reader_of(client, 1) == READER
        powered_up = card.log.index("select")
        # Others use it, and no try is spent.
        assert {*card.log[powered_up:]} == {"select", "read", "pin-info"}
        session, key = await client.key()
        server.windows.type("1234")
        assert len(await client.sign(session, key)) == 96
        await server.windows.all_closed()
        assert card.log[-1] == "reset"  # no verified PIN remains
        gone = client.begin("WaitForSlotEvent", 0)
        pcscd.pull()
        assert await gone == [1]
        await client.has_lost(session)
        assert server.windows.users[0].problems() == []


@isolated
async def test_a_service_that_starts_later_and_goes_is_noticed(pcscd: Pcscd) -> None:
    pcscd.stop_service()
    async with PcscSource() as source, open_server(source) as server:
        client = await server.client()
        assert await client.slots() == []
        pcscd.start_service()
        pcscd.insert(MockCard(pcscd.new_card()))
        assert await client.event() == 1
        pcscd.stop_service()
        assert await client.event() == 1
        assert await client.slots() == []
