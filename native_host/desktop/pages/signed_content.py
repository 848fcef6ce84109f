# SPDX-License-Identifier: MIT
"""Copies of what was signed, to open or to keep."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QPushButton, QWidget

from kortilla.common.escaping import escape_name, printable, shown_path
from native_host.desktop.file_dialogs import choose_folder
from native_host.desktop.pages.files import open_file
from native_host.desktop.pages.page import PageBase, button
from native_host.errors import KortillaError
from native_host.gui.labels import WrappingLabel
from native_host.gui.panels import ButtonLine
from native_host.gui.sizes import dp, text_width

if TYPE_CHECKING:
    from kortilla.signing.verification import SignatureReport
    from native_host.files.check import CheckedFile
    from native_host.operations.documents import PrivateFolder

#: The most signers of a changed file whose documents are offered beside its verdict.
_MOST_OPENERS = 3
#: The widest words with a name, in pixels where body text has 15: a window of 1024 has
#: room for them in text of 200 %.
_WIDEST = 206


class SignedContent:
    """Makes these parts for the page of checks. ``close`` deletes the copies."""

    def __init__(self, page: PageBase) -> None:
        self._page, self._texts = page, page.texts
        self._copies: PrivateFolder | None = None

    def close(self) -> None:
        if self._copies is not None:
            self._copies.close()
            self._copies = None

    def of_signature(
        self, checked: CheckedFile, signature: SignatureReport, head: str
    ) -> list[QWidget]:
        """Return the parts for a signature that says what was signed of a PDF."""
        from native_host.files.signed_content import revisions

        if signature not in revisions(checked):
            return []
        said = _said()
        save = partial(self._save, checked, signature, said)
        keep = self._page.button("check.save", save)
        keep.setAccessibleDescription(head)
        line = ButtonLine(self._opener(checked, signature, said, head), keep)
        line.setContentsMargins(0, dp(6), 0, dp(6))
        return [line, said]

    def of_file(self, checked: CheckedFile) -> list[QWidget]:
        """Return the parts for a changed PDF, or a container with known files."""
        from native_host.files.signed_content import has_signed_files, revisions
        from native_host.files.words import is_changed

        said, name = _said(), escape_name(checked.path.name)
        changed = [*filter(is_changed, revisions(checked))][:_MOST_OPENERS]
        if changed:
            openers = [self._opener(checked, e, said, name) for e in changed]
            return [ButtonLine(*openers), said]
        if not has_signed_files(checked):
            return []
        press = partial(self._save, checked, None, said)
        save = self._page.button("check.save_files", press)
        save.setAccessibleDescription(name)
        return [ButtonLine(save), said]

    def _opener(
        self,
        checked: CheckedFile,
        signature: SignatureReport,
        said: WrappingLabel,
        about: str,
    ) -> QPushButton:
        """Return the button that opens what somebody signed, with their name."""
        from native_host.files.words import given_name

        press = partial(self._open, checked, signature, said)
        name = given_name(signature)
        made = button(self._texts("check.open_signed.by", name=name), press)
        if not name or text_width(made.text(), made.font()) > dp(_WIDEST):
            made.setText(self._texts("check.open_signed"))
        made.setAccessibleDescription(about)
        return made

    def _open(
        self, checked: CheckedFile, signature: SignatureReport, said: WrappingLabel
    ) -> None:
        def write() -> list[Path]:
            from native_host.files.signed_content import save_revision
            from native_host.operations.documents import PrivateFolder

            if self._copies is None:
                self._copies = PrivateFolder()
            folder = self._copies.path
            path = save_revision(checked, signature, folder, self._texts.language)
            path.chmod(0o400)  # what is changed there would be lost
            return [path]

        def done(paths: list[Path]) -> None:
            if not open_file(paths[0]):
                self._tell(said, "files.not_opened", name=escape_name(paths[0].name))

        self._write(write, done, said)

    def _save(
        self,
        checked: CheckedFile,
        signature: SignatureReport | None,
        said: WrappingLabel,
    ) -> None:
        title = self._texts("check.save_signed")
        chosen = choose_folder(self._page, title, checked.path.parent)
        if chosen is None:
            return
        language = self._texts.language

        def write() -> list[Path]:
            from native_host.files.signed_content import save_revision, save_signed

            if signature is None:
                return save_signed(checked, chosen, language)
            return [save_revision(checked, signature, chosen, language)]

        def done(paths: list[Path]) -> None:
            path = paths[0] if signature else paths[0].parent
            self._tell(said, "check.saved", path=shown_path(path))

        self._write(write, done, said)

    def _write(
        self,
        write: Callable[[], list[Path]],
        done: Callable[[list[Path]], object],
        said: WrappingLabel,
    ) -> None:
        async def work() -> list[Path]:
            try:
                return await asyncio.to_thread(write)
            except OSError as error:
                raise KortillaError(error.strerror or str(error)) from error

        def failed(error: KortillaError) -> None:
            if error.code == "FILE_CHANGED":
                self._tell(said, "check.file_changed")
            else:
                self._tell(said, "check.not_written", error=printable(str(error)))

        said.hide()
        self._page.services.background.start(work, done, failed)

    def _tell(self, said: WrappingLabel, key: str, **values: str) -> None:
        words = self._texts(key, **values)
        said.setText(words)
        said.show()
        self._page.say(words)


def _said() -> WrappingLabel:
    """Return a place for what came of pressing a button."""
    made = WrappingLabel("")
    made.hide()
    return made
