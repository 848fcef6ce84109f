# SPDX-License-Identifier: MIT
"""Labels of all kinds. None of them interprets markup."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QPainter,
    QPaintEvent,
    QPalette,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import QLabel, QSizePolicy

from native_host.gui.icons import draw_box, draw_icon, painter_of
from native_host.gui.sizes import dp, font, text_width
from native_host.gui.tokens import Look, tokens_for

#: Tries of a PIN that is not wrong.
_TRIES = 5
#: At the left, in the middle of the height.
LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft


def wrapping_policy() -> QSizePolicy:
    """Return the size policy of wrapping text: full width, minimal height."""
    policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
    policy.setHeightForWidth(True)
    return policy


def make_muted(made: QLabel) -> None:
    """Give a label the colour of less important text, in every scheme."""
    made.setForegroundRole(QPalette.ColorRole.PlaceholderText)


def label(text: str, scale: float = 1.0, *, bold: bool = False) -> QLabel:
    """Return a label that wraps between words."""
    made = QLabel(text)
    _dress(made, scale, bold=bold)
    return made


def muted(text: str, scale: float = 14 / 15) -> QLabel:
    """Return a label with less important text."""
    made = label(text, scale)
    make_muted(made)
    return made


class Heading(QLabel):
    """A heading, which a screen reader finds as such."""

    def __init__(self, text: str, scale: float = 4 / 3) -> None:
        super().__init__()
        _dress(self, scale, bold=True)
        self.setText(text)

    def setText(self, text: str) -> None:  # noqa: N802 - Qt's name
        super().setText(text)
        self.setAccessibleName(text)


class WrappingLabel(QLabel):
    """A label that wraps within a word too, so that any text is shown whole."""

    def __init__(self, words: str, scale: float = 1.0, *, bold: bool = False) -> None:
        super().__init__(words)
        _dress(self, scale, bold=bold)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(dp(200), self.heightForWidth(dp(200)))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(dp(60), self.fontMetrics().height())

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        return round(self.lay_out(width).boundingRect().height()) + 2

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        self.lay_out(self.width()).draw(painter, QPointF(0, 0))

    def lay_out(self, width: int) -> QTextLayout:
        return wrapped(self.text(), self.font(), width)


class WrappingHeading(WrappingLabel):
    """A heading of any text, which a screen reader finds as such."""

    def __init__(self, words: str, scale: float = 4 / 3) -> None:
        super().__init__(words, scale, bold=True)
        self.setAccessibleName(words)


def wrapped(words: str, of: QFont, width: int) -> QTextLayout:
    """Return the layout of a text that wraps within a word too, at a width in pixels.

    A newline begins a new line.
    """
    layout = QTextLayout(words.replace("\n", "\N{LINE SEPARATOR}"), of)
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    option.setTextDirection(Qt.LayoutDirection.LeftToRight)
    layout.setTextOption(option)
    layout.beginLayout()
    top = 0.0
    while (line := layout.createLine()).isValid():
        line.setLineWidth(max(width, 1))
        line.setPosition(QPointF(0, top))
        top += line.height()
    layout.endLayout()
    return layout


def _plain(made: QLabel, scale: float, *, bold: bool) -> None:
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setFont(font(scale, QFont.Weight.DemiBold if bold else QFont.Weight.Normal))


def _dress(made: QLabel, scale: float, *, bold: bool) -> None:
    _plain(made, scale, bold=bold)
    made.setWordWrap(True)
    made.setSizePolicy(wrapping_policy())


class MockCardMark(QLabel):
    """The strip that tells a mock card from a real one, on each of its pages."""

    def __init__(self, mark: str, explained: str, *, low: bool) -> None:
        super().__init__(f"{mark}   {explained}")
        _plain(self, 14 / 15, bold=True)
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setAutoFillBackground(True)
        self.setMargin(dp(2 if low else 6))
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Window, QColor("#ffd400"))
        palette.setColor(QPalette.ColorRole.WindowText, QColor("#1a1a1a"))
        self.setPalette(palette)


class TriesLabel(QLabel):
    """The tries that are left, as pips over the words. A hollow pip is a used try."""

    def __init__(self, tries: int, words: str) -> None:
        super().__init__(words)
        self._tries = tries
        _plain(self, 14 / 15, bold=tries <= 1)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        words = text_width(self.text(), self.font())
        return QSize(max(words, dp(_TRIES * 16)), dp(18) + self.fontMetrics().height())

    minimumSizeHint = sizeHint  # noqa: N815 - Qt's name

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        colour = tokens.good if self._tries > 2 else tokens.warning
        spent = tokens.error if self._tries == 0 else tokens.warning
        painter = painter_of(self)
        top = (self.height() - self.sizeHint().height()) / 2
        for index in range(max(_TRIES, self._tries)):
            pip = QRectF(index * dp(16), top, dp(10), dp(10))
            ground = colour if index < self._tries else None
            edge = ground or tokens.edge
            draw_box(painter, pip, dp(5), ground=ground, edge=edge, line=1.5)
        painter.setPen(spent if self._tries <= 1 else tokens.muted)
        words = QRectF(0, top + dp(18), self.width(), self.fontMetrics().height())
        painter.drawText(words, Qt.AlignmentFlag.AlignLeft, self.text())


class StateLabel(QLabel):
    def __init__(self, words: str, look: Look, icon: str) -> None:
        super().__init__(words)
        self._look, self._icon = look, icon
        _plain(self, 14 / 15, bold=True)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(text_width(self.text(), self.font()) + dp(44), dp(28))

    minimumSizeHint = sizeHint  # noqa: N815 - Qt's name

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        ink, ground = tokens.of(self._look)
        painter, side, room = painter_of(self), dp(16), QRectF(self.rect())
        edge = ink if tokens.plain else None
        draw_box(painter, room, room.height() / 2, ground=ground, edge=edge)
        sign = QRectF(dp(11), (room.height() - side) / 2, side, side)
        draw_icon(painter, self._icon, sign, ink=ink, paper=ground)
        painter.setPen(ink)
        painter.drawText(room.adjusted(dp(32), 0, 0, 0), LEFT, self.text())
