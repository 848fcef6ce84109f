# SPDX-License-Identifier: MIT
"""The page of the card: its holder, its validity, its codes, and their buttons."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from kortilla.common.escaping import printable
from native_host.card.errors import CardKind
from native_host.desktop.card_watch import Cards, ReaderContent
from native_host.desktop.pages.outcome import Outcomes, as_sentence
from native_host.desktop.pages.page import PageBase, Services
from native_host.desktop.prompts import Prompts
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
from native_host.operations.card_state import (
    PINS,
    CardState,
    can_change,
    can_unlock,
    card_state,
    readable,
    valid_until,
)

if TYPE_CHECKING:
    from native_host.desktop.card_watch import CardWatch
    from native_host.operations.card_status import CardStatus

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
        from native_host.environment import open_source

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
        words = " ".join(map(as_sentence, self._titles()))
        if not (words and self.isVisible() and self.isActiveWindow()):
            return
        if self._asked or words != self._said:
            self.say(words, politely=True)
        self._said, self._asked = words, False

    def _titles(self) -> Iterator[str]:
        """Yield the title of each card's state; of one that is being read, nothing."""
        if problem := self._cards.problem:
            yield self.texts.problem(problem)[0]
        elif not _used(self._cards):
            key = "no_card" if self._cards.readers else "no_reader"
            yield self.texts(f"card.{key}.title")
        for status in filter(None, (each.status for each in self._cards.readers)):
            if "error" in status:
                yield self.texts.failure(status["error"])[0]
            elif card := status["card"]:
                holder = card["holder"]
                name = f"{printable(holder['name'])}: " if holder else ""
                title, _ = self.texts.state(card_state(card, datetime.now(UTC)))
                yield f"{name}{title}"

    def _build(self) -> None:
        parts = self._outcomes.parts
        readers = self._cards.readers
        used = [each for each in readers if each.has_card]
        if problem := self._cards.problem:
            why = self.texts.problem(problem)
            parts.append(self.kept(problem, lambda: self._problem(*why)))
        elif not used:
            key = "no_card" if readers else "no_reader"
            names = tuple(each.name for each in readers)
            parts.append(self.kept(names, lambda: self._waiting(key, names)))
        if any(each.status and each.status["testCard"] for each in used):
            mark = self.kept(
                "mark", partial(MockCardMark, *self.texts.test_card, low=False)
            )
            parts.insert(0, mark)
        today = datetime.now(UTC).date()
        for each, whose in zip(used, _marks(used), strict=True):
            key = f"{today} {each} {whose}"
            parts += self.kept(key, partial(self._reader, each, whose))
        self.fill(parts)

    def _waiting(self, key: str, readers: tuple[str, ...]) -> QWidget:
        title, more = self.texts(f"card.{key}.title"), self.texts(f"card.{key}.more")
        names = [
            muted(self.texts("card.reader", reader=printable(name))) for name in readers
        ]
        icon = "waiting-for-card" if readers else "waiting-for-reader"
        words = [label(title, 17 / 15, bold=True), label(more), *names]
        return RowsPanel(rows=[Row(Sign(icon, "identify", 64), words, ())])

    def _problem(self, title: str, text: str) -> QWidget:
        notice = Notice(text, title=title, kind="error")
        go = partial(self.services.show_page, "self_check")
        notice.rows.addWidget(ButtonLine(self.button("card.check", go)))
        return notice

    def _reader(self, reader: ReaderContent, mark: str) -> list[QWidget]:
        """Return the parts for a reader. ``mark`` tells its card from others."""
        status = reader.status
        if status is None:
            return [self.note("card.reading")]
        if "error" in status:
            if status["error"].get("kind") == CardKind.CONTACTLESS.name:
                return [self._contactless(reader.name)]
            return self._unusable(reader, self.texts.failure(status["error"]))
        if status["card"] is None:
            return []
        card, now = status["card"], datetime.now(UTC)
        state = card_state(card, now)
        if not readable(card):
            return self._unusable(reader, self.texts.state(state))
        parts: list[QWidget] = [_Hero(self._facts(card, state, now, reader.name))]
        start = partial(self._start, reader.name)
        if state.kind != "good":
            parts.append(self._notice(state, start, mark))
        codes = "card.codes.of" if mark else "card.codes"
        parts.append(WrappingHeading(self.texts(codes, holder=mark), 17 / 15))
        buttons = {pin: self._buttons(card, pin, start, mark) for pin in _SIGNS}
        width = max(each.sizeHint().width() for each in buttons.values())
        for each in buttons.values():
            each.setMinimumWidth(width)  # equally wide in each row
        rows = RowsPanel(rows=[self._row(card, pin, buttons[pin]) for pin in _SIGNS])
        return [*parts, rows, muted(self.texts("card.advice"))]

    def _contactless(self, reader: str) -> QWidget:
        """Offer everything for a card that was not read, since nobody typed its CAN."""
        title = self.texts("card.contactless.title")
        notice = Notice(self.texts("card.contactless.more"), title=title)
        notice.rows.addWidget(
            muted(self.texts("card.reader", reader=printable(reader)))
        )
        start = partial(self._start, reader)
        first = self.button("card.activate", partial(start, "activate"))
        notice.rows.addWidget(ButtonLine(first))
        for command, key in (("change-pin", "change"), ("unblock", "unlock")):
            buttons = [
                self.button(f"card.{key}.{pin}", partial(start, command, pin))
                for pin in ("pin1", "pin2")
            ]
            notice.rows.addWidget(ButtonLine(*buttons))
        return notice

    def _unusable(self, reader: ReaderContent, why: tuple[str, str]) -> list[QWidget]:
        where = muted(self.texts("card.reader", reader=printable(reader.name)))
        return [where, self._problem(*why)]

    def _facts(
        self, card: CardStatus, state: CardState, now: datetime, reader: str
    ) -> list[QWidget]:
        holder = card["holder"]
        name = holder["name"] if holder else self.texts("card.holder_unknown")
        lines: list[QWidget] = [WrappingHeading(printable(name), 20 / 15)]
        if holder:
            satu = printable(holder["satu"])
            lines.append(muted(self.texts("card.satu", satu=satu)))
        if state.kind == "good":
            ready, _ = self.texts.state(state)
            lines.append(StateLabel(ready, "good", "tick"))
        if (end := valid_until(card)) and end > now:
            lines.append(label(self.texts.valid(end), 14 / 15))
        lines.append(muted(self.texts("card.reader", reader=printable(reader))))
        return lines

    def _notice(self, state: CardState, start: _Start, mark: str) -> QWidget:
        title, text = self.texts.state(state)
        kind: Kind = "error" if state.kind == "error" else "warning"
        notice = Notice(text, title=title, kind=kind)
        if state.can_activate:
            activate = partial(start, "activate")
            button = self.button("card.activate", activate, "manage", height=44)
            if mark:
                button.setAccessibleName(f"{button.text()}, {mark}")
            notice.rows.addWidget(ButtonLine(button))
        return notice

    def _row(self, card: CardStatus, pin: str, buttons: QWidget) -> Row:
        key = f"card.{pin.lower()}"
        words: list[QWidget] = [
            label(self.texts(key), bold=True),
            muted(self.texts(f"{key}.use")),
        ]
        return Row(Sign(*_SIGNS[pin]), words, [self._tries(card, pin), buttons])

    def _tries(self, card: CardStatus, pin: str) -> QWidget:
        left = card["tries"][pin]
        is_set = pin not in PINS or card["pinsSet"].get(pin) is not False
        words = self.texts.tries(left, is_set=is_set)
        shown = muted(words) if left is None or not is_set else TriesLabel(left, words)
        shown.setMinimumWidth(dp(120))
        return shown

    def _buttons(self, card: CardStatus, pin: str, start: _Start, mark: str) -> QWidget:
        holder = QWidget()
        buttons = QHBoxLayout(holder)
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.setSpacing(dp(14))
        found = []
        if pin in PINS and can_change(card, pin):
            found.append(("change", "change-pin"))
        if pin in PINS and can_unlock(card, pin):
            key = "forgotten" if can_change(card, pin) else "unlock"
            found.append((key, "unblock"))
        for key, command in found:
            press = partial(start, command, pin.lower())
            button = self.button(f"card.{key}", press)
            name = self.texts(f"card.{key}.{pin.lower()}")
            button.setAccessibleName(f"{name}, {mark}" if mark else name)
            buttons.addWidget(button)
        buttons.addStretch(1)
        return holder

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
            tell(done, more=[self.texts(f"card.{each}") for each in pins])
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
