# SPDX-License-Identifier: MIT
"""The window: a sidebar, and the page that is chosen there."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QEvent,
    QMessageLogContext,
    Qt,
    QTimer,
    QtMsgType,
    qInstallMessageHandler,
)
from PySide6.QtGui import (
    QGuiApplication,
    QIcon,
    QKeyEvent,
    QKeySequence,
    QResizeEvent,
    QShortcut,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QHBoxLayout,
    QPushButton,
    QStackedWidget,
)

from native_host.config import Config
from native_host.desktop.background import Background
from native_host.desktop.file_dialogs import dialog_words
from native_host.desktop.pages.page import PageBase, Services
from native_host.desktop.sidebar import Sidebar
from native_host.desktop.single_window import Handover, SingleWindow
from native_host.desktop.texts import Texts
from native_host.gui.accessibility import Announcer, FocusRing, TopWindow
from native_host.gui.application import QT_ENVIRONMENT, dress
from native_host.gui.sizes import dp
from native_host.platform import protection

if TYPE_CHECKING:
    from native_host.desktop.card_watch import Cards

#: The pages in the sidebar, with their icons. Each is a module of ``pages`` with a
#: class ``Page``, imported when the page is first shown. Its texts begin with its name.
PAGES: Mapping[str, str] = {
    "card": "person-on-card",
    "sign": "pen",
    "check": "file-tick",
    "encrypt": "lock",
    "self_check": "pulse",
    "settings": "sliders",
    "help": "question",
}
#: The name of the desktop file, by which desktops find the window's icon.
DESKTOP_FILE = "fi.kortilla.Kortilla"
_ICON = Path(__file__).parent / "kortilla.svg"
#: Milliseconds in which the window and its first page have appeared.
_SETTLED = 1000
_SELF_CHECK = "self_check"
_NAMES = [*PAGES]


class Window(TopWindow):
    """The pages. Ctrl with a number, or an arrow key in the sidebar, changes them."""

    def __init__(self, config: Config, language: str, background: Background) -> None:
        super().__init__()
        self._background = background
        dialog_words.speak(language)
        self.setWindowTitle("Kortilla")
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self.services = Services(
            texts=Texts(language),
            config=config,
            background=background,
            set_badge=self._set_badge,
            show_page=self.show_page,
            speak=self._speak,
            give_files=self.give_files,
            say=Announcer(self).say,
            tell_cards=self._tell_cards,
        )
        self.pages: dict[str, PageBase] = {}
        self._cards: Cards | None = None
        self._ring = FocusRing(self)
        self._build()
        for number, name in enumerate(PAGES, 1):
            shortcut = QShortcut(QKeySequence(f"Ctrl+{number}"), self)
            shortcut.activated.connect(lambda name=name: self._choose(name))
        QShortcut(QKeySequence("F1"), self).activated.connect(self._help)
        for keys in ("Ctrl+Q", "Ctrl+W"):
            QShortcut(QKeySequence(keys), self).activated.connect(self.close)
        self._fit_screen()

    def show_page(self, name: str) -> None:
        self.sidebar.list.setCurrentRow(_NAMES.index(name))

    def give_files(self, page: str, files: Sequence[Path]) -> None:
        self.show_page(page)
        self.pages[page].take(files)

    def come_forward(self, token: str, handover: Handover | None = None) -> None:
        """Bring the window to the front; ``token`` is the desktop's leave to do so."""
        if handover is not None:
            self.give_files(handover.page, handover.files)
        if token:
            os.environ["XDG_ACTIVATION_TOKEN"] = token  # Qt takes it out on Wayland
        if self.isMinimized():
            self.showNormal()
        self.raise_()
        self.activateWindow()

    def look_for_faults(self) -> None:
        """Put a number beside the self-check if it can fix something.

        Neither a card nor a reader is looked for. The page itself finds more.
        """
        card = self.services.config.card

        async def work() -> int:
            from native_host.doctor.examination import configured_place, examine_files

            place, _ = configured_place(card)
            return sum(each.is_fault for each in await examine_files(place))

        def done(faults: int) -> None:
            if _SELF_CHECK not in self.pages:
                self._set_badge(_SELF_CHECK, faults)

        self._background.start(work, done)

    def _build(self) -> None:
        texts = self.services.texts
        self.sidebar = Sidebar(texts("window.pages"), texts("not_official"))
        self._stack = QStackedWidget()
        for part in (self.sidebar, self._stack):
            self._layout.addWidget(part)
        self._layout.setStretch(1, 1)
        for name, icon in PAGES.items():
            self.sidebar.list.add(texts(f"{name}.title"), icon)
        self.sidebar.list.moved = self._ring.place
        self.sidebar.list.currentRowChanged.connect(self._on_row)
        self.sidebar.list.setCurrentRow(0)
        self.sidebar.list.setFocus()

    def _choose(self, name: str) -> None:
        self.show_page(name)
        self.sidebar.list.setFocus()

    def _help(self) -> None:
        self.show_page("help")
        self.pages["help"].setFocus()

    def _on_row(self, row: int) -> None:
        if row < 0:
            return
        name = _NAMES[row]
        page = self.pages.get(name)
        if page is None:
            module = importlib.import_module(f"native_host.desktop.pages.{name}")
            page = module.Page(self.services)
            self.pages[name] = page
            self._stack.addWidget(page)
            if self._cards is not None:
                page.cards_changed(self._cards)
        self._stack.setCurrentWidget(page)
        self.setWindowTitle(f"{self.services.texts(f'{name}.title')} – Kortilla")
        page.shown()

    def _tell_cards(self, cards: Cards) -> None:
        self._cards = cards
        for page in self.pages.values():
            page.cards_changed(cards)

    def _set_badge(self, name: str, count: int) -> None:
        words = self.services.texts("window.badge", count=count)
        self.sidebar.list.set_badge(_NAMES.index(name), count, words)
        self._fit_sidebar()

    def _speak(self, language: str) -> None:
        """Build the window anew in a language, with the focus where it was."""
        if language == self.services.texts.language:
            return
        current = self.sidebar.list.currentRow()
        focused = self.focusWidget()
        # The names of languages are the same in each.
        name = focused.text() if isinstance(focused, QAbstractButton) else ""
        self.services.texts = Texts(language)
        dialog_words.speak(language)
        for page in self.pages.values():
            page.leave()
        # They stay, hidden: see Kept.
        for old in (self.sidebar, self._stack):
            self._layout.removeWidget(old)
            old.hide()
        self.pages = {}
        self._build()
        self._fit_sidebar()
        self.sidebar.list.setCurrentRow(current)
        self.sidebar.list.clearFocus()
        self.pages[_NAMES[current]].focus_wanted = name

    def _fit_screen(self) -> None:
        room = self.screen().availableSize()
        self.setMinimumSize(min(dp(360), room.width()), min(dp(300), room.height()))
        self.resize(min(dp(996), room.width()), min(dp(680), room.height() - dp(20)))

    def _fit_sidebar(self) -> None:
        self.sidebar.fit(self.width())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        self._fit_sidebar()
        super().resizeEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        focused = self.focusWidget()
        pressed = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        # Outside dialogs, Qt leaves Enter to the window.
        if pressed and isinstance(focused, QPushButton) and not event.isAutoRepeat():
            focused.click()
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        super().changeEvent(event)
        if event.type() is QEvent.Type.ActivationChange and self.isActiveWindow():
            for page in self.pages.values():
                page.window_activated()


