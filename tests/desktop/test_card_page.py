# SPDX-License-Identifier: MIT
"""The page of the card: what it shows, and what a screen reader gets of it."""

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from native_host.card.errors import CardKind
from native_host.desktop.card_report import Cards, ReaderContent
from native_host.desktop.pages.card import Page
from native_host.desktop.window import Window
from native_host.gui.sizes import dp
from native_host.gui.tries import TriesLabel
from native_host.languages import SPOKEN
from tests.desktop.conftest import Open, buttons, headings, settle, unnamed, words
from tests.desktop.statuses import a_card, cards_of, failed, status_of
from tests.desktop.test_self_check import until
from tests.support import cards


@pytest.fixture
def page(open_window: Open, monkeypatch: pytest.MonkeyPatch) -> Page:
    monkeypatch.setattr(Page, "_start_following", lambda self: None)
    return page_of(open_window())


def page_of(window: Window) -> Page:
    page = window.pages["card"]
    assert isinstance(page, Page)
    return page


def show(page: Page, cards: Cards) -> None:
    page._show(cards)
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    settle(application)


def test_a_ready_card_has_its_holder_its_codes_and_their_buttons(page: Page) -> None:
    show(page, cards_of(status_of(a_card(tries={"PIN1": 5, "PIN2": 4, "PUK": 5}))))
    shown = words(page)
    assert "SPECIMEN-POHJALAINEN Aino" in shown
    assert "Electronic client identifier (SATU): 99902038C" in shown
    assert "The card is ready to use" in shown
    assert headings(page) == ["Card", "PINs and PUK"]
    assert [*buttons(page)] == [
        "Read the card again",
        *("Change PIN1", "I have forgotten PIN1"),
        *("Change PIN2", "I have forgotten PIN2"),
    ]
    tries = [each.text() for each in page.findChildren(TriesLabel) if each.isVisible()]
    assert tries == ["5 tries left", "4 tries left", "5 tries left"]
    assert unnamed(page.window()) == []


@pytest.mark.parametrize("language", SPOKEN)
@pytest.mark.parametrize(
    "status",
    [
        status_of(a_card(tries={"PIN1": 0, "PIN2": 1, "PUK": 0})),
        status_of(a_card(tries={"PIN1": None, "PIN2": 0, "PUK": 3})),
        status_of(a_card(holder=None, certificates=[], activation="unknown")),
        status_of(a_card(activation="new", pinsSet={"PIN1": False, "PIN2": False})),
        failed("CARD_MUTE"),
        failed("CARD_BUSY"),
        failed("SOMETHING_NEW"),
        *(failed("UNSUPPORTED_CARD", kind.name) for kind in CardKind),
        failed("UNSUPPORTED_CARD", "NO_SUCH_KIND"),
        None,
    ],
)
def test_each_state_has_words_in_each_language(
    open_window: Open,
    monkeypatch: pytest.MonkeyPatch,
    language: str,
    status: dict[str, Any] | None,
) -> None:
    monkeypatch.setattr(Page, "_start_following", lambda self: None)
    page = page_of(open_window(language))
    show(page, cards_of(status))
    assert len(words(page)) >= 2
    assert all(text.strip() for text in words(page))
    assert unnamed(page) == []


def test_a_new_card_is_activated_by_the_one_primary_button(page: Page) -> None:
    new = a_card(activation="new", pinsSet={"PIN1": False, "PIN2": False})
    show(page, cards_of(status_of(new)))
    assert [*buttons(page)] == ["Read the card again", "Activate the card"]
    assert words(page).count("Not set yet") == 2


def test_without_reader_card_or_service_it_says_what_to_do(page: Page) -> None:
    show(page, Cards())
    assert "No card reader was found." in words(page)
    show(page, Cards((ReaderContent("Example", False, None),)))
    assert "There is no card in the reader." in words(page)
    assert "Card reader: Example" in words(page)
    show(page, Cards(problem="PCSC_UNAVAILABLE"))
    assert "Card readers can't be used now" in words(page)


def test_a_test_card_is_marked_and_several_cards_are_told_of(page: Page) -> None:
    show(page, cards_of(status_of(a_card(), testCard=True), status_of(a_card())))
    assert any(text.startswith("TEST CARD") for text in words(page))
    assert any("several readers" in text for text in words(page))


def test_what_a_card_or_a_reader_says_cannot_garble_the_page(page: Page) -> None:
    name = "<b>A</b>\u202eB\nC"
    holder = {"name": name, "satu": "1\u0007"}
    status = status_of(a_card(holder=holder))
    show(page, Cards((ReaderContent(name, True, status),)))
    safe = "<b>A</b>\ufffdB\ufffdC"
    assert safe in words(page)
    assert f"Card reader: {safe}" in words(page)


def test_the_focus_stays_when_the_card_is_read_again(page: Page) -> None:
    show(page, cards_of(status_of(a_card())))
    buttons(page)["Change PIN2"].setFocus()
    show(page, cards_of(status_of(a_card(tries={"PIN1": 5, "PIN2": 3, "PUK": 5}))))
    assert buttons(page)["Change PIN2"].hasFocus()
    show(page, cards_of(status_of(a_card(tries={"PIN1": 5, "PIN2": 0, "PUK": 5}))))
    assert page.window().focusWidget() is not None


def test_the_keyboard_reaches_each_control(
    page: Page, application: QApplication
) -> None:
    show(page, cards_of(status_of(a_card())))
    window = page.window()
    assert isinstance(window, Window)
    window.sidebar.list.setFocus()
    reached = []
    for _ in range(5):
        QTest.keyClick(application.focusWidget() or window, Qt.Key.Key_Tab)
        reached.append(application.focusWidget())
    assert reached == [*buttons(page).values()]
    QTest.keyClick(window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert window.sidebar.list.hasFocus()


def test_a_narrow_window_shows_everything(page: Page) -> None:
    show(page, cards_of(status_of(a_card())))
    window = page.window()
    window.resize(dp(480), dp(400))
    show(page, cards_of(status_of(a_card())))
    view = page.area.viewport().width()
    for widget in (*buttons(page).values(), *page.findChildren(TriesLabel)):
        right = widget.mapTo(page.area.viewport(), widget.rect().topRight()).x()
        assert right <= view


def test_a_page_that_is_left_follows_no_card(
    open_window: Open, home: Path, application: QApplication
) -> None:
    cards.new_card(home / ".local/share/kortilla/mock-card")
    window = open_window()
    old = page_of(window)
    until(lambda: "AINO SPECIMEN-VIRTANEN" in words(old))
    window.services.speak("sv")
    assert old._following is not None
    assert old._following.cancelled()
    new = page_of(window)
    assert new is not old
    until(lambda: "AINO SPECIMEN-VIRTANEN" in words(new))
    old._show(Cards())
    assert "Kortet är klart att användas" in words(new)
