# SPDX-License-Identifier: MIT
"""What was signed: the page that differs, side by side, and copies to open or keep.

The pictures come as pixels from the process that drew them; nothing here reads a PDF.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from kortilla.common.escaping import escape_name, printable
from native_host.desktop.file_dialogs import choose_folder
from native_host.desktop.pages.files import open_file
from native_host.desktop.pages.page import PageBase
from native_host.errors import KortillaError
from native_host.files.sources import shown_path
from native_host.gui.icons import painter_of
from native_host.gui.labels import WrappingLabel, label
from native_host.gui.panels import Beside, ButtonLine, column
from native_host.gui.sizes import dp
from native_host.gui.tokens import LIGHT, tokens_for

if TYPE_CHECKING:
    from kortilla.signing.verification import Picture, SignatureReport
    from native_host.files.check import CheckedFile
    from native_host.operations.documents import PrivateFolder

#: The height of a picture of a page, and of a part of one, in pixels where body text
#: has 15; and the least side of what is marked.
_HEIGHT, _HEIGHT_OF_PART, _LEAST = 380, 220, 12
#: The least width and height of a part, as parts of the page. From the third number on,
#: the whole page is shown.
_WIDE, _HIGH, _WHOLE = 0.45, 0.24, 0.7

_Area = tuple[float, float, float, float]


class PageView(QLabel):
    """A picture of what differs on a page, or of the page if much of it does.

    ``areas`` are framed. They are parts of the page, and so is ``part``.
    """

    def __init__(self, picture: Picture, areas: tuple[_Area, ...], name: str) -> None:
        super().__init__()
        form, line = QImage.Format.Format_RGB888, 3 * picture.width
        # The copy has bytes of its own.
        self._image = QImage(
            picture.pixels, picture.width, picture.height, line, form
        ).copy()
        self._areas = areas
        self.part = left, top, right, bottom = _around(areas)
        width, height = self._image.width(), self._image.height()
        self._image = self._image.copy(
            round(left * width),
            round(top * height),
            round((right - left) * width),
            round((bottom - top) * height),
        )
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        whole = self.part == (0, 0, 1, 1)
        return QSize(dp(200), dp(_HEIGHT if whole else _HEIGHT_OF_PART))

    minimumSizeHint = sizeHint  # noqa: N815 - Qt's name

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        line = max(dp(1), 1)
        room = QSize(self.width() - 2 * line, self.height() - 2 * line)
        size = self._image.size().scaled(room, Qt.AspectRatioMode.KeepAspectRatio)
        place = QRectF(line, line, size.width(), size.height())
        painter = painter_of(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(place, self._image)
        painter.setPen(QPen(tokens_for(self.palette()).edge, line))
        painter.drawRect(place)
        # Pages are white in either look, so the frames have the light look's colour.
        ink, _ = LIGHT.of("error")
        painter.setPen(QPen(ink, max(dp(2), 2)))
        begin, above, end, below = self.part
        wide = place.width() / (end - begin)
        high = place.height() / (below - above)
        for left, top, right, bottom in self._areas:
            frame = QRectF(
                place.left() + (left - begin) * wide,
                place.top() + (top - above) * high,
                (right - left) * wide,
                (bottom - top) * high,
            )
            side = max(dp(_LEAST) - min(frame.width(), frame.height()), dp(8)) / 2
            frame.adjust(-side, -side, side, side)
            painter.drawRect(frame.intersected(place))


class SignedContent:
    """Makes these parts for the page of checks. ``close`` deletes the copies."""

    def __init__(self, page: PageBase) -> None:
        self._page, self._texts = page, page.texts
        self._copies: PrivateFolder | None = None

    def close(self) -> None:
        if self._copies is not None:
            self._copies.close()
            self._copies = None

    def of_signature(
        self, checked: CheckedFile, signature: SignatureReport, head: str
    ) -> list[QWidget]:
        """Return the parts for a signature after which something came."""
        if not signature.intact or signature.covers != "earlier-revision":
            return []
        said = _said()
        buttons = []
        for key, press in (
            ("check.open_signed", self._open),
            ("check.save_signed", self._save),
        ):
            button = self._page.button(key, partial(press, checked, signature, said))
            button.setAccessibleDescription(head)
            buttons.append(button)
        return [*self._pictures(signature), ButtonLine(*buttons), said]

    def of_container(self, checked: CheckedFile) -> list[QWidget]:
        """Return the parts for a container whose signed files are known."""
        from native_host.files.signed_content import has_signed_files

        if not has_signed_files(checked):
            return []
        said = _said()
        press = partial(self._save, checked, None, said)
        button = self._page.button("check.save_files", press)
        button.setAccessibleDescription(escape_name(checked.path.name))
        return [ButtonLine(button), said]

    def _pictures(self, signature: SignatureReport) -> list[QWidget]:
        compared = signature.comparison
        if compared is None or not signature.pictures:
            return []
        from native_host.files import words

        # The pictures are of the first page that both have.
        difference = next(e for e in compared.differences if e.kind != "pages")
        sentences = words.load(self._texts.language)
        said = words.describe_difference(difference, compared, sentences)
        views = []
        names = ("check.page.signed", "check.page.now")
        for key, picture in zip(names, signature.pictures, strict=True):
            caption = self._texts(key, page=difference.page)
            view = PageView(picture, difference.areas, caption)
            view.setAccessibleDescription(said)
            views.append(column(label(caption, bold=True), view, spacing=dp(4)))
        pictures = Beside(views)
        pictures.setContentsMargins(0, dp(10), 0, 0)
        return [pictures]

    def _open(
        self, checked: CheckedFile, signature: SignatureReport, said: WrappingLabel
    ) -> None:
        def write() -> list[Path]:
            from native_host.files.signed_content import save_revision
            from native_host.operations.documents import PrivateFolder

            if self._copies is None:
                self._copies = PrivateFolder()
            folder = self._copies.path
            path = save_revision(checked, signature, folder, self._texts.language)
            path.chmod(0o400)  # what is changed there would be lost
            return [path]

        def done(paths: list[Path]) -> None:
            if not open_file(paths[0]):
                self._tell(said, "files.not_opened", name=escape_name(paths[0].name))

        self._write(write, done, said)

    def _save(
        self,
        checked: CheckedFile,
        signature: SignatureReport | None,
        said: WrappingLabel,
    ) -> None:
        title = self._texts("check.save_signed")
        chosen = choose_folder(self._page, title, checked.path.parent)
        if chosen is None:
            return
        language = self._texts.language

        def write() -> list[Path]:
            from native_host.files.signed_content import save_revision, save_signed

            if signature is None:
                return save_signed(checked, chosen, language)
            return [save_revision(checked, signature, chosen, language)]

        def done(paths: list[Path]) -> None:
            path = paths[0] if signature else paths[0].parent
            self._tell(said, "check.saved", path=shown_path(path))

        self._write(write, done, said)

    def _write(
        self,
        write: Callable[[], list[Path]],
        done: Callable[[list[Path]], object],
        said: WrappingLabel,
    ) -> None:
        async def work() -> list[Path]:
            try:
                return await asyncio.to_thread(write)
            except OSError as error:
                raise KortillaError(error.strerror or str(error)) from error

        def failed(error: KortillaError) -> None:
            if error.code == "FILE_CHANGED":
                self._tell(said, "check.file_changed")
            else:
                self._tell(said, "check.not_written", error=printable(str(error)))

        said.hide()
        self._page.services.background.start(work, done, failed)

    def _tell(self, said: WrappingLabel, key: str, **values: str) -> None:
        words = self._texts(key, **values)
        said.setText(words)
        said.show()
        self._page.say(words)


def _around(areas: tuple[_Area, ...]) -> _Area:
    """Return the part of the page to show: areas with what is around them."""
    if not areas:
        return (0, 0, 1, 1)
    lefts, tops, rights, bottoms = zip(*areas, strict=True)
    across = _stretched(min(lefts), max(rights), _WIDE)
    down = _stretched(min(tops), max(bottoms), _HIGH)
    return (across[0], down[0], across[1], down[1])


def _stretched(first: float, last: float, least: float) -> tuple[float, float]:
    """Return a part of 0 to 1 with the same middle that is not too short."""
    length = max(least, 1.2 * (last - first))
    if length >= _WHOLE:
        return 0, 1
    begin = min(max((first + last - length) / 2, 0), 1 - length)
    return begin, begin + length


def _said() -> WrappingLabel:
    """Return a place for what came of pressing a button."""
    made = WrappingLabel("")
    made.hide()
    return made
