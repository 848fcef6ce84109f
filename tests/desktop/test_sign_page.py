# SPDX-License-Identifier: MIT
"""The page that signs files: what it asks for, and what it says of each file."""

import io
import json
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer
from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QCheckBox, QProgressBar, QRadioButton

from native_host.card.mock_source import MockCardSource
from native_host.desktop.card_watch import Cards, ReaderContent
from native_host.desktop.pages import files as files_page
from native_host.desktop.pages import sign as sign_page
from native_host.desktop.pages.card import Page as CardPage
from native_host.desktop.pages.sign import Page
from native_host.desktop.prompts import Command
from native_host.desktop.single_window import PAGES_OF_FILES
from native_host.desktop.texts import Texts
from native_host.desktop.window import Window
from native_host.errors import KortillaError
from native_host.files.sign import sign_own_files
from native_host.files.sources import FILES_FROM_INPUT, MAX_FILES, Wish, given_files
from native_host.operations.request import Context
from native_host.pin_prompt.model import Progress
from tests.desktop.conftest import (
    Open,
    buttons,
    headings,
    hear,
    page_of,
    unnamed,
    until,
    visible,
    words,
)
from tests.kortilla.signing_parts import make_pdf
from tests.pin_prompt.test_window_prompt import scripted
from tests.support import cards
from tests.support.card_statuses import NOW, a_card, failed, status_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(make_pdf("Sopimus"))
    (folder / "b.txt").write_text("muistio")
    return folder


class Commands:
    """The words and files that the page had signed, in place of their windows."""

    def __init__(self) -> None:
        self.given: list[tuple[list[str], list[str]]] = []
        self.result: dict[str, Any] = {}


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    commands = Commands()

    def run(command: Command) -> dict[str, Any]:
        files, _ = command.given.splitlines()
        commands.given.append((command.words, json.loads(files)))
        return commands.result

    monkeypatch.setattr(Command, "run", run)
    return commands


def page_with(window: Window, *files: Path) -> Page:
    window.give_files("sign", files)
    return page_of(window, Page)


def choose(page: Page, words: str) -> None:
    """Press the radio button with these words."""
    [button] = [b for b in visible(page, QRadioButton) if b.text() == words]
    button.click()


def sign(page: Page) -> None:
    [*_, button] = [b for name, b in buttons(page).items() if name.startswith("Sign")]
    button.click()
    until(lambda: not page._busy)


def test_the_foot_says_whose_card_would_sign(open_window: Open, folder: Path) -> None:
    window = open_window()
    window.services.clock = lambda: NOW
    card = page_of(window, CardPage)
    one = ReaderContent("A", True, status_of(a_card()))
    card._show(Cards((one,)))
    page = page_with(window, folder / "a.pdf")
    assert "SPECIMEN-POHJALAINEN Aino" in words(page)
    # Of several cards, the window asks which one is meant.
    card._show(Cards((one, replace(one, name="B"))))
    assert "SPECIMEN-POHJALAINEN Aino" not in words(page)
    card._show(Cards((one, ReaderContent("B", False, status_of(None)))))
    assert "SPECIMEN-POHJALAINEN Aino" in words(page)
    card._show(Cards((ReaderContent("A", True, failed("CARD_MUTE")),)))
    assert "SPECIMEN-POHJALAINEN Aino" not in words(page)


