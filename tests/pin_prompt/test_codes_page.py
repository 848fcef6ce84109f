# SPDX-License-Identifier: MIT
"""The pages for activating, changing and unlocking, with the keys a person presses."""

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget

from native_host.pin_prompt import texts
from native_host.pin_prompt.gui.codes_page import CodesPage, PadCodesPage
from native_host.pin_prompt.gui.letter import Letter
from native_host.pin_prompt.gui.look import LOOKS
from native_host.pin_prompt.gui.rules import Kept, Rule
from native_host.pin_prompt.gui.widgets import Band
from native_host.pin_prompt.messages import AskCodes, AskPin, OfferActivation, Show
from native_host.pin_prompt.questions import CodeField, Operation, Problem, Step

from .conftest import (
    NEW_PIN1,
    NEW_PIN2,
    OLD_PIN,
    PUK,
    SEVEN,
    Stage,
    a_codes_question,
    a_question,
)
from .test_accessibility import DESCRIPTION, NAME, interface

EIGHT = CodeField("activation", (8,))
BOTH = (SEVEN, NEW_PIN1, NEW_PIN2)


def ask(stage: Stage, **changes: Any) -> CodesPage:
    """Open the window of an operation at its page, with the guard gone."""
    question = a_codes_question(**changes)
    stage.open(operation=question.operation, origin="")
    stage.handle(AskCodes(1, question))
    stage.window.guard.end()
    assert isinstance(stage.window.page, CodesPage)
    return stage.window.page


def press(stage: Stage, keys: str) -> None:
    """Press keys, each where the focus is."""
    for key in keys:
        QTest.keyClicks(stage.window.focusWidget(), key)
        stage.settle()


def rules(page: CodesPage) -> dict[str, list[Kept]]:
    """How the rules stand, for each rule from PIN to PIN."""
    found: dict[str, list[Kept]] = {}
    for rule in page.findChildren(Rule):
        if rule.isVisible():
            found.setdefault(rule.text(), []).append(rule.kept)
    return found


# -- What is answered ------------------------------------------------------------------


def test_enter_goes_from_field_to_field_and_agrees_in_the_last(stage: Stage) -> None:
    ask(stage)
    press(stage, "1234567\r2580\r2580\r739146\r739146")
    assert stage.answers == []
    press(stage, "\r")
    assert stage.answers == [
        {"type": "codes", "number": 1, "values": ["1234567", "2580", "739146"]}
    ]


def test_the_button_agrees_too(stage: Stage) -> None:
    ask(stage, fields=(SEVEN, NEW_PIN2), done=("PIN1",), at_risk="PIN2")
    press(stage, "1234567\t739146\t739146")
    QTest.mouseClick(stage.button("Activate the card"), Qt.MouseButton.LeftButton)
    assert stage.answers[0]["values"] == ["1234567", "739146"]


@pytest.mark.parametrize(
    ("changes", "keys", "values"),
    [
        (
            {"operation": "change-pin", "pin": "PIN1", "fields": (OLD_PIN, NEW_PIN1)},
            "123456789012\r2580\r2580\r",
            ["123456789012", "2580"],
        ),
        (
            {
                "operation": "unblock",
                "pin": "PIN2",
                "fields": (PUK, NEW_PIN2),
                "at_risk": "PUK",
            },
            "12345678\r73914628\r73914628\r",
            ["12345678", "73914628"],
        ),
    ],
)
def test_a_pin_is_changed_and_unlocked_alike(
    stage: Stage, changes: dict[str, Any], keys: str, values: list[str]
) -> None:
    ask(stage, **changes)
    press(stage, keys)
    assert stage.answers[0]["values"] == values


def test_what_was_typed_is_gone_after_the_answer_and_given_once(stage: Stage) -> None:
    page = ask(stage)
    press(stage, "1234567\r2580\r2580\r739146\r739146\r")
    assert all(field.text() == "" for field in page.fields)
    QTest.keyClick(page.fields[-1], Qt.Key.Key_Return)
    stage.button("Activate the card").click()
    assert len(stage.answers) == 1


