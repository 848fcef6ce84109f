# SPDX-License-Identifier: MIT
"""The pages of the window: what each says, what it asks, and its buttons."""

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from native_host.pin_prompt.questions import Conversation, PinQuestion, Problem, Step
from native_host.pin_prompt.texts import Texts, printable

from .guard import Guard
from .look import LOOKS
from .picture import Picture
from .pin_field import PinField
from .widgets import (
    ConfirmButton,
    Notice,
    Understood,
    em,
    label,
    scaled,
)

__all__ = ["Page", "PinPage", "StartedPage", "StepPage"]

_MORE = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
_AT_WORK = (Step.READING, Step.SIGNING)
#: What putting the card in again does not mend: no picture invites to do so.
_ELSEWHERE = ("PIN_BLOCKED", "CARD_NOT_ACTIVATED")


class Page(QWidget):
    """One page: what there is to say, and buttons for the footer."""

    #: The person wants out.
    cancelled = Signal()
    #: The page needs more room than before; the widget that must be seen.
    grown = Signal(QWidget)

    def __init__(self, conversation: Conversation, text: Texts) -> None:
        super().__init__()
        self.text = text
        self.conversation = conversation
        self.buttons: list[QPushButton] = []
        self.focus: QWidget | None = None
        #: What happened, to be seen with the focus, as much of it as there is room for.
        self.news: QWidget | None = None
        #: What a screen reader says when the page comes up.
        self.spoken = ""
        self.rows = QVBoxLayout(self)
        self.rows.setContentsMargins(0, 0, 0, 0)
        self.column = QVBoxLayout()
        self.rows.addLayout(self.column, 1)
        self.column.setSpacing(em(self, 0.7))
        side = em(self, 1.0)
        self.column.setContentsMargins(side, em(self, 0.5), side, side)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        # The height follows from the width. Qt's own hint would be the height at the
        # smallest width, and would have a window scroll that has room enough.
        return QSize(em(self, 12), 0)

    def operation_text(self, key: str) -> str:
        """Return a text of which each operation has its own."""
        return self.text(f"{self.conversation.operation}.{key}")

    def add_button(self, words: str, pressed: Callable[[], None]) -> QPushButton:
        """Add a button to the footer."""
        return self._add(QPushButton(words), pressed)

    def add_confirming(self, words: str, pressed: Callable[[], None]) -> QPushButton:
        """Add the button that agrees, in the operation's colour."""
        look = LOOKS[self.conversation.operation]
        return self._add(ConfirmButton(words, look), pressed)

    def _add(self, button: QPushButton, pressed: Callable[[], None]) -> QPushButton:
        button.setFont(scaled(button, 1.1))
        button.setMinimumSize(em(button, 6), em(button, 2.1))
        button.setAutoDefault(False)
        button.clicked.connect(lambda _checked: pressed())
        self.buttons.append(button)
        return button

    def say(self, words: str) -> None:
        """Have a screen reader speak at once."""
        event = QAccessibleAnnouncementEvent(self, words)
        event.setPoliteness(QAccessible.AnnouncementPoliteness.Assertive)
        QAccessible.updateAccessibility(event)

    def guard(self, active: bool) -> None:
        """Hear whether the guard stands in the way of agreeing."""


class StartedPage(Page):
    """Did you start this? Nothing has been read from the card yet."""

    #: The person did.
    answered = Signal()

    def __init__(self, conversation: Conversation, text: Texts) -> None:
        super().__init__(conversation, text)
        heading = self.operation_text("started.heading")
        body = self.operation_text("started.body")
        self.column.addWidget(label(heading, 1.3, bold=True))
        self.column.addWidget(label(body))
        self.column.addStretch()
        # The safe answer has the focus, so that a stray Enter does no harm.
        self.focus = self.add_button(text("started.no"), self.cancelled.emit)
        self.confirm = self.add_confirming(
            self.operation_text("started.yes"), self.answered.emit
        )
        self.spoken = f"{heading} {conversation.origin} {body}"

    def guard(self, active: bool) -> None:
        self.confirm.setEnabled(not active)


class StepPage(Page):
    """What is going on, or what stands in the way and what to do about it."""

    def __init__(
        self,
        conversation: Conversation,
        text: Texts,
        step: Step,
        problem: Problem | None,
    ) -> None:
        super().__init__(conversation, text)
        if problem:
            heading, body = text.problem(problem)
        else:
            heading, body = text(f"step.{step}.heading"), text(f"step.{step}.body")
        self.heading = label(heading, 1.3, bold=True)
        self.column.addWidget(self.heading)
        self._add_body(step, body, problem)
        if problem:
            code = label(text("code", code=printable(problem.code)), 0.85)
            self.column.addWidget(code)
        self.column.addStretch()
        over = step in (Step.EXPIRED, Step.DONE)
        words = text("close") if over else text("cancel")
        self.focus = self.add_button(words, self.cancelled.emit)
        self.spoken = f"{heading}. {body}"

    def _add_body(self, step: Step, body: str, problem: Problem | None) -> None:
        row = QHBoxLayout()
        row.setSpacing(em(self, 1.0))
        elsewhere = problem is not None and problem.code in _ELSEWHERE
        if step not in (Step.EXPIRED, Step.DONE) and not elsewhere:
            look = LOOKS[self.conversation.operation]
            row.addWidget(Picture(step, look.colour), 0, _MORE)
        row.addWidget(Notice(body) if problem else label(body), 1)
        self.column.addLayout(row)
        if step in _AT_WORK:
            bar = QProgressBar(minimum=0, maximum=0)
            bar.setAccessibleName(self.heading.text())
            bar.setTextVisible(False)
            bar.setFixedHeight(em(self, 0.5))
            self.column.addWidget(bar)


