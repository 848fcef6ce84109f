# SPDX-License-Identifier: MIT
"""A real screen for tests: Xvfb, a window manager, and keyboard input."""

import math
import os
import re
import select
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.patience import patience

#: Seconds after which programs are asked again though the screen has not changed.
_AGAIN_AFTER = 0.5


class Screen:
    """A separate screen that no other test shares.

    ``display`` is the value of ``DISPLAY`` for the programs to show.
    """

    def __init__(self, display: str, frame: Path) -> None:
        self.display = display
        self._frame = frame
        self._last: tuple[bytes, list[bytes]] = (b"", [])

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment with the screen and without the desktop."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("WAYLAND", "QT_", "XDG_CURRENT"))
        }
        return kept | {"DISPLAY": self.display}

    def find(self, title: str) -> str:
        """Wait for a visible window by a part of its title and return its id."""
        # Not with --sync, which fails when another window closes meanwhile.
        found: list[str] = []

        def is_there() -> bool:
            found[:] = self.ids(title)
            return bool(found)

        self.wait_until_shown(is_there)
        return found[0]

    def ids(self, title: str) -> list[str]:
        """Return the ids of the visible windows with such a title."""
        command = ("xdotool", "search", "--onlyvisible", "--name", title)
        return self.run(*command, check=False).split()

    def activate(self, window: str) -> None:
        """Bring a window to the front and wait until it has the focus."""
        self.run("xdotool", "windowactivate", "--sync", window)

    def focused(self) -> str:
        """Return the id of the window that has the focus, or an empty string."""
        return self.run("xdotool", "getactivewindow", check=False).strip()

    def wait_for_focus(self, window: str) -> None:
        """Wait until a window has the focus."""
        self.wait_until(lambda: self.focused() == window)

    def find_in_front(self, title: str) -> str:
        """Wait until a window with such a title has the focus, and return its id."""
        # The id is asked for again: one that was found first may be of a window that
        # has gone.
        self.wait_until(lambda: self.focused() in self.ids(title))
        return self.focused()

    def type(self, text: str) -> None:
        """Type into the window that has the focus."""
        self.run("xdotool", "type", "--delay", "8", text)

    def press(self, *keys: str) -> None:
        """Press keys by their X names, ``Return`` or ``alt+F4``."""
        self.run("xdotool", "key", "--delay", "8", *keys)

    def close(self, title: str) -> None:
        """Press Return until no window has a title.

        A window takes no keys at first. After one that comes too early it waits for up
        to 4 s without one.
        """
        pressed = -math.inf

        def is_closed() -> bool:
            nonlocal pressed
            if not self.ids(re.escape(title)):
                return True
            if time.monotonic() > pressed + 5:
                self.press("Return")
                pressed = time.monotonic()
            return False

        self.wait_until(is_closed)

    def hold(self, key: str) -> None:
        """Press a key by its X name and keep it down."""
        self.run("xdotool", "keydown", key)

    def release(self, key: str) -> None:
        """Let a key go."""
        self.run("xdotool", "keyup", key)

    def click(self) -> None:
        """Click at the upper left of the window that has the focus.

        There is nothing to press in ours, which takes keys after a click.
        """
        move = ("mousemove", "--window", "%1", "4", "20")
        self.run("xdotool", "getactivewindow", *move, "click", "1")

    def point_away(self) -> None:
        """Move the pointer to the lower right corner."""
        self.run("xdotool", "mousemove", "10000", "10000")

    def rows(self) -> list[bytes]:
        """Return the pixels of the whole screen, row by row from the top.

        A pixel has three bytes: red, green and blue. While the screen does not change,
        this returns the same list.
        """
        content = self._frame.read_bytes()  # the server's own memory
        if content != self._last[0]:
            self._last = content, _rows(content, *self._last)
        return self._last[1]

    def geometry(self, window: str) -> tuple[int, int, int, int]:
        """Return a window's distance from left and top, its width and its height."""
        told = self.run("xdotool", "getwindowgeometry", "--shell", window)
        values = dict(line.split("=") for line in told.split())
        x, y, width, height = (int(values[n]) for n in ("X", "Y", "WIDTH", "HEIGHT"))
        return x, y, width, height

    def rows_of(self, window: str) -> list[bytes]:
        """Return a window's pixels, row by row as ``rows`` does."""
        x, y, width, height = self.geometry(window)
        return [row[3 * x : 3 * (x + width)] for row in self.rows()[y : y + height]]

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition that sends no event."""
        end = time.monotonic() + patience()
        while (begin := time.monotonic()) < end:
            if condition():
                return
            # A condition that asks other programs takes their time too.
            time.sleep(max(0.02, 2 * (time.monotonic() - begin)))
        raise AssertionError(f"nothing happened on the screen: {self._state()}")

    def wait_until_shown(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition that shows in the picture.

        A look at the picture costs less than to ask a program about its window.
        """
        seen: list[bytes] | None = None
        again = 0.0

        def holds() -> bool:
            nonlocal seen, again
            before, seen = seen, self.rows()
            if seen is before and time.monotonic() < again:
                return False
            again = time.monotonic() + _AGAIN_AFTER
            return condition()

        self.wait_until(holds)

    def _state(self) -> str:
        """Say which windows there are, and which has the focus."""
        names = {
            w: self.run("xdotool", "getwindowname", w, check=False).strip()
            for w in self.ids(".")
        }
        return f"{names}, the focus is at {self.focused() or 'none'}"

    def run(self, *command: str, check: bool = True) -> str:
        """Run a program of the screen, and return what it prints."""
        done = subprocess.run(
            command,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=patience(),
            check=check,
        )
        return done.stdout


