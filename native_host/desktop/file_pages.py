# SPDX-License-Identifier: MIT
"""What pages of files share: a place to drop files on, and a button to choose them."""

import os
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData, QRectF, Qt
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from native_host.desktop.page import PageBase, Services
from native_host.desktop.parts import Row, Sign, muted
from native_host.errors import KortillaError
from native_host.gui.buttons import Button
from native_host.gui.labels import label, wrapping_policy
from native_host.gui.notices import Notice
from native_host.gui.sizes import dp
from native_host.gui.tokens import Act, tokens_for
from native_host.signing_extra import check_library


class FilesPage(PageBase):
    """A page that takes files: dropped, chosen, or given by ``kortilla open``.

    ``name`` is what the keys of its texts begin with.
    """

    def __init__(self, services: Services, name: str, act: Act) -> None:
        super().__init__(services, services.texts(f"{name}.heading"))
        self._name, self._act = name, act
        self._folder = Path.home()
        self.missing = _is_missing()
        self.setAcceptDrops(not self.missing)
        self.area.verticalScrollBar().rangeChanged.connect(self._reveal)

    def take(self, files: Sequence[Path]) -> None:
        """Do with files what the page is for."""
        raise NotImplementedError

    def _reveal(self) -> None:
        """Keep the control with the focus in sight when the contents grow."""
        focused, sheet = self.window().focusWidget(), self.area.widget()
        if focused is not None and sheet is not None and sheet.isAncestorOf(focused):
            if (layout := sheet.layout()) is not None:
                layout.activate()
            self.area.ensureWidgetVisible(focused)

    def lacking(self) -> QWidget:
        """Return what is said where the program lacks the parts for this page."""
        return Notice(self.texts("files.lacking"), title=self.texts("files.lack"))

    def place_to_drop(self) -> tuple[QWidget, QPushButton]:
        """Return the place that says that files can be dropped, and its button."""
        choose = Button(self.texts(f"{self._name}.choose"))
        choose.clicked.connect(self._choose)
        words = [
            label(self.texts(f"{self._name}.drop"), bold=True),
            muted(self.texts(f"{self._name}.drop.more")),
        ]
        return _Place(Row(Sign("take-in", self._act), words, [choose])), choose

    def _choose(self) -> None:
        title = self.texts(f"{self._name}.choose")
        start = os.fspath(self._folder)
        chosen, _ = QFileDialog.getOpenFileNames(self, title, start)
        if chosen:
            self._folder = Path(chosen[0]).parent
            self.take([Path(each) for each in chosen])

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        if _local_files(event.mimeData()):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:  # noqa: N802 - Qt's name
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        files = _local_files(event.mimeData())
        # Never a move, after which the other program would delete the file.
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        if files:
            self.take(files)


class _Place(QFrame):
    """A dashed frame."""

    def __init__(self, row: QWidget) -> None:
        super().__init__()
        self.setSizePolicy(wrapping_policy())
        rows = QVBoxLayout(self)
        rows.setContentsMargins(dp(6), dp(12), dp(4), dp(12))
        rows.addWidget(row)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = max(dp(1.5), 1)
        painter.setPen(QPen(tokens.edge, line, Qt.PenStyle.DashLine))
        painter.setBrush(tokens.panel)
        box = QRectF(self.rect()).adjusted(line, line, -line, -line)
        painter.drawRoundedRect(box, dp(12), dp(12))


def _local_files(dropped: QMimeData) -> list[Path]:
    return [Path(url.toLocalFile()) for url in dropped.urls() if url.isLocalFile()]


def _is_missing() -> bool:
    try:
        check_library()
    except KortillaError:
        return True
    return False
