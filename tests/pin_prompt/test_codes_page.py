# SPDX-License-Identifier: MIT
"""Keyboard input on the pages for activating, changing and unblocking."""

from typing import Any

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel

from native_host.pin_prompt.gui.widgets import RuleLabel
from native_host.pin_prompt.messages import Show
from native_host.pin_prompt.model import CodeField, Step
from tests.pin_prompt.conftest import (
    CANCELLED,
    DESCRIPTION,
    NAME,
    NEW_PIN1,
    NEW_PIN2,
    OLD_PIN,
    PUK,
    SEVEN,
    Stage,
    interface,
)

EIGHT, EITHER = CodeField("activation", (8,)), CodeField("activation", (7, 8))
BOTH = (SEVEN, NEW_PIN1, NEW_PIN2)
ACTIVATION = "1234567\r2580\r2580\r739146\r739146"
PARTLY = {"fields": (SEVEN, NEW_PIN2), "done": ("PIN1",), "at_risk": "PIN2"}
CHANGE = {"operation": "change-pin", "pin": "PIN1", "fields": (OLD_PIN, NEW_PIN1)}
UNBLOCK = {
    "operation": "unblock",
    "pin": "PIN2",
    "fields": (PUK, NEW_PIN2),
    "at_risk": "PUK",
}


def escape(stage: Stage) -> None:
    QTest.keyClick(stage.focus, Qt.Key.Key_Escape)
    stage.settle()


def hold_down(stage: Stage, key: Qt.Key) -> None:
    """Have the keyboard repeat a key that is held."""
    none = Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(
        stage.focus, QKeyEvent(QEvent.Type.KeyPress, key, none, "", True)
    )
    stage.settle()


# -- Answers --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "keys", "values"),
    [
        ({"tries_left": 2}, f"{ACTIVATION}\r", ["1234567", "2580", "739146"]),
        (PARTLY, "1234567\r739146\t739146\r", ["1234567", "739146"]),
        (CHANGE, "123456789012\r2580\r2580\r", ["123456789012", "2580"]),
        (UNBLOCK, "12345678\r73914628\r73914628\r", ["12345678", "73914628"]),
    ],
)
def test_enter_goes_from_field_to_field_and_agrees_in_the_last(
    stage: Stage, changes: dict[str, Any], keys: str, values: list[str]
) -> None:
    page = stage.ask_codes(**changes)
    stage.press(keys[:-1])
    assert stage.answers == []
    stage.press(keys[-1])
    answers = [{"type": "codes", "number": 1, "values": values}]
    assert stage.answers == answers
    # What was typed is gone, and given once.
    assert not any(bytes(field.digits) for field in page.fields)
    QTest.keyClick(page.fields[-1], Qt.Key.Key_Return)
    page.confirm.click()
    assert stage.answers == answers


def test_the_buttons_agree_too(stage: Stage) -> None:
    stage.ask_codes(**PARTLY)
    stage.press("1234567")
    QTest.mouseClick(stage.button("Next"), Qt.MouseButton.LeftButton)
    stage.settle()
    stage.press("739146\t739146")
    QTest.mouseClick(stage.button("Activate the card"), Qt.MouseButton.LeftButton)
    assert stage.answers[0]["values"] == ["1234567", "739146"]


# -- Leaving --------------------------------------------------------------------------

QUESTION = "Do you want to stop here?"


def test_escape_cancels_where_nothing_is_typed(stage: Stage) -> None:
    stage.ask_codes()
    escape(stage)
    assert stage.answers == CANCELLED


@pytest.mark.parametrize("way", ["escape", "button", "close"])
def test_one_is_asked_before_typed_codes_are_thrown_away(
    stage: Stage, way: str
) -> None:
    page = stage.ask_codes()
    stage.press("123")

    def leave() -> None:
        if way == "button" and not page.hold.isActive():
            words = "Stop" if QUESTION in stage.words else "Cancel"
            QTest.mouseClick(stage.button(words), Qt.MouseButton.LeftButton)
        elif way == "close":
            stage.window.close()
        else:
            escape(stage)
        stage.settle()

    leave()
    assert stage.answers == []
    stage.sees(QUESTION)
    assert QUESTION in stage.spoken[-1]
    assert "not been sent to the card" in stage.spoken[-1]
    # The safe answer has the focus.
    assert stage.focus is stage.button("Keep typing")
    leave()
    assert stage.answers == CANCELLED
    assert not any(bytes(field.digits) for field in page.fields)


