# SPDX-License-Identifier: MIT
"""What only the PIN window paints: the card's holder, a step, the letter, a rule."""

from collections.abc import Mapping
from enum import Enum

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from native_host.gui.drawings import draw_card
from native_host.gui.icons import draw_icon, painter_of, square
from native_host.gui.labels import WrappingLabel, make_muted, wrapping_policy
from native_host.gui.panels import Panel
from native_host.gui.sizes import dp, is_low, text_width
from native_host.gui.tokens import mixed, readable, tokens_for
from native_host.pin_prompt.model import Step
from native_host.pin_prompt.texts import Texts

#: The drawing of each step that has a picture.
_STEPS: Mapping[Step, str] = {
    Step.WAITING_FOR_READER: "waiting-for-reader",
    Step.WAITING_FOR_CARD: "waiting-for-card",
    Step.READING: "card-in-reader",
    Step.CONTACTLESS: "card-on-reader",
    Step.PREPARING: "card-in-reader",
    Step.SIGNING: "card-in-reader",
    Step.READY: "card-in-reader",
    Step.PIN_PAD: "pin-pad",
    Step.DONE: "done",
}
#: The drawings in place of which a card lies on a contactless reader.
_WITH_CARD = (_STEPS[Step.WAITING_FOR_CARD], _STEPS[Step.READING])
#: The lines of writing on the letter: start, height and length.
_WRITING = (
    *((10, 14, 32), (10, 20, 24)),
    *((10, 33, 72), (10, 38, 80), (10, 43, 50)),
    *((10, 92, 80), (10, 97, 66), (10, 102, 74), (10, 107, 30)),
)


def em(widget: QWidget, count: float = 1.0) -> int:
    """Return a length in pixels, ``count`` times the height of a line of text."""
    return round(widget.fontMetrics().height() * count)


def scaled(widget: QWidget, scale: float, *, bold: bool = False) -> QFont:
    """Return the widget's font, scaled."""
    made = QFont(widget.font())
    made.setPointSizeF(made.pointSizeF() * scale)
    made.setBold(bold)
    return made


def height_at(widget: QWidget, width: int) -> int:
    """Return the preferred height in pixels of a widget at a width."""
    if widget.hasHeightForWidth():
        return max(widget.heightForWidth(width), widget.minimumHeight())
    return max(widget.sizeHint().height(), widget.minimumHeight())


