# SPDX-License-Identifier: MIT
"""The page of the card: its holder, its validity, its codes, and their buttons."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from kortilla.common.escaping import printable
from native_host.desktop.card_watch import Cards, ReaderContent
from native_host.desktop.pages.outcome import Outcomes
from native_host.desktop.pages.page import PageBase, Services, button
from native_host.desktop.prompts import Prompts
from native_host.gui.buttons import Button
from native_host.gui.drawings import CardDrawing
from native_host.gui.labels import (
    MockCardMark,
    StateLabel,
    TriesLabel,
    WrappingHeading,
    label,
    muted,
)
from native_host.gui.panels import ButtonLine, Kind, Notice, Panel, Row, RowsPanel, Sign
from native_host.gui.sizes import dp
from native_host.gui.tokens import Act
from native_host.operations.card_state import CardState, failure_state
from native_host.operations.card_words import (
    Action,
    CardWords,
    CodeWords,
    StateWords,
    card_words,
    state_words,
)

if TYPE_CHECKING:
    from native_host.desktop.card_watch import CardWatch

#: Opens the window with a command of ``kortilla card`` for one card.
_Start = Callable[..., object]
#: Milliseconds that the window has for its first picture.
_PAUSE = 50
#: The icon of each code, and what the code is for.
_SIGNS: dict[str, tuple[str, Act]] = {
    "PIN1": ("person-on-card", "identify"),
    "PIN2": ("pen", "sign"),
    "PUK": ("key", "manage"),
}


class Page(PageBase):
    """Shows all readers and cards, and follows them."""

    def __init__(self, services: Services) -> None:
        super().__init__(services, services.texts("card.title"))
        self._prompts = Prompts(services)
        self._watch: CardWatch | None = None
        self._following: Future[None] | None = None
        self._cards = Cards()
        #: What was said of the cards, and whether the person has asked for it again.
        self._said, self._asked = "", False
        self.title_row.addWidget(self.button("card.read", self._ask_again))
        self._outcomes = Outcomes(self, self._build)
        self.fill([self.note("card.reading")])
        # After the window's first picture.
        QTimer.singleShot(_PAUSE, self, self._start_following)

    def window_activated(self) -> None:
        """Read the cards again: other programs may have used up tries."""
        self._read_again()

    def _start_following(self) -> None:
        if not self._gone:
            self._following = self.services.background.start(
                self._follow, failed=lambda error: self._show(Cards(problem=error.code))
            )

    def leave(self) -> None:
        super().leave()
        if self._following is not None:
            self._following.cancel()

    async def _follow(self) -> None:
        from native_host.desktop.card_watch import CardWatch
        from native_host.operations.environment import open_source

        background = self.services.background
        async with open_source(self.services.config) as source:
            self._watch = CardWatch(
                source, lambda cards: background.in_window(self._show, cards)
            )
            await self._watch.run()

    def _ask_again(self) -> None:
        self._asked = True
        self._read_again()

    def _read_again(self) -> None:
        if self._watch is not None:
            self.services.background.call(self._watch.read_again)

    def _show(self, cards: Cards) -> None:
        if _used(cards) != _used(self._cards):
            self._outcomes.clear()  # of another card
        self._cards = cards
        self.services.tell_cards(cards)
        self._build()
        self._announce()

    def _announce(self) -> None:
        """Say what has become of the cards, and again what the person has asked for."""
        words = " ".join(self._titles())
        if not (words and self.isVisible() and self.isActiveWindow()):
            return
        if self._asked or words != self._said:
            self.say(words, politely=True)
        self._said, self._asked = words, False

    def _titles(self) -> Iterator[str]:
        """Yield the title of each card's state; of one that is being read, nothing."""
        if problem := self._cards.problem:
            yield self._failure_words(problem)["title"]
        elif not _used(self._cards):
            yield self._waiting_words()["title"]
        for each in self._cards.readers:
            if words := self._words(each):
                name = f"{words['holder']}: " if words["satu"] else ""
                yield f"{name}{words['title']}"

    def _words(self, reader: ReaderContent) -> CardWords | None:
        if reader.status is None:
            return None
        return card_words(reader.status, self.services.clock(), self.texts.card)

    def _failure_words(self, code: str) -> StateWords:
        state = failure_state({"code": code, "message": ""})
        return state_words(state, self.texts.card)

    def _waiting_words(self) -> StateWords:
        """Return the words where no reader has a card."""
        kind = "no_card" if self._cards.readers else "no_reader"
        return state_words(CardState(kind, "note"), self.texts.card)

    def _build(self) -> None:
        parts = self._outcomes.parts
        readers = self._cards.readers
        used = [each for each in readers if each.has_card]
        if problem := self._cards.problem:
            why = self._failure_words(problem)
            parts.append(self.kept(problem, lambda: self._problem(why)))
        elif not used:
            names = tuple(each.name for each in readers)
            parts.append(self.kept(names, lambda: self._waiting(names)))
        if any(each.status and each.status["testCard"] for each in used):
            mark = self.kept(
                "mark", partial(MockCardMark, *self.texts.card.test_card, low=False)
            )
            parts.insert(0, mark)
        today = self.services.clock().date()
        for each, whose in zip(used, _marks(used), strict=True):
            key = f"{today} {each} {whose}"
            parts += self.kept(key, partial(self._reader, each, whose))
        self.fill(parts)

    def _waiting(self, readers: tuple[str, ...]) -> QWidget:
        words = self._waiting_words()
        icon = "waiting-for-card" if readers else "waiting-for-reader"
        lines = [label(words["title"], 17 / 15, bold=True), label(words["more"])]
        return RowsPanel(
            rows=[
                Row(
                    Sign(icon, "identify", 64),
                    [*lines, *(self._where(name) for name in readers)],
                    (),
                )
            ]
        )

    def _where(self, reader: str) -> QWidget:
        return muted(self.texts.card("reader", reader=printable(reader)))

    def _problem(self, words: StateWords) -> QWidget:
        notice = Notice(words["more"], title=words["title"], kind="error")
        go = partial(self.services.show_page, "self_check")
        notice.rows.addWidget(ButtonLine(self.button("self_check.run", go)))
        return notice

    def _reader(self, reader: ReaderContent, mark: str) -> list[QWidget]:
        """Return the parts for a reader. ``mark`` tells its card from others."""
        if reader.status is None:
            return [self.note("card.reading")]
        if (words := self._words(reader)) is None:
            return []
        start = partial(self._start, reader.name)
        if words["kind"] == "contactless":
            return [self._contactless(words, reader.name, start)]
        if not words["codes"]:
            return [self._where(reader.name), self._problem(words)]
        parts: list[QWidget] = [_Hero(self._facts(words, reader.name))]
        if words["look"] != "good":
            parts.append(self._notice(words, start, mark))
        codes = "card.codes.of" if mark else "card.codes"
        parts.append(WrappingHeading(self.texts(codes, holder=mark), 17 / 15))
        buttons = [
            self._buttons(each["actions"], start, mark) for each in words["codes"]
        ]
        width = max(each.sizeHint().width() for each in buttons)
        for each in buttons:
            each.setMinimumWidth(width)  # equally wide in each row
        rows = map(self._row, words["codes"], buttons)
        return [*parts, RowsPanel(rows=[*rows]), muted(self.texts("card.advice"))]

    def _contactless(self, words: CardWords, reader: str, start: _Start) -> QWidget:
        """Offer everything for a card that was not read, since nobody typed its CAN."""
        notice = Notice(words["more"], title=words["title"])
        notice.rows.addWidget(self._where(reader))
        acts = zip(*(each["actions"] for each in words["codes"]), strict=True)
        rows = [words["actions"], *acts]
        for row in rows:
            made = [self._action(each, start, each["name"]) for each in row]
            notice.rows.addWidget(ButtonLine(*made))
        return notice

    def _facts(self, words: CardWords, reader: str) -> list[QWidget]:
        lines: list[QWidget] = [WrappingHeading(words["holder"], 20 / 15)]
        if words["satu"]:
            lines.append(muted(words["satu"]))
        if words["look"] == "good":
            lines.append(StateLabel(words["title"], "good", "tick"))
        if words["valid"]:
            lines.append(label(words["valid"], 14 / 15))
        return [*lines, self._where(reader)]

    def _notice(self, words: CardWords, start: _Start, mark: str) -> QWidget:
        kind: Kind = "error" if words["look"] == "error" else "warning"
        notice = Notice(words["more"], title=words["title"], kind=kind)
        if words["help"]:
            notice.rows.addWidget(label(words["help"]["more"]))
        # That of a PIN is in its row.
        for action in words["actions"]:
            if action["pin"] is None:
                press = partial(start, action["command"])
                made = button(action["label"], press, "manage", height=44)
                if mark:
                    made.setAccessibleName(f"{action['name']}, {mark}")
                notice.rows.addWidget(ButtonLine(made))
        return notice

    def _row(self, code: CodeWords, buttons: QWidget) -> Row:
        left, words = code["tries"], code["words"]
        lines: list[QWidget] = [label(code["title"], bold=True), muted(code["use"])]
        shown = muted(words) if left is None else TriesLabel(left, words)
        shown.setMinimumWidth(dp(120))
        return Row(Sign(*_SIGNS[code["code"]]), lines, [shown, buttons])

    def _buttons(self, actions: list[Action], start: _Start, mark: str) -> QWidget:
        holder = QWidget()
        buttons = QHBoxLayout(holder)
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.setSpacing(dp(14))
        for action in actions:
            made = self._action(action, start, action["label"])
            name = action["name"]
            if action["label"] not in name:  # a name has the words that are seen
                name = f"{action['label']}: {action['pin']}"
            made.setAccessibleName(f"{name}, {mark}" if mark else name)
            buttons.addWidget(made)
        buttons.addStretch(1)
        return holder

    def _action(self, action: Action, start: _Start, words: str) -> Button:
        which = [action["pin"].lower()] if action["pin"] else []
        return button(words, partial(start, action["command"], *which))

    def _start(self, reader: str, *words: str) -> None:
        """Open the window for the card in a reader."""
        which = (*words, f"--reader={reader}")
        if not self._prompts.start(which, partial(self._prompt_ended, words)):
            self._outcomes.note(self.texts("card.window_open"))
            return
        # An Enter that was meant for the other window only says that it is open.
        self._outcomes.clear()
        self._build()

    def _prompt_ended(self, words: Sequence[str], code: str) -> None:
        """Tell what came of a command with these words, of which the first names it."""
        command, *pins = words
        tell = self._outcomes.tell
        if not code:
            done = self.texts(f"card.done.{command}")
            tell(done, more=[self.texts.card(each) for each in pins])
        elif code == "USER_CANCELLED":
            tell(self.texts("card.cancelled"), "note")
        else:
            failed = code == "PROMPT_FAILED"
            more = self.texts("card.window_failed" if failed else "card.left.more")
            tell(self.texts("card.left"), "error", [more])
        self._read_again()


