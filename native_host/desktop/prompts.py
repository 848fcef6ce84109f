# SPDX-License-Identifier: MIT
"""Opens the windows of ``kortilla card …``, one at a time.

They are processes of their own, which go on if this window closes: no change of a PIN
is interrupted.
"""

import json
import subprocess
import sys
from collections.abc import Callable

from native_host.card.pcsc_threads import in_thread
from native_host.desktop.page import Services
from native_host.errors import KortillaError

__all__ = ["Prompts"]


class Prompts:
    """The windows that ask for codes."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._open = False

    def start(self, words: tuple[str, ...], ended: Callable[[str], object]) -> bool:
        """Run a command of ``kortilla card``; ``ended`` gets the code of its error.

        Returns False, and does nothing, while another one runs.
        """
        if self._open:
            return False
        self._open = True
        command = [
            *(sys.executable, "-I", "-m", "native_host.cli", "card", *words),
            *("--prompt", "window", "--card", self._services.config.card),
            *("--lang", self._services.texts.language),
        ]

        async def work() -> str:
            return await in_thread(lambda: _run(command))

        def done(code: str) -> None:
            self._open = False
            ended(code)

        self._services.background.start(work, done, lambda error: done(error.code))
        return True


def _run(command: list[str]) -> str:
    """Run a command to its end, and return the code of its error, empty when done."""
    try:
        ended = subprocess.run(  # noqa: S603 - our own program
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
            start_new_session=True,
        )
    except OSError:
        return KortillaError.code
    if ended.returncode == 0:
        return ""
    try:
        return str(json.loads(ended.stdout)["error"]["code"])
    except (ValueError, TypeError, KeyError):
        return KortillaError.code
