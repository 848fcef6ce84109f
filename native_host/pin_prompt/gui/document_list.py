# SPDX-License-Identifier: MIT
"""The list of the documents to sign, each with a button to view it."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from kortilla.common.escaping import escape_name
from native_host.gui.accessibility import List, ListItem
from native_host.gui.buttons import Button, Fold
from native_host.gui.drawings import draw_file
from native_host.gui.icons import painter_of
from native_host.gui.labels import WrappingLabel, label, make_muted, wrapping_policy
from native_host.gui.panels import PlainScrollBar
from native_host.gui.sizes import dp
from native_host.gui.tokens import tokens_for
from native_host.pin_prompt.documents import DocumentKind, describe, kind_of_file
from native_host.pin_prompt.model import Document
from native_host.pin_prompt.texts import Texts

#: Rows that are shown before the list scrolls.
_ROWS = 3
#: Least height of a row where body text has 15 pixels.
_ROW = 60
#: The tag on the drawing of a file.
_TAGS = {
    DocumentKind.PDF: "PDF",
    DocumentKind.PNG: "PNG",
    DocumentKind.JPEG: "JPEG",
    DocumentKind.TEXT: "TXT",
}


class DocumentList(QScrollArea):
    """A scroll area with one row per document; it takes the focus for scrolling.

    ``fold`` is a button that shows and hides the hashes. They are shown where there
    is nothing else to see.
    """

    #: The person wants to view a document; its index.
    opened = Signal(int)

    def __init__(self, documents: Sequence[Document], text: Texts) -> None:
        super().__init__(widgetResizable=True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBar(PlainScrollBar())
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        inside = _Inside()
        rows = QVBoxLayout(inside)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        self.fold = Fold(text("document.technical"), "sign")
        self._expanded = False
        self.cards = [
            _Row(document, number, text, self._show)
            for number, document in enumerate(documents, 1)
        ]
        for index, card in enumerate(self.cards):
            rows.addWidget(card)
            if len(documents) > 1:
                card.setAccessibleName(f"{card.number}. {card.name}")
            if card.button:
                card.button.clicked.connect(
                    lambda _checked, index=index: self.opened.emit(index)
                )
        rows.addStretch()
        self.setWidget(inside)
        #: The names of the documents, for a screen reader.
        self.spoken = [f"{card.accessibleName()}." for card in self.cards]
        inside.setAccessibleName(text.what_is_signed(tuple(documents)))
        self.fold.toggled.connect(self._unfold)
        self.fold.setChecked(any(document.path is None for document in documents))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(dp(330), self._content_height(_ROWS))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        rows = len(self.cards) if self._expanded else 1
        return QSize(dp(220), self._content_height(rows))

    def expand(self, expanded: bool) -> None:
        """Show every row, or let the list shrink and scroll.

        It must not scroll inside a page that scrolls too.
        """
        if expanded != self._expanded:
            self._expanded = expanded
            self.updateGeometry()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self.updateGeometry()  # the height follows from the width

    def reveal(self, index: int) -> None:
        """Scroll to a document."""
        self._show(self.cards[index])

    def _unfold(self, unfolded: bool) -> None:
        for card in self.cards:
            card.digest.setVisible(unfolded)
        self.updateGeometry()

    def _show(self, part: QWidget) -> None:
        self.ensureWidgetVisible(part, 0, dp(9))

    def _content_height(self, rows: int) -> int:
        width = max(self.viewport().width(), dp(360))
        heights = (card.height_at(width) for card in self.cards)
        return sum([*heights][:rows]) + 2


class _Inside(List):
    """The content of the scroll area."""

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        # Qt's default hint is the height at the smallest width.
        return QSize(dp(220), 0)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        painter = painter_of(self)
        painter.setPen(QPen(tokens.divider, max(dp(1), 1)))
        painter.setBrush(tokens.window)
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(box, dp(12), dp(12))


class _Row(ListItem):
    """One document: its name, kind, hash, and a button to view it."""

    def __init__(
        self,
        document: Document,
        number: int,
        text: Texts,
        focused: Callable[[QWidget], None],
    ) -> None:
        super().__init__()
        self.number = number
        self.setSizePolicy(wrapping_policy())
        self.name, *about, digest = describe(document, text)
        self._kind = kind_of_file(document)
        self.setAccessibleName(self.name)
        self._row = row = QHBoxLayout(self)
        row.setContentsMargins(dp(66), dp(8), dp(12), dp(8))
        row.setSpacing(dp(12))
        rows = QVBoxLayout()
        rows.setSpacing(0)
        row.addLayout(rows, 1)
        rows.addStretch()
        rows.addWidget(WrappingLabel(self.name, bold=True))
        for line in about:
            rows.addWidget(_muted(line))
        self.button: QPushButton | None = None
        if document.path is not None and self._kind is DocumentKind.OTHER:
            rows.addWidget(_muted(text("document.not_shown")))
        elif document.path is not None:
            self.button = _Open(text("document.open"), focused)
            named = text("document.open_this", name=escape_name(document.name))
            self.button.setAccessibleName(named)
            row.addWidget(self.button)
        #: The hash in groups, which the person can select and copy with the mouse.
        self.digest = label(digest, 0.9)
        make_muted(self.digest)
        self.digest.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
        )
        self.digest.setVisible(False)
        rows.addWidget(self.digest)
        rows.addStretch()
        self.setMinimumHeight(dp(_ROW))

    def height_at(self, width: int) -> int:
        """Return the height in pixels at a width."""
        return max(self._row.totalHeightForWidth(width), dp(_ROW))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        painter = painter_of(self)
        if self.number > 1:
            line = max(dp(1), 1)
            painter.fillRect(dp(66), 0, self.width() - dp(66), line, tokens.divider)
        draw_file(painter, dp(16), self.height(), _TAGS.get(self._kind, ""))


class _Open(Button):
    """The button that shows a document. The list scrolls to it on focus."""

    def __init__(self, words: str, focused: Callable[[QWidget], None]) -> None:
        super().__init__(words, height=40)
        self._focused = focused

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        super().focusInEvent(event)
        self._focused(self)


def _muted(words: str) -> WrappingLabel:
    made = WrappingLabel(words, 14 / 15)
    make_muted(made)
    return made
