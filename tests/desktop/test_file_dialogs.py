# SPDX-License-Identifier: MIT
"""The dialogs for files: in the window's language, and where the person was last."""

import os
import stat
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, Qt, QTimer, QTranslator
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QLabel,
    QMessageBox,
    QPushButton,
    QToolButton,
    QTreeView,
)

from native_host.cli import main
from native_host.desktop.file_dialogs import (
    choose_files,
    choose_target,
    keep,
    last_folder,
    words,
)
from native_host.install.host import install
from native_host.texts.language import SPOKEN
from tests.desktop.conftest import Open, settle, until, visible

#: The parts of Qt whose words the dialogs show.
CONTEXTS = {
    "QAbstractFileIconProvider",
    "QFileDialog",
    "QFileSystemModel",
    "QPlatformTheme",
}
MODES = (
    (QFileDialog.FileMode.ExistingFiles, QFileDialog.AcceptMode.AcceptOpen),
    (QFileDialog.FileMode.AnyFile, QFileDialog.AcceptMode.AcceptSave),
    (QFileDialog.FileMode.Directory, QFileDialog.AcceptMode.AcceptOpen),
)


class Asked(QTranslator):
    """Notes which words of the dialogs Qt asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.words: set[str] = set()

    def isEmpty(self) -> bool:  # noqa: N802 - Qt's name
        return False

    def translate(
        self,
        context: str,
        sourceText: str,  # noqa: N803 - Qt's name
        disambiguation: str | None = None,
        n: int = -1,
    ) -> str | None:
        if context in CONTEXTS and not sourceText.startswith("Alt+"):
            self.words.add(sourceText)
        return None


def opened(folder: Path, mode: object, accept: object) -> QFileDialog:
    dialog = QFileDialog(None, "", str(folder))
    dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
    dialog.setFileMode(mode)  # type: ignore[arg-type] # one of MODES
    dialog.setAcceptMode(accept)  # type: ignore[arg-type] # as above
    dialog.show()
    return dialog


def test_all_words_that_qt_asks_for_are_there(
    application: QApplication, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").touch()
    asked = Asked()
    QCoreApplication.installTranslator(asked)

    def answer() -> None:
        for each in QApplication.topLevelWidgets():
            if isinstance(each, QMessageBox) and each.isVisible():
                each.reject()

    timer = QTimer(interval=20)
    timer.timeout.connect(answer)
    timer.start()
    for mode, accept in MODES:
        dialog = opened(tmp_path, mode, accept)
        settle(application)
        saving = accept is QFileDialog.AcceptMode.AcceptSave
        dialog.selectFile("a.txt" if saving else "gone")
        dialog.accept()  # asks whether to replace it, or says that it is gone
        dialog.reject()
    timer.stop()
    QCoreApplication.removeTranslator(asked)
    assert {"&Open", "Parent Directory", "Date Modified", "Cancel"} <= asked.words
    # The Qt of Debian 13 has no key for two of them.
    asked.words |= {each.replace("&", "") for each in ("&Look in:", "Files of &type:")}
    assert asked.words <= words().keys()


@pytest.mark.parametrize(
    ("language", "wanted"),
    [
        ("fi", {"Avaa", "Peruuta", "Kansio:", "Yläkansio", "Muokattu"}),
        ("sv", {"Öppna", "Avbryt", "Mapp:", "Mappen ovanför", "Ändrad"}),
        ("en", {"Open", "Cancel", "Look in:", "Parent Directory", "Date Modified"}),
    ],
)
def test_the_dialog_speaks_the_windows_language(
    open_window: Open,
    application: QApplication,
    tmp_path: Path,
    language: str,
    wanted: set[str],
) -> None:
    window = open_window("en" if language == "fi" else "fi")
    window.services.speak(language)
    dialog = opened(tmp_path, *MODES[0])
    settle(application)
    found = {each.text() for each in visible(dialog, QPushButton)}
    found |= {each.text() for each in visible(dialog, QLabel)}
    found |= {each.toolTip() for each in visible(dialog, QToolButton)}
    [model] = [each.model() for each in visible(dialog, QTreeView)]
    across = Qt.Orientation.Horizontal
    found |= {model.headerData(column, across) for column in range(4)}
    dialog.close()
    # The Qt of Debian 13 has no key for some of them.
    assert wanted <= {each.replace("&", "") for each in found}


def test_our_words_are_complete_and_keep_placeholders_and_keys() -> None:
    for english, ours in words().items():
        assert ours.keys() == {*SPOKEN} - {"en"}
        for each in ours.values():
            assert each.strip()
            assert each.count("%1") == english.count("%1")
            assert each.count("&") == english.count("&"), english


def test_the_next_dialog_starts_where_the_person_was(
    application: QApplication, home: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "Tärkeät"
    folder.mkdir()
    (folder / "a.pdf").touch()
    starts: list[str] = []

    def choose() -> None:
        [dialog] = [
            each
            for each in QApplication.topLevelWidgets()
            if isinstance(each, QFileDialog) and each.isVisible()
        ]
        starts.append(dialog.directory().absolutePath())
        dialog.setDirectory(str(folder))
        dialog.selectFile("a.pdf")
        QTimer.singleShot(0, dialog.accept)

    parent = QLabel()
    QTimer.singleShot(0, choose)
    assert choose_files(parent, "") == [folder / "a.pdf"]
    QTimer.singleShot(0, choose)
    assert choose_files(parent, "") == [folder / "a.pdf"]
    assert starts == [str(Path.home()), str(folder)]
    kept = home / ".local/state/kortilla/last-folder"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    until(lambda: True)


def test_nothing_chosen_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    assert choose_target(QLabel(), "", "a.pdf", "") is None
    assert not (home / ".local/state/kortilla").exists()


def test_a_folder_that_is_gone_or_no_folder_is_the_home(
    home: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    keep(folder)
    assert last_folder() == folder
    folder.rmdir()
    assert last_folder() == Path.home()
    kept = home / ".local/state/kortilla/last-folder"
    for content in (b"", b"relative", b"/\0", b"x" * 10_000, b"/etc/hostname"):
        kept.write_bytes(content)
        assert last_folder() == Path.home()
    kept.unlink()
    kept.symlink_to(tmp_path)
    keep(tmp_path)  # not through a link
    assert last_folder() == Path.home()
    kept.unlink()
    os.mkfifo(kept)
    assert last_folder() == Path.home()


def test_uninstalling_forgets_it(home: Path, tmp_path: Path) -> None:
    install(["firefox"])
    keep(tmp_path)
    assert main(["uninstall"]) == 0
    assert not (home / ".local/state/kortilla/last-folder").exists()
