# SPDX-License-Identifier: MIT
"""The pages to activate a card, to change a PIN and to unblock a PIN."""

from collections.abc import Callable
from itertools import pairwise

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from native_host.gui.frame import Stepper
from native_host.gui.labels import (
    Heading,
    TriesLabel,
    label,
    muted,
    wrapping_policy,
)
from native_host.gui.panels import Kind, Notice
from native_host.gui.sizes import dp, is_low
from native_host.pin_prompt import codes
from native_host.pin_prompt.gui.code_entry import CodeEntry, NewPinEntry
from native_host.pin_prompt.gui.header import OPERATION_STYLES
from native_host.pin_prompt.gui.input_guard import GUARD_MILLISECONDS, InputGuard
from native_host.pin_prompt.gui.page import ConfirmPage
from native_host.pin_prompt.gui.pin_field import PinField
from native_host.pin_prompt.gui.widgets import LetterDrawing
from native_host.pin_prompt.model import CodesQuestion, Conversation
from native_host.pin_prompt.texts import Texts

#: Milliseconds without a key press before a screen reader announces the rules.
_PAUSE = 900


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
        self.can_decline = question.can_decline
        #: What concerns the code that the person has, and no new PIN.
        self.about: list[QWidget] = []
        self.in_steps = "steps" in text
        self.column.setSpacing(dp(16 if self.in_steps and not is_low(self) else 8))
        # The name is enough for a page that is read step by step.
        number = "" if self.in_steps and question.name else question.satu
        self.add_person(question.name, number)
        if self.in_steps and self._holder and not conversation.origin:
            self.about.append(self._holder)
        self._calm = codes.is_calm(question)
        tries = f"{codes.tries_left(question.tries_left, text)}."
        self._status = [tries] if self._calm else codes.status(question, text)
        self._news = " ".join(self._status)
        if not self._calm:
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
        shown = said
        if self.in_steps:
            # The heading and the field say what is needed.
            shown = [each for each in said[1:] if each != self.text("elsewhere")]
        self.announcement.add(f"{self.text('heading')}.")
        self.announce_status(self._status, self.question.tries_left)
        self.announce_holder()
        self.announcement.add(f"{who} {' '.join(said)}")
        #: The field of the code that the person has, above the instructions in a step.
        self.needed = QVBoxLayout()
        self.needed.setSpacing(dp(8))
        #: The instructions.
        self.lines = [label(paragraph) for paragraph in shown]
        if self.in_steps and by_itself:
            self.lines.insert(0, muted(self.text("steps.unhurried"), 1.0))
        about = QWidget()
        about.setSizePolicy(wrapping_policy())
        row = QHBoxLayout(about)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(dp(20))
        row.addLayout(self.needed, 1)
        for field in self.question.fields:
            if field.name == "activation":
                row.addLayout(self._drawing(max(field.lengths)))
        self.column.addWidget(about)
        self.about.append(about)
        if not self.in_steps:
            self._add_lines()

    def _add_lines(self) -> None:
        for line in self.lines:
            self.needed.addWidget(line)

    def _drawing(self, digits: int) -> QVBoxLayout:
        """Return the drawing of the letter with its caption."""
        colour = OPERATION_STYLES[self.question.operation].colour
        letter = LetterDrawing(digits, colour, self.text)
        caption = muted(self.text("letter.caption"), 13 / 15)
        rows = QVBoxLayout()
        rows.setSpacing(dp(2))
        rows.addWidget(letter)
        rows.addWidget(caption)
        rows.addStretch()
        return rows

    def _add_news(self) -> None:
        question = self.question
        serious = question.wrong or question.tries_left <= 2
        notice = Notice(self._news, kind="error" if serious else "warning")
        self.column.addWidget(notice)
        self.about.append(notice)
        if serious or question.repeated or question.unsent or question.pad_problem:
            self.status_notice = notice
        if question.tries_left == 1:
            words = self.text(f"last_try.{question.at_risk}.confirm")
            self.add_last_try_box(words, notice)


