# SPDX-License-Identifier: MIT
"""The pages that ask for consent and a PIN together."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout

from native_host.pin_prompt.gui.document_list import DocumentList
from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.operation_style import OPERATION_STYLES
from native_host.pin_prompt.gui.pages import Page
from native_host.pin_prompt.gui.pin_field import PinField, SignatureField
from native_host.pin_prompt.gui.widgets import Notice, PenIcon, em, label, scaled
from native_host.pin_prompt.gui.wrapping_buttons import WrappingCheckBox
from native_host.pin_prompt.model import Conversation, PinQuestion
from native_host.pin_prompt.texts import Texts

__all__ = ["BasePinPage", "PinPadPage", "PinPage"]


class BasePinPage(Page):
    """Shows what the person agrees to, and the result of the last PIN."""

    #: The PIN's digits in a ``bytearray`` that the receiver wipes. It is empty when the
    #: person types the PIN on the reader.
    answered = Signal(object)
    #: The person wants to view a document; its index.
    opened = Signal(int)

    def __init__(
        self,
        conversation: Conversation,
        text: Texts,
        question: PinQuestion,
        guard: InputGuard,
    ) -> None:
        super().__init__(conversation, text)
        self.wants_attention = self.concerns_signature = True
        self._question = question
        self._guard = guard
        self.last_try_box: WrappingCheckBox | None = None
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
        self.error_notice = Notice("")
        self.error_notice.setVisible(False)

    def set_guarded(self, active: bool) -> None:
        agreed = self.last_try_box is None or self.last_try_box.isChecked()
        self.confirm.setEnabled(agreed and not active)

    def show_error(self, words: str) -> None:
        """Show and announce why something was refused."""
        self.error_notice.label.setText(words)
        self.error_notice.setVisible(True)
        self.announce(words)
        self.grown.emit(self.error_notice)

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
            self.last_try_box = WrappingCheckBox(self.text("last_try.confirm"))
            self.last_try_box.toggled.connect(
                lambda _on: self.set_guarded(self._guard.active)
            )
            self.column.addWidget(self.last_try_box)

    def _finish(self, words: str) -> None:
        """Add the end of the page, with ``words`` on the confirm button."""
        self.column.addWidget(self.error_notice)
        if self.documents is None:
            self.column.addStretch()
        cancel = self.add_button(self.text("cancel"), self.cancelled.emit)
        self.confirm = self.add_confirm_button(words, self._submit)
        self.initial_focus = self.last_try_box or self.initial_focus or cancel
        self.announcement = " ".join(self._announced_parts).strip()

    def _submit(self) -> None:
        if self._guard.active:
            self._guard.restart()
        elif self.last_try_box and not self.last_try_box.isChecked():
            self.last_try_box.setFocus()
            self.show_error(self.text("pin.confirm_first"))
        else:
            self._answer()

    def _answer(self) -> None:
        self._emit_answer(bytearray())

    def _emit_answer(self, digits: bytearray) -> None:
        self.setEnabled(False)  # a second Enter must not answer again
        for button in self.buttons[1:]:
            button.setEnabled(False)
        self.answered.emit(digits)


class PinPadPage(BasePinPage):
    """A page without a field: the person types the PIN on the reader."""

    def __init__(
        self,
        conversation: Conversation,
        text: Texts,
        question: PinQuestion,
        guard: InputGuard,
    ) -> None:
        super().__init__(conversation, text, question, guard)
        self._announced_parts.append(text("pin_pad.hint"))
        self.column.addWidget(label(text("pin_pad.hint"), bold=True))
        self._finish(text("pin_pad.confirm"))


class PinPage(BasePinPage):
    """A page with a field for the PIN."""

    def __init__(
        self,
        conversation: Conversation,
        text: Texts,
        question: PinQuestion,
        guard: InputGuard,
    ) -> None:
        super().__init__(conversation, text, question, guard)
        self._announced_parts.append(text(f"pin.{question.role}"))
        self._add_field()
        self.initial_focus = self.field
        self._finish(text("confirm"))

    def show_error(self, words: str) -> None:
        self._describe_field(words)
        super().show_error(words)

    def clear_digits(self) -> None:
        self.field.clear()

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

    def _describe_field(self, words: str) -> None:
        self.field.setAccessibleDescription(f"{self._length} {words}".strip())

    def _on_edit_pin(self) -> None:
        self.error_notice.setVisible(False)
        self._describe_field("")

    def _refuse(self, key: str) -> None:
        self.show_error(self.text(key, max=self._question.max_length))

    def _submit(self) -> None:
        short = len(self.field.digits) < self._question.min_length
        ticked = self.last_try_box is None or self.last_try_box.isChecked()
        if short and ticked and not self._guard.active:
            self.field.setFocus()
            self.show_error(self.text("pin.too_short", min=self._question.min_length))
        else:
            super()._submit()

    def _answer(self) -> None:
        self._emit_answer(self.field.take())
