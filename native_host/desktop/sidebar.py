# SPDX-License-Identifier: MIT
"""The list of the pages at the left of the window."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QListWidget,
    QListWidgetItem,
    QSizePolicy,
    QSpacerItem,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from native_host.gui.icons import draw_box, draw_icon, inset, painter_of, square
from native_host.gui.labels import LEFT, muted
from native_host.gui.panels import PlainScrollBar
from native_host.gui.sizes import dp, font, text_width
from native_host.gui.tokens import tokens_for

#: The width with much room, and with icons only, in pixels where body text has 15.
WIDE, NARROW = 228, 68
#: The least width of a page beside the widest sidebar, and beside one with words.
_PAGE, _LEAST_PAGE = 520, 332
#: The height of a row, its least one, and that of the program's name, likewise.
_ROW, _LEAST_ROW, _NAME = 48, 28, 70
#: The width of a number beside a word, likewise.
_BADGE_WIDTH = 26
_ICON, _BADGE = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1


class Sidebar(QWidget):
    """The program's name, the list of its pages, and whose program it is.

    With little room its words stand close to its icons, and with less the icons go. In
    a very small window only the icons are left, whose words stay as tool tips and for
    screen readers. In a low one the program's name goes, which is in the title too.
    """

    def __init__(self, name: str, note: str) -> None:
        super().__init__()
        self._rows = rows = QVBoxLayout(self)
        rows.setSpacing(0)
        self._head = QSpacerItem(0, dp(_NAME))
        rows.addItem(self._head)
        self.list = PageList(name)
        rows.addWidget(self.list, 1)
        self.note = muted(note)
        rows.addWidget(self.note)
        self.fit(dp(WIDE + _PAGE))

    def fit(self, width: int) -> None:
        """Take as much of a window's width as leaves enough to the page."""
        shape = _shape(width, self.list.width_of_words())
        self.list.shape = shape
        self.list.doItemsLayout()
        self.setFixedWidth(shape.width)
        self.note.setVisible(shape.has_words)
        left = dp(20) if shape.is_wide else shape.outer + dp(8)
        self.note.setContentsMargins(left, 0, dp(8), 0)
        # Large text leaves just enough room for the icons.
        self._rows.setContentsMargins(0, 0, 0, dp(14) if shape.is_wide else dp(6))
        self._place_name()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        self._place_name()
        super().resizeEvent(event)

    def _place_name(self) -> None:
        rows = (
            dp(_LEAST_ROW) * self.list.count() + self._rows.contentsMargins().bottom()
        )
        if self.list.shape.has_words:
            rows += self.note.heightForWidth(self.width())
        self._is_low = self.height() < dp(_NAME) + rows
        self._head.changeSize(0, dp(8 if self._is_low else _NAME))
        self._rows.invalidate()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        act = tokens.acts["identify"]
        painter, line = painter_of(self), max(dp(1), 1)
        painter.fillRect(self.rect(), tokens.foot)
        painter.fillRect(self.width() - line, 0, line, self.height(), tokens.divider)
        if self._is_low:
            return
        shape = self.list.shape
        left = dp(17) if shape.is_wide or not shape.has_words else shape.outer + dp(4)
        tile = QRectF(left, dp(19), dp(34), dp(34))
        edge = tokens.ink if tokens.plain else None
        draw_box(painter, tile, dp(8), ground=act.band, edge=edge)
        place = inset(tile, dp(7))
        draw_icon(painter, "mark", place, ink=act.on_band, paper=act.band)
        if shape.has_words:
            painter.setPen(tokens.ink)
            painter.setFont(font(19 / 15, font().Weight.DemiBold))
            words = tile.translated(dp(47 if shape.is_wide else 42), 0)
            words.setRight(self.width())
            painter.drawText(words, LEFT, "Kortilla")


@dataclass(frozen=True)
class _Shape:
    """How a sidebar looks, in pixels.

    ``outer`` is the room beside a row. Its words begin at ``words_at``.
    """

    width: int
    outer: int
    icon_at: int | None
    words_at: int
    has_words: bool = True

    @property
    def is_wide(self) -> bool:
        return self.width == dp(WIDE)


def _shape(width: int, words: int) -> _Shape:
    """Return the shape of a sidebar in a window, for the width of its words."""
    outer, end = dp(6), dp(8)
    if width >= dp(WIDE + _PAGE):
        return _Shape(dp(WIDE), dp(12), dp(18), dp(50))
    for icon_at, words_at in ((dp(12), dp(40)), (None, dp(14))):
        shape = _Shape(2 * outer + words_at + words + end, outer, icon_at, words_at)
        if shape.width + dp(_LEAST_PAGE) <= width:
            return shape
    return _Shape(dp(NARROW), dp(12), dp(12), 0, has_words=False)


