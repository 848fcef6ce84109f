# SPDX-License-Identifier: MIT
"""The end of input ends everything soon; standard output holds only frames."""

import signal
from pathlib import Path

import pytest

from kortilla.mock_card.folder import locked
from tests.host.conftest import MOCK_FOLDER
from tests.host.process import HostProcess, Script, running
from tests.host.signing import card_of, sign_documents
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


def end(host: HostProcess, how: str) -> None:
    """See that the host ends in time at the end of input or at SIGTERM."""
    if how == "SIGTERM":
        host.process.send_signal(signal.SIGTERM)
    else:
        host.end_input()
    assert host.wait(patience(KILLED_AFTER)) == 0


@pytest.mark.parametrize("how", ["end of input", "SIGTERM"])
@pytest.mark.parametrize("when", ["window open", "asked for a PIN"])
def test_the_end_of_input_closes_the_window_and_ends_the_host(
    home: Path, window: dict[str, str], when: str, how: str
) -> None:
    script = Script(home, "wait")
    with script.running(window, anew=when == "window open") as host:
        host.begin_login()
        assert host.receive() == {"id": "1", "progress": "window-open"}
        if when == "asked for a PIN":
            host.until(script.questions)
        end(host, how)
    assert script.told()[-1]["type"] in {"close", "gone"}
    assert card_of(home).pin1.tries == 5


@pytest.mark.parametrize("how", ["end of input", "SIGTERM"])
def test_a_card_that_another_program_holds_does_not_keep_the_host(
    home: Path, window: dict[str, str], how: str
) -> None:
    script = Script(home)
    with (
        locked(home / MOCK_FOLDER / "session.lock"),
        script.running(window, anew=how == "end of input") as host,
    ):
        host.begin_login()
        host.until(lambda: script.told()[-1:] and script.told()[-1]["type"] == "show")
        end(host, how)


def test_what_a_library_or_child_prints_or_reads_is_kept_from_the_browser(
    automatic: dict[str, str],
) -> None:
    with running(automatic, prelude=STRAY) as host:
        assert "result" in host.authenticate()
        assert host.end().count("stray") == 2
        assert host.receive() is None


@pytest.mark.parametrize("pin", ["1234", "123456"])
def test_no_log_holds_a_pin_a_name_a_document_or_the_environment(
    home: Path, window: dict[str, str], pin: str
) -> None:
    script = Script(home, "90817263", pin)
    environment = {**window, "KORTILLA_LOG": "traffic", "SECRET_OF_SHELL": "hush"}
    with script.running(environment) as host:
        if pin == "1234":
            made = host.authenticate()["result"]["unverifiedCertificate"]
        else:
            document = {"secret plan": b"the secret contents"}
            made = sign_documents(host, document)["result"]["certificate"]
        log = host.end().lower()
    assert log
    words = ["90817263", "secret", "SPECIMEN", pin + "\0"]
    satu = script.questions()[0]["satu"]
    for secret in (*words, satu, made[:40], "hush"):
        assert secret.lower() not in log
        assert secret.encode().hex() not in log


def test_a_host_without_a_reader_of_its_output_ends_by_itself(
    automatic: dict[str, str],
) -> None:
    with running(automatic, anew=True) as host:
        assert host.process.stdout
        host.process.stdout.close()
        host.send({"id": "1", "command": "prepare"})
        host.end()
