# SPDX-License-Identifier: MIT
"""``kortilla card status --json`` with every kind of card in the readers of pcscd."""

import json
from typing import Any

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.state import MockCardState
from native_host.card.errors import CardKind
from tests.support import commands
from tests.support.pcsc import READERS, Room, isolated
from tests.support.refusing import refusing

FIRST, SECOND = READERS[:2]
ORGANISATION = bytes.fromhex("3BDD96008031FE450031B8640429ECC1739401808349")
BANK = bytes.fromhex("3B6500002063CB6600")


class Foreign(MockCard):
    """A card that is no citizen card according to its ATR."""

    def __init__(self, state: MockCardState, atr: bytes) -> None:
        super().__init__(state)
        self._atr = atr
        self.commands = 0

    @property
    def atr(self) -> bytes:
        return self._atr

    def transmit(self, apdu: bytes) -> bytes:
        self.commands += 1
        return super().transmit(apdu)


def status() -> tuple[int, Any, str]:
    """Return the command's exit code, its result and its standard error."""
    finished = commands.run("card", "status", "--json")
    [line] = finished.stdout.splitlines()
    return finished.returncode, json.loads(line), finished.stderr


@isolated
async def test_the_cards_in_two_readers_are_both_told_of(room: Room) -> None:
    states = room.new_card("v5"), room.new_card("v4.2")
    before = [state.read() for state in states]
    for reader, state in zip((FIRST, SECOND), states, strict=True):
        room.insert(MockCard(state), reader)
    room.settle()
    code, result, words = status()
    assert (code, words) == (0, "")
    found = result["readers"]
    assert [each["reader"] for each in found] == [FIRST, SECOND]
    assert [each["card"]["generation"] for each in found] == [
        *("MULTIAPP_V5", "MULTIAPP_V4")
    ]
    for each, state in zip(found, states, strict=True):
        assert each["atr"] == state.profile.atr.hex().upper()
        assert each["testCard"] is True
        assert "error" not in each
        assert each["card"]["holder"]["name"] == "AINO SPECIMEN-VIRTANEN"
        assert each["card"]["tries"] == {"PIN1": 5, "PIN2": 5, "PUK": 5}
        assert each["card"]["activation"] == "active"
    # The older generation's preferred signature key comes first.
    assert [
        (each["role"], each["keyType"]) for each in found[1]["card"]["certificates"]
    ] == [("authentication", "RSA"), ("signature", "ECC"), ("signature", "RSA")]
    assert [state.read() for state in states] == before


@isolated
async def test_a_card_that_is_not_a_citizen_card_is_named_and_left_in_peace(
    room: Room,
) -> None:
    state = room.new_card()
    for atr, name in ((ORGANISATION, CardKind.ORGANISATION), (BANK, "")):
        foreign = Foreign(state, atr)
        room.insert(foreign, FIRST)
        room.insert(MockCard(state), SECOND)
        room.settle()
        code, result, words = status()
        assert (code, words) == (0, "")
        first, second = result["readers"]
        assert (first["atr"], first["card"]) == (atr.hex().upper(), None)
        assert first["testCard"] is False
        assert first["error"]["code"] == "UNSUPPORTED_CARD"
        assert "not a FINEID citizen card" in first["error"]["message"]
        assert name in first["error"]["message"]
        assert not foreign.commands
        assert second["card"]["holder"]
        told = commands.run("card", "status")
        assert told.returncode == 0
        assert first["error"]["message"] in told.stdout
        room.stop_service()
        room.start_service()


@isolated
async def test_readers_without_a_card_and_no_reader_are_no_failure(room: Room) -> None:
    code, result, words = status()
    assert (code, words) == (0, "")
    assert result["readers"] == [
        {"reader": reader, "atr": None, "testCard": False, "card": None}
        for reader in (FIRST, SECOND)
    ]
    room.stop_service()
    room.start_service(drivers=0)
    assert status() == (0, {"readers": []}, "")
    assert commands.run("card", "status").stdout == "There is no card reader.\n"


@isolated
async def test_without_pcscd_it_fails_and_says_why(room: Room) -> None:
    room.stop_service()
    code, result, words = status()
    assert code == 1
    assert [*result] == ["error"]
    assert result["error"]["code"] == "PCSC_UNAVAILABLE"
    assert words == f"{result['error']['message']}\n"
    told = commands.run("card", "status")
    assert (told.returncode, told.stdout, told.stderr) == (1, "", words)


@isolated
async def test_where_pcscd_refuses_it_says_so_and_who_may(room: Room) -> None:
    with refusing(room):
        code, result, words = status()
        assert code == 1
        assert result["error"]["code"] == "PCSC_DENIED"
        assert words == f"{result['error']['message']}\n"
        assert "does not let this session use the readers" in words
        assert "SSH" in words
