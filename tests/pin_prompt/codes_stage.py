# SPDX-License-Identifier: MIT
"""Helpers for the tests of the pages for codes."""

from typing import Any

from PySide6.QtTest import QTest

from native_host.pin_prompt.gui.codes_page import CodesPage
from native_host.pin_prompt.gui.widgets import RuleLabel, RuleState
from native_host.pin_prompt.messages import Ask
from native_host.pin_prompt.model import CodeField
from tests.pin_prompt.conftest import NEW_PIN1, NEW_PIN2, SEVEN, Stage, a_codes_question

EIGHT = CodeField("activation", (8,))

BOTH = (SEVEN, NEW_PIN1, NEW_PIN2)


def ask(stage: Stage, **changes: Any) -> CodesPage:
    """Open an operation's window at its page, after the input guard's time."""
    question = a_codes_question(**changes)
    stage.open(operation=question.operation, origin="")
    stage.handle(Ask(1, question))
    stage.window.guard.end()
    page = stage.window.page
    assert isinstance(page, CodesPage)
    page.pause.setInterval(10**9)  # a test ends the pause when it wants
    page.hold.setInterval(0)  # it ends with the events that a key press causes
    return page


def press(stage: Stage, keys: str) -> None:
    """Press keys, each in the widget that has the focus."""
    for key in keys:
        QTest.keyClicks(stage.window.focusWidget(), key)
        stage.settle()


def rules(page: CodesPage) -> dict[str, list[RuleState]]:
    """The state of each rule, for each PIN in order."""
    found: dict[str, list[RuleState]] = {}
    for rule in page.findChildren(RuleLabel):
        if rule.isVisible():
            found.setdefault(rule.text(), []).append(rule.state)
    return found
