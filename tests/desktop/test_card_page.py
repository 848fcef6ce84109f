# SPDX-License-Identifier: MIT
"""The page of the card: what it says of each state, and to a screen reader."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from native_host.card.errors import CardKind
from native_host.desktop.card_watch import (
    Cards,
    ReaderContent,
    can_change,
    can_unlock,
    card_state,
    valid_until,
)
from native_host.desktop.pages.card import Page
from native_host.desktop.window import Window
from native_host.gui.labels import TriesLabel
from native_host.languages import SPOKEN
from tests.desktop.conftest import (
    Open,
    buttons,
    headings,
    page_of,
    settle,
    unnamed,
    until,
    visible,
    words,
)
from tests.support import cards

NOW = datetime.now(UTC)
READER = "Example Reader CR-100"


def a_card(**changes: Any) -> Any:
    """Return an active card with all tries."""
    certificates = [
        {
            "role": role,
            "notBefore": (NOW - timedelta(days=9)).isoformat(),
            "notAfter": (NOW + timedelta(days=900)).isoformat(),
        }
        for role in ("authentication", "signature")
    ]
    card: dict[str, Any] = {
        "holder": {"name": "SPECIMEN-POHJALAINEN Aino", "satu": "99902038C"},
        "certificates": certificates,
        "tries": {"PIN1": 5, "PIN2": 5, "PUK": 5},
        "pinsSet": {"PIN1": True, "PIN2": True},
        "activation": "active",
        "activationCodeLengths": [8],
    }
    return card | changes


def tries(pin1: int | None = 5, pin2: int | None = 5, puk: int | None = 5) -> Any:
    return {"tries": {"PIN1": pin1, "PIN2": pin2, "PUK": puk}}


UNREADABLE = {"role": "signature", "error": {"code": "CARD_MUTE", "message": "…"}}
NEW: dict[str, Any] = {
    "activation": "new",
    "pinsSet": {"PIN1": False, "PIN2": False},
}


def status_of(card: dict[str, Any] | None, **changes: Any) -> Any:
    return {"reader": READER, "testCard": False, "card": card} | changes


def failed(code: str, kind: str = "") -> Any:
    error = {"code": code, "message": "…"} | ({"kind": kind} if kind else {})
    return status_of(None, error=error)


def cards_of(*statuses: Any) -> Cards:
    """Return readers with cards of these statuses; None is one being read."""
    return Cards(tuple(ReaderContent(READER, True, each) for each in statuses))


PARTLY = {"activation": "partly", "pinsSet": {"PIN1": True, "PIN2": False}}
BLOCKED = {**NEW, **tries(0, 0), "activationCodeLengths": [7]}
READABLE = a_card()["certificates"][0]


@pytest.fixture
def page(open_window: Open, monkeypatch: pytest.MonkeyPatch) -> Page:
    monkeypatch.setattr(Page, "_start_following", lambda self: None)
    return page_of(open_window(), Page)


def show(page: Page, cards: Cards) -> None:
    page._show(cards)
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    settle(application)


def test_a_ready_card_has_its_holder_its_codes_and_their_buttons(page: Page) -> None:
    show(page, cards_of(status_of(a_card(**tries(5, 4)))))
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
    left = [each.text() for each in visible(page, TriesLabel)]
    assert left == ["5 tries left", "4 tries left", "5 tries left"]
    assert unnamed(page.window()) == []


@pytest.mark.parametrize("language", SPOKEN)
def test_each_state_has_words_in_each_language(
    open_window: Open, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setattr(Page, "_start_following", lambda self: None)
    page = page_of(open_window(language), Page)
    for status in (
        status_of(a_card(**tries(0, 1, 0))),
        status_of(a_card(**tries(None, 0, 3))),
        status_of(a_card(holder=None, certificates=[], activation="unknown")),
        status_of(a_card(**NEW)),
        failed("CARD_MUTE"),
        failed("CARD_BUSY"),
        failed("SOMETHING_NEW"),
        *(failed("UNSUPPORTED_CARD", kind.name) for kind in CardKind),
        failed("UNSUPPORTED_CARD", "NO_SUCH_KIND"),
        None,
    ):
        show(page, cards_of(status))
        said = words(page)
        assert len(said) >= 2, status
        assert all(text.strip() for text in said), status
        assert unnamed(page) == [], status


def test_a_new_card_is_activated_by_the_one_primary_button(page: Page) -> None:
    show(page, cards_of(status_of(a_card(**NEW))))
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
    show(page, cards_of(status_of(a_card(**tries(5, 3)))))
    assert buttons(page)["Change PIN2"].hasFocus()
    show(page, cards_of(status_of(a_card(**tries(5, 0)))))
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


def test_a_page_that_is_left_follows_no_card(
    open_window: Open, home: Path, application: QApplication
) -> None:
    cards.new_card(home / ".local/share/kortilla/mock-card")
    window = open_window()
    old = page_of(window, Page)
    until(lambda: "AINO SPECIMEN-VIRTANEN" in words(old))
    window.services.speak("sv")
    assert old._following is not None
    assert old._following.cancelled()
    new = page_of(window, Page)
    assert new is not old
    until(lambda: "AINO SPECIMEN-VIRTANEN" in words(new))
    old._show(Cards())
    assert "Kortet är klart att användas" in words(new)


@pytest.mark.parametrize(
    ("changes", "key", "kind"),
    [
        ({}, "ready", "good"),
        (tries(0), "pin1_locked", "error"),
        (tries(5, 0), "pin2_locked", "error"),
        (tries(0, 0), "pins_locked", "error"),
        (tries(1), "pin1_last", "warning"),
        (tries(5, 1), "pin2_last", "warning"),
        (tries(1, 1), "pins_last", "warning"),
        (tries(0, 5, 0), "lost", "error"),
        (tries(5, 5, 0), "puk_locked", "warning"),
        (tries(None, 5, 5), "ready", "good"),
        ({"activation": "unknown"}, "unknown", "warning"),
        ({"certificates": [UNREADABLE] * 2}, "no_certificate", "error"),
        ({"certificates": []}, "no_certificate", "error"),
        ({"certificates": [READABLE, UNREADABLE]}, "lacks_certificate", "warning"),
        (NEW, "new", "note"),
        (PARTLY, "partly", "warning"),
        (BLOCKED, "activation_blocked", "error"),
        # The PUK, which such a card's code is, sets a PIN without tries too.
        ({**NEW, **tries(0, 0), "activationCodeLengths": [8]}, "new", "note"),
    ],
)
def test_a_card_has_one_state(changes: dict[str, Any], key: str, kind: str) -> None:
    state = card_state(a_card(**changes), NOW)
    assert (state.key, state.kind) == (f"card.{key}", kind)
    assert state.can_activate == (key in ("new", "partly"))


def test_an_expired_card_says_so_before_all_else() -> None:
    card = a_card(**tries(0))
    late = NOW + timedelta(days=1000)
    assert card_state(card, late).key == "card.expired"
    card["certificates"][0] = {"role": "authentication", "error": {"code": "X"}}
    assert valid_until(card) is not None
    assert valid_until(a_card(certificates=[])) is None


@pytest.mark.parametrize(
    ("changes", "change", "unlock"),
    [
        ({}, True, True),
        (tries(0), False, True),
        (tries(0, 5, 0), False, False),
        (tries(3, 5, 0), True, False),
        (NEW, False, False),
        (BLOCKED, False, True),
    ],
)
def test_a_button_is_there_if_it_can_do_something(
    changes: dict[str, Any], change: bool, unlock: bool
) -> None:
    card = a_card(**changes)
    assert (can_change(card, "PIN1"), can_unlock(card, "PIN1")) == (change, unlock)