def test_the_question_ends_when_one_goes_on(stage: Stage) -> None:
    page = stage.ask_codes()
    stage.press("123")
    escape(stage)
    stage.button("Keep typing").click()
    assert QUESTION not in stage.words
    assert stage.focus is page.fields[0]
    escape(stage)
    page.fields[0].setFocus()
    stage.press("4")
    assert QUESTION not in stage.words
    stage.press(f"{ACTIVATION[4:]}\r")
    assert stage.answers[0]["values"] == ["1234567", "2580", "739146"]


def test_neither_haste_nor_a_held_key_answers_the_question(stage: Stage) -> None:
    page = stage.ask_codes()
    page.hold.setInterval(10**9)
    stage.press("123")
    escape(stage)
    escape(stage)
    QTest.mouseClick(stage.button("Stop"), Qt.MouseButton.LeftButton)
    assert stage.answers == []
    page.hold.stop()
    hold_down(stage, Qt.Key.Key_Escape)
    assert stage.answers == []
    escape(stage)
    assert stage.answers == CANCELLED


def test_what_was_typed_is_wiped_when_the_page_goes(stage: Stage) -> None:
    page = stage.ask_codes()
    stage.press("1234567\r2580")
    buffers = [field._buffer for field in page.fields]
    assert any(any(buffer) for buffer in buffers)
    stage.handle(Show(Step.EXPIRED))
    assert not any(any(buffer) for buffer in buffers)


# -- Steps ----------------------------------------------------------------------------


def test_each_step_asks_for_one_code(stage: Stage) -> None:
    page = stage.ask_codes()
    for keys, visible, said in (
        ("", page.fields[:1], "Step 1/3: Letter"),
        ("1234567\r", page.fields[1:3], "Step 2/3: PIN1: identifying"),
        ("2580\r2580\r", page.fields[3:], "Step 3/3: PIN2: signing"),
    ):
        stage.press(keys)
        assert [f for f in page.fields if f.isVisible()] == visible
        assert stage.focus is visible[0]
        stage.sees(said)
        assert said in stage.spoken[-1]
    assert stage.answers == []


def test_one_goes_back_and_forth_and_nothing_is_lost(stage: Stage) -> None:
    page = stage.ask_codes()
    stage.press("1234567\r2580\r2580\r7391")
    stage.press_button("Back")
    assert stage.focus is page.fields[1]
    stage.press_button("Back")
    stage.sees("Step 1/3")
    assert [b.text() for b in page.buttons if b.isVisible()] == ["Cancel", "Next"]
    stage.press("\b8")  # the letter says something else
    for _ in range(2):
        stage.press_button("Next")
    stage.press("46\r739146\r")
    assert stage.answers[0]["values"] == ["1234568", "2580", "739146"]


def test_no_double_click_or_held_enter_runs_through_filled_fields(stage: Stage) -> None:
    page = stage.ask_codes()
    stage.press(ACTIVATION)
    stage.press_button("Back")
    for _ in range(9):
        hold_down(stage, Qt.Key.Key_Return)
    assert stage.focus is page.fields[1]
    page.hold.setInterval(10**9)
    stage.button("Next").click()
    stage.button("Activate the card").click()
    assert stage.answers == []
    page.hold.stop()
    stage.button("Activate the card").click()
    assert len(stage.answers) == 1


def test_a_partly_activated_card_has_no_step_for_what_is_set(stage: Stage) -> None:
    stage.ask_codes(**PARTLY)
    stage.sees("Step 1/2: Letter")
    stage.press("1234567\r739146")
    stage.sees("Step 2/2: PIN2: signing")
    assert not any(rule.startswith("Different") for rule in rules(stage))


@pytest.mark.parametrize("asked", [CHANGE, UNBLOCK])
def test_a_single_pin_has_one_page(stage: Stage, asked: dict[str, Any]) -> None:
    page = stage.ask_codes(**asked)
    assert all(field.isVisible() for field in page.fields)
    assert "Step" not in stage.words
    # Orca says both the label and the name of a field where they differ.
    for label in page.findChildren(QLabel):
        if (field := label.buddy()) is not None:
            assert field.accessibleName() == label.text()


