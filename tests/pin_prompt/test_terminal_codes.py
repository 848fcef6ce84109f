# SPDX-License-Identifier: MIT
"""Activating, changing and unblocking at a terminal, by people and by programs."""

from typing import Any

import pytest

from native_host.pin_prompt import texts
from tests.pin_prompt.conftest import EACH_LANGUAGE
from tests.pin_prompt.terminal import Terminal, at

CANCELLED = "USER_CANCELLED"

SEVEN = ("activation", [7])
NEW_PIN1 = ("new-PIN1", [4, 5, 6, 7, 8])
NEW_PIN2 = ("new-PIN2", [6, 7, 8])


def activate(terminals: list[Terminal], **changes: Any) -> Terminal:
    """Start the activation of a card by a code of seven digits."""
    asked: dict[str, Any] = {
        "operation": "activate",
        "managing": "activate",
        "origin": "",
        "fields": [SEVEN, NEW_PIN1, NEW_PIN2],
        "at_risk": "PIN1",
    }
    return at(terminals, **asked | changes)


def answer(terminal: Terminal, *pairs: tuple[str, str]) -> None:
    """Wait for the last words of each question, and type the answer."""
    for question, code in pairs:
        terminal.expect(f"{question}: ")
        terminal.send(f"{code}\n")


def test_all_codes_are_asked_for_and_the_new_ones_twice(
    terminals: list[Terminal],
) -> None:
    terminal = activate(terminals)
    terminal.expect("letter, 7 digits: ")
    assert not terminal.echoes
    terminal.send("1234567\n")
    answer(
        terminal,
        ("(PIN1), 4–8 digits", "2580"),
        ("(PIN1), The new PIN again", "2580"),
        ("(PIN2), 6–8 digits", "739146"),
        ("(PIN2), The new PIN again", "739146"),
    )
    assert terminal.result().split() == [
        *("activation", "1234567", "new-PIN1", "2580", "new-PIN2", "739146")
    ]
    assert terminal.echoes
    for said in (
        "No web page sees your codes",
        "Take out the letter with this card's activation code.",
        "tried with a test card only",
        "You have 5 tries left.",
        "unlocked only with a PUK code",
        "The card is being activated.",
        "The card has been activated.",
    ):
        assert said in terminal.seen
    assert "https://" not in terminal.seen
    assert not any(code in terminal.seen for code in ("1234567", "2580", "739146"))


def test_what_does_not_fit_is_explained_and_asked_for_again(
    terminals: list[Terminal],
) -> None:
    terminal = activate(terminals, fields=[SEVEN, NEW_PIN1])
    answer(
        terminal,
        ("7 digits", "12345678"),
        ("7 digits", "1234 67"),
        ("7 digits", "1234567"),
        ("4–8 digits", "258"),
        ("4–8 digits", "2580"),
        ("The new PIN again", "2581"),
        ("4–8 digits", "1234"),
        ("The new PIN again", "1234"),
    )
    assert terminal.result().split() == ["activation", "1234567", "new-PIN1", "1234"]
    for said in (
        "The code must have 7 digits",
        "Type digits only.",
        "Digits typed: 3. There should be 4–8 digits.",
        "The new PIN was not typed the same way twice.",
        "This PIN is easy to guess",
    ):
        assert said in terminal.seen


def test_the_same_pin_twice_is_warned_of(terminals: list[Terminal]) -> None:
    terminal = activate(
        terminals,
    )
    again = ("The new PIN again", "739146")
    code = ("7 digits", "1234567")
    answer(terminal, code, ("4–8 digits", "739146"), again)
    answer(terminal, ("6–8 digits", "739146"), again)
    assert terminal.result().split()[2:] == ["new-PIN1", "739146", "new-PIN2", "739146"]
    assert "Both PINs are the same." in terminal.seen


def test_a_new_pin_that_is_the_letters_code_is_warned_of(
    terminals: list[Terminal],
) -> None:
    terminal = activate(terminals, fields=[SEVEN, NEW_PIN2])
    code, again = ("7 digits", "1850274"), ("The new PIN again", "1850274")
    answer(terminal, code, ("6–8 digits", "1850274"), again)
    assert terminal.result().split() == ["activation", "1850274", "new-PIN2", "1850274"]
    assert "This is the code in the letter, or the PUK code." in terminal.seen
    assert "Both PINs are the same." not in terminal.seen


@EACH_LANGUAGE
@pytest.mark.parametrize("agrees", [True, False])
def test_the_last_try_is_confirmed_first(
    terminals: list[Terminal], language: str, agrees: bool
) -> None:
    terminal = activate(
        terminals,
        language=language,
        tries_left=1,
        at_risk="PUK",
        fields=[("activation", [8])],
        wrong=True,
    )
    text = texts.load(language, "activate")
    terminal.expect(text("terminal.go_on"))
    assert text("last_try.PUK") in terminal.seen
    assert text("wrong") in terminal.seen
    if not agrees:
        terminal.send("\n")
        assert terminal.result() == CANCELLED
        return
    terminal.send(text("terminal.yes") + "\n")
    terminal.expect(": ")
    terminal.send("12345678\n")
    assert terminal.result() == "activation 12345678"


@pytest.mark.parametrize("after", [0, 1, 2])
def test_an_empty_answer_cancels_anywhere(
    terminals: list[Terminal], after: int
) -> None:
    terminal = activate(terminals, fields=[SEVEN, NEW_PIN1])
    steps = [
        ("7 digits", "1234567"),
        ("4–8 digits", "2580"),
        ("The new PIN again", "2580"),
    ]
    answer(terminal, *steps[:after], (steps[after][0], ""))
    assert terminal.result() == CANCELLED


def test_on_a_pin_pad_it_is_a_yes(terminals: list[Terminal]) -> None:
    terminal = activate(
        terminals,
        operation="unblock",
        managing="unblock",
        pin="PIN2",
        at_risk="PUK",
        fields=[("PUK", [8, 9, 10, 11, 12]), NEW_PIN2],
        pin_pad=True,
    )
    terminal.expect("Type yes")
    assert "The reader asks first for the PUK code" in terminal.seen
    assert "New signature PIN (PIN2): 6–8 digits." in terminal.seen
    terminal.send("yes\n")
    assert terminal.result() == ""
    assert "The signature PIN (PIN2) has been unlocked" in terminal.seen
