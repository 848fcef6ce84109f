# SPDX-License-Identifier: MIT
"""The buttons: one in the colour of the act, all others flat with an outline."""

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QPushButton, QSizePolicy

from native_host.gui.icons import draw_icon
from native_host.gui.sizes import dp, font, text_width
from native_host.gui.theme import mixed, readable
from native_host.gui.tokens import Act, tokens_for


class Button(QPushButton):
    """A push button. With an ``act`` it is the page's primary button.

    ``height`` is in pixels where body text has 15. ``icon`` names a drawing that
    takes the place of the words, which a screen reader still reads.
    """

    def __init__(
        self, words: str, act: Act | None = None, *, height: float = 44, icon: str = ""
    ) -> None:
        super().__init__("" if icon else words)
        self._act, self._height, self._icon = act, height, icon
        if icon:
            self.setAccessibleName(words)
            self.setToolTip(words)
        self.setAutoDefault(False)
        # Less wide than wanted where room is short, but never narrower than its words.
        policy = QSizePolicy.Policy
        self.setSizePolicy(policy.Preferred, policy.Fixed)
        self.setFont(font(1.0, QFont.Weight.DemiBold))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        height = dp(self._height)
        if self._icon:
            return QSize(height, height)
        words = text_width(self.text(), self.font())
        small = self._height < 44
        sides, least = dp(34 if small else 58), dp(68 if small else 124)
        return QSize(max(words + sides, least), height)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        if self._icon:
            return self.sizeHint()
        words = text_width(self.text(), self.font())
        return QSize(words + dp(24), dp(self._height))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        ground, ink, edge = tokens.window, tokens.ink, tokens.edge
        if self._act:
            act = tokens.acts[self._act]
            ground, ink, edge = act.button, act.on_button, act.button
        if not self.isEnabled():
            ground = mixed(tokens.window, tokens.ink, 0.1)
            ink = edge = readable(mixed(ground, tokens.ink, 0.5), ground, 3.0)
        elif self.isDown():
            ground = mixed(ground, ink, 0.18)
        elif self.underMouse():
            ground = mixed(ground, ink, 0.07)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        _draw_box(painter, QRectF(self.rect()), ground, edge)
        if self._icon:
            side = dp(22)
            left, top = (self.width() - side) / 2, (self.height() - side) / 2
            place = QRectF(left, top, side, side)
            draw_icon(painter, self._icon, place, ink=ink, paper=ground)
            return
        painter.setPen(ink)
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())


class HoldButton(Button):
    """A button that acts while a person holds it, by mouse or keyboard.

    Another program can press a button over the accessibility bus. That does nothing
    here.
    """

    #: Whether the button is held.
    held = Signal(bool)

    def __init__(self, words: str, icon: str, *, height: float) -> None:
        super().__init__(words, icon=icon, height=height)
        self.released.connect(lambda: self.held.emit(False))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        super().mousePressEvent(event)
        self._say()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        super().keyPressEvent(event)
        self._say()

    def _say(self) -> None:
        if self.isDown():
            self.held.emit(True)


def _draw_box(painter: QPainter, room: QRectF, ground: QColor, edge: QColor) -> None:
    line = max(dp(1.25), 1)
    painter.setPen(QPen(edge, line))
    painter.setBrush(ground)
    half = line / 2
    painter.drawRoundedRect(room.adjusted(half, half, -half, -half), dp(8), dp(8))
