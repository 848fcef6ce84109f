# SPDX-License-Identifier: MIT
"""The terminal prompt, driven over a real terminal by what a program would send."""

import asyncio
import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from typing import Any

import pytest

from native_host.pin_prompt.prompt import PromptFailed
from native_host.pin_prompt.terminal import TerminalPrompt

from .conftest import a_conversation

#: Asks as the host does; prints the PIN or the error's code on standard output.
PROGRAM = """
import asyncio, json, sys
from native_host.errors import KortillaError
from native_host.pin_prompt.prompt import Conversation, PinQuestion, Problem, Step
from native_host.pin_prompt.terminal import TerminalPrompt

async def main(origin, language, started, close_after, **asked):
    prompt = TerminalPrompt()
    try:
        await prompt.open(Conversation("authenticate", origin, language, True))
        if started:
            await prompt.ask_started()
        prompt.show(Step.READING)
        prompt.show(Step.READING)
        if close_after:
            loop = asyncio.get_running_loop()
            loop.call_later(close_after, lambda: loop.create_task(prompt.close()))
        who = {"name": "SPECIMEN-POHJALAINEN Aino", "satu": "99902038C"}
        pin = await prompt.ask_pin(PinQuestion("PIN1", **who, **asked))
        print(bytes(pin).decode(), flush=True)
    except KortillaError as error:
        print(error.code, flush=True)
    finally:
        await prompt.close()

asyncio.run(main(**json.loads(sys.argv[1])))
"""

#: What is asked when a test does not say otherwise.
ASKED: dict[str, Any] = {
    "origin": "https://login.service.example",
    "language": "en",
    "started": False,
    "close_after": 0,
    "tries_left": 5,
}


