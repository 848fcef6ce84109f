# SPDX-License-Identifier: MIT
"""``kortilla card activate|change-pin|unblock`` on a terminal, over a real pcscd.

Covers both schemes where they differ: a card of 2026 has an activation code of seven
digits; an older card has a code of eight digits, which is its PUK. Each test checks the
retry counters of all three codes afterwards, and logs in and signs with the new PINs.
"""

import contextlib
from collections.abc import Iterator

import pytest

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.faults import Fault
from kortilla.mock_card.state import MockCardState
from tests.cli.conftest import NewCard, Outcome
from tests.cli.managed import tries, work
from tests.cli.terminal import KORTILLA, Terminal
from tests.support import cards, pcsc

ON_TERMINAL = ("--prompt", "terminal", "--lang", "en")
CODES = {"v5-2026": "1234567", "v4.2": "12345678"}
PUK = "12345678"

each_pin = pytest.mark.parametrize(
    ("profile", "pin"), [("v5-2026", "pin1"), ("v4.2", "pin2")]
)


@contextlib.contextmanager
def managing(card: MockCardState, *words: str) -> Iterator[Terminal]:
    """Run a command of ``kortilla card`` with a card in a reader of pcscd."""
    command = [*KORTILLA, "card", *words, *ON_TERMINAL, "--card", "pcsc"]
    with pcsc.beside(card.folder) as within:
        terminal = Terminal(within(*command))
        try:
            yield terminal
        finally:
            terminal.close()


def answer(terminal: Terminal, field: str, digits: str) -> None:
    """Type a code at its question, and a new PIN twice."""
    terminal.wait_for(f"{field}, ")
    terminal.wait_for(": ")
    terminal.type(f"{digits}\r")
    if field.startswith("New"):
        terminal.wait_for("The new PIN again: ")
        terminal.type(f"{digits}\r")


def choose(terminal: Terminal, pin1: str = "", pin2: str = "") -> None:
    if pin1:
        answer(terminal, "New basic PIN (PIN1)", pin1)
    if pin2:
        answer(terminal, "New signature PIN (PIN2)", pin2)


def cancelled(terminal: Terminal) -> Outcome:
    terminal.type("\r")
    outcome = terminal.end()
    assert (outcome.status, outcome.error) == (1, "USER_CANCELLED")
    return outcome


@pytest.mark.parametrize("profile", CODES)
def test_a_wrong_code_costs_one_try_and_the_right_one_gives_it_back(
    new_card: NewCard, profile: str
) -> None:
    card = new_card(profile)
    before = tries(card)
    code = CODES[profile]
    with managing(card, "activate") as terminal:
        terminal.wait_for(f"The code has {len(code)} digits.")
        answer(terminal, "Activation code from the letter", "9" * len(code))
        choose(terminal, "2468", "135790")
        terminal.wait_for("The activation code was wrong. No PIN was changed.")
        # A try of PIN1 in the new scheme, of the PUK in the old one. PIN2 keeps
        # all.
        at_stake = 0 if profile == "v5-2026" else 2
        left = [*before]
        left[at_stake] -= 1
        assert tries(card) == tuple(left)
        # The command does not send the same wrong code again.
        answer(terminal, "Activation code from the letter", "9" * len(code))
        choose(terminal, "2468", "135790")
        terminal.wait_for("the same wrong code again")
        assert tries(card) == tuple(left)
        answer(terminal, "Activation code from the letter", code)
        choose(terminal, "2468", "135790")
        outcome = terminal.end()
    assert (outcome.status, outcome.result) == (0, {"pin1": "set", "pin2": "set"})
    assert "The card has been activated" in outcome.words
    work(card, "2468", "135790")