# -- Rejected input -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "typed", "said"),
    [
        (BOTH, "12345678", "The code must have 7 digits"),
        ((EIGHT, NEW_PIN1, NEW_PIN2), "1234567", "The code must have 8 digits"),
        (BOTH, "", "Type this code first."),
        ((EITHER, NEW_PIN1), "123456", "be 7 or 8 digits"),
        ((PUK, NEW_PIN1), "1234567", "be 8–12 digits"),
        ((OLD_PIN, NEW_PIN1), "123", "be 4–12 digits"),
    ],
)
def test_a_code_of_a_wrong_length_is_explained_and_typed_again(
    stage: Stage, fields: tuple[CodeField, ...], typed: str, said: str
) -> None:
    operation = {"PUK": "unblock", "old": "change-pin"}.get(fields[0].name, "activate")
    at_risk = "PUK" if operation == "unblock" else "PIN1"
    asked = {"fields": fields, "pin": "PIN1", "operation": operation}
    page = stage.ask_codes(**asked, at_risk=at_risk)
    stage.press(f"{typed}\r")
    stage.sees(said, "Nothing was sent to the card.", stage.spoken[-1])
    field = page.fields[0]
    assert stage.spoken[-1] in interface(field).text(DESCRIPTION)
    assert stage.focus is field
    assert bytes(field.digits) == b""
    assert stage.answers == []
    stage.press("1")
    assert said not in interface(field).text(DESCRIPTION)
    assert not page.error_notice.isVisible()


def test_half_a_code_never_becomes_whole_with_what_is_typed_next(stage: Stage) -> None:
    stage.ask_codes()
    stage.press("567\r1234\r")
    stage.sees("(typed: 4)")
    assert stage.answers == []


def test_of_two_entries_that_differ_only_the_second_is_typed_again(
    stage: Stage,
) -> None:
    page = stage.ask_codes()
    first, again = page.fields[1:3]
    said = "The second field is empty again"
    stage.press("1234567\r2580\r2581\r")
    stage.sees(said)
    assert said in stage.spoken[-1]
    assert said in interface(again).text(DESCRIPTION)
    assert [bytes(field.digits) for field in (first, again)] == [b"2580", b""]
    assert stage.focus is again
    # The next step comes only after one without errors.
    stage.press_button("Next")
    stage.sees("Step 2/3", "Type this code first.")
    assert stage.focus is again
    stage.press("2580\r")
    stage.press_button("Activate the card")
    assert stage.answers == []
    assert stage.focus is page.fields[3]
    stage.sees("Type this code first.")
    stage.press("739146\r739145")
    stage.press_button("Activate the card")
    stage.press("739146\r")
    assert stage.answers[0]["values"] == ["1234567", "2580", "739146"]


def test_no_letter_and_no_digit_too_many_is_taken(stage: Stage) -> None:
    page = stage.ask_codes()
    stage.press("12a -")
    assert bytes(page.fields[0].digits) == b"12"
    stage.sees("Type digits only.")
    stage.press("34567\r258036914")
    assert bytes(page.fields[1].digits) == b"25803691"
    stage.sees("There is room for 8 digits at most.")


def test_what_is_typed_too_early_is_not_taken(stage: Stage) -> None:
    page = stage.ask_codes()
    stage.guard.restart()
    stage.press("1234567\r")
    assert bytes(page.fields[0].digits) == b""
    assert not page.confirm.isEnabled()
    assert stage.focus is page.fields[0]
    stage.sees("The digits were not taken")


# -- The rules for a new PIN -----------------------------------------------------------


def rules(stage: Stage) -> list[str]:
    """Return the rules that can be seen, as a screen reader says them."""
    return [interface(rule).text(NAME) for rule in stage.visible(RuleLabel)]


def test_the_rules_are_ticked_off_as_one_types(stage: Stage) -> None:
    stage.ask_codes()
    for keys, length, same, easy in (
        ("1234567\r258", "not yet", "not yet", "not yet"),
        ("0", "in order", "not yet", "in order"),
        ("\r25", "in order", "not yet", "in order"),
        ("1", "in order", "to be changed", "in order"),
        ("\b80", "in order", "in order", "in order"),
    ):
        stage.press(keys)
        assert rules(stage) == [
            f"4–8 digits: {length}",
            f"Same in both: {same}",
            f"Hard to guess: {easy}",
        ]
    stage.press("\r739146")
    assert rules(stage)[-1] == "Different from PIN1: in order"


EASY, USE, OTHER = "This PIN is easy", "Use it anyway", "Choose another"


