# SPDX-License-Identifier: MIT
"""The guide for citizens in the window, in its language and without a network."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

from PySide6.QtCore import QEvent, Qt, QUrl, Signal
from PySide6.QtGui import (
    QDesktopServices,
    QFocusEvent,
    QImage,
    QTextBlock,
    QTextBlockFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFragment,
    QTextLength,
)
from PySide6.QtWidgets import QFrame, QTextBrowser

from native_host.desktop.pages.page import PageBase, Services
from native_host.gui.panels import ButtonLine, PlainScrollBar
from native_host.gui.sizes import dp, font
from native_host.gui.tokens import tokens_for

#: Scales of the headings of levels 1 to 3; the text has 1.
_SCALES = {1: 25 / 15, 2: 20 / 15, 3: 17 / 15}
_LINE_HEIGHT = 142.0  # per cent
#: Text is so much larger than usual that pictures grow with it.
_LARGE = 1.25
#: A picture is at most as wide as the page.
_ALL = QTextLength(QTextLength.Type.PercentageLength, 100)
#: What holds on Linux, and in a comment, which others hide, what holds on Windows.
_EITHER = re.compile(r"<!-- Linux -->(.*?)<!-- Windows\s*(.*?)\s*-->", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->\s*", re.DOTALL)
_PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)]*)\)")
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)]*)\)")
#: The same where it is a sentence of its own, with what is around it.
_LINK_ALONE = re.compile(r"(?<=[.!?:])\s\[([^\]]*)\]\(([^)]*)\)\.")
_ADJUSTMENT = QTextFormat.Property.FontSizeAdjustment.value
_WEB = ("https://", "http://")


def guides_folder() -> Path:
    """Return the folder of guides and pictures: in the wheel, or in a checkout."""
    installed = Path(__file__).parents[1] / "guides"
    return installed if installed.is_dir() else Path(__file__).parents[3] / "docs"


class Page(PageBase):
    def __init__(self, services: Services) -> None:
        super().__init__(services, services.texts("help.title"))
        self._name = f"{self.texts.language}.md"
        self.guide = Guide(self.texts("help.title"), self._follow, self._say_link)
        self.guide.entered.connect(self._say_heading)
        self.setFocusProxy(self.guide)
        self._back = ButtonLine(self.button("help.back", self._show_first))
        self._back.setContentsMargins(dp(32), dp(12), dp(32), 0)
        self.area.hide()
        self._outer.addWidget(self._back)
        self._outer.addWidget(self.guide, 1)
        self._show_first()

    def _show_first(self) -> None:
        self._show(self._name)

    def _show(self, name: str, part: str = "") -> None:
        try:
            self.guide.read(name)
        except OSError:
            self.guide.setPlainText(self.texts("help.missing"))
        if self._back.isVisibleTo(self) and name == self._name:
            self.guide.setFocus()  # the button that has it goes
        self._back.setVisible(name != self._name)
        self.guide.go_to(part)

    def _follow(self, link: QUrl) -> None:
        if link.scheme():
            QDesktopServices.openUrl(link)
        elif name := link.path():
            self._show(name, unquote(link.fragment()))
            self._say_heading()
        else:
            self.guide.go_to(unquote(link.fragment()))
            self._say_heading()

    def _say_heading(self) -> None:
        self.say(self.guide.textCursor().block().text())

    def _say_link(self, words: str) -> None:
        """Have the link said to which Tab goes: Qt tells screen readers nothing."""
        self.say(self.texts("help.link", words=words))


class Guide(QTextBrowser):
    """Shows a page of Markdown. Tab goes from link to link, the arrow keys by lines."""

    #: The focus has come, and not only with its window.
    entered = Signal()

    def __init__(
        self,
        name: str,
        follow: Callable[[QUrl], object],
        say_link: Callable[[str], object],
    ) -> None:
        super().__init__()
        self._folder = guides_folder()
        self.setAccessibleName(name)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBar(PlainScrollBar())
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setAutoFillBackground(False)
        self.setOpenLinks(False)
        self.anchorClicked.connect(follow)
        self._say_link = say_link
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextBrowserInteraction
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.document().setDocumentMargin(dp(32))

    def read(self, name: str) -> None:
        """Show a file of the folder ``citizens``. Raises ``OSError``."""
        folder = self._folder / "citizens"
        text = (folder / name).read_text(encoding="utf-8")
        self.setMarkdown(_prepared(text, folder))
        self._dress()

    def go_to(self, part: str) -> None:
        """Go to the heading that a link names, or to the beginning."""
        cursor = self.textCursor()
        cursor.setPosition(0)
        for block in _blocks(self.document()):
            is_heading = bool(block.blockFormat().headingLevel())
            if part and is_heading and _slug(block.text()) == part:
                cursor.setPosition(block.position())
        self.setTextCursor(cursor)
        bar = self.verticalScrollBar()
        bar.setValue(bar.value() + self.cursorRect().top() - dp(16))

    def focusNextPrevChild(self, next: bool) -> bool:  # noqa: N802 - Qt's names
        moved = super().focusNextPrevChild(next)
        cursor = self.textCursor()
        if self.hasFocus() and cursor.hasSelection() and cursor.charFormat().isAnchor():
            self._say_link(cursor.selectedText())
        return moved

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        super().focusInEvent(event)
        if event.reason() is not Qt.FocusReason.ActiveWindowFocusReason:
            self.entered.emit()

    def loadResource(self, kind: int, name: QUrl | str) -> object:  # noqa: N802 - Qt's name
        """Return a picture, which grows with large text. Nothing else is ever read."""
        path = (self._folder / "citizens" / QUrl(name).path()).resolve()
        if not path.is_relative_to(self._folder.resolve() / "screenshots"):
            return None
        picture = QImage(str(path)).convertToFormat(QImage.Format.Format_RGB32)
        if (scale := dp(100) / 100) < _LARGE:
            return picture
        width = round(picture.width() * scale)
        smooth = Qt.TransformationMode.SmoothTransformation
        return picture.scaledToWidth(width, smooth)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self._dress()

    def _dress(self) -> None:
        """Give text, headings, links and pictures our sizes and colours."""
        sign = tokens_for(self.palette()).acts["identify"].sign
        cursor = QTextCursor(self.document())
        for block in _blocks(self.document()):
            level = block.blockFormat().headingLevel()
            fragments = _fragments(block)
            pictures = [each for each in fragments if each.charFormat().isImageFormat()]
            if not pictures:
                cursor.setPosition(block.position())
                cursor.mergeBlockFormat(_lines())
            for each in fragments:
                format_ = each.charFormat()
                if each in pictures:
                    format_ = format_.toImageFormat()
                    format_.setMaximumWidth(_ALL)
                if level:
                    format_.clearProperty(_ADJUSTMENT)
                    format_.setFontPointSize(font(_SCALES.get(level, 1)).pointSizeF())
                if format_.isAnchor():
                    format_.setForeground(sign)
                    format_.setFontUnderline(True)
                cursor.setPosition(each.position())
                keep = QTextCursor.MoveMode.KeepAnchor
                cursor.setPosition(each.position() + each.length(), keep)
                cursor.setCharFormat(format_)


def _lines() -> QTextBlockFormat:
    made = QTextBlockFormat()
    kind = QTextBlockFormat.LineHeightTypes.ProportionalHeight
    made.setLineHeight(_LINE_HEIGHT, kind.value)
    return made


def _prepared(text: str, folder: Path) -> str:
    """Return Markdown that Qt shows well, and that has no link to what is not here."""

    def is_here(target: str) -> bool:
        name = target.partition("#")[0]
        here = not name or ("/" not in name and (folder / name).is_file())
        return here or target.startswith(_WEB)

    def link(found: re.Match[str]) -> str:
        return found[0] if is_here(found[2]) else found[1]

    def link_alone(found: re.Match[str]) -> str:
        return found[0] if is_here(found[2]) else ""

    text = _EITHER.sub(r"\2" if sys.platform == "win32" else r"\1", text)
    text = _COMMENT.sub("", text)
    # What a picture shows is said below it, also for those who do not see it.
    text = _PICTURE.sub(r"![\1](\2)\n\n*\1*", text)
    return _LINK.sub(link, _LINK_ALONE.sub(link_alone, text))


def _blocks(document: QTextDocument) -> Iterator[QTextBlock]:
    block = document.begin()
    while block.isValid():
        yield block
        block = block.next()


def _fragments(block: QTextBlock) -> list[QTextFragment]:
    found, each = [], block.begin()
    while not each.atEnd():
        found.append(each.fragment())
        each += 1
    return found


def _slug(words: str) -> str:
    """Return the name by which links call a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", words.casefold()).replace(" ", "-")