@pytest.mark.parametrize("profile", CODES)
def test_what_cant_be_a_code_or_a_pin_is_said_and_nothing_is_sent(
    new_card: NewCard, profile: str
) -> None:
    card = new_card(profile)
    before = card.read()
    code = CODES[profile]
    others = CODES["v4.2" if profile == "v5-2026" else "v5-2026"]
    with managing(card, "activate") as terminal:
        for wrong, complaint in (
            ("12345a7", "Type digits only."),
            ("1234 567", "Type digits only."),
            ("123", "Nothing was sent to the card."),
            ("123456789", "Nothing was sent to the card."),
            (others, f"The code must have {len(code)} digits"),
        ):
            answer(terminal, "Activation code from the letter", wrong)
            terminal.wait_for(complaint)
        answer(terminal, "Activation code from the letter", code)
        for wrong in ("123", "123456789", "12a4"):
            terminal.wait_for("New basic PIN (PIN1), 4–8 digits: ")
            terminal.type(f"{wrong}\r")
        terminal.wait_for("New basic PIN (PIN1), 4–8 digits: ")
        terminal.type("2468\r")
        terminal.wait_for("The new PIN again: ")
        terminal.type("2486\r")
        terminal.wait_for("not typed the same way twice")
        choose(terminal, "2468")
        terminal.wait_for("New signature PIN (PIN2), 6–8 digits: ")
        terminal.type("12345\r")
        terminal.wait_for("New signature PIN (PIN2), 6–8 digits: ")
        cancelled(terminal)
    assert card.read() == before


@pytest.mark.parametrize(
    ("profile", "at", "when"),
    [
        ("v5-2026", "PIN1", "before"),
        ("v4.2", "PIN1", "after"),
        ("v4.2", "PIN2", "before"),
        ("v5-2026", "PIN2", "after"),
    ],
)
def test_an_activation_that_was_interrupted_goes_on_where_it_was(
    new_card: NewCard, profile: str, when: str, at: str
) -> None:
    card = new_card(profile)
    code = CODES[profile]
    command = "change" if profile == "v5-2026" else "unblock"
    skip = 0 if at == "PIN1" else 1
    fault = Fault("card-pulled", on=command, when=when, skip=skip, seconds=1.0)
    card.add_fault(fault)
    expected = {"pin1": "set", "pin2": "set"}
    with managing(card, "activate") as terminal:
        answer(terminal, "Activation code from the letter", code)
        choose(terminal, "2468", "135790")
        if (at, when) != ("PIN2", "after"):  # else all is done
            answer(terminal, "Activation code from the letter", code)
            if (at, when) == ("PIN1", "before"):
                choose(terminal, "1593")
            choose(terminal, pin2="975310")
        outcome = terminal.end()
    assert (outcome.status, outcome.result) == (0, expected)
    pin1 = "1593" if (at, when) == ("PIN1", "before") else "2468"
    pin2 = "135790" if (at, when) == ("PIN2", "after") else "975310"
    work(card, pin1, pin2)


@pytest.mark.parametrize(
    ("profile", "when"), [("v5-2026", "before"), ("v4.2", "after")]
)
def test_an_activation_that_was_given_up_is_finished_another_time(
    new_card: NewCard, profile: str, when: str
) -> None:
    card = new_card(profile)
    code = CODES[profile]
    command = "change" if profile == "v5-2026" else "unblock"
    # PIN1 is set, and the card is removed before or after PIN2's command.
    card.add_fault(Fault("card-pulled", on=command, when=when, skip=1))
    with managing(card, "activate") as terminal:
        answer(terminal, "Activation code from the letter", code)
        choose(terminal, "2468", "135790")
        terminal.wait_for("taken out of the reader")
        terminal.type("\x03")
        outcome = terminal.end()
    assert (outcome.status, outcome.error) == (1, "USER_CANCELLED")
    card.insert()
    with managing(card, "activate") as terminal:
        if when == "before":
            terminal.wait_for("(PIN1) has already been set")
            answer(terminal, "Activation code from the letter", code)
            choose(terminal, pin2="975310")
        outcome = terminal.end()
    pin2 = "set" if when == "before" else "was-set"
    assert (outcome.status, outcome.result) == (0, {"pin1": "was-set", "pin2": pin2})
    work(card, "2468", "975310" if when == "before" else "135790")