@pytest.mark.parametrize(
    ("asked", "keys", "warning"),
    [
        (CHANGE, "2580\r240584", EASY),
        (CHANGE, "2580\r2580", "The card already has this PIN."),
        ({}, "1234567\r739146\r739146\r739146", "Both PINs are the same."),
        (PARTLY, "1850274\r1850274", "This is the code in the letter, or the PUK"),
    ],
)
def test_a_bad_new_pin_is_taken_only_if_one_says_so(
    stage: Stage, asked: dict[str, Any], keys: str, warning: str
) -> None:
    page = stage.ask_codes(**asked)
    pin = keys.rpartition("\r")[2]
    stage.press(f"{keys}\r{pin}")
    assert warning not in stage.words
    stage.press("\r")
    stage.sees(warning)
    assert warning in stage.spoken[-1]
    assert stage.answers == []
    # The safe answer has the focus.
    assert stage.focus is stage.button(OTHER)
    stage.press("\r")
    first, again = page.fields[-2:]
    assert first.hasFocus()
    assert [bytes(first.digits), bytes(again.digits)] == [b"", b""]
    assert warning not in stage.words
    stage.press(f"{pin}\r{pin}\r")
    stage.press_button(USE)
    assert stage.answers[0]["values"][-1] == pin


def test_the_answer_about_an_easy_pin_is_for_this_pin_only(stage: Stage) -> None:
    page = stage.ask_codes()
    stage.press("1234567\r1111\r1111\r")
    stage.press_button(USE)
    stage.sees("Step 3/3")
    stage.press_button("Back")
    stage.press_button("Next")  # nothing is asked twice
    stage.sees("Step 3/3")
    stage.press_button("Back")
    for field in page.fields[1:3]:
        field.setFocus()
        stage.press("\b\b70")
    stage.press_button("Next")
    stage.sees("Step 3/3")  # 1170 is no easy one
    stage.press_button("Back")
    for field in page.fields[1:3]:
        field.setFocus()
        stage.press("\b\b11")
    stage.press_button("Next")
    stage.sees("Step 2/3", EASY)
    # Leaving has a question of its own.
    escape(stage)
    stage.sees(QUESTION)
    assert EASY not in stage.words
    stage.press_button("Keep typing")
    assert bytes(page.fields[1].digits) == b"1111"
    stage.press_button("Next")
    page.fields[2].setFocus()
    stage.press("\b")
    assert EASY not in stage.words
    assert stage.answers == []


def test_haste_answers_nothing_about_an_easy_pin(stage: Stage) -> None:
    page = stage.ask_codes()
    page.hold.setInterval(10**9)
    stage.press("1234567\r")
    page.hold.stop()
    stage.press("1234\r1234\r")
    for words in (USE, OTHER):
        QTest.mouseClick(stage.button(words), Qt.MouseButton.LeftButton)
        stage.sees("Step 2/3", EASY)
        assert bytes(page.fields[1].digits) == b"1234"


@pytest.mark.parametrize("asked", [{}, CHANGE, UNBLOCK])
def test_a_button_shows_the_digits_of_each_code_while_it_is_held(
    stage: Stage, asked: dict[str, Any]
) -> None:
    page = stage.ask_codes(**asked)
    before = stage.window.grab().toImage()
    for entry in page.entries:
        page.show_step_of(entry)
        assert entry.name in interface(entry.eye).text(NAME)
        for end in ("release", "window", "hidden"):
            QTest.mousePress(entry.eye, Qt.MouseButton.LeftButton)
            assert all(field.revealed for field in entry.fields)
            assert not any(f.revealed for f in page.fields if f not in entry.fields)
            if end == "window":
                QApplication.sendEvent(
                    stage.window, QEvent(QEvent.Type.WindowDeactivate)
                )
            elif end == "hidden":
                entry.eye.hide()
                entry.eye.show()
            else:
                QTest.mouseRelease(entry.eye, Qt.MouseButton.LeftButton)
            assert not any(field.revealed for field in entry.fields)
    assert before != stage.window.grab().toImage()


def test_tab_goes_from_field_to_field_and_then_to_the_buttons(stage: Stage) -> None:
    page = stage.ask_codes(**CHANGE)
    eyes = [entry.eye for entry in page.entries]
    ends = [stage.button("Cancel"), stage.button("Change the PIN")]
    assert stage.tab_order() == [*page.fields, *eyes, *ends]


def test_the_rules_are_told_politely_after_a_pause_and_once(stage: Stage) -> None:
    page = stage.ask_codes()
    before = len(stage.spoken)
    stage.press("1234567\r2580\r25")
    assert page.pause.isActive()
    assert len(stage.spoken) == before + 1  # the step
    stage.press("80")
    page.pause.timeout.emit()
    page.pause.timeout.emit()
    assert stage.spoken[before + 1 :] == ["New PIN1: The new PIN is in order."]
    assert stage.polite[-1]
    stage.press("\r123456")
    page.pause.timeout.emit()
    assert len(stage.spoken) == before + 4
    assert "New PIN2: This PIN is easy to guess" in stage.spoken[-1]
