# SPDX-License-Identifier: MIT
"""The parts that the pages are made of: rows, round signs, a state in a few words."""

from collections.abc import Callable, Hashable, Sequence
from typing import Literal, TypeVar

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from native_host.gui.icons import draw_icon
from native_host.gui.labels import label, make_muted
from native_host.gui.panels import Panel
from native_host.gui.sizes import dp, font, text_width
from native_host.gui.theme import mixed
from native_host.gui.tokens import Act, Tokens, tokens_for

#: The least width of a row, in pixels where body text has 15.
_NARROWEST = 200
#: The width of the column of signs, in such pixels, and the most lines of words beside
#: which a sign is in the middle.
_SIGN, _LOW = 42, 3
#: In what colour a sign stands: of an act, or of a state.
Kind = Act | Literal["good", "warning", "error", "note"]


def muted(text: str, scale: float = 14 / 15) -> QLabel:
    """Return a label with less important text."""
    made = label(text, scale)
    make_muted(made)
    return made


_Made = TypeVar("_Made")


class Kept:
    """The widgets of a page, by what they show. They live as long as the window.

    A screen reader may ask for a widget at any time, and gets no answer if the widget
    was destroyed. So a page hides what it shows no longer, and shows it again.
    """

    def __init__(self) -> None:
        self._made: dict[Hashable, object] = {}

    def __call__(self, key: Hashable, make: Callable[[], _Made]) -> _Made:
        """Return the widget or widgets of a key. ``make`` makes them the first time."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]  # type: ignore[return-value] # one kind for each key


def arrange(layout: QBoxLayout, parts: Sequence[QWidget]) -> list[QWidget]:
    """Show these widgets in a layout, in order.

    Returns those that it had before, which are to be hidden.
    """
    items = (layout.itemAt(index) for index in range(layout.count()))
    before = [item.widget() for item in items if item is not None]
    gone = [each for each in before if each is not None and each not in parts]
    for widget in gone:
        layout.removeWidget(widget)
    for index, part in enumerate(parts):
        if layout.indexOf(part) != index:
            layout.removeWidget(part)
            layout.insertWidget(index, part)
        part.raise_()  # screen readers read in this order
        part.show()
    return gone


class Sign(QWidget):
    """An icon in a tinted circle. The words beside it say the same."""

    def __init__(self, icon: str, kind: Kind, size: float = 42) -> None:
        super().__init__()
        self._icon, self._kind = icon, kind
        self.setFixedSize(dp(size), dp(size))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        ink, ground = _colours(tokens, self._kind)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        room = QRectF(self.rect())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawEllipse(room)
        inset = room.width() * 0.26
        place = room.adjusted(inset, inset, -inset, -inset)
        draw_icon(painter, self._icon, place, ink=ink, paper=ground)


class StateLabel(QLabel):
    """A state in a few words, on a ground of its colour."""

    def __init__(self, words: str, kind: Kind, icon: str) -> None:
        super().__init__(words)
        self._kind, self._icon = kind, icon
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(font(14 / 15, font().Weight.DemiBold))
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(text_width(self.text(), self.font()) + dp(44), dp(28))

    minimumSizeHint = sizeHint  # noqa: N815 - Qt's name

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        ink, ground = _colours(tokens, self._kind)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        room = QRectF(self.rect())
        painter.setPen(QPen(ink, 1) if tokens.plain else Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(room, room.height() / 2, room.height() / 2)
        side = dp(16)
        sign = QRectF(dp(11), (room.height() - side) / 2, side, side)
        draw_icon(painter, self._icon, sign, ink=ink, paper=ground)
        painter.setPen(ink)
        words = room.adjusted(dp(32), 0, 0, 0)
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(words, middle, self.text())


class CardDrawing(QWidget):
    """A neutral drawing of a card, which shows nobody and no emblem."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(dp(210), dp(133))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        face = tokens.window if tokens.plain else mixed(tokens.panel, tokens.edge, 0.15)
        ink = tokens.ink if tokens.plain else mixed(tokens.edge, tokens.window, 0.1)
        place = QRectF(self.rect())
        draw_icon(painter, "holders-card", place, ink=ink, paper=face)