class PinPage(Page):
    """Consent and PIN in one."""

    #: The digits that the person agreed with.
    answered = Signal(str)

    def __init__(
        self,
        conversation: Conversation,
        text: Texts,
        question: PinQuestion,
        guard: Guard,
    ) -> None:
        super().__init__(conversation, text)
        self._question = question
        self._guard = guard
        self.understood: Understood | None = None
        self._add_person()
        consent = label(self.operation_text("consent"))
        self.column.addWidget(consent)
        self._add_news()
        self._add_field()
        self.column.addStretch()
        self.add_button(text("cancel"), self.cancelled.emit)
        self.confirm = self.add_confirming(self.operation_text("confirm"), self._submit)
        self.focus = self.understood or self.field
        self.spoken = " ".join(
            [self.spoken, conversation.origin, consent.text(), self.field_name]
        ).strip()

    def guard(self, active: bool) -> None:
        agreed = self.understood is None or self.understood.isChecked()
        self.confirm.setEnabled(agreed and not active)

    def complain(self, words: str) -> None:
        """Say under the field, and aloud, why something was not taken."""
        self.complaint.label.setText(words)
        self.complaint.setVisible(True)
        self._describe_field(words)
        self.say(words)
        self.grown.emit(self.complaint)

    def _add_person(self) -> None:
        form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.setHorizontalSpacing(em(self, 1.0))
        form.setVerticalSpacing(em(self, 0.3))
        question = self._question
        for key, value in (("name", question.name), ("satu", question.satu)):
            shown = label(printable(value), bold=True)
            what = label(self.text(f"person.{key}"))
            what.setWordWrap(False)
            form.addRow(what, shown)
        self.column.addLayout(form)

    def _add_news(self) -> None:
        """Say what happened to the last PIN, and how many tries there are."""
        question, text, said = self._question, self.text, []
        if question.repeated:
            said.append(text("pin.repeated"))
        elif question.wrong:
            said.append(text("pin.wrong"))
        if question.tries_left == 1:
            said.append(self.operation_text("last_try"))
        elif question.tries_left == 2:
            said.append(text("pin.two_tries"))
        elif question.tries_left != 5:
            said.append(text("pin.tries", tries=question.tries_left))
        self.spoken = " ".join(said)
        if said:
            serious = question.wrong or question.tries_left <= 2
            self.news = Notice(self.spoken, serious=serious)
            self.column.addWidget(self.news)
        if question.tries_left == 1:
            self._add_understood()

    def _add_understood(self) -> None:
        self.understood = Understood(self.operation_text("last_try.confirm"))
        self.understood.toggled.connect(lambda _on: self.guard(self._guard.active))
        self.column.addWidget(self.understood)

    def _add_field(self) -> None:
        question = self._question
        self.field_name = self.text(f"pin.{question.role}")
        what = label(self.field_name, 1.1, bold=True)
        self.field = PinField(self._guard, question.max_length, self)
        self.field.setFont(scaled(self.field, 1.5))
        self.field.setFixedWidth(em(self.field, 9))
        self.field.setAccessibleName(self.field_name)
        self.field.submitted.connect(self._submit)
        self.field.refused.connect(self._refuse)
        self.field.textEdited.connect(self._calm)
        what.setBuddy(self.field)
        low, high = question.min_length, question.max_length
        self._length = self.text("pin.length", min=low, max=high)
        self.complaint = Notice("")
        self.complaint.setVisible(False)
        self._describe_field(self.spoken)
        self.column.addWidget(what)
        self.column.addWidget(self.field)
        self.column.addWidget(label(self._length, 0.95))
        self.column.addWidget(self.complaint)

    def _describe_field(self, words: str) -> None:
        self.field.setAccessibleDescription(f"{self._length} {words}".strip())

    def _calm(self) -> None:
        self.complaint.setVisible(False)
        self._describe_field("")

    def _refuse(self, key: str) -> None:
        self.complain(self.text(key, max=self._question.max_length))

    def _submit(self) -> None:
        if self._guard.active:
            self._guard.restart()
        elif self.understood and not self.understood.isChecked():
            self.understood.setFocus()
            self.complain(self.text("pin.confirm_first"))
        elif len(self.field.text()) < self._question.min_length:
            self.field.setFocus()
            self.complain(self.text("pin.too_short", min=self._question.min_length))
        else:
            digits = self.field.text()
            self.field.clear()
            self.setEnabled(False)  # a second Enter must not answer again
            for button in self.buttons[1:]:
                button.setEnabled(False)
            self.answered.emit(digits)
