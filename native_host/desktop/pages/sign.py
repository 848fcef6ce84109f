# SPDX-License-Identifier: MIT
"""The page that signs the person's own files. PIN2 is typed in another window."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QProgressBar, QWidget

from kortilla.common import JsonObject
from kortilla.common.escaping import escape_name
from native_host.desktop.card_watch import Cards, only_holder
from native_host.desktop.pages.files import FilesPage
from native_host.desktop.pages.page import PageFoot, Services
from native_host.desktop.pages.wishes import Wishes, is_pdf
from native_host.desktop.prompts import Prompts
from native_host.files.batches import count_batches, fits_container
from native_host.gui.drawings import FileSign
from native_host.gui.icons import draw_box, inset, painter_of
from native_host.gui.labels import WrappingLabel, label, muted
from native_host.gui.panels import ButtonLine, Panel, Row, RowsPanel
from native_host.gui.sizes import dp
from native_host.gui.tokens import tokens_for

#: The most files that were not signed of which each is named.
_MOST_NAMED = 3
#: Errors of a file that the page has a sentence for.
_REASONS = {
    *("active", "broken", "changed", "empty", "encrypted", "files", "gone", "kind"),
    *("irregular", "locked", "shown-differently", "too-long", "too-much-memory"),
    *("too-slow", "unreadable", "unwritable", "xfa"),
}
#: The tag on the drawing of a file with an ending.
_TAGS = {
    ".pdf": "PDF",
    ".png": "PNG",
    ".txt": "TXT",
    **dict.fromkeys((".jpg", ".jpeg"), "JPEG"),
}
#: Errors of the whole that the page has a sentence for.
_CODES = {
    "PROMPT_FAILED": "sign.error.PROMPT_FAILED",
    "TOOL_MISSING": "files.lack",
}


class Page(FilesPage):
    """Collects files and wishes, has them signed, and shows the result."""

    def __init__(self, services: Services) -> None:
        super().__init__(services, "sign", "sign")
        self._prompts = Prompts(services)
        self.wishes = Wishes(services, self.kept, self._build)
        self._progress = _Progress(self)
        self._place, self.choose_button = self.place_to_drop()
        self._list, self._made = RowsPanel(), RowsPanel()
        self._do = self.button("sign.do", self._sign, "sign", height=44)
        self._foot = PageFoot(self.texts("sign.next"), [self._do])
        self._busy = False
        #: The files that the window asks about, while it is open.
        self._signing: list[Path] = []
        #: The signed files of the last signing.
        self._signed: list[Path] = []
        self._build()

    def take(self, files: Sequence[Path]) -> None:
        if self.missing:
            return
        if not self._busy:
            self._forget()
        problem = self._add_files(files, self._fault)
        if self._files and not self._busy:
            self.goal = self._do
        if problem:
            self.outcomes.note(problem)
            return
        self._build()
        self.say(self._list_words())

    def _batches(self) -> str:
        """Return how many times PIN2 is asked for; "" for once."""
        count = count_batches(self._files, container=self.wishes.container)
        return self.texts("sign.next.batches", count=count) if count > 1 else ""

    def _forget(self) -> None:
        """Show nothing of the last signing any more."""
        self.outcomes.clear()
        self._signed = []

    def _begin_again(self) -> None:
        self._forget()
        self.title.setFocus()
        self._build()

    def _list_words(self) -> str:
        return f"{super()._list_words()} {self._batches()}".strip()

    def _sign_packed(self) -> None:
        """Sign all files in one package, where a PDF can't hold a signature."""
        self.wishes.container = True
        self._sign()

    def _sign(self) -> None:
        self._forget()
        gone = [each for each in self._files if not each.is_file()]
        if gone:
            self.outcomes.tell_made("sign", (), more=[self._fault(gone[0], "gone")])
        elif not self._files:
            self.goal = self.choose_button
            self.outcomes.note(self.texts("sign.none"))
        elif self._prompts.work_on(
            self._files,
            ("sign", "--progress", *self.wishes.options(self._files)),
            self._ended,
            progressed=self._progressed,
        ):
            self._busy, self._signing = True, [*self._files]
            self._progress.begin()
            # An Enter that was meant for the window with PIN2 presses nothing there.
            self.goal = self._progress.words
            self._build()

    def _progressed(self, progress: JsonObject) -> None:
        if self._busy and "batch" in progress:
            self._progress.show_batch(progress["batch"], progress["batches"])
        elif self._busy:
            self._progress.show_number(progress["done"] + 1, progress["total"])

    def stop(self) -> None:
        """End the signing after the signature that is being made."""
        self._prompts.cancel()
        self._progress.show_stopping()

    def _ended(self, result: JsonObject) -> None:
        self._busy = False
        self._signed = [Path(each["file"]) for each in result.get("files", ())]
        code, more = result.get("error", {}).get("code", ""), self._faults(result)
        packable = _is_packable(result)
        if packable:
            more.append(self.texts("sign.package.more"))
        if self._signed:
            failed = {*result.get("failed", ())}
            signed = {e for e in self._signing if os.fspath(e) not in failed}
            self._files = [each for each in self._files if each not in signed]
            buttons = partial(self._next_buttons, tuple(self._signed), packable)
            self.outcomes.tell_made(
                "sign", self._signed, len(failed), more, buttons=buttons
            )
        elif code == "USER_CANCELLED":
            self.outcomes.tell(self.texts("sign.error.USER_CANCELLED"), "note")
        elif more:
            pack = self._pack_buttons if packable else tuple
            self.outcomes.tell_made("sign", (), more=more, buttons=pack)
        else:
            words = self.texts(_CODES.get(code, "sign.error.other"))
            self.outcomes.tell_made("sign", (), more=[words], buttons=self.self_check)

    def _next_buttons(self, signed: Sequence[Path], packable: bool) -> list[QWidget]:
        more = self.button("sign.more", self._begin_again)
        pack = self._pack_buttons() if packable else []
        return [*pack, *self.send_buttons(signed), more]

    def _pack_buttons(self) -> list[QWidget]:
        return [self.button("sign.package", self._sign_packed)]

    def _fault(self, path: Path, reason: str) -> str:
        key = reason if reason in _REASONS else "other"
        return self.texts(f"not_signed.{key}", name=escape_name(path.name))

    def _build(self) -> None:
        if self.missing:
            self.fill([self.kept("lacking", self.lacking)])
            return
        parts = self.outcomes.parts
        if self._signed:
            made = [self.kept(("made", e), partial(self._row, e)) for e in self._signed]
            self._made.show_rows(made)
            parts.append(self._made)
        if self._busy:
            self.fill([*parts, self._progress])
            return
        if self._signed and not self._files:
            self.fill(parts)
            return
        self.drop_more.setVisible(not self._files)
        parts.append(self._place)
        if self._files:
            self._list.show_rows([self._file(each) for each in self._files])
            parts += [self._list, *self.wishes.parts(self._files)]
        self._do.setText(self._press_words())
        self._foot.set_note(self._batches() or self.texts("sign.next"))
        self.fill(parts, self._foot)
        if self.wishes.is_new:
            self.wishes.is_new = False
            QTimer.singleShot(0, self, self._reveal_preview)

    def _reveal_preview(self) -> None:
        """Bring the preview in sight, and with it the controls beside it."""
        if self.wishes.preview is not None:
            self.area.ensureWidgetVisible(self.wishes.preview)

    def _file(self, path: Path) -> Row:
        size = self._size_of(path)
        return self.kept(("file", path, size), lambda: self._make_file(path, size))

    def _make_file(self, path: Path, size: str) -> Row:
        name = WrappingLabel(escape_name(path.name), bold=True)
        kind = "pdf" if is_pdf(path) else "other"
        words = muted(self.texts(f"sign.kind.{kind}", size=size))
        buttons = [self._open_button(path), self._remove_button(path)]
        return Row(FileSign(_TAGS.get(path.suffix.lower(), "")), [name, words], buttons)

    def cards_changed(self, cards: Cards) -> None:
        """Say below whose card would sign."""
        self._foot.set_holder(only_holder(cards))
        self._place_foot()

    def leave(self) -> None:
        """End the page. A signing that runs goes on in its own window."""
        super().leave()
        self.wishes.stop()

    def _faults(self, result: JsonObject) -> list[str]:
        """Return what was left out and why, and what is to be known of a file."""
        error = result.get("error", {})
        faults = [(each["file"], each["reason"]) for each in error.get("files", ())]
        ended = "unwritable" if error.get("code") == "FILE_NOT_WRITABLE" else "ended"
        failed = result.get("failed", ())
        said: list[str] = []
        if len(failed) > _MOST_NAMED:
            said.append(self.texts("sign.left", count=len(failed)))
        else:
            named = {file for file, _ in faults}
            faults += [(each, ended) for each in failed if each not in named]
        said += [self._fault(Path(file), reason) for file, reason in faults]
        names = [escape_name(Path(file).name) for file in result.get("changed", ())]
        return [*said, *(self.texts("sign.changed", name=each) for each in names)]

    def _row(self, path: Path) -> Row:
        """Return the row of a signed file."""
        check = partial(self.services.give_files, "check", [path])
        buttons = [
            self._open_button(path),
            self._show_button(path),
            self._file_button("sign.check", path, check),
        ]
        return self._result_row(path, buttons)


