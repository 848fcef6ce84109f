# SPDX-License-Identifier: MIT
"""The window names a program that replaces the browser before the service."""

import pytest
from PySide6.QtWidgets import QLabel

from native_host.gui.notices import Notice
from native_host.pin_prompt import texts
from native_host.pin_prompt.gui.header import SiteLabel
from native_host.pin_prompt.messages import (
    Ask,
    AskStarted,
    OfferActivation,
    Show,
)
from native_host.pin_prompt.model import ConsentQuestion, Operation, Step
from tests.pin_prompt.conftest import Stage, a_codes_question, a_question
from tests.pin_prompt.terminal import Terminal

PROGRAM = "python3.13"
WARNING = (
    "This request does not come from a web browser that the Kortilla program knows."
)
FOR_SITES: list[Operation] = ["authenticate", "sign", "signing-certificate"]
MANAGING: list[Operation] = ["activate", "change-pin", "unblock"]
CONSENT = ConsentQuestion("SPECIMEN-POHJALAINEN Aino", "99902038C")


def names(stage: Stage) -> list[SiteLabel]:
    """The visible names of programs and sites, from the top."""
    found = [each for each in stage.window.findChildren(SiteLabel) if each.isVisible()]
    return sorted(found, key=lambda each: each.mapTo(stage.window, each.pos()).y())


@pytest.mark.parametrize("operation", FOR_SITES)
@pytest.mark.parametrize("language", texts.languages())
def test_it_is_named_above_the_site_as_large_and_with_a_sign(
    stage: Stage, operation: Operation, language: str
) -> None:
    stage.open(operation=operation, language=language, caller=PROGRAM)
    program, site = names(stage)
    assert (program.text(), site.text()) == (PROGRAM, "https://login.service.example")
    assert program.font().pointSizeF() == site.font().pointSizeF()
    labels = [each for each in stage.window.findChildren(QLabel) if each.isVisible()]
    assert program.font().pointSizeF() == max(
        each.font().pointSizeF() for each in labels
    )
    text = texts.load(language, operation)
    assert text("caller.asks") in [
        notice.label.text()
        for notice in stage.window.findChildren(Notice)
        if notice.isVisible()
    ]
    assert text("caller.check") in stage.words


@pytest.mark.parametrize("operation", MANAGING)
def test_it_is_named_where_no_site_asks_too(stage: Stage, operation: Operation) -> None:
    stage.open(operation=operation, origin="", caller=PROGRAM)
    [program] = names(stage)
    assert program.text() == PROGRAM
    assert WARNING in stage.words
    assert "Go on only if you started this program yourself." in stage.words
    assert "service" not in stage.words
    assert "No web page sees your codes." in stage.words


def test_it_stays_in_view_on_every_page(stage: Stage) -> None:
    stage.open(caller=PROGRAM)
    for request in (
        AskStarted(),
        Show(Step.READING),
        Ask(1, a_question()),
        Show(Step.WAITING_FOR_CARD),
        OfferActivation(2, partly=False),
        Ask(3, a_codes_question()),
        Ask(4, a_question(wrong=True, tries_left=1)),
        Show(Step.DONE),
    ):
        stage.handle(request)
        assert names(stage)[0].text() == PROGRAM, request
        assert WARNING in stage.words


def test_a_browser_or_the_persons_own_button_is_not_named(stage: Stage) -> None:
    stage.open()
    stage.handle(Ask(1, a_question()))
    assert WARNING not in stage.words
    assert [each.text() for each in names(stage)] == ["https://login.service.example"]


def test_what_a_browser_logs_in_with_is_no_such_program(stage: Stage) -> None:
    stage.open(operation="tls-login", origin="", program="Firefox")
    stage.handle(OfferActivation(1, partly=False))
    assert WARNING not in stage.words


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\u202eb\nc", "a\ufffdb\ufffdc"),
        ("x" * 500, "x" * 40),
        ("\u2800", "(unknown program)"),
        ("<b>Firefox</b>", "<b>Firefox</b>"),
    ],
)
def test_no_name_can_hide_or_pass_for_words_of_ours(
    stage: Stage, name: str, shown: str
) -> None:
    stage.open(caller=name)
    assert names(stage)[0].text() == shown


@pytest.mark.parametrize(
    "request_",
    [
        Ask(1, a_question()),
        Ask(1, CONSENT),
        Ask(1, a_codes_question()),
        AskStarted(),
    ],
    ids=lambda request: type(request).__name__,
)
def test_a_screen_reader_hears_of_it_with_the_first_question_and_once(
    stage: Stage, spoken: list[str], request_: Ask
) -> None:
    stage.open(caller=PROGRAM)
    stage.handle(Show(Step.READING))
    stage.handle(request_)
    assert spoken[-1].startswith(f"The program {PROGRAM} asks, no known browser.")
    assert "Cancel if you did not start it." in spoken[-1]
    stage.handle(Ask(2, a_question(wrong=True, tries_left=4)))
    assert spoken[-1].startswith("The PIN was wrong.")


@pytest.mark.parametrize("language", texts.languages())
def test_a_terminal_says_it_first(terminals: list[Terminal], language: str) -> None:
    terminal = Terminal(language=language, caller=PROGRAM)
    terminals.append(terminal)
    text = texts.load(language, "authenticate")
    terminal.expect(f"*** {text('caller.asks')} {PROGRAM}. {text('caller.check')}")
    terminal.expect("https://login.service.example")
    terminal.expect("PIN1")
