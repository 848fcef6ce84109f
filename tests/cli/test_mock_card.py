# SPDX-License-Identifier: MIT
"""``kortilla mock-card``: the command line for the testers' card."""

import json
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from kortilla.mock_card.card_data import CardState
from kortilla.mock_card.faults import CommandName, Fault, FaultName
from kortilla.mock_card.profiles import PROFILES
from kortilla.mock_card.state import MockCardState
from tests.cli.conftest import NONCE, ORIGIN, Run
from tests.support import commands
from tests.support.patience import patience

SERVE = ("mock-card", "serve", "--json")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--state", "active"], "PIN1 1234, PIN2 123456, PUK 12345678."),
        (["--state", "new"], "activation code 12345678, PUK 12345678."),
        (
            ["--state", "new", "--profile", "v5-2026"],
            "activation code 1234567, PUK 12345678.",
        ),
        (
            ["--state", "partly-activated"],
            "PIN1 1234, activation code 12345678, PUK 12345678.",
        ),
        (["--state", "last-try"], "PIN1 1234, PIN2 123456, PUK 12345678."),
    ],
)
def test_a_new_card_is_told_with_what_activates_and_opens_it(
    run: Run, arguments: list[str], words: str
) -> None:
    told = run("mock-card", "new", *arguments, json=False)
    assert told.status == 0
    assert told.words.rstrip().endswith(words)
    assert run("mock-card", "show").result["state"] == arguments[1]
    assert f"state: {arguments[1]}" in run("mock-card", "show", json=False).lines


@pytest.mark.parametrize(
    ("option", "values"),
    [("--state", list(CardState)), ("--profile", list(PROFILES))],
)
def test_every_profile_and_state_can_be_asked_for(
    run: Run, option: str, values: list[str]
) -> None:
    # The error lists them all. They are defined in two places, for a fast start.
    words = run("mock-card", "new", option, "?").words
    assert all(f"'{value}'" in words for value in values)


FAULT: dict[str, Any] = {
    "name": "card-pulled",
    "on": "sign",
    "when": "after",
    "skip": 2,
    "times": 3,
    "seconds": 1.5,
}
FAULT_OPTIONS = ["--on", "sign", "--after", "--skip", "2", "--times", "3"]


def test_faults_are_set_listed_and_cleared(run: Run, mock_card: MockCardState) -> None:
    usual: dict[str, Any] = {
        "name": "mute",
        "on": "any",
        "when": "before",
        "skip": 0,
        "times": None,
        "seconds": None,
    }
    first = run("mock-card", "fault", "card-pulled", *FAULT_OPTIONS, "--seconds", "1.5")
    assert (first.status, first.result["faults"]) == (0, [FAULT])
    second = run("mock-card", "fault", "mute", "--always", "--before")
    assert second.result["faults"] == [FAULT, usual]
    assert run("mock-card", "fault", "--list").result == second.result
    assert run("mock-card", "show").result["faults"] == [FAULT, usual]
    assert mock_card.faults() == (Fault(**FAULT), Fault(**usual))
    cleared = {"inserted": True, "faults": []}
    assert run("mock-card", "fault", "--clear").result == cleared
    assert run("mock-card", "fault", "--list").result == cleared


def test_the_card_is_pulled_and_put_in_by_hand(
    run: Run, mock_card: MockCardState
) -> None:
    for option, inserted in (("--pull", False), ("--list", False), ("--insert", True)):
        outcome = run("mock-card", "fault", option)
        assert (outcome.status, outcome.result["inserted"]) == (0, inserted)
        assert mock_card.presence().card is inserted


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ([], 2),
        (["mute", "--list"], 2),
        (["--pull", "--insert"], 2),
        (["unplugged"], 2),
        (["mute", "--on", "login"], 2),
        (["mute", "--times", "0"], 2),
        (["mute", "--seconds", "nan"], 1),
        (["garbled", "--seconds", "1"], 1),
    ],
)
def test_a_fault_that_can_not_be_is_refused_and_not_set(
    run: Run, mock_card: MockCardState, arguments: list[str], status: int
) -> None:
    outcome = run("mock-card", "fault", *arguments)
    assert (outcome.status, outcome.error) == (status, "INVALID_ARGUMENT")
    assert mock_card.faults() == ()


