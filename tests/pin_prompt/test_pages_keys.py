# SPDX-License-Identifier: MIT
"""Keys on the page for a PIN: what is typed, and the way with the keyboard alone."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from native_host.pin_prompt.messages import (
    Ask,
    AskStarted,
)
from tests.pin_prompt.conftest import Stage, a_question

ENTER, ESCAPE, TAB = Qt.Key.Key_Return, Qt.Key.Key_Escape, Qt.Key.Key_Tab
SPACE, BACKTAB = Qt.Key.Key_Space, Qt.Key.Key_Backtab


def pin(digits: str, number: int = 1) -> dict[str, object]:
    return {"type": "pin", "number": number, "digits": digits}


def press(widget: QWidget, key: Qt.Key) -> None:
    QTest.keyClick(widget, key)


# Typing


def test_digits_and_enter_answer(stage: Stage) -> None:
    field = stage.ask().field
    QTest.keyClicks(field, "1234")
    press(field, ENTER)
    assert stage.answers == [pin("1234")]
    assert bytes(field.digits) == b""


def test_the_button_answers_too_and_only_once(stage: Stage) -> None:
    page = stage.ask()
    QTest.keyClicks(page.field, "123456789012")
    page.confirm.click()
    page.confirm.click()
    press(page.field, ENTER)
    assert stage.answers == [pin("123456789012")]


def test_the_answer_carries_the_number_of_its_question(stage: Stage) -> None:
    stage.ask()
    stage.handle(Ask(7, a_question()))
    stage.window.guard.end()
    QTest.keyClicks(stage.pin_page.field, "1234\r")
    assert stage.answers == [pin("1234", number=7)]


def test_digits_are_never_readable(stage: Stage) -> None:
    field = stage.ask().field
    QTest.keyClicks(field, "1234")
    assert "1234" not in stage.words
    assert not set("1234") & set(field.displayText())


def test_a_pin_that_is_too_short_is_not_sent(stage: Stage) -> None:
    field = stage.ask().field
    QTest.keyClicks(field, "123\r")
    assert stage.answers == []
    assert "Nothing was sent to the card." in stage.words


def test_letters_and_the_thirteenth_digit_are_refused_aloud(
    stage: Stage, spoken: list[str]
) -> None:
    field = stage.ask().field
    QTest.keyClicks(field, "12a")
    assert bytes(field.digits) == b"12"
    assert spoken[-1] == "Type digits only. The PIN has no other characters."
    QTest.keyClicks(field, "34567890123")
    assert bytes(field.digits) == b"123456789012"
    assert spoken[-1] == (
        "The PIN has at most 12 digits. Type the PIN from the beginning."
    )


def test_the_clipboard_neither_gives_nor_gets_a_pin(stage: Stage) -> None:
    field = stage.ask().field
    clipboard = QApplication.clipboard()
    clipboard.setText("4321")
    for key in (Qt.Key.Key_V, Qt.Key.Key_Insert):
        control = Qt.KeyboardModifier.ControlModifier
        shift = Qt.KeyboardModifier.ShiftModifier
        QTest.keyClick(field, key, control if key == Qt.Key.Key_V else shift)
    QTest.mouseClick(field, Qt.MouseButton.MiddleButton)
    assert bytes(field.digits) == b""
    assert "can't be pasted" in stage.words
    QTest.keyClicks(field, "1234")
    field.selectAll()
    for key in (Qt.Key.Key_C, Qt.Key.Key_X):
        QTest.keyClick(field, key, Qt.KeyboardModifier.ControlModifier)
    assert bytes(field.digits) == b"1234"
    assert clipboard.text() == "4321"


def test_at_the_last_try_nothing_goes_before_it_is_understood(stage: Stage) -> None:
    page = stage.ask(tries_left=1)
    assert page.last_try_box is not None
    page.confirm.click()
    assert "First tick" in stage.words
    assert stage.window.focusWidget() is page.last_try_box
    QTest.keyClicks(page.field, "1234\r")
    assert stage.answers == []
    assert stage.window.focusWidget() is page.last_try_box
    press(page.last_try_box, SPACE)
    press(page.field, ENTER)
    assert stage.answers == [pin("1234")]


# The keyboard alone


def test_tab_goes_through_the_page_in_order_and_back(stage: Stage) -> None:
    page = stage.ask(tries_left=1)
    assert page.last_try_box is not None
    cancel, confirm = page.buttons
    press(page.last_try_box, SPACE)
    order = [page.last_try_box, page.field, page.eye, cancel, confirm]
    page.last_try_box.setFocus()
    seen = []
    for _ in order:
        seen.append(stage.window.focusWidget())
        press(stage.window.focusWidget(), TAB)
    assert seen == order
    confirm.setFocus()
    press(confirm, BACKTAB)
    assert stage.window.focusWidget() is cancel


def test_the_field_has_the_focus_unless_it_is_the_last_try(stage: Stage) -> None:
    assert stage.ask().field is stage.window.focusWidget()
    stage.handle(Ask(2, a_question(tries_left=1)))
    assert stage.pin_page.last_try_box is stage.window.focusWidget()


@pytest.mark.parametrize("request_", [AskStarted(), Ask(1, a_question())])
def test_escape_cancels_everywhere(stage: Stage, request_: AskStarted | Ask) -> None:
    stage.open()
    stage.handle(request_)
    press(stage.window.focusWidget(), ESCAPE)
    assert stage.answers == [{"type": "cancel"}]
    assert not stage.window.isVisible()


def test_closing_the_window_cancels(stage: Stage) -> None:
    stage.ask()
    stage.window.close()
    assert stage.answers == [{"type": "cancel"}]


def test_enter_on_cancel_cancels_and_elsewhere_does_nothing(stage: Stage) -> None:
    page = stage.ask(tries_left=1)
    assert page.last_try_box is not None
    press(page.last_try_box, ENTER)
    assert stage.answers == []
    page.buttons[0].setFocus()
    press(page.buttons[0], ENTER)
    assert stage.answers == [{"type": "cancel"}]
