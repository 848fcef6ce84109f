# SPDX-License-Identifier: MIT
"""The field for a line of text that is no PIN, with the look of the other controls."""

from collections.abc import Callable

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QKeyEvent, QPaintEvent, QPalette
from PySide6.QtWidgets import QLineEdit, QSizePolicy, QWidget

from native_host.gui.icons import draw_box, inset, painter_of
from native_host.gui.labels import label
from native_host.gui.panels import Row, RowsPanel
from native_host.gui.sizes import dp
from native_host.gui.tokens import tokens_for


class TextField(QLineEdit):
    """A line edit with a ``name`` for screen readers. Enter calls ``entered``."""

    def __init__(self, name: str, entered: Callable[[], object], most: int) -> None:
        super().__init__()
        self._entered = entered
        self.setAccessibleName(name)
        self.setMaxLength(most)
        self.setTextMargins(dp(14), 0, dp(14), 0)
        policy = QSizePolicy.Policy
        self.setSizePolicy(policy.Expanding, policy.Fixed)
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Base, Qt.GlobalColor.transparent)
        self.setPalette(palette)
        self.setFrame(False)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(dp(300), dp(44))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(dp(120), dp(44))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if not event.isAutoRepeat():
                self._entered()
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        # The own palette has no ground, so that the box is seen.
        tokens = tokens_for(self.window().palette())
        box = inset(QRectF(self.rect()), dp(0.75))
        painter = painter_of(self)
        draw_box(painter, box, dp(8), ground=tokens.field, edge=tokens.edge, line=1.5)
        painter.end()
        super().paintEvent(event)


def framed(field: TextField, button: QWidget) -> QWidget:
    """Return a field below its name, and a button at the right, in a frame."""
    words = [label(field.accessibleName(), bold=True), field]
    return RowsPanel(rows=[Row(None, words, [button])])
