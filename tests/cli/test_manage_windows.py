# SPDX-License-Identifier: MIT
"""``kortilla card activate|change-pin|unblock`` in real windows, with real keys.

Covers both schemes where they differ: the activation code of a card of 2026 has seven
digits; an older card's has eight and is its PUK. Each test checks the retry counters of
all three codes afterwards, and logs in and signs with the new PINs.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kortilla.mock_card.faults import Fault
from kortilla.mock_card.state import MockCardState
from tests.cli.conftest import NewCard
from tests.cli.managed import Tries, tries, work
from tests.cli.window import ManageWindow
from tests.support import cards
from tests.support.screen import Screen, open_screen

#: The code in the letter, by the card's profile; for ``v5`` it is the PUK too.
CODES = {"v5": "12345678", "v5-2026": "1234567"}
PUK = "12345678"
#: The commands that activate PIN1 and PIN2.
ACTIVATING = {"v5": ["002C0011", "002C0082"], "v5-2026": ["00240011", "00240082"]}
#: The new PINs, and a different code.
PIN1, PIN2 = "2468", "135790"
OTHER_PIN2 = "975310"
WHEN = ("before", "after")

Open = Callable[..., contextlib.AbstractContextManager[ManageWindow]]

each_scheme = pytest.mark.parametrize("profile", CODES)
each_pin = pytest.mark.parametrize(
    ("profile", "pin", "old", "new"),
    [("v5", "pin1", "1234", "8642"), ("v5-2026", "pin2", "123456", "864208")],
)


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    """A screen on which the largest page of these windows fits."""
    with open_screen(width=850, height=900) as screen:
        # The pointer must not cover the window.
        screen.point_away()
        yield screen


@pytest.fixture
def managing(screen: Screen, tmp_path: Path) -> Open:
    """Run a command of ``kortilla card`` with its window."""

    @contextlib.contextmanager
    def managing(*words: str) -> Iterator[ManageWindow]:
        window = ManageWindow(screen, tmp_path, *words)
        try:
            yield window
        finally:
            window.close()

    return managing


def wait_for_tries(screen: Screen, card: MockCardState, left: Tries) -> None:
    screen.wait_until(lambda: tries(card) == left)


@each_scheme
def test_a_wrong_code_costs_one_try_and_the_right_one_gives_it_back(
    new_card: NewCard, managing: Open, profile: str
) -> None:
    card = new_card(profile)
    before = tries(card)
    code = CODES[profile]
    with managing("activate") as window:
        assert not window.see().warns
        window.send("9" * len(code), PIN1, PIN1, PIN2, PIN2)
        window.wait_for(lambda seen: seen.warns and seen.ready)
        # A try of PIN1 in the new scheme, of the PUK in the old one. PIN2 keeps
        # all.
        left = [*before]
        left[0 if profile == "v5-2026" else 2] -= 1
        assert tries(card) == tuple(left)
        window.send(code, PIN1, PIN1, PIN2, PIN2)
        outcome = window.finish()
    assert (outcome.status, outcome.result) == (0, {"pin1": "set", "pin2": "set"})
    assert window.sent == [ACTIVATING[profile][0], *ACTIVATING[profile]]
    work(card, PIN1, PIN2)


@pytest.mark.parametrize(
    ("profile", "at", "when"),
    [
        *[("v5-2026", at, when) for at in ("PIN1", "PIN2") for when in WHEN],
        # tests/operations have the rest for this scheme too.
        *[("v5", "PIN1", "before"), ("v5", "PIN2", "before")],
    ],
)
def test_an_activation_that_was_interrupted_goes_on_in_the_same_window(
    new_card: NewCard, managing: Open, profile: str, when: str, at: str
) -> None:
    card = new_card(profile)
    code = CODES[profile]
    pin1, pin2 = PIN1, PIN2
    set_pin1, set_pin2 = sent = ACTIVATING[profile]
    on = "change" if profile == "v5-2026" else "unblock"
    fault = Fault("card-pulled", on=on, when=when, skip=0 if at == "PIN1" else 1)
    card.add_fault(fault)
    with managing("activate") as window:
        window.send(code, PIN1, PIN1, PIN2, PIN2)
        window.wait_for(lambda seen: seen.wants_card)
        assert window.sent == (sent[:1] if at == "PIN1" else sent)
        data = card.read()
        assert data.pin1.changed is ((at, when) != ("PIN1", "before"))
        assert data.pin2.changed is ((at, when) == ("PIN2", "after"))
        card.insert()
        # The page has a field for each missing part, and no more.
        match at, when:
            case "PIN1", "before":
                pin1, pin2 = "1593", OTHER_PIN2
                window.send(code, pin1, pin1, pin2, pin2)
                expected = [set_pin1, set_pin1, set_pin2]
            case "PIN1", _:
                pin2 = OTHER_PIN2
                window.send(code, pin2, pin2)
                expected = [set_pin1, set_pin2]
            case _, "before":
                pin2 = OTHER_PIN2
                window.send(code, pin2, pin2)
                expected = [set_pin1, set_pin2, set_pin2]
            case _:
                expected = [set_pin1, set_pin2]
        outcome = window.finish()
    assert (outcome.status, outcome.result) == (0, {"pin1": "set", "pin2": "set"})
    assert window.sent == expected
    work(card, pin1, pin2)


def test_another_card_that_is_put_in_is_noticed_and_not_written_on(
    new_card: NewCard, screen: Screen, managing: Open, tmp_path: Path
) -> None:
    profile = "v5"  # one of 2026 is in test_manage_pcscd.py
    card = new_card(profile)
    other = cards.new_card(tmp_path / "other", profile, "new", number=2)
    card.add_fault(Fault("card-pulled", on="unblock", skip=1))
    in_reader, first = card.folder / "card.json", tmp_path / "first.json"
    others = (other.folder / "card.json").read_bytes()
    code = CODES[profile]
    with managing("activate") as window:
        window.send(code, PIN1, PIN1, PIN2, PIN2)
        window.wait_for(lambda seen: seen.wants_card)
        taken_out = window.still()

        in_reader.rename(first)
        in_reader.write_bytes(others)
        card.insert()
        # Another page that asks for a card as well.
        screen.wait_until(
            lambda: window.still() != taken_out and window.see().wants_card
        )
        assert "OTHER_CARD" in window.log
        assert window.see().fields == 0
        assert in_reader.read_bytes() == others

        card.pull()
        first.replace(in_reader)
        card.insert()
        window.send(code, OTHER_PIN2, OTHER_PIN2)
        outcome = window.finish()
    assert (outcome.status, outcome.result) == (0, {"pin1": "set", "pin2": "set"})
    set_pin1, set_pin2 = ACTIVATING[profile]
    assert window.sent == [set_pin1, set_pin2, set_pin2]
    work(card, PIN1, OTHER_PIN2)


@each_pin
def test_a_pin_is_changed_after_the_old_one_was_typed_wrong(
    new_card: NewCard, managing: Open, profile: str, pin: str, old: str, new: str
) -> None:
    card = new_card(profile, "active")
    with managing("change-pin", pin) as window:
        window.send("999999", new, new)
        window.wait_for(lambda seen: seen.warns and seen.ready)
        assert tries(card) == ((4, 5, 5) if pin == "pin1" else (5, 4, 5))
        window.send(old, new, new)
        outcome = window.finish()
    assert (outcome.status, outcome.result) == (0, {pin: "set"})
    assert window.sent == ["00240011" if pin == "pin1" else "00240082"] * 2
    work(card, *((new, "123456") if pin == "pin1" else ("1234", new)))


@each_pin
def test_a_locked_pin_is_unlocked(
    new_card: NewCard, managing: Open, profile: str, pin: str, old: str, new: str
) -> None:
    card = new_card(profile, f"{pin}-blocked")
    assert tries(card) == ((0, 5, 5) if pin == "pin1" else (5, 0, 5))
    with managing("unblock", pin) as window:
        window.send(PUK, new, new)
        outcome = window.finish()
    assert (outcome.status, outcome.result) == (0, {pin: "set"})
    assert window.sent == ["002C0011" if pin == "pin1" else "002C0082"]
    work(card, *((new, "123456") if pin == "pin1" else ("1234", new)))


def test_a_puk_is_run_down_to_the_last_try_which_only_a_tick_lets_be_used(
    new_card: NewCard, screen: Screen, managing: Open
) -> None:
    card = new_card("v5", "pin1-blocked")
    with managing("unblock", "pin1") as window:
        for left in range(4, 0, -1):
            window.send(f"9999999{left}", "8642", "8642")
            wait_for_tries(screen, card, (0, 5, left))
        # Before the last try, the page has a box.
        window.wait_for(lambda seen: seen.empty and seen.fields == 3 and seen.ready)
        window.tick()
        window.tick(empty=True)
        # All fields are filled. Enter in the last one only moves to the box.
        window.press("Tab")
        window.type(PUK, "8642", "8642")
        window.tick()
        window.tick(empty=True)
        outcome = window.leave()
    assert (outcome.status, outcome.error) == (1, "USER_CANCELLED")
    assert window.sent == ["002C0011"] * 4
    assert tries(card) == (0, 5, 1)
    # A person who knows the PUK after all can still use it.
    with managing("unblock", "pin1") as window:
        window.wait_for(lambda seen: seen.empty and seen.fields == 3 and seen.ready)
        window.tick()
        window.press("Tab")
        window.send(PUK, "8642", "8642")
        outcome = window.finish()
    assert (outcome.status, outcome.result) == (0, {"pin1": "set"})
    assert window.sent == ["002C0011"]
    work(card, "8642", "123456")
