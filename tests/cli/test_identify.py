# SPDX-License-Identifier: MIT
"""``kortilla identify``, and how commands at a terminal end."""

import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kortilla import Trust, validate
from kortilla.errors import AuthTokenSignatureValidationError
from kortilla.mock_card.faults import CommandName, Fault, FaultName, Moment
from kortilla.mock_card.state import MockCardState
from tests.cli.conftest import NONCE, ORIGIN, Outcome, Run
from tests.cli.terminal import KORTILLA, Terminal
from tests.support import pcsc

ASKED = ("identify", "--origin", ORIGIN, "--nonce", NONCE, "--card", "mock")
SIGN = ("sign", "--origin", ORIGIN, "--card", "mock", "contract.txt")
CHANGE = ("card", "change-pin", "pin1", "--card", "mock")
UNBLOCK = ("card", "unblock", "pin2", "--card", "mock")
NEVER_SET = {"tries": 0, "changed": False}
AT_TERMINAL = ("--prompt", "terminal", "--lang", "en")

Begin = Callable[..., Terminal]


def satu_for(origin: str, outcome: Outcome, card: MockCardState) -> str:
    """Validate the token as a service of an origin does, and return the SATU."""
    assert outcome.status == 0
    trust = Trust.from_folder(card.folder, test=True)
    checked = validate(outcome.result, origin=origin, nonce=NONCE, trust=trust)
    return asyncio.run(checked).satu


def test_the_token_is_one_that_a_service_accepts(
    run: Run, mock_card: MockCardState
) -> None:
    outcome = run(*ASKED, "--prompt", "automatic")
    assert satu_for(ORIGIN, outcome, mock_card) == mock_card.read().satu
    with pytest.raises(AuthTokenSignatureValidationError):
        satu_for("https://another.example", outcome, mock_card)


@pytest.mark.parametrize(
    ("origin", "nonce", "code"),
    [
        ("http://service.example", NONCE, "ORIGIN_REFUSED"),
        ("http://localhost:8080", NONCE, "ORIGIN_REFUSED"),
        (ORIGIN, "A" * 43, "INVALID_ARGUMENT"),
        (ORIGIN, "ä" * 44, "INVALID_ARGUMENT"),
    ],
)
def test_what_no_service_may_ask_is_refused(
    run: Run, home: Path, origin: str, nonce: str, code: str
) -> None:
    outcome = run("identify", "--origin", origin, "--nonce", nonce, "--card", "mock")
    assert (outcome.status, outcome.error) == (1, code)
    assert list(home.iterdir()) == []


def test_card_prompt_and_localhost_may_stand_in_the_configuration(
    run: Run, configure: Callable[[str], Path], mock_card: MockCardState
) -> None:
    configure('card = "mock"\nprompt = "automatic"\nallow_localhost = true')
    outcome = run("identify", "--origin", "http://localhost:8080", "--nonce", NONCE)
    assert outcome.status == 0
    assert outcome.result["format"] == "web-eid:1.0"
    assert mock_card.read().pin1.tries == 5


def test_no_card_but_the_mock_is_answered_for_automatically(run: Run) -> None:
    outcome = run(*ASKED[:-1], "pcsc", "--prompt", "automatic")
    assert (outcome.status, outcome.error) == (1, "CONFIG_BROKEN")


def test_a_broken_mock_card_is_named_and_not_reset(
    run: Run, mock_card: MockCardState
) -> None:
    file = mock_card.folder / "card.json"
    file.write_text("{}")
    outcome = run(*ASKED, "--prompt", "automatic")
    assert (outcome.status, outcome.error) == (1, "MOCK_CARD_BROKEN")
    assert str(file) in outcome.result["error"]["message"]
    assert file.read_text() == "{}"


# -- At a terminal ---------------------------------------------------------------------


@pytest.fixture
def begin(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mock_card: MockCardState
) -> Iterator[Begin]:
    """A function that starts commands at a terminal."""
    assert mock_card.read().pin1.tries == 5
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", None)
    for name in ("contract.txt", "other.txt"):
        Path(name).write_text("Rent: 500 euros")
    terminals: list[Terminal] = []

    def begin(*words: str) -> Terminal:
        command = words if words[0] == "env" else (*KORTILLA, *words, *AT_TERMINAL)
        terminals.append(Terminal(command))
        return terminals[-1]

    yield begin
    for terminal in terminals:
        terminal.close()
    assert list(place.iterdir()) == [], "copies of documents remain"


@pytest.mark.parametrize("reader", [False, True])
def test_the_pin_may_be_typed_in_the_terminal(
    begin: Begin, mock_card: MockCardState, reader: bool
) -> None:
    if reader:
        with pcsc.beside(mock_card.folder) as within:
            words = (*KORTILLA, *ASKED, *AT_TERMINAL, "--card", "pcsc")
            _identify(begin(*within(*words)), mock_card)
    else:
        _identify(begin(*ASKED), mock_card)


