# SPDX-License-Identifier: MIT
"""The command line and the desktop window, as a person starts them.

No document stays, no pipe is passed on, and no attachment runs. Wine keeps a file's
stream as a file of its own, which does not follow its file.
"""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kortilla.encryption import PasswordRecipient
from native_host.desktop.texts import Texts
from native_host.desktop.window import PAGES
from native_host.files.encrypt import encrypt_files
from tests.cli.test_sign_own import pdfsig
from tests.kortilla.signing_parts import make_pdf
from tests.support.commands import KORTILLA
from tests.windows.conftest import Insert
from tests.windows.wine import Person, Wine, windows_path


def test_own_files_are_signed_and_checked(
    wine: Wine, insert: Insert, person: Person, tmp_path: Path
) -> None:
    card = insert()
    trust = tmp_path / "trust"
    trust.mkdir()
    for each in card.state.folder.glob("*.der"):
        shutil.copy(each, trust)
    pdf, text = tmp_path / "Hyväksyntä Łódź.pdf", tmp_path / "muistio.txt"
    pdf.write_bytes(make_pdf("Sopimus"))
    text.write_text("muistio")
    files = [windows_path(each) for each in (pdf, text)]
    with wine.start("sign", *files, "--lang", "en", "--json") as signing:
        person.see("sign")
        person.type("123456")
        said, errors = signing.communicate()
        assert signing.returncode == 0, errors
    made = [tmp_path / "Hyväksyntä Łódź-signed.pdf", tmp_path / "muistio.asice"]
    files = [windows_path(each) for each in made]
    assert [each["file"] for each in json.loads(said)["files"]] == files
    assert pdfsig(made[0])[-1] == "Signature is Valid."
    options = ("--offline", "--json", "--trust")
    # By its path, as the window starts it, and typed in a console.
    for command in (
        wine.command,
        (*wine.host, "-I", "-m", "native_host.cli"),
        ("wine", "cmd", "/d", "/c", "kortilla"),
    ):
        wine.command = command
        words = ("verify", *files, *options, windows_path(trust))
        checking = wine.run(*words, check=False)
        checked = json.loads(checking.stdout)
        assert checking.stderr == ""
        assert [len(each["signatures"]) for each in checked["files"]] == [1, 1]
    own = subprocess.run(
        [*KORTILLA, "verify", *map(str, made), *options, str(trust)],
        stdout=subprocess.PIPE,
        check=False,
    )
    for each, on_linux in zip(
        checked["files"], json.loads(own.stdout)["files"], strict=True
    ):
        assert each["signatures"][0]["intact"]
        assert each["name"] == on_linux["name"]


_SIGN = """
import json, sys, threading, time
from pathlib import Path
from native_host.desktop.prompts import Command
from native_host.files.sources import FILES_FROM_INPUT, given_files
options = ("--card", "pcsc", "--prompt", "window", "--lang", "en", "--json")
given = given_files([Path(sys.argv[1])])
command = Command(("sign", *options, FILES_FROM_INPUT), given=given)
def cancel():
    while not Path(sys.argv[2]).exists():
        time.sleep(0.1)
    command.cancel()
threading.Thread(target=cancel).start()
print(json.dumps(command.run()))
"""


def test_a_signing_that_the_desktop_window_stops_says_what_it_has_done(
    wine: Wine, insert: Insert, person: Person, tmp_path: Path
) -> None:
    insert()
    text, stop = tmp_path / "SPECIMEN-muistio.txt", tmp_path / "stop"
    text.write_text("muistio")
    paths = (windows_path(text), windows_path(stop))
    with wine.start("-I", "-c", _SIGN, *paths) as signing:
        person.see("sign")
        stop.touch()
        error = json.loads(signing.communicate()[0])["error"]
    # What is killed has no message.
    assert error["code"] == "USER_CANCELLED" and error["message"]


def test_an_own_file_is_encrypted_and_opened(
    wine: Wine, insert: Insert, person: Person, tmp_path: Path
) -> None:
    insert()
    letter = tmp_path / "SPECIMEN-kirje.txt"
    letter.write_text("Hei!")
    closed = windows_path(letter.with_name("SPECIMEN-kirje.txt.p7m"))
    words = ("--own-card", "--unchecked", "--json")
    with wine.start("encrypt", windows_path(letter), *words) as encrypting:
        said, errors = encrypting.communicate()
        assert encrypting.returncode == 0, errors
    assert [each["file"] for each in json.loads(said)["files"]] == [closed]
    letter.unlink()
    with wine.start("decrypt", closed, "--lang", "en", "--json") as opening:
        person.see("decrypt")
        person.type("1234")
        said, errors = opening.communicate()
        assert opening.returncode == 0, errors
    assert letter.read_text() == "Hei!"


_SWEEP = "from native_host.operations import documents as d; d.sweep_leftovers()"


def test_a_signing_that_is_killed_leaves_nothing(
    wine: Wine, insert: Insert, person: Person, tmp_path: Path
) -> None:
    insert()
    text = tmp_path / "SPECIMEN-muistio.txt"
    text.write_text("muistio")
    before = {*tmp_path.iterdir()}
    with wine.start("sign", windows_path(text), "--lang", "en") as signing:
        person.see("sign")
        assert {*tmp_path.iterdir()} > before  # the room that is reserved
        signing.kill()
        person.screen.wait_until(lambda: {*tmp_path.iterdir()} == before)
    # The next one deletes the copy that was shown.
    wine.run("-I", "-c", _SWEEP)


def test_the_help_names_what_works_on_windows(wine: Wine) -> None:
    commands = wine.run("--help").stdout.partition("Commands:")[2].splitlines()
    found = {each.split()[0] for each in commands if each[:3].strip()}
    assert {"decrypt", "encrypt", "open", "sign", "verify"} < found
    assert not found & {"demo", "pkcs11"}


