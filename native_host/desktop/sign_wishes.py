# SPDX-License-Identifier: MIT
"""What the person wants of a signing: its form, a mark on a page, and a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from kortilla.common.corners import CORNERS, Corner
from kortilla.common.escaping import escape_name
from native_host.desktop.choice import Beside, Choice, explained, flush
from native_host.desktop.mark_preview import MarkPreview
from native_host.desktop.page import Services
from native_host.desktop.page_painter import PagePainter, PagePicture
from native_host.desktop.parts import Kept, Row, RowsPanel, arrange, muted
from native_host.files.sources import Mark, Wish, shown_path
from native_host.gui.buttons import Button
from native_host.gui.labels import Heading, WrappingLabel, label
from native_host.gui.wrapping_buttons import WrappingCheckBox, WrappingRadioButton

_PAGES = {"last": -1, "first": 0}


class Wishes:
    """The wishes, and their controls. ``changed`` is called to show them anew."""

    def __init__(
        self, services: Services, kept: Kept, changed: Callable[[], object]
    ) -> None:
        self._texts = services.texts
        self._kept = kept
        self._changed = changed
        self._container = False
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

    def wish(self, files: Sequence[Path]) -> Wish:
        """Return what is to be signed, and how."""
        marked = self._marked and not self._container and any(map(is_pdf, files))
        return Wish(
            files=tuple(files),
            language=self._texts.language,
            out=self._out,
            container=self._container,
            mark=Mark(_PAGES[self._page], self._corner) if marked else None,
        )

    def put_into(self, folder: Path | None) -> None:
        """Choose the folder of the signed files; None is beside the originals."""
        self._out = folder
        self._changed()

    def stop(self) -> None:
        """Draw no page any more."""
        if self._painter is not None:
            self._painter.stop()
            self._painter = None

    def parts(self, files: Sequence[Path]) -> list[QWidget]:
        """Return the controls of the wishes for files."""
        parts: list[QWidget] = []
        pdfs = [each for each in files if is_pdf(each)]
        if pdfs:
            parts.append(self._kept("result", self._heading))
            mixed = len(pdfs) < len(files)
            parts.append(self._kept(("forms", mixed), partial(self._forms, mixed)))
            for choice in parts[-1].findChildren(Choice):
                if (choice.form == "package") == self._container:
                    choice.setChecked(True)
        if pdfs and not self._container:
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
        """Return the controls of the mark beside the place of its preview."""
        controls = QWidget()
        rows = QVBoxLayout(controls)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        pages = self._radios("sign.page", [*_PAGES], self._page, self._set_page)
        places = self._radios("sign.place", CORNERS, self._corner, self._set_corner)
        rows.addWidget(pages)
        rows.addSpacing(8)
        rows.addWidget(places)
        rows.addStretch(1)
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
        group = QWidget()
        rows = QVBoxLayout(group)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        for name in names:
            button = flush(WrappingRadioButton(self._texts(f"{key}.{name}")))
            button.setChecked(name == chosen)
            button.toggled.connect(
                lambda on, name=name: setter(name) if on else None,
            )
            rows.addWidget(button)
        return group

    def _set_form(self, form: str) -> None:
        self._container = form == "package"
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
        """Return where the signed files come, with buttons that change it."""
        controls: list[tuple[str, Callable[[], object]]] = [
            ("sign.folder", self._choose_folder)
        ]
        if self._out is None:
            words: list[QWidget] = [label(self._texts("sign.beside"))]
        else:
            folder = WrappingLabel(shown(self._out), bold=True)
            words = [label(self._texts("sign.into")), folder]
            controls.append(("sign.folder.none", partial(self.put_into, None)))
        buttons = []
        for key, press in controls:
            button = Button(self._texts(key), height=40)
            button.clicked.connect(lambda _=False, press=press: press())
            buttons.append(button)
        panel = RowsPanel()
        panel.add(Row(None, words, buttons))
        return panel

    def _choose_folder(self) -> None:
        start = os.fspath(self._out or self._start)
        title = self._texts("sign.folder")
        if chosen := QFileDialog.getExistingDirectory(None, title, start):
            self.put_into(Path(chosen))


def is_pdf(path: Path) -> bool:
    """Return whether a file's name is that of a PDF."""
    return path.suffix.casefold() == ".pdf"


def shown(path: Path) -> str:
    """Return a path as it may be shown."""
    return shown_path(path)
