# SPDX-License-Identifier: MIT
"""Activating, changing and unblocking: content, announcements, offers, ways back."""

from dataclasses import replace
from typing import Any, Literal

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton

from native_host.pin_prompt.gui.widgets import LetterDrawing
from native_host.pin_prompt.messages import Ask, Show
from native_host.pin_prompt.model import (
    ActivationQuestion,
    Operation,
    Problem,
    Progress,
    Step,
    UnlockQuestion,
)
from tests.pin_prompt.conftest import (
    CANCELLED,
    DESCRIPTION,
    EACH_LANGUAGE,
    HOLDER,
    NAME,
    NEW_PIN1,
    OLD_PIN,
    PUK,
    SITE,
    Stage,
    a_codes_question,
    a_question,
    agreed,
    interface,
)

TITLE = "Kortilla: identify yourself"

# -- The page -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at_risk", "said"),
    [("PUK", "never again be used online"), ("PIN1", "basic PIN (PIN1) is locked")],
)
def test_the_last_try_is_confirmed_first(stage: Stage, at_risk: str, said: str) -> None:
    page = stage.ask_codes(tries_left=1, wrong=True, at_risk=at_risk)
    box = page.last_try_box
    stage.sees(said)
    assert box is not None
    assert stage.focus is box
    page.fields[0].setFocus()
    stage.press("1234567\r")
    stage.sees("First tick the box")
    assert stage.focus is box
    stage.press(" ")
    page.fields[0].setFocus()
    stage.press("\r2580\r2580\r739146\r739146")
    for _ in range(2):
        stage.press_button("Back")
    box.click()
    page.submit()
    assert stage.answers == []
    assert stage.focus is box
    stage.press(" ")
    page.fields[0].setFocus()
    stage.press("\r\r\r\r\r")
    assert len(stage.answers) == 1


def test_the_letter_is_drawn_where_needed_and_called_a_drawing(stage: Stage) -> None:
    stage.ask_codes(tries_left=2)
    [letter] = stage.visible(LetterDrawing)
    assert "Drawing of a letter" in interface(letter).text(NAME)
    assert "Your letter may look different" in interface(letter).text(NAME)
    asked = {"operation": "change-pin", "pin": "PIN1", "fields": (OLD_PIN, NEW_PIN1)}
    stage.handle(Ask(2, a_codes_question(**asked)))
    assert not stage.visible(LetterDrawing)


def test_each_field_has_its_name_and_its_length(stage: Stage) -> None:
    fields = [interface(field) for field in stage.ask_codes().fields]
    assert [field.text(NAME) for field in fields] == [
        "Activation code",
        *("New PIN1", "New PIN1: Once more", "New PIN2", "New PIN2: Once more"),
    ]
    assert "7 digits" in fields[0].text(DESCRIPTION)
    assert "6–8 digits" in fields[3].text(DESCRIPTION)
    assert all(field.state().passwordEdit for field in fields)


def test_tab_goes_through_fields_and_buttons_in_order(stage: Stage) -> None:
    page = stage.ask_codes(tries_left=1)
    buttons = [page.entries[0].eye, stage.button("Cancel"), stage.button("Next")]
    assert stage.tab_order() == [page.last_try_box, page.fields[0], *buttons]


@EACH_LANGUAGE
def test_an_activation_fits_a_small_screen(stage: Stage, language: str) -> None:
    stage.open(operation="activate", origin="", language=language)
    stage.handle(Ask(1, a_codes_question()))
    stage.settle()
    assert stage.window.height() <= 768 - 40
    page = stage.codes_page
    for part in (*page.findChildren(QLabel), *page.fields):
        if part.isVisible():
            assert part.visibleRegion().boundingRect() == part.rect(), part


@EACH_LANGUAGE
def test_an_activation_has_at_most_180_words(stage: Stage, language: str) -> None:
    stage.open(operation="activate", origin="", language=language, test_card=False)
    counts = []

    def count() -> None:
        buttons = "\n".join(button.text() for button in stage.visible(QPushButton))
        counts.append(len(f"{stage.words}\n{buttons}".split()))

    stage.handle(Show(Step.READING))
    count()
    stage.show(Ask(1, a_codes_question()))
    stage.codes_page.hold.setInterval(0)
    for keys in ("7384629\r", "2580\r2580\r", "739146\r739146"):
        count()
        stage.press(keys)
    stage.press("\r")
    assert stage.answers
    stage.handle(Show(Step.SIGNING, progress=Progress(0, 2)))
    count()
    stage.handle(Show(Step.DONE))
    count()
    assert len(counts) == 6
    assert 100 < sum(counts) <= 180


# -- Before a login or a signature ----------------------------------------------------


@pytest.mark.parametrize("operation", ["authenticate", "sign"])
@pytest.mark.parametrize("partly", [False, True])
def test_activating_on_the_way_is_offered_and_looks_like_it_and_then_back(
    stage: Stage, partly: bool, operation: Operation
) -> None:
    stage.open(operation=operation)
    before = stage.window.windowTitle(), stage.band.heading.text()
    stage.handle(Ask(1, ActivationQuestion(partly)))
    stage.sees("was not finished" if partly else "is not activated yet")
    stage.sees("Tried with test cards only")
    assert stage.band.heading.text() == "Activate your identity card"
    assert stage.site.text() == SITE
    yes = stage.button("Activate")
    assert not yes.isEnabled()
    stage.guard.end()
    # The safe answer has the focus.
    assert stage.focus is stage.button("Cancel")
    yes.click()
    assert stage.answers == agreed()
    stage.handle(Ask(2, a_codes_question()))
    assert stage.window.windowTitle() == "Kortilla: activate the card"
    stage.handle(Show(Step.SIGNING))
    stage.sees("Activating the card")
    stage.handle(Show(Step.WAITING_FOR_CARD, Problem("CARD_REMOVED")))
    stage.sees("Put the same card back")
    role = "PIN1" if operation == "authenticate" else "PIN2"
    stage.handle(Ask(3, a_question(role=role)))
    assert (stage.window.windowTitle(), stage.band.heading.text()) == before
    assert stage.site.text() == SITE


