# SPDX-License-Identifier: MIT
"""The end of input ends everything soon; standard output holds only frames."""

import signal
from pathlib import Path

import pytest

from kortilla.mock_card.folder import locked
from tests.host.conftest import MOCK_FOLDER
from tests.host.process import running
from tests.host.test_own_protocol import Script, tries
from tests.support.patience import patience

#: Chromium kills the host this many seconds after it closes the host's input. By then
#: the window must be closed and the card reset.
KILLED_AFTER = 2.0

STRAY = """
import os, native_host.messaging.host as host
serve = host.serve
def chatty(*args, **kwargs):
    print("stray", flush=True)
    os.system("echo stray; cat")
    return serve(*args, **kwargs)
host.serve = chatty
"""


@pytest.mark.parametrize("when", ["window open", "asked for a PIN"])
def test_the_end_of_input_closes_the_window_and_ends_the_host(
    home: Path, window: dict[str, str], when: str
) -> None:
    script = Script(home, "wait")
    anew = when == "window open"
    with running(window, prompt_command=script.command, anew=anew) as host:
        host.begin_login()
        assert host.receive() == {"id": "1", "progress": "window-open"}
        if when == "asked for a PIN":
            host.until(script.questions)
        host.end_input()
        assert host.wait(patience(KILLED_AFTER)) == 0
    assert script.told()[-1]["type"] == "gone"
    assert tries(home) == 5


def test_sigterm_is_the_same_end(home: Path, window: dict[str, str]) -> None:
    script = Script(home, "wait")
    with running(window, prompt_command=script.command, anew=True) as host:
        host.begin_login()
        assert host.receive() == {"id": "1", "progress": "window-open"}
        host.process.send_signal(signal.SIGTERM)
        assert host.wait() == 0
    assert script.told()[-1]["type"] in {"close", "gone"}


@pytest.mark.parametrize("end", ["end of input", "SIGTERM"])
def test_a_card_that_another_program_holds_does_not_keep_the_host(
    home: Path, window: dict[str, str], end: str
) -> None:
    script = Script(home)
    with (
        locked(home / MOCK_FOLDER / "session.lock"),
        running(
            window, prompt_command=script.command, anew=end == "end of input"
        ) as host,
    ):
        host.begin_login()
        host.until(lambda: script.told()[-1:] and script.told()[-1]["type"] == "show")
        if end == "SIGTERM":
            host.process.send_signal(signal.SIGTERM)
        else:
            host.end_input()
        assert host.wait(patience(KILLED_AFTER)) == 0


def test_what_a_library_or_child_prints_or_reads_is_kept_from_the_browser(
    automatic: dict[str, str],
) -> None:
    with running(automatic, prelude=STRAY) as host:
        assert "result" in host.authenticate()
        host.end_input()
        assert host.wait() == 0
        assert host.receive() is None
        assert host.log().count("stray") == 2


@pytest.mark.parametrize("level", ["debug", "traffic"])
def test_no_log_holds_a_pin_a_name_or_the_environment(
    home: Path, window: dict[str, str], level: str
) -> None:
    script = Script(home, "90817263", "1234")
    environment = {**window, "KORTILLA_LOG": level, "SECRET_OF_SHELL": "hush"}
    with running(environment, prompt_command=script.command) as host:
        token = host.authenticate()["result"]
        host.end_input()
        host.wait()
        log = host.log()
    assert log
    [question, *_] = script.questions()
    for secret in (
        "90817263",
        b"90817263".hex(),
        "3132333400",
        question["satu"],
        "SPECIMEN",
        b"SPECIMEN".hex(),
        token["unverifiedCertificate"][:40],
        "hush",
    ):
        assert secret.lower() not in log.lower()


def test_a_host_without_a_reader_of_its_output_ends_by_itself(
    automatic: dict[str, str],
) -> None:
    with running(automatic, anew=True) as host:
        assert host.process.stdout
        host.process.stdout.close()
        host.send({"id": "1", "command": "prepare"})
        host.end_input()
        assert host.wait() == 0
