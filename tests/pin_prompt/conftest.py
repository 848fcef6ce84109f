# SPDX-License-Identifier: MIT
"""A window in the test's own process, and what it says to the host."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton

from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.pin_page import PinPage
from native_host.pin_prompt.gui.prompt_window import PromptWindow
from native_host.pin_prompt.gui.render import offscreen_application
from native_host.pin_prompt.gui.widgets import SiteLabel
from native_host.pin_prompt.messages import AskPin, Open, WindowRequest
from native_host.pin_prompt.model import (
    CodeField,
    CodesQuestion,
    Conversation,
    Document,
    PinQuestion,
)
from tests.pin_prompt.terminal import Terminal

#: A day: no guard ends by itself while a test runs.
NEVER = 24 * 3600 * 1000

#: The codes that are asked for, with the numbers of digits that each may have.
SEVEN = CodeField("activation", (7,))
PUK = CodeField("PUK", tuple(range(8, 13)))
OLD_PIN = CodeField("old", tuple(range(4, 13)))
NEW_PIN1 = CodeField("new-PIN1", tuple(range(4, 9)))
NEW_PIN2 = CodeField("new-PIN2", tuple(range(6, 9)))


def a_conversation(**changes: Any) -> Conversation:
    """Return a conversation in English with the mock card."""
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
    """Return a question for all that activates a card by a code of seven digits."""
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
    """Return a document that was handed over, with its private copy in a folder."""
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


@dataclass
class Stage:
    """A window that takes requests as from the host, and keeps what it answers."""

    said: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.window = PromptWindow(
            lambda line: self.said.append(json.loads(line)), InputGuard(NEVER)
        )

    def open(self, **changes: Any) -> None:
        """Open the window, and wait until it can be typed into."""
        self.handle(Open(a_conversation(**changes)))
        self.window.activateWindow()
        self.settle()

    def ask(self, **changes: Any) -> PinPage:
        """Open the window at the page for the PIN, with the guard gone."""
        self.open()
        self.handle(AskPin(1, a_question(**changes)))
        self.window.guard.end()
        return self.pin_page

    def sign(self, *documents: Document, **changes: Any) -> PinPage:
        """Open the window at the page that asks for PIN2, with the guard gone."""
        self.open(operation="sign")
        asked = {"role": "PIN2", "min_length": 6, "documents": documents} | changes
        self.handle(AskPin(1, a_question(**asked)))
        self.window.guard.end()
        return self.pin_page

    def handle(self, request: WindowRequest) -> None:
        """Take a request as from the host."""
        self.window.handle(request)
        self.settle()

    def settle(self) -> None:
        """Let the toolkit do what it has put off."""
        QApplication.processEvents()

    @property
    def pin_page(self) -> PinPage:
        """The page that asks for the PIN."""
        assert isinstance(self.window.page, PinPage)
        return self.window.page

    @property
    def site(self) -> SiteLabel:
        """The origin as it is shown."""
        sites = self.window.findChildren(SiteLabel)
        return next(site for site in sites if site.isVisible())

    @property
    def answers(self) -> list[dict[str, Any]]:
        """What was said after the window had become visible."""
        return [answer for answer in self.said if answer != {"type": "visible"}]

    @property
    def words(self) -> str:
        """All words that can be seen."""
        labels = self.window.findChildren(QLabel)
        return "\n".join(label.text() for label in labels if label.isVisible())

    def button(self, words: str) -> QPushButton:
        """The visible button with these words."""
        buttons = self.window.findChildren(QPushButton)
        return next(b for b in buttons if b.text() == words and b.isVisible())


@pytest.fixture(scope="session")
def application() -> QApplication:
    """The one application of the process, without a screen."""
    return offscreen_application()


@pytest.fixture
def stage(application: QApplication) -> Iterator[Stage]:
    """A window that has not been opened yet."""
    palette = application.palette()
    stage = Stage()
    yield stage
    stage.window.hide()
    stage.window.deleteLater()
    application.setPalette(palette)
    stage.settle()


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """Terminals to be put away after the test."""
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a screen reader is told to say."""
    heard: list[str] = []
    keep: Callable[[object], None] = lambda event: heard.append(event.message())  # type: ignore[attr-defined] # noqa: E731
    monkeypatch.setattr(
        "native_host.pin_prompt.gui.pages.QAccessible.updateAccessibility", keep
    )
    return heard
