# SPDX-License-Identifier: MIT
"""``kortilla card status`` and ``doctor`` with every kind of card in pcscd."""

import json
import os
import signal
from contextlib import closing
from pathlib import Path
from typing import Any

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.state import MockCardState
from native_host.card.errors import CardKind
from native_host.card.mock_source import MockCardConnection
from native_host.card.pcsc import PcscSource
from native_host.card_report.reading import read_card
from native_host.card_report.report import catalogue, make_report
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


def status() -> tuple[int, Any, str]:
    """Return the command's exit code, its result and its standard error."""
    finished = commands.run("card", "status", "--json")
    [line] = finished.stdout.splitlines()
    return finished.returncode, json.loads(line), finished.stderr


@isolated
async def test_the_cards_in_two_readers_are_both_told_of(pcscd: Pcscd) -> None:
    states = pcscd.new_card("v5"), pcscd.new_card("v4.2")
    before = [state.read() for state in states]
    for reader, state in zip((FIRST, SECOND), states, strict=True):
        pcscd.insert(MockCard(state), reader)
    pcscd.settle()
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
    pcscd: Pcscd,
) -> None:
    state = pcscd.new_card()
    for atr, name in ((ORGANISATION, CardKind.ORGANISATION), (BANK, "")):
        foreign = Foreign(state, atr)
        pcscd.insert(foreign, FIRST)
        pcscd.insert(MockCard(state), SECOND)
        pcscd.settle()
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
        pcscd.stop_service()
        pcscd.start_service()


@isolated
async def test_readers_without_a_card_and_no_reader_are_no_failure(
    pcscd: Pcscd,
) -> None:
    code, result, words = status()
    assert (code, words) == (0, "")
    assert result["readers"] == [
        {"reader": reader, "atr": None, "testCard": False, "card": None}
        for reader in (FIRST, SECOND)
    ]
    pcscd.stop_service()
    pcscd.start_service(drivers=0)
    assert status() == (0, {"readers": []}, "")
    assert commands.run("card", "status").stdout == "There is no card reader.\n"


@isolated
async def test_without_pcscd_it_fails_and_says_why(pcscd: Pcscd) -> None:
    pcscd.stop_service()
    code, result, words = status()
    assert code == 1
    assert [*result] == ["error"]
    assert result["error"]["code"] == "PCSC_UNAVAILABLE"
    assert words == f"{result['error']['message']}\n"
    told = commands.run("card", "status")
    assert (told.returncode, told.stdout, told.stderr) == (1, "", words)


@isolated
async def test_where_pcscd_refuses_it_says_so_and_who_may(pcscd: Pcscd) -> None:
    with refusing(pcscd):
        code, result, words = status()
        assert code == 1
        assert result["error"]["code"] == "PCSC_DENIED"
        assert words == f"{result['error']['message']}\n"
        assert "does not let this session use the readers" in words
        assert "SSH" in words


# What the doctor finds.


def doctor() -> dict[str, Any]:
    """Return the command's findings by code."""
    finished = commands.run("doctor", "--json")
    assert finished.stderr == ""
    report = json.loads(finished.stdout)
    assert finished.returncode == 1  # no browser has been used yet
    return {each["code"]: each for each in report["findings"]}


def card_report(path: Path) -> dict[str, Any]:
    """Have a report written, and return what the command prints."""
    finished = commands.run("doctor", "--card-report", str(path), "--json")
    assert (finished.returncode, finished.stderr.count("\n")) == (0, 1)
    printed: dict[str, Any] = json.loads(finished.stdout)
    return printed


@isolated
async def test_a_card_in_a_reader_is_told_of_without_its_holder(pcscd: Pcscd) -> None:
    state = pcscd.new_card()
    pcscd.insert(MockCard(state))
    pcscd.settle()
    before = state.read()
    found = doctor()
    assert {"CARD", "TEST_CARD"} <= set(found)
    assert found["READER"]["severity"] == "info"
    said = json.dumps(found)
    told = state.describe()
    for each in ("serial", "surname", "givenName", "satu", "atr"):
        assert told[each] not in said
    assert state.read() == before


@isolated
async def test_no_card_and_no_reader_are_named(pcscd: Pcscd) -> None:
    assert "NO_CARD" in doctor()
    pcscd.stop_service()
    pcscd.start_service(drivers=0)
    assert "NO_READER" in doctor()
    # The HOME must stay unchanged. A fixture of this folder uses another.
    assert [each.name for each in pcscd.folder.iterdir()] == ["home"]


@isolated
async def test_a_service_that_is_not_there_or_does_not_run_is_named(
    pcscd: Pcscd,
) -> None:
    pcscd.stop_service()
    assert doctor()["PCSCD_STOPPED"]["mend"] == {
        "command": "systemctl start pcscd.socket",
        "by": "root",
    }
    # A system without the program.
    found = await examine(Place(root=pcscd.folder / "empty"))
    [missing] = [each for each in found if each.code.startswith("PCSCD")]
    assert missing.code == "PCSCD_MISSING"
    assert missing.mend and missing.mend.command == "apt install pcscd"


@isolated
async def test_a_service_that_refuses_is_named(pcscd: Pcscd) -> None:
    with refusing(pcscd):
        assert "PCSCD_DENIED" in doctor()


@isolated
async def test_a_card_of_another_kind_is_named_and_left_in_peace(pcscd: Pcscd) -> None:
    foreign = Foreign(pcscd.new_card(), ORGANISATION)
    pcscd.insert(foreign)
    pcscd.settle()
    found = doctor()["CARD_UNSUPPORTED"]
    assert found["details"] == {"kind": "ORGANISATION"}
    assert "organisation" in found["message"]
    assert not foreign.commands


@isolated
async def test_a_card_that_another_program_holds_is_named(pcscd: Pcscd) -> None:
    pcscd.insert(MockCard(pcscd.new_card()))
    pcscd.settle()
    async with PcscSource() as source:
        [reader] = [each for each in await source.readers() if each.atr]
        connection = await source.connect(reader)
        assert "CARD_BUSY" in doctor()
        await source.run(connection.close)
    assert "CARD_BUSY" not in doctor()


@isolated
async def test_a_service_that_hangs_holds_up_no_other_check(pcscd: Pcscd) -> None:
    pcscd.insert(MockCard(pcscd.new_card()))
    pcscd.settle()
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
    return set(
        Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    )


@isolated
async def test_the_report_of_a_card_in_a_reader_is_that_of_the_card(
    pcscd: Pcscd,
) -> None:
    state = pcscd.new_card()
    pcscd.insert(MockCard(state))
    pcscd.settle()
    before = state.read()
    path = pcscd.folder / "report.json"
    assert card_report(path)["cardReport"]["mockCard"] is True
    with closing(MockCardConnection(state)) as connection:
        content = read_card(connection)
    direct = make_report(content, catalogue("en"), mock_card=True)
    assert json.loads(path.read_text()) == direct
    assert state.read() == before
