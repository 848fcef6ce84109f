# SPDX-License-Identifier: MIT
"""The page that encrypts files, and opens encrypted ones.

What is dropped there decides: the name of an encrypted file ends in ``.p7m``, and a
saved mail may be encrypted. Nothing is encrypted or opened before the person presses a
button.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QWidget

from kortilla.common import JsonObject
from kortilla.common.escaping import escape_name
from native_host.desktop.pages.files import FilesPage
from native_host.desktop.pages.opening import Opening
from native_host.desktop.pages.page import PageFoot, Services
from native_host.desktop.pages.recipients import Recipients, sentence
from native_host.desktop.pages.recovery_password import PasswordPanel
from native_host.errors import KortillaError
from native_host.files import ENCRYPTED
from native_host.files.sources import MAX_FILES
from native_host.gui.labels import Heading, WrappingLabel, label, muted
from native_host.gui.panels import ButtonLine, Kind, Notice, Row, RowsPanel, Sign

#: The most files of which each is named when the page speaks.
_MOST_NAMED = 3


class Page(FilesPage):
    """Collects files and recipients, encrypts, and shows the result."""

    def __init__(self, services: Services) -> None:
        super().__init__(services, "encrypt", "manage", signing=False)
        self._place, self.choose_button = self.place_to_drop()
        self._list, self._made = RowsPanel(), RowsPanel()
        self._done = Heading(self.texts("encrypt.done"), 17 / 15)
        self._error = Notice("", kind="error")
        self._words = label(self.texts("encrypt.busy"))
        for each in (self._done, self._error.label, self._words):
            each.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._busy_row = Row(
            None, [self._words], [self.button("encrypt.stop", self.stop)]
        )
        self._more = ButtonLine(self.button("encrypt.more", self._begin_again))
        self._do = self.button("encrypt.do", self._encrypt, "manage", height=44)
        self._foot = PageFoot(self.texts("encrypt.next"), [self._do])
        self.recipients = Recipients(self, self._build)
        self._opening = Opening(self, self._build)
        #: Ends the encryption that runs.
        self._stop: threading.Event | None = None
        self._percent = 0
        #: Whether it was said that the own card is not read yet.
        self._warned = False
        self._result: JsonObject = {}
        self._panel = PasswordPanel(self)
        if application := QCoreApplication.instance():
            application.aboutToQuit.connect(self.quit)
        self._build()

    def quit(self) -> None:
        """End what runs here, at the end of the program."""
        self.stop()
        self._opening.end_here()

    def shown(self) -> None:
        self.recipients.look()

    def take(self, files: Sequence[Path]) -> None:
        sealed = [each for each in files if _is_sealed(each)]
        if self._stop is None and not self._opening.is_busy:
            self._message = ""
            if not self._panel.password:
                self._result = {}
        busy = self._stop is not None or self._panel.password or self._opening.is_busy
        if sealed and not busy:
            self._opening.take(sealed[:MAX_FILES])
            if len(sealed) > MAX_FILES:
                self._message = self.texts("decrypt.many", most=MAX_FILES)
            elif len(sealed) < len(files):
                self._message = self.texts("decrypt.others")
        else:
            self._take_open([each for each in files if each not in sealed])
            if sealed:
                self._message = self.texts("decrypt.later")
        self._build()
        words = self._message or self._list_words()
        if self._files and not self._opening.is_shown:
            words = f"{words} {self.texts('encrypt.lost')}"
        self.say(words)

    def _take_open(self, files: Sequence[Path]) -> None:
        if not self._opening.is_busy:
            self._opening.forget()
        for each in files:
            if not each.is_file():
                self._message = self._fault(each, "kind")
            elif each not in self._files:
                self._files.append(each)
        if len(self._files) > MAX_FILES:
            del self._files[MAX_FILES:]
            self._message = self.texts("encrypt.many", most=MAX_FILES)
        if self._files and self._stop is None and not self._panel.password:
            self.goal = self.recipients.heading

    def _list_words(self) -> str:
        if self._opening.is_shown:
            return self._opening.list_words() if self._opening.files else ""
        count = len(self._files)
        if count == 1:
            name = escape_name(self._files[0].name)
            return self.texts("encrypt.list.one", name=name)
        return self.texts("encrypt.list", count=count) if count else ""

    def _encrypt(self) -> None:
        self._message, self._result = "", {}
        gone = [each for each in self._files if not each.is_file()]
        if gone:
            name = escape_name(gone[0].name)
            self._message = self.texts("encrypt.gone", name=name)
        elif not self._files:
            self._message = self.texts("encrypt.none")
            self.goal = self.choose_button
        elif self.recipients.is_looking and not self._warned:
            # Without the own card, the person could not open the files any more.
            self._warned = True
            self._message = self.texts("encrypt.reading")
        elif not self.recipients.chosen():
            self._message = self.texts("encrypt.nobody")
            self.goal = self.recipients.first
        else:
            self._run()
        self._build()
        self.say(self._message)

    def _run(self) -> None:
        from native_host.files.encrypt import StoppedError, encrypt_files

        stop = self._stop = threading.Event()
        self._percent, self._warned = 0, False
        self._words.setText(self.texts("encrypt.busy"))
        self.goal = self._words
        files, make = [*self._files], self.recipients.maker()
        background = self.services.background

        def progressed(done: int, total: int) -> None:
            background.in_window(self._progressed, 100 * done // max(total, 1))

        async def work() -> tuple[JsonObject, str]:
            recipients, password = await make()
            encrypt = partial(
                encrypt_files, files, recipients, progressed=progressed, stop=stop
            )
            try:
                return (await asyncio.to_thread(encrypt)).fields(), password
            except StoppedError as error:
                raise KortillaError("stopped") from error

        def failed(error: KortillaError) -> None:
            if stop.is_set():
                self._ended({}, "", self.texts("encrypt.stopped"))
            else:
                self._ended({}, "", self.recipients.explain(error))

        background.start(work, lambda done: self._ended(*done), failed)

    def _progressed(self, percent: int) -> None:
        if self._stop is not None and percent > self._percent:
            self._percent = percent
            self._words.setText(self.texts("encrypt.progress", percent=percent))

    def stop(self) -> None:
        """End the encryption. Nothing is left of the file that is being made."""
        if self._stop is not None:
            self._stop.set()

    def _ended(self, result: JsonObject, password: str, message: str = "") -> None:
        self._stop, self._result, self._message = None, result, message
        made = {Path(each["original"]) for each in result.get("files", ())}
        self._files = [each for each in self._files if each not in made]
        if made:
            names = [Path(each["file"]).name for each in result["files"]]
            self._panel.show_password(password, names)
            self.recipients.remember()
        outcome = self._outcome()
        first = outcome[0] if outcome else self._error
        self.goal = first.label if isinstance(first, Notice) else first
        self._build()
        self.say(" ".join(self._said()))

    def _begin_again(self) -> None:
        self._message, self._result = "", {}
        self._panel.show_password("", ())
        self.title.setFocus()
        self._build()

    def _fault(self, path: Path, reason: str) -> str:
        words = sentence(self.texts.language, f"decrypt.{reason}")
        return f"{escape_name(path.name)}: {words}"

    def _build(self) -> None:
        parts: list[QWidget] = []
        if self._message:
            self._error.label.setText(self._message)
            parts.append(self._error)
        opening = self._opening.is_shown
        title = self.texts("decrypt.heading" if opening else "encrypt.heading")
        if title != self.title.text():
            self.title.setText(title)
            self.setAccessibleName(title)
        if opening:
            self._opening.show(parts)
        elif self._stop is not None:
            self.fill([*parts, self._busy_row])
        elif self._result.get("files"):
            waiting = self._list_words()
            parts = [*self._outcome(), *parts, self._more]
            if waiting:
                parts.append(self.kept(("waiting", waiting), lambda: muted(waiting)))
            self.fill(parts)
        else:
            parts = [*self._outcome(), *parts, self._place]
            if self._files:
                self._list.show_rows([self._file(each) for each in self._files])
                parts.append(self._list)
            self._do.setText(self._words_of_encrypting())
            self.fill([*parts, *self.recipients.parts()], self._foot)

    def _file(self, path: Path) -> Row:
        return self.kept(("file", path), lambda: self._make_file(path))

    def _make_file(self, path: Path) -> Row:
        name = WrappingLabel(escape_name(path.name), bold=True)
        words = muted(self.size_of(path))
        return Row(Sign("file", "note"), [name, words], [self._remove_button(path)])

    def size_of(self, path: Path) -> str:
        """Return the size of a file in words; none for one that is gone."""
        try:
            return self.texts.size(path.stat().st_size)
        except OSError:
            return ""

    def _words_of_encrypting(self) -> str:
        count = len(self._files)
        if count == 1:
            return self.texts("encrypt.press.one")
        if count:
            return self.texts("encrypt.press", count=count)
        return self.texts("encrypt.do")

    def leave(self) -> None:
        """End the page, and what it encrypts. An opening goes on in its own window."""
        super().leave()
        self.quit()

    def _outcome(self) -> list[QWidget]:
        parts: list[QWidget] = []
        if made := self._result.get("files"):
            rows = []
            for each in made:
                path = Path(each["file"])
                row = partial(self.opened_row, path, may_open=False)
                rows.append(self.kept(("made", path), row))
            self._made.show_rows(rows)
            parts += [self._done, self._made]
        if self._panel.password:
            parts.append(self._panel)
        return [*parts, *(self.focusable_notice(e, "error") for e in self._faults())]

    def focusable_notice(self, words: str, kind: Kind) -> Notice:
        notice = self.notice(words, kind)
        notice.label.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        return notice

    def opened_row(self, path: Path, *, may_open: bool) -> Row:
        """Return the row of a new file; with ``may_open`` it has that button."""
        buttons = [self._open_button(path)] if may_open else []
        return self._result_row(path, [*buttons, self._show_button(path)])

    def _faults(self) -> list[str]:
        error = self._result.get("error", {})
        return [
            self._fault(Path(each["file"]), each["reason"])
            for each in error.get("files", ())
        ]

    def _said(self) -> list[str]:
        said = [self._message] if self._message else []
        if made := [Path(each["file"]) for each in self._result.get("files", ())]:
            named = ", ".join(escape_name(each.name) for each in made[:_MOST_NAMED])
            left = len(made) - _MOST_NAMED
            more = f" (+ {left})" if left > 0 else ""
            said.append(f"{self.texts('encrypt.done')}: {named}{more}.")
        if self._panel.password:
            said.append(self.texts("encrypt.password.shown"))
        said += self._faults()
        return [*said, *(words for words, _ in self.recipients.doubts())]


def _is_sealed(path: Path) -> bool:
    if path.suffix.casefold() != ".eml":
        return path.suffix.casefold() in ENCRYPTED
    from native_host.files.letters import is_encrypted_mail

    return is_encrypted_mail(path)
