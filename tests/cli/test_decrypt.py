# SPDX-License-Identifier: MIT
"""``kortilla decrypt`` with hostile files, with trouble, and over pcscd.

``tests/cli/test_encrypt.py`` has what works, ``test_letters.py`` mails.
"""

import contextlib
import errno
import json
import os
import resource
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from asn1crypto import cms, pem

from kortilla.encryption import CertificateRecipient, PasswordRecipient, Recipient
from kortilla.encryption import encrypt as encrypt_message
from kortilla.mock_card.faults import CommandName, Fault, FaultName
from kortilla.mock_card.state import MockCardState
from native_host.files.decrypt import decrypt_with_password
from native_host.files.encrypt import StoppedError, encrypt_files, typed_password
from native_host.files.letters import plain_name
from native_host.files.targets import Target
from tests.cli.conftest import NewCard, Outcome, Run, on_screen
from tests.cli.terminal import KORTILLA, Terminal
from tests.desktop.test_screen import LABEL, takes_keys
from tests.desktop.test_screen import names as names_on
from tests.kortilla.encryption.keys import openssl, with_recipients
from tests.support import pcsc
from tests.support.patience import patience

AUTOMATIC = ("--card", "mock", "--prompt", "automatic", "--lang", "en")
CONTENT = bytes(range(256)) * 1000
PASSWORD = PasswordRecipient("ABCD-EFGH-JKLM-NPQR-STUV")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def card(new_card: NewCard) -> MockCardState:
    return new_card("v5", "active")


def recipient(state: MockCardState) -> CertificateRecipient:
    """Return the holder of a card's last authentication key: RSA where it has one."""
    keys = [each for each in state.read().keys if each.reference in {1, 0x1B}]
    return CertificateRecipient.from_der(keys[-1].certificate)


def message(*recipients: Recipient, content: bytes = CONTENT) -> bytes:
    sink = BytesIO()
    encrypt_message(content, sink, recipients)
    return sink.getvalue()


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def reasons(outcome: Outcome) -> list[str]:
    return [each["reason"] for each in outcome.result["error"]["files"]]


def _many(card: MockCardState) -> bytes:
    whole = message(recipient(card))
    [info] = cms.ContentInfo.load(whole)["content"]["recipient_infos"]
    return with_recipients(whole, info.dump() * 10_000)


def _unknown_cipher(card: MockCardState) -> bytes:
    known = bytes.fromhex("060960864801650304012e")  # aes256-GCM
    whole = message(recipient(card))
    assert whole.count(known) == 1
    return whole.replace(known, known[:-1] + b"\x7f")


def _unknown_agreement(card: MockCardState) -> bytes:
    known = bytes.fromhex("06062b810401 0b02")  # dhSinglePass-stdDH-sha384kdf
    whole = message(recipient(card))
    assert whole.count(known) == 1
    return whole.replace(known, known[:-1] + b"\x7f")