def run(
    config: Config,
    language: str,
    claim: SingleWindow,
    handover: Handover | None = None,
) -> None:
    """Show the window, with files on a page of it; return when it is closed."""
    protection.disable_core_dumps()
    # Desktop services, as that for choosing files, answer only what they can inspect.
    protection.allow_inspection()
    os.environ |= QT_ENVIRONMENT
    qInstallMessageHandler(_log)
    QGuiApplication.setDesktopFileName(DESKTOP_FILE)
    application = QApplication(["kortilla"])
    dress(application)
    QGuiApplication.setWindowIcon(QIcon(os.fspath(_ICON)))
    for name in QT_ENVIRONMENT:
        del os.environ[name]  # not for the windows that ask for codes
    background = Background()
    window = Window(config, language, background)
    window.show()
    if handover is not None:
        window.give_files(handover.page, handover.files)
    background.start(
        lambda: claim.listen(
            lambda *given: background.in_window(window.come_forward, *given)
        )
    )
    QTimer.singleShot(_SETTLED, window.look_for_faults)
    application.exec()
    background.close()


def _log(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
    # The environment can have Qt log each key press at these levels.
    if kind not in (QtMsgType.QtDebugMsg, QtMsgType.QtInfoMsg):
        print(f"Kortilla's window: {message}", file=sys.stderr, flush=True)
