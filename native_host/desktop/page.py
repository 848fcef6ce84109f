# SPDX-License-Identifier: MIT
"""What all pages share: a title over contents that scroll, and what they may use."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from native_host.config import Config
from native_host.desktop.background import Background
from native_host.desktop.parts import clear
from native_host.desktop.texts import Texts
from native_host.gui.labels import Heading
from native_host.gui.sizes import dp

__all__ = ["PageBase", "Services", "TakesFiles"]


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


class PageBase(QScrollArea):
    """A page: a heading, and ``contents`` below it, which scroll together."""

    def __init__(self, services: Services, title: str) -> None:
        super().__init__()
        self.services = services
        self.texts = services.texts
        #: The name of a control that gets the focus as soon as it is there.
        self.focus_wanted = ""
        self._gone = False
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(title)
        sheet = _Sheet()
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
        self._rows.addStretch(1)
        self.setWidget(sheet)

    def shown(self) -> None:
        """Do what is to be done each time the page comes to the front."""

    def window_activated(self) -> None:
        """Do what is to be done when the person comes back to the window."""

    def leave(self) -> None:
        """End the page: what still runs for it shows nothing any more."""
        self._gone = True

    def fill(self, parts: list[QWidget]) -> None:
        """Replace the contents; the focus goes to the button with the same words."""
        if self._gone:
            return
        focused = QApplication.focusWidget()
        inside = focused is not None and self.isAncestorOf(focused)
        name = focused.accessibleName() or _words(focused) if focused and inside else ""
        place = self.verticalScrollBar().value()
        clear(self.contents)
        for part in parts:
            self.contents.addWidget(part)
            part.show()
        buttons = [b for part in parts for b in part.findChildren(QAbstractButton)]
        if self.focus_wanted:
            inside, name = True, self.focus_wanted
        same = (b for b in buttons if name in (b.accessibleName(), _words(b)))
        goal = next(same, None)
        if inside and (goal or not self.focus_wanted):
            (goal or next(iter(buttons), self)).setFocus()
            self.focus_wanted = ""
        self.verticalScrollBar().setValue(place)


class _Sheet(QWidget):
    """What scrolls. It is as high as its text needs at the width that is there."""

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        least = super().minimumSizeHint()
        view = self.parentWidget()
        if view is None:
            return least
        return QSize(least.width(), self.heightForWidth(view.width()))


def _words(widget: QWidget) -> str:
    return widget.text() if isinstance(widget, QAbstractButton) else ""