def draw_round_icon(
    painter: QPainter,
    icon: str,
    circle: QRectF,
    side: float,
    *,
    ink: QColor,
    ground: QColor,
) -> None:
    """Paint an icon in the middle of a filled circle."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ground)
    painter.drawEllipse(circle)
    draw_icon(painter, icon, square(circle, side), ink=ink, paper=ground)


class HolderPanel(Panel):
    """The holder of the card beside a drawing of a card, which shows nobody."""

    def __init__(self, name: str, number: str, *, low: bool) -> None:
        super().__init__()
        self._low = low
        self._card = QSize(dp(45), dp(28)) if low else QSize(dp(60), dp(38))
        left = dp(24) + self._card.width() if low else dp(92)
        gap = dp(4 if low else 12)
        self.rows.setContentsMargins(left - (dp(12) if low else 0), gap, dp(16), gap)
        self.setMinimumHeight(self._card.height() + 2 * gap)
        self.rows.addStretch()
        if name:
            self.rows.addWidget(WrappingLabel(name, 16 / 15, bold=True))
        if number:
            what = WrappingLabel(number, 14 / 15)
            make_muted(what)
            self.rows.addWidget(what)
        self.rows.addStretch()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        if not self._low:
            super().paintEvent(event)
        top = (self.height() - self._card.height()) / 2
        left = 0 if self._low else dp(16)
        place = QRectF(left, top, self._card.width(), self._card.height())
        draw_card(painter_of(self), place)


class StepPicture(QWidget):
    """What to do with the card, for people who look before they read.

    A screen reader skips it: the text says the same. Raises ``KeyError`` for a step
    that has no picture.
    """

    def __init__(self, step: Step, colour: QColor, *, contactless: bool) -> None:
        super().__init__()
        self._icon, self._colour = _STEPS[step], colour
        if contactless and self._icon in _WITH_CARD:
            self._icon = _STEPS[Step.CONTACTLESS]
        self.setFixedSize(em(self, 6), em(self, 5))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        palette = self.palette()
        window, ink = palette.window().color(), palette.windowText().color()
        accent = readable(self._colour, window, 3.0)
        # The tick is on the accent's ground, everything else on the window's.
        done = self._icon == _STEPS[Step.DONE]
        paper = readable(QColor("white"), accent) if done else window
        area = QRectF(self.rect())
        draw_icon(
            painter_of(self), self._icon, area, ink=ink, paper=paper, accent=accent
        )


class LetterDrawing(QLabel):
    """A schematic letter that shows where the activation code is.

    The layout of the authority's letter is not published, so nothing is copied. It is
    painted and no SVG file, since it shows as many dots as the code has digits.
    """

    def __init__(self, digits: int, colour: QColor, text: Texts) -> None:
        super().__init__()
        self._digits, self._colour = digits, colour
        self._name = text("letter.code")
        self.setAccessibleName(text("letter.drawing"))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        width = dp(128 if is_low(self) else 156)
        return QSize(width, round(width * 1.2))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = painter_of(self)
        painter.save()
        unit = self.width() / 100
        painter.scale(unit, unit)
        paper, ink = QColor("#fdfdf8"), QColor("#5a5f66")
        outside = self.palette().window().color()
        painter.setPen(QPen(readable(ink, outside, 3.0), 1.2))
        painter.setBrush(paper)
        painter.drawRect(QRectF(1, 1, 98, 118))
        painter.setPen(QPen(mixed(paper, ink, 0.45), 1.3))
        for start, top, long in _WRITING:
            painter.drawLine(QPointF(start, top), QPointF(start + long, top))
        colour = readable(self._colour, paper, 4.5)
        painter.setPen(QPen(colour, 1.6))
        painter.setBrush(mixed(paper, colour, 0.1))
        box = QRectF(6, 54, 88, 26)
        painter.drawRoundedRect(box, 3, 3)
        side, gap = 5.0, 8.5
        left = box.center().x() - gap * (self._digits - 1) / 2 - side / 2
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        for digit in range(self._digits):
            painter.drawEllipse(QRectF(left + gap * digit, 70, side, side))
        painter.restore()
        painter.setPen(colour)
        words = text_width(self._name, scaled(self, 1, bold=True))
        size = min(0.85, 0.82 * self.width() / words)
        painter.setFont(scaled(self, size, bold=True))
        where = QRectF(0, 57 * unit, self.width(), 10 * unit)
        painter.drawText(where, Qt.AlignmentFlag.AlignCenter, self._name)


class RuleState(Enum):
    """Whether a rule is kept. The value is the key of its text."""

    OPEN = "open"  # too few digits to say
    KEPT = "kept"
    BROKEN = "broken"


class RuleLabel(QLabel):
    """A rule for a new PIN, with a sign that shows whether it is kept.

    The sign's meaning is in the accessible name.
    """

    def __init__(self, words: str, text: Texts) -> None:
        super().__init__(words)
        self._text = text
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setFont(scaled(self, 14 / 15))
        self.setSizePolicy(wrapping_policy())
        self.setContentsMargins(em(self, 1.5), 0, 0, 0)
        self.set_state(RuleState.OPEN)

    def set_state(self, state: RuleState) -> None:
        """Show whether the rule is kept."""
        self.state = state
        words = self._text(f"codes.rule.{state.value}")
        self.setAccessibleName(f"{self.text()}: {words}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        painter, tokens = painter_of(self), tokens_for(self.palette())
        side = em(self, 0.85)
        box = QRectF(em(self, 0.2), (em(self, 1.05) - side) / 2 + 1, side, side)
        if self.state is RuleState.OPEN:
            painter.setPen(QPen(tokens.edge, 1.2))
            painter.drawEllipse(box.adjusted(1, 1, -1, -1))
            return
        kept = self.state is RuleState.KEPT
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens.good if kept else tokens.warning)
        painter.drawEllipse(box)
        if kept:
            painter.setPen(QPen(tokens.window, side / 8))
            tick = ((0.27, 0.53), (0.44, 0.7), (0.74, 0.33))
            corner = box.topLeft()
            painter.drawPolyline([corner + QPointF(x, y) * side for x, y in tick])
        else:
            painter.setPen(tokens.window)
            painter.setFont(scaled(self, 0.8, bold=True))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, "!")