HOSTILE: dict[str, tuple[Callable[[MockCardState], bytes], str]] = {
    "other": (lambda _: CONTENT, "not-encrypted"),
    "empty": (lambda _: b"", "not-encrypted"),
    "cut": (lambda card: message(recipient(card))[:-30], "not-encrypted"),
    "more": (lambda card: message(recipient(card))[:-2] + b"\x04\x00", "not-encrypted"),
    "octets after it": (lambda card: message(recipient(card)) + b"\0", "trailing-data"),
    "two": (lambda card: message(recipient(card)) * 2, "trailing-data"),
    "huge": (lambda _: b"\x30\x88" + b"\x7f" * 8 + CONTENT, "not-encrypted"),
    "nested": (lambda _: b"\x30\x80" * 100_000, "unsupported"),
    "10,000 recipients": (_many, "unsupported"),
    "cipher": (_unknown_cipher, "unsupported"),
    "agreement": (_unknown_agreement, "unsupported"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_refused_without_pin1(
    run: Run, card: MockCardState, folder: Path, kind: str
) -> None:
    make, reason = HOSTILE[kind]
    bad = folder / "bad.pdf.p7m"
    bad.write_bytes(make(card))
    assert refusal(run, card, bad) == reason


def refusal(run: Run, card: MockCardState, bad: Path) -> str:
    """Return why a file is refused, without PIN1 and with nothing beside it."""
    card.set_faults(Fault(FaultName.MUTE, on=CommandName.VERIFY))
    outcome = run("decrypt", bad.name, *AUTOMATIC)
    assert (outcome.status, outcome.error) == (1, "FILE_NOT_DECRYPTABLE")
    assert names(bad.parent) == {bad.name}
    [reason] = reasons(outcome)
    return reason


def test_a_message_in_a_message_is_a_file_as_any_other(
    run: Run, card: MockCardState, folder: Path
) -> None:
    inner = message(recipient(card))
    (folder / "a.p7m.p7m").write_bytes(message(recipient(card), content=inner))
    assert run("decrypt", "a.p7m.p7m", *AUTOMATIC).status == 0
    assert (folder / "a.p7m").read_bytes() == inner
    assert names(folder) == {"a.p7m", "a.p7m.p7m"}


def test_trouble_with_the_card_leaves_nothing(
    run: Run, new_card: NewCard, folder: Path
) -> None:
    card = new_card("v5", "pin1-blocked")
    (folder / "a.pdf.p7m").write_bytes(message(recipient(card)))
    outcome = run("decrypt", "a.pdf.p7m", *AUTOMATIC)
    assert (outcome.status, outcome.error) == (1, "PIN_BLOCKED")
    with card.update() as data:
        data.pin1.tries = 5
    for name in (FaultName.CARD_PULLED, FaultName.MUTE, FaultName.NO_DIAGNOSIS):
        card.set_faults(Fault(name, on=CommandName.DECIPHER))
        assert run("decrypt", "a.pdf.p7m", *AUTOMATIC).status == 1
        card.insert()
        assert names(folder) == {"a.pdf.p7m"}
    card.set_faults()
    assert run("decrypt", "a.pdf.p7m", *AUTOMATIC).status == 0
    assert (folder / "a.pdf").read_bytes() == CONTENT


@pytest.mark.parametrize("command", ["encrypt", "decrypt"])
def test_a_full_disk_leaves_nothing(
    run: Run, card: MockCardState, folder: Path, command: str
) -> None:
    name = {"encrypt": "a.pdf", "decrypt": "a.pdf.p7m"}[command]
    options = {"encrypt": ("--recovery-password",), "decrypt": AUTOMATIC}[command]
    content = message(recipient(card)) if command == "decrypt" else CONTENT
    (folder / name).write_bytes(content)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        outcome = run(command, name, *options)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (outcome.status, outcome.error) == (1, "FILE_NOT_WRITABLE")
    assert reasons(outcome) == ["unwritable"]
    assert names(folder) == {name}


@pytest.mark.parametrize("command", ["encrypt", "decrypt"])
def test_a_disk_that_fails_is_the_one_of_the_new_file(
    run: Run,
    card: MockCardState,
    folder: Path,
    command: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same error of the original says that this can't be read."""
    name = {"encrypt": "a.pdf", "decrypt": "a.pdf.p7m"}[command]
    options = {"encrypt": ("--recovery-password",), "decrypt": AUTOMATIC}[command]
    content = message(recipient(card)) if command == "decrypt" else CONTENT
    (folder / name).write_bytes(content)

    class Failing(BytesIO):
        def write(self, _: object) -> int:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Target, "open", lambda _: Failing())
    outcome = run(command, name, *options)
    assert (outcome.status, outcome.error) == (1, "FILE_NOT_WRITABLE")
    assert reasons(outcome) == ["unwritable"]
    assert names(folder) == {name}


def test_an_original_on_a_disk_that_fails_is_not_readable(
    run: Run, folder: Path
) -> None:
    """The first page of a process's memory is not there, and gives that error.

    That of this process belongs to root, once a command has protected it.
    """
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as other:
        original = f"/proc/{other.pid}/mem"
        outcome = run("encrypt", original, "--recovery-password", "-o", str(folder))
    assert (outcome.status, outcome.error) == (1, "FILE_NOT_READABLE")
    assert "Input/output error" in outcome.result["error"]["message"]
    assert names(folder) == set()


def test_too_many_files_are_refused_at_once(run: Run) -> None:
    outcome = run("decrypt", *["a.p7m"] * 201, *AUTOMATIC)
    assert outcome.error == "INVALID_ARGUMENT"


def test_a_folder_that_can_not_be_written_is_named(run: Run, folder: Path) -> None:
    (folder / "a.pdf").write_bytes(CONTENT)
    words = ("encrypt", "a.pdf", "--recovery-password", "-o")
    assert run(*words, "/proc").error == "FILE_NOT_WRITABLE"
    assert run(*words, "missing/a").error == "FILE_NOT_WRITABLE"


def test_out_is_a_file_for_one_and_a_folder_for_several(
    run: Run, folder: Path, card: MockCardState
) -> None:
    for name in ("a.txt", "b.txt"):
        (folder / name).write_bytes(CONTENT)
    (folder / "out").mkdir()
    sealing = ("--own-card", "--unchecked", "--card", "mock", "-o")
    for words in (("encrypt", *sealing), ("decrypt", *AUTOMATIC, "-o")):
        command, *options = words
        suffix = ".p7m" if command == "decrypt" else ""
        new = f"new{'' if suffix else '.p7m'}"
        files = [f"a.txt{suffix}", f"b.txt{suffix}"]
        assert run(command, files[0], *options, new).result["files"][0]["file"] == new
        assert run(command, files[0], *options, new).error == "INVALID_ARGUMENT"
        assert run(command, *files, *options, "other").error == "INVALID_ARGUMENT"
        made = run(command, *files, *options, "out").result["files"]
        assert {Path(each["file"]).parent.name for each in made} == {"out"}
        if command == "encrypt":
            run(command, *files, *options[:-1])
    assert (folder / "new").read_bytes() == CONTENT


def test_no_file_has_a_name_before_it_is_whole(folder: Path) -> None:
    """While it works, and if it is stopped, nothing is there to be found."""
    (folder / "a.pdf").write_bytes(CONTENT)
    seen: list[tuple[int, int]] = []

    def look(done: int, total: int) -> None:
        # At the end it has its name already.
        assert done == total or names(folder) == before
        seen.append((done, total))

    before = names(folder)
    encrypt_files([folder / "a.pdf"], [PASSWORD], progressed=look)
    encrypted = folder / "a.pdf.p7m"
    before = names(folder)
    decrypt_with_password([encrypted], PASSWORD.password, progressed=look)
    assert len(seen) > 4
    assert seen == sorted(seen, key=lambda each: (each[1], each[0]))
    stop, before = threading.Event(), names(folder)
    for work in (
        lambda: encrypt_files([folder / "a.pdf"], [PASSWORD], stop=stop),
        lambda: decrypt_with_password([encrypted], PASSWORD.password, stop=stop),
    ):
        stop.set()
        with pytest.raises(StoppedError):
            work()
        assert names(folder) == before


KILLED = """
import sys
from pathlib import Path
from native_host.files import targets
from native_host.files.decrypt import decrypt_with_password
kind, path, password = sys.argv[1:]
if kind == "hidden":
    targets.system.open_unnamed = lambda *_: None
def stay(done, total):
    print(flush=True)
    sys.stdin.read()
decrypt_with_password([Path(path)], password, progressed=stay)
"""


@pytest.mark.parametrize("kind", ["unnamed", "hidden"])
def test_a_program_that_is_killed_leaves_nothing_decrypted(
    folder: Path, kind: str
) -> None:
    """What a file system without unnamed files keeps goes with the next decryption."""
    path = folder / "a.pdf.p7m"
    path.write_bytes(message(PASSWORD))
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, kind, path, PASSWORD.password],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    with process:
        process.stdout.readline()
        process.kill()
    left = names(folder) - {"a.pdf.p7m"}
    assert len(left) == (0 if kind == "unnamed" else 1)
    for name in left:
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    decrypt_with_password([path], PASSWORD.password)
    assert names(folder) == {"a.pdf", "a.pdf.p7m"}


@pytest.mark.parametrize("form", ["plain", "template"])
def test_openssl_writes_for_a_card_in_a_reader_and_pin1_opens(
    mock_card: MockCardState, folder: Path, form: str
) -> None:
    """Over pcscd, at a terminal, after a wrong PIN1; once for several files."""
    with mock_card.update() as data:
        data.key_agreement = "template" if form == "template" else "plain"
    certificate = pem.armor("CERTIFICATE", recipient(mock_card).der)
    (folder / "certificate.pem").write_bytes(certificate)
    written = openssl(
        *("-encrypt", "-binary", "-aes-256-gcm", "-outform", "DER"),
        *("-recip", "certificate.pem"),
        content=CONTENT,
    )
    (folder / "theirs.bin.p7m").write_bytes(written)
    (folder / "ours.bin.p7m").write_bytes(message(recipient(mock_card)))
    files = ["theirs.bin.p7m", "ours.bin.p7m"]
    words = ("--prompt", "terminal", "--lang", "en", "--card", "pcsc")
    (folder / "own.bin").write_bytes(CONTENT)
    own = ("encrypt", "own.bin", "--own-card", "--card", "pcsc")
    with pcsc.beside(mock_card.folder) as within, contextlib.ExitStack() as stack:

        def start(*command: str) -> Terminal:
            terminal = Terminal(within(*KORTILLA, *command))
            return stack.enter_context(contextlib.closing(terminal))

        # One after the other: each wants the card for itself.
        assert start(*own).outcome().status == 0
        terminal = start("decrypt", *files, *words)
        for shown in ("You open this encrypted file:", "theirs.bin.p7m (+1)", "PIN1"):
            terminal.wait_for(shown)
        terminal.type("9999\r")
        terminal.wait_for("PIN1")
        assert mock_card.read().pin1.tries == 4
        terminal.type("1234\r")
        outcome = terminal.outcome()
    assert outcome.status == 0
    assert [each["file"] for each in outcome.result["files"]] == [
        *("theirs.bin", "ours.bin"),
    ]
    for name in ("theirs.bin", "ours.bin"):
        assert (folder / name).read_bytes() == CONTENT
    assert mock_card.read().pin1.tries == 5
    keys = [each for each in mock_card.read().keys if each.reference in {1, 0x1B}]
    (folder / "key.der").write_bytes(keys[-1].private_key)
    plain = openssl(
        *("-decrypt", "-binary", "-inform", "DER", "-recip", "certificate.pem"),
        *("-inkey", "key.der", "-keyform", "DER"),
        content=(folder / "own.bin.p7m").read_bytes(),
    )
    assert plain == CONTENT


def test_the_window_names_the_file_and_takes_pin1_by_keyboard(
    card: MockCardState, folder: Path
) -> None:
    """On a real screen, and to a screen reader."""
    (folder / "kirje.pdf.p7m").write_bytes(message(recipient(card)))
    with on_screen("decrypt", "kirje.pdf.p7m") as (screen, bus, process):
        screen.find_in_front("Kortilla: open an encrypted file")
        screen.wait_until_shown(lambda: takes_keys(bus, "Open the file"))
        said = " ".join(names_on(bus, LABEL))
        assert "kirje.pdf.p7m" in said
        assert "Your card decrypts the file." in said
        screen.type("1234\r")
        output, _ = process.communicate(timeout=patience())
    assert process.returncode == 0
    assert json.loads(output)["files"][0]["file"] == "kirje.pdf"
    assert (folder / "kirje.pdf").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("a.pdf.p7m", "a.pdf"),
        ("A.PDF.P7M", "A.PDF"),
        ("smime.p7m", "smime"),
        ("a.txt.p7c", "a.txt"),
        (".p7m", ".p7m"),
        ("..p7m", "..p7m"),
        ("...p7m", "...p7m"),
        ("a.p7m.p7m", "a.p7m"),
        ("a.der", "a.der"),
        ("a.pdf.pem", "a.pdf"),
    ],
)
def test_a_decrypted_file_is_named_as_it_was(name: str, plain: str) -> None:
    assert plain_name(name) == plain


