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
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QSizePolicy,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from native_host.desktop.scrolling import PlainScrollBar
from native_host.gui.icons import draw_icon
from native_host.gui.labels import label, make_muted
from native_host.gui.sizes import dp, font
from native_host.gui.tokens import tokens_for

#: The width with words, and with icons alone, in pixels where body text has 15.
WIDE, NARROW = 228, 68
#: The height of a row, and its least one, likewise.
_ROW, _LEAST_ROW = 48, 34
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
        rows.addWidget(_Brand())
        self.list = PageList(name)
        rows.addWidget(self.list, 1)
        self._note: QLabel = label(note, 14 / 15)
        self._note.setContentsMargins(dp(20), 0, dp(8), 0)
        make_muted(self._note)
        rows.addWidget(self._note)
        self.set_narrow(False)

    def set_narrow(self, narrow: bool) -> None:
        """Show icons alone, or words too."""
        self._narrow = narrow
        self.setFixedWidth(dp(NARROW if narrow else WIDE))
        self._note.setVisible(not narrow)
        # Large text leaves just enough room for the icons.
        self._rows.setContentsMargins(0, 0, 0, 0 if narrow else dp(14))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        painter = QPainter(self)
        painter.fillRect(self.rect(), tokens.foot)
        line = max(dp(1), 1)
        painter.fillRect(self.width() - line, 0, line, self.height(), tokens.divider)


class _Brand(QWidget):
    """The program's mark and its name."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(dp(70))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        act = tokens.acts["identify"]
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tile = QRectF(dp(17), dp(19), dp(34), dp(34))
        painter.setPen(QPen(tokens.ink, 1) if tokens.plain else Qt.PenStyle.NoPen)
        painter.setBrush(act.band)
        painter.drawRoundedRect(tile, dp(8), dp(8))
        inset = dp(7)
        place = tile.adjusted(inset, inset, -inset, -inset)
        draw_icon(painter, "mark", place, ink=act.on_band, paper=act.band)
        painter.setPen(tokens.ink)
        painter.setFont(font(19 / 15, font().Weight.DemiBold))
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        words = QRectF(dp(64), dp(19), self.width() - dp(64), dp(34))
        if self.width() > dp(NARROW):
            painter.drawText(words, middle, "Kortilla")


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
        """Add a page at the end."""
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
        """Return where the current row is, which the focus ring surrounds."""
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
        window = view.window()
        tokens = tokens_for(window.palette())
        accent = tokens.acts["identify"].sign
        chosen = index.row() == view.currentRow()
        hovered = view.itemAt(view.mapFromGlobal(view.cursor().pos()))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = view.visualRect(index)
        room = QRectF(area).adjusted(dp(12), dp(2), -dp(12), -dp(2))
        if chosen:
            painter.setPen(QPen(tokens.edge if tokens.plain else tokens.divider, 1))
            painter.setBrush(tokens.window)
            painter.drawRoundedRect(room, dp(8), dp(8))
            centre = room.center().y()
            bar = QRectF(room.left() + dp(5), centre - dp(10), dp(4), dp(20))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(accent)
            painter.drawRoundedRect(bar, dp(2), dp(2))
        elif hovered is not None and view.row(hovered) == index.row():
            painter.setPen(QPen(tokens.divider, 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(room, dp(8), dp(8))
        side = dp(20)
        wide = view.width() > dp(NARROW)
        left = room.left() + dp(18) if wide else room.center().x() - side / 2 + dp(3)
        place = QRectF(left, room.center().y() - side / 2, side, side)
        ink = accent if chosen else tokens.muted
        draw_icon(painter, index.data(_ICON), place, ink=ink, paper=tokens.window)
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        if wide:
            weight = font().Weight.DemiBold if chosen else font().Weight.Normal
            painter.setFont(font(1.0, weight))
            painter.setPen(tokens.ink)
            words = room.adjusted(dp(50), 0, -dp(8), 0)
            painter.drawText(words, middle, str(index.data()))
        if count := index.data(_BADGE):
            radius = dp(11 if wide else 9)
            right = room.right() - 2 * radius - dp(13 if wide else 1)
            top = room.center().y() - radius if wide else room.top() + dp(1)
            circle = QRectF(right, top, 2 * radius, 2 * radius)
            painter.setPen(QPen(tokens.warning, dp(1.25)))
            painter.setBrush(tokens.warning_ground)
            painter.drawEllipse(circle)
            painter.setPen(tokens.warning)
            painter.setFont(font(13 / 15, font().Weight.DemiBold))
            painter.drawText(circle, Qt.AlignmentFlag.AlignCenter, str(count))
        painter.restore()
