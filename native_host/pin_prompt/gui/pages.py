# SPDX-License-Identifier: MIT
"""The pages on which the person types nothing: steps, and questions with buttons."""

from collections.abc import Sequence

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPaintEvent, QPalette
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from kortilla.common.escaping import printable
from native_host.gui.accessibility import List, ListItem
from native_host.gui.buttons import Button, WrappingRadioButton
from native_host.gui.icons import draw_icon, painter_of
from native_host.gui.labels import (
    Heading,
    TriesLabel,
    WrappingLabel,
    label,
    make_muted,
    muted,
    wrapping_policy,
)
from native_host.gui.panels import ButtonLine, Notice, Panel
from native_host.gui.sizes import dp, is_low
from native_host.gui.tokens import tokens_for
from native_host.pin_prompt import model
from native_host.pin_prompt.gui.header import OPERATION_STYLES
from native_host.pin_prompt.gui.page import Page, QuestionPage, YesNoPage
from native_host.pin_prompt.gui.widgets import StepPicture, draw_round_icon, em
from native_host.pin_prompt.texts import Texts

_TOP = Qt.AlignmentFlag.AlignTop
_AT_WORK = (
    *(model.Step.RECEIVING, model.Step.PREPARING),
    *(model.Step.READING, model.Step.CONTACTLESS, model.Step.SIGNING),
)
#: After these steps, the person can only close the window.
FINAL_STEPS = (model.Step.EXPIRED, model.Step.FAILED, model.Step.DONE, model.Step.READY)
#: In these steps, nothing is to be done with the card.
_NO_PICTURE = (model.Step.EXPIRED, model.Step.FAILED, model.Step.RECEIVING)
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
#: What unlocks a PIN, and its drawing.
_NEEDED = {"unlock.need.letter": "letter", "unlock.need.puk": "key"}


class StepPage(Page):
    """Shows a step, or a problem and its solution."""

    def __init__(
        self,
        conversation: model.Conversation,
        text: Texts,
        step: model.Step,
        problem: model.Problem | None,
        progress: model.Progress | None = None,
    ) -> None:
        super().__init__(conversation, text)
        self.shown = (step, problem)
        self.awaits_person = step not in (*FINAL_STEPS, model.Step.SIGNING)
        self.is_brief = step in _AT_WORK and problem is None
        self.concerns_signature = step in (model.Step.SIGNING, model.Step.PIN_PAD)
        if problem:
            heading, body = text.problem(problem.code, problem.detail)
        else:
            heading, body = text.step(step)
        self.add_heading(heading)
        self._add_body(body)
        self._bar: QProgressBar | None = None
        if step in _AT_WORK or progress:
            self._add_bar(heading)
        if progress:
            self.set_progress(progress)
        if problem:
            code = text("code", code=printable(problem.code))
            self.column.addWidget(muted(code, 0.9))
        self.column.addStretch()
        ends = step in FINAL_STEPS or (problem and problem.code in _ONLY_A_NEW_CARD)
        words = text("close") if ends else text("cancel")
        if step is model.Step.READY and "step.ready.close" in text:
            words = text("step.ready.close")
        self.initial_focus = self.add_button(words, self.cancelled.emit)
        self.announcement.add(f"{heading}.", needed=1)
        self.announcement.add(body)

    def add_note(self, words: str) -> None:
        """Add a sentence below the text."""
        self.column.insertWidget(self.column.count() - 1, label(words))
        self.announcement.add(words, needed=1)

    def set_progress(self, progress: model.Progress) -> None:
        """Move the progress bar. A screen reader reads it on demand."""
        if self._bar is not None:
            # What may go on has no end that is known.
            self._bar.setVisible(self.shown[0] is not model.Step.READY)
            self._bar.setRange(0, progress.total)
            self._bar.setValue(progress.done)
            self._how_far.setText(self.text.progress(self.shown[0], progress))
            self._how_far.setVisible(True)

    def _add_body(self, body: str) -> None:
        step, problem = self.shown
        row = QHBoxLayout()
        row.setSpacing(em(self, 1.0))
        elsewhere = problem is not None and problem.code in _ELSEWHERE
        if step not in _NO_PICTURE and not elsewhere:
            colour = OPERATION_STYLES[self.conversation.operation].colour
            contactless = self.text.contactless
            picture = StepPicture(step, colour, contactless=contactless)
            row.addWidget(picture, 0, _TOP)
        row.addWidget(Notice(body) if problem else label(body), 1)
        self.column.addLayout(row)

    def _add_bar(self, name: str) -> None:
        # Without a known progress there is only text: a busy bar would move, also for
        # people whose system asks for less motion.
        self._bar = QProgressBar()
        self._bar.setVisible(False)
        self._bar.setAccessibleName(name)
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


