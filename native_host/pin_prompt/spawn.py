# SPDX-License-Identifier: MIT
"""Starts the window's process.

Apart, so that the host can start it before it imports anything else: the toolkit then
loads on another core while the host gets ready.
"""

import os
import subprocess
import sys
from collections.abc import Sequence

__all__ = ["has_screen", "spawn"]


def spawn(command: Sequence[str] | None = None) -> subprocess.Popen[bytes]:
    """Start the window's process, which shows nothing until it is told to.

    ``command`` stands in for the real one in tests. Raises ``PromptFailed`` when it
    can't be started. The process ends by itself when its standard input is closed.
    """
    drawn = os.environ.get("QT_QPA_PLATFORM")  # somebody has said where
    if command is None and not drawn and not has_screen():
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


def has_screen() -> bool:
    """Say whether windows can come up. Elsewhere than on Linux they always can."""
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