def test_escape_cancels(stage: Stage) -> None:
    ask(stage)
    press(stage, "1234567")
    QTest.keyClick(stage.window.focusWidget(), Qt.Key.Key_Escape)
    assert stage.answers == [{"type": "cancel"}]


# -- What is not taken -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "typed", "said"),
    [
        (BOTH, "12345678", "This card's activation code has 7 digits"),
        ((EIGHT, NEW_PIN1, NEW_PIN2), "1234567", "activation code has 8 digits"),
        (BOTH, "", "Type this code first."),
        ((CodeField("activation", (7, 8)), NEW_PIN1), "123456", "be 7 or 8 digits"),
        ((PUK, NEW_PIN1), "1234567", "be 8–12 digits"),
        ((OLD_PIN, NEW_PIN1), "123", "be 4–12 digits"),
    ],
)
def test_a_code_of_a_wrong_length_is_explained_and_typed_again(
    stage: Stage, fields: tuple[CodeField, ...], typed: str, said: str
) -> None:
    operation = {"PUK": "unblock", "old": "change-pin"}.get(fields[0].name, "activate")
    at_risk = "PUK" if operation == "unblock" else "PIN1"
    page = ask(stage, fields=fields, pin="PIN1", operation=operation, at_risk=at_risk)
    press(stage, f"{typed}\r")
    assert said in stage.words
    assert "Nothing was sent to the card." in stage.words
    assert stage.window.focusWidget() is page.fields[0]
    assert page.fields[0].text() == ""
    assert stage.answers == []


def test_half_a_code_never_becomes_whole_with_what_is_typed_next(stage: Stage) -> None:
    ask(stage)
    press(stage, "567\r")
    press(stage, "1234\r")
    assert "Digits typed: 4." in stage.words
    assert stage.answers == []


def test_two_entries_that_differ_are_both_typed_again(stage: Stage) -> None:
    page = ask(stage)
    press(stage, "1234567\r2580\r2581\r")
    assert "The new PIN was not typed the same way twice." in stage.words
    assert [field.text() for field in page.fields[:3]] == ["1234567", "", ""]
    assert stage.window.focusWidget() is page.fields[1]
    press(stage, "2580\r2580\r739146\r739146\r")
    assert stage.answers[0]["values"][1] == "2580"


def test_the_button_finds_what_was_left_out(stage: Stage) -> None:
    page = ask(stage)
    press(stage, "1234567\r2580\r2580\r")
    stage.button("Activate the card").click()
    assert stage.answers == []
    assert stage.window.focusWidget() is page.fields[3]
    assert "Type this code first." in stage.words


@pytest.mark.parametrize(
    ("key", "said"),
    [("a", "Type digits only."), (" ", "Type digits only."), ("-", "Type digits only")],
)
def test_letters_and_spaces_are_not_taken(stage: Stage, key: str, said: str) -> None:
    page = ask(stage)
    press(stage, f"12{key}")
    assert page.fields[0].text() == "12"
    assert said in stage.words


def test_more_digits_than_a_new_pin_may_have_are_not_taken(stage: Stage) -> None:
    page = ask(stage)
    press(stage, "1234567\r258036914")
    assert page.fields[1].text() == "25803691"
    assert "There is room for 8 digits at most." in stage.words


