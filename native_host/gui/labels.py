# SPDX-License-Identifier: MIT
"""Labels and headings. None of them interprets markup."""

from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import (
    QFont,
    QPainter,
    QPaintEvent,
    QPalette,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import QLabel, QSizePolicy

from native_host.gui.sizes import dp, font


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
    _dress(made, scale, QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    return made


class Heading(QLabel):
    """A heading, which a screen reader finds as such."""

    def __init__(self, text: str, scale: float = 4 / 3) -> None:
        super().__init__()
        _dress(self, scale, QFont.Weight.DemiBold)
        self.setText(text)

    def setText(self, text: str) -> None:  # noqa: N802 - Qt's name
        super().setText(text)
        self.setAccessibleName(text)


class WrappingLabel(QLabel):
    """A label that wraps within a word too, so that any text is shown whole."""

    def __init__(
        self,
        words: str,
        scale: float = 1.0,
        *,
        bold: bool = False,
    ) -> None:
        super().__init__(words)
        _dress(self, scale, QFont.Weight.DemiBold if bold else QFont.Weight.Normal)

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
        """Return the text layout for a width in pixels."""
        return wrapped(self.text(), self.font(), width)


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


def _dress(made: QLabel, scale: float, weight: QFont.Weight) -> None:
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(True)
    made.setFont(font(scale, weight))
    made.setSizePolicy(wrapping_policy())
