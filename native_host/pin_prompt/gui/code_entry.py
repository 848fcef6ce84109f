# SPDX-License-Identifier: MIT
"""The entry of one code: a field, or two fields for a new PIN."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from native_host.gui.labels import label, muted, wrapping_policy
from native_host.gui.sizes import dp
from native_host.pin_prompt import codes
from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.pin_field import PinField
from native_host.pin_prompt.gui.widgets import RuleLabel, RuleState, em
from native_host.pin_prompt.model import MAX_CODE_DIGITS, CodeField, CodesQuestion
from native_host.pin_prompt.texts import Texts


class CodeEntry(QWidget):
    """A code that is typed once."""

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
        self.setSizePolicy(wrapping_policy())
        self.name = codes.field_label(field, question, text)
        self._length = codes.length_text(field, text)
        #: The fields in the order in which they are typed into.
        self.fields: list[PinField] = []
        self.grid = QGridLayout(self)
        self.grid.setContentsMargins(0, 0, 0, 0)
        self.grid.setHorizontalSpacing(em(self, 1.0))
        self.grid.setVerticalSpacing(dp(6))  # the focus ring needs 5
        self.grid.setColumnStretch(0, 1)
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

    def describe(self, field: PinField, words: str = "") -> None:
        """Set a field's accessible description: its length and an error."""
        field.setAccessibleDescription(f"{self._length}. {words}".strip())

    def _build(self) -> None:
        self.add_field(self.name, self.name, 0, beside=self._length)

    def add_field(
        self, words: str, name: str, column: int, *, beside: str = ""
    ) -> None:
        """Add a field under its label, with a hint beside it."""
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
        what.setBuddy(field)
        rows = QVBoxLayout()
        rows.setSpacing(dp(7))  # the focus ring needs 5
        rows.addWidget(what)
        row = QHBoxLayout()
        row.setSpacing(em(self, 0.6))
        row.addWidget(field)
        row.addWidget(muted(beside), 1)
        rows.addLayout(row)
        self.grid.addLayout(rows, 0, column)

    def _on_change(self, field: PinField) -> None:
        self.describe(field)
        self.edited.emit()


class NewPinEntry(CodeEntry):
    """A new PIN: two fields, with the rules below them."""

    _others: Sequence["NewPinEntry"] = ()
    _codes: Sequence[CodeEntry] = ()

    def watch(self, entries: Sequence[CodeEntry]) -> None:
        """Check the rules against the other entries of the page too."""
        new = [entry for entry in entries if isinstance(entry, NewPinEntry)]
        self._others = [other for other in new if other is not self]
        self._codes = [entry for entry in entries if entry not in new]
        # The first PIN is chosen before there is another one.
        self._different.setVisible(new.index(self) > 0)
        self.update_rules()

    def fault(self, field: PinField) -> str:
        if words := super().fault(self.fields[0]):
            return words
        again = self.fields[1]
        same = again.digits == self.digits
        return "" if field is not again or same else self.text("codes.differ")

    def update_rules(self) -> None:
        """Show which rules the typed digits keep."""
        first, again = (field.digits for field in self.fields)
        long_enough = len(first) in self.field.lengths
        self._rules[0].set_state(RuleState.KEPT if long_enough else RuleState.OPEN)
        same = RuleState.KEPT if long_enough and first == again else RuleState.OPEN
        differ = first[: len(again)] != again
        self._rules[1].set_state(RuleState.BROKEN if differ else same)
        shared = any(first == other.digits for other in self._others)
        easy = codes.is_easy_to_guess(first) or any(
            first == code.digits for code in self._codes
        )
        for rule, broken in ((self._easy, easy), (self._different, shared)):
            judged = RuleState.BROKEN if broken else RuleState.KEPT
            rule.set_state(judged if long_enough else RuleState.OPEN)
        self._hint.setText(self.warning)
        self._hint.setVisible(bool(self.warning))

    @property
    def warning(self) -> str:
        """The warnings about this PIN, which is accepted nevertheless."""
        if self._rules[0].state is not RuleState.KEPT:
            return ""
        others = [other.digits for other in self._others]
        typed: dict[str, codes.Digits] = {
            code.field.name: code.digits for code in self._codes
        }
        return " ".join(
            codes.warnings(self.digits, self.text, others=others, codes=typed)
        )

    @property
    def all_kept(self) -> bool:
        """Whether the typed PIN keeps all rules."""
        rules = self._rules if self._others else self._rules[:3]
        return all(rule.state is RuleState.KEPT for rule in rules)

    def _build(self) -> None:
        self.grid.setColumnStretch(1, 1)
        again = self.text("codes.again")
        self.add_field(self.name, self.name, 0)
        self.add_field(again, f"{self.name}: {again}", 1)
        words = (self._length, *(self.text(f"codes.rule.{key}") for key in _RULES))
        self._rules = [RuleLabel(rule, self.text) for rule in words]
        _, _, self._easy, self._different = self._rules
        for index, rule in enumerate(self._rules):
            self.grid.addWidget(rule, 1 + index // 2, index % 2)
        self._hint: QLabel = label("", 0.95)
        self._hint.setVisible(False)
        self.grid.addWidget(self._hint, 3, 0, 1, 2)


_RULES = ("same", "easy", "other")
