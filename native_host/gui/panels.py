# SPDX-License-Identifier: MIT
"""What holds other controls: panels, notices, rows, and things beside each other."""

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QScrollBar,
    QStyle,
    QStyleOptionSlider,
    QVBoxLayout,
    QWidget,
)

from native_host.gui.icons import draw_box, draw_icon, inset, painter_of
from native_host.gui.labels import label, wrapping_policy
from native_host.gui.sizes import dp
from native_host.gui.tokens import Look, tokens_for

#: What a notice is about. Each kind has its sign and its colours.
Kind = Literal["good", "warning", "error", "note"]
SIGNS: dict[Kind, str] = {
    "good": "tick",
    "warning": "warning",
    "error": "error",
    "note": "info",
}
#: The least width of a row, in pixels where body text has 15.
_NARROWEST = 200
#: The width of the column of signs, in such pixels, and the most lines of words beside
#: which a sign is in the middle.
_SIGN, _LOW = 42, 3


class Panel(QFrame):
    """A framed part of the window with rounded corners. ``rows`` has what is in it.

    Two panels look like one where they are joined. A ``plain`` one has no frame, only
    a line below. ``tinted`` gives it a ground, and a ``kind`` the kind's colours.
    """

    def __init__(
        self,
        *,
        tinted: bool = False,
        plain: bool = False,
        dashed: bool = False,
        kind: Look | None = None,
    ) -> None:
        super().__init__()
        self._tinted, self._plain, self._dashed = tinted, plain, dashed
        self.kind = kind
        self.joined_above = self.joined_below = False
        self.setSizePolicy(wrapping_policy())
        self.rows = QVBoxLayout(self)
        side = dp(24 if plain else 16)
        gap = dp(6 if plain else 14)
        self.rows.setContentsMargins(side, gap, side, gap)
        self.rows.setSpacing(dp(2))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        ground = tokens.panel if self._tinted else tokens.window
        edge, line = tokens.divider, 1.0
        if self.kind is not None:
            edge, ground = tokens.of(self.kind)
        if self._dashed:
            edge, line = tokens.edge, 1.5
        painter = painter_of(self)
        if self._plain:
            painter.fillRect(self.rect(), ground)
        else:
            # The joined side is outside, so that its corners are square.
            above = -dp(20) if self.joined_above else 0
            below = dp(20) if self.joined_below else 0
            box = QRectF(self.rect()).adjusted(0, above, 0, below)
            draw_box(
                painter,
                box,
                dp(12),
                ground=ground,
                edge=edge,
                line=line,
                dashed=self._dashed,
            )
        if self._plain or self.joined_below:
            thin = max(dp(1), 1)
            end = QRect(0, self.height() - thin, self.width(), thin)
            painter.fillRect(end, tokens.divider)


class Notice(Panel):
    """A framed text with a sign. ``rows`` takes further controls.

    The ``title`` is bold.
    """

    kind: Kind

    def __init__(self, text: str, *, title: str = "", kind: Kind = "warning") -> None:
        super().__init__(kind=kind)
        self.rows.setContentsMargins(dp(50), dp(12), dp(16), dp(12))
        self.rows.setSpacing(dp(4))
        if title:
            self.rows.addWidget(label(title, bold=True))
        self.label = label(text)
        self.rows.addWidget(self.label)
        self.label.setVisible(bool(text) or not title)

    def make_low(self) -> None:
        """Leave no space above and below the text."""
        margins = self.rows.contentsMargins()
        margins.setTop(dp(3))
        margins.setBottom(dp(3))
        self.rows.setContentsMargins(margins)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        ink, paper = tokens_for(self.palette()).of(self.kind)
        top = self.rows.contentsMargins().top() - dp(1)
        sign = QRectF(dp(16), top, dp(21), dp(21))
        draw_icon(painter_of(self), SIGNS[self.kind], sign, ink=ink, paper=paper)


