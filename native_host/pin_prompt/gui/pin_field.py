# SPDX-License-Identifier: MIT
"""The field that a PIN is typed into."""

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import (
    QInputMethodEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QLineEdit, QWidget

from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.operation_style import OPERATION_STYLES
from native_host.pin_prompt.gui.theme import readable
from native_host.pin_prompt.gui.widgets import draw_focus, em

__all__ = ["PinField", "SignatureField"]

#: What Qt has for each digit. Qt tells every program of the session what a field holds
#: and what is deleted from it, on the accessibility bus, a password field's too.
_BULLET = "•"
_DIGITS = "0123456789"
_CLIPBOARD = (
    QKeySequence.StandardKey.Paste,
    QKeySequence.StandardKey.Copy,
    QKeySequence.StandardKey.Cut,
)


class PinField(QLineEdit):
    """Takes digits from the keyboard and nothing else.

    Qt holds a bullet for each digit, and edits the bullets. The digits follow: at the
    same places, in a buffer that never grows, so that no copy is left in memory.

    While the guard is up it takes nothing, and forgets what it had: half a PIN that is
    taken for a whole one costs a try.
    """

    #: Enter was pressed.
    submitted = Signal()
    #: Something was not taken; the key of the text that says why.
    refused = Signal(str)
    #: The digits have changed.
    changed = Signal()

    def __init__(
        self, guard: InputGuard, max_length: int, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._guard = guard
        self._buffer = bytearray(max_length)
        self._count = 0
        #: The digits for bullets that are just being put in.
        self._typed = b""
        self.setEchoMode(QLineEdit.EchoMode.Password)
        self.setMaxLength(max_length)
        self.setInputMethodHints(
            Qt.InputMethodHint.ImhDigitsOnly
            | Qt.InputMethodHint.ImhSensitiveData
            | Qt.InputMethodHint.ImhHiddenText
            | Qt.InputMethodHint.ImhNoPredictiveText
        )
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.setAcceptDrops(False)
        self.setDragEnabled(False)
        self.textEdited.connect(self._follow_edit)
        self.textChanged.connect(self._check_bullets)

    @property
    def digits(self) -> memoryview:
        """What has been typed, in ASCII: a view of the buffer, and no copy."""
        return memoryview(self._buffer)[: self._count].toreadonly()

    def take(self) -> bytearray:
        """Return what has been typed and forget it. The caller wipes the buffer."""
        digits = bytearray(self.digits)
        self.clear()
        return digits

    def clear(self) -> None:
        """Forget what has been typed."""
        if self._count:
            self._replace(0, self._count, b"")
        super().clear()

    def enter(self, typed: str) -> None:
        """Put characters in place of what is selected, where all of them are digits."""
        room = self.maxLength() - self._count + len(self.selectedText())
        if typed.strip(_DIGITS):
            self.refused.emit("pin.digits_only")
        elif len(typed) > room:
            self.refused.emit("pin.too_long")
        else:
            self._typed = typed.encode()
            self.insert(_BULLET * len(typed))
            self._typed = b""

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.submitted.emit()
        elif any(event.matches(key) for key in _CLIPBOARD):
            self.refused.emit("pin.no_paste")
        elif event.matches(QKeySequence.StandardKey.Undo):
            self.clear()  # as in any password field
        elif not (event.text() and event.text().isprintable()):
            super().keyPressEvent(event)
        elif not self._is_guarded():
            self.enter(event.text())

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:  # noqa: N802 - Qt's name
        # Digits are not composed, so what an input method only proposes is left out.
        if (
            not (event.commitString() or event.replacementLength())
            or self._is_guarded()
        ):
            return
        if event.replacementLength():
            start = max(0, self.cursorPosition() + event.replacementStart())
            self.setSelection(start, event.replacementLength())
        if event.commitString():
            self.enter(event.commitString())
        else:
            self.del_()

    def _is_guarded(self) -> bool:
        """Say whether the guard is up, and then forget what was typed."""
        if self._guard.active:
            self._guard.restart()
            self.clear()
            self.refused.emit("pin.too_early")
            return True
        return False

    def _follow_edit(self) -> None:
        """Edit the digits as the bullets have just been edited by the person.

        The cursor is behind what came in. What was taken out was at the same place.
        """
        start = self.cursorPosition() - len(self._typed)
        removed = self._count + len(self._typed) - len(self.text())
        self._replace(start, start + removed, self._typed)

    def _check_bullets(self) -> None:
        """Forget everything where a program has changed the bullets, not the person.

        The accessibility bus lets any program of the session do so.
        """
        if self.text() != _BULLET * self._count:
            self.clear()
            self.refused.emit("pin.no_paste")

    def _replace(self, start: int, end: int, typed: bytes) -> None:
        """Put digits in place of others, and zeros behind the last."""
        with memoryview(self._buffer) as view:
            stop, rest = start + len(typed), self._count - end
            view[stop : stop + rest] = view[end : self._count]
            view[start:stop] = typed
            self._count = stop + rest
            view[self._count :] = bytes(len(view) - self._count)
        self.changed.emit()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        # On X11 the middle button pastes what is selected anywhere.
        if event.button() == Qt.MouseButton.MiddleButton:
            self.refused.emit("pin.no_paste")
        else:
            super().mouseReleaseEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        # The style's own frame hardly shows, least of all in the dark.
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.draw_frame(painter)
        if self.hasFocus():
            draw_focus(painter, self)

    def draw_frame(self, painter: QPainter) -> None:
        """Paint what surrounds the field where the focus is elsewhere."""
        if not self.hasFocus():
            painter.setPen(QPen(self.palette().windowText().color(), 1))
            box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
            painter.drawRoundedRect(box, 3, 3)


class SignatureField(PinField):
    """PIN2's field, which can't be taken for PIN1's, with or without colours.

    It has the line that one signs on instead of a box, and squares instead of dots.
    """

    def __init__(
        self, guard: InputGuard, max_length: int, parent: QWidget | None = None
    ) -> None:
        super().__init__(guard, max_length, parent)
        self.setFrame(False)
        self.setStyleSheet("QLineEdit { lineedit-password-character: 9632 }")
        self.setTextMargins(em(self, 0.3), 0, 0, em(self, 0.3))

    def draw_frame(self, painter: QPainter) -> None:
        paper = self.palette().window().color()
        colour = readable(OPERATION_STYLES["sign"].colour, paper, 3.0)
        bottom = self.height() - em(self, 0.15)
        painter.setPen(QPen(colour, em(self, 0.12)))
        painter.drawLine(0, bottom, self.width(), bottom)
