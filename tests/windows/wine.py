# SPDX-License-Identifier: MIT
"""Windows programs under Wine, and a person at the keyboard in front of them.

Wine tells a screen reader of Linux nothing of its windows. What a window shows is known
by its title and its colours, as a person with little English would see it.
"""

import re
import shutil
import subprocess
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from native_host.gui.tokens import LIGHT
from native_host.pin_prompt import texts
from native_host.pin_prompt.gui.header import OPERATION_STYLES
from native_host.pin_prompt.model import Operation
from tests.support.patience import patience
from tests.support.screen import Screen
from tests.support.sight import Sight

#: Pixels: a button is wider, and so is an entry field's edge.
_BUTTON, _FIELD = 60, 120
#: The lowest pixels of a window hold only the buttons.
_FOOTER = 70
#: Pixels of the desktop window: what is left of a page, and its heading with a line or
#: two; more than the height of the mouse's pointer.
_SIDE, _HEAD, _POINTER = 260, 130, 40


class Wine:
    """A Wine prefix in which a person has installed Kortilla, or will.

    ``environment`` is that of all programs in it. ``command`` is ``kortilla``, and
    ``host`` what browsers start. With ``-I`` first, either is Python.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)
        prefix = Path(environment["WINEPREFIX"])
        (self.home,) = (
            each
            for each in (prefix / "drive_c/users").iterdir()
            if each.name != "Public"
        )
        local = self.home / "AppData/Local"
        self.program, self.data = local / "Programs/Kortilla", local / "kortilla"
        self.command: tuple[str, ...] = ("wine", str(self.program / "kortilla.exe"))
        self.host = ("wine", str(self.program / "kortilla-host.exe"))

    @property
    def temp(self) -> Path:
        """The folder of Windows for the person's temporary files."""
        return self.home / "AppData/Local/Temp"

    def run(
        self, *words: str, check: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        """Run ``kortilla`` with these words to its end."""
        return subprocess.run(
            [*self.command, *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=patience(),
            check=check,
        )

    @contextmanager
    def browser(self, name: str = "chrome") -> Iterator[tuple[str, str]]:
        """Yield Python under the name of a known browser, or another one."""
        program = self.program / f"{name}.exe"
        shutil.copy(self.command[1], program)
        try:
            yield "wine", str(program)
        finally:
            program.unlink()

    @contextmanager
    def start(self, *words: str) -> Iterator["subprocess.Popen[str]"]:
        """Run ``kortilla`` with these words. It is ended at exit."""
        process = subprocess.Popen(
            [*self.command, *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def windows_path(path: Path) -> str:
    """Return a path as programs of Windows have it: Wine's drive Z is the root."""
    return "Z:" + str(path).replace("/", "\\")


class Person:
    """Reads windows and types. ``language`` is that of the windows."""

    def __init__(self, screen: Screen, pictures: Path, language: str = "en") -> None:
        self.screen, self.pictures, self.language = screen, pictures, language
        self._seen: list[bytes] = []

    def see(self, operation: Operation, subject: str = "") -> str:
        """Wait until a page of an operation takes keys; return the window's id.

        The page is not the one that this has returned for before. ``subject`` is the
        PIN of the window's title.
        """
        title = texts.Texts(self.language, operation, subject)("title")
        colour = LIGHT.acts[OPERATION_STYLES[operation].act].button.name()
        button = bytes.fromhex(colour[1:]) * _BUTTON
        window = self.screen.find_in_front(title)

        def takes_keys() -> bool:
            rows = self._rows_of(window)
            return any(button in row for row in rows[-_FOOTER:]) and (
                _above_fields(rows) != self._seen
            )

        try:
            self.screen.wait_until_shown(takes_keys)
        except AssertionError:
            self._keep("stuck", self.screen.rows())
            raise
        self._seen = _above_fields(self._rows_of(window))
        return window

    def close(self) -> None:
        """Wait for the large tick of a change that is done, and close the window."""
        self.screen.wait_until_shown(lambda: Sight.of(self.screen.rows()).done)
        self.screen.press("alt+F4")

    def type(self, *codes: str) -> None:
        """Type codes, each followed by Enter."""
        for code in codes:
            self.screen.type(code)
            self.screen.press("Return")

    def warns(self, window: str) -> bool:
        """Whether a window has a red notice."""
        return Sight.of(self._rows_of(window)).warns

    def picture(self, name: str, window: str) -> None:
        """Keep a picture of a window, as soon as it stays the same for two seconds.

        A page of the desktop window that still looks for what it shows has a heading
        and a line or two, and is empty below them: it is waited for.
        """
        before: list[bytes] = []
        end = time.monotonic() + patience()
        while (rows := self._rows_of(window)) != before or not _is_filled(rows):
            if time.monotonic() > end:
                self._keep("stuck", rows)
                raise AssertionError(f"{name} does not become complete")
            before = rows
            time.sleep(2)
        self._keep(name, rows)

    def _rows_of(self, window: str) -> list[bytes]:
        """Return a window's pixels as ``Screen.rows`` does.

        xdotool counts the frame of Wine's windows twice.
        """
        said = self.screen.run("xwininfo", "-id", window)
        x, y, width, height = (
            int(re.findall(rf"{name}: *(\d+)", said)[0])
            for name in ("upper-left X", "upper-left Y", "Width", "Height")
        )
        return [
            row[3 * x : 3 * (x + width)] for row in self.screen.rows()[y : y + height]
        ]

    def _keep(self, name: str, rows: list[bytes]) -> None:
        self.pictures.mkdir(parents=True, exist_ok=True)
        (self.pictures / f"{name}.png").write_bytes(png(rows))


def _above_fields(rows: list[bytes]) -> list[bytes]:
    """Return what is above the first entry field, where the page says what it asks."""
    edge = bytes.fromhex(LIGHT.edge.name()[1:]) * _FIELD
    first = next((n for n, row in enumerate(rows) if edge in row), len(rows))
    return rows[:first]


def _is_filled(rows: list[bytes]) -> bool:
    """Whether there is more below the head of a page than the pointer."""
    below = [row[3 * _SIDE :] for row in rows[_HEAD:]]
    return sum(row != row[:3] * (len(row) // 3) for row in below) > _POINTER


def png(rows: list[bytes]) -> bytes:
    """Return a picture of rows of red, green and blue as a PNG file (RFC 2083)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return len(data).to_bytes(4) + kind + data + check.to_bytes(4)

    size = (len(rows[0]) // 3).to_bytes(4) + len(rows).to_bytes(4)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", size + b"\x08\x02\0\0\0"),
            chunk(b"IDAT", pixels),
            chunk(b"IEND", b""),
        )
    )
