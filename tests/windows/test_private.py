# SPDX-License-Identifier: MIT
"""On Windows too, no document stays, no pipe is passed on, and no attachment runs.

Wine keeps a file's stream as a file of its own, which does not follow its file.
"""

import json
from pathlib import Path
from typing import Any

from kortilla.encryption import PasswordRecipient
from native_host.files.encrypt import encrypt_files
from tests.windows.wine import Wine, windows_path

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
