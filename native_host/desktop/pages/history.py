# SPDX-License-Identifier: MIT
"""The history on the page *Settings*: off until switched on, saved and deleted."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path

from PySide6.QtWidgets import QWidget

from kortilla.common.escaping import printable
from kortilla.common.files import write_file
from native_host.desktop.file_dialogs import choose_target
from native_host.desktop.pages.outcome import Outcomes
from native_host.desktop.pages.page import PageBase
from native_host.gui.buttons import Fold, WrappingCheckBox, flush
from native_host.gui.labels import WrappingLabel, muted
from native_host.gui.panels import ButtonLine, Notice, Row, RowsPanel, Sign
from native_host.gui.tokens import Act
from native_host.state import history

#: Entries that the page shows; a file holds all of them.
_SHOWN = 100
_RESULTS = {"done": "done", "USER_CANCELLED": "cancelled"}
_SIGNS: dict[str, tuple[str, Act]] = {
    "identify": ("person-on-card", "identify"),
    "sign": ("pen", "sign"),
}


class HistoryPart:
    """The part of the page *Settings* that keeps the history.

    ``changed`` is called when it is to be shown anew.
    """

    def __init__(self, page: PageBase, changed: Callable[[], object]) -> None:
        self._page = page
        self._texts, self._kept = page.texts, page.kept
        self._outcomes = Outcomes(page, changed)
        self._box = flush(WrappingCheckBox(self._texts("history.switch")))
        self._box.clicked.connect(self._switch)
        self._list = RowsPanel()
        self._fold = Fold(self._texts("history.show"), "identify")
        self._fold.clicked.connect(changed)
        #: What waits for a yes: to delete all, to switch off too, or nothing.
        self._asked = ""

    def controls(self) -> list[QWidget]:
        """Return the switch, and what can be done with the history."""
        is_on = history.is_on()
        self._box.setChecked(is_on)
        controls: list[QWidget] = [self._box]
        if self._asked:
            controls.append(self._kept("question", self._question))
        controls += self._outcomes.parts
        if history.entries():
            controls += [self._kept("buttons", self._buttons), self._fold]
        elif is_on:
            none = self._texts("history.none")
            controls.append(self._kept("none", lambda: muted(none, 1.0)))
        return controls

    def entries(self) -> list[QWidget]:
        """Return the entries, if they are to be seen."""
        found = history.entries()
        if not found or not self._fold.isChecked():
            return []
        # The same may have been done twice in a second.
        shown = Counter[history.Entry]()
        rows = []
        for entry in found[:_SHOWN]:
            shown[entry] += 1
            key = (entry, shown[entry])
            rows.append(self._kept(key, partial(self._row, entry)))
        self._list.show_rows(rows)
        return [self._list]

    def _row(self, entry: history.Entry) -> Row:
        what = entry.what if entry.what in _SIGNS else "identify"
        who = printable(entry.who) or self._texts("history.own")
        title = self._texts(f"history.{what}", who=who)
        words: list[QWidget] = [WrappingLabel(title, bold=True)]
        if entry.names:
            words.append(WrappingLabel(printable(", ".join(entry.names)), 14 / 15))
        key = _RESULTS.get(entry.result, "failed")
        code, time = printable(entry.result), _time(entry.time)
        words.append(muted(self._texts(f"history.{key}", time=time, code=code)))
        return Row(Sign(*_SIGNS[what]), words, ())

    def _buttons(self) -> QWidget:
        return ButtonLine(
            self._page.button("history.export", self._export),
            self._page.button("history.delete", partial(self._ask, "delete")),
        )

    def _question(self) -> QWidget:
        notice = Notice(self._texts("history.sure"))
        yes = self._page.button("history.yes", self._delete)
        no = self._page.button("history.no", partial(self._ask, ""))
        notice.rows.addWidget(ButtonLine(yes, no))
        return notice

    def _ask(self, what: str) -> None:
        if not what:
            self._box.setFocus()  # the button that has it goes
        self._asked = what
        self._outcomes.note("")
        if what:
            self._page.say(self._texts("history.sure"))

    def _switch(self, on: bool) -> None:
        if not on and history.entries():
            self._ask("off")
        else:
            self._change(history.switch_on if on else history.switch_off)

    def _delete(self) -> None:
        self._change(history.clear if self._asked == "delete" else history.switch_off)

    def _change(self, change: Callable[[], object]) -> None:
        self._box.setFocus()
        self._asked, problem = "", ""
        try:
            change()
        except OSError:
            problem = self._texts("history.not_saved")
        self._outcomes.note(problem, "error")

    def _export(self) -> None:
        title = self._texts("history.export")
        patterns = "JSON (*.json)"
        if chosen := choose_target(self._page, title, "kortilla.json", patterns):
            self.save(chosen)

    def save(self, path: Path) -> None:
        """Write all entries to a file that only its owner can read."""
        made = json.dumps(
            [asdict(each) for each in history.entries()], ensure_ascii=False, indent=2
        )
        try:
            write_file(path, f"{made}\n".encode())
        except OSError:
            self._outcomes.note(self._texts("history.not_saved"), "error")
        else:
            self._outcomes.note(self._texts("history.saved"), "good")


def _time(text: str) -> str:
    try:
        time = datetime.fromisoformat(text).astimezone()
    except ValueError:
        return printable(text)
    return f"{time.day}.{time.month}.{time.year} {time.hour}.{time:%M}"
