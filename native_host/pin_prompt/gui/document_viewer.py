# SPDX-License-Identifier: MIT
"""Shows a document before it is signed: exactly the bytes that were hashed.

No code here parses an image format. ``native_host.pin_prompt.decode`` does so in
another process than the one in which the PIN is typed, and returns pixels, whose number
is checked. The system's viewer gets a PDF as a private copy.
"""

import os
import re
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

from PySide6.QtCore import QRect, QSize, Qt, QUrl, Signal
from PySide6.QtGui import (
    QBrush,
    QColor,
    QDesktopServices,
    QImage,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from kortilla.common import own_python
from kortilla.common.escaping import escape_name, escape_text
from native_host.gui.labels import WrappingLabel, label, wrapping_policy
from native_host.gui.limited_process import LimitedProcess
from native_host.gui.panels import Kind, Notice, PlainScrollBar
from native_host.pin_prompt.decode import HEAD, MOST_PIXELS
from native_host.pin_prompt.documents import DocumentKind
from native_host.pin_prompt.gui.page import Page
from native_host.pin_prompt.gui.widgets import em
from native_host.pin_prompt.model import Conversation, Document
from native_host.pin_prompt.texts import Texts
from native_host.platform import system

#: Most bytes of a text that are shown. The layout of more would be slow.
_MOST_TEXT = 500_000
#: Long lines are split, at a space if there is one. Qt takes minutes to wrap a line of
#: some hundred thousand characters.
_LONG_LINE = re.compile("([^\n]{1000,2000} |[^\n]{2000})(?=[^\n])")
#: The pattern behind transparent parts of an image, on white.
_CHECKS = QColor("#8a8a8a")
_IMAGES = (DocumentKind.PNG, DocumentKind.JPEG)
#: The decoder. Its arguments are the image's format and the number of this process.
_PROGRAM = own_python("-m", "native_host.pin_prompt.decode")
#: Milliseconds until the decoder is killed. The decoder's own limit is less, and counts
#: processor time.
_WITHIN = 30_000
_MOST_BYTES = HEAD.size + 4 * MOST_PIXELS


class DocumentPage(Page):
    """One document and a back button. ``data`` is None for one that has changed."""

    #: The person wants to go back.
    left = Signal()

    def __init__(
        self,
        conversation: Conversation,
        text: Texts,
        document: Document,
        kind: DocumentKind,
        data: bytes | None,
    ) -> None:
        super().__init__(conversation, text)
        self.name = escape_name(document.name) or text("document.unnamed")
        heading = WrappingLabel(self.name, 1.1, bold=True)
        self.column.addWidget(heading)
        self.announcement.add(self.name, needed=1)
        self._decoding: ImageDecoder | None = None
        if data is None:
            self._note(text("view.changed"), "error")
        elif kind in _IMAGES:
            self._open_image(data, kind)
        elif kind is DocumentKind.TEXT:
            self._add_text(data)
        else:
            self._note(text("document.not_shown"))
        back = self.add_button(text("view.back"), self.left.emit)
        self.initial_focus = self.initial_focus or back

    @property
    def opening(self) -> bool:
        """Whether the document is still being decoded."""
        return self._decoding is not None

    def dismiss(self) -> None:
        self.left.emit()

    def end(self) -> None:
        if self._decoding:
            self._decoding.stop()

    def wanted_height(self, width: int) -> int:
        # As much as the screen allows.
        return max(super().wanted_height(width), em(self, 100))

    def _note(self, words: str, kind: Kind = "warning") -> None:
        self.announcement.add(words, needed=1)
        self.column.addWidget(Notice(words, kind=kind))

    def _add_text(self, data: bytes) -> None:
        text = self.text
        head = data[:_MOST_TEXT].decode("utf-8-sig", errors="ignore")
        if len(data) > _MOST_TEXT:
            shown, whole = text.size(_MOST_TEXT), text.size(len(data))
            self._note(text("view.cut", size=shown, whole=whole), "error")
        escaped = escape_text(head)
        if escaped != head.replace("\r\n", "\n"):
            self._note(text("view.escaped"))
        view = QPlainTextEdit(_LONG_LINE.sub(r"\1\n", escaped))
        view.setReadOnly(True)
        view.setVerticalScrollBar(PlainScrollBar())
        view.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        view.setTabChangesFocus(True)
        view.setAccessibleName(self.name)
        view.setMinimumHeight(em(self, 8))
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.column.addWidget(view, 1)
        self.initial_focus = self.scrolled = view

    def _open_image(self, data: bytes, kind: DocumentKind) -> None:
        words = self.text("view.image_opening")
        self.announcement.add(words, needed=1)
        self._place = label(words)
        self.column.addWidget(self._place)
        self.column.addStretch()
        self._decoding = ImageDecoder(data, kind)
        self._decoding.done.connect(self._end_opening)

    def _end_opening(self, picture: QImage | None) -> None:
        self._decoding = None
        part: QWidget
        if picture is None:
            words = self.text("view.image_failed")
            part = Notice(words)
        else:
            words = self.text("view.image_opened")
            part = _ImageView(picture)
            part.setAccessibleName(self.name)
        self.column.replaceWidget(self._place, part)
        self._place.deleteLater()
        self.announce(words)


class _ImageView(QWidget):
    """An image, scaled down to the window's width but never scaled up."""

    def __init__(self, picture: QImage) -> None:
        super().__init__()
        self._picture = picture
        self.setSizePolicy(wrapping_policy())

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(em(self, 18), self.heightForWidth(em(self, 18)))

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        return max(round(self._width(width) / self._shape()), 1)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        width = self._width(self.width())
        place = QRect(0, 0, width, self.heightForWidth(width))
        if self._picture.hasAlphaChannel():
            # No colour must vanish here that shows on another background.
            painter.fillRect(place, Qt.GlobalColor.white)
            painter.fillRect(place, QBrush(_CHECKS, Qt.BrushStyle.Dense4Pattern))
        painter.drawImage(place, self._picture)

    def _shape(self) -> float:
        return self._picture.width() / self._picture.height()

    def _width(self, room: int) -> int:
        return max(min(room, self._picture.width()), 1)


class ImageDecoder(LimitedProcess):
    """Decodes one image. ``done`` has the image, or None.

    It is None if the image is faulty or too large, or took too long.
    """

    def __init__(self, data: bytes, form: str) -> None:
        super().__init__(
            [*_PROGRAM, form],
            data,
            _picture,
            most_bytes=_MOST_BYTES,
            milliseconds=_WITHIN,
        )


def _picture(answer: bytes) -> QImage | None:
    """Return the image in a decoder's output, or None if the output is malformed."""
    if len(answer) < HEAD.size:
        return None
    width, height = HEAD.unpack_from(answer)
    if width * height == 0 or len(answer) != HEAD.size + 4 * width * height:
        return None
    pixels = memoryview(answer)[HEAD.size :]
    form = QImage.Format.Format_RGBA8888
    picture = QImage(pixels, width, height, 4 * width, form).copy()
    return None if picture.isNull() else picture


class PrivateCopies:
    """Copies for the system's PDF viewer, which other users cannot read or change.

    They are in the folder of the host's own copies. The host deletes that folder, also
    when this process crashes.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None

    def open(self, data: bytes, number: int, near: str) -> bool:
        """Open a PDF in the system's viewer; return whether there is one.

        ``number`` counts the documents from 1, ``near`` is the host's copy.
        """
        try:
            if self._folder is None:
                self._folder = Path(mkdtemp(prefix="shown-", dir=Path(near).parent))
            path = self._folder / f"document-{number}.pdf"
            # A new copy each time: a full disk may have truncated the last one, and a
            # viewer may have overwritten it.
            with suppress(FileNotFoundError):
                system.delete_file(path)
            path.touch(0o600, exist_ok=False)
            path.write_bytes(data)
            system.mark_as_from_web(path)  # most are, and it is only to be read
            path.chmod(0o400)
        except OSError:
            return False
        return QDesktopServices.openUrl(QUrl.fromLocalFile(os.fspath(path)))

    def delete(self) -> None:
        """Delete the copies. May be called twice."""
        if self._folder:
            system.delete_folder(self._folder)
            self._folder = None
