# SPDX-License-Identifier: MIT
"""The page that asks for the number on the card (CAN), for a contactless reader."""

from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout

from native_host.card.contactless import CAN_DIGITS
from native_host.gui.buttons import WrappingCheckBox
from native_host.gui.icons import draw_icon, painter_of
from native_host.gui.labels import label, muted
from native_host.gui.panels import Kind, Notice
from native_host.gui.sizes import dp, is_low
from native_host.gui.tokens import readable
from native_host.pin_prompt.gui.header import OPERATION_STYLES
from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.page import ALL, ConfirmPage
from native_host.pin_prompt.gui.pin_field import PinField
from native_host.pin_prompt.model import CanQuestion, Conversation
from native_host.pin_prompt.texts import Texts


class CanPage(ConfirmPage):
    """Says where the number is printed. The field shows the digits, as the card does.

    As with a PIN, the accessibility bus gets only dots.
    """

    too_early, now = "codes.too_early", "codes.now"

    def __init__(
        self,
        conversation: Conversation,
        text: Texts,
        question: CanQuestion,
        guard: InputGuard,
    ) -> None:
        super().__init__(conversation, text, guard, "")
        body, where = text("can.body"), text("can.where")
        if question.wrong:
            title = text("can.recalled" if question.recalled else "can.wrong")
            more = text("can.wrong.more")
            notice = Notice(more, title=title, kind="error")
            self.status_notice = notice
            self.column.addWidget(notice)
            self.announcement.add(f"{title} {more}", needed=ALL)
        self.add_heading(text("can.heading"))
        self.announcement.add(f"{text('can.heading')}.", needed=1)
        row, lines = QHBoxLayout(), QVBoxLayout()
        row.setSpacing(dp(20))
        lines.setSpacing(dp(8))
        # After a wrong number the person knows what it is.
        for words in (where,) if question.wrong else (body, where):
            lines.addWidget(label(words))
        lines.addWidget(label(text("can.keep"), bold=True))
        lines.addStretch()
        row.addLayout(lines, 1)
        colour = OPERATION_STYLES[conversation.operation].colour
        row.addWidget(_CardDrawing(colour, text("can.drawing")))
        self.column.addLayout(row)
        self._late_at = self.column.count()
        self._add_field()
        self.remember_box: WrappingCheckBox | None = None
        if question.can_remember:
            self.remember_box = WrappingCheckBox(text("can.remember"))
            self.column.addWidget(self.remember_box)
        # After a wrong number, what that costs is said in place of it.
        needed = 0 if question.wrong else 1
        self.announcement.add(f"{where} {text('can.keep')} {body}", needed=needed)
        self.initial_focus = self.field
        self.add_end(text("next"))

    def _add_field(self) -> None:
        name, length = self.text("can.field"), self.text("codes.length", min=CAN_DIGITS)
        self.field = PinField(self._guard, CAN_DIGITS, self)
        self.field.reveal(True)
        self.field.setAccessibleName(name)
        self._describe(length)
        self.field.submitted.connect(self.submit)
        self.field.refused.connect(self._refuse)
        self.field.textEdited.connect(self.error_notice.hide)
        what = label(name, bold=True)
        what.setWordWrap(False)
        what.setSizePolicy(QLabel().sizePolicy())
        what.setBuddy(self.field)
        above, rows = QHBoxLayout(), QVBoxLayout()
        above.setSpacing(dp(12))
        above.addWidget(what)
        above.addWidget(muted(length, 1.0), 1)
        rows.setSpacing(dp(8))
        rows.addLayout(above)
        rows.addWidget(self.field)
        self.column.addLayout(rows)

    def clear_digits(self) -> None:
        """Wipe the typed digits."""
        self.field.clear()

    def end(self) -> None:
        self.clear_digits()

    def show_hint(self, words: str, *, kind: Kind = "warning") -> None:
        self.show_error(words, kind=kind)

    def show_error(self, words: str, *, kind: Kind = "warning") -> None:
        self._describe(words)
        super().show_error(words, kind=kind)

    def _describe(self, words: str) -> None:
        self.field.setAccessibleDescription(f"{words} {self.text('can.where')}")

    def _refuse(self, key: str) -> None:
        self.show_error(self.text(key.replace("pin.", "codes."), max=CAN_DIGITS))

    def submit(self) -> None:
        if len(self.field.digits) < CAN_DIGITS and not self._guard.active:
            self.field.setFocus()
            self.show_error(self.text("can.wrong_length"))
        else:
            super().submit()

    def send(self) -> None:
        box = self.remember_box
        kind = "allowed" if box is not None and box.isChecked() else "pin"
        self.answer(kind, digits=self.field.take())


class _CardDrawing(QLabel):
    """A card of no country, on which the place of the number is framed."""

    def __init__(self, colour: QColor, words: str) -> None:
        super().__init__()
        self._colour = colour
        self.setAccessibleName(words)
        width = 132 if is_low(self) else 168
        self.setFixedSize(dp(width), dp(width * 76 / 120))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        palette = self.palette()
        window, ink = palette.window().color(), palette.windowText().color()
        draw_icon(
            painter_of(self),
            "card-number",
            QRectF(self.rect()),
            ink=ink,
            paper=window,
            accent=readable(self._colour, window, 3.0),
        )
