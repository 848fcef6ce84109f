# SPDX-License-Identifier: MIT
"""Starts the window of ``kortilla open`` for the extension's popup.

The window is a process of its own session. It goes on when the browser ends this host.
A second start brings the first one's window to the front (``desktop.single_window``).
"""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from kortilla.common.extras import missing_words
from native_host.config import load_config
from native_host.errors import ToolMissingError
from native_host.pin_prompt.prompt import PromptError
from native_host.pin_prompt.spawn import has_screen, window_environment

_COMMAND = (sys.executable, "-I", "-m", "native_host.cli", "open")
#: The environment variables that the window gets beside those of a PIN window: the
#: settings, the card service, and the proxies for questions about revocation.
_PASSED = (
    *("KORTILLA_CONFIG", "KORTILLA_TRUST", "PCSCLITE_CSOCK_NAME"),
    *("http_proxy", "https_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
)
#: Variables with the token of the browser's own start, which brings no other window to
#: the front.
_TOKENS = ("XDG_ACTIVATION_TOKEN", "DESKTOP_STARTUP_ID")


def open_window(command: Sequence[str] = _COMMAND) -> None:
    """Start the window's process, and return before it shows anything.

    Tests pass another ``command``. Raises ``ToolMissingError`` without Qt,
    ``PromptError`` if there is no screen or the process does not start, and
    ``ConfigBrokenError``.
    """
    load_config()  # the window would end with its error, and nobody would read it
    if importlib.util.find_spec("PySide6") is None:
        raise ToolMissingError(missing_words("PySide6", "host"))
    if not has_screen():
        raise PromptError("There is no screen here for Kortilla's window.")
    try:
        subprocess.Popen(  # noqa: S603 - our own program, or what a test names
            command,
            # The browser reads these until it ends the host.
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            cwd=Path.home(),
            start_new_session=True,
        )
    except (OSError, RuntimeError) as error:
        raise PromptError("Kortilla's window can't be started.") from error


def _environment() -> dict[str, str] | None:
    """Return the environment for the window; None to inherit all of it."""
    passed = window_environment()
    if passed is None:
        return None
    for name in _TOKENS:
        passed.pop(name, None)
    return passed | {name: os.environ[name] for name in _PASSED if name in os.environ}
