# SPDX-License-Identifier: MIT
"""A terminal in which a command runs."""

import os
import pty
import select
import subprocess
import termios
import threading
from collections.abc import Sequence
from typing import Any

from tests.cli.conftest import Outcome

__all__ = ["Terminal"]


class Terminal:
    """A command that runs with its output and its user on a terminal."""

    def __init__(self, command: Sequence[str]) -> None:
        self._master, slave = pty.openpty()
        self._slave = os.dup(slave)
        self._seen = b""
        self._over = threading.Event()
        self._process = subprocess.Popen(
            ["setsid", "--ctty", *command],  # so that Ctrl-C reaches it
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=slave,
        )
        os.close(slave)

    def wait_for(self, words: str) -> None:
        """Read until the terminal shows these words."""
        while words.encode() not in self._seen:
            self._seen += os.read(self._master, 4096)
        self._seen = self._seen.split(words.encode(), 1)[1]

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def signal(self, number: int) -> None:
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
        out, _ = self._process.communicate(timeout=30)
        self._over.set()
        reading.join()
        shown = self._seen.decode()
        return Outcome(self._process.returncode, out.decode().splitlines(), shown)

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
        self._process.communicate()
        os.close(self._slave)
        os.close(self._master)
