# SPDX-License-Identifier: MIT
"""``kortilla doctor --card-report``: one new file, or one clear sentence."""

import errno
import json
import os
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kortilla.mock_card.faults import CommandName, Fault, FaultName
from kortilla.mock_card.state import MockCardState
from native_host.card.errors import CardMuteError
from native_host.card.pcsc import PcscSource
from native_host.card.source import Reader
from native_host.card_report import new_file
from native_host.card_report.errors import CardReportError, Why
from native_host.card_report.making import card_report
from native_host.card_report.report import catalogue
from native_host.languages import SPOKEN
from tests.cli.conftest import Run
from tests.support import cards, commands
from tests.support.patience import patience

REPORT = ("doctor", "--card", "mock", "--lang", "en", "--card-report")


@pytest.fixture
def card(home: Path) -> MockCardState:
    """The mock card in its usual place."""
    return cards.new_card(home / ".local/share/kortilla/mock-card")


def names(folder: Path) -> list[str]:
    """Return the names in a folder."""
    return sorted(each.name for each in folder.iterdir())


def test_the_report_is_a_file_of_its_owners(run: Run, card: MockCardState) -> None:
    before = card.read()
    outcome = run(*REPORT, "report.json")
    assert outcome.status == 0
    assert outcome.result == {
        "cardReport": {"complete": True, "stopped": None, "mockCard": True}
    }
    assert outcome.words == f"{catalogue('en')['reading']}\n"
    path = Path("report.json")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_nlink == 1
    assert json.loads(path.read_text())["cardReport"] == 1
    assert card.read() == before
    assert names(Path()) == ["home", "report.json"]


def test_it_explains_itself_in_each_language(run: Run, card: MockCardState) -> None:
    told = set()
    for language in SPOKEN:
        words = ("doctor", "--card", "mock", "--lang", language, "--card-report")
        outcome = run(*words, f"{language}.json", json=False)
        assert f"{language}.json" in outcome.words
        assert "{" not in outcome.words
        about = json.loads(Path(f"{language}.json").read_text())["about"]
        assert about == [catalogue(language)[f"about.{n}"] for n in range(1, 7)]
        told |= {outcome.words.replace(f"{language}.json", ""), about[0]}
        again = run(*words, f"{language}.json")
        assert again.result["error"]["message"] == catalogue(language)["failed.exists"]
    assert len(told) == 2 * len(SPOKEN)


def test_the_catalogues_are_in_step() -> None:
    first, *others = (catalogue(language) for language in SPOKEN)
    for other in others:
        assert list(other) == list(first)
        assert not set(other.values()) & set(first.values())
    assert {f"failed.{why}" for why in Why} < set(first)


def make_file(path: Path) -> None:
    path.write_text("mine")


def make_link(path: Path) -> None:
    path.symlink_to(path.with_name("elsewhere"))


def make_folder(path: Path) -> None:
    path.mkdir()


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def identity(path: Path) -> tuple[int, ...]:
    """Return what is the same for a file that was not replaced or changed."""
    found = path.lstat()
    return found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns


@pytest.mark.parametrize("make", [make_file, make_link, make_folder, make_pipe])
def test_what_is_there_is_not_touched(
    run: Run, card: MockCardState, make: Callable[[Path], None]
) -> None:
    path = Path("report.json")
    make(path)
    before = identity(path)
    outcome = run(*REPORT, "report.json")
    assert (outcome.status, outcome.error) == (1, "REPORT_FAILED")
    assert "of that name already" in outcome.words
    assert identity(path) == before
    assert not Path("elsewhere").exists()


def test_what_comes_meanwhile_is_not_touched(tmp_path: Path) -> None:
    for place in (tmp_path / "a", tmp_path / "b"):
        place.mkdir()
    path = tmp_path / "a" / "report.json"
    new_file.check_new_file(path)
    path.symlink_to(tmp_path / "b" / "report.json")
    with pytest.raises(CardReportError) as raised:
        new_file.write_new_file(path, "text")
    assert raised.value.why is Why.EXISTS
    assert names(tmp_path / "a") == ["report.json"]
    assert names(tmp_path / "b") == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere/report.json", "does not exist"),
        ("file/report.json", "does not exist"),
        ("x" * 300, "can't be written"),
        ("home/" + "ä" * 200, "can't be written"),
    ],
)
def test_a_place_that_does_not_do_is_named(
    run: Run, card: MockCardState, name: str, said: str
) -> None:
    Path("file").touch()
    outcome = run(*REPORT, name)
    assert (outcome.status, outcome.error) == (1, "REPORT_FAILED")
    assert said in outcome.words
    assert names(Path()) == ["file", "home"]


