# SPDX-License-Identifier: MIT
"""What all pages share: a title over contents that scroll, and what they may use."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from kortilla.clock import utc_now
from kortilla.common.escaping import printable
from native_host.config import Config
from native_host.desktop.background import Background
from native_host.desktop.texts import Texts
from native_host.gui.buttons import Button
from native_host.gui.drawings import CardDrawing
from native_host.gui.labels import Heading, WrappingLabel, label, muted
from native_host.gui.panels import Kind, Notice, PlainScrollBar, arrange, turn
from native_host.gui.sizes import dp, text_width
from native_host.gui.tokens import Act, tokens_for

if TYPE_CHECKING:
    from native_host.desktop.card_watch import Cards

#: A foot that stays in sight takes at most one part of so many of the page.
_FOOT_PARTS = 4
#: The least width of the note beside a foot's buttons, where body text has 15 pixels.
_NOTE = 200
#: The width of a page with room at its sides, likewise.
_ROOMY = 420
_Made = TypeVar("_Made")


@dataclass
class Services:
    """What a page may use.

    ``set_badge`` shows a number beside a page of a name. ``show_page`` goes to one.
    ``speak`` changes the language of the window. ``give_files`` goes to a page of a
    name and gives it files. ``say`` has a screen reader speak. ``tell_cards`` tells
    all pages of the cards. ``clock`` returns the time by which cards are judged.
    """

    texts: Texts
    config: Config
    background: Background
    set_badge: Callable[[str, int], None]
    show_page: Callable[[str], None]
    speak: Callable[[str], None]
    give_files: Callable[[str, Sequence[Path]], None]
    say: Callable[..., None]
    tell_cards: Callable[[Cards], None]
    clock: Callable[[], datetime] = utc_now


class Kept:
    """The widgets of a page, by what they show. They live as long as the window.

    A screen reader may ask for a widget at any time, and gets no answer if the widget
    was destroyed. So a page hides what it shows no longer, and shows it again.
    """

    def __init__(self) -> None:
        self._made: dict[Hashable, object] = {}

    def __call__(self, key: Hashable, make: Callable[[], _Made]) -> _Made:
        """Return the widget or widgets of a key. ``make`` makes them the first time."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]  # type: ignore[return-value] # one kind for each key


class PageFoot(QWidget):
    """Stays in sight while the page scrolls, unless it would take much of the room.

    Where room is short, the note stands above the buttons, and the buttons above each
    other. The last one is the primary one.
    """

    def __init__(self, note: str, buttons: Sequence[QPushButton]) -> None:
        super().__init__()
        self._fixed = True
        self._parts = QHBoxLayout(self)
        self._parts.setSpacing(dp(12))
        self._note = muted(note)
        self._card, self._holder = CardDrawing(52), WrappingLabel("", bold=True)
        left, words = QHBoxLayout(), QVBoxLayout()
        left.setSpacing(dp(14))
        words.setSpacing(dp(2))
        words.addWidget(self._holder)
        words.addWidget(self._note)
        left.addWidget(self._card)
        left.addLayout(words, 1)
        self._parts.addLayout(left, 1)
        self.set_holder("")
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(dp(12))
        self._all = buttons
        for each in buttons:
            self._buttons.addWidget(each)
        self._parts.addLayout(self._buttons)
        self.set_fixed(True)

    def set_holder(self, name: str) -> None:
        """Show whose card it is above the note. An empty name shows nothing."""
        self._holder.setText(printable(name))
        for each in (self._card, self._holder):
            each.setVisible(bool(name))

    def set_note(self, note: str) -> None:
        self._note.setText(note)

    def set_fixed(self, fixed: bool) -> None:
        """Stand below what scrolls, or at the end of it."""
        self._fixed = fixed
        side, gap = (dp(32), dp(14)) if fixed else (0, 0)
        self._parts.setContentsMargins(side, gap, side, gap)

    def height_at(self, width: int) -> int:
        self._arrange(width)
        return self._parts.totalHeightForWidth(width)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        self._arrange(self.width())
        super().resizeEvent(event)

    def _arrange(self, width: int) -> None:
        room = width - 2 * self._parts.contentsMargins().left()
        # The buttons beside each other. Their words may change.
        wide = sum(each.sizeHint().width() + dp(12) for each in self._all)
        turn(self._parts, wide + dp(_NOTE + 12) <= room)
        turn(self._buttons, wide <= room)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        if self._fixed:
            line = max(dp(1), 1)
            left = dp(32)
            divider = tokens_for(self.palette()).divider
            painter = QPainter(self)
            painter.fillRect(left, 0, self.width() - 2 * left, line, divider)


