# SPDX-License-Identifier: MIT
"""Fixtures for a window in the test's own process and its messages to the host."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtGui import QAccessible, QAccessibleInterface, QFont
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget

from native_host.gui.accessibility import Announcer
from native_host.pin_prompt import texts
from native_host.pin_prompt.gui.codes_page import CodesPage
from native_host.pin_prompt.gui.header import SiteLabel
from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.pin_page import PinPage
from native_host.pin_prompt.gui.prompt_window import PromptWindow
from native_host.pin_prompt.gui.render import offscreen_application
from native_host.pin_prompt.messages import Ask, Open, WindowRequest
from native_host.pin_prompt.model import (
    CodeField,
    CodesQuestion,
    Conversation,
    Document,
    PinQuestion,
)
from native_host.pin_prompt.window import WindowPrompt
from tests.pin_prompt.terminal import Terminal
from tests.support.screen import Screen, open_screen

#: A day: no input guard ends on its own during a test.
NEVER = 24 * 3600 * 1000

#: The codes to ask for, with their permitted numbers of digits.
SEVEN = CodeField("activation", (7,))
PUK = CodeField("PUK", tuple(range(8, 13)))
OLD_PIN = CodeField("old", tuple(range(4, 13)))
NEW_PIN1 = CodeField("new-PIN1", tuple(range(4, 9)))
NEW_PIN2 = CodeField("new-PIN2", tuple(range(6, 9)))

EACH_LANGUAGE = pytest.mark.parametrize("language", texts.languages())
NAME, DESCRIPTION = QAccessible.Text.Name, QAccessible.Text.Description


def a_conversation(**changes: Any) -> Conversation:
    """Return a prompt in English for the mock card."""
    values: dict[str, Any] = {
        "operation": "authenticate",
        "origin": "https://login.service.example",
        "language": "en",
        "test_card": True,
    }
    return Conversation(**values | changes)


def a_question(**changes: Any) -> PinQuestion:
    """Return a question for PIN1 with all five tries left."""
    values: dict[str, Any] = {
        "role": "PIN1",
        "name": "SPECIMEN-POHJALAINEN Aino",
        "satu": "99902038C",
        "tries_left": 5,
        "min_length": 4,
        "max_length": 12,
    }
    return PinQuestion(**values | changes)


def a_codes_question(**changes: Any) -> CodesQuestion:
    """Return a question for all codes to activate a card; its code has seven digits."""
    values: dict[str, Any] = {
        "operation": "activate",
        "fields": (SEVEN, NEW_PIN1, NEW_PIN2),
        "name": "SPECIMEN-POHJALAINEN Aino",
        "satu": "99902038C",
        "at_risk": "PIN1",
        "tries_left": 5,
    }
    return CodesQuestion(**values | changes)


def a_document(folder: Path, data: bytes = b"I agree.\n", **changes: Any) -> Document:
    """Return a document of a request, with its private copy in a folder."""
    path = folder / f"document-{len(list(folder.iterdir()))}"
    path.write_bytes(data)
    values: dict[str, Any] = {
        "name": "agreement.txt",
        "hash_function": "SHA-384",
        "digest": hashlib.sha384(data).hexdigest(),
        "size": len(data),
        "media_type": "text/plain",
        "path": str(path),
    }
    return Document(**values | changes)


def a_hash(**changes: Any) -> Document:
    """Return a bare hash with the name that a site claims for it."""
    values: dict[str, Any] = {
        "name": "contract.asice",
        "hash_function": "SHA-256",
        "digest": hashlib.sha256(b"contract").hexdigest(),
    }
    return Document(**values | changes)


async def open_in_front(prompt: WindowPrompt, screen: Screen, **changes: Any) -> str:
    """Open a window on a screen, and return its id once it has the focus."""
    await prompt.open(a_conversation(**changes))
    shown = await asyncio.to_thread(screen.find, "Kortilla")
    await asyncio.to_thread(screen.wait_for_focus, shown)
    return shown


def interface(widget: QWidget) -> QAccessibleInterface:
    """Return what a screen reader gets of a widget."""
    found = QAccessible.queryAccessibleInterface(widget)
    assert found is not None
    return found


@dataclass
class Stage:
    """A window that takes messages as from the host, and keeps its answers."""

    said: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.window = PromptWindow(
            lambda line: self.said.append(json.loads(line)),
            InputGuard(NEVER, 2 * NEVER),
        )

    def open(self, **changes: Any) -> None:
        """Open the window and wait until it accepts typing."""
        self.handle(Open(a_conversation(**changes)))
        self.window.activateWindow()
        self.settle()

    def ask(self, **changes: Any) -> PinPage:
        """Open the window at the page for PIN1, after the input guard's time."""
        self.open()
        self.handle(Ask(1, a_question(**changes)))
        self.window.guard.end()
        return self.pin_page

    def sign(self, *documents: Document, **changes: Any) -> PinPage:
        """Open the window at the page for PIN2, after the input guard's time."""
        self.open(operation="sign")
        asked = {"role": "PIN2", "min_length": 6, "documents": documents} | changes
        self.handle(Ask(1, a_question(**asked)))
        self.window.guard.end()
        return self.pin_page

    def ask_codes(self, **changes: Any) -> CodesPage:
        """Open an operation's window at its page, after the input guard's time."""
        question = a_codes_question(**changes)
        self.open(operation=question.operation, origin="")
        self.handle(Ask(1, question))
        self.window.guard.end()
        page = self.codes_page
        page.pause.setInterval(10**9)  # a test ends the pause when it wants
        page.hold.setInterval(0)  # it ends with the events that a key press causes
        return page

    def press(self, keys: str) -> None:
        """Press keys, each in the widget that has the focus."""
        for key in keys:
            QTest.keyClicks(self.window.focusWidget(), key)
            self.settle()

    def press_button(self, words: str) -> None:
        """Press the visible button with this text."""
        self.button(words).click()
        self.settle()

    def handle(self, request: WindowRequest) -> None:
        """Handle a message as from the host."""
        self.window.handle(request)
        self.settle()

    def settle(self) -> None:
        """Process Qt's pending events."""
        QApplication.processEvents()

    @property
    def pin_page(self) -> PinPage:
        """The page that asks for the PIN."""
        assert isinstance(self.window.page, PinPage)
        return self.window.page

    @property
    def codes_page(self) -> CodesPage:
        """The page that asks for codes."""
        assert isinstance(self.window.page, CodesPage)
        return self.window.page

    @property
    def site(self) -> SiteLabel:
        """The origin as the window shows it."""
        sites = self.window.findChildren(SiteLabel)
        return next(site for site in sites if site.isVisible())

    @property
    def answers(self) -> list[dict[str, Any]]:
        """The messages to the host after the window has become visible."""
        return [answer for answer in self.said if answer != {"type": "visible"}]

    @property
    def words(self) -> str:
        """All visible texts."""
        labels = self.window.findChildren(QLabel)
        return "\n".join(label.text() for label in labels if label.isVisible())

    def button(self, words: str) -> QPushButton:
        """The visible button with this text."""
        buttons = self.window.findChildren(QPushButton)
        return next(b for b in buttons if b.text() == words and b.isVisible())


