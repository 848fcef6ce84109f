# SPDX-License-Identifier: MIT
"""The page checks new PINs against the rules while the person types."""

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest

from native_host.pin_prompt.gui.rule_label import RuleState
from tests.pin_prompt.codes_stage import ask, press, rules
from tests.pin_prompt.conftest import NEW_PIN1, NEW_PIN2, OLD_PIN, SEVEN, Stage


def test_the_rules_are_ticked_off_as_one_types(stage: Stage) -> None:
    page = ask(stage)
    length, same = "4–8 digits", "The same in both fields"
    other, easy = "Different from the card's other PIN", "Hard to guess"
    press(stage, "1234567\r258")
    assert rules(page)[length] == [RuleState.OPEN]
    assert rules(page)[easy] == [RuleState.OPEN]
    assert other not in rules(page)
    press(stage, "0")
    assert rules(page)[length] == [RuleState.KEPT]
    assert rules(page)[easy] == [RuleState.KEPT]
    press(stage, "\r25")
    assert rules(page)[same] == [RuleState.OPEN]
    press(stage, "1")
    assert rules(page)[same] == [RuleState.BROKEN]
    QTest.keyClick(page.fields[2], Qt.Key.Key_Backspace)
    press(stage, "80")
    assert rules(page)[same] == [RuleState.KEPT]
    press(stage, "\r739146")
    assert rules(page)[other] == [RuleState.KEPT]


@pytest.mark.parametrize("pin", ["1234", "1111", "123456", "240584", "24051984"])
def test_a_trivial_pin_is_warned_of_and_taken(stage: Stage, pin: str) -> None:
    ask(stage, operation="change-pin", pin="PIN1", fields=(OLD_PIN, NEW_PIN1))
    press(stage, f"2580\r{pin}")
    assert "This PIN is easy to guess" in stage.words
    press(stage, f"\r{pin}\r")
    assert stage.answers[0]["values"] == ["2580", pin]


def test_the_same_pin_twice_is_warned_of_and_taken(stage: Stage) -> None:
    page = ask(stage)
    press(stage, "1234567\r739146\r739146\r739146")
    assert "Both PINs are the same." in stage.words
    other = "Different from the card's other PIN"
    assert rules(page)[other] == [RuleState.BROKEN]
    press(stage, "\r739146\r")
    assert stage.answers[0]["values"] == ["1234567", "739146", "739146"]


def test_the_letters_code_for_a_pin_is_warned_of(stage: Stage) -> None:
    ask(stage)
    press(stage, "1850274\r1850274")
    assert "This is the code in the letter, or the PUK code." in stage.words
    press(stage, "\b\b\b")
    assert "This is the code in the letter" not in stage.words


def test_a_new_pin_that_is_the_old_one_is_warned_of(stage: Stage) -> None:
    ask(stage, operation="change-pin", pin="PIN1", fields=(OLD_PIN, NEW_PIN1))
    press(stage, "2580\r2580")
    assert "The card already has this PIN." in stage.words


def test_there_is_no_other_pin_where_one_is_set(stage: Stage) -> None:
    page = ask(stage, fields=(SEVEN, NEW_PIN2), done=("PIN1",))
    assert "Different from the card's other PIN" not in rules(page)


def test_the_rules_are_told_after_a_pause_and_once(
    stage: Stage, spoken: list[str]
) -> None:
    page = ask(stage)
    before = len(spoken)
    press(stage, "1234567\r2580\r25")
    assert page.pause.isActive()
    assert len(spoken) == before + 1  # the step
    press(stage, "80")
    page.pause.timeout.emit()
    page.pause.timeout.emit()
    assert spoken[before + 1 :] == ["New basic PIN (PIN1): The new PIN is in order."]
    press(stage, "\r123456")
    page.pause.timeout.emit()
    assert len(spoken) == before + 4
    assert "New signature PIN (PIN2): This PIN is easy to guess" in spoken[-1]


def test_it_is_told_politely(
    stage: Stage, spoken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = ask(stage)
    heard: list[Any] = []
    keep: Callable[[object], None] = heard.append
    monkeypatch.setattr(
        "native_host.gui.accessibility.QAccessible.updateAccessibility",
        lambda event: keep(event.politeness()),
    )
    press(stage, "1234567\r1234")
    heard.clear()
    page.pause.timeout.emit()
    assert heard == [QAccessible.AnnouncementPoliteness.Polite]
