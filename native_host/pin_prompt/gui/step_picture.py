# SPDX-License-Identifier: MIT
"""A picture of what to do with the card, for people who look before they read."""

from collections.abc import Mapping

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from native_host.gui.icons import draw_icon
from native_host.gui.tokens import readable
from native_host.pin_prompt.gui.widgets import em
from native_host.pin_prompt.model import Step

_ICONS: Mapping[Step, str] = {
    Step.WAITING_FOR_READER: "waiting-for-reader",
    Step.WAITING_FOR_CARD: "waiting-for-card",
    Step.READING: "card-in-reader",
    Step.SIGNING: "card-in-reader",
    Step.READY: "card-in-reader",
    Step.PIN_PAD: "pin-pad",
    Step.DONE: "done",
}


class StepPicture(QWidget):
    """The picture of a step. A screen reader skips it: the text says the same.

    Raises ``KeyError`` for a step that has no picture.
    """

    def __init__(self, step: Step, colour: QColor) -> None:
        super().__init__()
        self._step, self._icon, self._colour = step, _ICONS[step], colour
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(em(self, 6), em(self, 5))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        window = self.palette().window().color()
        accent = readable(self._colour, window, 3.0)
        done = self._step is Step.DONE
        draw_icon(
            painter,
            self._icon,
            QRectF(self.rect()),
            ink=self.palette().windowText().color(),
            # The tick is on the accent's ground, everything else on the window's.
            paper=readable(QColor("white"), accent) if done else window,
            accent=accent,
        )
