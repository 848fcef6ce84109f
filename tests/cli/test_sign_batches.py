# SPDX-License-Identifier: MIT
"""``kortilla sign`` of more files than one PIN2 is for, and of files only to pack."""

import asyncio
import contextlib
import errno
import io
import json
import os
import shutil
import subprocess
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer

from kortilla.mock_card.state import MockCardState
from kortilla.signing.asice import MAX_FILES as IN_CONTAINER
from native_host.errors import UserCancelledError
from native_host.files import batches, revocation
from native_host.files.batches import fits_container, plan
from native_host.files.sources import (
    MAX_FILES,
    MAX_PACKED,
    MAX_PDF_BYTES,
    MAX_TOTAL_BYTES,
    Source,
    read_sources,
)
from native_host.files.targets import Target, unwritable
from native_host.pin_prompt.automatic import AutomaticPrompt
from native_host.pin_prompt.model import Answer, PinQuestion
from tests.cli.conftest import NewCard, Run, on_screen
from tests.cli.terminal import KORTILLA, Terminal
from tests.desktop.test_screen import LABEL, takes_keys
from tests.desktop.test_screen import names as names_on
from tests.kortilla.signing_parts import Services, make_pdf
from tests.support import pcsc
from tests.support.patience import patience

pytestmark = pytest.mark.usefixtures("no_copies")

AUTOMATIC = ("--card", "mock", "--prompt", "automatic", "--lang", "en")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(autouse=True)
def card(new_card: NewCard) -> MockCardState:
    return new_card("v5", "active")


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of two files, which take less time than those of twenty."""
    monkeypatch.setattr(batches, "MAX_DOCUMENTS", 2)


def pdfs(folder: Path, count: int) -> list[str]:
    """Make PDFs and return their names."""
    for number in range(count):
        (folder / f"{number}.pdf").write_bytes(make_pdf(f"Sopimus {number}"))
    return [f"{number}.pdf" for number in range(count)]


class Asked:
    """The questions for PIN2. ``at`` is called for the one of that number."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.questions: list[PinQuestion] = []
        self.at: dict[int, Callable[[], object]] = {}
        ask_pin = AutomaticPrompt.ask

        async def ask(prompt: AutomaticPrompt, question: PinQuestion) -> Answer:
            self.questions.append(question)
            if act := self.at.get(len(self.questions)):
                act()
            return await ask_pin(prompt, question)

        patch.setattr(AutomaticPrompt, "ask", ask)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(monkeypatch)


def cancel() -> None:
    raise UserCancelledError


def source(name: str, size: int = 1) -> Source:
    return Source(Path(name), name, size, name.endswith("pdf"))


@pytest.mark.parametrize(
    ("pdfs", "others", "container", "files"),
    [
        (20, 0, False, [20]),
        (100, 0, False, [20, 20, 20, 20, 20]),
        (19, 1, False, [20]),
        (45, 30, False, [20, 20, 5, 30]),
        (0, 100, False, [100]),
        (101, 99, True, [100, 100]),
    ],
)
def test_pdfs_are_divided_and_a_container_is_whole(
    pdfs: int, others: int, container: bool, files: list[int]
) -> None:
    sources = [source(f"{n}.pdf") for n in range(pdfs)]
    sources += [source(f"{n}.txt") for n in range(others)]
    batches = plan(sources, container=container)
    assert [sum(len(p.sources) for p in batch) for batch in batches] == files
    planned = Counter(e for batch in batches for part in batch for e in part.sources)
    assert planned == Counter(sources)
    assert MAX_PACKED == IN_CONTAINER


def test_a_batch_fits_into_memory() -> None:
    large = [source(f"{n}.pdf", MAX_PDF_BYTES) for n in range(5)]
    batches = plan(large, container=False)
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert all(sum(p.size for p in b) <= MAX_TOTAL_BYTES for b in batches)


