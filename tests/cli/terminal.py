# SPDX-License-Identifier: MIT
"""A terminal in which a command runs."""

import os
import pty
import select
import signal
import sys
import termios
import threading
from collections.abc import Sequence
from typing import Any

from tests.cli.conftest import Outcome
from tests.support import commands, warm
from tests.support.commands import KORTILLA
from tests.support.patience import patience

__all__ = ["KORTILLA", "Terminal"]

_PYTHON = (sys.executable, "-I", "-c")


class Terminal:
    """A command that runs with its output and its user on a terminal.

    It is a command of Kortilla's or Python code, also after env(1) and variables. Its
    process has all imports done.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._master, self._slave = pty.openpty()
        #: The terminal's settings before the command began.
        self.first_settings = self.settings
        self._seen = b""
        self._over = threading.Event()
        self._process: warm.WarmProcess
        environment, words = _without_env(command)
        if tuple(words[: len(KORTILLA)]) == KORTILLA:
            self._process = commands.begin(
                *(*words[len(KORTILLA) :], "--json"),
                environment=environment,
                terminal=self._slave,
            )
        else:
            assert tuple(words[: len(_PYTHON)]) == _PYTHON
            code, *arguments = words[len(_PYTHON) :]
            self._process = warm.start(
                code, arguments, environment, terminal=self._slave
            )

    def wait_for(self, words: str) -> None:
        """Read until the terminal shows these words."""
        while words.encode() not in self._seen:
            self._seen += os.read(self._master, 4096)
        self._seen = self._seen.split(words.encode(), 1)[1]

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the command."""
        self._process.send_signal(number)

    @property
    def settings(self) -> list[Any]:
        """The terminal's settings."""
        return termios.tcgetattr(self._slave)

    @property
    def echoes(self) -> bool:
        """Whether the terminal echoes typed characters."""
        return bool(self.settings[3] & termios.ECHO)

    def end(self) -> Outcome:
        """Wait until the command ends; the words are its output since the last read."""
        reading = threading.Thread(target=self._read_on, daemon=True)
        reading.start()
        out = self._process.stdout.read()
        status = self._process.wait(patience())
        self._over.set()
        reading.join()
        return Outcome(status, out.decode().splitlines(), self._seen.decode())

    def _read_on(self) -> None:
        # This process has the terminal open as well, so the read never reaches its end.
        while True:
            over = self._over.is_set()
            if select.select([self._master], [], [], 0 if over else 0.05)[0]:
                self._seen += os.read(self._master, 4096)
            elif over:
                return

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            stream.close()
        os.close(self._slave)
        os.close(self._master)


def _without_env(command: Sequence[str]) -> tuple[dict[str, str], Sequence[str]]:
    """Return the environment that a command gets, and the command without env(1)."""
    environment = dict(os.environ)
    while command[0] == "env":
        command = command[1:]
        while "=" in command[0]:
            name, _, value = command[0].partition("=")
            environment[name] = value
            command = command[1:]
    return environment, command