class StartedPage(YesNoPage):
    """Asks "Did you start this?", before anything is read from the card."""

    def __init__(self, conversation: model.Conversation, text: Texts) -> None:
        super().__init__(conversation, text)
        heading, body = text("started.heading"), text("started.body")
        self.add_heading(heading)
        self.column.addWidget(label(body))
        self.add_answers(text("started.no"), text("started.yes"), "started")
        self.announcement.add(f"{heading} {conversation.origin}", needed=2)
        self.announcement.add(body)


class ConsentPage(YesNoPage):
    """Asks for consent without a PIN."""

    def __init__(
        self,
        conversation: model.Conversation,
        text: Texts,
        question: model.ConsentQuestion,
    ) -> None:
        super().__init__(conversation, text)
        self.add_person(question.name, question.satu)
        consent = text("consent")
        self.column.addWidget(label(consent))
        self.add_answers(text("cancel"), text("confirm"))
        self.announcement.add(conversation.origin, needed=1)
        self.announce_holder()
        self.announcement.add(consent)


class OtherCardPage(YesNoPage):
    """Says that this is another card than before, and asks whether it is meant."""

    def __init__(
        self,
        conversation: model.Conversation,
        text: Texts,
        question: model.OtherCardQuestion,
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
        self.announce_holder()
        self.announcement.add(reader)


class CardChoicePage(QuestionPage):
    """Asks which of several cards to use. No card is preselected."""

    def __init__(
        self,
        conversation: model.Conversation,
        text: Texts,
        choices: Sequence[model.CardChoice],
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
        words = text("choose.confirm")
        self.confirm = self.add_button(words, self._choose, confirms=True)
        self.announcement.add(f"{heading}. {body}", needed=1)

    def _choose(self) -> None:
        if self.group.checkedId() < 0:
            self._missing.show()
            self.group.button(0).setFocus()
            self.announce(self._missing.label.text())
            self.grown.emit(self._missing)
            return
        self.confirm.setEnabled(False)
        self.answer("chosen", index=self.group.checkedId())


class ActivationOfferPage(YesNoPage):
    """Offers to activate the card in this window."""

    def __init__(
        self,
        conversation: model.Conversation,
        text: Texts,
        question: model.ActivationQuestion,
    ) -> None:
        super().__init__(conversation, text)
        self.wants_attention = True
        if question.name or question.satu:
            # The name is enough, as on the pages after this one.
            self.add_person(question.name, "" if question.name else question.satu)
        heading, body = text.activation_offer(question)
        self.add_heading(heading)
        self.column.addWidget(label(body))
        unproven = f"{text('unproven')} {text('elsewhere')}"
        self.column.addWidget(Notice(unproven))
        self._never: Button | None = None
        if question.unasked:
            self._never = Button(text("offer.never"))
            self._never.clicked.connect(lambda _checked: self.answer("declined"))
            self.column.addWidget(ButtonLine(self._never))
            self.column.addWidget(muted(text("offer.never.more")))
        self._undecided = question.undecided
        no = "offer.later" if question.unasked else "cancel"
        self.add_answers(text("back" if self._undecided else no), text("offer.yes"))
        self.announcement.add(f"{heading}.", needed=1)
        self.announce_holder()
        self.announcement.add(f"{body} {unproven}")

    def dismiss(self) -> None:
        """See ``Page``. Where nobody knows, it goes back to the PIN."""
        if self._undecided:
            self.answer("declined")
        else:
            super().dismiss()

    def set_guarded(self, active: bool) -> None:
        """See ``Page``."""
        super().set_guarded(active)
        if self._never is not None:
            self._never.setEnabled(not active)


class LockedPage(YesNoPage):
    """Says that a PIN is locked, and offers to unlock it in this window.

    The button that goes on has the focus: the next page sends nothing without codes.
    """

    def __init__(
        self,
        conversation: model.Conversation,
        text: Texts,
        question: model.UnlockQuestion,
    ) -> None:
        super().__init__(conversation, text)
        #: Whether the button gets the focus when it is enabled.
        self._focus_later = True
        self.wants_attention = True
        self.add_person(question.name, question.satu)
        # The whole page fits 768 pixels.
        self.column.setSpacing(dp(8))
        heading, tries = text(f"unlock.{question.pin}"), text("unlock.tries")
        said = [text("unlock.body"), text("unlock.need")]
        row, lines = QHBoxLayout(), QVBoxLayout()
        if not is_low(self):
            row.setSpacing(dp(16))
            row.addWidget(_Lock(), 0, _TOP)
        lines.setSpacing(dp(8))
        for part in (Heading(heading), TriesLabel(0, tries), label(said[0])):
            lines.addWidget(part)
        row.addLayout(lines, 1)
        self.column.addLayout(row)
        self.column.addWidget(label(said[1], bold=True))
        panel, needed = Panel(), List()
        panel.rows.setContentsMargins(0, 0, 0, 0)
        panel.rows.addWidget(needed)
        needed.setAccessibleName(said[1])
        items = QVBoxLayout(needed)
        items.setContentsMargins(0, 0, 0, 0)
        items.setSpacing(0)
        for key, icon in _NEEDED.items():
            items.addWidget(_Needed(text(key), icon, first=items.count() == 0))
            said.append(text(key))
        self.column.addWidget(panel)
        self.add_answers(text("cancel"), text("unlock.yes"))
        self.announcement.add(f"{heading}.", needed=1)
        self.announcement.add(tries, needed=1)
        self.announce_holder()
        self.announcement.add(" ".join(said))

    def set_guarded(self, active: bool) -> None:
        """See ``Page``. A disabled button has no focus, and gets it back later."""
        self._focus_later |= self.confirm.hasFocus()
        super().set_guarded(active)
        if self._focus_later and not active:
            self.confirm.setFocus()
            self._focus_later = False


class _Lock(QWidget):
    """The drawing of a lock in a circle."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(dp(76), dp(48))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens, circle = tokens_for(self.palette()), QRectF(dp(22), 0, dp(48), dp(48))
        draw_round_icon(
            painter_of(self),
            "lock",
            circle,
            circle.width() - 2 * dp(13),
            ink=tokens.error,
            ground=tokens.error_ground,
        )


class _Needed(ListItem):
    """A code that unlocks the PIN: what it is, and where the person gets it."""

    def __init__(self, words: str, icon: str, *, first: bool) -> None:
        super().__init__()
        self._icon, self._first = icon, first
        self.setAccessibleName(words)
        self.setSizePolicy(wrapping_policy())
        rows = QVBoxLayout(self)
        gap = dp(6 if is_low(self) else 12)
        rows.setContentsMargins(dp(92), gap, dp(16), gap)
        rows.setSpacing(dp(2))
        what, _, where = words.partition(". ")
        rows.addWidget(WrappingLabel(what, bold=True))
        more = WrappingLabel(where, 14 / 15)
        make_muted(more)
        rows.addWidget(more)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens, painter = tokens_for(self.palette()), painter_of(self)
        if not self._first:
            line = max(dp(1), 1)
            painter.fillRect(dp(92), 0, self.width() - dp(92), line, tokens.divider)
        side = dp(24)
        place = QRectF(dp(34), (self.height() - side) / 2, side, side)
        draw_icon(painter, self._icon, place, ink=tokens.muted, paper=tokens.window)
