# SPDX-License-Identifier: MIT
"""``kortilla mock-card``: the command line for the testers' card."""

import json
import signal
import socket
from typing import Any

import pytest

from kortilla.mock_card.card_data import CardState
from kortilla.mock_card.contactless import contactless_atr
from kortilla.mock_card.faults import Fault
from kortilla.mock_card.state import MockCardState
from tests.cli.conftest import NONCE, ORIGIN, Run
from tests.support import commands
from tests.support.patience import patience

NEW_CODES = "activation code 12345678, PUK 12345678."


@pytest.mark.parametrize(
    ("profile", "state", "words"),
    [
        ("v5", "active", "PIN1 1234, PIN2 123456, PUK 12345678."),
        ("v4.2", "new", NEW_CODES),
        ("v5-2026", "new", "activation code 1234567, PUK 12345678."),
        ("v5", "partly-activated", f"PIN1 1234, {NEW_CODES}"),
        ("v5", "last-try", "PIN1 1234, PIN2 123456, PUK 12345678."),
    ],
)
def test_a_new_card_is_told_with_what_activates_and_opens_it(
    run: Run, profile: str, state: str, words: str
) -> None:
    new = ("mock-card", "new", "--profile", profile, "--state", state)
    told = run(*new, json=False)
    assert told.status == 0
    assert told.words.rstrip().endswith(words)
    shown = run("mock-card", "show").result
    assert shown["folder"] in told.words
    assert (shown["profile"], shown["state"]) == (profile, state)
    assert f"state: {state}" in run("mock-card", "show", json=False).lines
    # It is not thrown away unless told to.
    before = MockCardState.open().read()
    outcome = run(*new)
    assert (outcome.status, outcome.error) == (1, "INVALID_ARGUMENT")
    assert MockCardState.open().read() == before
    assert run(*new, "--force").status == 0
    assert MockCardState.open().read() != before


def test_every_state_can_be_asked_for(run: Run) -> None:
    # The error lists them all. They are defined in two places, for a fast start.
    words = run("mock-card", "new", "--state", "?").words
    assert all(f"'{value}'" in words for value in CardState)


def test_faults_are_set_listed_and_cleared(run: Run, mock_card: MockCardState) -> None:
    pulled: dict[str, Any] = {
        "name": "card-pulled",
        "on": "sign",
        "when": "after",
        "skip": 2,
        "times": 3,
        "seconds": 1.5,
    }
    mute: dict[str, Any] = {
        "name": "mute",
        "on": "any",
        "when": "before",
        "skip": 0,
        "times": None,
        "seconds": None,
    }
    words = "card-pulled --on sign --after --skip 2 --times 3 --seconds 1.5"
    first = run("mock-card", "fault", *words.split())
    assert (first.status, first.result["faults"]) == (0, [pulled])
    second = run("mock-card", "fault", "mute", "--always", "--before")
    assert second.result["faults"] == [pulled, mute]
    assert run("mock-card", "fault", "--list").result == second.result
    assert run("mock-card", "show").result["faults"] == [pulled, mute]
    assert mock_card.faults() == (Fault(**pulled), Fault(**mute))
    cleared = {"inserted": True, "faults": []}
    assert run("mock-card", "fault", "--clear").result == cleared
    assert run("mock-card", "fault", "--list").result == cleared
    for option, inserted in (("--pull", False), ("--list", False), ("--insert", True)):
        outcome = run("mock-card", "fault", option)
        assert (outcome.status, outcome.result["inserted"]) == (0, inserted)
        assert mock_card.presence().card is inserted


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ("", 2),
        ("mute --list", 2),
        ("--pull --insert", 2),
        ("unplugged", 2),
        ("mute --on login", 2),
        ("mute --times 0", 2),
        ("mute --seconds nan", 1),
        ("garbled --seconds 1", 1),
    ],
)
def test_a_fault_that_can_not_be_is_refused_and_not_set(
    run: Run, mock_card: MockCardState, arguments: str, status: int
) -> None:
    outcome = run("mock-card", "fault", *arguments.split())
    assert (outcome.status, outcome.error) == (status, "INVALID_ARGUMENT")
    assert mock_card.faults() == ()


def test_a_command_takes_a_fault_once(run: Run, mock_card: MockCardState) -> None:
    run("mock-card", "fault", "6F00", "--on", "verify", "--after")
    identify = ["identify", "--origin", ORIGIN, "--nonce", NONCE]
    options = ["--prompt", "automatic", "--card", "mock"]
    outcome = run(*identify, *options)
    assert (outcome.status, outcome.error) == (1, "CARD_ERROR")
    assert "6F00" in outcome.result["error"]["message"]
    assert mock_card.faults() == ()
    assert run(*identify, *options).status == 0


@pytest.mark.parametrize("side", [[], ["--contactless"]])
def test_a_mock_card_is_served_to_the_virtual_reader_until_it_is_taken_out(
    run: Run, mock_card: MockCardState, side: list[str]
) -> None:
    atr = contactless_atr(mock_card.profile.atr) if side else mock_card.profile.atr
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        serve = ("mock-card", "serve", "--port", port)
        with commands.running(*serve, *side, "--json") as process:
            listener.settimeout(patience())
            reader, _ = listener.accept()
            with reader:
                reader.sendall(b"\x00\x01\x04")  # the command for the ATR
                frame = reader.makefile("rb").read(2 + 20)
                assert frame[2:] == atr
                assert json.loads(process.stdout.readline())["port"] == int(port)
                process.send_signal(signal.SIGINT)
                ended = commands.end(process)
    assert (ended.returncode, ended.stdout) == (0, "")
    # Without a virtual reader.
    outcome = run(*serve, *side)
    assert (outcome.status, outcome.error) == (1, "PCSC_UNAVAILABLE")
    assert run(*serve, "--contactless", "--plain-reader").status == 2
