# SPDX-License-Identifier: MIT
"""The pages that ask for consent and a PIN together."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout

from native_host.pin_prompt.gui.confirm_page import ConfirmPage
from native_host.pin_prompt.gui.document_list import DocumentList
from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.operation_style import OPERATION_STYLES
from native_host.pin_prompt.gui.pin_field import PinField, SignatureField
from native_host.pin_prompt.gui.widgets import Notice, PenIcon, em, label, scaled
from native_host.pin_prompt.model import Conversation, PinQuestion
from native_host.pin_prompt.texts import Texts

__all__ = ["BasePinPage", "PinPadPage", "PinPage"]


class BasePinPage(ConfirmPage):
    """Shows what the person agrees to, and the result of the last PIN."""

    #: The person wants to view a document; its index.
    opened = Signal(int)

    def __init__(
        self,
        conversation: Conversation,
        text: Texts,
        question: PinQuestion,
        guard: InputGuard,
    ) -> None:
        super().__init__(conversation, text, guard, "pin.confirm_first")
        self.concerns_signature = True
        self._question = question
        self.documents: DocumentList | None = None
        self._news = " ".join(text.pin_status(question))
        self._announced_parts = [self._news, conversation.origin]
        if question.documents:
            # This page has more content than others.
            self.column.setSpacing(em(self, 0.45))
        self.add_person(question.name, question.satu)
        if question.documents:
            self._add_documents()
        self._add_consent()
        self._late_at = self.column.count()
        self._add_news()
        self._add_input()

    def _add_input(self) -> None:
        """Add what the person types into, and the end of the page."""
        raise NotImplementedError

    def clear_digits(self) -> None:
        """Wipe the typed digits."""

    def _add_documents(self) -> None:
        """Add the list of the documents to sign."""
        documents, text = self._question.documents, self.text
        what = text.what_is_signed(documents)
        self._announced_parts.append(what)
        self.column.addWidget(label(what, 1.1, bold=True))
        if warning := text.warning(documents):
            self._announced_parts.append(warning)
            self.column.addWidget(Notice(warning))
        self.documents = DocumentList(documents, text)
        self.documents.setAccessibleName(what)
        self.documents.opened.connect(self.opened)
        self.scrolled = self.documents
        self.column.addWidget(self.documents, 1)

    def _add_consent(self) -> None:
        question, consent = self._question, self.text("consent")
        if question.documents:
            consent = f"{self.text.signatures(question)} {consent}"
        self._announced_parts.append(consent)
        self.column.addWidget(label(consent))
        if "check" in self.text:
            self._announced_parts.append(self.text("check"))
            self.column.addWidget(label(self.text("check"), bold=True))

    def _add_news(self) -> None:
        """Add the result of the last PIN and the number of tries."""
        question = self._question
        if self._news:
            serious = question.wrong or question.tries_left <= 2
            self.status_notice = Notice(self._news, serious=serious)
            self.column.addWidget(self.status_notice)
        if question.tries_left == 1:
            self.add_last_try_box(self.text("last_try.confirm"))

    def _finish(self, words: str) -> None:
        """Add the end of the page, with ``words`` on the confirm button."""
        self.add_end(words, stretch=self.documents is None)
        self.announcement = " ".join(self._announced_parts).strip()


class PinPadPage(BasePinPage):
    """A page without a field: the person types the PIN on the reader."""

    def _add_input(self) -> None:
        hint = self.text("pin_pad.hint")
        self._announced_parts.append(hint)
        self.column.addWidget(label(hint, bold=True))
        self._finish(self.text("pin_pad.confirm"))


class PinPage(BasePinPage):
    """A page with a field for the PIN."""

    def show_error(self, words: str) -> None:
        self._describe_field(words)
        super().show_error(words)

    def clear_digits(self) -> None:
        self.field.clear()

    def _add_input(self) -> None:
        question = self._question
        name = self.text(f"pin.{question.role}")
        self._announced_parts.append(name)
        what = label(name, 1.1, bold=True)
        kind = SignatureField if question.role == "PIN2" else PinField
        self.field = kind(self._guard, question.max_length, self)
        self.field.setFont(scaled(self.field, 1.5))
        self.field.setFixedWidth(em(self.field, 9))
        self.field.setAccessibleName(name)
        self.field.submitted.connect(self.submit)
        self.field.refused.connect(self._refuse)
        self.field.textEdited.connect(self._on_edit_pin)
        what.setBuddy(self.field)
        low, high = question.min_length, question.max_length
        self._length = self.text("pin.length", min=low, max=high)
        self._describe_field(self._news)
        self.column.addWidget(what)
        row = QHBoxLayout()
        row.setSpacing(em(self, 0.6))
        if question.role == "PIN2":
            row.addWidget(PenIcon(OPERATION_STYLES["sign"]))
        row.addWidget(self.field)
        row.addWidget(label(self._length, 0.95), 1)
        self.column.addLayout(row)
        self.initial_focus = self.field
        self._finish(self.text("confirm"))

    def _describe_field(self, words: str) -> None:
        self.field.setAccessibleDescription(f"{self._length} {words}".strip())

    def _on_edit_pin(self) -> None:
        self.error_notice.setVisible(False)
        self._describe_field("")

    def _refuse(self, key: str) -> None:
        self.show_error(self.text(key, max=self._question.max_length))

    def submit(self) -> None:
        short = len(self.field.digits) < self._question.min_length
        if short and self.last_try_confirmed and not self._guard.active:
            self.field.setFocus()
            self.show_error(self.text("pin.too_short", min=self._question.min_length))
        else:
            super().submit()

    def answer(self) -> None:
        self.send(self.field.take())
