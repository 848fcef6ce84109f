# SPDX-License-Identifier: MIT
"""The list of the documents to sign, each with a button to view it."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from native_host.gui.theme import mixed
from native_host.pin_prompt.documents import DocumentKind, describe, kind_of_file
from native_host.pin_prompt.escaping import escape_name
from native_host.pin_prompt.gui.widgets import (
    draw_focus,
    em,
    label,
    scaled,
    wrapping_policy,
)
from native_host.pin_prompt.model import Document
from native_host.pin_prompt.texts import Texts

__all__ = ["DocumentList"]

#: Largest preferred and smallest height of the list, in ems.
_MOST, _LEAST = 20, 5.5


class DocumentList(QScrollArea):
    """A scroll area with one card per document; it takes the focus for scrolling."""

    #: The person wants to view a document; its index.
    opened = Signal(int)

    def __init__(self, documents: Sequence[Document], text: Texts) -> None:
        super().__init__(widgetResizable=True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        inside = _Inside()
        rows = QVBoxLayout(inside)
        rows.setContentsMargins(*[em(self, 0.3)] * 4)
        rows.setSpacing(em(self, 0.5))
        self.cards = [
            _Card(document, number, text, self._show)
            for number, document in enumerate(documents, 1)
        ]
        for index, card in enumerate(self.cards):
            rows.addWidget(card)
            if card.button:
                card.button.clicked.connect(
                    lambda _checked, index=index: self.opened.emit(index)
                )
        rows.addStretch()
        self.setWidget(inside)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(em(self, 18), min(self._content_height(), em(self, _MOST)))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(em(self, 12), min(self._content_height(), em(self, _LEAST)))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self.updateGeometry()  # the height follows from the width

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.hasFocus():
            draw_focus(painter, self.viewport())
        else:
            painter.setPen(QPen(_faint(self), 1))
            painter.drawRect(self.viewport().rect().adjusted(0, 0, -1, -1))

    def reveal(self, index: int) -> None:
        """Scroll to a document."""
        self._show(self.cards[index])

    def _show(self, part: QWidget) -> None:
        self.ensureWidgetVisible(part, 0, em(self, 0.5))

    def _content_height(self) -> int:
        inside = self.widget()
        layout = inside.layout() if inside else None
        if layout is None:
            return 0
        width = max(self.viewport().width(), em(self, 20))
        return layout.totalHeightForWidth(width) + 2


class _Inside(QWidget):
    """The content of the scroll area."""

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        # Qt's default hint is the height at the smallest width.
        return QSize(em(self, 12), 0)


class _Card(QFrame):
    """One document: its name, kind, hash, and a button to view it."""

    def __init__(
        self,
        document: Document,
        number: int,
        text: Texts,
        focused: Callable[[QWidget], None],
    ) -> None:
        super().__init__()
        self.setSizePolicy(wrapping_policy())
        name, *about, digest = describe(document, text)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[em(self, 0.5)] * 4)
        column.setSpacing(em(self, 0.2))
        row = QHBoxLayout()
        row.setSpacing(em(self, 0.6))
        column.addLayout(row)
        which = label(f"{number}.", bold=True)
        which.setWordWrap(False)
        which.setSizePolicy(QLabel().sizePolicy())
        row.addWidget(which, 0, Qt.AlignmentFlag.AlignTop)
        rows = QVBoxLayout()
        rows.setSpacing(em(self, 0.1))
        row.addLayout(rows, 1)
        rows.addWidget(_Wrapping(name, bold=True))
        for line in about:
            rows.addWidget(_Wrapping(line))
        self.button: QPushButton | None = None
        if document.path is not None and kind_of_file(document) is DocumentKind.OTHER:
            rows.addWidget(label(text("document.not_shown")))
        elif document.path is not None:
            self.button = _Open(text("document.open"), focused)
            named = text("document.open_this", name=escape_name(document.name))
            self.button.setAccessibleName(named)
            row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        # After the button: the Tab order is the order of creation.
        self.digest = _Digest(digest, focused)
        column.addWidget(self.digest)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(_faint(self), 1))
        painter.setBrush(self.palette().base())
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(box, 4, 4)


class _Open(QPushButton):
    """The button that shows a document. The list scrolls to it on focus."""

    def __init__(self, words: str, focused: Callable[[QWidget], None]) -> None:
        super().__init__(words)
        self._focused = focused
        self.setAutoDefault(False)
        self.setMinimumSize(em(self, 4), em(self, 1.9))

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        super().focusInEvent(event)
        self._focused(self)


class _Digest(QLabel):
    """A hash in groups, which the person can select and copy."""

    def __init__(self, words: str, focused: Callable[[QWidget], None]) -> None:
        super().__init__(words)
        self._focused = focused
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setFont(scaled(self, 0.9))
        self.setSizePolicy(wrapping_policy())
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        super().focusInEvent(event)
        self._focused(self)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        if self.hasFocus():
            draw_focus(QPainter(self), self)


class _Wrapping(QLabel):
    """A label that wraps within a word too, so that any text is shown whole."""

    def __init__(self, words: str, *, bold: bool = False) -> None:
        super().__init__(words)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(scaled(self, 1.0, bold=bold))
        self.setSizePolicy(wrapping_policy())

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(em(self, 12), self.heightForWidth(em(self, 12)))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(em(self, 4), em(self))

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        return round(self.lay_out(width).boundingRect().height()) + 2

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setPen(self.palette().windowText().color())
        self.lay_out(self.width()).draw(painter, QPointF(0, 0))

    def lay_out(self, width: int) -> QTextLayout:
        """Return the text layout for a width in pixels."""
        layout = QTextLayout(self.text(), self.font())
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


def _faint(widget: QWidget) -> QColor:
    palette = widget.palette()
    return mixed(palette.window().color(), palette.windowText().color(), 0.4)
