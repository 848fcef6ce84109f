# SPDX-License-Identifier: MIT
"""A terminal on which a program runs, with a user who reads and types."""

import os
import pty
import select
import signal
import subprocess
import termios
import threading
from typing import Any

from tests.support import warm
from tests.support.patience import patience


class Terminal:
    """A terminal. Those that start a program on it set ``process``."""

    process: subprocess.Popen[bytes] | warm.WarmProcess

    def __init__(self) -> None:
        self._ours, self._theirs = pty.openpty()
        #: The terminal's settings before the program began.
        self.first_settings = self.settings
        #: What the terminal showed up to the words that were waited for.
        self.seen = ""
        self._come = b""

    def wait_for(self, words: str) -> None:
        """Read until the terminal shows these words."""
        while words.encode() not in self._come:
            assert select.select([self._ours], [], [], patience())[0], self._come
            self._come += os.read(self._ours, 4096)
        before, found, self._come = self._come.partition(words.encode())
        self.seen += _lines(before + found)

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def answer(self, *pairs: tuple[str, str]) -> None:
        """Wait for the last words of each question, and type the answer."""
        for question, answer in pairs:
            self.wait_for(question)
            self.type(f"{answer}\n")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program."""
        self.process.send_signal(number)

    @property
    def settings(self) -> list[Any]:
        """The terminal's settings."""
        return termios.tcgetattr(self._theirs)

    @property
    def echoes(self) -> bool:
        """Whether the terminal echoes typed characters."""
        return bool(self.settings[3] & termios.ECHO)

    def end(self) -> tuple[int, str, str]:
        """Wait until the program ends.

        Returns its status, its standard output, and what the terminal has shown since
        the last words that were waited for.
        """
        over = threading.Event()
        reading = threading.Thread(target=self._read_on, args=(over,), daemon=True)
        reading.start()
        assert self.process.stdout
        out = self.process.stdout.read()
        status = self.process.wait(patience())
        over.set()
        reading.join()
        rest, self._come = _lines(self._come), b""
        self.seen += rest
        return status, out.decode(), rest

    def _read_on(self, ended: threading.Event) -> None:
        # This process has the terminal open as well, so the read never reaches its end.
        while True:
            over = ended.is_set()
            if select.select([self._ours], [], [], 0 if over else 0.05)[0]:
                self._come += os.read(self._ours, 4096)
            elif over:
                return

    def close(self) -> None:
        """Kill the program, and close the terminal."""
        self.process.kill()
        self.process.wait(patience())
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        os.close(self._theirs)
        os.close(self._ours)


def _lines(shown: bytes) -> str:
    return shown.decode().replace("\r\n", "\n")
