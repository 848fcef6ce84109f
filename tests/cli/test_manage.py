# SPDX-License-Identifier: MIT
"""``kortilla card activate|change-pin|unblock``: on a terminal and in a window.

tests/operations has what goes wrong on the way, tests/pin_prompt what is not accepted
as a code.
"""

import time
from contextlib import closing
from functools import partial

import pytest

from kortilla.mock_card.state import MockCardState
from tests.cli.conftest import NewCard, Outcome
from tests.cli.terminal import KORTILLA, Terminal
from tests.support import commands, pcsc
from tests.support.screen import open_screen
from tests.support.sight import Sight

PUK = "12345678"
PIN1, PIN2 = "basic PIN (PIN1)", "signature PIN (PIN2)"
LETTER = "Activation code from the letter"
NEW = {f"New {PIN1}": "2468", f"New {PIN2}": "135790"}

Tries = tuple[int, int, int]
#: What is typed, and the tries of PIN1, PIN2 and PUK after it.
Typed = list[tuple[dict[str, str], Tries]]

#: The profile and the state of a card, the command, what is typed, and the new PINs. A
#: card of 2026 has an activation code of seven digits; an older one has a code of eight
#: digits, which is its PUK. A wrong one costs a try of PIN1 in the new scheme, of the
#: PUK in the old one.
COMMANDS: dict[str, tuple[str, str, list[str], Typed, tuple[str, str]]] = {
    "activate a card of 2026": (
        *("v5-2026", "new", ["activate"]),
        [
            (
                {LETTER: "9999999"} | NEW,
                (4, 5, 5),
            ),
            (
                {LETTER: "1234567"} | NEW,
                (5, 5, 5),
            ),
        ],
        ("2468", "135790"),
    ),
    "activate an older card": (
        *("v4.2", "new", ["activate"]),
        [
            (
                {LETTER: "99999999"} | NEW,
                (0, 0, 4),
            ),
            ({LETTER: PUK} | NEW, (5, 5, 5)),
        ],
        ("2468", "135790"),
    ),
    "change PIN1": (
        *("v5-2026", "active", ["change-pin", "pin1"]),
        [
            ({f"Current {PIN1}": "999999", f"New {PIN1}": "8642"}, (4, 5, 5)),
            ({f"Current {PIN1}": "1234", f"New {PIN1}": "8642"}, (5, 5, 5)),
        ],
        ("8642", "123456"),
    ),
    "change PIN2": (
        *("v4.2", "active", ["change-pin", "pin2"]),
        [({f"Current {PIN2}": "123456", f"New {PIN2}": "864208"}, (5, 5, 5))],
        ("1234", "864208"),
    ),
    "unblock PIN1": (
        *("v4.2", "pin1-blocked", ["unblock", "pin1"]),
        [
            ({"PUK code": "99999999", f"New {PIN1}": "8642"}, (0, 5, 4)),
            ({"PUK code": PUK, f"New {PIN1}": "8642"}, (5, 5, 5)),
        ],
        ("8642", "123456"),
    ),
    "unblock PIN2": (
        *("v5-2026", "pin2-blocked", ["unblock", "pin2"]),
        [({"PUK code": PUK, f"New {PIN2}": "864208"}, (5, 5, 5))],
        ("1234", "864208"),
    ),
}


def tries(card: MockCardState) -> Tries:
    data = card.read()
    return data.pin1.tries, data.pin2.tries, data.puk.tries


def check_end(outcome: Outcome, card: MockCardState, pins: tuple[str, str]) -> None:
    """Check that the card has these PINs, and that no try is lost."""
    assert outcome.status == 0
    assert set(outcome.result.values()) == {"set"}
    data = card.read()
    assert (data.pin1.value, data.pin2.value) == pins
    assert data.pin1.changed
    assert data.pin2.changed
    assert tries(card) == (5, 5, 5)


# -- On a terminal, with the card in a reader of pcscd ---------------------------------


@pytest.mark.parametrize(
    ("profile", "state", "words", "typed", "pins"), COMMANDS.values(), ids=COMMANDS
)
def test_a_command_works_on_a_terminal(
    new_card: NewCard,
    profile: str,
    state: str,
    words: list[str],
    typed: Typed,
    pins: tuple[str, str],
) -> None:
    card = new_card(profile, state)
    options = ["--prompt", "terminal", "--lang", "en", "--card", "pcsc"]
    with (
        pcsc.beside(card.folder) as within,
        closing(Terminal(within(*KORTILLA, "card", *words, *options))) as terminal,
    ):
        for attempt, left in typed:
            for field, digits in attempt.items():
                terminal.wait_for(f"{field}, ")
                terminal.wait_for(": ")
                terminal.type(f"{digits}\r")
                if field.startswith("New"):
                    terminal.wait_for("The new PIN again: ")
                    terminal.type(f"{digits}\r")
            if left != (5, 5, 5):
                terminal.wait_for(" was wrong.")
                assert tries(card) == left
        outcome = terminal.end()
    check_end(outcome, card, pins)


# -- In a real window, with real keys --------------------------------------------------

TITLE = "Kortilla: change a PIN"


def test_a_command_works_in_its_window(new_card: NewCard) -> None:
    card = new_card("v5", "active")

    def changed() -> bool:
        return card.read().pin1.value == "8642"

    def see() -> Sight:
        return Sight.of(screen.rows())

    def closed_or_late(again: float) -> bool:
        return not screen.ids(TITLE) or time.monotonic() > again

    with open_screen(width=850, height=900) as screen:
        screen.point_away()  # the pointer must not cover the window
        process = commands.begin(
            *("card", "change-pin", "pin1", "--lang", "en", "--json"),
            *("--prompt", "window", "--card", "mock"),
            environment=screen.environment,
            window=True,
        )
        try:
            screen.wait_for_focus(screen.find(TITLE))
            while not changed():
                # A window that has just received the focus ignores typing, as its
                # button shows.
                screen.wait_until(lambda: see().ready and see().fields == 3)
                screen.type("1234\r8642\r8642\r")
                screen.wait_until(lambda: changed() or not see().ready)
                screen.wait_until(lambda: changed() or see().ready)
            # It stays until the person has read it.
            screen.wait_until(lambda: see().done)
            while screen.ids(TITLE):
                screen.press("Escape")
                again = time.monotonic() + 1  # a person presses it again after that
                screen.wait_until(partial(closed_or_late, again))
            ended = commands.end(process)
        finally:
            process.kill()
            process.wait()
    outcome = Outcome(ended.returncode, ended.stdout.splitlines(), ended.stderr)
    check_end(outcome, card, ("8642", "123456"))
