# SPDX-License-Identifier: MIT
"""What the pages of the window have in common, and what a screen reader says of them.

A page with a question emits ``answered`` with what ``messages`` encodes, and the window
sends it.
"""

import re
from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QAbstractScrollArea, QPushButton, QVBoxLayout, QWidget

from kortilla.common.escaping import printable
from native_host.gui.buttons import Button, WrappingCheckBox
from native_host.gui.labels import Heading
from native_host.gui.panels import Kind, Notice
from native_host.gui.sizes import dp, is_low
from native_host.pin_prompt.gui.header import OPERATION_STYLES, Requester
from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.widgets import HolderPanel, em
from native_host.pin_prompt.model import Conversation
from native_host.pin_prompt.texts import Texts

#: More words than this are hard to follow, and delay a person who knows the page.
MOST_WORDS = 40
#: More sentences than there are in any text: names in it may look like several.
ALL = 1000
#: A space after a sentence, but not after a number with a dot.
_BETWEEN = re.compile(r"(?<=[^\d][.!?:]) ")


class Announcement:
    """Sentences of a page, as many as fit into ``MOST_WORDS``.

    The page shows what they say. Those that are needed are always said.
    """

    def __init__(self) -> None:
        self._parts: list[tuple[list[str], int]] = []

    def add(self, words: str, *, needed: int = 0, first: bool = False) -> None:
        """Add sentences that follow each other, of which the first few are needed."""
        if words:
            where = 0 if first else len(self._parts)
            self._parts.insert(where, (_BETWEEN.split(words), needed))

    def __bool__(self) -> bool:
        return bool(self._parts)

    def __str__(self) -> str:
        left = MOST_WORDS - sum(
            _length(sentences[:needed]) for sentences, needed in self._parts
        )
        said: list[str] = []
        for sentences, needed in self._parts:
            said += sentences[:needed]
            for sentence in sentences[needed:]:
                if (length := _length([sentence])) > left:
                    break
                left -= length
                said.append(sentence)
        return " ".join(said)


def _length(sentences: list[str]) -> int:
    return sum(len(sentence.split()) for sentence in sentences)


