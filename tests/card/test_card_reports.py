# SPDX-License-Identifier: MIT
"""Reports of cards: each file in ``reports`` is a card that the program must know."""

import json
from pathlib import Path
from typing import Any

import pytest

from kortilla.mock_card.apdu import Style
from kortilla.mock_card.ber import encode, octets, sequence
from kortilla.mock_card.faults import CommandName, Fault, FaultName
from kortilla.mock_card.profiles import PROFILES
from kortilla.mock_card.state import MockCardState
from native_host.card.apdu import PIN_INSTRUCTIONS
from native_host.card.connection import CardConnection
from native_host.card.errors import (
    CardError,
    CardKind,
    CardRemovedError,
    UnsupportedCardError,
)
from native_host.card.fineid import FineidCard
from native_host.card.mock_source import MockCardConnection
from native_host.card_report.copying import Copier
from native_host.card_report.limits import Limits, ReadingOnly
from native_host.card_report.reading import FileContent, read_card
from native_host.card_report.report import COPIES, catalogue, make_report, write_text
from native_host.card_report.stand_ins import StandIns
from native_host.card_report.understood import understood
from tests.support import cards
from tests.support.replayed import ReplayedCard, bytes_of, load_report

REPORTS = sorted(Path(__file__).with_name("reports").glob("*.json"))
TEXTS = catalogue("en")


def report_of(connection: CardConnection, **limits: Any) -> dict[str, Any]:
    """Return a report as its file has it."""
    content = read_card(connection, Limits(**limits))
    report: dict[str, Any] = json.loads(
        write_text(make_report(content, TEXTS, mock_card=True))
    )
    return report


# -- The reports that are there --------------------------------------------------------


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.stem)
def test_the_program_knows_the_card_of_each_report(path: Path) -> None:
    report = load_report(path)
    card = ReplayedCard(report)
    found = understood(FineidCard(card))
    assert json.loads(json.dumps(found)) == report["understood"]
    assert not PIN_INSTRUCTIONS & {command[1] for command in card.commands}


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.stem)
def test_a_report_of_a_report_is_the_same(path: Path) -> None:
    """So all that this version replaces has been replaced in it."""
    report = load_report(path)
    again = report_of(ReplayedCard(report))
    for name in ("files", "pins", "atr", "understood"):
        assert _bare(again[name]) == _bare(report[name])


def _bare(value: Any) -> Any:
    """Leave out words, which are in the language of the report."""
    if isinstance(value, dict):
        return {name: _bare(each) for name, each in value.items() if name != "what"}
    if isinstance(value, list):
        return [_bare(each) for each in value]
    return value.partition("|")[0] if isinstance(value, str) else value


def test_there_is_a_report_of_each_profile_of_the_mock_card() -> None:
    assert {f"mock-card-{name}" for name in PROFILES} <= {path.stem for path in REPORTS}
    for path in REPORTS:
        assert load_report(path)["mockCard"] is path.stem.startswith("mock-card-")


# -- Reports of the mock card ----------------------------------------------------------


@pytest.fixture(params=PROFILES)
def mock_card(request: pytest.FixtureRequest, tmp_path: Path) -> MockCardState:
    """A mock card of each profile."""
    return cards.new_card(tmp_path / "card", request.param)


class Recorder(CardConnection):
    """Passes commands on and keeps them, and what came back."""

    def __init__(self, connection: CardConnection) -> None:
        self._connection = connection
        self.atr, self.protocol = connection.atr, connection.protocol
        self.exchanges: list[tuple[bytes, bytes, int]] = []

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        data, status = self._connection.send_and_receive(apdu)
        self.exchanges.append((apdu, data, status))
        return data, status

    def close(self) -> None:
        self._connection.close()


@pytest.mark.parametrize("style", Style)
def test_the_replay_is_what_the_card_gave_but_for_what_is_replaced(
    mock_card: MockCardState, style: Style
) -> None:
    connection = MockCardConnection(mock_card, style=style)
    content = read_card(connection)
    report = make_report(content, TEXTS, mock_card=True)
    assert report["complete"] is True
    assert report["chained"] is (style is Style.FETCHED)
    replayed = read_card(ReplayedCard(report))
    assert replayed.understood == content.understood
    assert replayed.understood == understood(FineidCard(connection))
    assert replayed.pins == content.pins
    assert len(replayed.files) == len(content.files)
    for mine, theirs in zip(replayed.files, content.files, strict=True):
        for name in ("path", "in_master_file", "status", "answer", "pieces", "end"):
            assert getattr(mine, name) == getattr(theirs, name)
        _assert_same_but_for_stand_ins(theirs, mine.content)


