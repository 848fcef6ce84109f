# SPDX-License-Identifier: MIT
"""The pages of the window, except those on which the person types."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QAbstractScrollArea,
    QButtonGroup,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from native_host.gui.buttons import Button, WrappingRadioButton
from native_host.gui.labels import Heading, make_muted
from native_host.gui.panels import Kind
from native_host.gui.sizes import dp, is_low
from native_host.gui.tokens import tokens_for
from native_host.pin_prompt.gui.announcement import ALL, Announcement
from native_host.pin_prompt.gui.header import Requester
from native_host.pin_prompt.gui.operation_style import OPERATION_STYLES
from native_host.pin_prompt.gui.step_picture import StepPicture
from native_host.pin_prompt.gui.widgets import HolderPanel, Notice, em, label
from native_host.pin_prompt.model import (
    CardChoice,
    ConsentQuestion,
    Conversation,
    OtherCardQuestion,
    Problem,
    Progress,
    Step,
)
from native_host.pin_prompt.texts import Texts, printable

_MORE = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
_AT_WORK = (Step.RECEIVING, Step.READING, Step.SIGNING)
#: After these steps, the person can only close the window.
FINAL_STEPS = (Step.EXPIRED, Step.FAILED, Step.DONE, Step.READY)
#: Problems that inserting the card again does not solve. Their page has no picture.
_ELSEWHERE = (
    "PIN_BLOCKED",
    "PUK_BLOCKED",
    "ACTIVATION_BLOCKED",
    "CARD_NOT_ACTIVATED",
    "NEW_PIN_REFUSED",
    "WRONG_PUK",
    "ACTIVATION_MISMATCH",
    "KEY_MISSING",
    "PCSC_DENIED",
)
#: Problems with which this card can't be used any more.
_ONLY_A_NEW_CARD = ("PUK_BLOCKED", "CARD_EXPIRED")


class Page(QWidget):
    """One page of the window, with buttons for the window's footer."""

    #: The person cancels.
    cancelled = Signal()
    #: The person goes back to the question before this one.
    declined = Signal()
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
        #: Whether the page begins with the holder of the card.
        self.has_holder = False
        #: The holder's name, where the page has one.
        self.holder_name = ""

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
        """Begin with the holder of the card."""
        number = f"{self.text('person.satu')}: {printable(satu)}"
        self.holder = HolderPanel(printable(name), number, low=is_low(self))
        self.has_holder, self.holder_name = True, printable(name)
        self.column.insertWidget(0, self.holder)

    def announce_holder(self, name: str) -> None:
        """Have the page's announcement name the holder of the card."""
        if name:
            self.announcement.add(f"{printable(name)}.", needed=ALL)

    @property
    def parties(self) -> str:
        """Who asks, and whose card it is, for the descriptions of dialog and field."""
        asking = self.text.asking()
        who = self.conversation.origin or (asking[1] if asking else "")
        return ". ".join(filter(None, (who, self.holder_name))) + "."

    def follow(self, requester: Requester) -> None:
        """Stand below the requester, whose panel goes on with the holder's."""
        requester.join(self.has_holder and requester.has_panel)
        if self.has_holder:
            self.holder.joined_above = requester.has_panel
            if requester.has_panel:
                margins = self.column.contentsMargins()
                margins.setTop(0)
                self.column.setContentsMargins(margins)

    def add_heading(self, words: str) -> Heading:
        """Add the page's heading."""
        heading = Heading(words)
        self.column.addWidget(heading)
        return heading

    def add_button(self, words: str, pressed: Callable[[], None]) -> QPushButton:
        """Add a button to the foot."""
        return self._add(Button(words), pressed)

    def add_confirm_button(
        self, words: str, pressed: Callable[[], None]
    ) -> QPushButton:
        """Add the confirm button, in the operation's colour."""
        act = OPERATION_STYLES[self.conversation.operation].act
        return self._add(Button(words, act), pressed)

    def _add(self, button: QPushButton, pressed: Callable[[], None]) -> QPushButton:
        button.clicked.connect(lambda _checked: pressed())
        self.buttons.append(button)
        return button

    def show_caller_timeout(self, words: str) -> None:
        """Show that the calling program has stopped waiting."""
        late = Notice(words)
        self.column.insertWidget(self._late_at, late)
        self.status_notice = self.status_notice or late

    def show_connections(self, words: str) -> None:
        """Show for how many connections the PIN is. No ``words`` hide the notice."""
        if self._connections is None:
            self._connections = Notice(words)
            self.column.insertWidget(self._late_at, self._connections)
            self.status_notice = self.status_notice or self._connections
        self._connections.label.setText(words)
        self._connections.setVisible(bool(words))

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


