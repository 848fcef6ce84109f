# SPDX-License-Identifier: MIT
"""Opens the windows of ``kortilla card …`` and ``kortilla sign``, one at a time.

They are processes of their own, which go on if this window closes: no change of a PIN
or signature is interrupted.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

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
        return self.run(("card", *words), lambda result: ended(_code(result)))

    def run(
        self, words: Sequence[str], ended: Callable[[dict[str, Any]], object]
    ) -> bool:
        """Run a command of ``kortilla``; ``ended`` gets its result.

        Returns False, and does nothing, while another one runs.
        """
        if self._open:
            return False
        self._open = True
        command = [
            *(sys.executable, "-I", "-m", "native_host.cli", *words),
            *("--prompt", "window", "--card", self._services.config.card),
            *("--lang", self._services.texts.language),
        ]

        async def work() -> dict[str, Any]:
            return await in_thread(lambda: _run(command))

        def done(result: dict[str, Any]) -> None:
            self._open = False
            ended(result)

        def failed(error: KortillaError) -> None:
            done({"error": {"code": error.code}})

        self._services.background.start(work, done, failed)
        return True


def _run(command: list[str]) -> dict[str, Any]:
    """Run a command to its end, and return its result."""
    unknown = {"error": {"code": KortillaError.code}}
    try:
        ended = subprocess.run(  # noqa: S603 - our own program
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
            start_new_session=True,
        )
        result = json.loads(ended.stdout)
    except (OSError, ValueError):
        return unknown
    return result if isinstance(result, dict) else unknown


def _code(result: dict[str, Any]) -> str:
    """Return the code of a result's error, empty when done."""
    return str(result["error"]["code"]) if "error" in result else ""
