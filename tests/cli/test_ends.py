# SPDX-License-Identifier: MIT
"""How a command at a terminal ends after a failure or a signal."""

import signal
import tempfile
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kortilla.mock_card.faults import CommandName, Fault, FaultName, Moment
from kortilla.mock_card.state import MockCardState
from tests.cli.conftest import NONCE, ORIGIN
from tests.cli.terminal import KORTILLA, Terminal

AT_TERMINAL = ("--prompt", "terminal", "--card", "mock", "--lang", "en")
IDENTIFY = ("identify", "--origin", ORIGIN, "--nonce", NONCE)
SIGN = ("sign", "--origin", ORIGIN, "contract.txt")

Begin = Callable[..., Terminal]


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Begin]:
    """A function that starts commands at a terminal."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", None)
    Path("contract.txt").write_text("Rent: 500 euros")
    terminals: list[Terminal] = []

    def begin(*words: str) -> Terminal:
        terminals.append(Terminal((*KORTILLA, *words, *AT_TERMINAL)))
        return terminals[-1]

    yield begin
    for terminal in terminals:
        terminal.close()
    assert list(place.iterdir()) == [], "copies of documents remain"


def block(card: MockCardState) -> None:
    with card.update() as data:
        data.pin1.tries = 0


def block_puk(card: MockCardState) -> None:
    with card.update() as data:
        data.puk.tries = 0


def renew(card: MockCardState) -> None:
    with card.update() as data:
        data.pin1.changed = False


@pytest.mark.parametrize(
    ("words", "prepare", "code", "said"),
    [
        (IDENTIFY, block, "PIN_BLOCKED", "The basic PIN (PIN1) is locked"),
        (("card", "change-pin", "pin1"), block, "PIN_BLOCKED", "kortilla card unblock"),
        (("card", "change-pin", "pin1"), renew, "CARD_NOT_ACTIVATED", "activate"),
        (("card", "unblock", "pin2"), block_puk, "PUK_BLOCKED", "You need a new card"),
    ],
)
def test_what_no_putting_in_of_the_card_mends_ends_it(
    begin: Begin,
    mock_card: MockCardState,
    words: tuple[str, ...],
    prepare: Callable[[MockCardState], None],
    code: str,
    said: str,
) -> None:
    prepare(mock_card)
    outcome = begin(*words).end()
    assert (outcome.status, outcome.error) == (1, code)
    assert said in outcome.words


def test_whoever_gives_up_waiting_is_told_of_the_reason(
    begin: Begin, mock_card: MockCardState
) -> None:
    mock_card.pull()
    terminal = begin(*IDENTIFY)
    terminal.wait_for("Ctrl+C cancels.")
    terminal.type("\x03")
    outcome = terminal.end()
    assert (outcome.status, outcome.error) == (1, "USER_CANCELLED")
    assert outcome.result["error"]["reason"] == "NO_CARD"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_told_to_end_leaves_all_in_order(
    begin: Begin, mock_card: MockCardState, number: signal.Signals
) -> None:
    terminal = begin(*SIGN)
    terminal.wait_for("PIN2): ")
    assert not terminal.echoes
    terminal.signal(number)
    outcome = terminal.end()
    assert (outcome.status, outcome.error) == (1, "USER_CANCELLED")
    assert terminal.echoes
    assert mock_card.read().pin2.tries == 5


def test_what_was_signed_before_ctrl_c_is_printed(
    begin: Begin, mock_card: MockCardState
) -> None:
    Path("other.txt").write_text("Deposit: 1000 euros")
    mock_card.set_faults(
        Fault(
            FaultName.DELAY,
            on=CommandName.SIGN,
            when=Moment.BEFORE,
            skip=1,
            seconds=2,
        )
    )
    terminal = begin(*SIGN, "other.txt")
    terminal.wait_for("PIN2): ")
    terminal.type("123456\r")
    terminal.wait_for("Signatures made: 1 / 2")
    terminal.type("\x03")
    outcome = terminal.end()
    assert (outcome.status, outcome.error) == (1, "SIGNING_INTERRUPTED")
    assert outcome.result["error"]["reason"] == "USER_CANCELLED"
    [made] = outcome.result["error"]["signatures"]
    assert made["name"] == "contract.txt"


def test_no_digit_shows_of_what_is_typed_while_the_card_is_pulled_out(
    begin: Begin, mock_card: MockCardState
) -> None:
    terminal = begin(*IDENTIFY)
    terminal.wait_for("PIN1): ")
    terminal.type("12")
    mock_card.pull()
    terminal.wait_for("The card was taken out of the reader.")
    assert not terminal.echoes
    terminal.type("34\r")
    mock_card.insert()
    terminal.wait_for("PIN1): ")
    terminal.type("1234\r")
    outcome = terminal.end()
    assert outcome.status == 0, "earlier input is discarded"
    assert "34" not in outcome.words
    assert terminal.echoes
    assert mock_card.read().pin1.tries == 5


def test_a_terminal_is_as_it_was_afterwards(
    begin: Begin, mock_card: MockCardState
) -> None:
    assert mock_card.folder.is_dir()
    terminal = begin(*IDENTIFY)
    before = terminal.settings
    terminal.wait_for("PIN1): ")
    assert not terminal.settings[3] & termios.ECHO
    terminal.type("1234\r")
    assert terminal.end().status == 0
    assert terminal.settings == before