class Row(QWidget):
    """A sign, a title with a line below, and controls at the right.

    Where room is short, the controls stand below the words.
    """

    def __init__(
        self,
        sign: QWidget | None,
        words: Sequence[QWidget],
        controls: Sequence[QWidget],
    ) -> None:
        super().__init__()
        self._parts = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._parts.setContentsMargins(dp(16), dp(10), dp(16), dp(10))
        self._parts.setSpacing(dp(12))
        left = QHBoxLayout()
        left.setSpacing(dp(16))
        #: Where the words begin, in pixels.
        self.words_at = dp(16)
        if sign is not None:
            column = max(sign.width(), dp(_SIGN))
            space = (column - sign.width()) // 2
            left.addSpacing(space)
            top, middle = Qt.AlignmentFlag.AlignTop, Qt.AlignmentFlag.AlignVCenter
            left.addWidget(sign, 0, top if len(words) > _LOW else middle)
            left.addSpacing(column - sign.width() - space)
            self.words_at += column + dp(16)
        lines = QVBoxLayout()
        lines.setSpacing(dp(2))
        for each in words:
            lines.addWidget(each)
        left.addLayout(lines, 1)
        self._parts.addLayout(left, 1)
        self._least = dp(180)
        self._right: QBoxLayout | None = None
        if controls:
            self._right = QBoxLayout(QBoxLayout.Direction.LeftToRight)
            self._right.setSpacing(dp(12))
            for each in controls:
                self._right.addWidget(each)
            self._parts.addLayout(self._right)
            #: The width of the controls beside each other.
            self._wide = self._right.sizeHint().width()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        if self._right is not None:
            row, column = (
                QBoxLayout.Direction.LeftToRight,
                QBoxLayout.Direction.TopToBottom,
            )
            beside = self._wide + self._least + dp(32 + 12 + 58) <= self.width()
            self._parts.setDirection(row if beside else column)
            fits = self._wide + dp(32) <= self.width()
            self._right.setDirection(row if fits else column)
        super().resizeEvent(event)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(dp(_NARROWEST), super().minimumSizeHint().height())


class RowsPanel(Panel):
    """A frame with rows, a line between each two. ``kind`` colours ground and frame."""

    def __init__(self, kind: Kind | None = None) -> None:
        super().__init__()
        self._kind = kind
        self._rows: list[Row] = []
        self.rows.setContentsMargins(0, dp(2), 0, dp(2))
        self.rows.setSpacing(0)

    def add(self, row: Row) -> None:
        """Add a row below the others."""
        self.show_rows([*self._rows, row])

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows, and none of those before."""
        self._rows = [*rows]
        for row in arrange(self.rows, rows):
            row.hide()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        tokens = tokens_for(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = max(dp(1), 1)
        if self._kind is not None:
            ink, ground = _colours(tokens, self._kind)
            painter.setPen(QPen(ink, line))
            painter.setBrush(ground)
            box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
            painter.drawRoundedRect(box, dp(12), dp(12))
        for row in self._rows[1:]:
            left = row.words_at
            top = row.geometry().top()
            painter.fillRect(left, top, self.width() - left, line, tokens.divider)


def _colours(tokens: Tokens, kind: Kind) -> tuple[QColor, QColor]:
    """Return the ink and the ground of a kind."""
    match kind:
        case "good":
            return tokens.good, tokens.good_ground
        case "warning":
            return tokens.warning, tokens.warning_ground
        case "error":
            return tokens.error, tokens.error_ground
        case "note":
            return tokens.muted, tokens.panel
        case _:
            return tokens.acts[kind].sign, tokens.acts[kind].tint
