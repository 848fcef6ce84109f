# SPDX-License-Identifier: MIT
"""The interface for scripts and people: JSON or words, and the exit status."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from native_host import VERSION
from native_host.cli import mock_card as mock_card_command
from native_host.cli import program
from tests.cli.conftest import NONCE, ORIGIN, Run
from tests.support.patience import patience

IDENTIFY = f"identify --origin {ORIGIN} --nonce {NONCE}"


@pytest.mark.parametrize(
    "arguments",
    [
        *("", "fly", "--fly"),
        *("identify", f"identify --origin {ORIGIN}", f"{IDENTIFY} --card paper"),
        *(f"{IDENTIFY} --prompt voice", f"{IDENTIFY} --fly"),
        *("sign", f"sign --origin {ORIGIN}"),
        *("card", "card eat", "card activate 1234567", "card activate --code 1234567"),
        *("card change-pin", "card change-pin puk"),
        *("card unblock", "card unblock pin1 12345678"),
        *("agent now", "open --card paper"),
        *("mock-card new --profile v3", "mock-card new --state lost"),
        "mock-card serve --port 0",
        *("doctor --yes", "doctor --card paper", "doctor --fix --card-report x"),
        "install --browser lynx",
        *("pkcs11 --fly", "pkcs11 fly", "pkcs11 --listen status"),
        *("pkcs11 enable --browser lynx", "pkcs11 prepare --browser all"),
        *("demo --browser lynx", "demo --card pcsc --headless", "demo --card pcsc"),
        "demo --trust .",
    ],
)
def test_wrong_usage_is_status_2(run: Run, home: Path, arguments: str) -> None:
    outcome = run(*arguments.split())
    assert outcome.status == 2
    assert outcome.error == "INVALID_ARGUMENT"
    assert "Usage: kortilla" in outcome.words
    assert list(home.iterdir()) == []


def test_the_version_is_the_packages(run: Run) -> None:
    assert run("--version", json=False).lines == [VERSION]


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys; from native_host.cli import main; main(['--help']);"
        "sys.exit(' '.join({'aiohttp', 'cryptography', 'playwright', 'pydantic',"
        "'PySide6', 'smartcard'} & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-I", "-c", script], check=True, timeout=patience())


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("colour = 'red'", "'colour'"),
        ("card = 'paper'", "'card'"),
        ("allow_localhost = 1", "'allow_localhost'"),
        ("card", "is not TOML"),
    ],
)
@pytest.mark.parametrize("command", [IDENTIFY, "card status", "install"])
def test_a_broken_configuration_is_named(
    run: Run,
    configure: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    text: str,
    named: str,
) -> None:
    path = configure(text)
    outcome = run(*command.split())
    assert outcome.status == 1
    assert outcome.error == "CONFIG_BROKEN"
    message = outcome.result["error"]["message"]
    assert str(path) in message
    assert named in message
    assert message in outcome.words
    # One that is named must be there.
    monkeypatch.setenv("KORTILLA_CONFIG", "/nowhere/config.toml")
    assert run(*command.split()).error == "CONFIG_BROKEN"


def test_a_token_without_its_configuration_says_so_in_the_log_of_the_browser(
    run: Run, configure: Callable[[str], Path]
) -> None:
    path = configure("card = 'paper'")
    outcome = run("pkcs11", json=False)
    assert outcome.status == 1
    assert f"{path}: the key 'card'" in outcome.words


def test_a_person_gets_words_alone(run: Run, home: Path) -> None:
    for status, command in ((1, "serve"), (2, "eat")):
        outcome = run("mock-card", command, json=False)
        assert outcome.status == status
        assert str(home) in outcome.words or "No such command" in outcome.words
        assert "{" not in outcome.words
    # These are for scripts, and need no option.
    for command in ("identify", "sign"):
        outcome = run(command, "--origin", "http://service.example", json=False)
        assert outcome.error == "INVALID_ARGUMENT"


def test_a_fault_of_ours_is_an_error_too_and_tells_no_values(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**options: object) -> None:
        raise ValueError(f"{options} and a secret")

    monkeypatch.setattr(mock_card_command.new, "callback", fail)
    outcome = run("mock-card", "new")
    assert outcome.status == 1
    assert outcome.result == {
        "error": {"code": "INTERNAL", "message": "This should not happen: ValueError."}
    }


def test_every_command_explains_itself(run: Run) -> None:
    def walk(command: click.Command, path: list[str]) -> None:
        outcome = run(*path, "--help", json=False)
        assert outcome.status == 0
        assert command.help
        # Click cuts a description that does not fit into a terminal's line.
        assert not [each for each in outcome.lines[1:] if each.endswith("...")]
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                assert any(each.startswith(f"  {name} ") for each in outcome.lines)
                below = command.get_command(context, name)
                assert below is not None
                walk(below, [*path, name])

    walk(program._kortilla, [])


def test_the_installed_program_is_the_same() -> None:
    finished = subprocess.run(
        [Path(sys.executable).with_name("kortilla"), "fly", "--json"],
        capture_output=True,
        check=False,
        timeout=patience(),
    )
    assert finished.returncode == 2
    assert json.loads(finished.stdout)["error"]["code"] == "INVALID_ARGUMENT"
