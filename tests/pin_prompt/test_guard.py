# SPDX-License-Identifier: MIT
"""Keys that were meant for another program never reach the PIN field."""

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtTest import QSignalSpy, QTest
from PySide6.QtWidgets import QApplication

from native_host.pin_prompt.gui.input_guard import GUARD_MILLISECONDS, InputGuard
from native_host.pin_prompt.messages import AskPin, AskStarted, Show
from native_host.pin_prompt.model import Progress, Step
from tests.pin_prompt.conftest import Stage, a_question


def test_the_guard_stands_for_half_a_second() -> None:
    assert GUARD_MILLISECONDS == 500
    assert InputGuard()._timer.interval() == 500
    assert InputGuard()._timer.isSingleShot()


def test_the_guard_goes_by_itself(application: QApplication) -> None:
    guard = InputGuard(1)
    spy = QSignalSpy(guard.changed)
    guard.restart()
    assert guard.active
    while spy.count() < 2:
        assert spy.wait(5000)
    assert [spy.at(0), spy.at(1)] == [[True], [False]]
    assert not guard.active


def test_a_new_page_takes_no_digits_and_no_confirmation(stage: Stage) -> None:
    stage.ask()
    stage.handle(AskPin(2, a_question()))
    page = stage.pin_page
    assert not page.confirm.isEnabled()
    QTest.keyClicks(page.field, "1234\r")
    assert bytes(page.field.digits) == b""
    assert stage.answers == []


def test_what_was_not_taken_is_said(stage: Stage, spoken: list[str]) -> None:
    stage.open()
    stage.handle(AskPin(1, a_question()))
    QTest.keyClicks(stage.pin_page.field, "1")
    assert "the digits were not taken" in stage.words
    assert "the digits were not taken" in spoken[-1]


def test_after_the_guard_digits_and_confirmation_are_taken(stage: Stage) -> None:
    stage.open()
    stage.handle(AskPin(1, a_question()))
    stage.window.guard.end()
    assert stage.pin_page.confirm.isEnabled()
    QTest.keyClicks(stage.pin_page.field, "1234\r")
    assert [answer["digits"] for answer in stage.answers] == ["1234"]


def test_coming_back_to_the_window_puts_the_guard_up_again(stage: Stage) -> None:
    page = stage.ask()
    QTest.keyClicks(page.field, "12")
    QApplication.sendEvent(stage.window, QEvent(QEvent.Type.ActivationChange))
    assert stage.window.guard.active
    assert not page.confirm.isEnabled()


def test_half_a_pin_is_forgotten_when_the_other_half_was_not_taken(
    stage: Stage,
) -> None:
    page = stage.ask()
    QTest.keyClicks(page.field, "12")
    stage.window.guard.restart()
    QTest.keyClicks(page.field, "3")
    assert bytes(page.field.digits) == b""


def test_somebody_who_goes_on_typing_is_not_taken_for_somebody_who_begins(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.open()
    stage.handle(AskPin(1, a_question()))
    spy = QSignalSpy(stage.window.guard.changed)
    QTest.keyClicks(stage.pin_page.field, "12\r")
    assert [spy.at(i) for i in range(spy.count())] == [[True]] * 3


@pytest.mark.parametrize(
    "asked",
    [
        Show(Step.RECEIVING, progress=Progress(1, 2)),
        AskPin(1, a_question(role="PIN2", pin_pad=True)),
    ],
)
def test_a_pin_that_is_typed_where_no_field_is_presses_nothing(
    stage: Stage, asked: Show | AskPin
) -> None:
    stage.open(operation="sign")
    stage.handle(asked)
    stage.window.guard.end()
    focus = stage.window.focusWidget()
    assert focus is not None
    QTest.keyClicks(focus, "123456\r")
    assert stage.answers == []
    stage.window.guard.end()
    QTest.keyClick(focus, Qt.Key.Key_Return)
    assert stage.answers == [{"type": "cancel"}]


def test_an_input_method_waits_for_the_guard_too(stage: Stage) -> None:
    page = stage.ask()
    stage.window.guard.restart()
    event = QInputMethodEvent()
    event.setCommitString("1234")
    QApplication.sendEvent(page.field, event)
    assert bytes(page.field.digits) == b""


def test_enter_does_not_answer_for_the_person_who_started(stage: Stage) -> None:
    stage.open(started_by_person=False)
    stage.handle(AskStarted())
    yes = stage.button("Yes, go on")
    assert not yes.isEnabled()
    QTest.keyClick(stage.window, Qt.Key.Key_Return)
    assert stage.answers == []
    stage.window.guard.end()
    assert yes.isEnabled()


def test_the_last_try_needs_both_the_guard_gone_and_the_box_ticked(
    stage: Stage,
) -> None:
    page = stage.ask(tries_left=1)
    assert page.last_try_box is not None
    stage.window.guard.restart()
    page.last_try_box.setChecked(True)
    assert not page.confirm.isEnabled()
    stage.window.guard.end()
    assert page.confirm.isEnabled()
