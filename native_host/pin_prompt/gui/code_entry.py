# SPDX-License-Identifier: MIT
"""The entry of one code: a field, or two fields for a new PIN."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from native_host.gui.buttons import HoldButton
from native_host.gui.labels import TriesLabel, label, muted, wrapping_policy
from native_host.gui.panels import Panel
from native_host.gui.sizes import dp, is_low
from native_host.pin_prompt import codes
from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.pin_field import PinField
from native_host.pin_prompt.gui.widgets import RuleLabel, RuleState, em
from native_host.pin_prompt.model import MAX_CODE_DIGITS, CodeField, CodesQuestion
from native_host.pin_prompt.texts import Texts

_RULES = ("same", "easy", "other")


class CodeEntry(QWidget):
    """A code that is typed once, with a button that shows its digits."""

    #: Enter was pressed in a field.
    submitted = Signal(PinField)
    #: A field refused input; the key of the text that says why.
    refused = Signal(PinField, str)
    #: Digits were typed or deleted.
    edited = Signal()

    def __init__(
        self, field: CodeField, question: CodesQuestion, text: Texts, guard: InputGuard
    ) -> None:
        super().__init__()
        self.field = field
        self.text = text
        self._guard = guard
        self._issued = question.issued
        self.setSizePolicy(wrapping_policy())
        step = f"steps.{field.name}.field"
        #: In a step, whose heading has the whole name, the name is short.
        self.name = (
            text(step) if step in text else codes.field_label(field, question, text)
        )
        self._length = codes.length_text(field, text)
        #: The fields in the order in which they are typed into.
        self.fields: list[PinField] = []
        #: Shows the digits of all fields.
        self.eye = HoldButton(f"{text('pin.show')}: {self.name}", "eye", height=48)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(dp(7))  # the focus ring needs 5
        self._build()

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        # Wider than the page with large text. Qt would then take the height from this
        # width, and cut off a line.
        return QSize(em(self, 12), 0)

    @property
    def digits(self) -> memoryview:
        """The typed digits."""
        return self.fields[0].digits

    def fault(self, field: PinField) -> str:
        """Return what is wrong with the digits of a field, or an empty string."""
        return codes.length_error(self.field, len(field.digits), self.text)

    def clear_digits(self) -> None:
        """Wipe the typed digits."""
        for field in self.fields:
            field.clear()

    def wipe_fault(self) -> PinField:
        """Wipe what has an error, and return the field to type into again.

        Half a code and the next digits must not make a whole code.
        """
        self.clear_digits()
        return self.fields[0]

    @property
    def unconfirmed(self) -> str:
        """The warnings about this code that the person has not confirmed."""
        return ""

    def accept(self) -> None:
        """Take the code in spite of its warnings, until it is changed."""

    def describe(self, field: PinField, words: str = "") -> None:
        """Set a field's accessible description: its length and an error."""
        field.setAccessibleDescription(f"{self._length}. {words}".strip())

    def show_tries(self, tries: int) -> None:
        """Show how many tries are left, beside the field if there is room."""
        left = TriesLabel(tries, codes.tries_left(tries, self.text))
        if is_low(self):
            self._rows.addWidget(left)
        else:
            self._row.insertSpacing(2, dp(10))
            self._row.insertWidget(3, left)

    def _build(self) -> None:
        self.setLayout(self._rows)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._row = self._add_field(self.name, self.name, beside=self._length)
        self._add_eye()

    def _add_eye(self) -> None:
        """Add the button beside the last field, which the keyboard reaches after it."""
        self._row.insertWidget(1, self.eye)
        for field in self.fields:
            self.eye.held.connect(field.reveal)

    def _add_field(self, words: str, name: str, *, beside: str = "") -> QHBoxLayout:
        """Add a field under its label and a hint; return the row of the field."""
        # Room for too many digits, so that the page can say that they are too many.
        longest = (
            max(self.field.lengths) if codes.is_new(self.field) else MAX_CODE_DIGITS
        )
        field = PinField(self._guard, longest, self)
        field.setAccessibleName(name)
        field.submitted.connect(lambda: self.submitted.emit(field))
        field.refused.connect(lambda key: self.refused.emit(field, key))
        field.changed.connect(lambda: self._on_change(field))
        self.fields.append(field)
        self.describe(field)
        what = label(words, bold=True)
        if name == words:
            what.setBuddy(field)  # Orca says both where they differ
        above, row = QHBoxLayout(), QHBoxLayout()
        above.setSpacing(dp(12))
        above.addWidget(what)
        if beside:
            what.setWordWrap(False)
            what.setSizePolicy(QLabel().sizePolicy())
            above.addWidget(muted(beside, 1.0), 1)
        row.setSpacing(dp(8))
        row.addWidget(field)
        row.addStretch()
        self._rows.addLayout(above)
        self._rows.addLayout(row)
        return row

    def _on_change(self, field: PinField) -> None:
        self.describe(field)
        self.edited.emit()