@contextmanager
def open_screen(width: int = 1024, height: int = 768) -> Iterator[Screen]:
    """Run a screen with a window manager, and end both at exit."""
    with TemporaryDirectory() as folder:
        receiving, sending = os.pipe()
        server = subprocess.Popen(
            [
                # Without -noreset Xvfb disconnects all clients after the last one
                # leaves, and the window manager may just be starting then.
                *("Xvfb", "-displayfd", str(sending), "-nolisten", "tcp", "-noreset"),
                *("-screen", "0", f"{width}x{height}x24", "-fbdir", folder),
                # No key repeat: xdotool may be delayed between press and release.
                "-r",
            ],
            pass_fds=[sending],
            stderr=subprocess.DEVNULL,
        )
        try:
            os.close(sending)
            frame = Path(folder, "Xvfb_screen0")
            screen = Screen(f":{_read_number(receiving)}", frame)
            manager = subprocess.Popen(
                ["openbox", "--sm-disable"],
                env=screen.environment,
                stderr=subprocess.DEVNULL,
            )
            try:
                asked = ("xprop", "-root", "_NET_SUPPORTING_WM_CHECK")
                screen.wait_until(
                    lambda: "window id" in screen.run(*asked, check=False)
                )
                yield screen
            finally:
                _end(manager)
        finally:
            os.close(receiving)
            _end(server)


def _rows(content: bytes, before: bytes, rows: Sequence[bytes]) -> list[bytes]:
    """Decode an image in the format of xwd(1), which pads pixels.

    ``rows`` are those of the image ``before``, if there was one. A row that has not
    changed is the same object.
    """
    header = struct.unpack_from(">20I", content)
    size, width, height, colours = (header[i] for i in (0, 4, 5, 19))
    begin, line = size + 12 * colours, 4 * width
    decoded = []
    for y in range(height):
        place = slice(begin + line * y, begin + line * (y + 1))
        pixels = content[place]
        if rows and pixels == before[place]:
            decoded.append(rows[y])
            continue
        row = bytearray(3 * width)
        for part in range(3):
            row[part::3] = pixels[2 - part :: 4]
        decoded.append(bytes(row))
    return decoded


def _read_number(fd: int) -> str:
    """Read the display's number, which the server writes when it is ready."""
    number = b""
    while not number.endswith(b"\n"):
        assert select.select([fd], [], [], patience())[0], "Xvfb did not start"
        chunk = os.read(fd, 16)
        assert chunk, "Xvfb ended"
        number += chunk
    return number.decode().strip()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(patience())
