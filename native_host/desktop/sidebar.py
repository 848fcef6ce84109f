# SPDX-License-Identifier: MIT
"""The list of the pages at the left of the window."""

from collections.abc import Callable

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
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from native_host.gui.icons import draw_box, draw_icon, inset, painter_of, square
from native_host.gui.labels import LEFT, muted
from native_host.gui.panels import PlainScrollBar
from native_host.gui.sizes import dp, font
from native_host.gui.tokens import tokens_for

#: The width with words, and with icons alone, in pixels where body text has 15.
WIDE, NARROW = 228, 68
#: The height of a row, its least one, and that of the program's name, likewise.
_ROW, _LEAST_ROW, _NAME = 48, 28, 70
_ICON, _BADGE = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1


class Sidebar(QWidget):
    """The program's name, the list of its pages, and whose program it is.

    Without room it shows the icons alone, whose words stay as tool tips and for screen
    readers.
    """

    def __init__(self, name: str, note: str) -> None:
        super().__init__()
        self._narrow = False
        self._rows = rows = QVBoxLayout(self)
        rows.setSpacing(0)
        rows.addSpacing(dp(_NAME))
        self.list = PageList(name)
        rows.addWidget(self.list, 1)
        self._note = muted(note)
        self._note.setContentsMargins(dp(20), 0, dp(8), 0)
        rows.addWidget(self._note)
        self.set_narrow(False)

    def set_narrow(self, narrow: bool) -> None:
        self._narrow = narrow
        self.setFixedWidth(dp(NARROW if narrow else WIDE))
        self._note.setVisible(not narrow)
        # Large text leaves just enough room for the icons.
        self._rows.setContentsMargins(0, 0, 0, 0 if narrow else dp(14))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        act = tokens.acts["identify"]
        painter, line = painter_of(self), max(dp(1), 1)
        painter.fillRect(self.rect(), tokens.foot)
        painter.fillRect(self.width() - line, 0, line, self.height(), tokens.divider)
        tile = QRectF(dp(17), dp(19), dp(34), dp(34))
        edge = tokens.ink if tokens.plain else None
        draw_box(painter, tile, dp(8), ground=act.band, edge=edge)
        place = inset(tile, dp(7))
        draw_icon(painter, "mark", place, ink=act.on_band, paper=act.band)
        if not self._narrow:
            painter.setPen(tokens.ink)
            painter.setFont(font(19 / 15, font().Weight.DemiBold))
            words = tile.translated(dp(47), 0)
            words.setRight(self.width())
            painter.drawText(words, LEFT, "Kortilla")


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

    def focus_area(self) -> QRect:
        row = self.visualItemRect(self.currentItem())
        row.adjust(dp(12), dp(2), -dp(12), -dp(2))
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
        tokens = tokens_for(view.window().palette())
        accent, wide = tokens.acts["identify"].sign, view.width() > dp(NARROW)
        chosen = index.row() == view.currentRow()
        hovered = view.itemAt(view.mapFromGlobal(view.cursor().pos()))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        room = QRectF(view.visualRect(index)).adjusted(dp(12), dp(2), -dp(12), -dp(2))
        if chosen:
            edge = tokens.edge if tokens.plain else tokens.divider
            draw_box(painter, room, dp(8), ground=tokens.window, edge=edge)
            bar = QRectF(room.left() + dp(5), room.center().y() - dp(10), dp(4), dp(20))
            draw_box(painter, bar, dp(2), ground=accent)
        elif hovered is not None and view.row(hovered) == index.row():
            draw_box(painter, room, dp(8), edge=tokens.divider)
        place = square(room, dp(20))
        place.moveLeft(room.left() + dp(18) if wide else place.left() + dp(3))
        ink = accent if chosen else tokens.muted
        draw_icon(painter, index.data(_ICON), place, ink=ink, paper=tokens.window)
        if wide:
            weight = font().Weight.DemiBold if chosen else font().Weight.Normal
            painter.setFont(font(1.0, weight))
            painter.setPen(tokens.ink)
            words = room.adjusted(dp(50), 0, -dp(8), 0)
            painter.drawText(words, LEFT, str(index.data()))
        if count := index.data(_BADGE):
            radius = dp(11 if wide else 9)
            circle = square(room, 2 * radius)
            circle.moveRight(room.right() - dp(13 if wide else 1))
            if not wide:
                circle.moveTop(room.top() + dp(1))
            edge, ground = tokens.of("warning")
            draw_box(painter, circle, radius, ground=ground, edge=edge, line=1.25)
            painter.setPen(edge)
            painter.setFont(font(13 / 15, font().Weight.DemiBold))
            painter.drawText(circle, Qt.AlignmentFlag.AlignCenter, str(count))
        painter.restore()
