# SPDX-License-Identifier: MIT
"""``kortilla card activate|change-pin|unblock``: on a terminal.

tests/operations has what goes wrong on the way, tests/pin_prompt what is not accepted
as a code, tests/browser/test_open_program.py a card that is activated in a real window.
"""

from contextlib import closing

import pytest

from kortilla.mock_card.state import MockCardState
from native_host import environment
from native_host.pin_prompt.model import Step
from tests.cli.conftest import NewCard, Outcome, Run
from tests.cli.terminal import KORTILLA, Terminal
from tests.operations.user import User, until
from tests.support import pcsc

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
        outcome = terminal.outcome()
    check_end(outcome, card, pins)


def test_a_window_stays_until_the_person_has_read_it(
    run: Run, new_card: NewCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = new_card("v5", "active")
    read: list[str] = []

    class Window(User):
        async def wait_for_cancel(self) -> None:
            await until(lambda: (Step.DONE, None) in self.shown)
            read.append("done")

    window = Window(codes=[{"old": "1234", "new-PIN1": "8642"}])
    monkeypatch.setattr(environment, "open_prompt", lambda _: window)
    words = ("change-pin", "pin1", "--card", "mock", "--prompt", "window")
    check_end(run("card", *words), card, ("8642", "123456"))
    assert read == ["done"]
    assert window.conversation is not None
    assert window.conversation.operation == "change-pin"
