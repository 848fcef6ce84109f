# SPDX-License-Identifier: MIT
"""How far a signing is, with a button that stops it."""

from collections.abc import Callable

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from native_host.desktop.texts import Texts
from native_host.gui.buttons import Button
from native_host.gui.labels import label
from native_host.gui.panels import Panel
from native_host.gui.sizes import dp
from native_host.gui.tokens import tokens_for


class SigningProgress(Panel):
    """First says where PIN2 is typed, then how many files are signed."""

    def __init__(
        self, texts: Texts, stop: Callable[[], object], say: Callable[..., object]
    ) -> None:
        super().__init__()
        self._texts, self._announce = texts, say
        #: What is said. It can have the focus.
        self.words = label(texts("sign.busy"))
        self.words.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._bar = _Bar()
        self._bar.hide()
        self._stopping = False
        button = Button(texts("sign.stop"), height=40)
        button.clicked.connect(lambda _=False: stop())
        line = QWidget()
        row = QHBoxLayout(line)
        row.setContentsMargins(0, dp(8), 0, 0)
        row.addWidget(button)
        row.addStretch(1)
        self.rows.setSpacing(dp(8))
        for each in (self.words, self._bar, line):
            self.rows.addWidget(each)

    def begin(self) -> None:
        """Say where PIN2 is typed."""
        self._stopping = False
        self._bar.hide()
        self.words.setText(self._texts("sign.busy"))

    def show_number(self, number: int, count: int) -> None:
        """Show that file ``number`` of ``count`` is signed now; it counts from 1."""
        if self._stopping:
            return
        self._bar.setRange(0, count)
        self._bar.setValue(number - 1)
        self._bar.show()
        self._say(self._texts("sign.progress", number=number, count=count))

    def show_stopping(self) -> None:
        """Show that it stops after the signature that is being made."""
        self._stopping = True
        self._say(self._texts("sign.stopping"))

    def _say(self, words: str) -> None:
        self.words.setText(words)
        self._bar.setAccessibleName(words)
        self._announce(words, politely=True)


class _Bar(QProgressBar):
    """A flat bar in the colour of signing."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextVisible(False)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(dp(200), dp(12))

    minimumSizeHint = sizeHint  # noqa: N815 - Qt's name

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = max(dp(1), 1)
        box = QRectF(self.rect()).adjusted(line, line, -line, -line)
        corner = box.height() / 2
        painter.setPen(QPen(tokens.edge, line))
        painter.setBrush(tokens.field)
        painter.drawRoundedRect(box, corner, corner)
        if self.value():
            box.setWidth(max(box.width() * self.value() / self.maximum(), box.height()))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(tokens.acts["sign"].button)
            painter.drawRoundedRect(box, corner, corner)
