# SPDX-License-Identifier: MIT
"""The popup's browser has a login prepared by its own token, not another's."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.process import HostProcess, Script, running
from tests.host.test_own_page import FIREFOX_PAGE
from tests.support.patience import patience
from tests.support.token_control import TokenControl, runtime_folder

DONE: dict[str, object] = {"result": {}}


@pytest.fixture
def runtime(window: dict[str, str]) -> Iterator[Path]:
    """A run-time folder of the host without a token."""
    with runtime_folder() as folder:
        window["XDG_RUNTIME_DIR"] = str(folder)
        yield folder


def prepare(host: HostProcess) -> object:
    """Send the request; return ``{}`` or the error's code."""
    answer = host.ask("prepare-login", page=FIREFOX_PAGE)
    return answer["result"] if "result" in answer else answer["error"]["code"]


def test_the_token_of_the_nearest_program_asks_and_this_host_has_no_window(
    runtime: Path, home: Path, window: dict[str, str]
) -> None:
    script = Script(home)
    with (
        TokenControl(runtime, os.getppid(), answer=DONE, pid=1) as farther,
        TokenControl(runtime, os.getpid(), answer=DONE) as token,
        script.running(window) as host,
    ):
        assert prepare(host) == {}
        assert (token.prepared, farther.prepared) == (1, 0)
        assert prepare(host) == {}, "the port accepts further requests"
    assert script.told() == []


def test_what_stands_in_the_way_is_told(runtime: Path, window: dict[str, str]) -> None:
    with running(window) as host:
        assert prepare(host) == "PROGRAM_NOT_RUNNING"
        # This token belongs to another program, whose login must not be prepared.
        with TokenControl(runtime, host.process.pid, answer=DONE) as other:
            assert prepare(host) == "PROGRAM_NOT_RUNNING"
        assert other.prepared == 0
        for code in ("USER_CANCELLED", "PIN_BLOCKED", "PIN_PAD_ONLY"):
            answer = {"error": {"code": code, "message": "It did not work."}}
            with TokenControl(runtime, os.getpid(), answer=answer):
                assert prepare(host) == code


def test_whoever_closes_the_browser_is_not_asked_any_longer(
    runtime: Path, window: dict[str, str]
) -> None:
    with (
        TokenControl(runtime, os.getpid(), answer=None) as token,
        running(window) as host,
    ):
        asked = {"command": "prepare-login", "arguments": {"page": FIREFOX_PAGE}}
        host.send({"id": "a", **asked})
        assert token.begun.wait(patience())
        assert prepare(host) == "BUSY"
        host.end_input()
        assert host.wait() == 0
        assert token.left.wait(patience())
    assert token.prepared == 1
