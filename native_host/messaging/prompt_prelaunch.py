# SPDX-License-Identifier: MIT
"""The window's process, started before the check of the request that needs it.

Standard library only: this runs before any slow import.
"""

import subprocess
import threading
from collections.abc import Sequence

from native_host.messaging.framing import Frame, parse

_NEEDS_WINDOW = (
    *("authenticate", "get-signing-certificate", "prepare", "sign"),
    *("activate", "change-pin", "unblock"),
)


class PromptPrelaunch:
    """Starts the window's process while the host still imports its own modules.

    Nothing of it is visible until the request has been checked. ``command`` starts
    another program in place of the window; None starts the window.
    """

    def __init__(self, command: Sequence[str] | None) -> None:
        self.command = command
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def first_look(self, frame: Frame) -> None:
        """Start the process if a frame looks like a request that will need it.

        An error is ignored here. It is raised again, and answered, when the request is
        handled.
        """
        message = parse(frame)
        if isinstance(message, dict) and message.get("command") in _NEEDS_WINDOW:
            from native_host.config import load_config

            if load_config().prompt == "window":
                self.start()

    def start(self) -> None:
        """Start the process unless one is waiting already. Raises ``PromptError``."""
        from native_host.pin_prompt.spawn import spawn

        with self._lock:
            if self._process is None:
                self._process = spawn(self.command)

    def take(self) -> subprocess.Popen[bytes] | None:
        """Return the waiting process, if there is one."""
        with self._lock:
            process, self._process = self._process, None
        return process

    def discard(self) -> None:
        """End a process that was not needed."""
        process = self.take()
        if process is not None:
            process.kill()
            process.communicate()
