# SPDX-License-Identifier: MIT
"""Keys that were meant for another program never reach the PIN field."""

import pytest
from PySide6.QtCore import QElapsedTimer, QEvent, QSize, Qt, QTimer
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtTest import QSignalSpy, QTest
from PySide6.QtWidgets import QApplication

from native_host.pin_prompt.gui.input_guard import (
    GUARD_MILLISECONDS,
    QUIET_MILLISECONDS,
    InputGuard,
)
from native_host.pin_prompt.gui.page import QuestionPage
from native_host.pin_prompt.messages import Ask, AskStarted, ChooseCard, Show
from native_host.pin_prompt.model import CardChoice, ConsentQuestion, Step
from tests.pin_prompt.conftest import (
    CANCELLED,
    NEVER,
    Stage,
    a_codes_question,
    a_question,
    agreed,
    pin,
)

TWO_CARDS = (CardChoice("A", "SPECIMEN-A", "1"), CardChoice("B", "SPECIMEN-B", "2"))


def test_the_guard_goes_by_itself(application: QApplication) -> None:
    guard = InputGuard(1, 2)
    spy = QSignalSpy(guard.changed)
    guard.restart()
    assert guard.active
    while spy.count() < 2:
        assert spy.wait(5000)
    assert [spy.at(0), spy.at(1)] == [[True], [False]]
    assert not guard.active


def test_a_slow_typist_presses_a_key_before_the_guard_goes() -> None:
    assert InputGuard()._pause.interval() == GUARD_MILLISECONDS == 500
    assert InputGuard()._quiet.interval() == QUIET_MILLISECONDS - 500 >= 1500


def wait_for(timer: QTimer) -> None:
    """Wait until a timer has run out."""
    if timer.isActive():
        assert QSignalSpy(timer.timeout).wait(5000)


def test_a_click_is_as_good_as_a_long_pause(application: QApplication) -> None:
    guard = InputGuard(1, NEVER)
    guard.restart()
    guard.click()  # before anything was painted
    guard.paint()
    guard.click()  # meant for what was there before
    wait_for(guard._pause)
    wait_for(guard._new)
    assert guard.active
    guard.click()
    assert not guard.active
    guard.restart()  # another page
    wait_for(guard._pause)
    assert not guard.active
    guard.restart()
    guard.refuse()  # and the keys after this one belong to it
    wait_for(guard._pause)
    assert guard.active


class Clock(QElapsedTimer):
    """Says that the last key was 1.5 s ago."""

    def elapsed(self) -> int:
        return 1500


def test_a_slow_typist_has_to_pause_for_longer(application: QApplication) -> None:
    guard = InputGuard()
    guard._since_key = Clock()
    guard.restart()
    guard.refuse()
    assert guard._quiet.interval() == QUIET_MILLISECONDS - 500
    guard.refuse()
    assert guard._quiet.interval() == 3000 - 500
    guard.end()
    assert guard._quiet.interval() == QUIET_MILLISECONDS - 500


def test_a_key_that_comes_late_keeps_the_guard(application: QApplication) -> None:
    guard = InputGuard(NEVER, NEVER + 1)
    guard.restart()
    wait_for(guard._quiet)
    assert guard.active
    guard.refuse()  # the process was busy, and this key waited for it
    assert guard._quiet.isActive()
    guard._pause.timeout.emit()
    assert guard.active


def test_no_time_counts_before_the_window_is_ready(application: QApplication) -> None:
    guard = InputGuard(1, 2)
    guard.set_ready(False)
    guard.restart()
    assert not guard._pause.isActive()
    assert not guard._quiet.isActive()
    guard.set_ready(True)
    wait_for(guard._quiet)
    wait_for(guard._pause)
    assert not guard.active
    guard.set_ready(False)
    assert guard.active


def test_a_new_page_takes_no_digits_and_no_confirmation(stage: Stage) -> None:
    stage.ask()
    stage.handle(Ask(2, a_question()))
    page = stage.pin_page
    assert not page.confirm.isEnabled()
    stage.press("1234\r")
    assert bytes(page.field.digits) == b""
    assert stage.answers == []
    stage.guard.end()
    assert page.confirm.isEnabled()
    stage.press("1234\r")
    assert stage.answers == pin("1234", 2)


@pytest.mark.parametrize(
    "asked",
    [
        AskStarted(),
        ChooseCard(1, TWO_CARDS),
        Ask(1, ConsentQuestion("SPECIMEN-A", "1")),
        Ask(1, a_question(pin_pad=True)),
        Ask(1, a_codes_question(pin_pad=True)),
    ],
    ids=lambda asked: type(getattr(asked, "question", asked)).__name__,
)
def test_no_other_page_is_confirmed(
    stage: Stage, asked: AskStarted | ChooseCard | Ask
) -> None:
    stage.open()
    stage.handle(asked)
    page = stage.window.page
    assert isinstance(page, QuestionPage)
    assert not page.confirm.isEnabled()
    QTest.keyClick(stage.window, Qt.Key.Key_Return)
    assert stage.answers == []
    stage.guard.end()
    assert page.confirm.isEnabled()


