# SPDX-License-Identifier: MIT
"""Keyboard input on the pages for activating, changing and unblocking."""

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QAccessible, QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from native_host.pin_prompt.gui.codes_page import CodesPage
from native_host.pin_prompt.gui.widgets import RuleLabel, RuleState
from native_host.pin_prompt.messages import Show
from native_host.pin_prompt.model import CodeField, Operation, Step
from tests.pin_prompt.conftest import NEW_PIN1, NEW_PIN2, OLD_PIN, PUK, SEVEN, Stage

EIGHT = CodeField("activation", (8,))
BOTH = (SEVEN, NEW_PIN1, NEW_PIN2)
OTHER = "Different from the card's other PIN"


def rules(page: CodesPage) -> dict[str, list[RuleState]]:
    """Return the state of each rule, for each PIN in order."""
    found: dict[str, list[RuleState]] = {}
    for rule in page.findChildren(RuleLabel):
        if rule.isVisible():
            found.setdefault(rule.text(), []).append(rule.state)
    return found


# -- Answers --------------------------------------------------------------------------


def test_enter_goes_from_field_to_field_and_agrees_in_the_last(stage: Stage) -> None:
    stage.ask_codes()
    stage.press("1234567\r2580\r2580\r739146\r739146")
    assert stage.answers == []
    stage.press("\r")
    assert stage.answers == [
        {"type": "codes", "number": 1, "values": ["1234567", "2580", "739146"]}
    ]


def test_the_button_agrees_too(stage: Stage) -> None:
    stage.ask_codes(fields=(SEVEN, NEW_PIN2), done=("PIN1",), at_risk="PIN2")
    stage.press("1234567")
    QTest.mouseClick(stage.button("Next"), Qt.MouseButton.LeftButton)
    stage.settle()
    stage.press("739146\t739146")
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
    stage.ask_codes(**changes)
    stage.press(keys)
    assert stage.answers[0]["values"] == values


def test_what_was_typed_is_gone_after_the_answer_and_given_once(stage: Stage) -> None:
    page = stage.ask_codes()
    stage.press("1234567\r2580\r2580\r739146\r739146\r")
    assert all(bytes(field.digits) == b"" for field in page.fields)
    QTest.keyClick(page.fields[-1], Qt.Key.Key_Return)
    stage.button("Activate the card").click()
    assert len(stage.answers) == 1


def test_escape_cancels_where_nothing_is_typed(stage: Stage) -> None:
    stage.ask_codes()
    QTest.keyClick(stage.window.focusWidget(), Qt.Key.Key_Escape)
    assert stage.answers == [{"type": "cancel"}]


# -- Leaving --------------------------------------------------------------------------

QUESTION = "Do you want to stop here?"


def escape(stage: Stage) -> None:
    QTest.keyClick(stage.window.focusWidget(), Qt.Key.Key_Escape)
    stage.settle()


