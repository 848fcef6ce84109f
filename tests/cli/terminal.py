# SPDX-License-Identifier: MIT
"""The terminal that a command is started in."""

import contextlib
import os
import pty
import select
import subprocess
from collections.abc import Sequence

from .conftest import Outcome

__all__ = ["Terminal"]


class Terminal:
    """A command with its words and its person on a terminal."""

    def __init__(self, command: Sequence[str]) -> None:
        self._master, slave = pty.openpty()
        self._seen = b""
        self._process = subprocess.Popen(
            ["setsid", "--ctty", *command],  # so that Ctrl-C reaches it
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=slave,
        )
        os.close(slave)

    def wait_for(self, words: str) -> None:
        """Read what the terminal shows until it holds these words."""
        while words.encode() not in self._seen:
            self._seen += os.read(self._master, 4096)
        self._seen = self._seen.split(words.encode(), 1)[1]

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def end(self) -> Outcome:
        """Wait for the command's end; the words are what it has shown since."""
        with contextlib.suppress(OSError):  # nobody has the terminal open any more
            while select.select([self._master], [], [], 30)[0]:
                self._seen += os.read(self._master, 4096)
        out, _ = self._process.communicate(timeout=30)
        shown = self._seen.decode()
        return Outcome(self._process.returncode, out.decode().splitlines(), shown)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        os.close(self._master)