def _assert_same_but_for_stand_ins(file: FileContent, copied: bytes) -> None:
    copier = Copier(StandIns())
    COPIES[file.kind](file.content, copier)
    at = 0
    for piece in copier.pieces:
        end = at + len(bytes(piece))
        original = file.content[at:end]
        if not piece.replaced:
            assert copied[at:end] == original
        assert original.startswith(piece.head)
        at = end
    assert at == len(file.content) == len(copied)


def test_a_card_is_only_read_and_loses_no_try(tmp_path: Path) -> None:
    for state in ("active", "new", "pin1-blocked", "pin2-blocked", "last-try"):
        card = cards.new_card(tmp_path / state, "v5", state)
        before = card.read()
        recorder = Recorder(MockCardConnection(card))
        report = report_of(recorder)
        recorder.close()
        sent = {apdu[1] for apdu, _, _ in recorder.exchanges}
        assert sent == {0xA4, 0xB0, 0xCB}
        assert card.read() == before
        tries = {"PIN1": before.pin1, "PIN2": before.pin2, "PUK": before.puk}
        for name, pin in tries.items():
            told = report["understood"]["pins"][name]
            assert told["triesLeft"] == pin.tries
        assert report["complete"] is True


@pytest.mark.parametrize("instruction", sorted({*PIN_INSTRUCTIONS, 0x22, 0x2A, 0xD6}))
def test_no_other_command_gets_through(tmp_path: Path, instruction: int) -> None:
    recorder = Recorder(MockCardConnection(cards.new_card(tmp_path / "card")))
    guarded = ReadingOnly(recorder, Limits())
    for apdu in (bytes([0, instruction, 0, 0x11]), bytes([0x80, 0xA4, 0, 0])):
        with pytest.raises(CardError, match="reading alone"):
            guarded.send_and_receive(apdu)
    assert recorder.exchanges == []


def test_nothing_more_is_sent_once_it_is_cancelled() -> None:
    class Impatient(Endless):
        """The person presses Ctrl-C during the ninth command."""

        def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
            if self.commands == 8:
                limits.cancelled.set()
            return super().send_and_receive(apdu)

    limits = Limits()
    card = Impatient(b"", bytes.fromhex("62048102FFFF"))
    read_card(card, limits)
    assert card.commands == 9


# -- Cards that misbehave --------------------------------------------------------------


@pytest.mark.parametrize("skip", [0, 3, 20, 35])
def test_a_card_that_is_taken_out_gives_no_report(tmp_path: Path, skip: int) -> None:
    card = cards.new_card(tmp_path / "card")
    card.set_faults(Fault(FaultName.CARD_PULLED, skip=skip))
    with pytest.raises(CardRemovedError):
        read_card(MockCardConnection(card))


def test_a_card_that_falls_silent_gives_what_it_gave(tmp_path: Path) -> None:
    card = cards.new_card(tmp_path / "card")
    card.set_faults(Fault(FaultName.MUTE, on=CommandName.READ, skip=9, times=None))
    report = report_of(MockCardConnection(card))
    assert (report["complete"], report["stopped"]) == (False, "CARD_MUTE")
    assert False in [each["whole"] for each in report["files"]]
    assert report["understood"] is None
    assert read_card(ReplayedCard(report)).files


def test_a_card_that_says_nothing_at_all_gives_no_report(tmp_path: Path) -> None:
    card = cards.new_card(tmp_path / "card")
    card.set_faults(Fault(FaultName.MUTE, times=None))
    with pytest.raises(CardError) as raised:
        read_card(MockCardConnection(card))
    assert raised.value.code == "CARD_MUTE"


