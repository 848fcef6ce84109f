# SPDX-License-Identifier: MIT
"""The pages for codes: their content, their announcements, their offers."""

from dataclasses import replace
from typing import Any, Literal

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton, QWidget

from native_host.gui.frame import HeadingBand
from native_host.pin_prompt.gui.codes_page import PinPadCodesPage
from native_host.pin_prompt.gui.widgets import LetterDrawing, RuleLabel
from native_host.pin_prompt.messages import (
    Ask,
    OfferActivation,
    Show,
)
from native_host.pin_prompt.model import Operation, Problem, Step, UnlockQuestion
from tests.pin_prompt.conftest import (
    DESCRIPTION,
    EACH_LANGUAGE,
    NAME,
    NEW_PIN1,
    NEW_PIN2,
    OLD_PIN,
    PUK,
    SEVEN,
    Stage,
    a_codes_question,
    a_question,
    interface,
)

# -- The last try ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at_risk", "said"),
    [
        ("PUK", "never again be used online"),
        ("PIN1", "basic PIN (PIN1) is locked"),
    ],
)
def test_the_last_try_is_confirmed_first(stage: Stage, at_risk: str, said: str) -> None:
    page = stage.ask_codes(tries_left=1, wrong=True, at_risk=at_risk)
    assert said in stage.words
    assert page.last_try_box is not None
    assert stage.window.focusWidget() is page.last_try_box
    page.fields[0].setFocus()
    stage.press("1234567\r")
    assert "First tick the box" in stage.words
    assert stage.window.focusWidget() is page.last_try_box
    stage.press(" ")
    page.fields[0].setFocus()
    stage.press("\r2580\r2580\r739146\r739146")
    for _ in range(2):
        stage.press_button("Back")
    page.last_try_box.click()
    page.submit()
    assert stage.answers == []
    assert stage.window.focusWidget() is page.last_try_box
    stage.press(" ")
    page.fields[0].setFocus()
    stage.press("\r\r\r\r\r")
    assert len(stage.answers) == 1


@pytest.mark.parametrize("tries", [2, 3, 4, 5])
def test_before_the_last_try_there_is_nothing_to_confirm(
    stage: Stage, tries: int
) -> None:
    page = stage.ask_codes(tries_left=tries)
    assert page.last_try_box is None
    assert "unlocked only with a PUK code" in stage.words


# -- Content and announcements --------------------------------------------------------


def test_it_says_that_no_page_asked(stage: Stage) -> None:
    stage.ask_codes()
    assert "No web page sees your codes" in stage.words
    assert "https://" not in stage.words
    assert stage.window.windowTitle() == "Kortilla: activate the card"


def test_the_letter_is_drawn_and_said_to_be_a_drawing(stage: Stage) -> None:
    page = stage.ask_codes()
    (letter,) = page.findChildren(LetterDrawing)
    assert letter.isVisible()
    assert "Drawing of a letter" in interface(letter).text(NAME)
    assert "Your letter may look different" in interface(letter).text(NAME)


def test_no_letter_is_drawn_where_none_is_needed(stage: Stage) -> None:
    page = stage.ask_codes(
        operation="change-pin", pin="PIN1", fields=(OLD_PIN, NEW_PIN1)
    )
    assert page.findChildren(LetterDrawing) == []


def test_each_field_has_its_name_and_its_length(stage: Stage) -> None:
    page = stage.ask_codes()
    assert [interface(field).text(NAME) for field in page.fields] == [
        "Activation code from the letter",
        "New basic PIN (PIN1)",
        "New basic PIN (PIN1): The new PIN again",
        "New signature PIN (PIN2)",
        "New signature PIN (PIN2): The new PIN again",
    ]
    assert "7 digits" in interface(page.fields[0]).text(DESCRIPTION)
    assert "6–8 digits" in interface(page.fields[3]).text(DESCRIPTION)
    assert all(interface(field).state().passwordEdit for field in page.fields)


def test_tab_goes_through_fields_and_buttons_in_order(stage: Stage) -> None:
    page = stage.ask_codes(tries_left=1)
    seen: list[QWidget] = [stage.window.focusWidget()]
    while True:
        QTest.keyClick(seen[-1], Qt.Key.Key_Tab)
        if (focus := stage.window.focusWidget()) is seen[0]:
            break
        seen.append(focus)
    buttons = [stage.button("Cancel"), stage.button("Next")]
    assert seen == [page.last_try_box, page.fields[0], *buttons]


def test_a_rule_says_how_it_stands(stage: Stage) -> None:
    page = stage.ask_codes()
    stage.press("1234567\r1234")
    names = {interface(rule).text(NAME) for rule in page.findChildren(RuleLabel)}
    assert "4–8 digits: in order" in names
    assert "Hard to guess: to be changed" in names
    assert "The same in both fields: not yet" in names


