# SPDX-License-Identifier: MIT
"""PINs and their retry counters: what decrements and resets them, and what is lost."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.state import MockCardState
from tests.mock_card.conftest import (
    SELECT_APPLICATION,
    information,
    powered,
    send,
    set_pin,
    verify,
)

PINS = {"11": "1234", "82": "123456", "83": "12345678"}


def tries(card: MockCard, reference: str) -> int:
    return information(card, reference)[0]


@pytest.mark.parametrize("reference", PINS)
def test_five_wrong_pins_block_it(card: MockCard, reference: str) -> None:
    for left in ("63C4", "63C3", "63C2", "63C1", "63C0"):
        assert verify(card, reference, "99999999") == left
        assert tries(card, reference) == int(left[-1])
    assert verify(card, reference, PINS[reference]) == "6983"
    assert send(card, f"002000{reference}") == "6983"
    assert tries(card, reference) == 0


@pytest.mark.parametrize("reference", PINS)
def test_the_right_pin_gives_the_tries_back(card: MockCard, reference: str) -> None:
    assert verify(card, reference, "99999999") == "63C4"
    assert send(card, f"002000{reference}") == "63C4"
    assert verify(card, reference, PINS[reference]) == "9000"
    assert send(card, f"002000{reference}") == "9000"
    assert tries(card, reference) == 5


@pytest.mark.parametrize(
    "body",
    [
        "0431323334",  # not padded
        "0C31323334FFFFFFFFFFFFFFFF",  # padded as other cards have it
        "0C000000000000000000000000",  # no digit
        "0C313233340000000000000031",  # a digit after the padding
        "0C616263640000000000000000",  # letters
        "083132333400000000",  # too short
    ],
)
def test_a_pin_in_another_form_is_refused_and_costs_nothing(
    card: MockCard, body: str
) -> None:
    assert send(card, f"00200011{body}") == "6A80"
    assert tries(card, "11") == 5


def test_a_wrong_pin_takes_the_verification_away(card: MockCard) -> None:
    assert verify(card, "11", "1234") == "9000"
    assert verify(card, "11", "123") == "63C4"  # also one that no card can have
    assert send(card, "00200011") == "63C4"


def test_reset_and_selecting_the_application_forget_verified_pins(
    card: MockCard,
) -> None:
    for reference, pin in PINS.items():
        assert verify(card, reference, pin) == "9000"
    assert send(card, SELECT_APPLICATION) == "9000"
    assert [send(card, f"002000{each}") for each in PINS] == ["63C5"] * 3
    assert verify(card, "11", "1234") == "9000"
    card.reset()
    assert send(card, "00200011") == "6D00"
    assert send(card, SELECT_APPLICATION) == "9000"
    assert send(card, "00200011") == "63C5"


def test_other_selects_keep_the_pins(card: MockCard) -> None:
    assert verify(card, "11", "1234") == "9000"
    assert send(card, "00A4080C0450164332") == "9000"
    assert send(card, "00A4040C08A000000063504B43") == "6A82"
    assert send(card, "00200011") == "9000"


def test_changing_a_pin(card: MockCard, state: MockCardState) -> None:
    with state.update() as data:
        data.pin1.changed = False
    assert set_pin(card, "24", "11", "9876", "1111") == "63C4"
    assert set_pin(card, "24", "11", "1234", "111") == "6A80"  # costs no try
    assert information(card, "11") == (4, "00")
    assert set_pin(card, "24", "11", "1234", "135790") == "9000"
    assert information(card, "11") == (5, "01")
    assert verify(card, "11", "1234") == "63C4"
    # Tries outlive the program.
    again = powered(MockCardState.open(state.folder))
    assert send(again, "00200011") == "63C4"
    assert verify(again, "11", "135790") == "9000"


def test_unblocking_spends_the_tries_of_the_puk(card: MockCard) -> None:
    for _ in range(5):
        verify(card, "82", "999999")
    assert set_pin(card, "2C", "82", "87654321", "654321") == "63C4"
    assert (tries(card, "82"), tries(card, "83")) == (0, 4)
    assert set_pin(card, "2C", "82", "12345678", "65432") == "6A80"
    assert set_pin(card, "2C", "82", "12345678", "654321") == "9000"
    assert (tries(card, "82"), tries(card, "83")) == (5, 5)
    assert verify(card, "82", "654321") == "9000"


def test_a_blocked_puk_unblocks_nothing(card: MockCard) -> None:
    for left in ("63C4", "63C3", "63C2", "63C1", "63C0", "6983"):
        assert set_pin(card, "2C", "11", "87654321", "1111") == left
    assert set_pin(card, "2C", "11", "12345678", "1111") == "6983"


def test_a_puk_is_neither_changed_nor_unblocked(card: MockCard) -> None:
    for ins in ("24", "2C"):
        assert set_pin(card, ins, "83", "12345678", "87654321") == "6A88"
    assert tries(card, "83") == 5


def test_tries_that_are_spent_at_once_are_all_counted(
    card: MockCard, state: MockCardState
) -> None:
    """The lock on the folder is the same between processes."""
    others = [powered(MockCardState.open(state.folder)) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda each: verify(each, "11", "9999"), others)
    assert {*answers} == {"63C4", "63C3", "63C2", "63C1"}
    assert tries(card, "11") == 1
