# SPDX-License-Identifier: MIT
"""The token on a card in a reader of the real pcscd."""

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.faults import CommandName
from kortilla.mock_card.state import MockCardState
from native_host.card.pcsc import PcscSource
from tests.operations.user import until
from tests.pkcs11.client import u32, u64
from tests.pkcs11.conftest import open_server
from tests.pkcs11.names import CKA, CKM, CKO, CKR
from tests.pkcs11.signing import refused
from tests.support.pcsc import READER, Pcscd, isolated


class Logged(MockCard):
    """A mock card that records the names of its commands, and its resets."""

    def __init__(self, state: MockCardState) -> None:
        self.log: list[str] = []
        super().__init__(state)

    def transmit(self, apdu: bytes) -> bytes:
        self.log.append(CommandName.of(apdu))
        return super().transmit(apdu)

    def reset(self) -> None:
        self.log.append("reset")
        super().reset()


@isolated
async def test_a_card_is_read_without_a_reset_signs_and_is_noticed_to_go(
    pcscd: Pcscd,
) -> None:
    card = Logged(pcscd.new_card())
    async with PcscSource() as source, open_server(source) as server:
        client = await server.client()
        assert await client.call("GetSlotList", b"\1", u32(9)) == [[]]
        card.log.clear()
        pcscd.insert(card)
        assert await client.call("WaitForSlotEvent", u64(0)) == [1]
        assert (await client.call("GetSlotInfo", u64(1)))[0].strip() == READER
        powered_up = card.log.index("select")
        assert {*card.log[powered_up:]} == {"select", "read"}  # others use it
        session = await client.open_session()
        [key] = await client.find(session, {CKA.CLASS: CKO.PRIVATE_KEY})
        server.pins = [["1234"]]
        assert len(await client.sign(session, key, CKM.ECDSA, bytes(48))) == 96
        await until(lambda: server.closed == server.windows)
        assert card.log[-1] == "reset"  # no verified PIN remains
        gone = client.begin("WaitForSlotEvent", u64(0))
        pcscd.pull()
        assert await gone == [1]
        # The session ends with the card's removal.
        await refused(
            client, CKR.SESSION_HANDLE_INVALID, "GetSessionInfo", u64(session)
        )
        assert server.windows[0].problems() == []


@isolated
async def test_a_service_that_starts_later_and_goes_is_noticed(pcscd: Pcscd) -> None:
    pcscd.stop_service()
    async with PcscSource() as source, open_server(source) as server:
        client = await server.client()
        assert await client.call("GetSlotList", b"\1", u32(9)) == [[]]
        pcscd.start_service()
        pcscd.insert(MockCard(pcscd.new_card()))
        assert await client.call("WaitForSlotEvent", u64(0)) == [1]
        pcscd.stop_service()
        assert await client.call("WaitForSlotEvent", u64(0)) == [1]
        assert await client.call("GetSlotList", b"\1", u32(9)) == [[]]
