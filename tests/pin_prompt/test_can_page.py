# SPDX-License-Identifier: MIT
"""The question for the CAN of a card on a contactless reader, and what follows it."""

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from native_host.pin_prompt import texts
from native_host.pin_prompt.gui.can_page import CanPage
from native_host.pin_prompt.gui.page import MOST_WORDS
from native_host.pin_prompt.messages import Ask, Show
from native_host.pin_prompt.model import CanQuestion, Problem, Step
from native_host.pin_prompt.prompt import PromptError
from native_host.pin_prompt.window import WindowPrompt
from tests.pin_prompt.conftest import (
    CANCELLED,
    DESCRIPTION,
    EACH_LANGUAGE,
    NAME,
    Stage,
    interface,
    pin,
)
from tests.pin_prompt.terminal import Terminal, call


def ask(stage: Stage, **changes: Any) -> CanPage:
    stage.open()
    stage.show(Ask(1, CanQuestion(**changes)))
    assert isinstance(stage.window.page, CanPage)
    return stage.window.page


def test_six_digits_are_answered_once(stage: Stage) -> None:
    page = ask(stage)
    assert stage.focus is page.field
    assert page.remember_box is None
    stage.press("65432\r")
    stage.sees("The card access number has 6 digits. Nothing was sent to the card.")
    assert stage.answers == []
    stage.press("12")
    assert stage.spoken[-1].startswith("There is room for 6 digits at most.")
    stage.press("\r\r")
    page.confirm.click()
    assert stage.answers == pin("654321")
    assert bytes(page.field.digits) == b""


@pytest.mark.parametrize("wanted", [False, True])
def test_it_is_remembered_only_if_the_user_ticks_that(
    stage: Stage, wanted: bool
) -> None:
    page = ask(stage, can_remember=True)
    box = page.remember_box
    assert box is not None
    assert not box.isChecked()
    assert stage.tab_order() == [page.field, box, *page.buttons]
    if wanted:
        QTest.keyClick(box, Qt.Key.Key_Space)
    page.field.setFocus()
    stage.press("654321\r")
    kind = "allowed" if wanted else "pin"
    assert stage.answers == [{**each, "type": kind} for each in pin("654321")]


@EACH_LANGUAGE
@pytest.mark.parametrize("wrong", [False, True])
def test_it_says_where_the_number_is_and_what_a_wrong_one_costs(
    stage: Stage, language: str, wrong: bool
) -> None:
    text = texts.Texts(language)
    stage.open(language=language)
    stage.show(Ask(1, CanQuestion(wrong=wrong)))
    page = stage.window.page
    assert isinstance(page, CanPage)
    stage.sees(text("can.heading"), text("can.where"), text("can.keep"))
    cost = text("can.wrong.more")
    assert "45" in cost
    for told in (stage.words, stage.spoken[-1]):
        assert (cost in told) is wrong
    assert len(stage.spoken[-1].split()) <= MOST_WORDS
    assert text("can.heading") in stage.spoken[-1]
    assert interface(page.field).text(NAME) == text("can.field")
    assert text("can.where") in interface(page.field).text(DESCRIPTION)


def test_digits_for_another_window_are_no_can(stage: Stage) -> None:
    page = ask(stage)
    stage.press("654")
    stage.guard.restart()
    stage.press("321\r")
    assert bytes(page.field.digits) == b""
    assert stage.answers == []
    assert "meant for another window" in stage.spoken[-1]


def test_escape_cancels_and_wipes(stage: Stage) -> None:
    page = ask(stage)
    stage.press("654")
    QTest.keyClick(page.field, Qt.Key.Key_Escape)
    assert stage.answers == CANCELLED


@EACH_LANGUAGE
def test_what_is_said_of_a_card_fits_the_reader(stage: Stage, language: str) -> None:
    """A card on a contactless reader is laid there; one in a slot is pushed in."""
    text = texts.Texts(language)
    removed = Show(Step.WAITING_FOR_CARD, Problem("CARD_REMOVED"))
    in_slot = text("problem.CARD_REMOVED.body")
    laid = text("contactless.problem.CARD_REMOVED.body")
    stage.open(language=language)
    for known, expected in (
        (Show(Step.READING), in_slot),
        (Show(Step.CONTACTLESS), laid),
        (removed, laid),
        (Show(Step.READING), in_slot),
        (Ask(1, CanQuestion()), laid),
    ):
        stage.show(known)
        stage.show(removed)
        stage.sees(expected)
    stage.show(Show(Step.CONTACTLESS, Problem("CARD_SLOW")))
    stage.sees(text("problem.CARD_SLOW.heading"), text("problem.CARD_SLOW.body"))


@pytest.mark.parametrize("digits", ["65432", "6543210"])
async def test_the_host_takes_no_other_length(
    digits: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = bytearray(digits, "ascii")

    async def answered(*_asked: object) -> bytearray:
        return given

    monkeypatch.setattr(WindowPrompt, "_ask_about", answered)
    prompt = WindowPrompt.__new__(WindowPrompt)
    with pytest.raises(PromptError):
        await prompt.ask(CanQuestion())
    assert not any(given)


def test_a_terminal_asks_until_there_are_six_digits(
    at: Callable[..., Terminal],
) -> None:
    terminal = at(call("ask", CanQuestion(wrong=True)))
    for said in ("The number was wrong.", "45 seconds", "at the bottom right."):
        terminal.wait_for(said)
    assert terminal.echoes
    terminal.answer(("(CAN): ", "12345"), ("(CAN): ", "12345a"), ("(CAN): ", "654321"))
    assert terminal.result() == "654321"
    assert terminal.seen.count("has 6 digits. Nothing was sent") == 2
