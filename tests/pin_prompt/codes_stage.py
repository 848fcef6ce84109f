# SPDX-License-Identifier: MIT
"""What tests of the pages for codes have in common."""

from typing import Any

from PySide6.QtTest import QTest

from native_host.pin_prompt.gui.codes_page import CodesPage
from native_host.pin_prompt.gui.rule_label import RuleLabel, RuleState
from native_host.pin_prompt.messages import AskCodes
from native_host.pin_prompt.model import CodeField
from tests.pin_prompt.conftest import NEW_PIN1, NEW_PIN2, SEVEN, Stage, a_codes_question

EIGHT = CodeField("activation", (8,))

BOTH = (SEVEN, NEW_PIN1, NEW_PIN2)


def ask(stage: Stage, **changes: Any) -> CodesPage:
    """Open the window of an operation at its page, with the guard gone."""
    question = a_codes_question(**changes)
    stage.open(operation=question.operation, origin="")
    stage.handle(AskCodes(1, question))
    stage.window.guard.end()
    page = stage.window.page
    assert isinstance(page, CodesPage)
    page.pause.setInterval(10**9)  # it is over when a test says so
    return page


def press(stage: Stage, keys: str) -> None:
    """Press keys, each where the focus is."""
    for key in keys:
        QTest.keyClicks(stage.window.focusWidget(), key)
        stage.settle()


def rules(page: CodesPage) -> dict[str, list[RuleState]]:
    """How the rules stand, for each rule from PIN to PIN."""
    found: dict[str, list[RuleState]] = {}
    for rule in page.findChildren(RuleLabel):
        if rule.isVisible():
            found.setdefault(rule.text(), []).append(rule.state)
    return found