def test_nothing_is_pasted_or_copied(stage: Stage) -> None:
    page = ask(stage)
    QApplication.clipboard().setText("1234567")
    for field in page.fields:
        field.setFocus()
        QTest.keyClick(field, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
        QTest.keyClick(field, Qt.Key.Key_Insert, Qt.KeyboardModifier.ShiftModifier)
        QTest.mouseRelease(field, Qt.MouseButton.MiddleButton)
        assert field.text() == ""
        assert "It can't be pasted" in stage.words


def test_what_is_typed_too_early_is_not_taken(stage: Stage) -> None:
    page = ask(stage)
    stage.window.guard.restart()
    press(stage, "1234567\r")
    assert page.fields[0].text() == ""
    assert not page.confirm.isEnabled()
    assert stage.window.focusWidget() is page.fields[0]
    assert "The window had just come up" in stage.words


# -- The rules as one types ------------------------------------------------------------


def test_the_rules_are_ticked_off_as_one_types(stage: Stage) -> None:
    page = ask(stage)
    length, same = "4–8 digits", "The same in both fields"
    other, easy = "Not the same as the other PIN", "Not easy to guess"
    press(stage, "1234567\r258")
    assert rules(page)[length] == [Kept.OPEN]
    assert rules(page)[easy] == [Kept.OPEN, Kept.OPEN]
    press(stage, "0")
    assert rules(page)[length] == [Kept.YES]
    assert rules(page)[easy] == [Kept.YES, Kept.OPEN]
    assert rules(page)[same] == [Kept.OPEN, Kept.OPEN]
    press(stage, "\r25")
    assert rules(page)[same] == [Kept.OPEN, Kept.OPEN]
    press(stage, "1")
    assert rules(page)[same] == [Kept.NO, Kept.OPEN]
    QTest.keyClick(page.fields[2], Qt.Key.Key_Backspace)
    press(stage, "80")
    assert rules(page)[same] == [Kept.YES, Kept.OPEN]
    press(stage, "\r739146")
    assert rules(page)[other] == [Kept.YES, Kept.YES]


@pytest.mark.parametrize("pin", ["1234", "1111", "123456", "240584", "24051984"])
def test_a_trivial_pin_is_warned_of_and_taken(stage: Stage, pin: str) -> None:
    ask(stage, operation="change-pin", pin="PIN1", fields=(OLD_PIN, NEW_PIN1))
    press(stage, f"2580\r{pin}")
    assert "This PIN is easy to guess" in stage.words
    press(stage, f"\r{pin}\r")
    assert stage.answers[0]["values"] == ["2580", pin]


def test_the_same_pin_twice_is_warned_of_and_taken(stage: Stage) -> None:
    page = ask(stage)
    press(stage, "1234567\r739146\r739146\r739146")
    assert "Both PINs are the same." in stage.words
    other = "Not the same as the other PIN"
    assert rules(page)[other] == [Kept.NO, Kept.NO]
    press(stage, "\r739146\r")
    assert stage.answers[0]["values"] == ["1234567", "739146", "739146"]


def test_the_letters_code_for_a_pin_is_warned_of(stage: Stage) -> None:
    ask(stage)
    press(stage, "1850274\r1850274")
    assert "This is the code in the letter, or the PUK code." in stage.words
    press(stage, "\b\b\b")
    assert "This is the code in the letter" not in stage.words


def test_a_new_pin_that_is_the_old_one_is_warned_of(stage: Stage) -> None:
    ask(stage, operation="change-pin", pin="PIN1", fields=(OLD_PIN, NEW_PIN1))
    press(stage, "2580\r2580")
    assert "This is the PIN that the card has now." in stage.words


def test_there_is_no_other_pin_where_one_is_set(stage: Stage) -> None:
    page = ask(stage, fields=(SEVEN, NEW_PIN2), done=("PIN1",))
    assert "Not the same as the other PIN" not in rules(page)


def test_the_rules_are_told_after_a_pause_and_once(
    stage: Stage, spoken: list[str]
) -> None:
    page = ask(stage)
    before = len(spoken)
    press(stage, "1234567\r2580\r25")
    assert page.pause.isActive()
    assert len(spoken) == before
    press(stage, "80")
    page.pause.timeout.emit()
    page.pause.timeout.emit()
    assert spoken[before:] == ["New basic PIN (PIN1): The new PIN is in order."]
    press(stage, "\r123456")
    page.pause.timeout.emit()
    assert len(spoken) == before + 2
    assert "New signature PIN (PIN2): This PIN is easy to guess" in spoken[-1]


def test_it_is_told_politely(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    page = ask(stage)
    heard: list[Any] = []
    keep: Callable[[object], None] = heard.append
    monkeypatch.setattr(
        "native_host.pin_prompt.gui.pages.QAccessible.updateAccessibility",
        lambda event: keep(event.politeness()),
    )
    press(stage, "1234567\r1234")
    page.pause.timeout.emit()
    assert heard == [QAccessible.AnnouncementPoliteness.Polite]


# -- The last try ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at_risk", "said"),
    [
        ("PUK", "never again be used online"),
        ("PIN1", "basic PIN (PIN1) will be locked"),
    ],
)
def test_the_last_try_is_confirmed_first(stage: Stage, at_risk: str, said: str) -> None:
    page = ask(stage, tries_left=1, wrong=True, at_risk=at_risk)
    assert said in stage.words
    assert page.understood is not None
    assert stage.window.focusWidget() is page.understood
    assert not page.confirm.isEnabled()
    page.fields[0].setFocus()
    press(stage, "1234567\r2580\r2580\r739146\r739146\r")
    assert stage.answers == []
    assert "First tick the box" in stage.words
    assert stage.window.focusWidget() is page.understood
    press(stage, " ")
    page.fields[-1].setFocus()
    press(stage, "\r")
    assert len(stage.answers) == 1


@pytest.mark.parametrize("tries", [2, 3, 4, 5])
def test_before_the_last_try_there_is_nothing_to_confirm(
    stage: Stage, tries: int
) -> None:
    page = ask(stage, tries_left=tries)
    assert page.understood is None
    assert "locked until you order a PUK code" in stage.words


# -- What is shown and told ------------------------------------------------------------


def test_it_says_that_no_page_asked(stage: Stage) -> None:
    ask(stage)
    assert "No web page has asked for it" in stage.words
    assert "https://" not in stage.words
    assert stage.window.windowTitle() == "Kortilla: activate the card"


def test_the_letter_is_drawn_and_said_to_be_a_drawing(stage: Stage) -> None:
    page = ask(stage)
    (letter,) = page.findChildren(Letter)
    assert letter.isVisible()
    assert "Drawing of a letter" in interface(letter).text(NAME)
    assert "your letter may look different" in interface(letter).text(NAME)


def test_no_letter_is_drawn_where_none_is_needed(stage: Stage) -> None:
    page = ask(stage, operation="change-pin", pin="PIN1", fields=(OLD_PIN, NEW_PIN1))
    assert page.findChildren(Letter) == []


def test_each_field_has_its_name_and_its_length(stage: Stage) -> None:
    page = ask(stage)
    assert [interface(field).text(NAME) for field in page.fields] == [
        "Activation code from the letter",
        "New basic PIN (PIN1)",
        "New basic PIN (PIN1): The same PIN again",
        "New signature PIN (PIN2)",
        "New signature PIN (PIN2): The same PIN again",
    ]
    assert "7 digits" in interface(page.fields[0]).text(DESCRIPTION)
    assert "6–8 digits" in interface(page.fields[3]).text(DESCRIPTION)
    assert all(interface(field).state().passwordEdit for field in page.fields)


def test_tab_goes_through_fields_and_buttons_in_order(stage: Stage) -> None:
    page = ask(stage, tries_left=1)
    seen: list[QWidget] = [stage.window.focusWidget()]
    while True:
        QTest.keyClick(seen[-1], Qt.Key.Key_Tab)
        if (focus := stage.window.focusWidget()) is seen[0]:
            break
        seen.append(focus)
    # Without the tick the button that agrees can't have the focus.
    assert seen == [page.understood, *page.fields, stage.button("Cancel")]


def test_a_rule_says_how_it_stands(stage: Stage) -> None:
    page = ask(stage)
    press(stage, "1234567\r1234")
    names = {interface(rule).text(NAME) for rule in page.findChildren(Rule)}
    assert "4–8 digits: in order" in names
    assert "Not easy to guess: not in order" in names
    assert "The same in both fields: not yet" in names


def test_a_fault_is_announced_and_stands_at_its_field(
    stage: Stage, spoken: list[str]
) -> None:
    page = ask(stage)
    press(stage, "12345678\r")
    assert "This card's activation code has 7 digits" in spoken[-1]
    assert spoken[-1] in interface(page.fields[0]).text(DESCRIPTION)
    press(stage, "1")
    assert "7 digits, since" not in interface(page.fields[0]).text(DESCRIPTION)
    assert not page.complaint.isVisible()


def test_the_page_is_announced_with_news_first(stage: Stage, spoken: list[str]) -> None:
    ask(stage, wrong=True, tries_left=2)
    # A page of another test may still have something to say of its own.
    [said] = [words for words in spoken if words.startswith("Activate your identity")]
    assert "The activation code was wrong." in said[:80]
    assert said.endswith("Activation code from the letter")


def test_what_is_set_already_is_said(stage: Stage) -> None:
    ask(stage, fields=(SEVEN, NEW_PIN2), done=("PIN1",), at_risk="PIN2")
    assert "The basic PIN (PIN1) has already been set" in stage.words


@pytest.mark.parametrize("language", texts.languages())
@pytest.mark.parametrize("pin", ["PIN1", "PIN2"])
@pytest.mark.parametrize("operation", ["change-pin", "unblock"])
def test_the_band_names_the_pin(
    stage: Stage, language: str, pin: str, operation: Operation
) -> None:
    code = OLD_PIN if operation == "change-pin" else PUK
    new = NEW_PIN1 if pin == "PIN1" else NEW_PIN2
    stage.open(operation=operation, origin="", language=language)
    asked = {"operation": operation, "pin": pin, "fields": (code, new)}
    at_risk = pin if operation == "change-pin" else "PUK"
    stage.handle(AskCodes(1, a_codes_question(**asked, at_risk=at_risk)))
    assert f"({pin})" in bands(stage)[0].heading.text()
    stage.handle(Show(Step.SIGNING))
    stage.handle(Show(Step.DONE))
    assert f"({pin})" in stage.words.split("SATU")[-1]


def bands(stage: Stage) -> list[Band]:
    return [band for band in stage.window.findChildren(Band) if band.isVisible()]


def test_a_test_card_in_a_reader_of_the_system_is_marked(stage: Stage) -> None:
    stage.open(operation="activate", origin="", test_card=False)
    assert "TEST CARD" not in stage.words
    stage.handle(AskCodes(1, a_codes_question(test_card=True)))
    assert "TEST CARD" in stage.words


# -- On the reader ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ("", "The reader asks first for the PUK code"),
        ("different", "was not typed the same way twice on the reader"),
        ("timed-out", "were not typed on the reader in time"),
        ("length", "Too few or too many digits"),
    ],
)
def test_on_a_pin_pad_there_are_rules_and_no_fields(
    stage: Stage, problem: str, said: str
) -> None:
    stage.open(operation="unblock", origin="")
    question = a_codes_question(
        operation="unblock",
        pin="PIN2",
        fields=(PUK, NEW_PIN2),
        at_risk="PUK",
        pin_pad=True,
        pad_problem=problem,
    )
    stage.handle(AskCodes(4, question))
    page = stage.window.page
    assert isinstance(page, PadCodesPage)
    assert said in stage.words
    assert "New signature PIN (PIN2): 6–8 digits." in stage.words
    page.confirm.click()
    assert stage.answers == []
    stage.window.guard.end()
    stage.button("Go on to the card reader").click()
    assert stage.answers == [{"type": "agreed", "number": 4}]