@pytest.mark.parametrize("way", ["escape", "button", "close"])
def test_one_is_asked_once_before_typed_codes_are_thrown_away(
    stage: Stage, spoken: list[str], way: str
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
    assert QUESTION in stage.words
    assert QUESTION in spoken[-1]
    assert "not been sent to the card" in spoken[-1]
    # The safe answer has the focus.
    assert stage.window.focusWidget() is stage.button("Keep typing")
    leave()
    assert stage.answers == [{"type": "cancel"}]
    assert all(bytes(field.digits) == b"" for field in page.fields)


def test_the_question_ends_when_one_goes_on(stage: Stage) -> None:
    page = stage.ask_codes()
    stage.press("123")
    escape(stage)
    stage.button("Keep typing").click()
    assert QUESTION not in stage.words
    assert stage.window.focusWidget() is page.fields[0]
    escape(stage)
    page.fields[0].setFocus()
    stage.press("4")
    assert QUESTION not in stage.words
    stage.press("567\r2580\r2580\r739146\r739146\r")
    assert stage.answers[0]["values"] == ["1234567", "2580", "739146"]


def test_a_second_press_in_haste_does_not_answer_the_question(stage: Stage) -> None:
    page = stage.ask_codes()
    page.hold.setInterval(10**9)
    stage.press("123")
    escape(stage)
    escape(stage)
    QTest.mouseClick(stage.button("Stop"), Qt.MouseButton.LeftButton)
    assert stage.answers == []
    page.hold.stop()
    escape(stage)
    assert stage.answers == [{"type": "cancel"}]


def test_a_held_escape_does_not_answer_the_question(stage: Stage) -> None:
    stage.ask_codes()
    stage.press("123")
    escape(stage)
    focus = stage.window.focusWidget()
    QApplication.sendEvent(focus, held(Qt.Key.Key_Escape))
    assert stage.answers == []


def held(key: Qt.Key) -> QKeyEvent:
    """Return a press that the keyboard repeats because the key is held."""
    none = Qt.KeyboardModifier.NoModifier
    return QKeyEvent(QEvent.Type.KeyPress, key, none, "", True)


def test_what_was_typed_is_wiped_when_the_page_goes_no_matter_how(
    stage: Stage,
) -> None:
    page = stage.ask_codes()
    stage.press("1234567\r2580")
    buffers = [field._buffer for field in page.fields]
    assert any(any(buffer) for buffer in buffers)
    stage.handle(Show(Step.EXPIRED))
    assert not any(any(buffer) for buffer in buffers)


# -- Steps ----------------------------------------------------------------------------


def test_each_step_asks_for_one_code(stage: Stage, spoken: list[str]) -> None:
    page = stage.ask_codes()
    for keys, visible, said in (
        ("", page.fields[:1], "Step 1/3: Letter"),
        ("1234567\r", page.fields[1:3], "Step 2/3: PIN1: identifying"),
        ("2580\r2580\r", page.fields[3:], "Step 3/3: PIN2: signing"),
    ):
        stage.press(keys)
        assert [f for f in page.fields if f.isVisible()] == visible
        assert stage.window.focusWidget() is visible[0]
        assert said in stage.words
        assert said in spoken[-1]
    assert stage.answers == []


def test_one_goes_back_and_forth_and_nothing_is_lost(stage: Stage) -> None:
    page = stage.ask_codes()
    stage.press("1234567\r2580\r2580\r7391")
    stage.press_button("Back")
    assert stage.window.focusWidget() is page.fields[1]
    stage.press_button("Back")
    assert "Step 1/3" in stage.words
    assert [b.text() for b in page.buttons if b.isVisible()] == ["Cancel", "Next"]
    stage.press("\b8")  # the letter says something else
    for _ in range(2):
        stage.press_button("Next")
    stage.press("46\r739146\r")
    assert stage.answers[0]["values"] == ["1234568", "2580", "739146"]


def test_the_next_step_comes_only_after_a_step_without_errors(stage: Stage) -> None:
    page = stage.ask_codes()
    stage.press("1234567\r2580\r")
    stage.button("Next").click()
    assert "Step 2/3" in stage.words
    assert stage.window.focusWidget() is page.fields[1]
    assert "not typed the same way twice" in stage.words


def test_a_double_click_does_not_press_the_button_of_the_step_after(
    stage: Stage,
) -> None:
    page = stage.ask_codes()
    stage.press("1234567\r2580\r2580\r739146\r739146")
    stage.press_button("Back")
    page.hold.setInterval(10**9)
    stage.button("Next").click()
    stage.button("Activate the card").click()
    assert stage.answers == []
    page.hold.stop()
    stage.button("Activate the card").click()
    assert len(stage.answers) == 1


def test_a_held_enter_does_not_run_through_filled_fields(stage: Stage) -> None:
    page = stage.ask_codes()
    stage.press("1234567\r2580\r2580\r739146\r739146")
    stage.press_button("Back")
    for _ in range(9):
        focus = stage.window.focusWidget()
        QApplication.sendEvent(focus, held(Qt.Key.Key_Return))
        stage.settle()
    assert stage.window.focusWidget() is page.fields[1]
    assert stage.answers == []


def test_a_partly_activated_card_has_no_step_for_what_is_set(stage: Stage) -> None:
    stage.ask_codes(fields=(SEVEN, NEW_PIN2), done=("PIN1",), at_risk="PIN2")
    assert "Step 1/2: Letter" in stage.words
    stage.press("1234567\r")
    assert "Step 2/2: PIN2: signing" in stage.words


@pytest.mark.parametrize("operation", ["change-pin", "unblock"])
def test_a_single_pin_has_one_page(stage: Stage, operation: Operation) -> None:
    code, risk = (OLD_PIN, "PIN1") if operation == "change-pin" else (PUK, "PUK")
    fields = (code, NEW_PIN1)
    page = stage.ask_codes(operation=operation, pin="PIN1", fields=fields, at_risk=risk)
    assert all(field.isVisible() for field in page.fields)
    assert "Step" not in stage.words


# -- Rejected input -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "typed", "said"),
    [
        (BOTH, "12345678", "The code must have 7 digits"),
        ((EIGHT, NEW_PIN1, NEW_PIN2), "1234567", "The code must have 8 digits"),
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
    page = stage.ask_codes(
        fields=fields, pin="PIN1", operation=operation, at_risk=at_risk
    )
    stage.press(f"{typed}\r")
    assert said in stage.words
    assert "Nothing was sent to the card." in stage.words
    assert stage.window.focusWidget() is page.fields[0]
    assert bytes(page.fields[0].digits) == b""
    assert stage.answers == []


def test_half_a_code_never_becomes_whole_with_what_is_typed_next(stage: Stage) -> None:
    stage.ask_codes()
    stage.press("567\r")
    stage.press("1234\r")
    assert "(typed: 4)" in stage.words
    assert stage.answers == []


def test_two_entries_that_differ_are_both_typed_again(stage: Stage) -> None:
    page = stage.ask_codes()
    stage.press("1234567\r2580\r2581\r")
    assert "The new PIN was not typed the same way twice." in stage.words
    assert [bytes(field.digits) for field in page.fields[:3]] == [b"1234567", b"", b""]
    assert stage.window.focusWidget() is page.fields[1]
    stage.press("2580\r2580\r739146\r739146\r")
    assert stage.answers[0]["values"][1] == "2580"


def test_the_button_finds_what_was_left_out(stage: Stage) -> None:
    page = stage.ask_codes()
    stage.press("1234567\r2580\r2580\r")
    stage.button("Activate the card").click()
    assert stage.answers == []
    assert stage.window.focusWidget() is page.fields[3]
    assert "Type this code first." in stage.words


def test_letters_and_spaces_are_not_taken(stage: Stage) -> None:
    page = stage.ask_codes()
    stage.press("12a -")
    assert bytes(page.fields[0].digits) == b"12"
    assert "Type digits only." in stage.words


def test_more_digits_than_a_new_pin_may_have_are_not_taken(stage: Stage) -> None:
    page = stage.ask_codes()
    stage.press("1234567\r258036914")
    assert bytes(page.fields[1].digits) == b"25803691"
    assert "There is room for 8 digits at most." in stage.words


def test_what_is_typed_too_early_is_not_taken(stage: Stage) -> None:
    page = stage.ask_codes()
    stage.window.guard.restart()
    stage.press("1234567\r")
    assert bytes(page.fields[0].digits) == b""
    assert not page.confirm.isEnabled()
    assert stage.window.focusWidget() is page.fields[0]
    assert "The digits were not taken" in stage.words


# -- The rules for a new PIN -----------------------------------------------------------


def test_the_rules_are_ticked_off_as_one_types(stage: Stage) -> None:
    page = stage.ask_codes()
    length, same = "4–8 digits", "The same in both fields"
    easy = "Hard to guess"
    stage.press("1234567\r258")
    assert rules(page)[length] == [RuleState.OPEN]
    assert rules(page)[easy] == [RuleState.OPEN]
    assert OTHER not in rules(page)
    stage.press("0")
    assert rules(page)[length] == [RuleState.KEPT]
    assert rules(page)[easy] == [RuleState.KEPT]
    stage.press("\r25")
    assert rules(page)[same] == [RuleState.OPEN]
    stage.press("1")
    assert rules(page)[same] == [RuleState.BROKEN]
    QTest.keyClick(page.fields[2], Qt.Key.Key_Backspace)
    stage.press("80")
    assert rules(page)[same] == [RuleState.KEPT]
    stage.press("\r739146")
    assert rules(page)[OTHER] == [RuleState.KEPT]


@pytest.mark.parametrize("pin", ["1234", "1111", "123456", "240584", "24051984"])
def test_a_trivial_pin_is_warned_of_and_taken(stage: Stage, pin: str) -> None:
    stage.ask_codes(operation="change-pin", pin="PIN1", fields=(OLD_PIN, NEW_PIN1))
    stage.press(f"2580\r{pin}")
    assert "This PIN is easy to guess" in stage.words
    stage.press(f"\r{pin}\r")
    assert stage.answers[0]["values"] == ["2580", pin]


def test_the_same_pin_twice_is_warned_of_and_taken(stage: Stage) -> None:
    page = stage.ask_codes()
    stage.press("1234567\r739146\r739146\r739146")
    assert "Both PINs are the same." in stage.words
    assert rules(page)[OTHER] == [RuleState.BROKEN]
    stage.press("\r739146\r")
    assert stage.answers[0]["values"] == ["1234567", "739146", "739146"]


def test_the_letters_code_for_a_pin_is_warned_of(stage: Stage) -> None:
    stage.ask_codes()
    stage.press("1850274\r1850274")
    assert "This is the code in the letter, or the PUK code." in stage.words
    stage.press("\b\b\b")
    assert "This is the code in the letter" not in stage.words


def test_a_new_pin_that_is_the_old_one_is_warned_of(stage: Stage) -> None:
    stage.ask_codes(operation="change-pin", pin="PIN1", fields=(OLD_PIN, NEW_PIN1))
    stage.press("2580\r2580")
    assert "The card already has this PIN." in stage.words


def test_there_is_no_other_pin_where_one_is_set(stage: Stage) -> None:
    page = stage.ask_codes(fields=(SEVEN, NEW_PIN2), done=("PIN1",))
    assert OTHER not in rules(page)


def test_the_rules_are_told_after_a_pause_and_once(
    stage: Stage, spoken: list[str]
) -> None:
    page = stage.ask_codes()
    before = len(spoken)
    stage.press("1234567\r2580\r25")
    assert page.pause.isActive()
    assert len(spoken) == before + 1  # the step
    stage.press("80")
    page.pause.timeout.emit()
    page.pause.timeout.emit()
    assert spoken[before + 1 :] == ["New basic PIN (PIN1): The new PIN is in order."]
    stage.press("\r123456")
    page.pause.timeout.emit()
    assert len(spoken) == before + 4
    assert "New signature PIN (PIN2): This PIN is easy to guess" in spoken[-1]


def test_it_is_told_politely(
    stage: Stage, spoken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = stage.ask_codes()
    heard: list[Any] = []
    keep: Callable[[object], None] = heard.append
    monkeypatch.setattr(
        "native_host.gui.accessibility.QAccessible.updateAccessibility",
        lambda event: keep(event.politeness()),
    )
    stage.press("1234567\r1234")
    heard.clear()
    page.pause.timeout.emit()
    assert heard == [QAccessible.AnnouncementPoliteness.Polite]