@each_pin
def test_a_pin_is_changed_after_the_old_one_was_typed_wrong(
    new_card: NewCard, profile: str, pin: str
) -> None:
    card = new_card(profile, "active")
    kind = {"pin1": "basic PIN (PIN1)", "pin2": "signature PIN (PIN2)"}[pin]
    old, new = {"pin1": ("1234", "8642"), "pin2": ("123456", "864208")}[pin]
    with managing(card, "change-pin", pin) as terminal:
        answer(terminal, f"Current {kind}", "999999")
        answer(terminal, f"New {kind}", new)
        terminal.wait_for("The current PIN was wrong. The PIN was not changed.")
        assert tries(card) == ((4, 5, 5) if pin == "pin1" else (5, 4, 5))
        answer(terminal, f"Current {kind}", old)
        answer(terminal, f"New {kind}", new)
        outcome = terminal.end()
    assert (outcome.status, outcome.result) == (0, {pin: "set"})
    work(card, *((new, "123456") if pin == "pin1" else ("1234", new)))


def test_a_puk_is_run_down_to_the_last_try_and_stopped(new_card: NewCard) -> None:
    card = new_card("v4.2", "pin1-blocked")
    with managing(card, "unblock", "pin1") as terminal:
        for number in range(4):
            answer(terminal, "PUK code", f"9999999{number}")
            answer(terminal, "New basic PIN (PIN1)", "8642")
            terminal.wait_for("The PUK code was wrong.")
            assert tries(card) == (0, 5, 4 - number)
        # The last try needs an explicit confirmation.
        terminal.wait_for("This is the last try.")
        terminal.wait_for("any other answer cancels: ")
        terminal.type("no\r")
        outcome = terminal.end()
    assert (outcome.status, outcome.error) == (1, "USER_CANCELLED")
    assert tries(card) == (0, 5, 1)
    # A person who knows the PUK after all can still use it.
    with managing(card, "unblock", "pin1") as terminal:
        terminal.wait_for("Then you need a new card")
        terminal.wait_for("any other answer cancels: ")
        terminal.type("yes\r")
        answer(terminal, "PUK code", PUK)
        answer(terminal, "New basic PIN (PIN1)", "8642")
        outcome = terminal.end()
    assert (outcome.status, outcome.result) == (0, {"pin1": "set"})
    work(card, "8642", "123456")


def test_a_puk_without_tries_is_said_to_be_dead_and_nothing_is_sent(
    new_card: NewCard,
) -> None:
    card = new_card("v5-2026", "pin1-blocked")
    with card.update() as data:
        data.puk.tries = 0
    before = card.read()
    with managing(card, "unblock", "pin1") as terminal:
        terminal.wait_for("new card")
        outcome = terminal.end()
    assert (outcome.status, outcome.error) == (1, "PUK_BLOCKED")
    assert card.read() == before


@pcsc.isolated
async def test_another_card_that_is_put_back_is_not_written_on(
    pcscd: pcsc.Pcscd,
) -> None:
    first, other = (
        cards.new_card(pcscd.folder / str(number), "v5-2026", "new", number=number)
        for number in (1, 2)
    )
    before = other.read()
    # The card is removed when PIN1 is set, and the fault keeps it out.
    first.add_fault(Fault("card-pulled", on="change", when="before", skip=1))
    pcscd.insert(MockCard(first))
    pcscd.settle()
    command = [*KORTILLA, "card", "activate", *ON_TERMINAL, "--card", "pcsc"]
    terminal = Terminal(command)
    try:
        answer(terminal, "Activation code from the letter", "1234567")
        choose(terminal, "2468", "135790")
        terminal.wait_for("taken out of the reader")
        pcscd.insert(MockCard(other))
        terminal.wait_for("This is another card")
        assert other.read() == before
        pcscd.pull()
        first.insert()
        pcscd.insert(MockCard(first))
        terminal.wait_for("(PIN1) has already been set")
        answer(terminal, "Activation code from the letter", "1234567")
        choose(terminal, pin2="975310")
        outcome = terminal.end()
    finally:
        terminal.close()
    assert (outcome.status, outcome.result) == (0, {"pin1": "set", "pin2": "set"})
    assert other.read() == before
    data = first.read()
    assert (data.pin1.value, data.pin2.value) == ("2468", "975310")
    assert tries(first) == (5, 5, 5)
