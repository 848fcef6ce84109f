# SPDX-License-Identifier: MIT
"""The recovery password on the page *Encrypt*: shown once, to copy and to print."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from importlib.util import find_spec

from PySide6.QtCore import QMarginsF, QMimeData, QRectF
from PySide6.QtGui import (
    QFont,
    QFontDatabase,
    QGuiApplication,
    QPagedPaintDevice,
    QPageLayout,
    QPainter,
    QTextOption,
)

from kortilla.common.escaping import escape_name
from native_host.desktop.pages.page import PageBase
from native_host.desktop.texts import Texts
from native_host.gui.labels import Heading, WrappingLabel, label
from native_host.gui.panels import ButtonLine, Panel
from native_host.gui.sizes import dp
from native_host.texts.card import date

_LARGE = 22 / 15
#: Asks programs that write down what is copied to leave it out.
_SECRET = ("x-kde-passwordManagerHint", b"secret")
_MARGIN = 20.0  # millimetres
#: The most names of files on the printed page.
_MOST_NAMED = 20


class PasswordPanel(Panel):
    """Shows the password of files. It is nowhere else, so it does not go by itself."""

    def __init__(self, page: PageBase) -> None:
        super().__init__(kind="warning")
        self._page = page
        #: What is shown; empty without one.
        self.password = ""
        self._files: list[str] = []
        texts = page.texts
        self.rows.setSpacing(dp(8))
        self._words = WrappingLabel("", _LARGE, bold=True)
        monospaced = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        made = QFont(self._words.font())
        made.setFamilies(monospaced.families() or [monospaced.family()])
        self._words.setFont(made)
        self._copied = label("")
        self._copied.hide()
        buttons = [page.button("encrypt.copy", self._copy)]
        if find_spec("PySide6.QtPrintSupport"):  # Debian packages it apart
            buttons.append(page.button("encrypt.print", self._print))
        for each in (
            Heading(texts("encrypt.password.title"), 17 / 15),
            self._words,
            label(texts("encrypt.password.shown")),
            ButtonLine(*buttons),
            self._copied,
        ):
            self.rows.addWidget(each)

    def show_password(self, password: str, files: Sequence[str]) -> None:
        """Show the password of files, or none. The one before is gone then."""
        self.password = password
        self._words.setText(password)
        self._files = [escape_name(each) for each in files]
        self._copied.hide()

    def _copy(self) -> None:
        copied = QMimeData()
        copied.setText(self.password)
        copied.setData(*_SECRET)
        QGuiApplication.clipboard().setMimeData(copied)
        words = self._page.texts("encrypt.copied")
        self._copied.setText(words)
        self._copied.show()
        self._page.say(words)

    def _print(self) -> None:
        from PySide6.QtPrintSupport import QPrintDialog, QPrinter

        printer = QPrinter(QPrinter.PrinterMode.HighResolution)
        dialog = QPrintDialog(printer, self)
        dialog.setWindowTitle(self._page.texts("encrypt.print"))
        if dialog.exec():
            draw_password(printer, self._page.texts, self.password, self._files)
        # Hidden, its controls would stay on the accessibility bus.
        dialog.deleteLater()


def draw_password(
    device: QPagedPaintDevice, texts: Texts, password: str, files: Sequence[str]
) -> None:
    """Draw a page with the password, its files and what it is for."""
    margins = QMarginsF(_MARGIN, _MARGIN, _MARGIN, _MARGIN)
    device.setPageMargins(margins, QPageLayout.Unit.Millimeter)
    named = [*files[:_MOST_NAMED]]
    if len(files) > _MOST_NAMED:
        named.append(f"(+ {len(files) - _MOST_NAMED})")
    painter = QPainter(device)
    room = QRectF(painter.viewport())
    wrap = QTextOption()
    wrap.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    for words, size, family, bold in (
        (texts("encrypt.password.title"), 20, "sans-serif", True),
        (password, 22, "monospace", True),
        (texts("encrypt.password.printed"), 11, "sans-serif", False),
        ("\n".join(named), 11, "sans-serif", True),
        (f"Kortilla, {date(datetime.now())}", 9, "sans-serif", False),
    ):
        made = QFont(family, size)
        made.setBold(bold)
        painter.setFont(made)
        drawn = painter.boundingRect(room, words, wrap)
        painter.drawText(room, words, wrap)
        room.setTop(drawn.bottom() + painter.fontMetrics().height())
    painter.end()
