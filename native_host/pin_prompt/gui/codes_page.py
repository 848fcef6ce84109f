# SPDX-License-Identifier: MIT
"""The pages to activate a card, to change a PIN and to unblock a PIN."""

from PySide6.QtCore import QTimer
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from native_host.pin_prompt import codes
from native_host.pin_prompt.gui.code_entry import CodeEntry, NewPinEntry
from native_host.pin_prompt.gui.confirm_page import ConfirmPage
from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.letter_drawing import LetterDrawing
from native_host.pin_prompt.gui.operation_style import OPERATION_STYLES
from native_host.pin_prompt.gui.pages import YesNoPage
from native_host.pin_prompt.gui.pin_field import PinField
from native_host.pin_prompt.gui.widgets import Notice, em, label
from native_host.pin_prompt.model import CodesQuestion, Conversation
from native_host.pin_prompt.texts import Texts, printable

__all__ = ["ActivationOfferPage", "BaseCodesPage", "CodesPage", "PinPadCodesPage"]

#: Milliseconds without a key press before a screen reader announces the rules.
_PAUSE = 900


class ActivationOfferPage(YesNoPage):
    """Offers to activate the card in this window."""

    def __init__(
        self, conversation: Conversation, text: Texts, *, partly: bool
    ) -> None:
        super().__init__(conversation, text)
        self.wants_attention = True
        offer = "offer.partly" if partly else "offer"
        heading, body = text(f"{offer}.heading"), text(f"{offer}.body")
        self.column.addWidget(label(heading, 1.3, bold=True))
        self.column.addWidget(label(body))
        self.column.addWidget(Notice(text("unproven")))
        self.add_answers(text("cancel"), text("offer.yes"))
        self.announcement = f"{heading}. {body} {text('unproven')}"


class BaseCodesPage(ConfirmPage):
    """Shows what is needed, what is done, and what a wrong code costs."""

    def __init__(
        self,
        conversation: Conversation,
        text: Texts,
        question: CodesQuestion,
        guard: InputGuard,
    ) -> None:
        super().__init__(conversation, text, guard, "codes.confirm_first")
        self.question = question
        self.column.setSpacing(em(self, 0.4))
        holder = {"person.name": question.name, "person.satu": question.satu}
        said = (f"{text(key)}: {printable(value)}" for key, value in holder.items())
        self.column.addWidget(label("    ".join(said), bold=True))
        self._news = " ".join(codes.status(question, text))
        self._add_news()
        self._add_about()
        self._add_input()

    def _add_input(self) -> None:
        """Add what the person types into, and the end of the page."""
        raise NotImplementedError

    def _add_about(self) -> None:
        by_itself = not self.conversation.origin
        said = codes.instructions(self.question, self.text, by_itself=by_itself)
        who = self.conversation.origin or self.text("own")
        spoken = [self.text("heading"), self._news, who, *said]
        self.announcement = " ".join(spoken)
        #: The instructions, and the field of the code that they name.
        self.needed = QVBoxLayout()
        self.needed.setSpacing(em(self, 0.4))
        for paragraph in said:
            self.needed.addWidget(label(paragraph))
        row = QHBoxLayout()
        row.setSpacing(em(self, 1.0))
        row.addLayout(self.needed, 1)
        for field in self.question.fields:
            if field.name == "activation":
                colour = OPERATION_STYLES[self.question.operation].colour
                row.addLayout(self._drawing(max(field.lengths), colour))
        self.column.addLayout(row)

    def _drawing(self, digits: int, colour: QColor) -> QVBoxLayout:
        """Return the drawing of the letter with its caption."""
        letter = LetterDrawing(digits, colour, self.text)
        caption = label(self.text("letter.caption"), 13 / 15)
        caption.setFixedWidth(letter.sizeHint().width())
        rows = QVBoxLayout()
        rows.setSpacing(em(self, 0.1))
        rows.addWidget(letter)
        rows.addWidget(caption)
        rows.addStretch()
        return rows

    def _add_news(self) -> None:
        question = self.question
        serious = question.wrong or question.tries_left <= 2
        notice = Notice(self._news, serious=serious)
        self.column.addWidget(notice)
        if serious or question.repeated or question.pad_problem:
            self.status_notice = notice
        if question.tries_left == 1:
            self.add_last_try_box(self.text(f"last_try.{question.at_risk}.confirm"))


