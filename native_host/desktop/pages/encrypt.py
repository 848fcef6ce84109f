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
from native_host.gui.labels import WrappingLabel, label, muted
from native_host.gui.panels import Row, RowsPanel, Sign


class Page(FilesPage):
    """Collects files and recipients, encrypts, and shows the result."""

    def __init__(self, services: Services) -> None:
        super().__init__(services, "encrypt", "manage", signing=False)
        self._place, self.choose_button = self.place_to_drop()
        self._list, self._made = RowsPanel(), RowsPanel()
        self._words = label(self.texts("encrypt.busy"))
        self._words.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._busy_row = Row(
            None, [self._words], [self.button("files.stop", self.stop)]
        )
        self._do = self.button("encrypt.do", self._encrypt, "manage", height=44)
        self._foot = PageFoot(self.texts("encrypt.next"), [self._do])
        self.recipients = Recipients(self, self._build)
        self._opening = Opening(self, self._build, self.recipients)
        #: Ends the encryption that runs.
        self._stop: threading.Event | None = None
        self._percent = 0
        #: Whether it was said that the own card is not read yet.
        self._warned = False
        #: The encrypted files that were made last.
        self._encrypted: list[Path] = []
        self._panel = PasswordPanel(self)
        if application := QCoreApplication.instance():
            application.aboutToQuit.connect(self.quit)
        self._build()

    def quit(self) -> None:
        """End what runs here, at the end of the program."""
        self.stop()

    def shown(self) -> None:
        self.recipients.look()

    def take(self, files: Sequence[Path]) -> None:
        sealed = [each for each in files if _is_sealed(each)]
        busy = self._stop is not None or self._opening.is_busy
        if not busy and not self._panel.password:
            self.forget()
        if sealed and not busy and not self._panel.password:
            self._opening.take(sealed[:MAX_FILES])
            problem = ""
            if len(sealed) > MAX_FILES:
                problem = self.texts("decrypt.many", most=MAX_FILES)
            elif len(sealed) < len(files):
                problem = self.texts("decrypt.others")
        else:
            problem = self._take_open([each for each in files if each not in sealed])
            problem = self.texts("decrypt.later") if sealed else problem
        lost = ""
        if self._files and not self._opening.is_shown:
            lost = self.texts("encrypt.lost")
        if problem:
            self.outcomes.note(problem)
            self.say(lost)
            return
        self._build()
        self.say(f"{self._list_words()} {lost}".rstrip())

    def _take_open(self, files: Sequence[Path]) -> str:
        """Add files to the list. Return what is wrong with one, or ""."""
        if self._opening.is_shown and not self._opening.is_busy:
            self._opening.forget()
        problem = self._add_files(files, self._fault)
        if self._files and self._stop is None and not self._panel.password:
            self.goal = self.recipients.heading
        return problem

    def forget(self) -> None:
        """Show nothing of what was done last any more."""
        self.outcomes.clear()
        self._encrypted = []

    def _list_words(self) -> str:
        if self._opening.is_shown:
            return self._count_words("decrypt.list", self._opening.files)
        return super()._list_words()

    def _encrypt(self) -> None:
        self.forget()
        gone = [each for each in self._files if not each.is_file()]
        if gone:
            words = self.texts("not_signed.gone", name=escape_name(gone[0].name))
            self.outcomes.tell_made("encrypt", (), more=[words])
        elif not self._files:
            self.goal = self.choose_button
            self.outcomes.note(self.texts("encrypt.none"))
        elif self.recipients.is_looking and not self._warned:
            # Without the own card, the person could not open the files any more.
            self._warned = True
            self.outcomes.note(self.texts("encrypt.reading"))
        elif not self.recipients.chosen():
            self.goal = self.recipients.first
            self.outcomes.note(self.texts("encrypt.nobody"))
        else:
            self._run()
            self._build()

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
                self._stop = None
                more = [self.texts("encrypt.stopped.more")]
                self.outcomes.tell(self.texts("encrypt.stopped"), "note", more)
            else:
                self._failed(error)

        background.start(work, lambda done: self._ended(*done), failed)

    def _progressed(self, percent: int) -> None:
        if self._stop is not None and percent > self._percent:
            self._percent = percent
            self._words.setText(self.texts("encrypt.progress", percent=percent))

    def stop(self) -> None:
        """End the encryption. Nothing is left of the file that is being made."""
        if self._stop is not None:
            self._stop.set()

    def _failed(self, error: KortillaError) -> None:
        self._stop = None
        words = self.recipients.explain(error)
        doubts = [words for words, _ in self.recipients.doubts()]
        buttons = tuple if doubts else self.self_check
        self.outcomes.tell_made(
            "encrypt", (), more=[words], spoken=doubts, buttons=buttons
        )

    def _ended(self, result: JsonObject, password: str) -> None:
        self._stop = None
        made = {Path(each["original"]) for each in result.get("files", ())}
        self._files = [each for each in self._files if each not in made]
        self._encrypted = [Path(each["file"]) for each in result.get("files", ())]
        faults = [
            self._fault(Path(each["file"]), each["reason"])
            for each in result.get("error", {}).get("files", ())
        ]
        spoken: list[str] = []
        if made:
            self._panel.show_password(password, [e.name for e in self._encrypted])
            self.recipients.remember()
            spoken = [self.texts("encrypt.password.shown")] if password else []
        self.outcomes.tell_made(
            "encrypt",
            self._encrypted,
            len(faults),
            faults,
            spoken=spoken,
            buttons=partial(self._next_buttons, tuple(self._encrypted)),
        )

    def _next_buttons(self, made: Sequence[Path]) -> list[QWidget]:
        if not made:
            return []
        more = self.button("encrypt.more", self._begin_again)
        return [*self.send_buttons(made), more]

    def _begin_again(self) -> None:
        self.forget()
        self._panel.show_password("", ())
        self.title.setFocus()
        self._build()

    def _fault(self, path: Path, reason: str) -> str:
        words = sentence(self.texts.language, f"decrypt.{reason}")
        return f"{escape_name(path.name)}: {words}"

    def _build(self) -> None:
        opening = self._opening.is_shown
        title = self.texts("decrypt.heading" if opening else "encrypt.heading")
        if title != self.title.text():
            self.title.setText(title)
            self.setAccessibleName(title)
        parts = self.outcomes.parts
        if opening:
            self._opening.show(parts)
            return
        if self._encrypted:
            self._made.show_rows([self._made_row(each) for each in self._encrypted])
            parts.append(self._made)
        if self._panel.password:
            parts.append(self._panel)
        if self._stop is not None:
            self.fill([*parts, self._busy_row])
        elif self._encrypted:
            if waiting := self._list_words():
                parts.append(self.kept(("waiting", waiting), lambda: muted(waiting)))
            self.fill(parts)
        else:
            parts.append(self._place)
            if self._files:
                self._list.show_rows([self._file(each) for each in self._files])
                parts.append(self._list)
            self._do.setText(self._press_words())
            self.fill([*parts, *self.recipients.parts()], self._foot)

    def _made_row(self, path: Path) -> Row:
        row = partial(self.opened_row, path, may_open=False)
        return self.kept(("made", path), row)

    def _file(self, path: Path) -> Row:
        return self.kept(("file", path), lambda: self._make_file(path))

    def _make_file(self, path: Path) -> Row:
        name = WrappingLabel(escape_name(path.name), bold=True)
        words = muted(self._size_of(path))
        return Row(Sign("file", "note"), [name, words], [self._remove_button(path)])

    def leave(self) -> None:
        """End the page, and what it encrypts. An opening goes on in its own window."""
        super().leave()
        self.quit()


def _is_sealed(path: Path) -> bool:
    if path.suffix.casefold() != ".eml":
        return path.suffix.casefold() in ENCRYPTED
    from native_host.files.letters import is_encrypted_mail

    return is_encrypted_mail(path)
