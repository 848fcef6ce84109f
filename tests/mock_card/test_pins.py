# SPDX-License-Identifier: MIT
"""PINs and their retry counters: what decrements and resets them, and what is lost."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.state import MockCardState
from tests.mock_card.conftest import SELECT_APPLICATION, pin_block, send

PINS = {"11": "1234", "82": "123456", "83": "12345678"}


def verify(card: MockCard, reference: str, pin: str) -> str:
    return send(card, f"002000{reference}0C{pin_block(pin)}")


def tries(card: MockCard, reference: str) -> str:
    """Return the first byte of DF21 in the readable PIN information."""
    return send(card, f"00CB00FF05A0038301{reference}")[40:42]


@pytest.mark.parametrize("reference", PINS)
def test_five_wrong_pins_block_it(card: MockCard, reference: str) -> None:
    for left in ("63C4", "63C3", "63C2", "63C1", "63C0"):
        assert verify(card, reference, "99999999") == left
        assert tries(card, reference) == f"0{left[-1]}"
    assert verify(card, reference, PINS[reference]) == "6983"
    assert send(card, f"002000{reference}") == "6983"
    assert tries(card, reference) == "00"


@pytest.mark.parametrize("reference", PINS)
def test_the_right_pin_gives_the_tries_back(card: MockCard, reference: str) -> None:
    assert verify(card, reference, "99999999") == "63C4"
    assert send(card, f"002000{reference}") == "63C4"
    assert verify(card, reference, PINS[reference]) == "9000"
    assert send(card, f"002000{reference}") == "9000"
    assert tries(card, reference) == "05"


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
    assert tries(card, "11") == "05"


def test_a_pin_that_no_card_can_have_costs_a_try(card: MockCard) -> None:
    assert verify(card, "11", "123") == "63C4"


def test_a_wrong_pin_takes_the_verification_away(card: MockCard) -> None:
    assert verify(card, "11", "1234") == "9000"
    assert verify(card, "11", "4321") == "63C4"
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
    change = "00240011 18" + pin_block("9876")
    assert send(card, change + pin_block("1111")) == "63C4"
    change = "00240011 18" + pin_block("1234")
    assert send(card, change + pin_block("111")) == "6A80"  # costs no try
    assert tries(card, "11") == "04"
    assert send(card, change + pin_block("135790")) == "9000"
    assert tries(card, "11") == "05"
    assert verify(card, "11", "1234") == "63C4"
    assert verify(card, "11", "135790") == "9000"
    assert state.read().pin1.changed


def test_unblocking_spends_the_tries_of_the_puk(card: MockCard) -> None:
    for _ in range(5):
        verify(card, "82", "999999")
    unblock = "002C0082 18"
    assert send(card, unblock + pin_block("87654321") + pin_block("654321")) == "63C4"
    assert (tries(card, "82"), tries(card, "83")) == ("00", "04")
    assert send(card, unblock + pin_block("12345678") + pin_block("65432")) == "6A80"
    assert send(card, unblock + pin_block("12345678") + pin_block("654321")) == "9000"
    assert (tries(card, "82"), tries(card, "83")) == ("05", "05")
    assert verify(card, "82", "654321") == "9000"


def test_a_blocked_puk_unblocks_nothing(card: MockCard) -> None:
    unblock = "002C0011 18"
    for left in ("63C4", "63C3", "63C2", "63C1", "63C0", "6983"):
        assert send(card, unblock + pin_block("87654321") + pin_block("1111")) == left
    assert send(card, unblock + pin_block("12345678") + pin_block("1111")) == "6983"


def test_a_puk_is_neither_changed_nor_unblocked(card: MockCard) -> None:
    body = "18" + pin_block("12345678") + pin_block("87654321")
    assert send(card, f"00240083{body}") == "6A88"
    assert send(card, f"002C0083{body}") == "6A88"
    assert tries(card, "83") == "05"


def test_the_information_tells_a_pin_that_was_never_changed(
    card: MockCard, state: MockCardState
) -> None:
    with state.update() as data:
        data.pin2.changed = False
    assert send(card, "00CB00FF05A003830182")[-12:-4] == "DF2F0100"
    change = "00240082 18" + pin_block("123456") + pin_block("654321")
    assert send(card, change) == "9000"
    assert send(card, "00CB00FF05A003830182")[-12:-4] == "DF2F0101"


def test_tries_outlive_the_program(card: MockCard, state: MockCardState) -> None:
    assert verify(card, "11", "9999") == "63C4"
    again = MockCard(MockCardState.open(state.folder))
    assert send(again, SELECT_APPLICATION) == "9000"
    assert send(again, "00200011") == "63C4"


def test_tries_that_processes_spend_at_once_are_all_counted(
    card: MockCard, state: MockCardState
) -> None:
    program = """
import sys
from pathlib import Path
from kortilla.mock_card.card import MockCard
from kortilla.mock_card.state import MockCardState
card = MockCard(MockCardState.open(Path(sys.argv[1])))
card.transmit(bytes.fromhex("00A4040C0CA000000063504B43532D3135"))
print("ready", flush=True)
sys.stdin.readline()
for _ in range(2):
    card.transmit(bytes.fromhex("002000110C393939390000000000000000"))
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, state.folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    assert tries(card, "11") == "01"


def test_no_pin_is_ever_logged(
    card: MockCard, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    sent = "73519264"
    verify(card, "11", sent)
    send(card, "00240011 18" + pin_block(sent) + pin_block(sent))
    send(card, "002C0011 18" + pin_block(sent) + pin_block(sent))
    send(card, f"00200011{pin_block(sent)}")  # malformed
    assert "00200011 -> 63c4" in caplog.text
    for form in (sent, sent.encode().hex(), repr(sent.encode())[2:-1]):
        assert form not in caplog.text
