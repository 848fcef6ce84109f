# SPDX-License-Identifier: MIT
"""What all pages share: a title over contents that scroll, and what they may use."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QHBoxLayout,
    QVBoxLayout,
    QWidget,
)

from native_host.config import Config
from native_host.desktop.background import Background
from native_host.desktop.page_foot import PageFoot
from native_host.desktop.parts import clear
from native_host.desktop.scrolling import ScrolledSheet, Sheet
from native_host.desktop.texts import Texts
from native_host.gui.labels import Heading
from native_host.gui.sizes import dp

__all__ = ["PageBase", "Services", "TakesFiles"]

#: A foot that stays in sight takes at most one part of so many of the page.
_FOOT_PARTS = 4


@dataclass
class Services:
    """What a page may use.

    ``set_badge`` shows a number beside a page of a name. ``show_page`` goes to one.
    ``speak`` changes the language of the window. ``give_files`` goes to a page of a
    name and gives it files.
    """

    texts: Texts
    config: Config
    background: Background
    set_badge: Callable[[str, int], None]
    show_page: Callable[[str], None]
    speak: Callable[[str], None]
    give_files: Callable[[str, Sequence[Path]], None]


@runtime_checkable
class TakesFiles(Protocol):
    """A page that does something with files."""

    def take(self, files: Sequence[Path]) -> None:
        """Do with files what the page is for."""


class PageBase(QWidget):
    """A page: a heading, and ``contents`` below it, which scroll together."""

    def __init__(self, services: Services, title: str) -> None:
        super().__init__()
        self.services = services
        self.texts = services.texts
        #: The name of a control that gets the focus as soon as it is there.
        self.focus_wanted = ""
        self._gone = False
        self._shown_foot: PageFoot | None = None
        self.setAccessibleName(title)
        sheet = Sheet()
        self.area = ScrolledSheet(sheet)
        self._outer = QVBoxLayout(self)
        self._outer.setContentsMargins(0, 0, 0, 0)
        self._outer.setSpacing(0)
        self._outer.addWidget(self.area, 1)
        self._rows = QVBoxLayout(sheet)
        self._rows.setContentsMargins(dp(32), dp(24), dp(32), dp(24))
        self._rows.setSpacing(dp(16))
        self.title_row = QHBoxLayout()
        self.title_row.setSpacing(dp(12))
        self.title_row.addWidget(Heading(title, 25 / 15), 1)
        self._rows.addLayout(self.title_row)
        self.contents = QVBoxLayout()
        self.contents.setSpacing(dp(16))
        self._rows.addLayout(self.contents)
        self._end = QVBoxLayout()
        self._rows.addLayout(self._end)
        self._rows.addStretch(1)

    def shown(self) -> None:
        """Do what is to be done each time the page comes to the front."""

    def window_activated(self) -> None:
        """Do what is to be done when the person comes back to the window."""

    def leave(self) -> None:
        """End the page: what still runs for it shows nothing any more."""
        self._gone = True

    def fill(self, parts: list[QWidget], foot: PageFoot | None = None) -> None:
        """Replace the contents; the focus goes to the button with the same words."""
        if self._gone:
            return
        focused = self.window().focusWidget()
        inside = focused is not None and self.isAncestorOf(focused)
        name = focused.accessibleName() or _words(focused) if focused and inside else ""
        bar = self.area.verticalScrollBar()
        place = bar.value()
        clear(self.contents)
        for part in parts:
            self.contents.addWidget(part)
            part.show()
        self._set_foot(foot)
        filled = [*parts, foot] if foot else parts
        buttons = [b for part in filled for b in part.findChildren(QAbstractButton)]
        if self.focus_wanted:
            inside, name = True, self.focus_wanted
        same = (b for b in buttons if name in (b.accessibleName(), _words(b)))
        goal = next(same, None)
        if inside and (goal or not self.focus_wanted):
            (goal or next(iter(buttons), self)).setFocus()
            self.focus_wanted = ""
        bar.setValue(place)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        self._place_foot()
        super().resizeEvent(event)

    def _set_foot(self, foot: PageFoot | None) -> None:
        if self._shown_foot is not None:
            self._shown_foot.hide()
            self._shown_foot.deleteLater()
        self._shown_foot = foot
        if foot is not None:
            self._outer.addWidget(foot)
            self._place_foot()
            foot.show()

    def _place_foot(self) -> None:
        """Let the foot scroll with the rest where it would take much of the room."""
        if self._shown_foot is None:
            return
        self._shown_foot.set_fixed(True)
        fixed = self._shown_foot.height_at(self.width()) * _FOOT_PARTS <= self.height()
        self._shown_foot.set_fixed(fixed)
        wanted = self._outer if fixed else self._end
        if wanted.indexOf(self._shown_foot) < 0:
            focused = self._shown_foot.focusWidget()
            had = focused is not None and focused.hasFocus()
            wanted.addWidget(self._shown_foot)
            self._shown_foot.show()
            if had and focused is not None:
                focused.setFocus()


def _words(widget: QWidget) -> str:
    return widget.text() if isinstance(widget, QAbstractButton) else ""