class NewPinEntry(CodeEntry):
    """A new PIN: two fields, with the rules beside them.

    A PIN that ``codes.warnings`` warns of is taken when the person has confirmed it.
    """

    _others: Sequence["NewPinEntry"] = ()
    _codes: Sequence[CodeEntry] = ()
    #: The warning about the typed PIN that the person has seen, and uses it.
    _accepted = ""

    def watch(self, entries: Sequence[CodeEntry]) -> None:
        """Check the rules against the other entries of the page too."""
        new = [entry for entry in entries if isinstance(entry, NewPinEntry)]
        # The first PIN is chosen before there is another one.
        self._others = new[: new.index(self)]
        self._codes = [entry for entry in entries if entry not in new]
        self._different.setVisible(bool(self._others))
        self.update_rules()

    def fault(self, field: PinField) -> str:
        if words := super().fault(self.fields[0]):
            return words
        again = self.fields[1]
        if field is not again or again.digits == self.digits:
            return ""
        return self.text("codes.differ" if again.digits else "codes.empty")

    def wipe_fault(self) -> PinField:
        if super().fault(self.fields[0]):
            return super().wipe_fault()
        again = self.fields[1]
        again.clear()
        return again

    def update_rules(self) -> None:
        """Show which rules the typed digits keep."""
        first, again = (field.digits for field in self.fields)
        long_enough = len(first) in self.field.lengths
        self._rules[0].set_state(RuleState.KEPT if long_enough else RuleState.OPEN)
        same = RuleState.KEPT if long_enough and first == again else RuleState.OPEN
        differ = first[: len(again)] != again
        self._rules[1].set_state(RuleState.BROKEN if differ else same)
        shared = any(first == other.digits for other in self._others)
        easy = codes.is_easy_to_guess(first, self._issued) or any(
            first == code.digits for code in self._codes
        )
        for rule, broken in ((self._easy, easy), (self._different, shared)):
            judged = RuleState.BROKEN if broken else RuleState.KEPT
            rule.set_state(judged if long_enough else RuleState.OPEN)

    @property
    def warning(self) -> str:
        """The warnings about this PIN."""
        if self._rules[0].state is not RuleState.KEPT:
            return ""
        others = [other.digits for other in self._others]
        typed: dict[str, codes.Digits] = {
            code.field.name: code.digits for code in self._codes
        }
        said = codes.warnings(
            self.digits, self.text, self._issued, others=others, codes=typed
        )
        return " ".join(said)

    @property
    def unconfirmed(self) -> str:
        return "" if self.warning == self._accepted else self.warning

    def accept(self) -> None:
        self._accepted = self.warning

    @property
    def all_kept(self) -> bool:
        """Whether the typed PIN keeps all rules."""
        rules = self._rules if self._others else self._rules[:3]
        return all(rule.state is RuleState.KEPT for rule in rules)

    def _build(self) -> None:
        sides = QHBoxLayout(self)
        sides.setContentsMargins(0, 0, 0, 0)
        sides.setSpacing(dp(24))
        sides.addLayout(self._rows)
        again = self.text("codes.again")
        self._row = self._add_field(self.name, self.name)
        self._rows.addSpacing(dp(4))
        self._row = self._add_field(again, f"{self.name}: {again}")
        self._add_eye()
        words = (self._length, *(self.text(f"codes.rule.{key}") for key in _RULES))
        self._rules = [RuleLabel(rule, self.text) for rule in words]
        _, _, self._easy, self._different = self._rules
        panel = Panel(tinted=True)
        panel.rows.setSpacing(dp(8))
        for rule in self._rules:
            panel.rows.addWidget(rule)
        panel.rows.addStretch()
        sides.addWidget(panel, 1)

    def _on_change(self, field: PinField) -> None:
        if field is self.fields[0]:
            self._accepted = ""
        super()._on_change(field)
