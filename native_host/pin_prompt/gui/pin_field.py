# SPDX-License-Identifier: MIT
"""The fields into which PINs are typed."""

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFont,
    QFontMetricsF,
    QInputMethodEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QLineEdit, QSizePolicy, QWidget

from native_host.gui.icons import draw_icon, painter_of, square
from native_host.gui.sizes import dp, font
from native_host.gui.tokens import tokens_for
from native_host.pin_prompt.gui.input_guard import InputGuard

#: Qt's text has this character for each digit. On the accessibility bus, Qt reports the
#: content of each field to every program of the session, also of a password field.
_BULLET = "•"
_DIGITS = "0123456789"
#: Qt's character for each bullet in a password field, which the field measures.
_MEASURED = "●"
#: Width of a character, and space before the first one.
_STEP, _PADDING = 18, 14
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
        self.setFrame(False)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        #: Pixels at the left that are not for characters.
        self.indent = 0
        self._revealed = False
        # Qt places the caret and finds a clicked position. The painted characters
        # are where Qt thinks that its own are.
        spaced = font()
        bullet = QFontMetricsF(spaced).horizontalAdvance(_MEASURED)
        spaced.setLetterSpacing(QFont.SpacingType.AbsoluteSpacing, dp(_STEP) - bullet)
        self.setFont(spaced)
        self.set_indent(0)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.setAcceptDrops(False)
        self.setDragEnabled(False)
        self.textEdited.connect(self._follow_edit)
        self.textChanged.connect(self._check_bullets)

    def set_indent(self, pixels: int) -> None:
        """Leave room at the left."""
        self.indent = pixels
        # Qt adds 2 pixels of its own.
        self.setTextMargins(pixels + dp(_PADDING) - 2, 0, dp(4), 0)

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
            # A held key must not run through fields that are filled already.
            if not event.isAutoRepeat():
                self.submitted.emit()
        elif any(event.matches(key) for key in _CLIPBOARD):
            self.refused.emit("pin.no_paste")
        elif event.matches(QKeySequence.StandardKey.Undo):
            self.clear()  # as in any password field
        elif event.isAutoRepeat() and event.text().isdigit():
            event.accept()  # a key that is held down is one digit
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
            self.clear()
            self._guard.refuse()
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

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(self.indent + dp(246), dp(48))

    minimumSizeHint = sizeHint  # noqa: N815 - Qt's name

    def inputMethodQuery(self, query: Qt.InputMethodQuery) -> object:  # type: ignore[override] # noqa: N802 - Qt's name
        # A scroll area shows the caret; the whole field is to be visible.
        if query is Qt.InputMethodQuery.ImCursorRectangle:
            return self.rect()
        return super().inputMethodQuery(query)

    @property
    def revealed(self) -> bool:
        """Whether the field shows its digits, on the screen only."""
        return self._revealed

    def reveal(self, revealed: bool) -> None:
        """Show the digits or dots. Qt and the accessibility bus get neither."""
        self._revealed = revealed
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        painter = painter_of(self)
        line = dp(1.5)
        half = line / 2
        box = QRectF(self.rect()).adjusted(half, half, -half, -half)
        painter.setBrush(tokens.field)
        painter.setPen(QPen(tokens.edge, line))
        painter.drawRoundedRect(box, dp(8), dp(8))
        self.draw_sign(painter, box)
        self._draw_selection(painter)
        painter.setPen(tokens.ink)
        for index in range(self._count):
            place = self._place(index)
            if self._revealed:
                # One digit at a time, so that no text holds the PIN.
                digit = _DIGITS[self._buffer[index] - ord("0")]
                painter.drawText(place, Qt.AlignmentFlag.AlignCenter, digit)
            else:
                self.draw_dot(painter, place)
        if self.hasFocus():
            # It does not blink.
            left = self._place(self.cursorPosition()).left()
            height = dp(22)
            top = (self.height() - height) / 2
            painter.fillRect(QRectF(left, top, max(dp(1.5), 1), height), tokens.ink)

    def draw_sign(self, painter: QPainter, box: QRectF) -> None:
        """Paint what sets this field apart."""

    def draw_dot(self, painter: QPainter, place: QRectF) -> None:
        """Paint a typed character."""
        side = dp(9)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens_for(self.palette()).ink)
        painter.drawEllipse(square(place, side))

    def _draw_selection(self, painter: QPainter) -> None:
        if self.hasSelectedText():
            first, last = self.selectionStart(), self.selectionEnd() - 1
            chosen = self._place(first).united(self._place(last))
            painter.fillRect(chosen, self.palette().highlight())

    def _place(self, index: int) -> QRectF:
        """Return where a character is painted."""
        step, high = dp(_STEP), dp(30)
        left = self.indent + dp(_PADDING) + index * step
        return QRectF(left, (self.height() - high) / 2, step, high)


class SignatureField(PinField):
    """PIN2's field, which looks unlike PIN1's even without colours.

    It has a pen, squares in place of dots, and a line at its foot.
    """

    def __init__(
        self, guard: InputGuard, max_length: int, parent: QWidget | None = None
    ) -> None:
        super().__init__(guard, max_length, parent)
        self.set_indent(dp(46))

    def draw_sign(self, painter: QPainter, box: QRectF) -> None:
        tokens = tokens_for(self.palette())
        colours = tokens.acts["sign"]
        whole, left, foot = QPainterPath(), QPainterPath(), QPainterPath()
        inner = box.adjusted(1, 1, -1, -1)
        whole.addRoundedRect(inner, dp(7), dp(7))
        left.addRect(box.left(), box.top(), self.indent, box.height())
        foot.addRect(box.left(), box.bottom() - dp(5), box.width(), dp(5))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.fillPath(whole & left, colours.tint)
        painter.fillPath(whole & foot, colours.sign)
        room = QRectF(0, 0, self.indent, self.height() - dp(5))
        pen = square(room, dp(20))
        draw_icon(painter, "pen", pen, ink=colours.sign, paper=colours.tint)

    def draw_dot(self, painter: QPainter, place: QRectF) -> None:
        ink = tokens_for(self.palette()).ink
        painter.fillRect(square(place, dp(9)), ink)