def test_the_last_try_on_a_pin_pad_is_confirmed_first(stage: Stage) -> None:
    stage.open(operation="unblock", origin="")
    question = a_codes_question(
        operation="unblock", at_risk="PUK", tries_left=1, pin_pad=True
    )
    stage.handle(AskCodes(4, question))
    stage.window.guard.end()
    page = stage.window.page
    assert isinstance(page, PadCodesPage)
    assert page.understood is not None
    assert not page.confirm.isEnabled()
    page.understood.click()
    page.confirm.click()
    assert stage.answers == [{"type": "agreed", "number": 4}]


# -- On the way to a login or a signature ----------------------------------------------


@pytest.mark.parametrize("partly", [False, True])
def test_the_offer_to_activate_is_taken_or_not(stage: Stage, partly: bool) -> None:
    stage.open()
    stage.handle(OfferActivation(3, partly))
    offered = "was not finished" if partly else "has not been activated yet"
    assert offered in stage.words
    assert "proven with a test card only" in stage.words
    assert stage.site.text() == "https://login.service.example"
    yes = stage.button("Activate the card now")
    assert not yes.isEnabled()
    stage.window.guard.end()
    # The safe answer has the focus.
    assert stage.window.focusWidget() is stage.button("Cancel")
    yes.click()
    assert stage.answers == [{"type": "agreed", "number": 3}]