class Page(QWidget):
    """One page of the window, with buttons for the window's footer."""

    #: The person cancels.
    cancelled = Signal()
    #: What a screen reader is to say, and whether after what it says already.
    said = Signal(str, bool)
    #: The page has become higher; the widget that must be visible.
    grown = Signal(QWidget)
    #: Keys of the texts that say that a key was not taken, and that keys are taken now.
    too_early, now = "too_early", ""

    def __init__(self, conversation: Conversation, text: Texts) -> None:
        super().__init__()
        self.text = text
        self.conversation = conversation
        self.buttons: list[QPushButton] = []
        self.initial_focus: QWidget | None = None
        #: Whether the desktop is to draw attention to the page.
        self.wants_attention = False
        #: The notice about what happened, to be visible together with the focus.
        self.status_notice: QWidget | None = None
        #: What a screen reader announces when the page appears.
        self.announcement = Announcement()
        #: Whether the program waits for the person.
        self.awaits_person = True
        #: Whether the page is mostly there for a moment.
        self.is_brief = False
        #: Whether the page asks for a signature, or shows that it is being made.
        self.concerns_signature = False
        #: The row for notices about the calling program.
        self._late_at = 0
        self._connections: Notice | None = None
        self._hint: Notice | None = None
        #: What the keys scroll if the page itself fits.
        self.scrolled: QAbstractScrollArea | None = None
        self.rows = QVBoxLayout(self)
        self.rows.setContentsMargins(0, 0, 0, 0)
        self.column = QVBoxLayout()
        self.rows.addLayout(self.column, 1)
        self.column.setSpacing(dp(8 if is_low(self) else 16))
        self.column.setContentsMargins(dp(24), dp(12), dp(24), dp(16))
        #: The holder of the card, where the page begins with it.
        self._holder: HolderPanel | None = None
        self._holder_name = ""

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        # The height depends on the width. Qt's default hint is the height at the
        # smallest width, with which a page scrolls though there is room.
        return QSize(em(self, 12), 0)

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        if self.rows.count() > 1:
            # The page names the requester. Qt would take from its height what the
            # rest of the page has less than it wants.
            return self.rows.totalHeightForWidth(width)
        # An inner scroll area shrinks before the whole page scrolls.
        return self.rows.totalMinimumHeightForWidth(width)

    def wanted_height(self, width: int) -> int:
        """Return the height in pixels at which everything is visible."""
        return self.rows.totalHeightForWidth(width)

    def set_fitting(self, fits: bool) -> None:
        """Follow whether the whole page fits on the screen, or scrolls."""

    def add_person(self, name: str, satu: str) -> None:
        """Begin with the holder of the card. Without ``satu``, only with the name."""
        number = f"{self.text('person.satu')}: {printable(satu)}" if satu else ""
        self._holder_name = printable(name)
        self._holder = HolderPanel(self._holder_name, number, low=is_low(self))
        self.column.insertWidget(0, self._holder)

    def announce_holder(self) -> None:
        """Have the page's announcement name the holder of the card."""
        if self._holder_name:
            self.announcement.add(f"{self._holder_name}.", needed=ALL)

    @property
    def asks(self) -> str:
        """The site, program or file that asks; empty if nobody does."""
        asking = self.text.asking()
        return self.conversation.origin or (asking[1] if asking else "")

    @property
    def parties(self) -> str:
        """Who asks, and whose card it is, for the description of the window."""
        return " ".join(f"{each}." for each in (self.asks, self._holder_name) if each)

    def follow(self, requester: Requester) -> None:
        """Stand below the requester, whose panel goes on with the holder's."""
        requester.join(self._holder is not None and requester.has_panel)
        if self._holder:
            self._holder.joined_above = requester.has_panel
            if requester.has_panel:
                margins = self.column.contentsMargins()
                margins.setTop(0)
                self.column.setContentsMargins(margins)

    def explain_caller(self, notice: Notice) -> None:
        """Explain what the short warning above the page means."""
        self.column.insertWidget(1 if self._holder else 0, notice)
        self._late_at += 1

    def add_heading(self, words: str) -> None:
        """Add the page's heading."""
        self.column.addWidget(Heading(words))

    def add_button(
        self, words: str, pressed: Callable[[], None], *, confirms: bool = False
    ) -> QPushButton:
        """Add a button to the foot. One that confirms has the operation's colour."""
        act = OPERATION_STYLES[self.conversation.operation].act
        button = Button(words, act if confirms else None)
        button.clicked.connect(lambda _checked: pressed())
        self.buttons.append(button)
        return button

    def show_caller_timeout(self, words: str) -> None:
        """Show that the calling program has stopped waiting."""
        self._add_late(Notice(words))

    def show_connections(self, words: str) -> None:
        """Show for how many connections the PIN is. No ``words`` hide the notice."""
        if self._connections is None:
            self._connections = Notice(words)
            self._add_late(self._connections)
        self._connections.label.setText(words)
        self._connections.setVisible(bool(words))

    def _add_late(self, notice: Notice) -> None:
        self.column.insertWidget(self._late_at, notice)
        self.status_notice = self.status_notice or notice

    def show_hint(self, words: str, *, kind: Kind = "warning") -> None:
        """Show and announce why keys were not taken. No ``words`` hide the hint."""
        if self._hint is None:
            self._hint = Notice(words)
            self.column.insertWidget(self._late_at, self._hint)
        self._hint.kind = kind
        self._hint.label.setText(words)
        self._hint.setVisible(bool(words))
        if words:
            self.announce(words)
            self.grown.emit(self._hint)

    def announce(self, words: str, *, politely: bool = False) -> None:
        """Have a screen reader speak, at once or after its other announcements."""
        self.said.emit(words, politely)

    def set_guarded(self, active: bool) -> None:
        """Follow the input guard: while it is active, nothing can be confirmed."""

    def leave(self, leaving: Callable[[], None]) -> None:
        """Call ``leaving``, perhaps after asking the person."""
        leaving()

    def dismiss(self) -> None:
        """Handle Escape."""
        self.leave(self.cancelled.emit)

    def end(self) -> None:
        """Clean up: another page replaces this one."""


