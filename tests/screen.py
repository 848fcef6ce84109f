# SPDX-License-Identifier: MIT
"""A real screen for tests: Xvfb, a window manager, and a person at the keyboard."""

import os
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Screen", "open_screen"]

#: Seconds that things on the screen may take before a test gives up.
PATIENCE = 15.0


class Screen:
    """A screen of its own, which no other test shares.

    ``display`` goes into the environment of what is to be shown: ``DISPLAY``.
    """

    def __init__(self, display: str) -> None:
        self.display = display

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment, with the screen and nothing of a desktop."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("WAYLAND", "QT_", "XDG_CURRENT"))
        }
        return kept | {"DISPLAY": self.display}

    def find(self, title: str) -> str:
        """Wait for a visible window by a part of its title; return its id."""
        found = self._run(
            "xdotool", "search", "--sync", "--onlyvisible", "--name", title
        )
        return found.split()[0]

    def ids(self, title: str) -> list[str]:
        """Return the windows with such a title that are visible now."""
        command = ["xdotool", "search", "--onlyvisible", "--name", title]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )
        return done.stdout.split()

    def activate(self, window: str) -> None:
        """Bring a window to the front and wait until it has the keyboard."""
        self._run("xdotool", "windowactivate", "--sync", window)

    def focused(self) -> str:
        """Return the id of the window that has the keyboard, or nothing."""
        command = ["xdotool", "getactivewindow"]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    def wait_for_focus(self, window: str) -> None:
        """Wait until a window has the keyboard."""
        self.wait_until(lambda: self.focused() == window)

    def type(self, text: str) -> None:
        """Type into whatever has the keyboard."""
        self._run("xdotool", "type", "--delay", "8", text)

    def press(self, *keys: str) -> None:
        """Press keys by their X names, ``Return`` or ``alt+F4``."""
        self._run("xdotool", "key", "--delay", "8", *keys)

    def screenshot(self, path: Path) -> None:
        """Save what the whole screen shows as a PNG."""
        self._run("import", "-window", "root", os.fspath(path))

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that has no event to wait for."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, "nothing happened on the screen"
            time.sleep(0.01)

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        return done.stdout


@contextmanager
def open_screen(width: int = 1024, height: int = 768) -> Iterator[Screen]:
    """Start a screen with a window manager, and put both away afterwards."""
    receiving, sending = os.pipe()
    server = subprocess.Popen(
        [
            # Without -noreset it drops everybody when the last client goes, which may
            # be while the window manager is just coming.
            *("Xvfb", "-displayfd", str(sending), "-nolisten", "tcp", "-noreset"),
            *("-screen", "0", f"{width}x{height}x24"),
        ],
        pass_fds=[sending],
        stderr=subprocess.DEVNULL,
    )
    try:
        os.close(sending)
        screen = Screen(f":{_read_number(receiving)}")
        manager = subprocess.Popen(
            ["openbox", "--sm-disable"],
            env=screen.environment,
            stderr=subprocess.DEVNULL,
        )
        try:
            screen.wait_until(lambda: _is_managed(screen))
            yield screen
        finally:
            _end(manager)
    finally:
        os.close(receiving)
        _end(server)


def _read_number(fd: int) -> str:
    """Read the display's number, which the server writes when it is ready."""
    number = b""
    while not number.endswith(b"\n"):
        assert select.select([fd], [], [], PATIENCE)[0], "Xvfb did not start"
        chunk = os.read(fd, 16)
        assert chunk, "Xvfb ended"
        number += chunk
    return number.decode().strip()


def _is_managed(screen: Screen) -> bool:
    command = ["xprop", "-root", "_NET_SUPPORTING_WM_CHECK"]
    done = subprocess.run(
        command, env=screen.environment, capture_output=True, text=True, check=False
    )
    return "window id" in done.stdout


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(PATIENCE)
