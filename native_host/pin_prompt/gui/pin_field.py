# SPDX-License-Identifier: MIT
"""The fields into which PINs are typed."""

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

from native_host.gui.theme import readable
from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.operation_style import OPERATION_STYLES
from native_host.pin_prompt.gui.widgets import draw_focus, em

__all__ = ["PinField", "SignatureField"]

#: Qt's text has this character for each digit. On the accessibility bus, Qt reports the
#: content of each field to every program of the session, also of a password field.
_BULLET = "•"
_DIGITS = "0123456789"
_CLIPBOARD = (
    QKeySequence.StandardKey.Paste,
    QKeySequence.StandardKey.Copy,
    QKeySequence.StandardKey.Cut,
)


class PinField(QLineEdit):
    """A line edit that accepts only digits, and only from the keyboard.

    Qt holds and edits a bullet for each digit. The digits are at the same positions in
    a buffer of fixed size, so that no copy stays in memory.

    While the guard is active, the field refuses input and wipes its digits: half a PIN
    that is sent as a whole one costs a try.
    """

    #: Enter was pressed.
    submitted = Signal()
    #: Input was refused; the key of the text that says why.
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
        #: The digits of the bullets that are being inserted.
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
        """The typed ASCII digits: a view of the buffer, not a copy."""
        return memoryview(self._buffer)[: self._count].toreadonly()

    def take(self) -> bytearray:
        """Return the typed digits and clear the field. The caller wipes the buffer."""
        digits = bytearray(self.digits)
        self.clear()
        return digits

    def clear(self) -> None:
        """Wipe the typed digits."""
        if self._count:
            self._replace(0, self._count, b"")
        super().clear()

    def enter(self, typed: str) -> None:
        """Replace the selection by characters, if all of them are digits."""
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
        # Digits are not composed, so preedit text is ignored.
        if (
            not (event.commitString() or event.replacementLength())
            or self._is_guarded()
        ):
            return
        if event.replacementLength():
            # As in any field of Qt, a selection goes before the replacement.
            if self.hasSelectedText() and not event.commitString().strip(_DIGITS):
                self.del_()
            start = max(0, self.cursorPosition() + event.replacementStart())
            self.setSelection(start, event.replacementLength())
        if event.commitString():
            self.enter(event.commitString())
        else:
            self.del_()

    def _is_guarded(self) -> bool:
        """Return whether the guard is active; if so, wipe the digits."""
        if self._guard.active:
            self._guard.restart()
            self.clear()
            self.refused.emit("pin.too_early")
            return True
        return False

    def _follow_edit(self) -> None:
        """Repeat the person's edit of the bullets on the digits.

        The cursor is behind the inserted characters, and removed ones were at the same
        position.
        """
        start = self.cursorPosition() - len(self._typed)
        removed = self._count + len(self._typed) - len(self.text())
        self._replace(start, start + removed, self._typed)

    def _check_bullets(self) -> None:
        """Clear the field if another program has changed the bullets.

        Any program of the session can do so over the accessibility bus.
        """
        if self.text() != _BULLET * self._count:
            self.clear()
            self.refused.emit("pin.no_paste")

    def _replace(self, start: int, end: int, typed: bytes) -> None:
        """Replace a range of digits, and fill the rest of the buffer with zeros."""
        with memoryview(self._buffer) as view:
            stop, rest = start + len(typed), self._count - end
            view[stop : stop + rest] = view[end : self._count]
            view[start:stop] = typed
            self._count = stop + rest
            view[self._count :] = bytes(len(view) - self._count)
        self.changed.emit()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        # On X11, the middle button pastes the primary selection.
        if event.button() == Qt.MouseButton.MiddleButton:
            self.refused.emit("pin.no_paste")
        else:
            super().mouseReleaseEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        # Fusion's own frame is hardly visible, least of all in dark palettes.
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.draw_frame(painter)
        if self.hasFocus():
            draw_focus(painter, self)

    def draw_frame(self, painter: QPainter) -> None:
        """Paint the frame of the field without the focus."""
        if not self.hasFocus():
            painter.setPen(QPen(self.palette().windowText().color(), 1))
            box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
            painter.drawRoundedRect(box, 3, 3)


class SignatureField(PinField):
    """PIN2's field, which looks unlike PIN1's even without colours.

    It has a signature line in place of a box, and squares in place of dots.
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
