# SPDX-License-Identifier: MIT
"""The end of input, a cancellation or a time-out ends everything soon.

No window, file or held card remains, and standard output holds only frames.
"""

import contextlib
import json
import os
import select
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from kortilla.mock_card.folder import locked
from tests.host.conftest import MOCK_FOLDER, Scripted
from tests.host.process import (
    AUTOMATIC,
    HostProcess,
    Script,
    make_environment,
    off,
    running,
)
from tests.host.signing import (
    announced,
    card_of,
    chunks,
    left_behind,
    sign_documents,
    signing,
)
from tests.support.patience import patience

#: Chromium kills the host this many seconds after it closes the host's input. By then
#: the window must be closed and the card reset.
KILLED_AFTER = 2.0

#: Bytes that a host must not take before its answers are read.
FAR_TOO_MUCH = 64 << 20

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
    if how == "SIGTERM":
        host.process.send_signal(signal.SIGTERM)
    else:
        host.end_input()
    assert host.wait(patience(KILLED_AFTER)) == 0


@pytest.mark.parametrize("how", ["end of input", "SIGTERM"])
@pytest.mark.parametrize("when", ["window open", "asked for a PIN"])
def test_the_end_of_input_closes_the_window_and_ends_the_host(
    scripted: Scripted, home: Path, when: str, how: str
) -> None:
    script = scripted("wait")
    with script.running(anew=when == "window open") as host:
        host.begin_login()
        assert host.receive() == {"id": "1", "progress": "window-open"}
        if when == "asked for a PIN":
            host.until(script.questions)
        end(host, how)
    assert script.told()[-1]["type"] in {"close", "gone"}
    assert card_of(home).pin1.tries == 5


@pytest.mark.parametrize("how", ["end of input", "SIGTERM"])
def test_a_card_that_another_program_holds_does_not_keep_the_host(
    scripted: Scripted, home: Path, how: str
) -> None:
    script = scripted()
    with (
        locked(home / MOCK_FOLDER / "session.lock"),
        script.running(anew=how == "end of input") as host,
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
    scripted: Scripted, window: dict[str, str], pin: str
) -> None:
    script = scripted("90817263", pin)
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


def test_a_browser_that_reads_nothing_fills_no_memory_and_ends_the_host(
    automatic: dict[str, str],
) -> None:
    with running(automatic, anew=True) as host:
        assert host.process.stdin
        descriptor, sent = host.process.stdin.fileno(), 0
        os.set_blocking(descriptor, False)
        request = {"id": "1", "command": "prepare", "arguments": {"x": "y" * 60_000}}
        body = json.dumps(request).encode()
        flood = memoryview((len(body).to_bytes(4, sys.byteorder) + body) * 16)
        # A host that reads on is ready for more long before this second.
        while sent < FAR_TOO_MUCH and select.select([], [descriptor], [], 1)[1]:
            sent += os.write(descriptor, flood[sent % len(flood) :])
        assert sent < FAR_TOO_MUCH
        end(host, "end of input")


DOCUMENTS = {"a": b"abc", "b": bytes(40_000)}

#: The card responds to the signature command once a test opens the pipe for writing.
SLOW_CARD = """
from pathlib import Path
from native_host.card.fineid import FineidCard
sign = FineidCard.sign
def slow(self, *arguments):
    Path({pipe!r}).read_bytes()
    return sign(self, *arguments)
FineidCard.sign = slow
"""

STAGES = ["announced", "receiving", "asked", "signing"]


