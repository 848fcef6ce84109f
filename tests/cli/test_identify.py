# SPDX-License-Identifier: MIT
"""``kortilla identify``."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kortilla import Trust, validate
from kortilla.errors import AuthTokenSignatureValidationError
from kortilla.mock_card.state import MockCardState
from tests.cli.conftest import NONCE, ORIGIN, Outcome, Run
from tests.cli.terminal import KORTILLA, Terminal
from tests.support import commands, pcsc

ASKED = ("identify", "--origin", ORIGIN, "--nonce", NONCE, "--card", "mock")


def satu_for(origin: str, outcome: Outcome, card: MockCardState) -> str:
    """Validate the token as a service of an origin does, and return the SATU."""
    trust = Trust.from_folder(card.folder, test=True)
    checked = validate(outcome.result, origin=origin, nonce=NONCE, trust=trust)
    return asyncio.run(checked).satu


def test_the_token_is_one_that_a_service_accepts(
    run: Run, mock_card: MockCardState
) -> None:
    outcome = run(*ASKED, "--prompt", "automatic")
    assert outcome.status == 0
    assert satu_for(ORIGIN, outcome, mock_card) == mock_card.read().satu
    with pytest.raises(AuthTokenSignatureValidationError):
        satu_for("https://another.example", outcome, mock_card)


def test_card_and_prompt_may_stand_in_the_configuration(
    run: Run, configure: Callable[[str], Path], mock_card: MockCardState
) -> None:
    configure('card = "mock"\nprompt = "automatic"\n')
    outcome = run("identify", "--origin", ORIGIN, "--nonce", NONCE)
    assert outcome.status == 0
    assert outcome.result["format"] == "web-eid:1.0"
    assert mock_card.read().pin1.tries == 5


@pytest.mark.parametrize(
    ("origin", "nonce", "code"),
    [
        ("http://service.example", NONCE, "ORIGIN_REFUSED"),
        ("https://service.example/login", NONCE, "ORIGIN_REFUSED"),
        ("http://localhost:8080", NONCE, "ORIGIN_REFUSED"),
        (ORIGIN, "A" * 43, "INVALID_ARGUMENT"),
        (ORIGIN, "A" * 129, "INVALID_ARGUMENT"),
        (ORIGIN, "ä" * 44, "INVALID_ARGUMENT"),
    ],
)
def test_what_no_service_may_ask_is_refused(
    run: Run, home: Path, origin: str, nonce: str, code: str
) -> None:
    outcome = run("identify", "--origin", origin, "--nonce", nonce, "--card", "mock")
    assert (outcome.status, outcome.error) == (1, code)
    assert list(home.iterdir()) == []


def test_localhost_may_ask_when_the_developer_says_so(
    run: Run, configure: Callable[[str], Path], mock_card: MockCardState
) -> None:
    configure("allow_localhost = true")
    outcome = run(
        *("identify", "--origin", "http://localhost:8080", "--nonce", NONCE),
        *("--card", "mock", "--prompt", "automatic"),
    )
    assert outcome.status == 0
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


IN_TERMINAL = (
    *KORTILLA,
    *(*ASKED, "--prompt", "terminal", "--lang", "en"),
)


@pytest.fixture
def terminal(mock_card: MockCardState) -> Iterator[Terminal]:
    assert mock_card.folder.is_dir()
    terminal = Terminal(IN_TERMINAL)
    yield terminal
    terminal.close()


@pytest.fixture
def terminal_with_reader(mock_card: MockCardState) -> Iterator[Terminal]:
    """The same fixture with the mock card in a PC/SC reader."""
    command = [*IN_TERMINAL, "--card", "pcsc"]
    with pcsc.beside(mock_card.folder) as within:
        terminal = Terminal(within(*command))
        yield terminal
        terminal.close()


def test_the_pin_may_be_typed_in_the_terminal(
    terminal: Terminal, mock_card: MockCardState
) -> None:
    terminal.wait_for(ORIGIN)
    terminal.wait_for(mock_card.read().satu)
    terminal.wait_for("PIN1")
    terminal.type("9999\r")
    terminal.wait_for("PIN1")
    assert mock_card.read().pin1.tries == 4
    terminal.type("1234\r")
    outcome = terminal.end()
    assert outcome.status == 0
    assert satu_for(ORIGIN, outcome, mock_card) == mock_card.read().satu
    assert mock_card.read().pin1.tries == 5


def test_a_card_in_a_reader_identifies_as_well(
    terminal_with_reader: Terminal, mock_card: MockCardState
) -> None:
    terminal = terminal_with_reader
    terminal.wait_for(mock_card.read().satu)
    terminal.wait_for("PIN1")
    terminal.type("1234\r")
    outcome = terminal.end()
    assert outcome.status == 0
    assert satu_for(ORIGIN, outcome, mock_card) == mock_card.read().satu


@pytest.mark.parametrize("keys", ["\x03", "\r"], ids=["Ctrl-C", "Enter alone"])
def test_a_person_can_cancel_in_the_terminal(
    terminal: Terminal, mock_card: MockCardState, keys: str
) -> None:
    terminal.wait_for("PIN1")
    terminal.type(keys)
    outcome = terminal.end()
    assert (outcome.status, outcome.error) == (1, "USER_CANCELLED")
    assert mock_card.read().pin1.tries == 5


def test_a_terminal_prompt_needs_a_terminal(mock_card: MockCardState) -> None:
    finished = commands.run(*IN_TERMINAL[len(KORTILLA) :])
    assert finished.returncode == 1
    assert json.loads(finished.stdout)["error"]["code"] == "PROMPT_FAILED"
    assert mock_card.read().pin1.tries == 5