@pytest.mark.parametrize("operation", ["authenticate", "sign"])
def test_activating_on_the_way_looks_like_activating_and_then_back(
    stage: Stage, operation: Operation
) -> None:
    stage.open(operation=operation)
    title = stage.window.windowTitle()
    (band,) = bands(stage)
    heading = band.heading.text()
    stage.handle(OfferActivation(1, partly=False))
    assert bands(stage)[0].heading.text() == "Activate your identity card"
    stage.handle(AskCodes(2, a_codes_question()))
    assert stage.window.windowTitle() == "Kortilla: activate the card"
    stage.handle(Show(Step.SIGNING))
    assert "The card is being activated" in stage.words
    stage.handle(Show(Step.WAITING_FOR_CARD, Problem("CARD_REMOVED")))
    assert "Put the same card back" in stage.words
    role = "PIN1" if operation == "authenticate" else "PIN2"
    stage.handle(AskPin(3, a_question(role=role)))
    assert stage.window.windowTitle() == title
    assert bands(stage)[0].heading.text() == heading
    assert stage.site.text() == "https://login.service.example"


def test_what_ends_the_login_is_said_in_its_own_words(stage: Stage) -> None:
    stage.open()
    stage.handle(OfferActivation(1, partly=False))
    stage.handle(Show(Step.EXPIRED))
    assert "You were not identified" in stage.words
    assert stage.window.windowTitle() == "Kortilla: identify yourself"


