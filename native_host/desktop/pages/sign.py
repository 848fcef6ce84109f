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
from native_host.gui.drawings import FileSign
from native_host.gui.icons import draw_box, inset, painter_of
from native_host.gui.labels import Heading, WrappingLabel, label, muted
from native_host.gui.panels import ButtonLine, Kind, Notice, Panel, Row, RowsPanel
from native_host.gui.sizes import dp
from native_host.gui.tokens import tokens_for
from native_host.operations.documents import MAX_DOCUMENTS

#: The most files that were not signed of which each is named.
_MOST_NAMED = 3
#: Errors of a file that the page has a sentence for.
_REASONS = {
    *("broken", "changed", "empty", "encrypted", "files", "gone", "kind", "locked"),
    *("too-long", "too-much-memory", "too-slow", "unreadable", "unwritable", "xfa"),
}
#: The tag on the drawing of a file with an ending.
_TAGS = {
    ".pdf": "PDF",
    ".png": "PNG",
    ".txt": "TXT",
    **dict.fromkeys((".jpg", ".jpeg"), "JPEG"),
}
#: Errors of the whole that the page has a sentence for.
_CODES = {"PROMPT_FAILED", "TOOL_MISSING", "USER_CANCELLED"}


class Page(FilesPage):
    """Collects files and wishes, has them signed, and shows the result."""

    def __init__(self, services: Services) -> None:
        super().__init__(services, "sign", "sign")
        self._prompts = Prompts(services)
        self.wishes = Wishes(services, self.kept, self._build)
        self._progress = _Progress(self)
        self._place, self.choose_button = self.place_to_drop()
        self._list, self._made = RowsPanel(), RowsPanel()
        self._done = Heading(self.texts("sign.done"), 17 / 15)
        self._error = Notice("", kind="error")
        for each in (self._done, self._error.label):
            each.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._do = self.button("sign.do", self._sign, "sign", height=44)
        self._foot = PageFoot(self.texts("sign.next"), [self._do])
        self._busy = False
        #: The files that the window asks about, while it is open.
        self._signing: list[Path] = []
        self._result: JsonObject = {}
        self._build()

    def take(self, files: Sequence[Path]) -> None:
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
        if self._files and not self._busy:
            self.goal = self._do
        self._build()
        self.say(self._message or self._list_words())

    def _list_words(self) -> str:
        count = len(self._files)
        if count == 1:
            name = escape_name(self._files[0].name)
            return self.texts("sign.list.one", name=name)
        return self.texts("sign.list", count=count)

    def _sign(self) -> None:
        self._message, self._result = "", {}
        gone = [each for each in self._files if not each.is_file()]
        if gone:
            self._message = self._fault(gone[0], "gone")
        elif not self._files:
            self._message = self.texts("sign.none")
            self.goal = self.choose_button
        elif self._prompts.sign(
            self.wishes.wish(self._files), self._ended, self._progressed
        ):
            self._busy, self._signing = True, [*self._files]
            self._progress.begin()
            # An Enter that was meant for the window with PIN2 presses nothing there.
            self.goal = self._progress.words
        self._build()
        self.say(self._message)

    def _progressed(self, progress: JsonObject) -> None:
        if self._busy:
            self._progress.show_number(progress["done"] + 1, progress["total"])

    def stop(self) -> None:
        """End the signing after the signature that is being made."""
        self._prompts.cancel()
        self._progress.show_stopping()

    def _ended(self, result: JsonObject) -> None:
        self._busy, self._result = False, result
        error = result.get("error", {})
        code = error.get("code", "")
        if result.get("files"):
            failed = {*result.get("failed", ())}
            done = {e for e in self._signing if os.fspath(e) not in failed}
            self._files = [each for each in self._files if each not in done]
        elif not error.get("files"):
            key = code if code in _CODES else "other"
            self._message = self.texts(f"sign.error.{key}")
        outcome = self._outcome()
        first = outcome[0] if outcome else self._error
        self.goal = first.label if isinstance(first, Notice) else first
        self._build()
        self.say(" ".join(self._said()))

    def _fault(self, path: Path, reason: str) -> str:
        key = reason if reason in _REASONS else "other"
        return self.texts(f"sign.reason.{key}", name=escape_name(path.name))

    def _build(self) -> None:
        if self.missing:
            self.fill([self.kept("lacking", self.lacking)])
            return
        parts = self._outcome()
        if self._message:
            self._error.label.setText(self._message)
            parts.append(self._error)
        if self._busy:
            self.fill([*parts, self._progress])
            return
        parts.append(self._place)
        if self._files:
            self._list.show_rows([self._file(each) for each in self._files])
            parts += [self._list, *self.wishes.parts(self._files)]
        self._do.setText(self._words_of_signing())
        self.fill(parts, self._foot)
        if self.wishes.is_new:
            self.wishes.is_new = False
            QTimer.singleShot(0, self, self._reveal_preview)

    def _reveal_preview(self) -> None:
        """Bring the preview in sight, and with it the controls beside it."""
        if self.wishes.preview is not None:
            self.area.ensureWidgetVisible(self.wishes.preview)

    def _file(self, path: Path) -> Row:
        try:
            size = self.texts.size(path.stat().st_size)
        except OSError:
            size = ""
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

    def _words_of_signing(self) -> str:
        count = len(self._files)
        if count == 1:
            return self.texts("sign.press.one")
        return self.texts("sign.press", count=count) if count else self.texts("sign.do")

    def leave(self) -> None:
        """End the page. A signing that runs goes on in its own window."""
        super().leave()
        self.wishes.stop()

    def _outcome(self) -> list[QWidget]:
        parts: list[QWidget] = []
        if made := self._result.get("files"):
            rows = []
            for each in made:
                path = Path(each["file"])
                key = ("made", path)
                rows.append(self.kept(key, partial(self._make_made, path)))
            self._made.show_rows(rows)
            parts += [self._done, self._made]
        return [*parts, *(self._notice(*each) for each in self._faults())]

    def _faults(self) -> list[tuple[str, Kind]]:
        """Return what the last signing left out, and what is to be known of a file."""
        error = self._result.get("error", {})
        faults = [(each["file"], each["reason"]) for each in error.get("files", ())]
        ended = "unwritable" if error.get("code") == "FILE_NOT_WRITABLE" else "ended"
        failed = self._result.get("failed", ())
        said: list[tuple[str, Kind]] = []
        if len(failed) > _MOST_NAMED:
            said.append((self.texts("sign.left", count=len(failed)), "error"))
        else:
            faults += [(each, ended) for each in failed]
        said += [(self._fault(Path(file), reason), "error") for file, reason in faults]
        for file in self._result.get("changed", ()):
            name = escape_name(Path(file).name)
            said.append((self.texts("sign.changed", name=name), "warning"))
        return said

    def _notice(self, words: str, kind: Kind) -> Notice:
        notice = self.notice(words, kind)
        notice.label.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        return notice

    def _said(self) -> list[str]:
        said = [self._message] if self._message else []
        if made := [Path(each["file"]) for each in self._result.get("files", ())]:
            named = ", ".join(escape_name(each.name) for each in made[:_MOST_NAMED])
            left = len(made) - _MOST_NAMED
            more = f" (+ {left})" if left > 0 else ""
            said.append(f"{self.texts('sign.done')}: {named}{more}.")
        return [*said, *(words for words, _ in self._faults())]

    def _make_made(self, path: Path) -> Row:
        check = partial(self.services.give_files, "check", [path])
        buttons = [
            self._open_button(path),
            self._show_button(path),
            self._file_button("sign.check", path, check),
        ]
        return self._result_row(path, buttons)


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
        stop = ButtonLine(page.button("sign.stop", page.stop))
        for each in (self.words, self._bar, stop):
            self.rows.addWidget(each)

    def begin(self) -> None:
        self._stopping = False
        self._bar.hide()
        self.words.setText(self._texts("sign.busy"))

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
