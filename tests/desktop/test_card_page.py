# SPDX-License-Identifier: MIT
"""The page of the card: what it says of each state, and to a screen reader."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton

from native_host.desktop.card_watch import Cards, ReaderContent
from native_host.desktop.pages.card import Page
from native_host.desktop.window import Window
from native_host.gui.labels import TriesLabel
from native_host.operations.card_words import readers_words
from native_host.texts.card import CardTexts
from tests.desktop.conftest import (
    Open,
    buttons,
    headings,
    hear,
    interfaces,
    is_heard_once,
    page_of,
    settle,
    unnamed,
    until,
    visible,
    words,
)
from tests.support import cards
from tests.support.card_statuses import (
    NEW,
    NOW,
    READER,
    STATES,
    a_card,
    failed,
    status_of,
    tries,
)


def cards_of(*statuses: Any) -> Cards:
    """Return readers with cards of these statuses; None is one being read."""
    return Cards(tuple(ReaderContent(READER, True, each) for each in statuses))


@pytest.fixture
def page(open_window: Open, monkeypatch: pytest.MonkeyPatch) -> Page:
    monkeypatch.setattr(Page, "_start_following", lambda self: None)
    window = open_window()
    window.services.clock = lambda: NOW
    return page_of(window, Page)


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
    assert "The card is ready to use." in shown
    assert headings(page) == ["Card", "SPECIMEN-POHJALAINEN Aino", "PINs and PUK"]
    assert [
        each.text(QAccessible.Text.Name)
        for each in interfaces(page)
        if each.role() is QAccessible.Role.Heading
    ] == headings(page)
    assert [*buttons(page)] == [
        "Read the card again",
        *("Change PIN1", "Forgotten: PIN1"),
        *("Change PIN2", "Forgotten: PIN2"),
    ]
    left = [each.text() for each in visible(page, TriesLabel)]
    assert left == ["5 tries left", "4 tries left", "5 tries left"]
    assert unnamed(page.window()) == []


def test_each_state_is_said_as_the_host_words_it(page: Page) -> None:
    """``tests/operations`` has the judgement, and the other faces."""
    texts = CardTexts("en")
    for name, state in STATES.items():
        readers = state.readers
        used = state.kind not in ("no_card", "no_reader")
        show(page, Cards(tuple(ReaderContent(READER, used, each) for each in readers)))
        words_now = readers_words(readers, NOW, texts)
        said = next(filter(None, words_now["cards"]), None) or words_now["state"]
        assert said is not None
        shown = words(page)
        assert said["title"] in shown, name
        assert said["more"] in [*shown, ""], name
        assert unnamed(page) == [], name
        card = words_now["cards"][0] if words_now["cards"] else None
        offered = {*buttons(page)} - {"Read the card again", "Check Kortilla"}
        acts = card["actions"] if card else []
        codes = card["codes"] if card else []
        pins = [each for code in codes for each in code["actions"]]
        assert offered == {each["name"] for each in [*acts, *pins]}, name
    show(page, cards_of(None))
    assert "Reading the card…" in words(page)


def test_without_card_or_service_it_says_what_to_do(page: Page) -> None:
    show(page, Cards((ReaderContent("Example", False, None),)))
    assert "Card reader: Example" in words(page)
    show(page, Cards(problem="PCSC_UNAVAILABLE"))
    assert "Card readers can't be used now." in words(page)


def test_a_test_card_is_marked(page: Page) -> None:
    show(page, cards_of(status_of(a_card(), testCard=True)))
    assert any(text.startswith("TEST CARD") for text in words(page))


def in_readers(*holders: str, **changes: Any) -> Cards:
    """Return readers ``A``, ``B``, … with the cards of these people."""
    return Cards(
        tuple(
            ReaderContent(
                name,
                True,
                status_of(a_card(holder={"name": h, "satu": "1"}, **changes)),
            )
            for name, h in zip("ABC", holders, strict=False)
        )
    )


def test_each_of_several_cards_has_its_holders_name_on_all_that_is_its_own(
    page: Page,
) -> None:
    show(page, in_readers("SPECIMEN-A", "SPECIMEN-B"))
    assert headings(page) == [
        *("Card", "SPECIMEN-A", "PINs and PUK: SPECIMEN-A"),
        *("SPECIMEN-B", "PINs and PUK: SPECIMEN-B"),
    ]
    names = [*buttons(page)]
    assert len(names) == len(visible(page, QPushButton))  # no two are the same
    assert names[1] == "Change PIN1, SPECIMEN-A"
    assert names[-1] == "Forgotten: PIN2, SPECIMEN-B"
    # The cards of one person are told apart by their readers.
    show(page, in_readers("SPECIMEN-A", "SPECIMEN-A", "SPECIMEN-C", **NEW))
    assert [*buttons(page)][1:] == [
        *("Activate the card, SPECIMEN-A, A", "Activate the card, SPECIMEN-A, B"),
        "Activate the card, SPECIMEN-C",
    ]


def test_what_becomes_of_the_cards_is_said_and_again_when_it_is_asked_for(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(page, "say", lambda words, politely=False: said.append(words))
    ready = cards_of(status_of(a_card()))
    show(page, cards_of(None))  # it is being read
    show(page, ready)
    show(page, ready)
    assert said == ["SPECIMEN-POHJALAINEN Aino: The card is ready to use."]
    buttons(page)["Read the card again"].click()
    show(page, ready)
    assert said[1:] == said[:1]
    del said[:]
    show(page, cards_of(status_of(a_card(**tries(0))), failed("CARD_MUTE")))
    show(page, Cards((ReaderContent(READER, False, None),)))
    assert said == [
        "SPECIMEN-POHJALAINEN Aino: The basic PIN (PIN1) is locked. "
        "The card does not answer.",
        "There is no card in the reader.",
    ]
    page.services.show_page("sign")
    show(page, ready)
    assert len(said) == 2


def test_a_button_opens_the_window_for_its_own_card(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[str, ...]] = []

    def start(words: tuple[str, ...], _: object) -> bool:
        opened.append(words)
        return True

    monkeypatch.setattr(page._prompts, "start", start)
    show(page, in_readers("SPECIMEN-A", "SPECIMEN-B"))
    buttons(page)["Change PIN1, SPECIMEN-B"].click()
    buttons(page)["Forgotten: PIN2, SPECIMEN-A"].click()
    show(page, in_readers("SPECIMEN-A", "SPECIMEN-B", **NEW))
    buttons(page)["Activate the card, SPECIMEN-B"].click()
    assert opened == [
        ("change-pin", "pin1", "--reader=B"),
        ("unblock", "pin2", "--reader=A"),
        ("activate", "--reader=B"),
    ]


def test_each_end_of_an_action_is_a_heading_that_is_said_once(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = hear(page.services, monkeypatch)
    ends: list[Callable[[str], object]] = []

    def start(words: tuple[str, ...], ended: Callable[[str], object]) -> bool:
        ends.append(ended)
        return True

    monkeypatch.setattr(page._prompts, "start", start)
    show(page, cards_of(status_of(a_card())))
    for code, heading, spoken in (
        ("", "The PIN is changed", "The PIN is changed. Signature PIN (PIN2)"),
        ("USER_CANCELLED", "You cancelled", "You cancelled."),
        ("CARD_REMOVED", "It was not completed", "It was not completed. The state"),
        ("PROMPT_FAILED", "It was not completed", "It was not completed. Kortilla’s"),
    ):
        change = buttons(page)["Change PIN2"]
        change.setFocus()
        said.clear()
        change.click()
        # The window that opens is heard first.
        assert page.window().focusWidget() is change
        assert said == []
        assert heading not in words(page)
        ends.pop()(code)
        assert is_heard_once(page, said, heading).startswith(spoken)
        # It stays when the card is read again.
        show(page, cards_of(status_of(a_card(**tries(5, 4)))))
        assert page.window().focusWidget() is not page.title
        assert heading in words(page)
    # It says nothing of another card.
    show(page, Cards())
    assert heading not in words(page)


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
    assert "Kortet är klart att användas." in words(new)


def test_a_card_on_a_contactless_reader_is_no_fault_and_offers_everything(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[str, ...]] = []
    monkeypatch.setattr(page, "_start", lambda *words: started.append(words))
    show(page, cards_of(failed("UNSUPPORTED_CARD", "CONTACTLESS")))
    assert any("card access number (CAN)" in each for each in words(page))
    offered = [*buttons(page)][1:]
    assert offered == [
        *("Activate the card", "Change PIN1", "Change PIN2"),
        *("Unlock PIN1", "Unlock PIN2"),
    ]
    for each in offered:
        buttons(page)[each].click()
    assert started == [
        (READER, "activate"),
        *((READER, "change-pin", pin) for pin in ("pin1", "pin2")),
        *((READER, "unblock", pin) for pin in ("pin1", "pin2")),
    ]