def _identify(terminal: Terminal, card: MockCardState) -> None:
    terminal.wait_for(ORIGIN)
    terminal.wait_for(card.read().satu)
    terminal.wait_for("PIN1): ")
    terminal.type("9999\r")
    terminal.wait_for("PIN1): ")
    assert card.read().pin1.tries == 4
    terminal.type("1234\r")
    assert satu_for(ORIGIN, terminal.outcome(), card) == card.read().satu
    assert card.read().pin1.tries == 5


@pytest.mark.parametrize(
    ("words", "of", "changes", "code", "said"),
    [
        (ASKED, "pin1", {"tries": 0}, "PIN_BLOCKED", "basic PIN (PIN1) is locked"),
        (CHANGE, "pin1", {"tries": 0}, "PIN_BLOCKED", "kortilla card unblock"),
        (CHANGE, "pin1", NEVER_SET, "CARD_NOT_ACTIVATED", "activate"),
        (UNBLOCK, "puk", {"tries": 0}, "PUK_BLOCKED", "You need a new card"),
    ],
)
def test_what_no_putting_in_of_the_card_fixes_ends_it(
    begin: Begin,
    mock_card: MockCardState,
    words: tuple[str, ...],
    of: str,
    changes: dict[str, Any],
    code: str,
    said: str,
) -> None:
    with mock_card.update() as data:
        for name, value in changes.items():
            setattr(getattr(data, of), name, value)
    outcome = begin(*words).outcome()
    assert (outcome.status, outcome.error) == (1, code)
    assert said in outcome.words


def test_whoever_gives_up_waiting_is_told_of_the_reason(
    begin: Begin, mock_card: MockCardState
) -> None:
    mock_card.pull()
    terminal = begin(*ASKED)
    terminal.wait_for("Ctrl+C cancels.")
    terminal.type("\x03")
    outcome = terminal.outcome()
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
    outcome = terminal.outcome()
    assert (outcome.status, outcome.error) == (1, "USER_CANCELLED")
    assert terminal.settings == terminal.first_settings
    assert terminal.echoes
    assert mock_card.read().pin2.tries == 5


def test_what_was_signed_before_ctrl_c_is_printed(
    begin: Begin, mock_card: MockCardState
) -> None:
    slow = Fault(
        FaultName.DELAY, on=CommandName.SIGN, when=Moment.BEFORE, skip=1, seconds=2
    )
    mock_card.set_faults(slow)
    terminal = begin(*SIGN, "other.txt")
    terminal.wait_for("PIN2): ")
    terminal.type("123456\r")
    terminal.wait_for("Signatures made: 1 / 2")
    terminal.type("\x03")
    outcome = terminal.outcome()
    assert (outcome.status, outcome.error) == (1, "SIGNING_INTERRUPTED")
    assert outcome.result["error"]["reason"] == "USER_CANCELLED"
    [made] = outcome.result["error"]["signatures"]
    assert made["name"] == "contract.txt"


def test_no_digit_shows_of_what_is_typed_while_the_card_is_pulled_out(
    begin: Begin, mock_card: MockCardState
) -> None:
    terminal = begin(*ASKED)
    terminal.wait_for("PIN1): ")
    terminal.type("12")
    mock_card.pull()
    terminal.wait_for("The card was taken out of the reader.")
    assert not terminal.echoes
    terminal.type("34\r")
    mock_card.insert()
    terminal.wait_for("PIN1): ")
    terminal.type("1234\r")
    outcome = terminal.outcome()
    assert outcome.status == 0, "earlier input is discarded"
    assert "34" not in outcome.words
    assert terminal.echoes
    assert mock_card.read().pin1.tries == 5


#: Python that runs the program's two entry points.
COMMAND = "from native_host.cli import main; main()"
REQUEST = {"origin": ORIGIN, "challengeNonce": NONCE}
HOST = "import sys; from native_host.__main__ import main; sys.exit(main())"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (COMMAND, ASKED),
        (COMMAND, SIGN),
        (HOST, ("-c", "authenticate", json.dumps(REQUEST))),
    ],
)
def test_a_program_that_starts_a_command_is_named_before_the_service(
    begin: Begin, configure: Callable[[str], Path], code: str, words: tuple[str, ...]
) -> None:
    configure('card = "mock"\nprompt = "terminal"\nlanguage = "en"\n')
    terminal = begin("env", sys.executable, "-I", "-c", code, *words)
    terminal.wait_for("does not come from a web browser")
    terminal.wait_for(Path(sys.executable).resolve().name)
    terminal.wait_for("A program can name any service.")
    terminal.wait_for(ORIGIN)
    terminal.wait_for("PIN")
    terminal.type("\x03")
    terminal.outcome()