class QuestionPage(Page):
    """A page that asks something, with a button that confirms."""

    #: The type of the answer, and its fields. The receiver wipes the digits in them.
    answered = Signal(str, object)
    confirm: QPushButton

    def set_guarded(self, active: bool) -> None:
        self.confirm.setEnabled(not active)

    def answer(self, kind: str, **fields: object) -> None:
        """Emit an answer, once: a second Enter or click must not answer again."""
        if self.isEnabled():
            self.window().setFocus()  # a disabled field says once more that it has it
            self.setEnabled(False)
            self.answered.emit(kind, fields)


class YesNoPage(QuestionPage):
    """A page with two buttons. The safe one has the focus."""

    def add_answers(self, no: str, yes: str, kind: str = "agreed") -> None:
        """Add the end of the page, with the words on the two buttons."""
        self.column.addStretch()
        # A stray Enter must do no harm.
        self.initial_focus = self.add_button(no, self.dismiss)
        self.confirm = self.add_button(yes, lambda: self.answer(kind), confirms=True)


class ConfirmPage(QuestionPage):
    """A page with a confirm button, and a check box before the last try.

    ``unchecked`` is the key of the text for a person who confirms without checking it.
    """

    def __init__(
        self, conversation: Conversation, text: Texts, guard: InputGuard, unchecked: str
    ) -> None:
        super().__init__(conversation, text)
        self.wants_attention = True
        #: Whether the person can go back to the question before this one.
        self.can_decline = False
        self._guard = guard
        self._unchecked = unchecked
        self.last_try_box: WrappingCheckBox | None = None
        self.error_notice = Notice("")
        self.error_notice.setVisible(False)

    @property
    def last_try_confirmed(self) -> bool:
        """Whether there is no check box, or the person has checked it."""
        return self.last_try_box is None or self.last_try_box.isChecked()

    def show_error(self, words: str, *, kind: Kind = "warning") -> None:
        """Show and announce why something was refused, or what has happened."""
        self.error_notice.kind = kind
        self.error_notice.label.setText(words)
        self.error_notice.setVisible(True)
        self.announce(words)
        self.grown.emit(self.error_notice)

    def announce_status(self, status: list[str], tries_left: int) -> None:
        """Begin the announcement with the result of the last code and the tries left.

        Before the last try, what a wrong code causes is always said.
        """
        for words in status:
            needed = 1
            if tries_left == 1:
                needed = 2 if words is status[-1] else 0
            self.announcement.add(words, needed=needed)

    def add_last_try_box(self, words: str, notice: Notice) -> None:
        """Add the check box with which the person confirms the last try to a notice."""
        self.last_try_box = WrappingCheckBox(words)
        notice.rows.addWidget(self.last_try_box)

    def add_end(self, words: str, *, stretch: bool = True) -> None:
        """Add the end of the page, with ``words`` on the confirm button."""
        self.column.addWidget(self.error_notice)
        if stretch:
            self.column.addStretch()
        words_of_no = self.text("back" if self.can_decline else "cancel")
        cancel = self.add_button(words_of_no, self.dismiss)
        self.confirm = self.add_button(words, self.press_confirm, confirms=True)
        self.initial_focus = self.last_try_box or self.initial_focus or cancel

    def dismiss(self) -> None:
        decline = partial(self.answer, "declined")
        self.leave(decline if self.can_decline else self.cancelled.emit)

    def press_confirm(self) -> None:
        """Handle the confirm button."""
        self.submit()

    def ask_to_confirm_last_try(self) -> None:
        """Say that the check box must be checked first, and move the focus there."""
        if self.last_try_box:
            self.last_try_box.setFocus()
            self.show_error(self.text(self._unchecked))

    def submit(self) -> None:
        """Answer, unless the guard is active or the check box is unchecked."""
        if self._guard.active:
            self._guard.refuse()
        elif not self.last_try_confirmed:
            self.ask_to_confirm_last_try()
        else:
            self.confirm.setEnabled(False)
            self.send()

    def send(self) -> None:
        """Answer with what was typed. On a page without fields, that is nothing."""
        self.answer("agreed")
