# SPDX-License-Identifier: MIT
"""The pages that ask for consent and a PIN together."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from native_host.gui.buttons import Button, HoldButton, WrappingCheckBox
from native_host.gui.labels import TriesLabel, label, muted
from native_host.gui.panels import ButtonLine, Kind, Notice
from native_host.gui.sizes import dp
from native_host.pin_prompt import codes
from native_host.pin_prompt.gui.document_list import DocumentList
from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.page import ALL, ConfirmPage
from native_host.pin_prompt.gui.pin_field import PinField, SignatureField
from native_host.pin_prompt.model import Conversation, PinQuestion
from native_host.pin_prompt.texts import Texts


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
        self.question = question
        self.documents: DocumentList | None = None
        status = text.pin_status(question)
        self._news = " ".join(status)
        self.announce_status(status, question.tries_left)
        self.announcement.add(self.asks, needed=ALL)
        self.add_person(question.name, question.satu)
        self.announce_holder()
        if question.documents:
            # This page has more content than others, also on a low laptop.
            self.column.setSpacing(dp(8))
            margins = self.column.contentsMargins()
            margins.setBottom(dp(10))
            self.column.setContentsMargins(margins)
            self._add_documents()
        self._add_consent()
        self._late_at = self.column.count()
        self._add_news()
        self._no_pin: Button | None = None
        self._add_input()

    def _add_input(self) -> None:
        """Add what the person types into, and the end of the page."""
        raise NotImplementedError

    def _add_no_pin(self) -> None:
        """Add the button of a person who has no PIN yet, where that may be so."""
        if not self.question.can_activate:
            return
        self._no_pin = Button(self.text("no_pin"), height=36)
        more = self.text("no_pin.more")
        self._no_pin.setAccessibleDescription(more)
        self._no_pin.clicked.connect(lambda _checked: self._decline())
        rows = QVBoxLayout()
        rows.setSpacing(0)
        rows.addWidget(muted(more))
        rows.addWidget(ButtonLine(self._no_pin))
        self.column.addLayout(rows)
        if not self._is_heard:
            self.announcement.add(more, needed=1)

    def _decline(self) -> None:
        self.clear_digits()
        self.answer("declined")

    def set_guarded(self, active: bool) -> None:
        """See ``Page``."""
        super().set_guarded(active)
        if self._no_pin is not None:
            self._no_pin.setEnabled(not active)

    def clear_digits(self) -> None:
        """Wipe the typed digits."""

    def end(self) -> None:
        self.clear_digits()

    def set_fitting(self, fits: bool) -> None:
        if self.documents:
            self.documents.expand(not fits)

    def _add_documents(self) -> None:
        """Add the list of the documents to sign."""
        documents, text = self.question.documents, self.text
        what = text.what_is_signed(documents, self.question.batch)
        self.announcement.add(what, needed=ALL)
        row = QHBoxLayout()
        row.addWidget(label(what, bold=True), 1)
        self.column.addLayout(row)
        if warning := text.warning(documents):
            self.announcement.add(warning)
            self.column.addWidget(Notice(warning))
        self.documents = DocumentList(documents, text)
        self.documents.setAccessibleName(what)
        for name in self.documents.spoken:
            self.announcement.add(name)
        row.addWidget(self.documents.fold)
        self.documents.opened.connect(self.opened)
        self.scrolled = self.documents
        self.column.addWidget(self.documents, 1)
        QWidget.setTabOrder(self.documents.fold, self.documents)

    def _add_consent(self) -> None:
        question, consent = self.question, self.text.pin_consent(self.question)
        if question.documents:
            consent = f"{self.text.signatures(question)} {consent}"
        if not self._is_heard:
            self.announcement.add(consent)
        self.column.addWidget(label(consent))
        if "check" in self.text:
            self.announcement.add(self.text("check"), needed=1)
            self.column.addWidget(label(self.text("check"), bold=True))

    @property
    def _is_heard(self) -> bool:
        """Whether the person has heard what stays the same, before the last PIN."""
        question = self.question
        heard = question.wrong or question.repeated or question.unsent
        return heard or bool(question.pad_problem)

    def _add_news(self) -> None:
        """Add the result of the last PIN and the number of tries."""
        question = self.question
        if self._news:
            # The first sentence is the title.
            title, _, body = self._news.partition(". ")
            title = f"{title.rstrip('.')}."
            good = question.unlocked and not question.repeated
            kind: Kind = "error" if question.wrong else "good" if good else "warning"
            notice = Notice(body, title=title, kind=kind)
            self.status_notice = notice
            self.column.addWidget(notice)
            if question.tries_left == 1:
                self.add_last_try_box(self.text("last_try.confirm"), notice)


class PinPadPage(BasePinPage):
    """A page without a field: the person types the PIN on the reader."""

    def _add_input(self) -> None:
        hint = self.text("pin_pad.hint")
        self.announcement.add(hint, needed=0 if self.last_try_box else 1)
        self.column.addWidget(label(hint, bold=True))
        self._add_no_pin()
        self.add_end(self.text("pin_pad.confirm"), stretch=self.documents is None)


class PinPage(BasePinPage):
    """A page with a field for the PIN."""

    too_early, now = "pin.too_early", "pin.now"

    def show_hint(self, words: str, *, kind: Kind = "warning") -> None:
        self.show_error(words, kind=kind)

    def show_error(self, words: str, *, kind: Kind = "warning") -> None:
        self._describe_field(words)
        super().show_error(words, kind=kind)

    def clear_digits(self) -> None:
        self.field.clear()

    def _add_input(self) -> None:
        question = self.question
        name = self.text(f"pin.{question.role}")
        # On the last try, the box to tick comes before the field.
        self.announcement.add(name, needed=0 if self.last_try_box else ALL)
        what = label(name, bold=True)
        what.setWordWrap(False)
        what.setSizePolicy(QLabel().sizePolicy())
        kind = SignatureField if question.role == "PIN2" else PinField
        self.field = kind(self._guard, question.max_length, self)
        self.field.setAccessibleName(name)
        self.field.submitted.connect(self.submit)
        self.field.refused.connect(self._refuse)
        self.field.textEdited.connect(self._on_edit_pin)
        what.setBuddy(self.field)
        low, high = question.min_length, question.max_length
        self._length = self.text("pin.length", min=low, max=high)
        self._describe_field("")
        beside = muted(self.text("codes.length.range", min=low, max=high), 1.0)
        above, row = QHBoxLayout(), QHBoxLayout()
        above.setSpacing(dp(12))
        above.addWidget(what)
        above.addWidget(beside, 1)
        row.setSpacing(dp(8))
        row.addWidget(self.field)
        self.eye = HoldButton(self.text("pin.show"), "eye", height=48)
        self.eye.held.connect(self.field.reveal)
        row.addWidget(self.eye)
        row.addSpacing(dp(10))
        tries = question.tries_left
        row.addWidget(TriesLabel(tries, codes.tries_left(tries, self.text)))
        row.addStretch()
        rows = QVBoxLayout()
        rows.setSpacing(dp(8))
        rows.addLayout(above)
        rows.addLayout(row)
        self.allow_box: WrappingCheckBox | None = None
        if question.can_allow:
            self.allow_box = WrappingCheckBox(self.text("allow"))
            self.allow_box.setChecked(question.ticked)
            rows.addWidget(self.allow_box)
        self.column.addLayout(rows)
        self._add_no_pin()
        self.initial_focus = self.field
        self.add_end(self.text("confirm"), stretch=self.documents is None)

    def _describe_field(self, words: str) -> None:
        # What happened comes first. The page's announcement says all else.
        self.field.setAccessibleDescription(f"{words} {self._length}".lstrip())

    def _on_edit_pin(self) -> None:
        self.error_notice.setVisible(False)
        self._describe_field("")

    def _refuse(self, key: str) -> None:
        self.show_error(self.text(key, max=self.question.max_length))

    def submit(self) -> None:
        short = len(self.field.digits) < self.question.min_length
        if short and self.last_try_confirmed and not self._guard.active:
            self.field.setFocus()
            self.show_error(self.text("pin.too_short", min=self.question.min_length))
        else:
            super().submit()

    def send(self) -> None:
        allows = self.allow_box is not None and self.allow_box.isChecked()
        self.answer("allowed" if allows else "pin", digits=self.field.take())
