# SPDX-License-Identifier: MIT
"""The page of a locked PIN, with the way out."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from native_host.gui.accessibility import List, ListItem
from native_host.gui.icons import draw_icon
from native_host.gui.labels import (
    Heading,
    TriesLabel,
    WrappingLabel,
    label,
    make_muted,
    wrapping_policy,
)
from native_host.gui.panels import Panel
from native_host.gui.sizes import dp, is_low
from native_host.gui.tokens import tokens_for
from native_host.pin_prompt.gui.pages import YesNoPage
from native_host.pin_prompt.model import Conversation, UnlockQuestion
from native_host.pin_prompt.texts import Texts

#: What unlocks a PIN, and its drawing.
_NEEDED = {"unlock.need.letter": "letter", "unlock.need.puk": "key"}
_TOP = Qt.AlignmentFlag.AlignTop


class LockedPage(YesNoPage):
    """Says that a PIN is locked, and offers to unlock it in this window.

    The button that goes on has the focus: the next page sends nothing without codes.
    """

    def __init__(
        self, conversation: Conversation, text: Texts, question: UnlockQuestion
    ) -> None:
        super().__init__(conversation, text)
        #: Whether the button gets the focus when it is enabled.
        self._focus_later = True
        self.wants_attention = True
        self.add_person(question.name, question.satu)
        heading, tries = Heading(text(f"unlock.{question.pin}")), text("unlock.tries")
        said = [text("unlock.body"), text("unlock.need")]
        row, lines = QHBoxLayout(), QVBoxLayout()
        if not is_low(self):
            row.setSpacing(dp(16))
            row.addWidget(_Lock(), 0, _TOP)
        lines.setSpacing(dp(8))
        for part in (heading, TriesLabel(0, tries), label(said[0])):
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
        self.announcement.add(f"{heading.text()}.", needed=1)
        self.announcement.add(tries, needed=1)
        self.announce_holder(question.name)
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
        tokens = tokens_for(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens.error_ground)
        circle = QRectF(dp(22), 0, dp(48), dp(48))
        painter.drawEllipse(circle)
        inset = dp(13)
        place = circle.adjusted(inset, inset, -inset, -inset)
        ground = tokens.error_ground
        draw_icon(painter, "lock", place, ink=tokens.error, paper=ground)


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
        tokens = tokens_for(self.palette())
        painter = QPainter(self)
        if not self._first:
            line = max(dp(1), 1)
            painter.fillRect(dp(92), 0, self.width() - dp(92), line, tokens.divider)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        side = dp(24)
        place = QRectF(dp(34), (self.height() - side) / 2, side, side)
        draw_icon(painter, self._icon, place, ink=tokens.muted, paper=tokens.window)