class Sign(QWidget):
    """An icon in a tinted circle. The words beside it say the same."""

    def __init__(self, icon: str, look: Look, size: float = 42) -> None:
        super().__init__()
        self._icon, self._look = icon, look
        self.setFixedSize(dp(size), dp(size))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        ink, ground = tokens_for(self.palette()).of(self._look)
        painter, room = painter_of(self), QRectF(self.rect())
        draw_box(painter, room, room.width() / 2, ground=ground)
        place = inset(room, room.width() * 0.26)
        draw_icon(painter, self._icon, place, ink=ink, paper=ground)


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
        self._parts = QHBoxLayout(self)
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
        self._right = QHBoxLayout()
        self._right.setSpacing(dp(12))
        for each in controls:
            self._right.addWidget(each)
        if controls:
            self._parts.addLayout(self._right)
        #: The width of the controls beside each other.
        self._wide = self._right.sizeHint().width()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        around = dp(32)
        words = dp(180) + dp(12 + 58)
        turn(self._parts, self._wide + words + around <= self.width())
        turn(self._right, self._wide + around <= self.width())
        super().resizeEvent(event)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(dp(_NARROWEST), super().minimumSizeHint().height())


class RowsPanel(Panel):
    """A frame with rows, a line between each two. ``kind`` colours ground and frame."""

    def __init__(self, kind: Look | None = None, rows: Sequence[Row] = ()) -> None:
        super().__init__(kind=kind)
        self._rows: Sequence[Row] = ()
        self.rows.setContentsMargins(0, dp(2), 0, dp(2))
        self.rows.setSpacing(0)
        self.show_rows(rows)

    def show_rows(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        for row in arrange(self.rows, rows):
            row.hide()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        painter, line = painter_of(self), max(dp(1), 1)
        divider = tokens_for(self.palette()).divider
        for row in self._rows[1:]:
            left, top = row.words_at, row.geometry().top()
            painter.fillRect(left, top, self.width() - left, line, divider)


class Beside(QWidget):
    """Things of equal width beside each other; without room, below each other.

    ``least`` is the least width of a thing, in pixels where body text has 15.
    """

    def __init__(self, things: Sequence[QWidget], least: float = 250) -> None:
        super().__init__()
        self._least = least
        self._parts = QHBoxLayout(self)
        self._parts.setContentsMargins(0, 0, 0, 0)
        self._parts.setSpacing(dp(14))
        for each in things:
            self._parts.addWidget(each, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        turn(self._parts, self._parts.count() * dp(self._least) <= self.width())
        super().resizeEvent(event)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(dp(110), super().minimumSizeHint().height())


class ButtonLine(QWidget):
    """Buttons beside each other at the left; without room, below each other."""

    def __init__(self, *buttons: QWidget) -> None:
        super().__init__()
        self._wide = sum(each.sizeHint().width() + dp(12) for each in buttons)
        self._least = max(each.minimumSizeHint().width() for each in buttons)
        self._parts = QHBoxLayout(self)
        self._parts.setContentsMargins(0, dp(6), 0, dp(2))
        self._parts.setSpacing(dp(12))
        for each in buttons:
            self._parts.addWidget(each)
        self._parts.addStretch(1)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        turn(self._parts, self._wide <= self.width())
        super().resizeEvent(event)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(self._least, super().minimumSizeHint().height())


class PlainScrollBar(QScrollBar):
    """A handle without a groove. The style's mouse and keyboard stay."""

    def __init__(self) -> None:
        super().__init__()
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent, False)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        bar, slider = QStyle.ComplexControl.CC_ScrollBar, QStyle.SubControl
        handle = QRectF(
            self.style().subControlRect(bar, option, slider.SC_ScrollBarSlider, self)
        )
        tokens = tokens_for(self.palette())
        ground = tokens.ink if self.isSliderDown() else tokens.edge
        side = max((handle.width() - dp(7)) / 2, 0)
        handle.adjust(side, dp(2), -side, -dp(2))
        draw_box(painter_of(self), handle, handle.width() / 2, ground=ground)


def turn(layout: QBoxLayout, in_a_row: bool) -> None:
    direction = QBoxLayout.Direction
    layout.setDirection(direction.LeftToRight if in_a_row else direction.TopToBottom)


def column(*parts: QWidget, spacing: int = 0, stretch: bool = False) -> QWidget:
    """Return parts below each other, with ``spacing`` in pixels and no margins.

    ``stretch`` keeps them together at the top of a high place.
    """
    made = QWidget()
    rows = QVBoxLayout(made)
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setSpacing(spacing)
    for each in parts:
        rows.addWidget(each)
    if stretch:
        rows.addStretch(1)
    return made


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
