# SPDX-License-Identifier: MIT
"""Fixtures for a window in the test's own process and its messages to the host."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtGui import QAccessible, QAccessibleInterface, QFont
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget

from native_host.gui.accessibility import Announcer
from native_host.gui.frame import HeadingBand
from native_host.gui.panels import Notice
from native_host.pin_prompt.gui.codes_page import CodesPage
from native_host.pin_prompt.gui.header import SiteLabel
from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.pin_page import PinPage
from native_host.pin_prompt.gui.prompt_window import PromptWindow
from native_host.pin_prompt.messages import Ask, Open, WindowRequest
from native_host.pin_prompt.model import (
    Answer,
    CodeField,
    CodesQuestion,
    Conversation,
    Document,
    PinQuestion,
)
from native_host.pin_prompt.spawn import spawn
from native_host.pin_prompt.window import WindowPrompt
from native_host.texts.language import SPOKEN
from tests.pin_prompt.terminal import Call, Terminal, command
from tests.support.screen import Screen, open_screen
from tools.window_pictures import offscreen_application

W = TypeVar("W", bound=QWidget)

#: A day: no input guard ends on its own during a test.
NEVER = 24 * 3600 * 1000

#: The codes to ask for, with their permitted numbers of digits.
SEVEN = CodeField("activation", (7,))
PUK = CodeField("PUK", tuple(range(8, 13)))
OLD_PIN = CodeField("old", tuple(range(4, 13)))
NEW_PIN1 = CodeField("new-PIN1", tuple(range(4, 9)))
NEW_PIN2 = CodeField("new-PIN2", tuple(range(6, 9)))

EACH_LANGUAGE = pytest.mark.parametrize("language", SPOKEN)
NAME, DESCRIPTION = QAccessible.Text.Name, QAccessible.Text.Description
SITE, HOLDER = "https://login.service.example", "SPECIMEN-POHJALAINEN Aino"
CANCELLED = [{"type": "cancel"}]


def a_conversation(**changes: Any) -> Conversation:
    """Return a prompt in English for the mock card."""
    return replace(Conversation("authenticate", SITE, "en", True), **changes)


def a_question(**changes: Any) -> PinQuestion:
    """Return a question for PIN1 with all five tries left."""
    return replace(PinQuestion("PIN1", HOLDER, "99902038C", 5, 4, 12), **changes)


def a_codes_question(**changes: Any) -> CodesQuestion:
    """Return a question for all codes to activate a card; its code has seven digits."""
    fields = (SEVEN, NEW_PIN1, NEW_PIN2)
    asked = CodesQuestion("activate", fields, HOLDER, "99902038C", "PIN1", 5, 2026)
    return replace(asked, **changes)


def a_document(folder: Path, data: bytes = b"I agree.\n", **changes: Any) -> Document:
    """Return a document of a request, with its private copy in a folder."""
    path = folder / f"document-{len(list(folder.iterdir()))}"
    path.write_bytes(data)
    digest, size = hashlib.sha384(data).hexdigest(), len(data)
    name, kind = "agreement.txt", "text/plain"
    document = Document(name, "SHA-384", digest, size, kind, str(path))
    return replace(document, **changes)


def a_hash(**changes: Any) -> Document:
    """Return a bare hash with the name that a site claims for it."""
    digest = hashlib.sha256(b"contract").hexdigest()
    return replace(Document("contract.asice", "SHA-256", digest), **changes)


async def open_in_front(prompt: WindowPrompt, screen: Screen, **changes: Any) -> str:
    """Open a window on a screen, and return its id once it has the focus."""
    await prompt.open(a_conversation(**changes))
    return await asyncio.to_thread(screen.find_in_front, "Kortilla")


async def ask_in_front(
    prompt: WindowPrompt,
    screen: Screen,
    question: PinQuestion | CodesQuestion,
    **changes: Any,
) -> "asyncio.Future[Answer]":
    """Ask for a PIN or codes in a new window that has the focus."""
    await open_in_front(prompt, screen, **changes)
    asking = asyncio.ensure_future(prompt.ask(question))
    await asyncio.sleep(0)
    return asking


def interface(widget: QWidget) -> QAccessibleInterface:
    """Return what a screen reader gets of a widget."""
    found = QAccessible.queryAccessibleInterface(widget)
    assert found is not None
    return found


def pin(digits: str, number: int = 1) -> list[dict[str, Any]]:
    """Return the answers of a window in which one PIN was typed."""
    return [{"type": "pin", "number": number, "digits": digits}]


def agreed(number: int = 1) -> list[dict[str, Any]]:
    """Return the answers of a window in which the user agreed."""
    return [{"type": "agreed", "number": number}]


class Stage:
    """A window that takes messages as from the host, and keeps its answers.

    ``spoken`` are the announcements to screen readers, and ``polite`` says of each
    whether it waits for others.
    """

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []
        self.spoken: list[str] = []
        self.polite: list[bool] = []
        self.window = PromptWindow(
            lambda line: self.said.append(json.loads(line)),
            InputGuard(NEVER, 2 * NEVER),
        )
        self.guard = self.window.guard

    def open(self, **changes: Any) -> None:
        """Open the window and wait until it accepts typing."""
        self.handle(Open(a_conversation(**changes)))
        self.window.activateWindow()
        self.settle()

    def show(self, request: WindowRequest) -> None:
        """Handle a request, and end the input guard."""
        self.handle(request)
        self.guard.end()

    def ask(self, **changes: Any) -> PinPage:
        """Open the window at the page for PIN1, after the input guard's time."""
        self.open()
        self.show(Ask(1, a_question(**changes)))
        return self.pin_page

    def sign(self, *documents: Document, **changes: Any) -> PinPage:
        """Open the window at the page for PIN2, after the input guard's time."""
        self.open(operation="sign")
        asked = {"role": "PIN2", "min_length": 6, "documents": documents} | changes
        self.show(Ask(1, a_question(**asked)))
        return self.pin_page

    def ask_codes(self, **changes: Any) -> CodesPage:
        """Open an operation's window at its page, after the input guard's time."""
        question = a_codes_question(**changes)
        self.open(operation=question.operation, origin="")
        self.show(Ask(1, question))
        page = self.codes_page
        page.pause.setInterval(10**9)  # a test ends the pause when it wants
        page.hold.setInterval(0)  # it ends with the events that a key press causes
        return page

    def press(self, keys: str) -> None:
        """Press keys, each in the widget that has the focus."""
        for key in keys:
            QTest.keyClicks(self.focus, key)
            self.settle()

    def press_button(self, words: str) -> None:
        """Press the visible button with this text."""
        self.button(words).click()
        self.settle()

    def handle(self, request: WindowRequest) -> None:
        """Handle a message as from the host."""
        self.window.handle(request)
        self.settle()

    def settle(self, times: int = 1) -> None:
        """Process Qt's pending events."""
        for _ in range(times):
            QApplication.processEvents()

    def sees(self, *words: str) -> None:
        """Check that all words can be read."""
        assert not [each for each in words if each not in self.words], self.words

    def tab_order(self) -> list[QWidget]:
        """Go round by Tab, and return what has the focus in turn."""
        seen: list[QWidget] = []
        while self.focus not in seen:
            seen.append(self.focus)
            self.press("\t")
        return seen

    @property
    def focus(self) -> QWidget:
        """The widget that has the focus."""
        return self.window.focusWidget()

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
        return self.visible(SiteLabel)[0]

    @property
    def band(self) -> HeadingBand:
        """The band with the operation's heading."""
        [band] = self.visible(HeadingBand)
        return band

    @property
    def notices(self) -> list[str]:
        """The beginnings of all visible notices."""
        return [notice.label.text() for notice in self.visible(Notice)]

    @property
    def answers(self) -> list[dict[str, Any]]:
        """The messages to the host after the window has become visible."""
        return [answer for answer in self.said if answer != {"type": "visible"}]

    @property
    def words(self) -> str:
        """All visible texts."""
        return "\n".join(label.text() for label in self.visible(QLabel))

    def visible(self, kind: type[W]) -> list[W]:
        """Return all visible widgets of a kind."""
        return [each for each in self.window.findChildren(kind) if each.isVisible()]

    def button(self, words: str) -> QPushButton:
        """Return the visible button with this text."""
        return next(b for b in self.visible(QPushButton) if b.text() == words)


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

    def hear(event: Any) -> None:
        stage.spoken.append(event.message())
        stage.polite.append(
            event.politeness() == QAccessible.AnnouncementPoliteness.Polite
        )

    monkeypatch.setattr(Announcer, "together", 0)
    monkeypatch.setattr(
        "native_host.gui.accessibility.QAccessible.updateAccessibility", hear
    )
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
def window(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> Iterator[WindowPrompt]:
    """The window's process on that screen."""
    monkeypatch.setenv("DISPLAY", screen.display)
    process = spawn()
    yield WindowPrompt(process)
    if process.poll() is None:  # the test failed, and the next one needs the focus
        process.kill()
        process.wait()


@pytest.fixture
def at() -> Iterator[Callable[..., Terminal]]:
    """A function that has a prompt make calls at a terminal."""
    opened: list[Terminal] = []

    def at(
        *calls: Call,
        close_after: float = 0,
        separate_errors: bool = False,
        **changes: Any,
    ) -> Terminal:
        words = command(a_conversation(**changes), *calls, close_after=close_after)
        opened.append(Terminal(words, separate_errors=separate_errors))
        return opened[-1]

    yield at
    for terminal in opened:
        terminal.close()