@pytest.mark.parametrize("name", ["..p7m", "...p7m"])
def test_nothing_is_decrypted_beside_the_folder(
    run: Run, folder: Path, card: MockCardState, name: str
) -> None:
    (folder / name).write_bytes(message(recipient(card)))
    (folder / "out").mkdir()
    before = names(folder.parent)
    for options in ((), ("--out", "out")):
        assert run("decrypt", name, *options, *AUTOMATIC).status == 0
    assert len(names(folder)) == 3
    assert names(folder / "out") == {name}
    assert names(folder.parent) == before


def test_a_mails_content_is_named_so_that_a_mail_program_opens_it(
    run: Run, folder: Path, card: MockCardState
) -> None:
    mail = b"Content-Type: text/html\r\n\r\n<p>Hei"
    for name in ("smime.p7m", "kirje.txt.p7m"):
        (folder / name).write_bytes(message(recipient(card), content=mail))
        assert run("decrypt", name, *AUTOMATIC).status == 0
    assert names(folder) >= {"smime.eml", "kirje.txt"}


def test_the_longest_names_fit(run: Run, folder: Path, card: MockCardState) -> None:
    for name in ("a" * 255, "b." + "c" * 253, "ä" * 127):
        (folder / name).write_bytes(b"x")
        made = run("encrypt", name, "--own-card", *AUTOMATIC[:2])
        assert made.status == 0
        [file] = made.result["files"]
        assert len(os.fsencode(file["file"])) <= 255
        assert run("decrypt", file["file"], *AUTOMATIC).status == 0


def test_a_password_is_what_the_person_meant() -> None:
    for typed in ("abcdefghjklmnpqrstuv", " ABCD efgh\u2013jklm-NPQR stuv "):
        assert typed_password(typed) == PASSWORD.password
    for other in ("kissa istuu puussa", "abcd-efgh-jklm-npqr-stui", ""):
        assert typed_password(other) == other