def _is_packable(result: JsonObject) -> bool:
    """Whether a PDF was refused that a container can hold."""
    files = result.get("error", {}).get("files", ())
    return any(fits_container(Path(each["file"]), each["reason"]) for each in files)


class _Progress(Panel):
    """First says where PIN2 is typed, then how many files are signed."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self._texts, self._announce = page.texts, page.say
        #: What is said. It can have the focus.
        self.words = label(self._texts("sign.busy"))
        self.words.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._bar = _Bar()
        self._bar.hide()
        self._stopping = False
        self.rows.setSpacing(dp(8))
        stop = ButtonLine(page.button("files.stop", page.stop))
        for each in (self.words, self._bar, stop):
            self.rows.addWidget(each)

    def begin(self) -> None:
        self._stopping = False
        self._bar.hide()
        self.words.setText(self._texts("sign.busy"))

    def show_batch(self, number: int, count: int) -> None:
        """Show that PIN2 is asked for; the number of times counts from 1."""
        if not self._stopping:
            self._say(self._texts("sign.busy.batch", number=number, count=count))

    def show_number(self, number: int, count: int) -> None:
        """Show that file ``number`` of ``count`` is signed now; it counts from 1."""
        if self._stopping:
            return
        self._bar.setRange(0, count)
        self._bar.setValue(number - 1)
        self._bar.show()
        self._say(self._texts("sign.progress", number=number, count=count))

    def show_stopping(self) -> None:
        """Show that it stops after the signature that is being made."""
        self._stopping = True
        self._say(self._texts("sign.stopping"))

    def _say(self, words: str) -> None:
        self.words.setText(words)
        self._bar.setAccessibleName(words)
        self._announce(words, politely=True)


class _Bar(QProgressBar):
    def __init__(self) -> None:
        super().__init__()
        self.setTextVisible(False)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(dp(200), dp(12))

    minimumSizeHint = sizeHint  # noqa: N815 - Qt's name

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        painter, box = painter_of(self), inset(QRectF(self.rect()), max(dp(0.5), 0.5))
        corner = box.height() / 2
        draw_box(painter, box, corner, ground=tokens.field, edge=tokens.edge)
        if self.value():
            done = box.width() * self.value() / self.maximum()
            box.setWidth(max(done, box.height()))
            draw_box(painter, box, corner, ground=tokens.acts["sign"].button)