def _marks(readers: Sequence[ReaderContent]) -> list[str]:
    """Return what tells the cards of several readers apart: their holders.

    The readers tell apart the cards of one person. A single card needs no mark.
    """
    cards = [each.status["card"] if each.status else None for each in readers]
    if sum(1 for each in cards if each) < 2:
        return [""] * len(readers)
    holders = [
        printable(c["holder"]["name"]) if c and c["holder"] else "" for c in cards
    ]
    marks = []
    for reader, holder in zip(readers, holders, strict=True):
        alone = holder and holders.count(holder) == 1
        where = "" if alone else printable(reader.name)
        marks.append(", ".join(filter(None, (holder, where))))
    return marks


def _used(cards: Cards) -> list[str]:
    """Return the names of the readers that have a card."""
    return [each.name for each in cards.readers if each.has_card]


class _Hero(Panel):
    """The drawing of the card beside what it says; without room, the words alone."""

    def __init__(self, lines: list[QWidget]) -> None:
        super().__init__(tinted=True)
        row = QHBoxLayout()
        row.setContentsMargins(dp(8), dp(14), dp(8), dp(14))
        row.setSpacing(dp(28))
        self._drawing = CardDrawing(210)
        row.addWidget(self._drawing)
        words = QVBoxLayout()
        words.setSpacing(dp(7))
        words.addStretch(1)
        for line in lines:
            words.addWidget(line)
        words.addStretch(1)
        row.addLayout(words, 1)
        self.rows.addLayout(row)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(dp(200), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        self._drawing.setVisible(self.width() >= dp(520))
        super().resizeEvent(event)
