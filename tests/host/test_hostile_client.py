# SPDX-License-Identifier: MIT
"""The host survives messages that no browser sends, and exits properly."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.host.process import ORIGIN, make_environment, own_arguments, running
from tests.host.signing import announced, left_behind, signing
from tests.host.test_own_protocol import Script, off

#: A window that survives the end of its input and SIGTERM, and whose child holds its
#: pipe too.
DEAF = """#!/bin/sh
echo $$ > "$0.pid"
trap '' TERM
read line
echo '{"type": "visible"}'
while :; do sleep 1; done
"""


@pytest.mark.parametrize("command", [[], {}, 1, None, "\ud800"])
def test_a_command_that_is_no_text_is_answered_and_the_end_still_heard(
    automatic: dict[str, str], command: object
) -> None:
    with running(automatic) as host:
        host.send({"id": "1", "command": command})
        assert host.answer()["error"]["code"] == "INVALID_ARGUMENT"
        assert "result" in host.ask("prepare")
        host.end_input()
        assert host.wait() == 0
        assert host.log() == ""


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("prepare", {}),
        ("authenticate", own_arguments()),
        ("get-signing-certificate", {"origin": ORIGIN, "userActivation": True}),
        ("sign", signing(documents=announced({"a": b"abc"}))["arguments"]),
    ],
)
def test_a_window_that_can_not_be_started_is_said(
    home: Path, window: dict[str, str], command: str, arguments: dict[str, object]
) -> None:
    with running(window, prompt_command=[str(home / "missing")]) as host:
        for _ in range(2):
            error = host.ask(command, **arguments)["error"]
            assert error["code"] == "PROMPT_FAILED"
            assert left_behind(window) == []
        host.end_input()
        assert host.wait() == 0
        assert host.log() == ""


@pytest.mark.parametrize("config", ["card = " + "9" * 5000, "card = " + "[" * 5000])
def test_a_configuration_that_overwhelms_its_parser_is_answered_by_name(
    home: Path, config: str
) -> None:
    environment = make_environment(home, config)
    with running(environment) as host:
        error = host.authenticate()["error"]
        assert error["code"] == "CONFIG_BROKEN"
        assert environment["KORTILLA_CONFIG"] in error["message"]
        host.end_input()
        assert host.wait() == 0
        assert host.log() == ""


@pytest.mark.parametrize(
    "commands",
    [["expire", "cancel"], ["cancel", "expire"], ["expire"] * 3 + ["cancel"]],
)
def test_an_expired_request_can_still_be_called_off_at_once(
    home: Path, window: dict[str, str], commands: list[str]
) -> None:
    script = Script(home, "wait", "wait")
    with running(window, prompt_command=script.command) as host:
        host.begin_login()
        host.until(script.questions)
        for command in commands:
            host.send(off(command))
        assert host.answer()["error"]["code"] == "REQUEST_CANCELLED"
        host.begin_login("2")
        assert host.receive() == {"id": "2", "progress": "window-open"}


@pytest.mark.parametrize(
    "commands", [["cancel"] * 20, ["expire"], ["expire", "cancel"]]
)
def test_a_window_that_clings_is_gone_however_often_it_is_called_off(
    home: Path, window: dict[str, str], commands: list[str]
) -> None:
    deaf = home / "deaf"
    deaf.write_text(DEAF)
    deaf.chmod(0o700)
    with running(window, prompt_command=[str(deaf)]) as host:
        host.begin_login()
        assert host.receive() == {"id": "1", "progress": "window-open"}
        for command in commands:
            host.send(off(command))
        host.end_input()
        assert host.wait() == 0
        answer: dict[str, Any] = host.answer()
    assert answer["error"]["code"] == "REQUEST_CANCELLED"
    with pytest.raises(ProcessLookupError):
        os.kill(int(Path(f"{deaf}.pid").read_text()), 0)
