# SPDX-License-Identifier: MIT
"""A program that asks at a real terminal, and the input of a person or a program."""

import os
import pickle
import subprocess
import sys
from typing import Any

from native_host.pin_prompt.model import Conversation
from tests.support import terminal, warm

#: Makes calls of a prompt as the host does. Prints the answers, or the error's code.
PROGRAM = """
import asyncio, pickle, signal, sys
from native_host.errors import KortillaError
from native_host.pin_prompt.model import CanQuestion, CardQuestion
from native_host.pin_prompt.model import CodesQuestion, PinQuestion
from native_host.pin_prompt.prompt import DeclinedError
from native_host.pin_prompt.terminal import TerminalPrompt

def said(question, answer):
    match question:
        case PinQuestion() | CanQuestion():
            return answer.digits.decode()
        case CodesQuestion():
            codes = answer.codes.items()
            return " ".join(f"{name} {code.decode()}" for name, code in codes)
        case CardQuestion():
            return answer.index
    return "agreed"

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
                question = arguments[0] if arguments else None
                print(said(question, await answer), flush=True)
    except KortillaError as error:
        declined = isinstance(error, DeclinedError)
        print("declined" if declined else error.code, flush=True)
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


class Terminal(terminal.Terminal):
    """A program that asks at a terminal."""

    def __init__(self, words: str, *, separate_errors: bool = False) -> None:
        super().__init__()
        if separate_errors:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-c", PROGRAM, words],
                stdin=self._theirs,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        else:
            self.process = warm.start(
                PROGRAM, [words], os.environ, terminal=self._theirs
            )

    def result(self) -> str:
        """Wait until the program exits, and return its standard output."""
        _, out, _ = self.end()
        return out.strip()
