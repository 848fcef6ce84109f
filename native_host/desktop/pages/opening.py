# SPDX-License-Identifier: MIT
"""The part of the page *Encrypt* that opens encrypted files.

PIN1 is typed in a window of its own, never here. A recovery password is no PIN.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from kortilla.common import JsonObject
from kortilla.common.escaping import escape_name, printable
from native_host.desktop.pages.files import FilesPage
from native_host.desktop.pages.page import PageFoot
from native_host.desktop.pages.recipients import Recipients, sentence
from native_host.desktop.prompts import Prompts
from native_host.gui.labels import WrappingLabel, label, muted
from native_host.gui.panels import ButtonLine, Row, RowsPanel, Sign
from native_host.gui.text_field import TextField, framed

#: Errors of the whole that the page has a sentence for.
CODES = {"PROMPT_FAILED", "USER_CANCELLED"}
_LONGEST = 200  # characters of a recovery password
_MOST_NAMED = 3


class Opening:
    """The encrypted files, whom they are for, and what came of opening them.

    ``changed`` is called to show it anew.
    """

    def __init__(
        self, page: FilesPage, changed: Callable[[], object], recipients: Recipients
    ) -> None:
        self._page, self._changed, self._recipients = page, changed, recipients
        self._prompts = Prompts(page.services)
        self.files: list[Path] = []
        #: Whom a file is for, and whether a password opens it, as far as is known.
        self._about: dict[Path, tuple[str, bool]] = {}
        self.is_busy = False
        #: Whether a password opens them, so that nothing is asked.
        self._by_itself = False
        #: The files that were made, and whether each was protected against changes.
        self._opened: dict[Path, bool] = {}
        texts = page.texts
        self._list, self._made = RowsPanel(), RowsPanel()
        self._busy = label("")
        self._busy.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        stop = page.button("files.stop", self.stop)
        self._busy_row = Row(None, [self._busy], [stop])
        name = texts("encrypt.password.title")
        self.field = TextField(name, self._by_password, _LONGEST)
        by_password = page.button("decrypt.password", self._by_password)
        self._password_part = framed(self.field, by_password)
        self._do = page.button("decrypt.card", self._by_card, "manage", height=44)
        self._foot = PageFoot(texts("decrypt.next"), [self._do])
        self._back = ButtonLine(page.button("decrypt.back", self._leave_off))

    def take(self, files: Sequence[Path]) -> None:
        """Show files in place of those before."""
        self.forget()
        self.files = [*dict.fromkeys(files)]
        for each in self.files:
            self._look(each)
        self._page.goal = self._do

    def forget(self) -> None:
        self.files, self._about = [], {}
        self._forget_last()
        self.field.clear()

    def _forget_last(self) -> None:
        self._opened = {}
        self._page.outcomes.clear()

    def stop(self) -> None:
        """End the opening. Nothing is left of the file that is being made."""
        self._prompts.cancel()

    def _leave_off(self) -> None:
        self.forget()
        self._page.title.setFocus()
        self._changed()

    def _look(self, path: Path) -> None:
        """Find out whom a file is for. What is wrong with it is said on opening it."""
        own, own_cards = self._page.texts("decrypt.own"), self._recipients.own

        async def work() -> tuple[str, bool]:
            from native_host.files.decrypt import recipients_of
            from native_host.recipients.address_book import known_names

            found = await asyncio.to_thread(recipients_of, path)
            owned = {each.identity for each in own_cards}
            others = [each for each in found.names if each not in owned]
            names = [own] if len(others) < len(found.names) else []
            names += await asyncio.to_thread(known_names, others)
            shown = [printable(each) for each in names[:_MOST_NAMED]]
            left = len(names) - len(shown)
            return ", ".join(shown) + (f" (+ {left})" if left else ""), found.password

        def done(found: tuple[str, bool]) -> None:
            self._about[path] = found
            self._changed()

        self._page.services.background.start(work, done)

    def _by_card(self) -> None:
        self._forget_last()
        if self._prompts.work_on(self.files, ("decrypt",), self._ended):
            self._by_itself = False
            # An Enter that was meant for the window with PIN1 presses nothing there.
            self._show_busy("decrypt.busy")
        self._changed()

    def _by_password(self) -> None:
        self._forget_last()
        password = self.field.text().strip()
        if not password:
            self._page.goal = self.field
            self._page.outcomes.note(self._page.texts("decrypt.no_password"))
            return
        words = ("decrypt", "--recovery-password")
        if self._prompts.work_on(self.files, words, self._ended, password=password):
            self._by_itself = True
            self._show_busy("decrypt.opening")
        self._changed()

    def _show_busy(self, key: str) -> None:
        self.is_busy = True
        self._busy.setText(self._page.texts(key))
        self._page.goal = self._busy

    def _ended(self, result: JsonObject) -> None:
        self.is_busy = False
        made, error = result.get("files", ()), result.get("error", {})
        self._opened = {Path(each["file"]): each["authenticated"] for each in made}
        if originals := {Path(each["original"]) for each in made}:
            self.files = [each for each in self.files if each not in originals]
            self.field.clear()
        texts, outcomes = self._page.texts, self._page.outcomes
        code, failed = error.get("code", ""), error.get("files", ())
        faults = [*map(self._fault, failed)]
        faults += [
            texts("decrypt.unprotected", name=escape_name(path.name))
            for path, good in self._opened.items()
            if not good
        ]
        if code == "USER_CANCELLED" and self._by_itself:
            more = [texts("decrypt.stopped.more")]
            outcomes.tell(texts("decrypt.stopped"), "note", more)
        elif code == "USER_CANCELLED" and not made and not failed:
            outcomes.tell(texts("decrypt.error.USER_CANCELLED"), "note")
        elif made or failed:
            spoken = [texts(self._made_key())] if made else ()
            outcomes.tell_made(
                "decrypt", [*self._opened], len(failed), faults, spoken=spoken
            )
        else:
            more = [texts(f"decrypt.error.{code if code in CODES else 'other'}")]
            buttons = self._page.self_check
            outcomes.tell_made("decrypt", (), more=more, buttons=buttons)

    def _made_key(self) -> str:
        """Return the key of what is to be known of the files that were made."""
        return "decrypt.done.more" + (".one" if len(self._opened) == 1 else "")

    def _fault(self, failed: JsonObject) -> str:
        texts = self._page.texts
        words = sentence(texts.language, f"decrypt.{failed['reason']}")
        if failed["reason"] == "not-encrypted":
            words = f"{words} {texts('decrypt.maybe_signed')}"
        return f"{escape_name(Path(failed['file']).name)}: {words}"

    @property
    def is_shown(self) -> bool:
        """Whether the page is about encrypted files now."""
        return bool(self.files or self._opened)

    def show(self, parts: list[QWidget]) -> None:
        """Fill the page, with parts of the page itself first."""
        page = self._page
        if self.is_busy:
            page.fill([*parts, self._busy_row])
            return
        if self._opened:
            self._made.show_rows([self._made_row(each) for each in self._opened])
            parts += [self._made, page.note(self._made_key())]
        if not self.files:
            page.fill([*parts, self._back])
            return
        self._list.show_rows([self._file(each) for each in self.files])
        parts.append(self._list)
        if any(self._about.get(each, ("", False))[1] for each in self.files):
            parts.append(self._password_part)
        page.fill([*parts, self._back], self._foot)

    def _file(self, path: Path) -> Row:
        about = self._about.get(path)

        def make() -> Row:
            texts = self._page.texts
            lines: list[QWidget] = [WrappingLabel(escape_name(path.name), bold=True)]
            if about is not None:
                names, password = about
                if names:
                    lines.append(WrappingLabel(texts("decrypt.for", names=names)))
                if password:
                    lines.append(muted(texts("decrypt.for.password")))
            return Row(Sign("lock", "manage"), lines, [])

        return self._page.kept(("sealed", path, about), make)

    def _made_row(self, path: Path) -> Row:
        good = self._opened[path]
        row = partial(self._page.opened_row, path, may_open=good)
        return self._page.kept(("opened", path, good), row)