@pytest.mark.parametrize("way", ["click", "enter", "escape"])
def test_who_says_that_there_is_no_pin_can_go_back_to_it(
    stage: Stage, way: str
) -> None:
    stage.open()
    stage.handle(Ask(3, ActivationQuestion(False, undecided=True)))
    stage.sees("if you have no PINs yet", "go back and use them", "test cards only")
    stage.guard.end()
    back = stage.button("Back")
    assert stage.focus is back
    if way == "click":
        back.click()
    else:
        QTest.keyClick(back, Qt.Key.Key_Return if way == "enter" else Qt.Key.Key_Escape)
    assert stage.answers == [{"type": "declined", "number": 3}]


UNLOCK = UnlockQuestion("PIN1", HOLDER, "99902038C")
LOCKED = Ask(1, UNLOCK)


def unlocking(stage: Stage, **changes: Any) -> None:
    """Show the page for the PUK during the stage's operation."""
    asked = {"pin": "PIN1", "fields": (PUK, NEW_PIN1), "at_risk": "PUK"} | changes
    question = a_codes_question(operation="unblock", can_decline=True, **asked)
    stage.show(Ask(2, question))


@pytest.mark.parametrize("pin", ["PIN1", "PIN2"])
@pytest.mark.parametrize("operation", ["authenticate", "sign", "activate"])
def test_a_locked_pin_has_a_way_out(
    stage: Stage, operation: Operation, pin: Literal["PIN1", "PIN2"]
) -> None:
    stage.open(operation=operation)
    heading = stage.band.heading.text()
    stage.handle(Ask(1, replace(UNLOCK, pin=pin)))
    stage.sees(f"({pin}) is locked")
    assert f"({pin}) is locked" in stage.spoken[-1]
    assert "no tries left" in stage.spoken[-1]
    assert stage.band.heading.text() == heading
    assert stage.site.text() == SITE
    unlock = stage.button("Unlock")
    assert not unlock.isEnabled()
    stage.press("\r")  # in haste
    assert stage.answers == []
    for _ in range(2):  # also after a key that was ignored
        stage.guard.restart()
        stage.guard.end()
        assert unlock.hasFocus()
    stage.press("\r")
    assert stage.answers == agreed()


def test_one_goes_back_from_unlocking_to_the_locked_page(stage: Stage) -> None:
    stage.open()
    stage.handle(LOCKED)
    unlocking(stage)
    assert "Unlock the basic PIN (PIN1)" in stage.band.heading.text()
    assert stage.site.text() == SITE
    stage.sees("does not get your codes")
    QTest.keyClick(stage.focus, Qt.Key.Key_Escape)
    assert stage.answers == [{"type": "declined", "number": 2}]
    assert stage.window.isVisible()
    stage.button("Back").click()
    assert len(stage.answers) == 1
    stage.handle(LOCKED)
    stage.window.close()
    assert stage.answers[1:] == CANCELLED


def test_going_back_with_typed_codes_is_asked_about(stage: Stage) -> None:
    stage.open()
    for _ in range(2):
        unlocking(stage)
        stage.codes_page.hold.setInterval(0)
        stage.press("123")
        if not stage.answers:
            stage.press_button("Back")
            assert stage.answers == []
            stage.button("Stop").click()
            assert stage.answers == [{"type": "declined", "number": 2}]
    for _ in range(2):
        stage.window.close()
        stage.settle()
    assert stage.answers[1:] == CANCELLED


def test_on_a_pin_pad_one_goes_back_too(stage: Stage) -> None:
    stage.open()
    unlocking(stage, pin_pad=True)
    stage.button("Back").click()
    assert stage.answers == [{"type": "declined", "number": 2}]


def test_a_site_that_stops_waiting_for_unlocking_undoes_nothing(stage: Stage) -> None:
    stage.open()
    unlocking(stage)
    stage.handle(Show(Step.SIGNING))
    stage.handle(Show(Step.EXPIRED))
    for words in ("You were not identified", "start again", "stays set"):
        stage.sees(words)
        assert words in stage.spoken[-1]
    assert stage.window.windowTitle() == TITLE


def test_a_change_that_became_unlocking_ends_without_that_note(stage: Stage) -> None:
    stage.open(operation="change-pin", origin="")
    stage.handle(LOCKED)
    stage.sees("You choose a new PIN at the same time.")
    unlocking(stage)
    stage.handle(Show(Step.DONE))
    stage.sees("The PIN has been changed")
    assert "stays set" not in stage.words


# -- Few words ------------------------------------------------------------------------


@EACH_LANGUAGE
def test_an_activation_inside_a_login_has_few_words(
    stage: Stage, language: str
) -> None:
    words = 0

    def count() -> None:
        nonlocal words
        shown = [each.text() for each in stage.visible(QLabel)]
        shown += [each.text() for each in stage.visible(QPushButton)]
        words += len(" ".join(shown).split())

    stage.open(language=language, test_card=False)
    stage.show(Ask(1, ActivationQuestion(False, HOLDER, "99900112X")))
    # The address stays in view, with what it is.
    stage.sees(SITE, HOLDER)
    count()
    stage.show(Ask(2, a_codes_question()))
    page = stage.codes_page
    for step in range(3):
        page._show_step(step)
        stage.settle()
        stage.sees(SITE, HOLDER)
        count()
    stage.show(Show(Step.SIGNING))
    count()
    assert words <= 180