class Terminal:
    """A program that asks at a terminal, and what stands on it."""

    def __init__(self, *, separate_errors: bool = False, **asked: Any) -> None:
        self.ours, self.theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-c", PROGRAM, json.dumps(ASKED | asked)],
            stdin=self.theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if separate_errors else self.theirs,
            start_new_session=True,
        )
        self.seen = ""
        self._come = ""

    def expect(self, words: str) -> None:
        """Read until these words have come; ``seen`` is all up to there."""
        end = time.monotonic() + 20
        while words not in self._come:
            assert time.monotonic() < end, self._come
            self._come += os.read(self.ours, 4096).decode()
        before, _, self._come = self._come.partition(words)
        self.seen += before + words

    def send(self, text: str) -> None:
        """Type."""
        os.write(self.ours, text.encode())

    @property
    def echoes(self) -> bool:
        """Whether what is typed shows."""
        return bool(termios.tcgetattr(self.theirs)[3] & termios.ECHO)

    def result(self) -> str:
        """Wait for the program's end and return what it printed."""
        out, _ = self.process.communicate(timeout=20)
        os.set_blocking(self.ours, False)
        with contextlib.suppress(BlockingIOError):
            self._come += os.read(self.ours, 65536).decode()
        self.seen += self._come
        return out.decode().strip()

    def close(self) -> None:
        """Put the terminal away."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        os.close(self.ours)
        os.close(self.theirs)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """Terminals to be put away after the test."""
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def at(terminals: list[Terminal], **asked: Any) -> Terminal:
    terminals.append(Terminal(**asked))
    return terminals[-1]


def test_a_program_waits_for_pin1_and_sends_the_digits(
    terminals: list[Terminal],
) -> None:
    terminal = at(terminals)
    terminal.expect("PIN1")
    assert not terminal.echoes
    terminal.send("1234\n")
    assert terminal.result() == "1234"
    assert terminal.echoes
    assert "1234" not in terminal.seen


def test_whom_what_and_to_whom_stand_before_the_question(
    terminals: list[Terminal],
) -> None:
    terminal = at(terminals, origin="https://www.xn--mller-kva.example", language="fi")
    terminal.expect("PIN1")
    for shown in (
        "*** TESTIKORTTI ***",
        "https://www.xn--mller-kva.example",
        "www.müller.example",
        "SPECIMEN-POHJALAINEN Aino",
        "99902038C",
        "Tunnistautumalla luovutat nimesi ja sähköisen asiointitunnuksesi palvelulle.",
    ):
        assert shown in terminal.seen
    assert terminal.seen.count("Korttia luetaan") == 1
    terminal.send("\n")
    assert terminal.result() == "USER_CANCELLED"


@pytest.mark.parametrize("answer", ["\n", "\x04"])
def test_an_empty_answer_cancels(terminals: list[Terminal], answer: str) -> None:
    terminal = at(terminals)
    terminal.expect("PIN1")
    terminal.send(answer)
    assert terminal.result() == "USER_CANCELLED"


def test_what_is_no_pin_is_asked_again(terminals: list[Terminal]) -> None:
    terminal = at(terminals)
    terminal.expect("PIN1")
    for answer, complaint in (
        ("12", "too short"),
        ("12a4", "digits only"),
        ("1234567890123", "at most 12"),
    ):
        terminal.send(f"{answer}\n")
        terminal.expect(complaint)
        terminal.seen = ""
        terminal.expect("PIN1")
    terminal.send("1234\n")
    assert terminal.result() == "1234"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"tries_left": 3}, "You have 3 tries left."),
        ({"tries_left": 2, "wrong": True}, "The PIN was wrong."),
        ({"tries_left": 2}, "only two tries left"),
        ({"tries_left": 4, "repeated": True}, "no try was used"),
    ],
)
def test_tries_and_the_last_pin_are_told_before(
    terminals: list[Terminal], asked: dict[str, Any], said: str
) -> None:
    terminal = at(terminals, **asked)
    terminal.expect("PIN1")
    assert said in terminal.seen


@pytest.mark.parametrize(
    ("answer", "language"), [("yes", "en"), ("kyllä", "fi"), ("JA", "sv")]
)
def test_the_last_try_is_confirmed_first(
    terminals: list[Terminal], answer: str, language: str
) -> None:
    terminal = at(terminals, tries_left=1, language=language)
    terminal.expect(
        {"en": "Type yes", "fi": "Kirjoita kyllä", "sv": "Skriv ja"}[language]
    )
    assert terminal.echoes
    terminal.seen = ""
    terminal.send(f"{answer}\n")
    terminal.expect("PIN1")
    terminal.send("1234\n")
    assert terminal.result() == "1234"


@pytest.mark.parametrize("answer", ["", "no", "1234", "y"])
def test_the_last_try_is_not_spent_without_a_yes(
    terminals: list[Terminal], answer: str
) -> None:
    terminal = at(terminals, tries_left=1)
    terminal.expect("Type yes")
    terminal.send(f"{answer}\n")
    assert terminal.result() == "USER_CANCELLED"


def test_who_did_not_start_this_says_so(terminals: list[Terminal]) -> None:
    terminal = at(terminals, started=True)
    terminal.expect("Type yes")
    assert "Did you start this yourself?" in terminal.seen
    terminal.send("no\n")
    assert terminal.result() == "USER_CANCELLED"


def test_the_question_is_on_the_terminal_and_among_the_errors(
    terminals: list[Terminal],
) -> None:
    terminal = at(terminals, separate_errors=True)
    terminal.expect("PIN1")
    terminal.send("1234\n")
    out, errors = terminal.process.communicate(timeout=20)
    assert out == b"1234\n"
    assert b"PIN1" in errors


def test_ctrl_c_ends_it_and_gives_the_echo_back(terminals: list[Terminal]) -> None:
    terminal = at(terminals)
    terminal.expect("PIN1")
    terminal.process.send_signal(signal.SIGINT)
    terminal.process.communicate(timeout=20)
    assert terminal.process.returncode != 0
    assert terminal.echoes


def test_the_host_can_close_it_while_it_asks(terminals: list[Terminal]) -> None:
    terminal = at(terminals, close_after=0.01)
    assert terminal.result() == "PROMPT_FAILED"
    assert terminal.echoes


def test_without_a_terminal_it_fails_clearly() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM, json.dumps(ASKED)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == b"PROMPT_FAILED\n"


async def test_it_is_never_cancelled_but_by_ctrl_c(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = asyncio.ensure_future(TerminalPrompt().wait_for_cancel())
    done, _ = await asyncio.wait({waiting}, timeout=0)
    assert not done
    waiting.cancel()
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(PromptFailed, match="needs a terminal"):
        await TerminalPrompt().open(a_conversation())