def test_a_fault_is_announced_and_stands_at_its_field(
    stage: Stage, spoken: list[str]
) -> None:
    page = stage.ask_codes()
    stage.press("12345678\r")
    assert "The code must have 7 digits" in spoken[-1]
    assert spoken[-1] in interface(page.fields[0]).text(DESCRIPTION)
    stage.press("1")
    assert "7 digits, since" not in interface(page.fields[0]).text(DESCRIPTION)
    assert not page.error_notice.isVisible()


def test_the_page_is_announced_with_news_first(stage: Stage, spoken: list[str]) -> None:
    stage.ask_codes(wrong=True, tries_left=2)
    # A page of another test may still have a pending announcement.
    [said] = [words for words in spoken if words.startswith("Activate your identity")]
    assert "The activation code was wrong." in said[:80]
    assert said.endswith("Activation code from the letter")


def test_what_is_set_already_is_said(stage: Stage) -> None:
    stage.ask_codes(fields=(SEVEN, NEW_PIN2), done=("PIN1",), at_risk="PIN2")
    assert "The basic PIN (PIN1) has already been set" in stage.words


@EACH_LANGUAGE
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
    stage.handle(Ask(1, a_codes_question(**asked, at_risk=at_risk)))
    assert f"({pin})" in bands(stage)[0].heading.text()
    stage.handle(Show(Step.SIGNING))
    stage.handle(Show(Step.DONE))
    assert f"({pin})" in stage.words.split("SATU")[-1]


def bands(stage: Stage) -> list[HeadingBand]:
    return [band for band in stage.window.findChildren(HeadingBand) if band.isVisible()]


def test_a_test_card_in_a_reader_of_the_system_is_marked(stage: Stage) -> None:
    stage.open(operation="activate", origin="", test_card=False)
    assert "TEST CARD" not in stage.words
    stage.handle(Ask(1, a_codes_question(test_card=True)))
    assert "TEST CARD" in stage.words


# -- On the reader --------------------------------------------------------------------


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
    stage.handle(Ask(4, question))
    page = stage.window.page
    assert isinstance(page, PinPadCodesPage)
    assert said in stage.words
    assert "New signature PIN (PIN2): 6–8 digits." in stage.words
    page.confirm.click()
    assert stage.answers == []
    stage.window.guard.end()
    stage.button("Go on to the card reader").click()
    assert stage.answers == [{"type": "agreed", "number": 4}]


# -- Before a login or a signature ----------------------------------------------------


@pytest.mark.parametrize("partly", [False, True])
def test_the_offer_to_activate_is_taken_or_not(stage: Stage, partly: bool) -> None:
    stage.open()
    stage.handle(OfferActivation(3, partly))
    offered = "was not finished" if partly else "has not been activated yet"
    assert offered in stage.words
    assert "tried with a test card only" in stage.words
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
    stage.handle(Ask(2, a_codes_question()))
    assert stage.window.windowTitle() == "Kortilla: activate the card"
    stage.handle(Show(Step.SIGNING))
    assert "The card is being activated" in stage.words
    stage.handle(Show(Step.WAITING_FOR_CARD, Problem("CARD_REMOVED")))
    assert "Put the same card back" in stage.words
    role = "PIN1" if operation == "authenticate" else "PIN2"
    stage.handle(Ask(3, a_question(role=role)))
    assert stage.window.windowTitle() == title
    assert bands(stage)[0].heading.text() == heading
    assert stage.site.text() == "https://login.service.example"


def test_what_ends_the_login_is_said_in_its_own_words(stage: Stage) -> None:
    stage.open()
    stage.handle(OfferActivation(1, partly=False))
    stage.handle(Show(Step.EXPIRED))
    assert "You were not identified" in stage.words
    assert stage.window.windowTitle() == "Kortilla: identify yourself"


UNLOCK = UnlockQuestion("PIN1", "SPECIMEN-POHJALAINEN Aino", "99902038C")
LOCKED = Ask(1, UNLOCK)


def unlocking(stage: Stage, **changes: Any) -> None:
    """Show the page for the PUK during the stage's operation."""
    asked = {"pin": "PIN1", "fields": (PUK, NEW_PIN1), "at_risk": "PUK"} | changes
    question = a_codes_question(operation="unblock", can_decline=True, **asked)
    stage.handle(Ask(2, question))
    stage.window.guard.end()


@pytest.mark.parametrize("pin", ["PIN1", "PIN2"])
@pytest.mark.parametrize("operation", ["authenticate", "sign", "activate"])
def test_a_locked_pin_has_a_way_out(
    stage: Stage,
    spoken: list[str],
    operation: Operation,
    pin: Literal["PIN1", "PIN2"],
) -> None:
    stage.open(operation=operation)
    heading = bands(stage)[0].heading.text()
    stage.handle(Ask(1, replace(UNLOCK, pin=pin)))
    assert f"({pin}) is locked" in stage.words
    assert f"({pin}) is locked" in spoken[-1]
    assert "no tries left" in spoken[-1]
    assert bands(stage)[0].heading.text() == heading
    assert stage.site.text() == "https://login.service.example"
    unlock = stage.button("Unlock")
    assert not unlock.isEnabled()
    QTest.keyClick(stage.window.focusWidget(), Qt.Key.Key_Return)  # in haste
    assert stage.answers == []
    for _ in range(2):  # also after a key that was ignored
        stage.window.guard.restart()
        stage.window.guard.end()
        assert unlock.hasFocus()
    QTest.keyClick(stage.window.focusWidget(), Qt.Key.Key_Return)
    assert stage.answers == [{"type": "agreed", "number": 1}]


