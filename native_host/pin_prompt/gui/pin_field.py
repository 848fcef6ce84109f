# SPDX-License-Identifier: MIT
"""The field that a PIN is typed into."""

from PySide6.QtCore import QRectF, QRegularExpression, Qt, Signal
from PySide6.QtGui import (
    QInputMethodEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QRegularExpressionValidator,
)
from PySide6.QtWidgets import QLineEdit, QWidget

from .guard import Guard
from .look import LOOKS, readable
from .widgets import draw_focus, em

__all__ = ["PinField", "SignatureField"]

_DIGITS = frozenset("0123456789")
_CLIPBOARD = (
    QKeySequence.StandardKey.Paste,
    QKeySequence.StandardKey.Copy,
    QKeySequence.StandardKey.Cut,
)


class PinField(QLineEdit):
    """Takes digits from the keyboard and nothing else.

    While the guard is up it takes nothing, and forgets what it had: half a PIN that is
    taken for a whole one costs a try.
    """

    #: Enter was pressed.
    submitted = Signal()
    #: Something was not taken; the key of the text that says why.
    refused = Signal(str)

    def __init__(
        self, guard: Guard, max_length: int, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._guard = guard
        self.setEchoMode(QLineEdit.EchoMode.Password)
        self.setMaxLength(max_length)
        self.setInputMethodHints(
            Qt.InputMethodHint.ImhDigitsOnly
            | Qt.InputMethodHint.ImhSensitiveData
            | Qt.InputMethodHint.ImhHiddenText
            | Qt.InputMethodHint.ImhNoPredictiveText
        )
        self.setValidator(
            QRegularExpressionValidator(QRegularExpression("[0-9]*"), self)
        )
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.setAcceptDrops(False)
        self.setDragEnabled(False)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.submitted.emit()
        elif any(event.matches(key) for key in _CLIPBOARD):
            self.refused.emit("pin.no_paste")
        elif event.text().isprintable() and event.text():
            self._take(event)
        else:
            super().keyPressEvent(event)

    def _take(self, event: QKeyEvent) -> None:
        if self._guard.active:
            self._guard.restart()
            self.clear()
            self.refused.emit("pin.too_early")
        elif event.text() not in _DIGITS:
            self.refused.emit("pin.digits_only")
        elif len(self.text()) >= self.maxLength() and not self.hasSelectedText():
            self.refused.emit("pin.too_long")
        else:
            super().keyPressEvent(event)

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:  # noqa: N802 - Qt's name
        if self._guard.active and event.commitString():
            self._guard.restart()
            self.refused.emit("pin.too_early")
        else:
            super().inputMethodEvent(event)

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
        self, guard: Guard, max_length: int, parent: QWidget | None = None
    ) -> None:
        super().__init__(guard, max_length, parent)
        self.setFrame(False)
        self.setStyleSheet("QLineEdit { lineedit-password-character: 9632 }")
        self.setTextMargins(em(self, 0.3), 0, 0, em(self, 0.3))

    def draw_frame(self, painter: QPainter) -> None:
        paper = self.palette().window().color()
        colour = readable(LOOKS["sign"].colour, paper, 3.0)
        bottom = self.height() - em(self, 0.15)
        painter.setPen(QPen(colour, em(self, 0.12)))
        painter.drawLine(0, bottom, self.width(), bottom)
