# SPDX-License-Identifier: MIT
"""The page that signs the person's own files. PIN2 is typed in another window."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from native_host.desktop.file_pages import FilesPage
from native_host.desktop.page import Services
from native_host.desktop.parts import Row, RowsPanel, Sign, muted
from native_host.desktop.prompts import Prompts
from native_host.gui.buttons import Button
from native_host.gui.labels import Heading, WrappingLabel, label
from native_host.gui.notices import Notice
from native_host.gui.sizes import dp
from native_host.gui.wrapping_buttons import WrappingCheckBox, WrappingRadioButton
from native_host.operations.documents import MAX_DOCUMENTS
from native_host.pin_prompt.escaping import escape_name

__all__ = ["Page"]

#: Where a mark can be, in millimetres from the lower left corner of a page.
_PLACES = {"left": "20,20", "right": "120,20"}
_PAGES = {"last": "last", "first": "1"}
#: Errors of a file that the page has a sentence for.
_REASONS = {
    *("broken", "changed", "empty", "encrypted", "files", "gone", "kind", "locked"),
    *("too-long", "too-much-memory", "too-slow", "unreadable", "unwritable", "xfa"),
}
#: Errors of the whole that the page has a sentence for.
_CODES = {"PROMPT_FAILED", "TOOL_MISSING", "USER_CANCELLED"}


class Page(FilesPage):
    """Collects files and wishes, runs ``kortilla sign``, and shows the result."""

    def __init__(self, services: Services) -> None:
        super().__init__(services, "sign", "sign")
        self._prompts = Prompts(services)
        self._files: list[Path] = []
        self._container = False
        self._marked = False
        self._page, self._place = "last", "left"
        #: The folder of the signed files; None puts each beside its original.
        self._out: Path | None = None
        self._busy = False
        #: The files that the window asks about, while it is open.
        self._signing: list[Path] = []
        self._message = ""
        self._result: dict[str, Any] = {}
        self._build()

    def take(self, files: Sequence[Path]) -> None:
        """Add files to those that are to be signed."""
        if self.missing:
            return
        if not self._busy:
            self._message, self._result = "", {}
        for each in files:
            if not each.is_file():
                self._message = self._fault(each, "kind")
            elif each not in self._files:
                self._files.append(each)
        if len(self._files) > MAX_DOCUMENTS:
            del self._files[MAX_DOCUMENTS:]
            self._message = self.texts("sign.many", most=MAX_DOCUMENTS)
        self.focus_wanted = self._words_of_signing() if self._files else ""
        self._build()

    @property
    def _has_pdf(self) -> bool:
        return any(each.suffix.casefold() == ".pdf" for each in self._files)

    def _sign(self) -> None:
        self._message, self._result = "", {}
        gone = [each for each in self._files if not each.is_file()]
        if gone:
            self._message = self._fault(gone[0], "gone")
        elif not self._files:
            self._message = self.texts("sign.none")
            self.focus_wanted = self.texts("sign.choose")
        elif self._prompts.run(self._command(), self._ended):
            self._busy, self._signing = True, [*self._files]
        self._build()

    def _command(self) -> list[str]:
        command = ["sign", *map(os.fspath, self._files)]
        if self._container:
            command.append("--container")
        elif self._marked and self._has_pdf:
            command += ["--visible", f"{_PAGES[self._page]}:{_PLACES[self._place]}"]
        if self._out is not None:
            command += ["--out", os.fspath(self._out)]
        return command

    def _ended(self, result: dict[str, Any]) -> None:
        self._busy, self._result = False, result
        error = result.get("error", {})
        code = error.get("code", "")
        if made := result.get("files"):
            first = Path(made[0]["file"])
            self.focus_wanted = self._named("sign.check", first)
            failed = {*result.get("failed", ())}
            done = {e for e in self._signing if os.fspath(e) not in failed}
            self._files = [each for each in self._files if each not in done]
        elif not error.get("files"):
            key = code if code in _CODES else "other"
            self._message = self.texts(f"sign.error.{key}")
        self._build()

    def _fault(self, path: Path, reason: str) -> str:
        key = reason if reason in _REASONS else "other"
        return self.texts(f"sign.reason.{key}", name=escape_name(path.name))

    def _named(self, key: str, path: Path) -> str:
        return self.texts(f"{key}.this", name=escape_name(path.name))

    def _build(self) -> None:
        if self.missing:
            self.fill([self.lacking()])
            return
        parts = self._outcome()
        if self._message:
            parts.append(Notice(self._message, kind="error"))
        if self._busy:
            self.fill([*parts, label(self.texts("sign.busy"))])
            return
        parts.append(self.place_to_drop())
        if self._files:
            rows = RowsPanel()
            for each in self._files:
                rows.add(self._file(each))
            parts += [rows, *self._wishes()]
        parts.append(self._foot())
        self.fill(parts)

    def _file(self, path: Path) -> QWidget:
        name = WrappingLabel(escape_name(path.name), bold=True)
        try:
            size = self.texts.size(path.stat().st_size)
        except OSError:
            size = ""
        kind = "pdf" if path.suffix.casefold() == ".pdf" else "other"
        words = muted(self.texts(f"sign.kind.{kind}", size=size))
        buttons = [
            self._button("sign.open", path, partial(self._open, path)),
            self._button("sign.remove", path, partial(self._remove, path)),
        ]
        return Row(Sign("file", "note"), [name, words], buttons)

    def _button(self, key: str, path: Path, press: Callable[[], object]) -> Button:
        button = Button(self.texts(key), height=40)
        button.setAccessibleName(self._named(key, path))
        button.clicked.connect(lambda _=False: press())
        return button

    def _remove(self, path: Path) -> None:
        self._files.remove(path)
        self._build()

    def _open(self, path: Path) -> None:
        self._message = ""
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(os.fspath(path))):
            self._message = self.texts("sign.not_opened", name=escape_name(path.name))
        self._build()

    def _wishes(self) -> list[QWidget]:
        parts: list[QWidget] = []
        if self._has_pdf:
            parts.append(Heading(self.texts("sign.result"), 17 / 15))
            chosen = "package" if self._container else "pdf"
            kinds = ("pdf", "package")
            parts.append(self._radios("sign.result", kinds, chosen, self._set_kind))
        if self._has_pdf and not self._container:
            box = WrappingCheckBox(self.texts("sign.mark"))
            box.setAccessibleDescription(self.texts("sign.mark.more"))
            box.setToolTip(self.texts("sign.mark.more"))
            box.setChecked(self._marked)
            box.clicked.connect(self._set_marked)
            parts.append(box)
            if self._marked:
                for key, names, chosen, setter in (
                    ("sign.page", tuple(_PAGES), self._page, self._set_page),
                    ("sign.place", tuple(_PLACES), self._place, self._set_place),
                ):
                    parts.append(self._radios(key, names, chosen, setter))
        return [*parts, self._where()]

    def _radios(
        self,
        key: str,
        names: Sequence[str],
        chosen: str,
        setter: Callable[[str], object],
    ) -> QWidget:
        """Return a group of its own, in which one is chosen."""
        group = QWidget()
        rows = QVBoxLayout(group)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        for name in names:
            button = WrappingRadioButton(self.texts(f"{key}.{name}"))
            button.setChecked(name == chosen)
            button.toggled.connect(
                lambda on, name=name: setter(name) if on else None,
            )
            rows.addWidget(button)
        return group

    def _set_kind(self, kind: str) -> None:
        self._container = kind == "package"
        self._build()

    def _set_marked(self, marked: bool) -> None:
        self._marked = marked
        self._build()

    def _set_page(self, page: str) -> None:
        self._page = page

    def _set_place(self, place: str) -> None:
        self._place = place

    def _where(self) -> QWidget:
        if self._out is None:
            words = [label(self.texts("sign.beside"))]
            controls = [("sign.folder", self._choose_folder)]
        else:
            words = [
                label(self.texts("sign.into")),
                WrappingLabel(_shown(self._out), bold=True),
            ]
            controls = [
                ("sign.folder", self._choose_folder),
                ("sign.folder.none", lambda: self.put_into(None)),
            ]
        buttons = []
        for key, press in controls:
            button = Button(self.texts(key), height=40)
            button.clicked.connect(lambda _=False, press=press: press())
            buttons.append(button)
        panel = RowsPanel()
        panel.add(Row(None, words, buttons))
        return panel

    def _choose_folder(self) -> None:
        start = os.fspath(self._out or self._files[0].parent)
        chosen = QFileDialog.getExistingDirectory(
            self, self.texts("sign.folder"), start
        )
        if chosen:
            self.put_into(Path(chosen))

    def put_into(self, folder: Path | None) -> None:
        """Choose the folder of the signed files; None is beside the originals."""
        self._out = folder
        self._build()

    def _words_of_signing(self) -> str:
        count = len(self._files)
        if count == 1:
            return self.texts("sign.press.one")
        return self.texts("sign.press", count=count) if count else self.texts("sign.do")

    def _foot(self) -> QWidget:
        foot = QWidget()
        row = QHBoxLayout(foot)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(dp(12))
        row.addWidget(muted(self.texts("sign.next")), 1)
        button = Button(self._words_of_signing(), "sign")
        button.clicked.connect(self._sign)
        row.addWidget(button)
        return foot

    def _outcome(self) -> list[QWidget]:
        """Return what became of the last signing."""
        parts: list[QWidget] = []
        if made := self._result.get("files"):
            parts.append(Heading(self.texts("sign.done"), 17 / 15))
            rows = RowsPanel()
            for each in made:
                rows.add(self._made(Path(each["file"])))
            parts.append(rows)
        error = self._result.get("error", {})
        faults = [(each["file"], each["reason"]) for each in error.get("files", ())]
        ended = "unwritable" if error.get("code") == "FILE_NOT_WRITABLE" else "ended"
        faults += [(each, ended) for each in self._result.get("failed", ())]
        parts += [
            Notice(self._fault(Path(file), reason), kind="error")
            for file, reason in faults
        ]
        parts += [
            Notice(self.texts("sign.changed", name=escape_name(Path(file).name)))
            for file in self._result.get("changed", ())
        ]
        return parts

    def _made(self, path: Path) -> QWidget:
        words = [
            WrappingLabel(escape_name(path.name), bold=True),
            WrappingLabel(_shown(path.parent), 14 / 15),
        ]
        buttons = [
            self._button("sign.open", path, partial(self._open, path)),
            self._button("sign.show", path, partial(self._open, path.parent)),
            self._button(
                "sign.check", path, partial(self.services.give_files, "check", [path])
            ),
        ]
        return Row(Sign("tick", "good", 34), words, buttons)


def _shown(path: Path) -> str:
    from native_host.local_signing.errors import shown_path

    return shown_path(path)
