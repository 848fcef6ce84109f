# SPDX-License-Identifier: MIT
"""The dialogs in which files and folders are chosen.

The desktop shows its own dialog where it has one. Elsewhere it is Qt's. Debian has no
Swedish words for that, and Qt's Finnish ones are not complete: they are here.
"""

import json
import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from struct import pack

from PySide6.QtCore import QCoreApplication, QLocale, QTranslator
from PySide6.QtWidgets import QFileDialog, QWidget

from native_host.platform.paths import last_folder_file
from native_host.platform.private_files import read_private, write_private

#: Bytes of the longest path on Linux.
_LONGEST_PATH = 4096
_WORDS = Path(__file__).with_name("file_dialog_words.json")
#: The format of Qt's compiled translations (qtranslator.cpp): a table of hashes, with
#: places in the messages, and the messages. A length has four bytes, in big-endian.
_MAGIC = bytes.fromhex("3cb86418caef9c95cd211cbf60a1bddd")
_HASHES, _MESSAGES = b"\x42", b"\x69"
_END, _TRANSLATION, _SOURCE = b"\x01", b"\x03", b"\x06"


def choose_files(parent: QWidget, title: str, patterns: str = "") -> list[Path]:
    """Ask for files that are there, beginning in the last folder."""
    start = os.fspath(last_folder())
    chosen, _ = QFileDialog.getOpenFileNames(parent, title, start, patterns)
    if chosen:
        keep(Path(chosen[0]).parent)
    return [Path(each) for each in chosen]


def choose_target(
    parent: QWidget, title: str, name: str, patterns: str, folder: Path | None = None
) -> Path | None:
    """Ask for a file to write, with a name that can be changed."""
    start = os.fspath((folder or last_folder()) / name)
    chosen, _ = QFileDialog.getSaveFileName(parent, title, start, patterns)
    if not chosen:
        return None
    keep(Path(chosen).parent)
    return Path(chosen)


def choose_folder(
    parent: QWidget | None, title: str, folder: Path | None = None
) -> Path | None:
    start = os.fspath(folder or last_folder())
    chosen = QFileDialog.getExistingDirectory(parent, title, start)
    return Path(chosen) if chosen else None


def last_folder() -> Path:
    """Return where the person last chose a file; the home if it is gone or not known.

    It is kept between starts. Only its owner can read it.
    """
    kept = Path(read_private(last_folder_file(), _LONGEST_PATH))
    with suppress(OSError, ValueError):
        if kept.is_absolute() and kept.is_dir():
            return kept
    return Path.home()


def keep(folder: Path) -> None:
    """Keep a folder. If it can't be kept, the next dialog starts in the home."""
    with suppress(OSError):
        write_private(last_folder_file(), str(folder))


class DialogWords:
    """Translates Qt's dialogs and the menus of text.

    Qt asks for words in threads of its own too, so they are in Qt's own form, and no
    Python runs there.
    """

    def __init__(self) -> None:
        # They live as long as the application. Qt uses the bytes where they are.
        self._made: dict[str, tuple[QTranslator, bytes]] = {}

    def speak(self, language: str) -> None:
        for translator, _ in self._made.values():
            QCoreApplication.removeTranslator(translator)
        QLocale.setDefault(QLocale(f"{language}_FI"))
        if language == "en":  # Qt's own
            return
        if language not in self._made:
            content = _compiled(language)
            self._made[language] = QTranslator(), content
            self._made[language][0].load(content)
        QCoreApplication.installTranslator(self._made[language][0])


dialog_words = DialogWords()


@cache
def words() -> dict[str, dict[str, str]]:
    """Return the words of each language by the English ones."""
    found: dict[str, dict[str, str]] = json.loads(_WORDS.read_text(encoding="utf-8"))
    return found


def _compiled(language: str) -> bytes:
    hashes, messages = [], b""
    for english, translated in words().items():
        source, target = english.encode(), translated[language].encode("utf-16-be")
        hashes.append(pack(">II", _elf_hash(source), len(messages)))
        messages += _TRANSLATION + pack(">I", len(target)) + target
        messages += _SOURCE + pack(">I", len(source)) + source + _END
    made = _MAGIC
    for kind, content in ((_HASHES, b"".join(sorted(hashes))), (_MESSAGES, messages)):
        made += kind + pack(">I", len(content)) + content
    return made


def _elf_hash(text: bytes) -> int:
    """Return the hash of the System V ABI, as Qt takes it: never 0."""
    found = 0
    for each in text:
        found = (found << 4) + each
        high = found & 0xF0000000
        found = (found ^ (high >> 24)) & ~high
    return found or 1