def test_the_start_menu_opens_the_window(wine: Wine, person: Person) -> None:
    shortcut = wine.home.joinpath(
        "AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Kortilla.lnk"
    )
    # Explorer opens it so: by ShellExecuteEx.
    open_it = ["wine", "start", "/unix", str(shortcut)]
    for _ in range(2):  # the second start brings it to the front
        subprocess.run(open_it, env=wine.environment, check=True)
        window = person.screen.find_in_front("Kortilla$")
    assert person.screen.ids("Kortilla$") == [window]
    person.screen.press("alt+F4")
    person.screen.wait_until(lambda: not person.screen.ids("Kortilla$"))


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_the_desktop_window_shows_each_page(
    wine: Wine, insert: Insert, person: Person, language: str
) -> None:
    insert()
    said = Texts(language)
    words = ("open", "--lang", language, "--json")
    with wine.start(*words) as program:
        person.screen.find_in_front("Kortilla$")
        for number, name in enumerate(PAGES, 1):
            person.screen.press(f"ctrl+{number}")
            window = person.screen.find_in_front(
                f"^{said(f'{name}.title')} – Kortilla$"
            )
            person.picture(f"{name}-{language}", window)
        # A second start brings it to the front.
        raised = wine.run(*words)
        assert json.loads(raised.stdout) == {"open": "raised"}
        person.screen.press("alt+F4")
        printed, errors = program.communicate()
        assert (program.returncode, json.loads(printed)) == (0, {"open": "closed"}), (
            errors
        )


_COPIES = """
import json
from native_host.operations.documents import PrivateFolder
from native_host.pin_prompt.gui import document_viewer
class Viewer:
    openUrl = lambda url: True
document_viewer.QDesktopServices = Viewer
def shown():
    folder = PrivateFolder()
    copies = document_viewer.PrivateCopies()
    near = str(folder.path / "0.pdf")
    again = [copies.open(each, 1, near) for each in (b"first", b"second")]
    [mark] = copies._folder.glob("document-1.pdf:*")
    assert mark.read_bytes() == b"[ZoneTransfer]\\r\\nZoneId=3\\r\\n"
    return folder, copies, again
folder, copies, again = shown()
place = copies._folder
copies.delete()
closed = not place.exists()
folder.close()
folder, copies, again = shown()  # and the window crashes
folder.close()
print(json.dumps([again, closed, folder.path.exists()]))
"""
_PIPES = """
import msvcrt, sys
from PySide6.QtCore import QCoreApplication
from native_host.gui.limited_process import LimitedProcess
attack = '''
import msvcrt, os, sys
try:
    os.write(msvcrt.open_osfhandle(int(sys.argv[1]), 0), b"forged ")
except OSError:
    pass
print("ran")
'''
application = QCoreApplication([])
program = [sys.executable, "-I", "-c", attack, str(msvcrt.get_osfhandle(1))]
decoder = LimitedProcess(program, b"", bytes, most_bytes=100, milliseconds=60_000)
ended = []
decoder.done.connect(lambda answer: (ended.append(answer), application.quit()))
application.exec()
print((ended[0] or b"").decode().strip())
"""
_OPENED = """
import json, sys
from pathlib import Path
from native_host.platform import system
print(json.dumps([each for each in sys.argv[1:] if system.is_for_viewer(Path(each))]))
"""


_DECRYPT = """
import sys
from pathlib import Path
from native_host.files.decrypt import decrypt_with_password
[made] = decrypt_with_password([Path(sys.argv[1])], sys.argv[2]).made
print(f'"{made.path.name}"')
"""


PASSWORD = PasswordRecipient("ABCD-EFGH-JKLM-NPQR-STUV")


def run(wine: Wine, script: str, *words: str) -> Any:
    return json.loads(wine.run("-I", "-c", script, *words).stdout)


def test_copies_for_a_viewer_are_deleted(wine: Wine) -> None:
    assert run(wine, _COPIES) == [[True, True], True, False]


def test_what_is_decrypted_has_the_mark_of_the_encrypted_file(
    wine: Wine, tmp_path: Path
) -> None:
    original = tmp_path / "SPECIMEN.txt"
    original.write_text("Hei!")
    [made] = encrypt_files([original], [PASSWORD]).made
    original.unlink()
    path = windows_path(made.path)
    decrypt = (_DECRYPT, path, PASSWORD.password)
    assert run(wine, *decrypt) == original.name
    assert [*tmp_path.glob("*:*")] == []
    mark = tmp_path / f"{made.path.name}:Zone.Identifier"
    mark.write_bytes(
        b"[ZoneTransfer]\r\nZoneId=3\r\nHostUrl=https://service.example/\r\n"
    )
    assert run(wine, *decrypt) == "SPECIMEN-2.txt"
    # The file has it before its name.
    [copy] = tmp_path.glob(".kortilla-*.part:Zone.Identifier")
    assert copy.read_bytes() == mark.read_bytes()


def test_a_process_that_reads_hostile_data_gets_no_pipe_of_the_window(
    wine: Wine,
) -> None:
    assert wine.run("-I", "-c", _PIPES).stdout.strip() == "ran"


def test_what_others_have_made_is_shown_and_never_run(wine: Wine) -> None:
    shown = ["C:\\windows", "a.pdf", "a.PDF"]
    run_by_windows = ["a.exe", "a.pdf.exe", "a.exe.", "a.exe ", "a.lnk", "a.hta", "a"]
    assert run(wine, _OPENED, *shown, *run_by_windows) == shown
