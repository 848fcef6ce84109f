# SPDX-License-Identifier: MIT
"""``kortilla doctor --card-report``: one new file, or one clear sentence."""

import errno
import json
import os
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import get_args

import pytest

from kortilla.mock_card.card_data import CAN
from kortilla.mock_card.faults import CommandName, Fault, FaultName
from kortilla.mock_card.state import MockCardState
from native_host.card.errors import CardMuteError
from native_host.card.pcsc import PcscSource
from native_host.card.source import Reader
from native_host.card_report.reading import CardReportError, Why, read_the_one_card
from native_host.texts.catalogues import catalogue
from native_host.texts.language import SPOKEN
from tests.cli.conftest import NewCard, Run
from tests.cli.terminal import KORTILLA, Terminal
from tests.support import commands
from tests.support.patience import patience
from tests.support.pcsc import beside

REPORT = ("doctor", "--card", "mock", "--lang", "en", "--card-report")


@pytest.fixture
def card(new_card: NewCard) -> MockCardState:
    """The mock card in its usual place."""
    return new_card("v5", "active")


def test_the_report_is_a_file_of_its_owners(run: Run, card: MockCardState) -> None:
    before = card.read()
    outcome = run(*REPORT, "report.json")
    assert outcome.status == 0
    assert outcome.result == {
        "cardReport": {"complete": True, "stopped": None, "mockCard": True}
    }
    assert outcome.words == f"{catalogue('card_report', 'en')['reading']}\n"
    path = Path("report.json")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_nlink == 1
    assert json.loads(path.read_text())["cardReport"] == 1
    assert card.read() == before
    assert {*map(str, Path().iterdir())} == {"home", "report.json"}


def test_it_explains_itself_in_each_language(run: Run, card: MockCardState) -> None:
    told = set()
    for language in SPOKEN:
        words = ("doctor", "--card", "mock", "--lang", language, "--card-report")
        outcome = run(*words, f"{language}.json", json=False)
        assert f"{language}.json" in outcome.words
        assert "{" not in outcome.words
        about = json.loads(Path(f"{language}.json").read_text())["about"]
        texts = catalogue("card_report", language)
        assert about == [texts[f"about.{n}"] for n in range(1, 7)]
        told |= {outcome.words.replace(f"{language}.json", ""), about[0]}
        again = run(*words, f"{language}.json")
        assert again.result["error"]["message"] == texts["failed.exists"]
    assert len(told) == 2 * len(SPOKEN)
    assert {f"failed.{why}" for why in get_args(Why)} < set(
        catalogue("card_report", "en")
    )


def identity(path: Path) -> tuple[int, ...]:
    """Return what is the same for a file that was not replaced or changed."""
    found = path.lstat()
    return found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns


@pytest.mark.parametrize(
    "make",
    [Path.touch, Path.mkdir, os.mkfifo, lambda path: path.symlink_to("elsewhere")],
)
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


def refused(run: Run, name: str, code: str, said: str) -> None:
    """Have a report refused for a reason, without a file."""
    outcome = run(*REPORT, name)
    assert (outcome.status, outcome.error) == (1, code)
    assert said in outcome.words
    assert not {*map(str, Path().iterdir())} - {"file", "home"}


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
    refused(run, name, "REPORT_FAILED", said)


def test_a_full_disk_or_a_card_that_is_not_there_leaves_no_file(
    run: Run, card: MockCardState, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The card goes while it is read.
    card.set_faults(Fault(FaultName.CARD_PULLED, on=CommandName.READ, skip=8))
    refused(run, "report.json", "CARD_REMOVED", "was taken out")
    refused(run, "report.json", "REPORT_FAILED", "no card in the reader")
    card.insert()

    def fsync(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "fsync", fsync)
    refused(run, "report.json", "REPORT_FAILED", "can't be written")


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


async def asks_nothing(_wrong: bool) -> bytearray:
    raise AssertionError("There is no card on a contactless reader.")


@pytest.mark.parametrize(
    ("there", "why"),
    [
        ([], "no-reader"),
        ([Reader("A")], "no-card"),
        ([Reader("A", ATR), Reader("B", ATR)], "several-cards"),
        ([Reader("A", ATR), Reader("B", mute=True)], "several-cards"),
    ],
)
async def test_the_report_is_of_the_one_card(there: list[Reader], why: Why) -> None:
    with pytest.raises(CardReportError) as raised:
        await read_the_one_card(Readers(*there), asks_nothing)
    assert raised.value.why == why
    with pytest.raises(CardMuteError):
        await read_the_one_card(Readers(Reader("A", mute=True)), asks_nothing)


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


def test_a_card_on_a_contactless_reader_is_read_by_the_can_that_is_typed(
    new_card: NewCard,
) -> None:
    card = new_card("v5", "active")
    words = ("doctor", "--card", "pcsc", "--lang", "en", "--card-report")
    with beside(card.folder, contactless=True) as within:
        refused = subprocess.run(
            within(*KORTILLA, *words, "no.json", "--json"),
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert json.loads(refused.stdout)["error"]["code"] == "PROMPT_FAILED"
        assert not Path("no.json").exists()
        with closing(Terminal(within(*KORTILLA, *words, "report.json"))) as terminal:
            terminal.wait_for("at the bottom right.")
            terminal.answer(("(CAN): ", "111111"))
            terminal.wait_for("The number was wrong.")
            terminal.answer(("(CAN): ", CAN))
            outcome = terminal.outcome()
    assert outcome.status == 0
    report = json.loads(Path("report.json").read_text())
    files = {each["file"]: each for each in report["files"]}
    assert report["complete"] is True
    assert report["pace"] == [
        {"protocol": f"0.4.0.127.0.7.2.2.4.{way}.4", "version": 2, "parameters": 16}
        for way in (6, 2)
    ]
    access = files.pop("3F00011C")
    assert (access["kind"], access["status"]) == ("card-access", "9000")
    assert "06 10 0.4.0.127.0.7.2.2.4.2.4" in " ".join(access["objects"])
    # The selection of the master file would end the channel.
    assert not [name for name in files if name.startswith("3F00")]
    assert all(each["whole"] for each in files.values() if each["status"] == "9000")
    assert report["understood"]["pins"]["PIN1"] == {"triesLeft": 5, "changed": True}
    assert CAN not in Path("report.json").read_text()
    after = card.read()
    assert (after.pin1.tries, after.pin2.tries, after.puk.tries) == (5, 5, 5)
    assert after.wrong_cans == 0
