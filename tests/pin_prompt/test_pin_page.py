# SPDX-License-Identifier: MIT
"""The page for a PIN and its field: what is typed, and the way with the keyboard."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPointF, QRegularExpression, Qt
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEditableTextInterface,
    QClipboard,
    QInputEvent,
    QInputMethodEvent,
    QKeyEvent,
    QRegularExpressionValidator,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit

from native_host.gui.sizes import dp
from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.pin_field import PinField
from native_host.pin_prompt.messages import (
    Ask,
    AskStarted,
)
from tests.pin_prompt.conftest import NEVER, Stage, a_question

# -- The page --------------------------------------------------------------------------

ENTER, ESCAPE, TAB = Qt.Key.Key_Return, Qt.Key.Key_Escape, Qt.Key.Key_Tab
SPACE, BACKTAB = Qt.Key.Key_Space, Qt.Key.Key_Backtab


def pin(digits: str, number: int = 1) -> dict[str, object]:
    return {"type": "pin", "number": number, "digits": digits}


# Typing


def test_digits_and_enter_answer(stage: Stage) -> None:
    field = stage.ask().field
    QTest.keyClicks(field, "1234")
    QTest.keyClick(field, ENTER)
    assert stage.answers == [pin("1234")]
    assert bytes(field.digits) == b""


def test_the_button_answers_too_and_only_once(stage: Stage) -> None:
    page = stage.ask()
    QTest.keyClicks(page.field, "123456789012")
    page.confirm.click()
    page.confirm.click()
    QTest.keyClick(page.field, ENTER)
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
    QTest.keyClick(page.last_try_box, SPACE)
    QTest.keyClick(page.field, ENTER)
    assert stage.answers == [pin("1234")]


# The keyboard alone


def test_tab_goes_through_the_page_in_order_and_back(stage: Stage) -> None:
    page = stage.ask(tries_left=1)
    assert page.last_try_box is not None
    cancel, confirm = page.buttons
    QTest.keyClick(page.last_try_box, SPACE)
    order = [page.last_try_box, page.field, page.eye, cancel, confirm]
    page.last_try_box.setFocus()
    seen = []
    for _ in order:
        seen.append(stage.window.focusWidget())
        QTest.keyClick(stage.window.focusWidget(), TAB)
    assert seen == order
    confirm.setFocus()
    QTest.keyClick(confirm, BACKTAB)
    assert stage.window.focusWidget() is cancel


def test_the_field_has_the_focus_unless_it_is_the_last_try(stage: Stage) -> None:
    assert stage.ask().field is stage.window.focusWidget()
    stage.handle(Ask(2, a_question(tries_left=1)))
    assert stage.pin_page.last_try_box is stage.window.focusWidget()


@pytest.mark.parametrize("request_", [AskStarted(), Ask(1, a_question())])
def test_escape_cancels_everywhere(stage: Stage, request_: AskStarted | Ask) -> None:
    stage.open()
    stage.handle(request_)
    QTest.keyClick(stage.window.focusWidget(), ESCAPE)
    assert stage.answers == [{"type": "cancel"}]
    assert not stage.window.isVisible()


def test_closing_the_window_cancels(stage: Stage) -> None:
    stage.ask()
    stage.window.close()
    assert stage.answers == [{"type": "cancel"}]


def test_enter_on_cancel_cancels_and_elsewhere_does_nothing(stage: Stage) -> None:
    page = stage.ask(tries_left=1)
    assert page.last_try_box is not None
    QTest.keyClick(page.last_try_box, ENTER)
    assert stage.answers == []
    page.buttons[0].setFocus()
    QTest.keyClick(page.buttons[0], ENTER)
    assert stage.answers == [{"type": "cancel"}]


# -- The field -------------------------------------------------------------------------

Key, Modifier = Qt.Key, Qt.KeyboardModifier
#: A key and its modifiers; or the text that an input method commits, with the start
#: (relative to the cursor) and the length of the text that it replaces.
Press = tuple[Any, ...]

CONTROL = (Key.Key_A, Key.Key_K, Key.Key_U, Key.Key_Z, Key.Key_Y)
MOVING = (Key.Key_Left, Key.Key_Right, Key.Key_Home, Key.Key_End)
DELETING = (Key.Key_Backspace, Key.Key_Delete)
#: Actions of a person or an input method in a field.
PRESSES: list[Press] = [
    *((key, Modifier.NoModifier) for key in (*MOVING, *DELETING, Key.Key_B)),
    *((key, Modifier.ShiftModifier) for key in MOVING),
    *((key, Modifier.ControlModifier) for key in (*CONTROL, *DELETING)),
    (Key.Key_Z, Modifier.ControlModifier | Modifier.ShiftModifier),
    ("7", 0, 0),
    ("", -1, 1),
    ("8", -2, 2),
    ("", 0, 1),
]
DIGITS = [(Key(Key.Key_0 + digit), Modifier.NoModifier) for digit in range(10)]


def press(field: QLineEdit, what: Press) -> None:
    event: QInputEvent | QInputMethodEvent
    if isinstance(what[0], Key):
        key, modifiers = what
        # As on a real keyboard, where Control turns a letter into a control character.
        code = key & 0x1F if modifiers & Modifier.ControlModifier else key
        text = chr(code) if key < 0x80 else ""
        event = QKeyEvent(QEvent.Type.KeyPress, key, modifiers, text)
    else:
        event = QInputMethodEvent()
        event.setCommitString(*what)
    QApplication.sendEvent(field, event)


ZERO, SELECT_LEFT = DIGITS[0], (Key.Key_Left, Modifier.ShiftModifier)


@example([ZERO, ZERO, SELECT_LEFT, ("", -1, 1)])
@given(st.lists(st.sampled_from(DIGITS) | st.sampled_from(PRESSES), max_size=40))
def test_it_is_edited_as_any_password_field_of_qt(
    application: QApplication, presses: list[Press]
) -> None:
    field, plain = PinField(InputGuard(NEVER, 2 * NEVER), 12), QLineEdit()
    plain.setEchoMode(QLineEdit.EchoMode.Password)
    plain.setMaxLength(12)
    plain.setValidator(QRegularExpressionValidator(QRegularExpression("[0-9]*"), plain))
    for what in presses:
        if isinstance(what[0], str):
            # Qt removes the selection before it replaces text.
            cursor, left = plain.cursorPosition(), len(plain.text())
            if plain.hasSelectedText():
                cursor = plain.selectionStart()
                left -= len(plain.selectedText())
            start = cursor + what[1]
            if not 0 <= start <= start + what[2] <= left:
                continue  # Qt's own field becomes inconsistent here
        press(field, what)
        press(plain, what)
        assert bytes(field.digits) == plain.text().encode(), presses
        assert field.cursorPosition() == plain.cursorPosition()
        assert field.text() == "•" * len(plain.text())


def test_what_is_deleted_or_taken_leaves_nothing_in_the_buffer(
    application: QApplication,
) -> None:
    field = PinField(InputGuard(NEVER, 2 * NEVER), 12)
    whole = field.digits.obj
    QTest.keyClicks(field, "938475")
    QTest.keyClick(field, Key.Key_Home)
    for _ in range(2):
        QTest.keyClick(field, Key.Key_Delete)
    assert whole == b"8475" + bytes(8)
    assert field.take() == b"8475"
    assert whole == bytes(12)
    assert field.digits.obj is whole


CHANGES: dict[str, Callable[[QAccessibleEditableTextInterface], None]] = {
    "insert": lambda text: text.insertText(1, "9"),
    "insert a bullet": lambda text: text.insertText(1, "•"),
    "delete": lambda text: text.deleteText(0, 1),
    "replace": lambda text: text.replaceText(0, 4, "4321"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_program_puts_in_is_not_taken_and_ends_what_was_typed(
    stage: Stage, change: str
) -> None:
    page = stage.ask()
    QTest.keyClicks(page.field, "1234")
    interface = QAccessible.queryAccessibleInterface(page.field)
    assert interface is not None
    CHANGES[change](interface.editableTextInterface())
    assert (bytes(page.field.digits), page.field.text()) == (b"", "")
    assert "can't be pasted" in stage.words
    QTest.keyClicks(page.field, "5678\r")
    assert stage.answers == [{"type": "pin", "number": 1, "digits": "5678"}]


@pytest.mark.parametrize("typed", ["12a", "１２３４", "1 2"])
def test_an_input_method_gives_digits_and_nothing_else(
    stage: Stage, typed: str
) -> None:
    page = stage.ask()
    press(page.field, (typed, 0, 0))
    assert bytes(page.field.digits) == b""
    assert "Type digits only." in stage.words
    event = QInputMethodEvent("34", [])
    QApplication.sendEvent(page.field, event)
    assert page.field.text() == page.field.displayText() == ""


def test_neither_an_input_method_nor_the_selection_learns_digits(
    stage: Stage,
) -> None:
    clipboard = QApplication.clipboard()
    for mode in QClipboard.Mode:
        clipboard.clear(mode)
    page = stage.ask()
    QTest.keyClicks(page.field, "9384")
    page.field.selectAll()
    texts = (
        "SurroundingText",
        "CurrentSelection",
        "TextBeforeCursor",
        "TextAfterCursor",
    )
    for name in texts:
        query = Qt.InputMethodQuery[f"Im{name}"]
        assert set(str(page.field.inputMethodQuery(query) or "")) <= {"•"}
    QTest.keyClick(page.field, Key.Key_C, Modifier.ControlModifier)
    for mode in QClipboard.Mode:
        assert not set("9384") & set(clipboard.text(mode))


def test_a_key_that_is_held_down_is_one_digit(stage: Stage) -> None:
    page = stage.ask()
    for repeated in (False, True, True):
        event = QKeyEvent(
            QEvent.Type.KeyPress, Key.Key_5, Modifier.NoModifier, "5", repeated
        )
        QApplication.sendEvent(page.field, event)
    assert bytes(page.field.digits) == b"5"


@pytest.mark.parametrize("by", ["mouse", "keyboard"])
def test_digits_are_shown_while_the_button_is_held_and_only_on_the_screen(
    stage: Stage, by: str
) -> None:
    page = stage.ask()
    QTest.keyClicks(page.field, "9384")
    page.eye.setFocus()
    hidden = page.field.grab().toImage()
    if by == "mouse":
        QTest.mousePress(page.eye, Qt.MouseButton.LeftButton)
    else:
        QTest.keyPress(page.eye, Key.Key_Space)
    assert page.field.grab().toImage() != hidden
    assert set(page.field.displayText()) == {"●"}
    assert page.field.text() == "••••"
    if by == "mouse":
        QTest.mouseRelease(page.eye, Qt.MouseButton.LeftButton)
    else:
        QTest.keyRelease(page.eye, Key.Key_Space)
    assert page.field.grab().toImage() == hidden


def test_a_program_cannot_have_the_digits_shown(stage: Stage) -> None:
    page = stage.ask()
    QTest.keyClicks(page.field, "9384")
    interface = QAccessible.queryAccessibleInterface(page.eye)
    assert interface is not None
    page.eye.pressed.connect(lambda: pressed.append(page.field.revealed))
    pressed: list[bool] = []
    interface.actionInterface().doAction("Press")
    page.eye.click()
    assert pressed
    assert not any(pressed)


def test_digits_are_hidden_when_the_focus_leaves_the_button(stage: Stage) -> None:
    page = stage.ask()
    QTest.keyClicks(page.field, "9384")
    page.eye.setFocus()
    QTest.keyPress(page.eye, Key.Key_Space)
    assert page.field.revealed
    page.buttons[0].setFocus()
    assert not page.field.revealed


def test_a_click_puts_the_caret_where_it_is_painted(stage: Stage) -> None:
    page = stage.ask()
    QTest.keyClicks(page.field, "93841234")
    for index in range(9):
        middle = page.field._place(index).center() - QPointF(dp(9), 0)
        QTest.mouseClick(page.field, Qt.MouseButton.LeftButton, pos=middle.toPoint())
        assert page.field.cursorPosition() == index