@pytest.mark.usefixtures("small_batches")
def test_many_files_are_signed_with_one_pin2_for_each_batch(
    run: Run, card: MockCardState, folder: Path, asked: Asked
) -> None:
    names = pdfs(folder, 4)
    (folder / "muistio.txt").write_text("muistio")
    outcome = run("sign", *names, "muistio.txt", *AUTOMATIC, "--progress")
    assert outcome.status == 0
    assert "5 files: PIN2 is asked for 3 times." in outcome.words
    *progress, result = map(json.loads, outcome.lines)
    told = [each["progress"] for each in progress]
    assert [e for e in told if "done" in e] == [
        {"done": done, "total": 5} for done in range(5)
    ]
    batches = [{"batch": number, "batches": 3} for number in (1, 2, 3)]
    assert [e for e in told if "batch" in e] == batches
    assert len(result["files"]) == 5
    assert "failed" not in result
    assert [len(each.documents) for each in asked.questions] == [2, 2, 1]
    shown = [each.batch for each in asked.questions]
    assert [(b.done, b.total) for b in shown if b] == [(0, 3), (1, 3), (2, 3)]
    for name in names:
        said = subprocess.run(
            ["pdfsig", "-nocert", folder / name.replace(".pdf", "-signed.pdf")],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert "Signature is Valid." in said
    assert card.read().pin2.tries == 5


def two_packages(folder: Path) -> list[str]:
    """Make more files than a container holds, and return their names."""
    names = [f"{number}.bin" for number in range(MAX_PACKED + 1)]
    for each in names:
        (folder / each).write_bytes(b"\0")
    return names


def test_a_card_in_a_reader_is_used_again_for_the_next_batch(
    card: MockCardState, folder: Path
) -> None:
    """Over pcscd, at a terminal, after a wrong PIN2 in the second part."""
    words = ("--prompt", "terminal", "--lang", "en", "--card", "pcsc")
    with pcsc.beside(card.folder) as within:
        terminal = Terminal(within(*KORTILLA, "sign", *two_packages(folder), *words))
        with contextlib.closing(terminal):
            for part, pins in ("1", ["123456"]), ("2", ["999999", "123456"]):
                terminal.wait_for(f"Part {part} of 2. Documents to sign: ")
                for pin in pins:
                    terminal.wait_for("(PIN2): ")
                    terminal.type(f"{pin}\r")
            outcome = terminal.outcome()
    assert outcome.status == 0
    made = [each["file"] for each in outcome.result["files"]]
    assert made == ["signed.asice", "100.asice"]
    assert card.read().pin2.tries == 5


def test_the_window_asks_again_for_the_next_batch(folder: Path) -> None:
    """On a real screen, by keyboard. Escape in the second part keeps the first."""
    names = pdfs(folder, 21)
    with on_screen("sign", *names) as (screen, bus, process):
        screen.find_in_front("Kortilla: sign")
        screen.wait_until_shown(lambda: takes_keys(bus, "Sign"))
        screen.type("123456\r")
        second = "Part 2 of 2. Documents to sign: 1"
        screen.wait_until_shown(lambda: second in names_on(bus, LABEL))
        screen.wait_until_shown(lambda: takes_keys(bus, "Sign"))
        screen.type("\x1b")
        output, said = process.communicate(timeout=patience())
    assert b"21 files: PIN2 is asked for 2 times." in said
    result = json.loads(output)
    assert len(result["files"]) == 20
    assert (result["failed"], process.returncode) == (["20.pdf"], 1)


@pytest.mark.usefixtures("small_batches")
def test_what_was_signed_before_a_cancellation_is_kept_and_the_rest_is_said(
    run: Run, folder: Path, asked: Asked
) -> None:
    names = pdfs(folder, 5)
    asked.at[2] = cancel
    outcome = run("sign", *names, *AUTOMATIC)
    assert (outcome.status, outcome.error) == (1, "USER_CANCELLED")
    made = [each["file"] for each in outcome.result["files"]]
    assert made == ["0-signed.pdf", "1-signed.pdf"]
    assert outcome.result["failed"] == names[2:]
    assert {each.name for each in folder.iterdir()} == {*names, *made}
    assert "Not signed: 4.pdf." in outcome.words
    assert len(asked.questions) == 2
    # Nothing was signed, and nothing is kept.
    asked.at[3] = cancel
    outcome = run("sign", *names[2:], *AUTOMATIC)
    assert outcome.error == "USER_CANCELLED"
    assert "files" not in outcome.result


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize(
    ("error", "code"),
    [(asyncio.CancelledError, "USER_CANCELLED"), (ZeroDivisionError, "INTERNAL")],
    ids=["second signal", "a fault of ours"],
)
def test_no_error_loses_a_word_of_what_was_signed(
    run: Run, folder: Path, asked: Asked, error: type[BaseException], code: str
) -> None:
    names = pdfs(folder, 3)

    def end() -> None:
        raise error

    asked.at[2] = end
    outcome = run("sign", *names, *AUTOMATIC)
    assert (outcome.status, outcome.error) == (1, code)
    assert len(outcome.result["files"]) == 2
    assert outcome.result["failed"] == ["2.pdf"]


@pytest.mark.usefixtures("small_batches")
def test_pin2_is_not_asked_for_again_after_a_trouble(
    run: Run, folder: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = pdfs(folder, 5)
    publish = Target.publish

    def fail_once(target: Target, content: bytes) -> Path:
        if target.path.name == "1-signed.pdf":
            raise unwritable(target.path, OSError(errno.EIO, os.strerror(errno.EIO)))
        return publish(target, content)

    monkeypatch.setattr(Target, "publish", fail_once)
    outcome = run("sign", *names, *AUTOMATIC)
    assert (outcome.status, outcome.error) == (1, "FILE_NOT_WRITABLE")
    assert [each["file"] for each in outcome.result["files"]] == ["0-signed.pdf"]
    assert outcome.result["failed"] == names[1:]
    assert len(asked.questions) == 1


@pytest.mark.usefixtures("small_batches")
def test_a_file_that_goes_between_two_batches_ends_the_signing(
    run: Run, folder: Path, asked: Asked
) -> None:
    names = pdfs(folder, 5)
    asked.at[1] = (folder / "3.pdf").unlink
    outcome = run("sign", *names, *AUTOMATIC)
    assert (outcome.status, outcome.error) == (1, "FILE_NOT_SIGNABLE")
    assert "3.pdf: The file can't be read" in outcome.words
    assert len(outcome.result["files"]) == 2
    assert outcome.result["failed"] == names[2:]
    assert len(asked.questions) == 1


@pytest.mark.usefixtures("small_batches")
def test_the_card_of_the_first_batch_signs_the_others(
    run: Run,
    folder: Path,
    asked: Asked,
    new_card: NewCard,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = pdfs(folder, 3)

    async def change_card(sources: Sequence[Source]) -> Any:
        if len(sources) == 1:
            new_card("v4.2", "active")
        return await read_sources(sources)

    monkeypatch.setattr("native_host.files.sign.read_sources", change_card)
    outcome = run("sign", *names, *AUTOMATIC)
    assert (outcome.status, outcome.error) == (1, "CERTIFICATE_MISMATCH")
    assert len(outcome.result["files"]) == 2
    assert len(asked.questions) == 1


def test_more_files_than_can_be_signed_are_refused_whole(
    run: Run, folder: Path, asked: Asked
) -> None:
    names = [f"{number}.txt" for number in range(MAX_FILES + 1)]
    for each in names:
        (folder / each).write_text(each)
    outcome = run("sign", *names, *AUTOMATIC)
    assert (outcome.status, outcome.error) == (1, "INVALID_ARGUMENT")
    assert asked.questions == []
    twice = run("sign", *names[:100], names[0], *AUTOMATIC)
    assert (twice.status, twice.error) == (1, "INVALID_ARGUMENT")
    outcome = run("sign", *names[:MAX_FILES], *AUTOMATIC)
    made = [each["file"] for each in outcome.result["files"]]
    assert made == ["signed.asice", "signed-2.asice"]
    assert [len(each["originals"]) for each in outcome.result["files"]] == [100, 100]
    assert len(asked.questions) == 2


@pytest.mark.parametrize("to_open", ["", "avaa"], ids=["restricted", "encrypted"])
def test_a_restricted_pdf_goes_into_a_container_as_it_is(
    run: Run,
    folder: Path,
    home: Path,
    to_open: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(revocation, "Revocation", lambda **_: Services())
    writer: Any = copy_into_new_writer(PdfFileReader(io.BytesIO(make_pdf("Sopimus"))))
    writer.encrypt(owner_pass="omistaja", user_pass=to_open)
    restricted = folder / "lukittu.pdf"
    with restricted.open("wb") as file:
        writer.write(file)
    refused = run("sign", "lukittu.pdf", *AUTOMATIC)
    assert refused.result["error"]["reason"] == "encrypted"
    assert "With --container, the file is signed as it is" in refused.words
    outcome = run("sign", "lukittu.pdf", "--container", *AUTOMATIC)
    assert [each["file"] for each in outcome.result["files"]] == ["lukittu.asice"]
    with zipfile.ZipFile("lukittu.asice") as container:
        assert container.read("lukittu.pdf") == restricted.read_bytes()
    trust = folder / "trust"
    trust.mkdir()
    for each in (home / ".local/share/kortilla/mock-card").glob("*.der"):
        shutil.copy(each, trust)
    checked = run("verify", "lukittu.asice", "--trust", str(trust))
    [signature] = checked.result["files"][0]["signatures"]
    assert (checked.result["verdict"], signature["intact"]) == ("valid", True)


def test_only_what_a_container_can_hold_is_advised(folder: Path) -> None:
    large = folder / "suuri.pdf"
    for size, fits in ((MAX_TOTAL_BYTES, True), (MAX_TOTAL_BYTES + 1, False)):
        with large.open("wb") as file:
            file.truncate(size)
        assert fits_container(large, "too-long") is fits
    for reason in ("active", "irregular", "shown-differently", "xfa"):
        assert fits_container(large, reason)
    for reason in ("broken", "empty", "gone", "unreadable", "files"):
        assert not fits_container(large, reason)