def test_what_was_not_taken_is_said_once(stage: Stage) -> None:
    stage.open()
    stage.handle(Ask(1, a_question()))
    stage.press("1234")
    stage.sees("The digits were not taken")
    assert "The digits were not taken" in stage.spoken[-1]
    assert sum("were not taken" in words for words in stage.spoken) == 1
    stage.guard.end()
    stage.sees("You can type the PIN now.")
    assert "You can type the PIN now." in stage.spoken[-1]


def test_half_a_pin_is_forgotten_when_the_rest_was_not_taken(stage: Stage) -> None:
    page = stage.ask()
    stage.press("12")
    # The person comes back to the window.
    QApplication.sendEvent(stage.window, QEvent(QEvent.Type.ActivationChange))
    assert stage.guard.active
    assert not page.confirm.isEnabled()
    stage.press("3")
    assert bytes(page.field.digits) == b""


def test_somebody_who_goes_on_typing_keeps_the_guard_up(stage: Stage) -> None:
    stage.open()
    stage.handle(Ask(1, a_question()))
    spy = QSignalSpy(stage.guard.changed)
    QTest.keyClicks(stage.pin_page.field, "12\r")
    assert [spy.at(i) for i in range(spy.count())] == [[True]] * 3


@pytest.mark.parametrize(
    "asked",
    [
        Show(Step.WAITING_FOR_CARD),
        Ask(1, a_question(role="PIN2", pin_pad=True)),
    ],
)
def test_a_pin_typed_without_a_field_presses_nothing(
    stage: Stage, asked: Show | Ask
) -> None:
    stage.open(operation="sign")
    stage.show(asked)
    stage.press("123456\r")
    assert stage.answers == []
    stage.guard.end()
    stage.press("\r")
    assert stage.answers == CANCELLED


def test_a_space_for_another_window_ticks_and_presses_nothing(stage: Stage) -> None:
    page = stage.ask(tries_left=1)
    box, handle = page.last_try_box, stage.window.windowHandle()
    assert box is not None
    assert box.hasFocus()
    stage.guard.restart()
    QTest.keyClick(handle, Qt.Key.Key_Space)
    assert not box.isChecked()
    box.setChecked(True)
    assert not page.confirm.isEnabled()
    stage.guard.end()
    assert page.confirm.isEnabled()
    QTest.keyClick(handle, Qt.Key.Key_Space)
    assert not box.isChecked()


def test_a_click_counts_from_its_own_press_on(stage: Stage) -> None:
    stage.open(operation="sign")
    stage.handle(Ask(1, a_question(role="PIN2", pin_pad=True)))
    for timer in (stage.guard._pause, stage.guard._new):
        timer.setInterval(1)
        timer.start()
        wait_for(timer)
    confirm = stage.button("Go on to the card reader")
    assert not confirm.isEnabled()
    place = confirm.mapTo(stage.window, confirm.rect().center())
    QTest.mouseClick(stage.window.windowHandle(), Qt.MouseButton.LeftButton, pos=place)
    assert stage.answers == agreed()


def test_a_window_that_hides_the_address_takes_no_keys_and_grows(stage: Stage) -> None:
    stage.ask(tries_left=2, wrong=True)
    size = stage.window.size()
    # A person may make it a little smaller.
    stage.window.resize(smaller := size - QSize(0, 20))
    stage.settle()
    assert stage.window.size() == smaller
    assert not stage.guard.active
    stage.window.resize(size.width(), 300)  # as a desktop does, perhaps late
    stage.settle()
    assert stage.guard.active
    stage.press("1234\r")
    assert stage.window.height() >= size.height()
    assert stage.answers == []


def test_a_desktop_that_leaves_the_window_too_small_gets_no_keys_into_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = stage.ask()
    stage.window.resize(stage.window.width(), 300)
    monkeypatch.setattr(stage.window, "resize", lambda *size: None)
    stage.settle()
    stage.press("1234\r")
    assert bytes(page.field.digits) == b""
    stage.sees("too small")
    monkeypatch.undo()
    stage.window.resize(stage.window.width(), 700)
    stage.settle()
    stage.guard.end()
    stage.press("1234\r")
    assert stage.answers == pin("1234")


def test_on_wayland_a_window_opens_with_room_for_its_pages(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can't move itself there, and could grow below the screen."""
    module = "native_host.pin_prompt.gui.page_window.is_on_wayland"
    monkeypatch.setattr(module, lambda: True)
    stage.open(operation="activate", origin="")
    first = stage.window.height()
    stage.show(Ask(1, a_codes_question()))
    assert stage.window.height() == first


def test_an_input_method_waits_for_the_guard_too(stage: Stage) -> None:
    page = stage.ask()
    stage.guard.restart()
    event = QInputMethodEvent()
    event.setCommitString("1234")
    QApplication.sendEvent(page.field, event)
    assert bytes(page.field.digits) == b""
