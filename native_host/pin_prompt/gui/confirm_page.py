# SPDX-License-Identifier: MIT
"""What the pages for a PIN and for codes have in common: how they are confirmed."""

from PySide6.QtCore import Signal

from native_host.gui.buttons import WrappingCheckBox
from native_host.gui.panels import Kind
from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.pages import Page
from native_host.pin_prompt.gui.widgets import Notice
from native_host.pin_prompt.model import Conversation
from native_host.pin_prompt.texts import Texts


class ConfirmPage(Page):
    """A page with a confirm button, and a check box before the last try.

    ``unchecked`` is the key of the text for a person who confirms without checking it.
    """

    #: Whether the person can go back to the question before this one.
    can_decline = False
    #: What the person typed, in buffers that the receiver wipes; None when the person
    #: types on the reader.
    answered = Signal(object)

    def __init__(
        self, conversation: Conversation, text: Texts, guard: InputGuard, unchecked: str
    ) -> None:
        super().__init__(conversation, text)
        self.wants_attention = True
        self._guard = guard
        self._unchecked = unchecked
        self.last_try_box: WrappingCheckBox | None = None
        self.error_notice = Notice("")
        self.error_notice.setVisible(False)

    @property
    def last_try_confirmed(self) -> bool:
        """Whether there is no check box, or the person has checked it."""
        return self.last_try_box is None or self.last_try_box.isChecked()

    def set_guarded(self, active: bool) -> None:
        self.confirm.setEnabled(not active)

    def show_error(self, words: str, *, kind: Kind = "warning") -> None:
        """Show and announce why something was refused, or what has happened."""
        self.error_notice.kind = kind
        self.error_notice.label.setText(words)
        self.error_notice.setVisible(True)
        self.announce(words)
        self.grown.emit(self.error_notice)

    def announce_status(self, status: list[str], tries_left: int) -> None:
        """Begin the announcement with the result of the last code and the tries left.

        Before the last try, what a wrong code causes is always said.
        """
        for words in status:
            needed = 1
            if tries_left == 1:
                needed = 2 if words is status[-1] else 0
            self.announcement.add(words, needed=needed)

    def add_last_try_box(self, words: str, notice: Notice) -> None:
        """Add the check box with which the person confirms the last try to a notice."""
        self.last_try_box = WrappingCheckBox(words)
        notice.rows.addWidget(self.last_try_box)

    def add_end(self, words: str, *, stretch: bool = True) -> None:
        """Add the end of the page, with ``words`` on the confirm button."""
        self.column.addWidget(self.error_notice)
        if stretch:
            self.column.addStretch()
        words_of_no = self.text("back" if self.can_decline else "cancel")
        cancel = self.add_button(words_of_no, self.dismiss)
        self.confirm = self.add_confirm_button(words, self.press_confirm)
        self.initial_focus = self.last_try_box or self.initial_focus or cancel

    def dismiss(self) -> None:
        self.leave(self._decline if self.can_decline else self.cancelled.emit)

    def _decline(self) -> None:
        if self.isEnabled():
            self.setEnabled(False)  # a second press must not answer again
            self.declined.emit()

    def press_confirm(self) -> None:
        """Handle the confirm button."""
        self.submit()

    def ask_to_confirm_last_try(self) -> None:
        """Say that the check box must be checked first, and move the focus there."""
        if self.last_try_box:
            self.last_try_box.setFocus()
            self.show_error(self.text(self._unchecked))

    def submit(self) -> None:
        """Answer, unless the guard is active or the check box is unchecked."""
        if self._guard.active:
            self._guard.refuse()
        elif not self.last_try_confirmed:
            self.ask_to_confirm_last_try()
        else:
            self.answer()

    def answer(self) -> None:
        """Send what was typed. Without fields, nothing was."""
        self.send(None)

    def send(self, typed: object) -> None:
        """Emit ``answered`` once."""
        self.setEnabled(False)  # a second Enter must not answer again
        self.confirm.setEnabled(False)
        self.answered.emit(typed)