def test_a_folder_that_one_may_not_write_to_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may write everywhere, so the answer of access(2) is given."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(CardReportError) as raised:
        new_file.check_new_file(tmp_path / "report.json")
    assert raised.value.why is Why.UNWRITABLE


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_stick_without_hard_links_gets_the_file_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def link(source: object, target: object) -> None:
        raise OSError(number, "no links")

    monkeypatch.setattr(os, "link", link)
    path = tmp_path / "report.json"
    new_file.write_new_file(path, "text")
    assert path.read_text() == "text"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(CardReportError):
        new_file.write_new_file(path, "other")
    assert path.read_text() == "text"
    assert names(tmp_path) == ["home", "report.json"]


def test_no_reader_and_no_card_are_named(run: Run, card: MockCardState) -> None:
    card.pull()
    outcome = run(*REPORT, "report.json")
    assert (outcome.status, outcome.error) == (1, "REPORT_FAILED")
    assert "There is no card in the reader" in outcome.words
    assert not Path("report.json").exists()


def test_a_card_that_is_taken_out_is_named(run: Run, card: MockCardState) -> None:
    card.set_faults(Fault(FaultName.CARD_PULLED, on=CommandName.READ, skip=8))
    outcome = run(*REPORT, "report.json")
    assert (outcome.status, outcome.error) == (1, "CARD_REMOVED")
    assert "taken out" in outcome.words
    assert not Path("report.json").exists()


def test_a_card_that_falls_silent_leaves_a_report_that_says_so(
    run: Run, card: MockCardState
) -> None:
    card.set_faults(Fault(FaultName.MUTE, on=CommandName.READ, skip=8, times=None))
    outcome = run(*REPORT, "report.json")
    assert outcome.status == 1
    assert outcome.result["cardReport"]["stopped"] == "CARD_MUTE"
    assert json.loads(Path("report.json").read_text())["complete"] is False
    told = run(*REPORT, "again.json", json=False)
    assert "did not answer all questions" in told.words


class Readers(PcscSource):
    """Readers with cards in them that nobody may connect to."""

    def __init__(self, *there: Reader) -> None:
        self._there = there

    async def readers(self) -> tuple[Reader, ...]:
        return self._there


ATR = bytes.fromhex("3B7F9600008031B865B085050011122460829000")


@pytest.mark.parametrize(
    ("there", "why"),
    [
        ([], Why.NO_READER),
        ([Reader("A")], Why.NO_CARD),
        ([Reader("A", ATR), Reader("B", ATR)], Why.SEVERAL_CARDS),
        ([Reader("A", ATR), Reader("B", mute=True)], Why.SEVERAL_CARDS),
    ],
)
async def test_the_report_is_of_the_one_card(there: list[Reader], why: Why) -> None:
    with pytest.raises(CardReportError) as raised:
        await card_report(Readers(*there), catalogue("en"))
    assert raised.value.why is why
    with pytest.raises(CardMuteError):
        await card_report(Readers(Reader("A", mute=True)), catalogue("en"))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_without_a_file(card: MockCardState, number: int) -> None:
    """The card takes its time for a command."""
    slow = Fault(FaultName.DELAY, on=CommandName.READ, seconds=600)
    card.set_faults(slow)
    with commands.running(*REPORT, "report.json", "--json") as process:
        assert b"is being read" in process.stderr.readline()
        end = time.monotonic() + patience()
        while card.faults():  # the command has not come yet
            assert time.monotonic() < end, "The card was not read."
            time.sleep(0.001)
        process.send_signal(signal.Signals(number))
        ended = commands.end(process)
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["error"]["code"] == "USER_CANCELLED"
    assert not Path("report.json").exists()


@pytest.mark.parametrize("words", [("--fix",), ("--fix", "--yes")])
def test_a_report_does_nothing_else(run: Run, words: tuple[str, ...]) -> None:
    outcome = run(*REPORT, "report.json", *words)
    assert outcome.status == 2
    assert not Path("report.json").exists()