class Stage:
    """Brings a signature to a stage, and releases the card that it blocks."""

    def __init__(self, home: Path, name: str) -> None:
        self.script = Script(home, "123456" if name == "signing" else "wait", "1234")
        self._name = name
        self._pipe = home / "pipe"
        self._held_up: int | None = None
        self.prelude = ""
        if name == "signing":
            os.mkfifo(self._pipe)
            self.prelude = SLOW_CARD.format(pipe=str(self._pipe))

    def running(
        self, environment: Mapping[str, str]
    ) -> contextlib.AbstractContextManager[HostProcess]:
        return self.script.running(environment, prelude=self.prelude)

    def reach(self, host: HostProcess) -> None:
        host.send(signing(documents=announced(DOCUMENTS)))
        if self._name == "announced":
            assert host.receive() == {"id": "1", "progress": "window-open"}
            return
        first, *rest = chunks(DOCUMENTS)
        host.send(first)
        while (host.receive() or {})["progress"] != "receiving":
            pass
        if self._name == "receiving":
            host.until(lambda: self.script.showed("receiving"))
            return
        for each in rest:
            host.send(each)
        if self._name == "signing":
            host.until(self._hold_up)
        else:
            host.until(self.script.questions)

    def let_go(self, host: HostProcess, window: Mapping[str, str]) -> None:
        """Let the card respond.

        Documents must be gone first: they do not wait for it.
        """
        host.until(lambda: left_behind(window) == [])
        self.end()

    def end(self) -> None:
        if self._held_up is not None:
            os.close(self._held_up)
            self._held_up = None

    def _hold_up(self) -> bool:
        """Whether the card's thread has reached the point where it is blocked."""
        with contextlib.suppress(OSError):  # nobody reads the pipe
            self._held_up = os.open(self._pipe, os.O_WRONLY | os.O_NONBLOCK)
        return self._held_up is not None


@pytest.fixture(params=STAGES)
def at(request: pytest.FixtureRequest, home: Path) -> Stage:
    return Stage(home, request.param)


def test_a_cancelled_signing_leaves_nothing_and_meanwhile_a_second_one_is_told_busy(
    home: Path, window: dict[str, str], at: Stage
) -> None:
    with at.running(window) as host:
        at.reach(host)
        host.send({**signing(documents=announced(DOCUMENTS)), "id": "2"})
        for each in chunks(DOCUMENTS):
            host.send({**each, "id": "2"})
        answer = host.answer()
        assert (answer["id"], answer["error"]["code"]) == ("2", "BUSY")
        host.send(off("cancel"))
        at.let_go(host, window)
        answer = host.answer()
        assert (answer["id"], answer["error"]["code"]) == ("1", "REQUEST_CANCELLED")
        assert at.script.told()[-1]["type"] in {"close", "gone"}
        assert left_behind(window) == []
        # The card is free for the next request.
        host.begin_login("2")
        host.until(lambda: at.script.questions()[-1:])
        host.until(lambda: at.script.questions()[-1]["role"] == "PIN1")
    assert card_of(home).pin2.tries == 5


def test_an_expired_signing_is_explained_and_keeps_no_documents(
    home: Path, window: dict[str, str], at: Stage
) -> None:
    with at.running(window) as host:
        at.reach(host)
        host.send(off("expire"))
        at.let_go(host, window)
        host.until(lambda: at.script.told()[-1].get("step") == "expired")
        assert left_behind(window) == []
        for each in chunks(DOCUMENTS):  # a page that continues to send
            host.send(each)
        host.send(off("cancel"))
        answer = host.answer()
        assert answer["error"]["code"] in {"REQUEST_CANCELLED", "REQUEST_EXPIRED"}
    assert card_of(home).pin2.tries == 5


def test_the_end_of_input_ends_a_signing_whatever_the_card_does(
    home: Path, window: dict[str, str], at: Stage
) -> None:
    with at.running(window) as host:
        at.reach(host)
        host.end_input()
        assert host.wait(KILLED_AFTER) == 0
    at.end()
    assert left_behind(window) == []
    assert card_of(home).pin2.tries == 5
    with running(make_environment(home, AUTOMATIC)) as host:
        assert "result" in sign_documents(host, DOCUMENTS)


@pytest.mark.parametrize("at", STAGES[:3], indirect=True)
def test_a_window_that_dies_ends_a_signing(window: dict[str, str], at: Stage) -> None:
    with at.running(window) as host:
        at.reach(host)
        os.kill(at.script.process(), 9)
        assert host.answer()["error"]["code"] == "PROMPT_FAILED"
        assert left_behind(window) == []


def test_a_cancellation_by_the_person_keeps_no_documents(
    scripted: Scripted, home: Path, window: dict[str, str]
) -> None:
    with scripted("999999", "cancel").running() as host:
        error = sign_documents(host, DOCUMENTS)["error"]
        assert error["code"] == "USER_CANCELLED"
        assert left_behind(window) == []
    assert card_of(home).pin2.tries == 4