def test_one_goes_back_from_unlocking_to_the_locked_page(stage: Stage) -> None:
    stage.open()
    stage.handle(LOCKED)
    unlocking(stage)
    assert "Unlock the basic PIN (PIN1)" in bands(stage)[0].heading.text()
    assert stage.site.text() == "https://login.service.example"
    assert "does not get your codes" in stage.words
    QTest.keyClick(stage.window.focusWidget(), Qt.Key.Key_Escape)
    assert stage.answers == [{"type": "declined", "number": 2}]
    assert stage.window.isVisible()
    stage.button("Back").click()
    assert len(stage.answers) == 1
    stage.handle(LOCKED)
    stage.window.close()
    assert stage.answers[1:] == [{"type": "cancel"}]


def test_going_back_with_typed_codes_is_asked_about_and_closing_cancels(
    stage: Stage,
) -> None:
    stage.open()
    unlocking(stage)
    stage.codes_page.hold.setInterval(0)
    stage.press("123")
    stage.press_button("Back")
    assert stage.answers == []
    stage.button("Stop").click()
    assert stage.answers == [{"type": "declined", "number": 2}]
    unlocking(stage)
    stage.codes_page.hold.setInterval(0)
    stage.press("123")
    for _ in range(2):
        stage.window.close()
        stage.settle()
    assert stage.answers[1:] == [{"type": "cancel"}]


def test_on_a_pin_pad_one_goes_back_too(stage: Stage) -> None:
    stage.open()
    unlocking(stage, pin_pad=True)
    stage.button("Back").click()
    assert stage.answers == [{"type": "declined", "number": 2}]


def test_a_site_that_stops_waiting_during_unlocking_undoes_nothing(
    stage: Stage, spoken: list[str]
) -> None:
    stage.open()
    unlocking(stage)
    stage.handle(Show(Step.SIGNING))
    stage.handle(Show(Step.EXPIRED))
    for said in (stage.words, spoken[-1]):
        assert "You were not identified" in said
        assert "start again" in said
        assert "stays set" in said


def test_a_change_that_became_unlocking_ends_without_that_note(stage: Stage) -> None:
    stage.open(operation="change-pin", origin="")
    stage.handle(LOCKED)
    assert "You choose a new PIN at the same time." in stage.words
    unlocking(stage)
    stage.handle(Show(Step.DONE))
    assert "The PIN has been changed" in stage.words
    assert "stays set" not in stage.words


def test_after_unlocking_the_pin_page_says_so(stage: Stage) -> None:
    stage.open()
    unlocking(stage)
    stage.handle(Ask(3, a_question(unlocked=True)))
    assert "The PIN has been unlocked." in stage.words
    assert stage.window.windowTitle() == "Kortilla: identify yourself"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("PUK_BLOCKED", "Close the window"),
        ("CARD_EXPIRED", "Close the window"),
        ("CARD_REMOVED", "Cancel"),
    ],
)
def test_where_only_a_new_card_helps_the_button_closes(
    stage: Stage, code: str, words: str
) -> None:
    stage.open()
    stage.handle(Show(Step.WAITING_FOR_CARD, Problem(code)))
    stage.window.guard.end()
    stage.button(words).click()
    assert stage.answers == [{"type": "cancel"}]


# -- Appearance -----------------------------------------------------------------------


@EACH_LANGUAGE
def test_an_activation_fits_a_small_screen(stage: Stage, language: str) -> None:
    stage.open(operation="activate", origin="", language=language)
    stage.handle(Ask(1, a_codes_question()))
    stage.settle()
    assert bands(stage)
    assert stage.window.height() <= 768 - 40
    page = stage.codes_page
    for part in (*page.findChildren(QLabel), *page.fields):
        if part.isVisible():
            assert part.visibleRegion().boundingRect() == part.rect(), part


@pytest.mark.usefixtures("large_text")
def test_all_can_be_read_where_the_text_is_twice_as_large(stage: Stage) -> None:
    page = stage.ask_codes()
    for field in page.fields:
        assert stage.window.focusWidget() is field
        stage.settle()
        assert field.visibleRegion().boundingRect() == field.rect()
        stage.press("1234567\r" if field is page.fields[0] else "739146\r")
    button = stage.window.findChild(QPushButton)
    assert button is not None
    assert button.isVisible()
    assert stage.window.width() <= 1024