class PageList(QListWidget):
    """The pages. The arrow keys change the page, as a click does."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setItemDelegate(_Delegate(self))
        self.setVerticalScrollBar(PlainScrollBar())
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self._dress()
        self.shape = _shape(dp(WIDE + _PAGE), 0)
        #: Called when the current row moves.
        self.moved: Callable[[], object] = lambda: None
        self.currentRowChanged.connect(lambda _: self.moved())

    def add(self, words: str, icon: str) -> None:
        item = QListWidgetItem(words)
        item.setData(_ICON, icon)
        item.setToolTip(words)
        self.addItem(item)

    def set_badge(self, row: int, count: int, words: str) -> None:
        """Show a number beside a page's word, none for 0; ``words`` say what it is."""
        item = self.item(row)
        item.setData(_BADGE, count)
        spoken = f"{item.text()}, {words}" if count else item.text()
        item.setData(Qt.ItemDataRole.AccessibleTextRole, spoken)
        item.setToolTip(spoken)

    def width_of_words(self) -> int:
        """Return the width of the longest row's words and number, in pixels."""
        bold = font(1.0, font().Weight.DemiBold)
        items = [self.item(row) for row in range(self.count())]
        widths = (
            text_width(each.text(), bold)
            + (dp(_BADGE_WIDTH) if each.data(_BADGE) else 0)
            for each in items
        )
        return max(widths, default=0)

    def focus_area(self) -> QRect:
        row = self.visualItemRect(self.currentItem())
        outer = self.shape.outer
        row.adjust(outer, dp(2), -outer, -dp(2))
        return row

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self.doItemsLayout()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        super().changeEvent(event)
        if event.type() is QEvent.Type.FontChange:
            self._dress()

    def _dress(self) -> None:
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Base, Qt.GlobalColor.transparent)
        self.setPalette(palette)


class _Delegate(QStyledItemDelegate):
    """Paints a page's row: selected by a bar, a frame and weight."""

    def sizeHint(  # noqa: N802 - Qt's name
        self,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> QSize:
        view = self.parent()
        assert isinstance(view, PageList)  # noqa: S101 - made so above
        # Large text on a low screen leaves less room, and all pages stay in sight.
        fitting = view.viewport().height() // max(view.count(), 1)
        return QSize(dp(NARROW), max(min(dp(_ROW), fitting), dp(_LEAST_ROW)))

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        view = self.parent()
        assert isinstance(view, PageList)  # noqa: S101 - made so above
        tokens, shape = tokens_for(view.window().palette()), view.shape
        accent, wide = tokens.acts["identify"].sign, shape.has_words
        chosen = index.row() == view.currentRow()
        hovered = view.itemAt(view.mapFromGlobal(view.cursor().pos()))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        room = QRectF(view.visualRect(index)).adjusted(
            shape.outer, dp(2), -shape.outer, -dp(2)
        )
        if chosen:
            edge = tokens.edge if tokens.plain else tokens.divider
            draw_box(painter, room, dp(8), ground=tokens.window, edge=edge)
            left = room.left() + dp(5 if shape.is_wide else 3)
            bar = QRectF(left, room.center().y() - dp(10), dp(4), dp(20))
            draw_box(painter, bar, dp(2), ground=accent)
        elif hovered is not None and view.row(hovered) == index.row():
            draw_box(painter, room, dp(8), edge=tokens.divider)
        if shape.icon_at is not None:
            place = square(room, dp(20))
            place.moveLeft(room.left() + shape.icon_at)
            ink = accent if chosen else tokens.muted
            draw_icon(painter, index.data(_ICON), place, ink=ink, paper=tokens.window)
        if wide:
            weight = font().Weight.DemiBold if chosen else font().Weight.Normal
            painter.setFont(font(1.0, weight))
            painter.setPen(tokens.ink)
            words = room.adjusted(shape.words_at, 0, 0, 0)
            painter.drawText(words, LEFT, str(index.data()))
        if count := index.data(_BADGE):
            radius = dp(11 if wide else 9)
            circle = square(room, 2 * radius)
            circle.moveRight(room.right() - dp(13 if shape.is_wide else 1))
            if not wide:
                circle.moveTop(room.top() + dp(1))
            edge, ground = tokens.of("warning")
            draw_box(painter, circle, radius, ground=ground, edge=edge, line=1.25)
            painter.setPen(edge)
            painter.setFont(font(13 / 15, font().Weight.DemiBold))
            painter.drawText(circle, Qt.AlignmentFlag.AlignCenter, str(count))
        painter.restore()
