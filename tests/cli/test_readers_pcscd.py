# SPDX-License-Identifier: MIT
"""``kortilla card status`` and ``doctor`` with every kind of card in pcscd."""

import json
import os
import signal
from pathlib import Path
from typing import Any

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.state import MockCardState
from native_host.card.errors import CardKind
from native_host.card.pcsc import PcscSource
from native_host.doctor.examination import examine
from native_host.doctor.findings import Place
from tests.support import commands
from tests.support.pcsc import READERS, Pcscd, isolated
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


def insert(pcscd: Pcscd, first: MockCard, second: MockCard | None = None) -> None:
    pcscd.insert(first, FIRST)
    if second is not None:
        pcscd.insert(second, SECOND)
    pcscd.settle()


def status() -> list[dict[str, Any]]:
    """Return what the command tells of each reader."""
    finished = commands.run("card", "status", "--json")
    assert (finished.returncode, finished.stderr) == (0, "")
    readers: list[dict[str, Any]] = json.loads(finished.stdout)["readers"]
    return readers


def refusal(code: str) -> str:
    """Have the status refused with an error; return its message."""
    finished = commands.run("card", "status", "--json")
    result = json.loads(finished.stdout)
    assert (finished.returncode, [*result]) == (1, ["error"])
    message = str(result["error"]["message"])
    assert (result["error"]["code"], finished.stderr) == (code, f"{message}\n")
    return message


def doctor() -> dict[str, Any]:
    """Return the doctor's findings by code."""
    finished = commands.run("doctor", "--json")
    # No browser has been used yet.
    assert (finished.returncode, finished.stderr) == (1, "")
    return {each["code"]: each for each in json.loads(finished.stdout)["findings"]}


@isolated
async def test_the_cards_in_two_readers_are_both_told_of(pcscd: Pcscd) -> None:
    states = pcscd.new_card("v5"), pcscd.new_card("v4.2")
    before = [state.read() for state in states]
    insert(pcscd, *map(MockCard, states))
    found = status()
    assert [each["reader"] for each in found] == [FIRST, SECOND]
    for each, state in zip(found, states, strict=True):
        assert each["atr"] == state.profile.atr.hex().upper()
        assert each["testCard"] is True
        assert "error" not in each
        assert each["card"]["holder"]["name"] == "AINO SPECIMEN-VIRTANEN"
    examined = doctor()
    assert {"CARD", "TEST_CARD"} <= set(examined)
    assert examined["READER"]["severity"] == "info"
    # The doctor does not tell of the holder.
    for state in states:
        described = state.describe()
        for name in ("serial", "surname", "givenName", "satu", "atr"):
            assert described[name] not in json.dumps(examined)
    assert [state.read() for state in states] == before


@isolated
async def test_a_card_that_is_not_a_citizen_card_is_named_and_left_in_peace(
    pcscd: Pcscd,
) -> None:
    state = pcscd.new_card()
    for atr, name in ((ORGANISATION, CardKind.ORGANISATION), (BANK, "")):
        foreign = Foreign(state, atr)
        insert(pcscd, foreign, MockCard(state))
        first, second = status()
        assert (first["atr"], first["card"]) == (atr.hex().upper(), None)
        assert first["testCard"] is False
        message = first["error"]["message"]
        assert first["error"]["code"] == "UNSUPPORTED_CARD"
        assert "not a FINEID citizen card" in message
        assert name in message
        assert second["card"]["holder"]
        # The words are the window's.
        said = commands.run("card", "status").stdout
        assert "This card can't be used" in said
        assert ("organisation card" in said) is bool(name)
        if name:
            found = doctor()["CARD_UNSUPPORTED"]
            assert found["details"]["kind"] == "ORGANISATION"
            assert "organisation" in found["message"]
        assert not foreign.commands
        pcscd.stop_service()
        pcscd.start_service()


@isolated
async def test_readers_without_a_card_and_no_reader_are_no_failure(
    pcscd: Pcscd,
) -> None:
    assert status() == [
        {"reader": reader, "atr": None, "testCard": False, "card": None}
        for reader in (FIRST, SECOND)
    ]
    assert "NO_CARD" in doctor()
    pcscd.stop_service()
    pcscd.start_service(drivers=0)
    assert status() == []
    told = commands.run("card", "status").stdout
    assert told.startswith("No card reader was found.\n")
    assert "NO_READER" in doctor()
    # The HOME must stay unchanged. A fixture of this folder uses another.
    assert [each.name for each in pcscd.folder.iterdir()] == ["home"]


@isolated
async def test_without_pcscd_it_fails_and_the_doctor_says_why(pcscd: Pcscd) -> None:
    with refusing(pcscd):
        message = refusal("PCSC_DENIED")
        assert "does not let this session use the readers" in message
        assert "SSH" in message
        assert "PCSCD_DENIED" in doctor()
    # It runs no more.
    message = refusal("PCSC_UNAVAILABLE")
    told = commands.run("card", "status")
    assert (told.returncode, told.stdout, told.stderr) == (1, "", f"{message}\n")
    fix = {"command": "systemctl start pcscd.socket", "by": "root"}
    assert doctor()["PCSCD_STOPPED"]["fix"] == fix
    # A system without the program.
    found = await examine(Place(root=pcscd.folder / "empty"))
    [missing] = [each for each in found if each.code.startswith("PCSCD")]
    assert missing.code == "PCSCD_MISSING"
    assert missing.fix and missing.fix.command == "apt install pcscd"


@isolated
async def test_a_card_that_another_program_holds_is_named(pcscd: Pcscd) -> None:
    insert(pcscd, MockCard(pcscd.new_card()))
    async with PcscSource() as source:
        [reader] = [each for each in await source.readers() if each.atr]
        connection = await source.connect(reader)
        assert "CARD_BUSY" in doctor()
        await source.run(connection.close)
    assert "CARD_BUSY" not in doctor()


@isolated
async def test_a_service_that_hangs_holds_up_no_other_check(pcscd: Pcscd) -> None:
    insert(pcscd, MockCard(pcscd.new_card()))
    pcscd.service.send_signal(signal.SIGSTOP)
    before = _children()
    try:
        found = {each.code: each for each in await examine(Place(), patience=5)}
        assert found["CHECK_TIMED_OUT"].details == {"check": "card"}
        assert {"NO_BROWSER", "NO_SCREEN", "PKCS11_OFF"} <= set(found)
    finally:
        pcscd.service.send_signal(signal.SIGCONT)
    assert _children() <= before


def _children() -> set[str]:
    """Return the running child processes of this process."""
    process = os.getpid()
    return set(Path(f"/proc/{process}/task/{process}/children").read_text().split())