def answer_by_itself(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the real process sign with a mock card, without a window."""
    cards.new_card(home / ".local/share/kortilla/mock-card")
    real = Command.run

    def run(command: Command) -> dict[str, Any]:
        command.words[command.words.index("window")] = "automatic"
        return real(command)

    monkeypatch.setattr(Command, "run", run)


def test_it_runs_the_real_process_and_shows_what_was_made(
    open_window: Open, folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_by_itself(home, monkeypatch)
    opened: list[str] = []

    def open_url(url: QUrl) -> bool:
        opened.append(url.toLocalFile())
        return True

    monkeypatch.setattr(QDesktopServices, "openUrl", open_url)
    window = open_window()
    page = page_with(window, folder / "a.pdf", folder / "b.txt")
    before = {each.name: each.read_bytes() for each in folder.iterdir()}
    assert "Another file · 7 bytes" in words(page)
    sign(page)
    assert {*before} | {"a-signed.pdf", "b.asice"} == {
        each.name for each in folder.iterdir()
    }
    assert all((folder / name).read_bytes() == was for name, was in before.items())
    assert "2 files signed" in headings(page)
    assert unnamed(window) == []
    buttons(page)["Open a-signed.pdf"].click()
    buttons(page)["Show in folder: b.asice"].click()
    assert opened == [str(folder / "a-signed.pdf"), str(folder)]
    buttons(page)["Check a-signed.pdf"].click()
    check = window.pages["check"]
    until(lambda: "a-signed.pdf" in words(check) and len(headings(check)) == 2)


def test_wishes_are_what_is_signed(
    open_window: Open, folder: Path, tmp_path: Path, commands: Commands
) -> None:
    page = page_with(open_window(), folder / "a.pdf", folder / "b.txt")

    def given() -> tuple[Any, ...]:
        sign(page)
        words, files = commands.given[-1]
        assert files == [str(folder / "a.pdf"), str(folder / "b.txt")]
        assert words[:2] == ["sign", "--progress"]
        options = words.index("--prompt")
        assert {"--lang", "en", "window"} <= {*words[options:]}
        return tuple(words[2:options])

    commands.result = {"error": {"code": "USER_CANCELLED"}}
    assert given() == ()
    assert "You cancelled. Nothing was signed." in headings(page)
    [box] = visible(page, QCheckBox)
    box.click()
    choose(page, "On the first page")
    choose(page, "Bottom right")
    page.wishes.put_into(tmp_path)
    assert given() == ("--visible", "1:bottom-right", "--out", str(tmp_path))
    choose(page, "One package")
    buttons(page)["Next to the originals"].click()
    assert given() == ("--container",)
    buttons(page)["Remove a.pdf from the list"].click()
    assert "Where is the signature saved?" not in headings(page)


def test_each_error_names_its_file(
    open_window: Open, folder: Path, commands: Commands
) -> None:
    page = page_with(open_window(), folder / "a.pdf", folder / "b.txt")
    commands.result = {
        "error": {
            "code": "FILE_NOT_SIGNABLE",
            "files": [
                {"file": str(folder / "a.pdf"), "reason": "encrypted"},
                {"file": str(folder / "b.txt"), "reason": "a new one"},
            ],
        }
    }
    sign(page)
    assert "Nothing was signed" in headings(page)
    fault = "a.pdf is encrypted or protected and can’t hold a PDF signature."
    assert fault in words(page)
    assert "b.txt was not signed." in words(page)
    # They stay, for another try.
    commands.result = {
        "files": [{"file": str(folder / "a-signed.pdf")}],
        "failed": [str(folder / "b.txt")],
        "changed": [str(folder / "a.pdf")],
        "error": {"code": "FILE_NOT_WRITABLE"},
    }
    sign(page)
    assert "Signed: 1. Not signed: 1." in headings(page)
    assert any(each.startswith("b.txt can’t be written.") for each in words(page))
    assert any(each.startswith("a.pdf has changed") for each in words(page))
    assert "Remove b.txt from the list" in buttons(page)
    assert "Remove a.pdf from the list" not in buttons(page)


def test_what_can_not_be_signed_is_said_at_once(
    open_window: Open, folder: Path, commands: Commands
) -> None:
    window = open_window()
    page = page_with(window)
    sign(page)
    assert "Choose first which files you want to sign." in words(page)
    assert page.focusWidget() is buttons(page)["Choose files…"]
    page = page_with(window, folder)
    assert "files is not a file that can be signed." in words(page)
    hostile = folder / "a\u202e<b>.txt"
    hostile.touch()
    page = page_with(window, hostile)
    assert "a\\u{202E}<b>.txt" in words(page)
    hostile.unlink()
    sign(page)
    assert "a\\u{202E}<b>.txt is no longer there." in words(page)
    many = [folder / f"{number}.txt" for number in range(MAX_FILES + 1)]
    for each in many:
        each.touch()
    page = page_with(window, *many)
    assert any(each.startswith("At most 200 files") for each in words(page))
    assert commands.given == []


def test_a_restricted_pdf_is_signed_as_a_package_at_once(
    open_window: Open, folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_by_itself(home, monkeypatch)
    writer: Any = copy_into_new_writer(PdfFileReader(io.BytesIO(make_pdf("Sopimus"))))
    writer.encrypt(owner_pass="omistaja", user_pass="")
    with (folder / "c.pdf").open("wb") as file:
        writer.write(file)
    window = open_window()
    page = page_with(window, folder / "a.pdf", folder / "c.pdf")
    sign(page)
    assert "Nothing was signed" in headings(page)
    said = " ".join(words(page))
    assert "c.pdf is encrypted or protected" in said
    assert "You can still sign it in a package" in said
    pack = buttons(page)["Sign as a package"]
    assert unnamed(window) == []
    pack.click()
    until(lambda: not page._busy)
    assert headings(page)[1] == "Signed"
    with zipfile.ZipFile(folder / "signed.asice") as container:
        assert {"a.pdf", "c.pdf"} < set(container.namelist())
        assert container.read("c.pdf") == (folder / "c.pdf").read_bytes()


def test_files_that_come_while_it_signs_wait(
    open_window: Open, folder: Path, commands: Commands
) -> None:
    window = open_window()
    page = page_with(window, folder / "a.pdf")
    commands.result = {"files": [{"file": str(folder / "a-signed.pdf")}]}
    buttons(page)["Sign 1 file"].click()
    page_with(window, folder / "b.txt")
    until(lambda: not page._busy)
    assert "Signed" in headings(page)
    assert "Remove b.txt from the list" in buttons(page)
    assert len(commands.given) == 1


def test_each_error_of_the_command_has_a_sentence() -> None:
    for language in ("fi", "sv", "en"):
        texts = Texts(language)
        for reason in sign_page._REASONS | {"other"}:
            assert "a.pdf" in texts(f"not_signed.{reason}", name="a.pdf")
        assert all(map(texts, sign_page._CODES.values()))


# --- the progress of a batch, and its end by the person


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Twenty PDFs."""
    files = [tmp_path / f"{number}.pdf" for number in range(20)]
    for each in files:
        each.write_bytes(make_pdf("Sopimus"))
    return files


def signing(
    files: list[Path], progressed: Callable[[dict[str, int]], object]
) -> Command:
    """Return the process that signs files without a window."""
    given = given_files(files)
    return Command(
        ("sign", "--progress", *_BY_ITSELF), given=given, progressed=progressed
    )


_SIGN = [sys.executable, "-I", "-m", "native_host.cli", "sign", "--progress"]
_BY_ITSELF = ("--card", "mock", "--prompt", "automatic", "--json", FILES_FROM_INPUT)


def test_a_batch_shows_its_number_and_what_was_signed_before_the_end(
    open_window: Open, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = threading.Event()

    def run(command: Command) -> dict[str, Any]:
        command._progressed({"done": 2, "total": 20})
        stopped.wait()
        made = [{"file": str(each)} for each in files[:3]]
        failed = [str(each) for each in files[3:]]
        error = {"code": "SIGNING_INTERRUPTED"}
        return {"files": made, "failed": failed, "error": error, "changed": []}

    monkeypatch.setattr(Command, "run", run)
    monkeypatch.setattr(Command, "cancel", lambda _: stopped.set())
    window = open_window()
    page = page_with(window, *files)
    buttons(page)["Sign 20 files"].click()
    assert any("signing window" in each for each in words(page))
    until(lambda: "Signing 3/20…" in words(page))
    [bar] = page.findChildren(QProgressBar)
    assert (bar.value(), bar.maximum(), bar.accessibleName()) == (
        2,
        20,
        "Signing 3/20…",
    )
    assert unnamed(window) == []
    # An Enter that was meant for the window with PIN2 stops nothing.
    assert page.focusWidget() is page._progress.words
    buttons(page)["Stop"].click()
    assert "Stopping… The finished signatures are saved." in words(page)
    until(lambda: not page._busy)
    assert "Signed: 3. Not signed: 17." in headings(page)
    assert "17 files were not signed. They are still in the list." in words(page)
    assert "Sign 17 files" in buttons(page)
    assert "Check 2.pdf" in buttons(page)


def test_more_files_than_one_pin2_is_for_are_said_before_and_meanwhile(
    open_window: Open, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def run(command: Command) -> dict[str, Any]:
        command._progressed({"done": 19, "total": 21})
        command._progressed({"batch": 2, "batches": 2})
        begun.set()
        go_on.wait()
        made = [{"file": str(each)} for each in files]
        rest = {"failed": [str(more)], "error": {"code": "USER_CANCELLED"}}
        return {"files": made, **rest, "changed": []}

    monkeypatch.setattr(Command, "run", run)
    more = files[0].with_name("more.pdf")
    more.write_bytes(files[0].read_bytes())
    window = open_window()
    told = hear(window.services, monkeypatch)
    page = page_with(window, *files)
    next_words = "The signature PIN (PIN2) is asked for "
    assert any(each.startswith(f"{next_words}next") for each in words(page))
    page.take([more])
    assert any(each.startswith(f"{next_words}2 times.") for each in words(page))
    assert any(f"{next_words}2 times." in each for each in told)
    choose(page, "One package")
    assert any(each.startswith(f"{next_words}next") for each in words(page))
    choose(page, "PDF with the signature")
    buttons(page)["Sign 21 files"].click()
    begun.wait()
    part = "Part 2 of 2: go on in Kortilla’s signing window."
    until(lambda: any(each.startswith(part) for each in words(page)))
    go_on.set()
    until(lambda: not page._busy)
    assert "Signed: 20. Not signed: 1." in headings(page)
    assert "Remove more.pdf from the list" in buttons(page)


def test_the_real_process_says_each_number(
    open_window: Open, files: list[Path], home: Path
) -> None:
    cards.new_card(home / ".local/share/kortilla/mock-card")
    said: list[dict[str, int]] = []
    result = signing(files[:3], said.append).run()
    assert said == [{"done": done, "total": 3} for done in range(3)]
    assert len(result["files"]) == 3


def test_a_signing_goes_on_when_nobody_reads_of_it(
    files: list[Path], home: Path
) -> None:
    cards.new_card(home / ".local/share/kortilla/mock-card")
    with subprocess.Popen(
        [*_SIGN, *_BY_ITSELF],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdout.close()
        process.stdin.write(given_files(files[:3]))
        process.stdin.close()
        assert b"Traceback" not in process.stderr.read()
    assert len([*files[0].parent.glob("*-signed.pdf")]) == 3


@pytest.mark.parametrize("most", [0, 20])
def test_a_signing_ends_quietly_when_the_window_goes_while_it_asks(
    most: int, files: list[Path]
) -> None:
    done = subprocess.run(
        [*_SIGN, *_BY_ITSELF],
        input=given_files(files[:1])[:most],
        capture_output=True,
        check=False,
    )
    assert json.loads(done.stdout)["error"]["code"] == "USER_CANCELLED"
    assert b"Traceback" not in done.stderr


def test_a_process_that_is_ended_at_once_is_a_cancellation(
    files: list[Path], home: Path
) -> None:
    cards.new_card(home / ".local/share/kortilla/mock-card")
    command = signing(files[:1], print)
    command.cancel()
    assert command.run() == {"error": {"code": "USER_CANCELLED"}}
    assert not [*files[0].parent.glob("*signed*")]


async def test_a_batch_that_is_stopped_keeps_what_was_signed(
    files: list[Path], tmp_path: Path
) -> None:
    card = cards.new_card(tmp_path / "card")
    typist = """
opened = hear(); say(type='visible')
for line in sys.stdin:
    message = json.loads(line)
    if message['type'] == 'ask-pin':
        say(type='pin', number=message['number'], digits='123456')
"""
    async with scripted(typist) as (prompt, _), MockCardSource(card.folder) as source:

        def stop(_word: str, progress: Progress | None) -> None:
            if progress and progress.done == 3:
                assert prompt.cancel()

        wish = Wish(files=tuple(files), language="en")
        outcome = await sign_own_files(Context(source, prompt, stop), wish)
    made = [each.path.name for each in outcome.made]
    assert made == ["0-signed.pdf", "1-signed.pdf", "2-signed.pdf"]
    assert len(outcome.failed) == 17


# Encryption needs nothing of the extra.
@pytest.mark.parametrize("name", sorted({*PAGES_OF_FILES} - {"encrypt"}))
def test_without_the_library_it_says_what_is_missing(
    open_window: Open,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    def check_library() -> None:
        raise KortillaError("pyhanko is missing", code="TOOL_MISSING")

    monkeypatch.setattr(files_page, "check_library", check_library)
    window = open_window()
    window.give_files(name, [tmp_path / "a.pdf"])
    page = window.pages[name]
    assert "This computer lacks a part of Kortilla." in words(page)
    assert any("has to be installed again" in each for each in words(page))
    assert buttons(page) == {}
