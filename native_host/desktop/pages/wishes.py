# SPDX-License-Identifier: MIT
"""What the person wants of a signing: its form, a mark on a page, and a folder.

A preview shows where the mark will be. No code here parses a PDF or an image format:
another process runs ``native_host.desktop.page_picture`` and returns pixels, whose
number is checked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from kortilla.common import own_python
from kortilla.common.corners import CORNERS, Corner, corner_box
from kortilla.common.escaping import escape_name, shown_path
from native_host.desktop.file_dialogs import choose_folder
from native_host.desktop.page_picture import HEAD, LONGEST
from native_host.desktop.pages.page import Kept, Services, button
from native_host.gui.buttons import (
    Choice,
    WrappingCheckBox,
    WrappingRadioButton,
    explained,
    flush,
)
from native_host.gui.icons import draw_icon, painter_of, square
from native_host.gui.labels import Heading, WrappingLabel, label, muted
from native_host.gui.limited_process import LimitedProcess
from native_host.gui.panels import Beside, Row, RowsPanel, arrange, column
from native_host.gui.sizes import dp
from native_host.gui.tokens import LIGHT, tokens_for

_PAGES = {"last": "last", "first": "1"}
_PREVIEW = 260  # height in pixels where body text has 15
_PROGRAM = own_python("-m", "native_host.desktop.page_picture")
#: Milliseconds until it is killed. Its own limit counts processor time.
_WITHIN = 20_000
_MOST_BYTES = HEAD.size + 3 * (LONGEST + 1) ** 2
_LARGEST = 1e6  # points


@dataclass(frozen=True)
class PagePicture:
    """A page, and its size in points as it is shown."""

    image: QImage
    width: float
    height: float


class PagePainter(LimitedProcess):
    """Has one page drawn. ``done`` has the ``PagePicture``, or None without one."""

    def __init__(self, pdf: Path, page: str) -> None:
        super().__init__(
            [*_PROGRAM, page],
            pdf,
            _picture,
            most_bytes=_MOST_BYTES,
            milliseconds=_WITHIN,
        )


def _picture(answer: bytes) -> PagePicture | None:
    """Return the picture in an answer, or None if it is malformed."""
    if not HEAD.size < len(answer) <= _MOST_BYTES:
        return None
    columns, rows, width, height = HEAD.unpack_from(answer)
    if len(answer) != HEAD.size + 3 * columns * rows:
        return None
    if not (1 <= width < _LARGEST and 1 <= height < _LARGEST):  # nor not a number
        return None
    pixels = memoryview(answer)[HEAD.size :]
    form = QImage.Format.Format_RGB888
    image = QImage(pixels, columns, rows, 3 * columns, form).copy()
    return None if image.isNull() else PagePicture(image, width, height)


class MarkPreview(QLabel):
    def __init__(self, picture: PagePicture, corner: Corner, name: str) -> None:
        super().__init__()
        self._picture, self._corner = picture, corner
        self.setAccessibleName(name)
        self.setToolTip(name)
        policy = QSizePolicy.Policy
        self.setSizePolicy(policy.Preferred, policy.Fixed)

    def show_page(self, picture: PagePicture, name: str) -> None:
        self._picture = picture
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.update()

    def set_corner(self, corner: Corner) -> None:
        self._corner = corner
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(dp(200), dp(_PREVIEW))

    minimumSizeHint = sizeHint  # noqa: N815 - Qt's name

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        picture = self._picture
        image = picture.image
        line = max(dp(1), 1)
        room = QSize(self.width() - 2 * line, self.height() - 2 * line)
        size = image.size().scaled(room, Qt.AspectRatioMode.KeepAspectRatio)
        left = line + (room.width() - size.width()) / 2
        page = QRectF(left, line, size.width(), size.height())
        painter = painter_of(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(page, image)
        painter.setPen(QPen(tokens_for(self.palette()).edge, line))
        painter.drawRect(page)
        # The page is as light as it is, so the mark has the colours of the light look.
        colours = LIGHT.acts["sign"]
        box = corner_box(picture.width, picture.height, self._corner)
        wide, high = page.width() / picture.width, page.height() / picture.height
        mark = QRectF(
            QPointF(page.left() + box[0] * wide, page.bottom() - box[3] * high),
            QPointF(page.left() + box[2] * wide, page.bottom() - box[1] * high),
        )
        painter.setPen(QPen(colours.sign, max(dp(2), 1)))
        painter.setBrush(colours.tint)
        painter.drawRect(mark)
        side = min(mark.height() * 0.8, dp(20))
        if side >= dp(8):
            place = square(mark, side)
            draw_icon(painter, "pen", place, ink=colours.sign, paper=colours.tint)


class Wishes:
    """The wishes, and their controls. ``changed`` is called to show them anew."""

    def __init__(
        self, services: Services, kept: Kept, changed: Callable[[], object]
    ) -> None:
        self._texts = services.texts
        self._kept = kept
        self._changed = changed
        #: Whether all files go into one container.
        self.container = False
        self._marked = False
        self._page = "last"
        self._corner: Corner = "bottom-left"
        #: The folder of the signed files; None puts each beside its original.
        self._out: Path | None = None
        #: Where the person begins to look for a folder.
        self._start = Path.home()
        self.preview: MarkPreview | None = None
        #: Whether the preview is to be brought in sight.
        self.is_new = False
        self._painter: PagePainter | None = None
        #: The file and page of the picture, and the picture; None if there is none.
        self._pictured: tuple[Path, str] | None = None
        self._picture: PagePicture | None = None

    def options(self, files: Sequence[Path]) -> tuple[str, ...]:
        """Return the options of ``kortilla sign``."""
        words = ["--container"] if self.container else []
        if self._marked and not self.container and any(map(is_pdf, files)):
            words += ["--visible", f"{_PAGES[self._page]}:{self._corner}"]
        if self._out is not None:
            words += ["--out", os.fspath(self._out)]
        return tuple(words)

    def put_into(self, folder: Path | None) -> None:
        """Choose the folder of the signed files; None is beside the originals."""
        self._out = folder
        self._changed()

    def stop(self) -> None:
        if self._painter is not None:
            self._painter.stop()
            self._painter = None

    def parts(self, files: Sequence[Path]) -> list[QWidget]:
        parts: list[QWidget] = []
        pdfs = [each for each in files if is_pdf(each)]
        if pdfs:
            parts.append(self._kept("result", self._heading))
            mixed = len(pdfs) < len(files)
            parts.append(self._kept(("forms", mixed), partial(self._forms, mixed)))
            for choice in parts[-1].findChildren(Choice):
                if (choice.form == "package") == self.container:
                    choice.setChecked(True)
        if pdfs and not self.container:
            parts.append(self._kept("mark", self._box))
            if self._marked:
                parts.append(self._kept("places", self._mark))
                self._picture_mark(pdfs[0])
        self._start = files[0].parent
        return [*parts, self._kept(("where", self._out), self._where)]

    def _heading(self) -> Heading:
        return Heading(self._texts("sign.result"), 17 / 15)

    def _forms(self, mixed: bool) -> QWidget:
        choices = []
        for form in ("pdf", "package"):
            more = self._texts(f"sign.result.{form}.more")
            if form == "pdf" and mixed:
                more = f"{more} {self._texts('sign.result.pdf.mixed')}"
            choice = Choice(self._texts(f"sign.result.{form}"), more, "sign")
            choice.form = form
            choice.clicked.connect(partial(self._set_form, form))
            choices.append(choice)
        return Beside(choices)

    def _box(self) -> QWidget:
        box = WrappingCheckBox(self._texts("sign.mark"))
        box.clicked.connect(self._set_marked)
        return explained(box, self._texts("sign.mark.more"))

    def _mark(self) -> QWidget:
        pages = self._radios("sign.page", [*_PAGES], self._page, self._set_page)
        places = self._radios("sign.place", CORNERS, self._corner, self._set_corner)
        controls = column(pages, places, spacing=8, stretch=True)
        beside = QWidget()
        self._pictures = QVBoxLayout(beside)
        self._pictures.setContentsMargins(0, 0, 0, 0)
        return Beside([controls, beside], least=210)

    def _picture_mark(self, pdf: Path) -> None:
        """Show the preview of the mark, or why there is none."""
        if self._pictured != (pdf, self._page):
            self.stop()
            self._pictured, self._picture = (pdf, self._page), None
            self._painter = PagePainter(pdf, self._page)
            self._painter.done.connect(self._show_picture)
        shown: QWidget
        if (picture := self._picture) is not None:
            name = self._texts("sign.preview", name=escape_name(pdf.name))
            shown = self.preview = self._kept(
                "preview", lambda: MarkPreview(picture, self._corner, name)
            )
            self.preview.show_page(picture, name)
        else:
            key = "making" if self._painter is not None else "none"
            words = self._texts(f"sign.preview.{key}")
            shown = self._kept(("preview", key), lambda: muted(words))
        for each in arrange(self._pictures, [shown]):
            each.hide()

    def _show_picture(self, picture: PagePicture | None) -> None:
        self._painter, self._picture, self.is_new = None, picture, True
        self._changed()

    def _radios(
        self,
        key: str,
        names: Sequence[str],
        chosen: str,
        setter: Callable[[str], object],
    ) -> QWidget:
        """Return a group of its own, in which one is chosen."""
        made = []
        for name in names:
            radio = flush(WrappingRadioButton(self._texts(f"{key}.{name}")))
            radio.setChecked(name == chosen)
            radio.toggled.connect(lambda on, name=name: setter(name) if on else None)
            made.append(radio)
        return column(*made)

    def _set_form(self, form: str) -> None:
        self.container = form == "package"
        self._changed()

    def _set_marked(self, marked: bool) -> None:
        self._marked = marked
        self._changed()

    def _set_page(self, page: str) -> None:
        self._page = page
        self._changed()

    def _set_corner(self, name: str) -> None:
        for corner in CORNERS:
            if corner == name:
                self._corner = corner
        if self.preview is not None:
            self.preview.set_corner(self._corner)

    def _where(self) -> QWidget:
        buttons = [button(self._texts("sign.folder"), self._choose_folder)]
        if self._out is None:
            words: list[QWidget] = [label(self._texts("sign.beside"))]
        else:
            folder = WrappingLabel(shown_path(self._out), bold=True)
            words = [label(self._texts("sign.into")), folder]
            beside = partial(self.put_into, None)
            buttons.append(button(self._texts("sign.folder.none"), beside))
        return RowsPanel(rows=[Row(None, words, buttons)])

    def _choose_folder(self) -> None:
        title, start = self._texts("sign.folder"), self._out or self._start
        if chosen := choose_folder(None, title, start):
            self.put_into(chosen)


def is_pdf(path: Path) -> bool:
    return path.suffix.casefold() == ".pdf"