class YesNoPage(Page):
    """A page with two buttons. The safe one has the focus."""

    #: The person confirms.
    answered = Signal()

    def add_answers(self, no: str, yes: str) -> None:
        """Add the end of the page, with the words on the two buttons."""
        self.column.addStretch()
        # A stray Enter must do no harm.
        self.initial_focus = self.add_button(no, self.cancelled.emit)
        self.confirm = self.add_confirm_button(yes, self.answered.emit)

    def set_guarded(self, active: bool) -> None:
        self.confirm.setEnabled(not active)


class StartedPage(YesNoPage):
    """Asks "Did you start this?", before anything is read from the card."""

    def __init__(self, conversation: Conversation, text: Texts) -> None:
        super().__init__(conversation, text)
        heading, body = text("started.heading"), text("started.body")
        self.add_heading(heading)
        self.column.addWidget(label(body))
        self.add_answers(text("started.no"), text("started.yes"))
        self.announcement.add(f"{heading} {conversation.origin}", needed=2)
        self.announcement.add(body)


class StepPage(Page):
    """Shows a step, or a problem and its solution."""

    def __init__(
        self,
        conversation: Conversation,
        text: Texts,
        step: Step,
        problem: Problem | None,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(conversation, text)
        self.shown = (step, problem)
        self.awaits_person = step not in (*FINAL_STEPS, Step.SIGNING)
        self.concerns_signature = step in (Step.SIGNING, Step.PIN_PAD)
        self.heading_text, body = text.problem(problem) if problem else text.step(step)
        self.add_heading(self.heading_text)
        self._add_body(step, body, problem)
        self._bar: QProgressBar | None = None
        if step in _AT_WORK or progress:
            self._add_bar()
        if progress:
            self.set_progress(progress)
        if problem:
            code = label(text("code", code=printable(problem.code)), 0.9)
            make_muted(code)
            self.column.addWidget(code)
        self.column.addStretch()
        ends = step in FINAL_STEPS or (problem and problem.code in _ONLY_A_NEW_CARD)
        words = text("close") if ends else text("cancel")
        self.initial_focus = self.add_button(words, self.cancelled.emit)
        self.announcement.add(f"{self.heading_text}.", needed=1)
        self.announcement.add(body)

    def add_note(self, words: str) -> None:
        """Add a sentence below the text."""
        self.column.insertWidget(self.column.count() - 1, label(words))
        self.announcement.add(words, needed=1)

    def set_progress(self, progress: Progress) -> None:
        """Move the progress bar. A screen reader reads it on demand."""
        if self._bar is None:
            return
        step, _ = self.shown
        self._bar.setVisible(True)
        self._bar.setRange(0, progress.total)
        self._bar.setValue(progress.done)
        self._how_far.setText(self.text.progress(step, progress))
        self._how_far.setVisible(True)

    def _add_body(self, step: Step, body: str, problem: Problem | None) -> None:
        row = QHBoxLayout()
        row.setSpacing(em(self, 1.0))
        elsewhere = problem is not None and problem.code in _ELSEWHERE
        style = OPERATION_STYLES[self.conversation.operation]
        # In these steps, nothing is to be done with the card.
        without = (Step.EXPIRED, Step.FAILED, Step.RECEIVING)
        if step not in without and not elsewhere:
            row.addWidget(StepPicture(step, style.colour), 0, _MORE)
        row.addWidget(Notice(body) if problem else label(body), 1)
        self.column.addLayout(row)

    def _add_bar(self) -> None:
        # Without a known progress there is only text: a busy bar would move, also for
        # people whose system asks for less motion.
        self._bar = QProgressBar()
        self._bar.setVisible(False)
        self._bar.setAccessibleName(self.heading_text)
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(em(self, 0.5))
        palette = self._bar.palette()
        act = OPERATION_STYLES[self.conversation.operation].act
        colour = tokens_for(palette).acts[act].sign
        palette.setColor(QPalette.ColorRole.Highlight, colour)
        self._bar.setPalette(palette)
        self._how_far = label("")
        self._how_far.setVisible(False)
        self.column.addWidget(self._bar)
        self.column.addWidget(self._how_far)


class ConsentPage(YesNoPage):
    """Asks for consent without a PIN."""

    def __init__(
        self, conversation: Conversation, text: Texts, question: ConsentQuestion
    ) -> None:
        super().__init__(conversation, text)
        self.add_person(question.name, question.satu)
        consent = text("consent")
        self.column.addWidget(label(consent))
        self.add_answers(text("cancel"), text("confirm"))
        self.announcement.add(conversation.origin, needed=1)
        self.announce_holder(question.name)
        self.announcement.add(consent)


class OtherCardPage(YesNoPage):
    """Says that this is another card than before, and asks whether it is meant."""

    def __init__(
        self, conversation: Conversation, text: Texts, question: OtherCardQuestion
    ) -> None:
        super().__init__(conversation, text)
        self.wants_attention = True
        self.add_person(question.name, question.satu)
        heading, body = text("other.heading"), text.other_card(question)
        reader = text("choose.reader", reader=printable(question.reader))
        self.add_heading(heading)
        self.column.addWidget(Notice(body))
        self.column.addWidget(label(reader))
        self.add_answers(text("cancel"), text("choose.confirm"))
        self.announcement.add(f"{heading}.", needed=1)
        self.announcement.add(body, needed=1)
        self.announce_holder(question.name)
        self.announcement.add(reader)


class CardChoicePage(Page):
    """Asks which of several cards to use. No card is preselected."""

    #: The index of the chosen card.
    answered = Signal(int)

    def __init__(
        self, conversation: Conversation, text: Texts, choices: Sequence[CardChoice]
    ) -> None:
        super().__init__(conversation, text)
        heading, body = text("choose.heading"), text("choose.body")
        self.add_heading(heading)
        self.column.addWidget(label(body))
        self._missing = Notice(heading)
        self.group = QButtonGroup(self)
        for index, choice in enumerate(choices):
            name, satu = printable(choice.name), printable(choice.satu)
            reader = text("choose.reader", reader=printable(choice.reader))
            holder = ", ".join(filter(None, (name, satu)))
            button = WrappingRadioButton(f"{holder}\n{reader}".lstrip())
            self.group.addButton(button, index)
            self.column.addWidget(button)
        self.group.idToggled.connect(lambda _index, _on: self._missing.hide())
        self.column.addWidget(self._missing)
        self._missing.hide()
        self.column.addStretch()
        self.initial_focus = self.group.button(0)
        self.add_button(text("cancel"), self.cancelled.emit)
        self.confirm = self.add_confirm_button(text("choose.confirm"), self._answer)
        self.announcement.add(f"{heading}. {body}", needed=1)

    def set_guarded(self, active: bool) -> None:
        self.confirm.setEnabled(not active)

    def _answer(self) -> None:
        if self.group.checkedId() < 0:
            self._missing.show()
            self.group.button(0).setFocus()
            self.announce(self._missing.label.text())
            self.grown.emit(self._missing)
            return
        self.setEnabled(False)  # a second click must not answer again
        self.confirm.setEnabled(False)
        self.answered.emit(self.group.checkedId())