# -- Looks -----------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["activate", "change-pin", "unblock"])
def test_it_looks_like_neither_identifying_nor_signing(operation: Operation) -> None:
    for other in ("authenticate", "sign"):
        assert LOOKS[operation].colour != LOOKS[other].colour
        assert LOOKS[operation].draw is not LOOKS[other].draw


@pytest.mark.parametrize("language", texts.languages())
def test_an_activation_fits_a_small_screen(stage: Stage, language: str) -> None:
    stage.open(operation="activate", origin="", language=language)
    stage.handle(AskCodes(1, a_codes_question()))
    stage.settle()
    assert bands(stage)
    assert stage.window.height() <= 768 - 40
    page = stage.window.page
    assert isinstance(page, CodesPage)
    for part in (*page.findChildren(QLabel), *page.fields):
        if part.isVisible():
            assert part.visibleRegion().boundingRect() == part.rect(), part


def test_all_can_be_read_where_the_text_is_twice_as_large(stage: Stage) -> None:
    font = QApplication.font()
    larger = QApplication.font()
    larger.setPointSizeF(font.pointSizeF() * 2)
    QApplication.setFont(larger)
    try:
        page = ask(stage)
        for field in page.fields:
            assert stage.window.focusWidget() is field
            stage.settle()
            assert field.visibleRegion().boundingRect() == field.rect()
            press(stage, "1234567\r" if field is page.fields[0] else "739146\r")
        button = stage.window.findChild(QPushButton)
        assert button is not None
        assert button.isVisible()
        assert stage.window.width() <= 1024
    finally:
        QApplication.setFont(font)