class _Sheet(QWidget):
    """It is as high as its text needs at the width that is there."""

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        least = super().minimumSizeHint()
        view = self.parentWidget()
        if view is None:
            return least
        return QSize(least.width(), self.heightForWidth(view.width()))


def _scrolled(sheet: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setWidgetResizable(True)
    area.setVerticalScrollBar(PlainScrollBar())
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(sheet)
    return area


class PageBase(QWidget):
    """A page: a heading, and ``contents`` below it, which scroll together."""

    def __init__(self, services: Services, title: str) -> None:
        super().__init__()
        self.services = services
        self.texts = services.texts
        #: What gets the focus when the page is filled next, if it is shown then.
        self.goal: QWidget | None = None
        #: The words of a button that gets the focus as soon as it is there.
        self.focus_wanted = ""
        self._gone = False
        #: The parts that were ever shown.
        self.kept = Kept()
        self._shown_foot: PageFoot | None = None
        self.setAccessibleName(title)
        sheet = _Sheet()
        self.area = _scrolled(sheet)
        self._outer = QVBoxLayout(self)
        self._outer.setContentsMargins(0, 0, 0, 0)
        self._outer.setSpacing(0)
        self._outer.addWidget(self.area, 1)
        self._rows = QVBoxLayout(sheet)
        self._rows.setSpacing(dp(16))
        self.title_row = QHBoxLayout()
        self.title_row.setSpacing(dp(12))
        self.title = Heading(title, 25 / 15)
        self.title.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.title_row.addWidget(self.title, 1)
        self._rows.addLayout(self.title_row)
        self.contents = QVBoxLayout()
        self.contents.setSpacing(dp(16))
        self._rows.addLayout(self.contents)
        self._end = QVBoxLayout()
        self._rows.addLayout(self._end)
        self._rows.addStretch(1)

    def shown(self) -> None:
        """Do what is to be done each time the page comes to the front."""

    def window_activated(self) -> None:
        """Do what is to be done when the person comes back to the window."""

    def say(self, words: str, *, politely: bool = False) -> None:
        """Have a screen reader speak, at once or after what it says already."""
        if words and not self._gone:
            self.services.say(words, politely=politely)

    def cards_changed(self, cards: Cards) -> None:
        """Follow the cards in the readers."""

    def take(self, files: Sequence[Path]) -> None:
        """Do with files what the page is for. Most pages are for none."""

    def leave(self) -> None:
        """End the page: what still runs for it shows nothing any more."""
        self._gone = True

    def button(
        self,
        key: str,
        press: Callable[[], object],
        act: Act | None = None,
        *,
        height: float = 40,
    ) -> Button:
        return button(self.texts(key), press, act, height=height)

    def note(self, key: str) -> QWidget:
        """Return a sentence, made once."""
        return self.kept(("note", key), lambda: label(self.texts(key)))

    def notice(self, words: str, kind: Kind = "warning") -> Notice:
        return self.kept((words, kind), lambda: Notice(words, kind=kind))

    def fill(self, parts: Sequence[QWidget], foot: PageFoot | None = None) -> None:
        """Show parts, and none of those before. They are from ``kept``.

        Where the control with the focus goes, the one with the same words gets it, or
        else the title: an Enter that comes late must press no other button.
        """
        if self._gone:
            return
        focused = self.window().focusWidget()
        inside = focused is not None and self.isAncestorOf(focused)
        name = focused.accessibleName() or _words(focused) if focused and inside else ""
        place = self.area.verticalScrollBar().value()
        gone = arrange(self.contents, parts)
        if (old := self._shown_foot) is not None and old is not foot:
            gone.append(old)
        self._show_foot(foot)
        self._order_tabs()
        # Before the old parts are hidden: Qt would give the focus to a button beside.
        # Behind another page, it would take the focus of that one.
        goal = self.goal if self.isVisible() else None
        if goal is not None and goal.isVisibleTo(self):
            goal.setFocus()
        elif self.focus_wanted and (wanted := _find(parts, self.focus_wanted)):
            self.focus_wanted = ""
            wanted.setFocus()
        elif focused and any(each.isAncestorOf(focused) for each in gone):
            shown = [*parts, foot] if foot else parts
            (_find(shown, name) or self.title).setFocus()
        self.goal = None
        for each in gone:
            each.hide()
        self.area.verticalScrollBar().setValue(place)
        if goal is not None:
            self.reveal()

    def reveal(self) -> None:
        """Bring the control with the focus in sight."""
        focused, sheet = self.window().focusWidget(), self.area.widget()
        if focused is not None and sheet is not None and sheet.isAncestorOf(focused):
            if (layout := sheet.layout()) is not None:
                layout.activate()
            self.area.ensureWidgetVisible(focused)

    def _order_tabs(self) -> None:
        """Let Tab go through the page as it is read."""
        controls = [
            each
            for each in self.findChildren(QWidget)
            if each.focusPolicy() is not Qt.FocusPolicy.NoFocus
        ]
        for first, second in pairwise(controls):
            QWidget.setTabOrder(first, second)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        self._use_room()
        self._place_foot()
        super().resizeEvent(event)

    def _use_room(self) -> None:
        """Narrow the sides where room is short, and place controls below the title."""
        side = dp(32 if self.width() >= dp(_ROOMY) else 20)
        self._rows.setContentsMargins(side, dp(24), side, dp(24))
        title = text_width(self.title.text(), self.title.font())
        items = map(self.title_row.itemAt, range(1, self.title_row.count()))
        beside = sum(each.sizeHint().width() + dp(12) for each in items if each)
        bar = self.area.verticalScrollBar().sizeHint().width()
        turn(self.title_row, title + beside + 2 * side + bar <= self.width())

    def _show_foot(self, foot: PageFoot | None) -> None:
        self._shown_foot = foot
        if foot is not None:
            self._place_foot()
            foot.raise_()
            foot.show()

    def _place_foot(self) -> None:
        """Let the foot scroll with the rest where it would take much of the room."""
        if self._shown_foot is None:
            return
        self._shown_foot.set_fixed(True)
        fixed = self._shown_foot.height_at(self.width()) * _FOOT_PARTS <= self.height()
        self._shown_foot.set_fixed(fixed)
        wanted = self._outer if fixed else self._end
        if wanted.indexOf(self._shown_foot) < 0:
            focused = self._shown_foot.focusWidget()
            had = focused is not None and focused.hasFocus()
            wanted.addWidget(self._shown_foot)
            self._shown_foot.show()
            if had and focused is not None:
                focused.setFocus()


def button(
    words: str,
    press: Callable[[], object],
    act: Act | None = None,
    *,
    height: float = 40,
) -> Button:
    made = Button(words, act, height=height)
    made.clicked.connect(lambda _=False: press())
    return made


def _find(parts: Sequence[QWidget], name: str) -> QAbstractButton | None:
    buttons = (b for part in parts for b in part.findChildren(QAbstractButton))
    same = (b for b in buttons if name and name in (b.accessibleName(), _words(b)))
    return next(same, None)


def _words(widget: QWidget) -> str:
    return widget.text() if isinstance(widget, QAbstractButton) else ""
