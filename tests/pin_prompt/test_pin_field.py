# SPDX-License-Identifier: MIT
"""The PIN field gives Qt bullets and keeps the digits apart."""

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
from tests.pin_prompt.conftest import NEVER, Stage

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