class PinPadCodesPage(BaseCodesPage):
    """A page without fields: the person types the codes on the reader."""

    def _add_input(self) -> None:
        hint, *rules = codes.pin_pad_instructions(self.question, self.text)
        self.column.addWidget(label(hint, bold=True))
        for rule in rules:
            self.column.addWidget(label(rule))
        self.announcement = " ".join([self.announcement, hint, *rules])
        self.add_end(self.text("pin_pad.confirm"))


class CodesPage(BaseCodesPage):
    """A page with all codes. Enter moves to the next field; the last one confirms."""

    def _add_input(self) -> None:
        self.entries: list[CodeEntry] = []
        for field in self.question.fields:
            kind = NewPinEntry if codes.is_new(field) else CodeEntry
            entry = kind(field, self.question, self.text, self._guard)
            entry.submitted.connect(self._on_submitted)
            entry.refused.connect(self._refuse)
            entry.edited.connect(self._on_edit)
            self.entries.append(entry)
            room = self.column if codes.is_new(field) else self.needed
            room.addWidget(entry)
        self.needed.addStretch()
        self._new = [e for e in self.entries if isinstance(e, NewPinEntry)]
        #: The last announcement about each new PIN.
        self._announced = dict.fromkeys(self._new, "")
        self.pause = QTimer(self, singleShot=True, interval=_PAUSE)
        self.pause.timeout.connect(self._announce_rules)
        for new in self._new:
            new.watch(self.entries)
        self.fields = [field for entry in self.entries for field in entry.fields]
        self.initial_focus = self.fields[0]
        self.announcement = f"{self.announcement} {self.entries[0].name}"
        self.add_end(self.text("confirm"))

    def clear_digits(self) -> None:
        """Wipe all typed digits."""
        for entry in self.entries:
            entry.clear_digits()

    def _entry_of(self, field: PinField) -> CodeEntry:
        return next(entry for entry in self.entries if field in entry.fields)

    def _on_submitted(self, field: PinField) -> None:
        """Move to the next field or confirm, if this field has no error."""
        if self._guard.active:
            self._guard.restart()
        elif not self._rejects(field):
            index = self.fields.index(field) + 1
            if index == len(self.fields):
                self.submit()
            else:
                self.error_notice.setVisible(False)
                self.fields[index].setFocus()
                self.grown.emit(self.fields[index])

    def _rejects(self, field: PinField) -> bool:
        """Return whether a field has an error; if so, show it and wipe the entry."""
        entry = self._entry_of(field)
        words = entry.fault(field)
        if not words:
            return False
        # Half a code and the next digits must not make a whole code.
        entry.clear_digits()
        again = entry.fields[0]
        again.setFocus()
        self._show_error_at(again, words)
        return True

    def _show_error_at(self, field: PinField, words: str) -> None:
        entry = self._entry_of(field)
        entry.describe(field, words)
        for room in (self.column, self.needed):
            room.removeWidget(self.error_notice)
            if (index := room.indexOf(entry)) >= 0:
                room.insertWidget(index + 1, self.error_notice)
        self.show_error(words)

    def _refuse(self, field: PinField, key: str) -> None:
        words = self.text(key.replace("pin.", "codes."), max=field.maxLength())
        self._show_error_at(field, words)

    def _on_edit(self) -> None:
        self.error_notice.setVisible(False)
        self.pause.start()
        warned = [new.warning for new in self._new]
        for new in self._new:
            new.update_rules()
        if warned != [new.warning for new in self._new] and isinstance(
            here := self.focusWidget(), PinField
        ):
            self.grown.emit(here)

    def _announce_rules(self) -> None:
        """Announce politely what has changed about the rules."""
        for new in self._new:
            words = self.text("codes.all_kept") if new.all_kept else new.warning
            if words and words != self._announced[new]:
                self.announce(f"{new.name}: {words}", politely=True)
            self._announced[new] = words

    def submit(self) -> None:
        ready = self.last_try_confirmed and not self._guard.active
        if not (ready and any(self._rejects(field) for field in self.fields)):
            super().submit()

    def answer(self) -> None:
        values = [entry.fields[0].take() for entry in self.entries]
        self.clear_digits()
        self.pause.stop()
        self.send(values)
