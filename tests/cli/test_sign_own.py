# SPDX-License-Identifier: MIT
"""``kortilla sign`` of the person's own files, without a service."""

import io
import os
import resource
import signal
import subprocess
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from kortilla.mock_card.faults import Fault
from kortilla.mock_card.state import MockCardState
from kortilla.signing.verification.document import MAX_BYTES
from native_host.files.sources import MAX_TOTAL_BYTES
from native_host.pin_prompt.automatic import AutomaticPrompt
from native_host.pin_prompt.model import Answer, PinQuestion
from tests.cli.conftest import NewCard, Run
from tests.kortilla.signing_parts import make_pdf

pytestmark = pytest.mark.usefixtures("no_copies")

AUTOMATIC = ("--card", "mock", "--prompt", "automatic", "--lang", "en")
TITLE = "Kortilla: sign"
SCRIPT = "/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>"
DIFFERENT = "shown-differently", "paper"
XFA = "/AcroForm<</XFA[(a)(b)]/Fields[]>>"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present folder, with two PDFs and two other files."""
    folder = tmp_path / "files"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "sopimus.pdf").write_bytes(make_pdf("Sopimus", pages=2))
    (folder / "liite.PDF").write_bytes(make_pdf("Liite"))
    (folder / "muistio.txt").write_text("muistio")
    (folder / "kuva.bin").write_bytes(bytes(range(256)))
    return folder


@pytest.fixture(autouse=True)
def card(new_card: NewCard) -> MockCardState:
    return new_card("v5", "active")


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def pdfsig(path: Path) -> list[str]:
    """Return what poppler says of each signature."""
    said = subprocess.run(
        ["pdfsig", "-nocert", path], capture_output=True, text=True, check=False
    ).stdout
    return [
        line.partition(": ")[2]
        for line in said.splitlines()
        if "Signature Validation" in line or "document signed" in line
    ]


def test_pdfs_are_signed_each_and_other_files_together(
    run: Run, card: MockCardState, folder: Path
) -> None:
    before = {name: (folder / name).read_bytes() for name in names(folder)}
    outcome = run("sign", *sorted(before), *AUTOMATIC, "--visible", "last:20,20")
    assert outcome.status == 0
    made = {each["file"]: each for each in outcome.result["files"]}
    assert set(made) == {"sopimus-signed.pdf", "liite-signed.pdf", "signed.asice"}
    assert made["signed.asice"]["originals"] == ["kuva.bin", "muistio.txt"]
    assert {each["level"] for each in made.values()} == {"B-B"}
    assert names(folder) == set(before) | set(made)
    for name, content in before.items():
        assert (folder / name).read_bytes() == content
    for name in ("sopimus-signed.pdf", "liite-signed.pdf"):
        whole, valid = pdfsig(folder / name)
        assert (whole, valid) == ("", "Signature is Valid.")
    [shown] = PdfFileReader(
        io.BytesIO((folder / "sopimus-signed.pdf").read_bytes())
    ).embedded_signatures
    assert shown.sig_field["/Rect"] == [57, 57, 255, 113]
    with zipfile.ZipFile(folder / "signed.asice") as container:
        for name in ("kuva.bin", "muistio.txt"):
            assert container.read(name) == before[name]
    assert card.read().pin2.tries == 5
    again = run("sign", "sopimus.pdf", *AUTOMATIC, json=False)
    assert "Signed: sopimus-signed-2.pdf (B-B)" in again.lines
    assert "{" not in again.words
    # A second signature leaves the first one valid.
    run("sign", "sopimus-signed.pdf", *AUTOMATIC, "-o", "both.pdf")
    assert pdfsig(folder / "both.pdf").count("Signature is Valid.") == 2


def test_all_files_go_into_one_container_and_a_folder_of_the_persons_choice(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    chosen = ("sopimus.pdf", "muistio.txt", "--container", "-o", str(out))
    outcome = run("sign", *chosen, *AUTOMATIC, "--lang", "fi")
    assert [each["file"] for each in outcome.result["files"]] == [
        str(out / "allekirjoitettu.asice")
    ]
    with zipfile.ZipFile(out / "allekirjoitettu.asice") as container:
        assert {"sopimus.pdf", "muistio.txt"} < set(container.namelist())
    # Again: nothing is overwritten.
    again = run("sign", *chosen, *AUTOMATIC, "--lang", "fi")
    assert [each["file"] for each in again.result["files"]] == [
        str(out / "allekirjoitettu-2.asice")
    ]
    assert names(folder) == {"sopimus.pdf", "liite.PDF", "muistio.txt", "kuva.bin"}


def test_files_of_one_name_are_told_apart_but_not_in_a_container(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    paths = []
    for number in "12":
        (folder / number).mkdir()
        paths.append(f"{number}/sama.pdf")
        (folder / paths[-1]).write_bytes(make_pdf(number))
    outcome = run("sign", *paths, *AUTOMATIC, "-o", str(tmp_path))
    made = [Path(each["file"]).name for each in outcome.result["files"]]
    assert made == ["sama-signed.pdf", "sama-signed-2.pdf"]
    refused = run("sign", *paths, *AUTOMATIC, "--container")
    assert (refused.status, refused.error) == (1, "FILE_NOT_SIGNABLE")
    assert "1/sama.pdf: " in refused.words
    assert "2/sama.pdf: " in refused.words
    twice = run("sign", paths[0], f"./{paths[0]}", *AUTOMATIC)
    assert (twice.status, twice.error) == (1, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("name", "content", "reason", "said"),
    [
        ("xfa.pdf", make_pdf(catalog=XFA), "xfa", "XFA"),
        ("ohjelma.pdf", make_pdf(catalog=SCRIPT), "active", "program"),
        ("salkku.pdf", make_pdf(catalog="/Collection<<>>"), *DIFFERENT),
        ("virhe.pdf", make_pdf(") Tj --1 w ("), "irregular", "different"),
        ("rikki.pdf", make_pdf()[:150], "broken", "PDF"),
        ("tyhja.pdf", b"", "empty", "empty"),
        ("suuri.pdf", 200_000_000, "too-long", "100 MB"),
        ("suuri.bin", 200_000_000, "too-long", "100 MB"),
        ("suurehko.pdf", 50_000_001, "too-long", "50 MB"),
        ("nimi:kaksi.txt", b"x", "files", "name"),
    ],
)
def test_a_file_that_can_not_be_signed_is_named_and_nothing_is_written(
    run: Run,
    card: MockCardState,
    folder: Path,
    name: str,
    content: bytes | int,
    reason: str,
    said: str,
) -> None:
    with (folder / name).open("wb") as file:
        if isinstance(content, int):
            file.truncate(content)
        else:
            file.write(content)
    before = names(folder)
    outcome = run("sign", "sopimus.pdf", name, *AUTOMATIC)
    assert (outcome.status, outcome.error) == (1, "FILE_NOT_SIGNABLE")
    assert f"{name}: " in outcome.words
    assert outcome.result["error"]["reason"] == reason
    assert said in outcome.result["error"]["message"]
    assert names(folder) == before
    assert card.read().pin2.tries == 5
    # The largest that can be signed can be verified.
    assert MAX_TOTAL_BYTES + 20_000_000 <= MAX_BYTES


def test_a_pipe_does_not_hang_and_a_hostile_name_does_not_garble(
    run: Run, folder: Path
) -> None:
    os.mkfifo(folder / "putki")
    outcome = run("sign", "putki", *AUTOMATIC)
    assert (outcome.status, outcome.error) == (1, "FILE_NOT_SIGNABLE")
    # A file that is longer than it says.
    both = ("sopimus.pdf", "/proc/self/status", "-o", str(folder))
    outcome = run("sign", *both, *AUTOMATIC)
    assert outcome.result["error"]["files"] == [
        {"file": "/proc/self/status", "reason": "changed"}
    ]
    hostile = "a\x1b[2J\u202efdp.pdf"
    (folder / hostile).write_bytes(b"")
    outcome = run("sign", hostile, *AUTOMATIC)
    [line] = outcome.lines
    assert "a\\u{1B}[2J\\u{202E}fdp.pdf: The file is empty." in outcome.words
    assert (outcome.words + line).replace("\n", "").isprintable()


def test_a_place_that_can_not_be_written_is_named_before_pin2(
    run: Run, card: MockCardState, folder: Path
) -> None:
    outcome = run("sign", "sopimus.pdf", *AUTOMATIC, "-o", "/proc")
    assert (outcome.status, outcome.error) == (1, "FILE_NOT_WRITABLE")
    assert "/proc/sopimus-signed.pdf" in outcome.words
    (folder / "olemassa.pdf").write_bytes(b"mine")
    outcome = run("sign", "sopimus.pdf", *AUTOMATIC, "-o", "olemassa.pdf")
    assert (outcome.status, outcome.error) == (1, "INVALID_ARGUMENT")
    assert (folder / "olemassa.pdf").read_bytes() == b"mine"
    assert card.read().pin2.tries == 5


def test_a_disk_without_room_is_noticed_before_pin2(
    run: Run, card: MockCardState, folder: Path
) -> None:
    before = names(folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        outcome = run("sign", "sopimus.pdf", *AUTOMATIC)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (outcome.status, outcome.error) == (1, "FILE_NOT_WRITABLE")
    assert "sopimus-signed.pdf can't be written: File too large." in outcome.words
    assert names(folder) == before
    assert card.read().pin2.tries == 5


def test_what_was_signed_before_an_interruption_is_written(
    run: Run, card: MockCardState, folder: Path
) -> None:
    card.set_faults(Fault("card-pulled", on="sign", skip=1))
    outcome = run("sign", "sopimus.pdf", "liite.PDF", "kuva.bin", *AUTOMATIC)
    assert (outcome.status, outcome.error) == (1, "SIGNING_INTERRUPTED")
    assert [each["file"] for each in outcome.result["files"]] == ["sopimus-signed.pdf"]
    assert outcome.result["failed"] == ["liite.PDF", "kuva.bin"]
    assert pdfsig(folder / "sopimus-signed.pdf")[1] == "Signature is Valid."
    assert len(names(folder)) == 5


def test_a_file_that_is_not_there_is_refused(run: Run, folder: Path) -> None:
    before = names(folder)
    outcome = run("sign", "sopimus.pdf", "missing.pdf", *AUTOMATIC)
    assert (outcome.status, outcome.error) == (1, "FILE_NOT_SIGNABLE")
    [refused] = outcome.result["error"]["files"]
    assert refused == {"file": "missing.pdf", "reason": "unreadable"}
    assert names(folder) == before


class _Refusing(BaseHTTPRequestHandler):
    """A time-stamping service that refuses, or during which the person cancels."""

    person_cancels = False

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.person_cancels:
            os.kill(os.getpid(), signal.SIGINT)
            self.rfile.read()  # until the program hangs up
        self.send_response(503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("cancels", [False, True])
def test_a_time_stamping_service_that_fails_costs_no_signature(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, cancels: bool
) -> None:
    monkeypatch.setattr(_Refusing, "person_cancels", cancels)
    with HTTPServer(("127.0.0.1", 0), _Refusing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            address = f"http://127.0.0.1:{server.server_port}/"
            outcome = run("sign", "sopimus.pdf", *AUTOMATIC, "--tsa", address)
        finally:
            server.shutdown()
            thread.join()
    assert outcome.status == 0
    [made] = outcome.result["files"]
    assert made["level"] == "B-B"
    assert made["shortfall"] == (
        "The time-stamping service was not waited for."
        if cancels
        else "The time-stamping service gave no timestamp that can be used."
    )
    assert pdfsig(folder / "sopimus-signed.pdf")[1] == "Signature is Valid."


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "sopimus.pdf --level t",
        "sopimus.pdf --level b --tsa https://tsa.example",
        "sopimus.pdf --level lt --tsa https://tsa.example",
        "sopimus.pdf --level lta --trust .",
        "sopimus.pdf --tsa ftp://tsa.example",
        "sopimus.pdf --visible 0:1,1",
        "sopimus.pdf --visible 1:1,1,0,5",
        "sopimus.pdf --visible 1:9000,1",
        "sopimus.pdf --visible last:left",
        "sopimus.pdf --hash AAAA",
        "sopimus.pdf --origin https://service.example -o x",
    ],
)
def test_wrong_usage_is_status_2(run: Run, arguments: str) -> None:
    outcome = run("sign", *arguments.split(), *AUTOMATIC)
    assert (outcome.status, outcome.error) == (2, "INVALID_ARGUMENT")


def test_without_the_extra_it_says_what_is_missing(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = names(folder)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    outcome = run("sign", "sopimus.pdf", *AUTOMATIC)
    assert (outcome.status, outcome.error) == (1, "TOOL_MISSING")
    assert "pipx install '.[host,signing]'" in outcome.words
    monkeypatch.setattr("kortilla.common.imports.is_packaged", lambda: True)
    outcome = run("sign", "sopimus.pdf", *AUTOMATIC)
    assert (outcome.status, outcome.error) == (1, "TOOL_MISSING")
    assert "sudo apt --fix-broken install" in outcome.words
    assert "pip" not in outcome.words
    assert names(folder) == before


def test_what_was_shown_is_signed_though_the_file_changes(
    run: Run, card: MockCardState, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = folder / "sopimus.pdf"
    shown = original.read_bytes()
    ask_pin = AutomaticPrompt.ask

    async def change_first(prompt: AutomaticPrompt, question: PinQuestion) -> Answer:
        original.write_bytes(make_pdf("Something else"))
        return await ask_pin(prompt, question)

    monkeypatch.setattr(AutomaticPrompt, "ask", change_first)
    outcome = run("sign", "sopimus.pdf", *AUTOMATIC)
    assert outcome.status == 0
    assert outcome.result["changed"] == ["sopimus.pdf"]
    signed = folder / "sopimus-signed.pdf"
    assert signed.read_bytes().startswith(shown)
    assert pdfsig(signed)[1] == "Signature is Valid."
    assert card.read().pin2.tries == 5
