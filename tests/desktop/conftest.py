# SPDX-License-Identifier: MIT
"""Fixtures for the window of ``kortilla open``: a person's own folders, and pages."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from PySide6.QtCore import QEvent, QEventLoop, QTimer
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget

from native_host.config import Config
from native_host.desktop.background import Background
from native_host.desktop.pages.page import PageBase, Services
from native_host.desktop.window import Window
from native_host.gui.labels import Heading, WrappingHeading
from tests.pin_prompt.conftest import application
from tests.support import cards
from tests.support.patience import patience

__all__ = ["application"]

Open = Callable[..., Window]
Kind = TypeVar("Kind", bound=PageBase)
Part = TypeVar("Part", bound=QWidget)

LETTER = b"SPECIMEN: a letter"
_BETWEEN_LOOKS = 10  # milliseconds

#: The roles of what a person can act on, and of what a screen reader goes to.
CONTROLS = {
    QAccessible.Role.Button,
    QAccessible.Role.CheckBox,
    QAccessible.Role.RadioButton,
    QAccessible.Role.List,
    QAccessible.Role.ListItem,
    QAccessible.Role.Heading,
    QAccessible.Role.EditableText,
}


@pytest.fixture(autouse=True)
def home(empty_session: Path) -> Path:
    return empty_session


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    path = tmp_path / "files/letter.txt"
    path.parent.mkdir()
    path.write_bytes(LETTER)
    return path


@pytest.fixture
def own_card(home: Path) -> Path:
    """The folder of the mock card in the reader."""
    return cards.new_card(home / ".local/share/kortilla/mock-card").folder


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The certificate file of another card."""
    return certificate(tmp_path / "other", number=2)


def certificate(folder: Path, *, number: int) -> Path:
    """Make a card, and return the file of its certificate."""
    [key] = [
        each
        for each in cards.new_card(folder, number=number).read().keys
        if each.reference == 1
    ]
    path = folder.with_suffix(".der")
    path.write_bytes(key.certificate)
    return path


@pytest.fixture
def background(application: QApplication) -> Iterator[Background]:
    """The event loop beside the window."""
    background = Background()
    yield background
    background.close()
    application.processEvents()


@pytest.fixture
def open_window(application: QApplication, background: Background) -> Iterator[Open]:
    """A function that shows the window, which follows no card on its own."""
    opened: list[Window] = []

    def open_window(
        language: str = "en", card: str = "mock", config: Config | None = None
    ) -> Window:
        config = config or Config(card=card)  # type: ignore[arg-type] # one of its values
        window = Window(config, language, background)
        opened.append(window)
        window.show()
        window.activateWindow()
        settle(application)
        return window

    yield open_window
    for window in opened:
        window.hide()
        window.deleteLater()
    settle(application)


def settle(application: QApplication) -> None:
    """Process events until layouts that depend on each other are stable."""
    for _ in range(4):
        application.sendPostedEvents(None, QEvent.Type.LayoutRequest.value)
        application.processEvents()


def until(condition: Callable[[], Any]) -> None:
    """Process events until a condition holds."""
    end = time.monotonic() + patience()
    # An event for conditions that come without one. With a limit of its time,
    # processEvents would not wait.
    waking = QTimer(interval=_BETWEEN_LOOKS)
    waking.start()
    while not condition():
        assert time.monotonic() < end, "nothing happened in the window"
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
    waking.stop()


def page_of(window: Window, kind: type[Kind]) -> Kind:
    """Show a page, and return it."""
    name = kind.__module__.rpartition(".")[2]
    window.show_page(name)
    page = window.pages[name]
    assert isinstance(page, kind)
    return page


def interfaces(widget: QWidget) -> Iterator[QAccessibleInterface]:
    """Yield what a screen reader gets of a widget and all below it that is visible."""
    found = QAccessible.queryAccessibleInterface(widget)
    assert found is not None
    yield from _below(found)


def _below(found: QAccessibleInterface) -> Iterator[QAccessibleInterface]:
    yield found
    for index in range(found.childCount()):
        child = found.child(index)
        if child is not None and not child.state().invisible:
            yield from _below(child)


def unnamed(widget: QWidget) -> list[str]:
    """Return the controls without a name for screen readers."""
    return [
        each.role().name
        for each in interfaces(widget)
        if each.role() in CONTROLS and not each.text(QAccessible.Text.Name)
    ]


def visible(widget: QWidget, kind: type[Part]) -> list[Part]:
    """Return the visible parts of a kind, in order."""
    return [each for each in widget.findChildren(kind) if each.isVisible()]


def words(widget: QWidget) -> list[str]:
    """Return all visible texts of labels, in order."""
    return [each.text() for each in visible(widget, QLabel)]


def headings(widget: QWidget) -> list[str]:
    kinds = (Heading, WrappingHeading)
    return [each.text() for each in visible(widget, QLabel) if isinstance(each, kinds)]


def buttons(widget: QWidget) -> dict[str, QPushButton]:
    """Return the visible buttons by their names for screen readers."""
    found = visible(widget, QPushButton)
    return {each.accessibleName() or each.text(): each for each in found}


def is_heard_once(page: QWidget, said: list[str], heading: str) -> str:
    """Assert that an outcome has the focus and was said once. Return what was said."""
    focused = page.window().focusWidget()
    assert isinstance(focused, Heading)
    assert focused.text() == heading
    assert headings(page).count(heading) == 1
    [once] = [each for each in said if each.startswith(heading)]
    return once


def hear(services: Services, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets what a screen reader is given to say from now on."""
    said: list[str] = []
    monkeypatch.setattr(services, "say", lambda words, **_: said.append(words))
    return said
