# SPDX-License-Identifier: MIT
"""A command with a service's name shows the name of the program that runs it."""

import contextlib
import json
import sys
from pathlib import Path

import pytest

from kortilla.mock_card.state import MockCardState
from tests.cli.conftest import NONCE, ORIGIN
from tests.cli.terminal import Terminal

#: Python that runs the program's two entry points.
KORTILLA = "from native_host.cli import main; main()"
HOST = "import sys; from native_host.__main__ import main; sys.exit(main())"

COMMANDS = {
    "identify": (KORTILLA, ["identify", "--origin", ORIGIN, "--nonce", NONCE]),
    "sign": (
        KORTILLA,
        ["sign", "--origin", ORIGIN, "--hash", "A" * 64, "--hash-function", "SHA-384"],
    ),
    "-c": (
        HOST,
        ["-c", "authenticate", json.dumps({"origin": ORIGIN, "challengeNonce": NONCE})],
    ),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_program_that_starts_a_command_is_named_before_the_service(
    mock_card: MockCardState, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    assert mock_card.read().pin1.tries == 5
    config = Path.cwd() / "config.toml"
    config.write_text('card = "mock"\nprompt = "terminal"\nlanguage = "en"\n')
    monkeypatch.setenv("KORTILLA_CONFIG", str(config))
    code, words = COMMANDS[command]
    with contextlib.closing(
        Terminal([sys.executable, "-I", "-c", code, *words])
    ) as terminal:
        terminal.wait_for("does not come from a web browser")
        terminal.wait_for(Path(sys.executable).resolve().name)
        terminal.wait_for("A program can name any service.")
        terminal.wait_for(ORIGIN)
        terminal.wait_for("PIN")
        terminal.type("\x03")
        terminal.end()
