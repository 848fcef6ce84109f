# SPDX-License-Identifier: MIT
"""Starts the window's process.

Apart, so that the host can start it before it imports anything else: the toolkit then
loads on another core while the host gets ready.
"""

import os
import subprocess
import sys
from collections.abc import Sequence

__all__ = ["spawn"]


def spawn(command: Sequence[str] | None = None) -> subprocess.Popen[bytes]:
    """Start the window's process, which shows nothing until it is told to.

    ``command`` stands in for the real one in tests. Raises ``PromptFailed`` when it
    can't be started. The process ends by itself when its standard input is closed.
    """
    if command is None and not _has_screen():
        from .prompt import PromptFailed  # heavy, and seldom needed

        raise PromptFailed(
            "There is no screen here for the PIN window. In a terminal, "
            "--prompt terminal asks without one."
        )
    try:
        return subprocess.Popen(  # noqa: S603 - our own program, or what a test names
            command or [sys.executable, "-I", "-m", "native_host.pin_prompt"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
    except OSError as error:
        from .prompt import PromptFailed

        raise PromptFailed(
            f"The PIN window can't be started: {error.strerror}."
        ) from error


def _has_screen() -> bool:
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return sys.platform != "linux" or any(os.environ.get(name) for name in names)