@pytest.mark.parametrize(
    ("arguments", "values"),
    [(["?"], list(FaultName)), (["mute", "--on", "?"], list(CommandName))],
)
def test_every_fault_and_command_can_be_named(
    run: Run, arguments: list[str], values: list[str]
) -> None:
    words = run("mock-card", "fault", *arguments).words
    assert all(f"'{value}'" in words for value in values)


def test_a_host_that_runs_takes_a_fault_at_its_next_command(
    run: Run, mock_card: MockCardState
) -> None:
    run("mock-card", "fault", "6F00", "--on", "verify", "--after")
    identify = ["identify", "--origin", ORIGIN, "--nonce", NONCE]
    options = ["--prompt", "automatic", "--card", "mock"]
    outcome = run(*identify, *options)
    assert (outcome.status, outcome.error) == (1, "CARD_ERROR")
    assert "6F00" in outcome.result["error"]["message"]
    assert mock_card.faults() == ()
    assert run(*identify, *options).status == 0


@pytest.mark.parametrize("profile", ["v5", "v4.2"])
def test_a_new_mock_card_is_made_and_shown(run: Run, home: Path, profile: str) -> None:
    made = run("mock-card", "new", "--profile", profile, "--state", "active")
    assert made.status == 0
    assert made.result["profile"] == profile
    assert made.result["satu"] == "99955512B"
    assert made.result["folder"] == str(home / ".local/share/kortilla/mock-card")
    shown = run("mock-card", "show")
    assert shown.status == 0
    assert shown.result == made.result


def test_what_is_shown_of_a_mock_card_holds_no_pin(
    run: Run, mock_card: MockCardState
) -> None:
    with mock_card.update() as data:
        data.pin1.value = "73915"
    for json_wanted in (True, False):
        outcome = run("mock-card", "show", json=json_wanted)
        assert "73915" not in "\n".join([*outcome.lines, outcome.words])


def test_a_mock_card_is_not_thrown_away_unless_told_to(
    run: Run, mock_card: MockCardState
) -> None:
    before = mock_card.read()
    outcome = run("mock-card", "new")
    assert (outcome.status, outcome.error) == (1, "INVALID_ARGUMENT")
    assert mock_card.read() == before
    assert run("mock-card", "new", "--force").status == 0
    assert mock_card.read() != before


@pytest.mark.parametrize(
    "command", [["show"], ["serve"], ["fault", "mute"]], ids=lambda c: c[0]
)
def test_without_a_mock_card_the_file_is_named(
    run: Run, home: Path, command: list[str]
) -> None:
    outcome = run("mock-card", *command)
    assert (outcome.status, outcome.error) == (1, "MOCK_CARD_BROKEN")
    assert str(home) in outcome.result["error"]["message"]


def test_serving_needs_a_virtual_reader(run: Run, mock_card: MockCardState) -> None:
    assert mock_card.folder.is_dir()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    outcome = run("mock-card", "serve", "--port", str(port))
    assert (outcome.status, outcome.error) == (1, "PCSC_UNAVAILABLE")


@pytest.mark.parametrize("ending", ["Ctrl-C", "the reader goes away"])
def test_a_mock_card_is_served_to_the_virtual_reader_until_it_is_taken_out(
    mock_card: MockCardState, ending: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with commands.running(*SERVE, "--port", str(port)) as process:
            listener.settimeout(patience())
            reader, _ = listener.accept()
            with reader:
                reader.sendall(b"\x00\x01\x04")  # the command for the ATR
                frame = reader.makefile("rb").read(2 + len(mock_card.profile.atr))
                assert frame[2:] == mock_card.profile.atr
                assert json.loads(process.stdout.readline())["port"] == port
                if ending == "Ctrl-C":
                    process.send_signal(signal.SIGINT)
                    assert process.wait(timeout=patience()) == 0
            ended = commands.end(process)
    if ending == "Ctrl-C":
        assert ended.stdout == ""
    else:
        assert ended.returncode == 1
        assert json.loads(ended.stdout)["error"]["code"] == "PCSC_UNAVAILABLE"
