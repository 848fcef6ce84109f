# SPDX-License-Identifier: MIT
"""The page for a PIN and its field: what is typed, and the way with the keyboard."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPointF, QRegularExpression, Qt
from PySide6.QtGui import (
    QAccessibleEditableTextInterface,
    QClipboard,
    QInputEvent,
    QInputMethodEvent,
    QKeyEvent,
    QRegularExpressionValidator,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton

from native_host.gui.sizes import dp
from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.pin_field import PinField
from native_host.pin_prompt.messages import Ask, AskStarted
from tests.pin_prompt.conftest import (
    CANCELLED,
    DESCRIPTION,
    NEVER,
    Stage,
    a_question,
    interface,
    pin,
)

ENTER, SPACE = Qt.Key.Key_Return, Qt.Key.Key_Space
ENOUGH = "The PIN has at most 12 digits. Type the PIN from the beginning."

# -- The page --------------------------------------------------------------------------


def test_a_pin_is_answered_once_with_the_number_of_its_question(stage: Stage) -> None:
    stage.ask()
    stage.show(Ask(7, a_question()))
    page = stage.pin_page
    stage.press("123456789012")
    for _ in range(2):
        page.confirm.click()
    QTest.keyClick(page.field, ENTER)
    assert stage.answers == pin("123456789012", 7)
    assert bytes(page.field.digits) == b""


@pytest.mark.parametrize(
    ("keys", "kept", "said"),
    [
        ("123\r", b"123", "The PIN is too short: "),
        ("12a", b"12", "Type digits only. The PIN has no other characters."),
        ("1234567890123", b"123456789012", ENOUGH),
    ],
)
def test_no_other_input_is_taken(
    stage: Stage, keys: str, kept: bytes, said: str
) -> None:
    field = stage.ask().field
    stage.press(keys)
    assert bytes(field.digits) == kept
    assert stage.answers == []
    stage.sees(stage.spoken[-1])
    assert stage.spoken[-1].startswith(said)
    assert stage.spoken[-1] in interface(field).text(DESCRIPTION)


def test_the_clipboard_neither_gives_nor_gets_a_pin(stage: Stage) -> None:
    field = stage.ask().field
    control, clipboard = Qt.KeyboardModifier.ControlModifier, QApplication.clipboard()
    clipboard.setText("4321")
    stage.press("1234")
    QTest.keyClick(field, Qt.Key.Key_Insert, Qt.KeyboardModifier.ShiftModifier)
    QTest.mouseClick(field, Qt.MouseButton.MiddleButton)
    field.selectAll()
    for key in (Qt.Key.Key_V, Qt.Key.Key_C, Qt.Key.Key_X):
        QTest.keyClick(field, key, control)
        # What was typed stays.
        assert bytes(field.digits) == b"1234"
    stage.sees("can't be pasted")
    assert clipboard.text() == "4321"


def test_at_the_last_try_nothing_goes_before_it_is_understood(stage: Stage) -> None:
    page = stage.ask(tries_left=1)
    box = page.last_try_box
    assert box is not None
    assert stage.focus is box
    page.confirm.click()
    stage.sees("First tick")
    QTest.keyClicks(page.field, "1234\r")
    assert stage.answers == []
    assert stage.focus is box
    QTest.keyClick(box, ENTER)
    assert not box.isChecked()
    QTest.keyClick(box, SPACE)
    QTest.keyClick(page.field, ENTER)
    assert stage.answers == pin("1234")


def test_tab_goes_through_the_page_in_order_and_back(stage: Stage) -> None:
    page = stage.ask(tries_left=1)
    assert page.last_try_box is not None
    page.last_try_box.setChecked(True)
    cancel, confirm = page.buttons
    assert stage.tab_order() == [
        *(page.last_try_box, page.field, page.eye, cancel, confirm)
    ]
    confirm.setFocus()
    QTest.keyClick(confirm, Qt.Key.Key_Backtab)
    assert stage.focus is cancel


@pytest.mark.parametrize("way", ["click", "space", "enter"])
@pytest.mark.parametrize("pin_pad", [False, True])
def test_who_has_no_pin_yet_says_so_and_what_was_typed_is_wiped(
    stage: Stage, way: str, pin_pad: bool
) -> None:
    stage.ask()
    stage.show(Ask(7, a_question(can_activate=True, pin_pad=pin_pad)))
    button = stage.button("I have no PIN yet")
    stage.guard.restart()
    assert not button.isEnabled()
    stage.guard.end()
    digits = memoryview(b"")
    if not pin_pad:
        stage.press("123")
        digits = stage.pin_page.field.digits
    for _ in range(2):
        if way == "click":
            button.click()
        else:
            button.setFocus()
            QTest.keyClick(button, ENTER if way == "enter" else SPACE)
    assert stage.answers == [{"type": "declined", "number": 7}]
    assert not any(digits)


def test_only_a_card_that_may_have_no_pin_has_a_button_for_it(stage: Stage) -> None:
    page = stage.ask(can_activate=True)
    button = stage.button("I have no PIN yet")
    cancel, confirm = page.buttons
    assert stage.focus is page.field
    assert stage.tab_order() == [page.field, page.eye, button, cancel, confirm]
    assert "Do not type the activation code" in str(page.announcement)
    stage.show(Ask(2, a_question(can_activate=True, wrong=True)))
    assert "activation code" not in str(stage.pin_page.announcement)
    stage.show(Ask(3, a_question()))
    assert not [b for b in stage.visible(QPushButton) if "no PIN yet" in b.text()]


@pytest.mark.parametrize("way", ["escape", "close", "enter on cancel", "not started"])
def test_whoever_leaves_cancels(stage: Stage, way: str) -> None:
    page = stage.ask()
    if way == "not started":
        stage.handle(AskStarted())
    if way == "close":
        stage.window.close()
    elif way == "enter on cancel":
        page.buttons[0].setFocus()
        stage.press("\r")
    else:
        QTest.keyClick(stage.focus, Qt.Key.Key_Escape)
    assert stage.answers == CANCELLED
    assert not stage.window.isVisible()


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


def test_deleted_digits_leave_nothing_in_the_buffer(application: QApplication) -> None:
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
def test_what_a_program_puts_in_is_not_taken(stage: Stage, change: str) -> None:
    field = stage.ask().field
    stage.press("1234")
    CHANGES[change](interface(field).editableTextInterface())
    assert (bytes(field.digits), field.text()) == (b"", "")
    stage.sees("can't be pasted")
    stage.press("5678\r")
    assert stage.answers == pin("5678")


@pytest.mark.parametrize("typed", ["12a", "１２３４", "1 2"])
def test_an_input_method_gives_nothing_but_digits(stage: Stage, typed: str) -> None:
    field = stage.ask().field
    press(field, (typed, 0, 0))
    assert bytes(field.digits) == b""
    stage.sees("Type digits only.")
    QApplication.sendEvent(field, QInputMethodEvent("34", []))
    assert field.text() == field.displayText() == ""


def test_no_window_input_method_or_selection_learns_digits(stage: Stage) -> None:
    clipboard = QApplication.clipboard()
    for mode in QClipboard.Mode:
        clipboard.clear(mode)
    field = stage.ask().field
    stage.press("9384")
    field.selectAll()
    learned = [field.text(), field.displayText()]
    for name in (
        *("SurroundingText", "CurrentSelection"),
        *("TextBeforeCursor", "TextAfterCursor"),
    ):
        asked = field.inputMethodQuery(Qt.InputMethodQuery[f"Im{name}"])
        assert set(str(asked or "")) <= {"•"}
    QTest.keyClick(field, Key.Key_C, Modifier.ControlModifier)
    learned += [clipboard.text(mode) for mode in QClipboard.Mode]
    assert not set("9384") & set("".join(learned))
    assert "9384" not in stage.words


def test_a_key_that_is_held_down_is_one_digit(stage: Stage) -> None:
    field = stage.ask().field
    for repeated in (False, True, True):
        kind, none = QEvent.Type.KeyPress, Modifier.NoModifier
        QApplication.sendEvent(field, QKeyEvent(kind, Key.Key_5, none, "5", repeated))
    assert bytes(field.digits) == b"5"


@pytest.mark.parametrize("by", ["mouse", "keyboard", "focus"])
def test_digits_are_shown_while_the_button_is_held(stage: Stage, by: str) -> None:
    page = stage.ask()
    stage.press("9384")
    page.eye.setFocus()
    hidden = page.field.grab().toImage()
    if by == "mouse":
        QTest.mousePress(page.eye, Qt.MouseButton.LeftButton)
    else:
        QTest.keyPress(page.eye, SPACE)
    assert page.field.grab().toImage() != hidden
    assert set(page.field.displayText()) == {"●"}
    assert page.field.text() == "••••"
    if by == "mouse":
        QTest.mouseRelease(page.eye, Qt.MouseButton.LeftButton)
    elif by == "keyboard":
        QTest.keyRelease(page.eye, SPACE)
    else:
        page.buttons[0].setFocus()
    assert page.field.grab().toImage() == hidden


def test_a_program_cannot_have_the_digits_shown(stage: Stage) -> None:
    page = stage.ask()
    stage.press("9384")
    pressed: list[bool] = []
    page.eye.pressed.connect(lambda: pressed.append(page.field.revealed))
    interface(page.eye).actionInterface().doAction("Press")
    page.eye.click()
    assert pressed
    assert not any(pressed)


def test_a_click_puts_the_caret_where_it_is_painted(stage: Stage) -> None:
    field = stage.ask().field
    stage.press("93841234")
    for index in range(9):
        middle = field._place(index).center() - QPointF(dp(9), 0)
        QTest.mouseClick(field, Qt.MouseButton.LeftButton, pos=middle.toPoint())
        assert field.cursorPosition() == index