@pytest.mark.parametrize(
    "name", [FaultName.NO_DIAGNOSIS, FaultName.GARBLED, FaultName.TOO_LONG]
)
@pytest.mark.parametrize("on", [CommandName.READ, CommandName.PIN_INFO])
def test_odd_answers_are_reported_as_they_are(
    tmp_path: Path, name: FaultName, on: CommandName
) -> None:
    card = cards.new_card(tmp_path / "card")
    card.set_faults(Fault(name, on=on, times=None))
    report = report_of(MockCardConnection(card))
    assert report["stopped"] is None
    read = {each["whole"] for each in report["files"] if each["content"]}
    assert read == {True} or on is CommandName.READ
    json.dumps(understood(FineidCard(ReplayedCard(report))))


def test_a_card_that_forgets_its_application_leaves_a_report(tmp_path: Path) -> None:
    class Forgetful(Recorder):
        def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
            if len(self.exchanges) > 20 and apdu[1:3] == b"\xa4\x04":
                return b"", 0x6A82
            return super().send_and_receive(apdu)

    connection = MockCardConnection(cards.new_card(tmp_path / "card"))
    report = report_of(Forgetful(connection))
    assert (report["complete"], report["stopped"]) == (False, "UNSUPPORTED_CARD")
    assert report["files"]


class Endless(CardConnection):
    """A card that knows all files, each of 64 KiB, given byte by byte."""

    atr = PROFILES["v5"].atr

    def __init__(self, answer: bytes, control: bytes = b"") -> None:
        self._answer, self._control = answer, control
        self.commands = 0

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        self.commands += 1
        if apdu[1] == 0xB0:
            offset = apdu[2] << 8 | apdu[3]
            return self._answer[offset : offset + 1] or b"\x30", 0x9000
        return (self._control if apdu[3] == 0x04 else b""), 0x9000

    def close(self) -> None:
        pass


def many_directories() -> bytes:
    """Return an EF.OD that names more directories than one would read."""
    return b"".join(
        encode(0xA4, sequence(octets(bytes([0x44, number])))) for number in range(64)
    )


@pytest.mark.parametrize("control", ["62048102FFFF", "6200", ""])
def test_a_card_without_an_end_is_left_in_time(control: str) -> None:
    card = Endless(many_directories(), bytes.fromhex(control))
    report = report_of(card)
    assert card.commands <= Limits().commands
    assert report["complete"] is False
    assert len(report["files"]) <= 40
    assert len(write_text(report)) < 1 << 20


def test_the_time_of_a_report_is_bounded() -> None:
    now = iter(range(10_000))
    card = Endless(many_directories(), bytes.fromhex("62048102FFFF"))
    report = report_of(card, seconds=50, clock=lambda: float(next(now)))
    assert (report["complete"], report["stopped"]) == (False, "CARD_ERROR")
    assert card.commands <= 50


class Other(Endless):
    """A card with another answer to reset, or another answer to all commands."""

    def __init__(self, atr: str, status: int) -> None:
        super().__init__(b"")
        self.atr = bytes.fromhex(atr)
        self._status = status

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        self.commands += 1
        return b"", self._status


@pytest.mark.parametrize(
    ("atr", "status", "kind"),
    [
        ("3BDD96008031FE450031B8640429ECC1739401808349", 0x9000, CardKind.ORGANISATION),
        ("3B6500002063CB6600", 0x9000, CardKind.UNKNOWN),
        ("3B7F9600008031B865B0850300EF1200F6829000", 0x9000, CardKind.MULTIAPP_V3),
        ("3B8F80018031B865B08505102412246082900022", 0x9000, CardKind.CONTACTLESS),
        ("3B7F9600008031B865B085050011122460829000", 0x6982, CardKind.CONTACTLESS),
        ("3B7F9600008031B865B085050011122460829000", 0x6A82, CardKind.UNKNOWN),
        ("00", 0x9000, CardKind.UNKNOWN),
    ],
)
def test_what_is_no_citizen_card_gives_no_report(
    atr: str, status: int, kind: CardKind
) -> None:
    card = Other(atr, status)
    with pytest.raises(UnsupportedCardError) as raised:
        read_card(card)
    assert raised.value.kind == kind
    assert card.commands <= 1


def test_a_card_of_the_next_generation_is_reported(tmp_path: Path) -> None:
    connection = MockCardConnection(cards.new_card(tmp_path / "card"))
    connection.atr = bytes.fromhex("3B7F9600008031B865B085060011122460829000")
    report = report_of(connection)
    assert report["complete"] is True
    assert report["understood"] is None
    assert len(report["files"]) == 11
    assert bytes_of(report["files"][0]["content"])
