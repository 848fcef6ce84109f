# SPDX-License-Identifier: MIT
"""The page that asks for consent and PIN in one."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout

from native_host.pin_prompt.questions import Conversation, PinQuestion
from native_host.pin_prompt.texts import Texts

from .document_list import DocumentList
from .guard import Guard
from .look import LOOKS
from .pages import Page
from .pin_field import PinField, SignatureField
from .ticks import Understood
from .widgets import Notice, PenSign, em, label, scaled

__all__ = ["PinPage"]


class PinPage(Page):
    """Consent and PIN in one; on a reader with a pad, consent alone."""

    #: The digits that the person agreed with; none when they are typed on the reader.
    answered = Signal(str)
    #: The person wants to see a document; its index.
    opened = Signal(int)

    def __init__(
        self,
        conversation: Conversation,
        text: Texts,
        question: PinQuestion,
        guard: Guard,
    ) -> None:
        super().__init__(conversation, text)
        if question.documents:
            # There is more to be seen here than on other pages.
            self.column.setSpacing(em(self, 0.45))
        self._question = question
        self._guard = guard
        self.understood: Understood | None = None
        self.documents: DocumentList | None = None
        self.field: PinField | None = None
        self.add_person(question.name, question.satu)
        said = [*text.news(question), conversation.origin]
        if question.documents:
            said += self._add_documents()
        consent = self._consent()
        said.append(consent)
        self.column.addWidget(label(consent))
        self._add_news()
        self.complaint = Notice("")
        self.complaint.setVisible(False)
        if question.pin_pad:
            said.append(text("pin_pad.hint"))
            self.column.addWidget(label(text("pin_pad.hint"), bold=True))
        else:
            said.append(text(f"pin.{question.role}"))
            self._add_field()
        self.column.addWidget(self.complaint)
        if self.documents is None:
            self.column.addStretch()
        cancel = self.add_button(text("cancel"), self.cancelled.emit)
        confirm = "pin_pad.confirm" if question.pin_pad else "confirm"
        self.confirm = self.add_confirming(text(confirm), self._submit)
        self.focus = self.understood or self.field or cancel
        self.spoken = " ".join(said)

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

    def forget(self) -> None:
        """Forget what was typed."""
        if self.field:
            self.field.clear()

    def _add_documents(self) -> list[str]:
        """List what is signed; return what is said of it."""
        documents, text = self._question.documents, self.text
        said = [text.what_is_signed(documents)]
        self.column.addWidget(label(said[0], 1.1, bold=True))
        if warning := text.warning(documents):
            said.append(warning)
            self.column.addWidget(Notice(warning))
        self.documents = DocumentList(documents, text)
        self.documents.setAccessibleName(said[0])
        self.documents.opened.connect(self.opened)
        self.scrolled = self.documents
        self.column.addWidget(self.documents, 1)
        return said

    def _consent(self) -> str:
        question, text = self._question, self.text
        if not question.documents:
            return text("consent")
        return f"{text.signatures(question)} {text('consent')}"

    def _add_news(self) -> None:
        """Say what happened to the last PIN, and how many tries there are."""
        question = self._question
        self._news = " ".join(self.text.news(question))
        if self._news:
            serious = question.wrong or question.tries_left <= 2
            self.news = Notice(self._news, serious=serious)
            self.column.addWidget(self.news)
        if question.tries_left == 1:
            self.understood = Understood(self.text("last_try.confirm"))
            self.understood.toggled.connect(lambda _on: self.guard(self._guard.active))
            self.column.addWidget(self.understood)

    def _add_field(self) -> None:
        question = self._question
        name = self.text(f"pin.{question.role}")
        what = label(name, 1.1, bold=True)
        kind = SignatureField if question.role == "PIN2" else PinField
        self.field = kind(self._guard, question.max_length, self)
        self.field.setFont(scaled(self.field, 1.5))
        self.field.setFixedWidth(em(self.field, 9))
        self.field.setAccessibleName(name)
        self.field.submitted.connect(self._submit)
        self.field.refused.connect(self._refuse)
        self.field.textEdited.connect(self._calm)
        what.setBuddy(self.field)
        low, high = question.min_length, question.max_length
        self._length = self.text("pin.length", min=low, max=high)
        self._describe_field(self._news)
        self.column.addWidget(what)
        row = QHBoxLayout()
        if question.role == "PIN2":
            row.addWidget(PenSign(LOOKS[self.conversation.operation]))
        row.setSpacing(em(self, 0.6))
        row.addWidget(self.field)
        row.addWidget(label(self._length, 0.95), 1)
        self.column.addLayout(row)

    def _describe_field(self, words: str) -> None:
        if self.field:
            self.field.setAccessibleDescription(f"{self._length} {words}".strip())

    def _calm(self) -> None:
        self.complaint.setVisible(False)
        self._describe_field("")

    def _refuse(self, key: str) -> None:
        self.complain(self.text(key, max=self._question.max_length))

    def _submit(self) -> None:
        digits = self.field.text() if self.field else ""
        if self._guard.active:
            self._guard.restart()
        elif self.understood and not self.understood.isChecked():
            self.understood.setFocus()
            self.complain(self.text("pin.confirm_first"))
        elif self.field and len(digits) < self._question.min_length:
            self.field.setFocus()
            self.complain(self.text("pin.too_short", min=self._question.min_length))
        else:
            self.forget()
            self.setEnabled(False)  # a second Enter must not answer again
            for button in self.buttons[1:]:
                button.setEnabled(False)
            self.answered.emit(digits)
