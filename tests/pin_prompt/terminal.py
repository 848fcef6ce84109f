# SPDX-License-Identifier: MIT
"""A program that asks at a real terminal, and the input of a person or a program."""

import contextlib
import os
import pickle
import pty
import select
import subprocess
import sys
import termios
from typing import Any

from native_host.pin_prompt.model import Conversation
from tests.support import warm
from tests.support.patience import patience

#: Makes calls of a prompt as the host does. Prints the answers, or the error's code.
PROGRAM = """
import asyncio, pickle, signal, sys
from native_host.errors import KortillaError
from native_host.pin_prompt.terminal import TerminalPrompt

def said(answer):
    if isinstance(answer, dict):
        return " ".join(f"{name} {code.decode()}" for name, code in answer.items())
    if isinstance(answer, bytearray):
        return answer.decode()
    return "agreed" if answer is None else answer

async def main(conversation, calls, close_after):
    prompt, loop = TerminalPrompt(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, prompt.show_caller_timeout)
    if close_after:
        loop.call_later(close_after, lambda: loop.create_task(prompt.close()))
    try:
        await prompt.open(conversation)
        for name, arguments, named in calls:
            answer = getattr(prompt, name)(*arguments, **named)
            if asyncio.iscoroutine(answer):
                print(said(await answer), flush=True)
    except KortillaError as error:
        print(error.code, flush=True)
    finally:
        await prompt.close()

asyncio.run(main(*pickle.loads(bytes.fromhex(sys.argv[1]))))
"""
#: A method of a prompt and its arguments.
Call = tuple[str, tuple[Any, ...], dict[str, Any]]


def call(name: str, *arguments: Any, **named: Any) -> Call:
    """Return a call for the program."""
    return name, arguments, named


def command(conversation: Conversation, *calls: Call, close_after: float = 0) -> str:
    """Return the argument of the program."""
    return pickle.dumps((conversation, calls, close_after)).hex()


class Terminal:
    """A program that asks at a terminal, and the terminal's content."""

    def __init__(self, words: str, *, separate_errors: bool = False) -> None:
        self.ours, self.theirs = pty.openpty()
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
        while words not in self._come:
            assert select.select([self.ours], [], [], patience())[0], self._come
            self._come += os.read(self.ours, 4096).decode()
        before, _, self._come = self._come.partition(words)
        self.seen += before.replace("\r\n", "\n") + words

    def send(self, text: str) -> None:
        """Type into the terminal."""
        os.write(self.ours, text.encode())

    def answer(self, *pairs: tuple[str, str]) -> None:
        """Wait for the last words of each question, and type the answer."""
        for question, answer in pairs:
            self.expect(question)
            self.send(f"{answer}\n")

    @property
    def echoes(self) -> bool:
        """Whether the terminal echoes typed characters."""
        return bool(termios.tcgetattr(self.theirs)[3] & termios.ECHO)

    def result(self) -> str:
        """Wait until the program exits, and return its standard output."""
        assert self.process.stdout
        out = self.process.stdout.read()
        self.process.wait(patience())
        os.set_blocking(self.ours, False)
        rest = b""
        with contextlib.suppress(BlockingIOError):
            while part := os.read(self.ours, 65536):  # a terminal delivers it in parts
                rest += part
        self.seen += self._come + rest.decode()
        return out.decode().strip()

    def close(self) -> None:
        """Close the terminal."""
        self.process.kill()
        self.process.wait(patience())
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        os.close(self.ours)
        os.close(self.theirs)