class PinPadCodesPage(BaseCodesPage):
    """A page without fields: the person types the codes on the reader."""

    def _add_input(self) -> None:
        hint, *rules = codes.pin_pad_instructions(self.question, self.text)
        self.column.addWidget(label(hint, bold=True))
        for rule in rules:
            self.column.addWidget(label(rule))
        tries = self.question.tries_left
        self.column.addWidget(TriesLabel(tries, codes.tries_left(tries, self.text)))
        self.announcement.add(" ".join([hint, *rules]))
        self.add_end(self.text("pin_pad.confirm"))


class CodesPage(BaseCodesPage):
    """A page with all codes. Enter moves to the next field; the last one confirms.

    An activation shows one code at a time. All fields are on this page, so the digits
    stay while the person goes back and forth.
    """

    too_early, now = "codes.too_early", "codes.now"

    def _add_input(self) -> None:
        self.entries: list[CodeEntry] = []
        #: What each step shows besides the holder's name.
        self._parts: list[list[QWidget]] = [self.about]
        if self.in_steps:
            first = self.question.fields[0].name
            self.needed.insertWidget(0, Heading(self.text(f"steps.{first}.heading")))
        for field in self.question.fields:
            kind = NewPinEntry if codes.is_new(field) else CodeEntry
            entry = kind(field, self.question, self.text, self._guard)
            entry.submitted.connect(self._on_submitted)
            entry.refused.connect(self._refuse)
            entry.edited.connect(self._on_edit)
            if self.in_steps and self.entries:
                heading = Heading(self.text(f"steps.{field.name}.heading"))
                body = label(self.text(f"steps.{field.name}.use"))
                self._parts.append([heading, body])
                for words in self._parts[-1]:
                    self.column.addWidget(words)
            self.entries.append(entry)
            self._parts[-1].append(entry)
            rows = self.column if codes.is_new(field) else self.needed
            rows.addWidget(entry)
        self.entries[0].show_tries(self.question.tries_left)
        if self.in_steps:
            self._add_lines()
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
        # Tab goes from field to field: digits must not be typed on a button.
        order = [*self.fields, *(entry.eye for entry in self.entries)]
        for before, after in pairwise(order):
            QWidget.setTabOrder(before, after)
        self._add_question()
        self._add_end()
        self._stepper = self._add_stepper() if self.in_steps else None
        self._show_parts(0)
        where = f"{self._stepper.text()}. " if self._stepper else ""
        # On the last try, the box to tick comes before the field.
        self.announcement.add(
            f"{where}{self.entries[0].name}", needed=0 if self.last_try_box else 2
        )

    def _add_stepper(self) -> Stepper:
        names = [self.text(f"steps.{e.field.name}.name") for e in self.entries]

        def spoken(step: int, count: int, name: str) -> str:
            return self.text("steps", step=step, count=count, name=name)

        stepper = Stepper(names, "manage", spoken)
        # Below the holder where that panel goes on from the site's.
        self.column.insertWidget(1 if self.conversation.origin else 0, stepper)
        return stepper

    def _add_question(self) -> None:
        """Add what the page asks before it throws digits away, or takes an easy PIN."""
        #: How the person wants to leave the page, while this is asked.
        self._leaving: Callable[[], None] | None = None
        #: The new PIN that is easy to guess, while this is asked.
        self._warned: CodeEntry | None = None
        self._question = Notice("")
        self._question.setVisible(False)
        self.column.addWidget(self._question)

    def _add_end(self) -> None:
        #: Active shortly after the buttons have changed. A second press was meant for
        #: the button that was there before, so it neither confirms nor leaves.
        self.hold = QTimer(self, singleShot=True, interval=GUARD_MILLISECONDS)
        self.add_end(self.text("confirm"))
        self._cancel, _ = self.buttons
        last = self.buttons.pop()
        self._yes = self.add_button("", self._agree)
        self._no = self.add_button("", self._disagree, confirms=True)
        self._back = self.add_button(
            self.text("back"), lambda: self._show_step(self._step - 1)
        )
        self._next = self.add_button(self.text("next"), self._go_on, confirms=True)
        self.buttons.append(last)

    # -- Steps ------------------------------------------------------------------------

    def _show_parts(self, step: int) -> None:
        """Show the content of a step, and no other's."""
        self._step = step
        for number, parts in enumerate(self._parts):
            for part in parts:
                part.setVisible(number == step)
        self.error_notice.setVisible(False)
        if self._stepper:
            self._stepper.set_current(step)
        self._update_buttons()

    def _show_step(self, step: int) -> None:
        """Show a step with the focus in its field. Digits in other steps stay."""
        self.window().setFocus()  # Qt would give it to a button in between
        self._show_parts(step)
        self.hold.start()
        self.pause.stop()
        name = self.entries[step].field.name
        keys = (f"steps.{name}.heading", f"steps.{name}.use")
        said = [self.text(key) for key in keys if key in self.text]
        if self._stepper:
            said.insert(0, self._stepper.text())
        self.announce(". ".join(said))
        field = self._fields_of(step)[0]
        field.setFocus()
        self.grown.emit(field)

    def show_step_of(self, entry: CodeEntry) -> None:
        """Show the step with an entry, if another one is shown."""
        step = next(n for n, parts in enumerate(self._parts) if entry in parts)
        if step != self._step:
            self._show_parts(step)

    def ask_to_confirm_last_try(self) -> None:
        if self._step > 0:
            self._show_parts(0)
        super().ask_to_confirm_last_try()

    def _fields_of(self, step: int) -> list[PinField]:
        return [f for e in self.entries if e in self._parts[step] for f in e.fields]

    def _go_on(self) -> None:
        """Show the next step, if this one has no error."""
        if self._guard.active:
            self._guard.refuse()
        elif self._may_go_on():
            self._show_step(self._step + 1)

    def _may_go_on(self) -> bool:
        """Return whether the step has no error; if not, show it."""
        if not self.last_try_confirmed:
            self.ask_to_confirm_last_try()
            return False
        return not any(self._rejects(field) for field in self._fields_of(self._step))

    def _update_buttons(self) -> None:
        asked, last = self._is_asked, self._step + 1 == len(self._parts)
        for button, wanted in (
            (self._cancel, not asked),
            (self._back, not asked and self._step > 0),
            (self._next, not asked and not last),
            (self.confirm, not asked and last),
            (self._yes, asked),
            (self._no, asked),
        ):
            # A button without a parent would become a window.
            if button.parent() is not None:
                button.setVisible(wanted)

    def set_guarded(self, active: bool) -> None:
        super().set_guarded(active)
        self._next.setEnabled(self.confirm.isEnabled())
        self._update_buttons()

    # -- Questions --------------------------------------------------------------------

    @property
    def _is_asked(self) -> bool:
        return self._leaving is not None or self._warned is not None

    def leave(self, leaving: Callable[[], None]) -> None:
        """Leave at once if nothing is typed or the person was asked, or else ask."""
        if self._leaving is not None:
            self._agree()
        elif not any(field.digits for field in self.fields):
            leaving()
        else:
            self._warned, self._leaving = None, leaving
            self._ask("leave", self.text("leave"))

    def _ask_about(self, entry: CodeEntry) -> None:
        """Ask whether a PIN that is easy to guess is to be used anyway."""
        self._warned = entry
        self._ask("codes.easy", entry.unconfirmed)

    def _ask(self, key: str, words: str) -> None:
        """Ask, with the focus on the safe answer. ``key`` begins the answers' keys."""
        self.hold.start()
        self.error_notice.setVisible(False)
        self._question.label.setText(words)
        self._question.setVisible(True)
        self._yes.setText(self.text(f"{key}.yes"))
        self._no.setText(self.text(f"{key}.no"))
        self._update_buttons()
        self._no.setFocus()
        self.announce(words)
        self.grown.emit(self._question)

    def _agree(self) -> None:
        """Leave the page, or go on with the PIN."""
        if self.hold.isActive():
            return
        if (leaving := self._leaving) is not None:
            self.clear_digits()
            leaving()
        elif (entry := self._warned) is not None:
            entry.accept()
            self._close_question()
            self._go_on_from(entry)

    def _disagree(self) -> None:
        """Stay at the page, or choose another PIN."""
        field = self._fields_of(self._step)[0]
        if (entry := self._warned) is not None:
            if self.hold.isActive():
                return
            entry.clear_digits()
            field = entry.fields[0]
        self._close_question()
        field.setFocus()

    def _close_question(self) -> None:
        if self._is_asked:
            self._leaving = self._warned = None
            self._question.setVisible(False)
            self._update_buttons()

    def end(self) -> None:
        self.blockSignals(True)  # the window shows another page already
        self.clear_digits()
        self.pause.stop()

    # -- Typing -----------------------------------------------------------------------

    def clear_digits(self) -> None:
        """Wipe all typed digits."""
        for entry in self.entries:
            entry.clear_digits()

    def _entry_of(self, field: PinField) -> CodeEntry:
        return next(entry for entry in self.entries if field in entry.fields)

    def _on_submitted(self, field: PinField) -> None:
        """Move to the next field or step, or confirm, if this field has no error."""
        self._close_question()
        if self._guard.active:
            self._guard.refuse()
            return
        if self._rejects(field):
            return
        here = self._fields_of(self._step)
        if field is not here[-1]:
            following = here[here.index(field) + 1]
            self.error_notice.setVisible(False)
            following.setFocus()
            self.grown.emit(following)
        else:
            self._go_on_from(self._entry_of(field))

    def _go_on_from(self, entry: CodeEntry) -> None:
        """Show the step after an entry's, or confirm after the last one."""
        self.show_step_of(entry)
        if self._step + 1 == len(self._parts):
            self.submit()
        elif self._may_go_on():
            self._show_step(self._step + 1)

    def _rejects(self, field: PinField) -> bool:
        """Return whether a field has an error, or an easy PIN; if so, show it.

        What has the error is wiped.
        """
        entry = self._entry_of(field)
        if words := entry.fault(field):
            wrong = entry.wipe_fault()
            self.show_step_of(entry)
            wrong.setFocus()
            self._show_error_at(wrong, words)
            return True
        if field is entry.fields[-1] and entry.unconfirmed:
            self.show_step_of(entry)
            self._ask_about(entry)
            return True
        return False

    def _show_error_at(
        self, field: PinField, words: str, *, kind: Kind = "warning"
    ) -> None:
        entry = self._entry_of(field)
        entry.describe(field, words)
        for rows in (self.column, self.needed):
            rows.removeWidget(self.error_notice)
            if (index := rows.indexOf(entry)) >= 0:
                rows.insertWidget(index + 1, self.error_notice)
        self.show_error(words, kind=kind)

    def _refuse(self, field: PinField, key: str) -> None:
        words = self.text(key.replace("pin.", "codes."), max=field.maxLength())
        self._show_error_at(field, words)

    def show_hint(self, words: str, *, kind: Kind = "warning") -> None:
        here = self.focusWidget()
        first = self._fields_of(self._step)[0]
        field = here if isinstance(here, PinField) else first
        self._show_error_at(field, words, kind=kind)

    def _on_edit(self) -> None:
        self._close_question()
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

    def press_confirm(self) -> None:
        if not self.hold.isActive():
            self.submit()

    def submit(self) -> None:
        ready = self.last_try_confirmed and not self._guard.active
        if not (ready and any(self._rejects(field) for field in self.fields)):
            super().submit()

    def send(self) -> None:
        values = [entry.fields[0].take() for entry in self.entries]
        self.clear_digits()
        self.pause.stop()
        self.answer("codes", values=values)
