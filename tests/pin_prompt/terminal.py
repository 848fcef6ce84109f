# SPDX-License-Identifier: MIT
"""A program that asks at a real terminal, and the input of a person or a program."""

import contextlib
import json
import os
import pty
import subprocess
import sys
import termios
import time
from typing import Any

from tests.support import warm
from tests.support.patience import patience

#: Asks as the host does; prints the PIN or the error's code on standard output.
PROGRAM = """
import asyncio, json, signal, sys
from dataclasses import replace
from native_host.errors import KortillaError
from native_host.pin_prompt.model import (
    CardChoice, CodeField, CodesQuestion, ConsentQuestion, Conversation, Document,
    OtherCardQuestion, PinQuestion, Problem, Step
)
from native_host.pin_prompt.terminal import TerminalPrompt

async def main(operation, origin, language, started, close_after, **asked):
    prompt = TerminalPrompt()
    who = {"name": "SPECIMEN-POHJALAINEN Aino", "satu": "99902038C"}
    try:
        test_card = not asked.get("test_card")
        program = asked.pop("program", "")
        conversation = Conversation(operation, origin, language, test_card)
        caller = asked.pop("caller", "")
        await prompt.open(replace(conversation, program=program, caller=caller))
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, prompt.show_caller_timeout)
        if started:
            await prompt.ask_started()
        prompt.show(Step.READING)
        prompt.show(Step.READING)
        if close_after:
            loop.call_later(close_after, lambda: loop.create_task(prompt.close()))
        if cards := asked.pop("cards", None):
            choices = [CardChoice(*card) for card in cards]
            print(await prompt.choose_card(choices), flush=True)
            return
        if before := asked.pop("before", None):
            other = OtherCardQuestion(before, True, "SPECIMEN Reader 2", **who)
            await prompt.confirm_other_card(other)
        if operation == "signing-certificate":
            await prompt.ask_consent(ConsentQuestion(**who))
            print("agreed", flush=True)
            return
        if offer := asked.pop("offer", None):
            await prompt.offer_activation(partly=offer == "partly")
            print("agreed", flush=True)
            return
        if fields := asked.pop("fields", None):
            fields = tuple(CodeField(name, tuple(lengths)) for name, lengths in fields)
            question = CodesQuestion(asked.pop("managing"), fields, **who, **asked)
            for name, code in (await prompt.ask_codes(question)).items():
                print(name, bytes(code).decode(), flush=True)
            prompt.show(Step.SIGNING)
            prompt.show(Step.DONE)
            return
        documents = tuple(Document(*d) for d in asked.pop("documents", ()))
        lengths = {"min_length": 4, "max_length": 12}
        role = "PIN2" if operation == "sign" else "PIN1"
        question = PinQuestion(role, **who, documents=documents, **lengths | asked)
        pin = await prompt.ask_pin(question)
        print(bytes(pin).decode(), flush=True)
        if program:
            prompt.show(Step.READY)
            return
        prompt.show(Step.FAILED, Problem("SIGNING_INTERRUPTED", "1/2"))
        await prompt.wait_for_cancel()
    except KortillaError as error:
        print(error.code, flush=True)
    finally:
        await prompt.close()

asyncio.run(main(**json.loads(sys.argv[1])))
"""

#: The default question.
ASKED: dict[str, Any] = {
    "operation": "authenticate",
    "origin": "https://login.service.example",
    "language": "en",
    "started": False,
    "close_after": 0,
    "tries_left": 5,
}


class Terminal:
    """A program that asks at a terminal, and the terminal's content."""

    def __init__(self, *, separate_errors: bool = False, **asked: Any) -> None:
        self.ours, self.theirs = pty.openpty()
        words = json.dumps(ASKED | asked)
        self.process: subprocess.Popen[bytes] | warm.WarmProcess
        if separate_errors:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-c", PROGRAM, words],
                stdin=self.theirs,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        else:
            self.process = warm.start(
                PROGRAM, [words], os.environ, terminal=self.theirs
            )
        self.seen = ""
        self._come = ""

    def expect(self, words: str) -> None:
        """Read until these words appear; ``seen`` is everything up to them."""
        end = time.monotonic() + 20
        while words not in self._come:
            assert time.monotonic() < end, self._come
            self._come += os.read(self.ours, 4096).decode()
        before, _, self._come = self._come.partition(words)
        self.seen += before + words

    def send(self, text: str) -> None:
        """Type into the terminal."""
        os.write(self.ours, text.encode())

    @property
    def echoes(self) -> bool:
        """Whether the terminal echoes typed characters."""
        return bool(termios.tcgetattr(self.theirs)[3] & termios.ECHO)

    def result(self) -> str:
        """Wait until the program exits, and return its standard output."""
        out = self.output()
        os.set_blocking(self.ours, False)
        rest = b""
        with contextlib.suppress(BlockingIOError):
            while part := os.read(self.ours, 65536):  # a terminal delivers it in parts
                rest += part
        self._come += rest.decode()
        self.seen += self._come
        return out.decode().strip()

    def output(self) -> bytes:
        """Wait until the program exits, and return its standard output as it is."""
        assert self.process.stdout
        out = self.process.stdout.read()
        self.process.wait(patience())
        return out

    def close(self) -> None:
        """Close the terminal."""
        self.process.kill()
        self.process.wait(patience())
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        os.close(self.ours)
        os.close(self.theirs)


def at(terminals: list[Terminal], **asked: Any) -> Terminal:
    terminals.append(Terminal(**asked))
    return terminals[-1]
