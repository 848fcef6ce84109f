# SPDX-License-Identifier: MIT
"""The page of the history: off until switched on, exported and deleted by a button."""

import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from kortilla.common.escaping import printable
from native_host import history
from native_host.desktop.pages.page import PageBase, Services
from native_host.gui.buttons import WrappingCheckBox, flush
from native_host.gui.labels import WrappingLabel, muted
from native_host.gui.panels import ButtonLine, Notice, Panel, Row, RowsPanel, Sign
from native_host.gui.tokens import Act

#: Entries that the page shows; a file holds all of them.
_SHOWN = 100
_RESULTS = {"done": "done", "USER_CANCELLED": "cancelled"}
_SIGNS: dict[str, tuple[str, Act]] = {
    "identify": ("person-on-card", "identify"),
    "sign": ("pen", "sign"),
}


class Page(PageBase):
    def __init__(self, services: Services) -> None:
        super().__init__(services, services.texts("history.title"))
        self._message = ""
        self._box = flush(WrappingCheckBox(self.texts("history.switch")))
        self._box.clicked.connect(self._switch)
        self._panel, self._list = Panel(), RowsPanel()
        self._panel.rows.addWidget(self._box)
        self._panel.rows.addWidget(muted(self.texts("history.more")))
        #: What waits for a yes: to delete all, to switch off too, or nothing.
        self._asked = ""

    def shown(self) -> None:
        self._build()

    def window_activated(self) -> None:
        """Read the history anew: something was done elsewhere."""
        self._build()

    def _build(self) -> None:
        is_on = history.is_on()
        found = history.entries()
        self._box.setChecked(is_on)
        parts: list[QWidget] = [self._panel]
        if message := self._message:
            parts.append(self.notice(message))
        if self._asked:
            parts.append(self.kept("question", self._question))
        if is_on and not found:
            none = self.texts("history.none")
            parts.append(self.kept("none", lambda: muted(none, 1.0)))
        if found:
            # The same may have been done twice in a second.
            shown = Counter[history.Entry]()
            rows = []
            for entry in found[:_SHOWN]:
                shown[entry] += 1
                key = (entry, shown[entry])
                rows.append(self.kept(key, partial(self._row, entry)))
            self._list.show_rows(rows)
            parts += [self._list, self.kept("foot", self._foot)]
        self.fill(parts)

    def _row(self, entry: history.Entry) -> Row:
        what = entry.what if entry.what in _SIGNS else "identify"
        who = printable(entry.who) or self.texts("history.own")
        title = self.texts(f"history.{what}", who=who)
        words: list[QWidget] = [WrappingLabel(title, bold=True)]
        if entry.names:
            words.append(WrappingLabel(printable(", ".join(entry.names)), 14 / 15))
        key = _RESULTS.get(entry.result, "failed")
        code, time = printable(entry.result), _time(entry.time)
        words.append(muted(self.texts(f"history.{key}", time=time, code=code)))
        return Row(Sign(*_SIGNS[what]), words, ())

    def _foot(self) -> QWidget:
        return ButtonLine(
            self.button("history.export", self._export),
            self.button("history.delete", partial(self._ask, "delete")),
        )

    def _question(self) -> QWidget:
        notice = Notice(self.texts("history.sure"))
        yes = self.button("history.yes", self._delete)
        no = self.button("history.no", partial(self._ask, ""))
        notice.rows.addWidget(ButtonLine(yes, no))
        return notice

    def _ask(self, what: str) -> None:
        self._asked, self._message = what, ""
        self._build()

    def _switch(self, on: bool) -> None:
        if not on and history.entries():
            self._ask("off")
        else:
            self._change(history.switch_on if on else history.switch_off)

    def _delete(self) -> None:
        self._change(history.clear if self._asked == "delete" else history.switch_off)

    def _change(self, change: Callable[[], object]) -> None:
        self._asked, self._message = "", ""
        try:
            change()
        except OSError:
            self._message = self.texts("history.not_saved")
        self._build()

    def _export(self) -> None:
        title = self.texts("history.export")
        start = os.fspath(Path.home() / "kortilla.json")
        chosen, _ = QFileDialog.getSaveFileName(self, title, start, "JSON (*.json)")
        if chosen:
            self.save(Path(chosen))

    def save(self, path: Path) -> None:
        """Write all entries to a file that only its owner can read."""
        made = json.dumps(
            [asdict(each) for each in history.entries()], ensure_ascii=False, indent=2
        )
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
                os.fchmod(file.fileno(), 0o600)  # also one that was there
                file.write(f"{made}\n")
            self._message = self.texts("history.saved")
        except OSError:
            self._message = self.texts("history.not_saved")
        self._build()


def _time(text: str) -> str:
    try:
        return datetime.fromisoformat(text).astimezone().strftime("%-d.%-m.%Y %-H.%M")
    except ValueError:
        return printable(text)