@pytest.fixture(scope="session")
def application() -> QApplication:
    """The process's single QApplication, without a screen."""
    there = QApplication.instance()
    return there if isinstance(there, QApplication) else offscreen_application()


@contextmanager
def text_size(factor: float) -> Iterator[None]:
    """Set the desktop's text to a multiple of its size."""
    before = QApplication.font()
    larger = QFont(before)
    larger.setPointSizeF(before.pointSizeF() * factor)
    QApplication.setFont(larger)
    try:
        yield
    finally:
        QApplication.setFont(before)


@pytest.fixture
def large_text(application: QApplication) -> Iterator[None]:
    """The desktop's text at double size."""
    with text_size(2):
        yield


@pytest.fixture(params=[1, 2])
def each_text_size(
    application: QApplication, request: pytest.FixtureRequest
) -> Iterator[None]:
    """The desktop's text at normal and at double size."""
    with text_size(request.param):
        yield


@pytest.fixture
def stage(
    application: QApplication, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    """A window that is not open yet."""
    # It would end all event loops that later tests start in this process.
    monkeypatch.setattr(QApplication, "exit", lambda: None)
    palette = application.palette()
    stage = Stage()
    yield stage
    stage.window.hide()
    stage.window.deleteLater()
    # Without an event loop, processEvents leaves it: it would follow each later change
    # of palette and font.
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    application.setPalette(palette)
    stage.settle()


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    """A screen with a window manager."""
    with open_screen() as screen:
        yield screen


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """Terminals that the teardown closes."""
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The announcements to screen readers."""
    heard: list[str] = []
    keep: Callable[[object], None] = lambda event: heard.append(event.message())  # type: ignore[attr-defined] # noqa: E731
    monkeypatch.setattr(Announcer, "together", 0)
    monkeypatch.setattr(
        "native_host.gui.accessibility.QAccessible.updateAccessibility", keep
    )
    return heard
