# SPDX-License-Identifier: MIT
"""A command with its real window on a screen, and the person at the keyboard.

What the window shows is seen by its colours and boxes, as the person sees it.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from native_host.pin_prompt.gui.operation_style import OPERATION_STYLES
from tests.cli.conftest import Outcome
from tests.support.screen import Screen

__all__ = ["ManageWindow", "Sight"]

_TITLES = {
    "activate": "Kortilla: activate the card",
    "change-pin": "Kortilla: change a PIN",
    "unblock": "Kortilla: unlock a PIN",
}
#: Pixels from the window's lower edge in which there are only the buttons.
_FOOTER = 50
#: Pixels: a window is wider than that, and nothing else is.
_WINDOW = 300


def _run(colour: str, pixels: int) -> bytes:
    """Return so many pixels of a colour, beside each other."""
    return bytes.fromhex(colour.removeprefix("#")) * pixels


_GREEN = OPERATION_STYLES["activate"].colour.name()
_BUTTON = _run(_GREEN, 60)
_CHIP = _run("#e8c14a", 8)
_WARNING = _run("#c22b2b", 8)
_SIGN = _run("#b26a00", 8)
#: Pixels: how wide a field to type into is, and how wide the large tick's ground.
_FIELD = range(120, 300)
_TICK = range(30, 100)
#: Pixels: how high both are at least, unlike gaps between letters.
_HIGH = 8


@dataclass(frozen=True)
class Sight:
    """What there is to be seen.

    ``fields`` to type into; ``ready`` says that the button that agrees can be pressed,
    and so that keys are taken; ``wants_card`` that the card is to be put in because of
    something that is said beside its picture; ``warns`` that there is a red sign, and
    ``done`` the large tick.
    """

    fields: int
    ready: bool
    wants_card: bool
    warns: bool
    done: bool

    @classmethod
    def of(cls, rows: Sequence[bytes]) -> "Sight":
        """Look at a screen on which there is one window and nothing else."""
        shown = [row for row in rows if len(row.strip(b"\0")) > 3 * _WINDOW]
        page, footer = (b"".join(part) for part in (shown[:-_FOOTER], shown[-_FOOTER:]))
        card = _CHIP in page
        return cls(
            fields=_count(shown, "#ffffff", _FIELD),
            ready=_BUTTON in footer,
            wants_card=card and _SIGN in page,
            warns=_WARNING in page,
            done=not card and _count(shown[:-_FOOTER], _GREEN, _TICK) > 0,
        )


def _runs(row: bytes, colour: str, lengths: range) -> list[tuple[int, int]]:
    """Return where pixels of a colour, beside each other, begin and end."""
    if _run(colour, lengths.start) not in row:
        return []
    pixel = re.escape(_run(colour, 1))
    found = re.finditer(b"(?:%b){%d,}" % (pixel, lengths.start), row)
    return [m.span() for m in found if len(m.group()) // 3 in lengths]


def _count(rows: Sequence[bytes], colour: str, widths: range) -> int:
    """Count areas of a colour, by the runs of pixels that begin them."""
    count = 0
    above: list[tuple[int, int, int]] = []  # begin, end, and how high it is so far
    for row in rows:
        here = []
        for begin, end in _runs(row, colour, widths):
            high = max((h for b, e, h in above if b < end and begin < e), default=0) + 1
            count += high == _HIGH
            here.append((begin, end, high))
        above = here
    return count


class ManageWindow:
    """``kortilla card …`` with the mock card, and its window, which has the keyboard.

    It speaks English. ``words`` are those after ``card``.
    """

    def __init__(self, screen: Screen, folder: Path, *words: str) -> None:
        self._screen = screen
        self._title = _TITLES[words[0]]
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-m", "native_host.cli", "card", *words),
                    *("--prompt", "window", "--card", "mock", "--lang", "en"),
                ],
                env=screen.environment | {"KORTILLA_LOG": "traffic"},
                stdout=subprocess.PIPE,
                stderr=log,
            )
        self._looked_at: list[bytes] = []
        self._seen = Sight.of([])
        screen.wait_for_focus(screen.find(self._title))

    @property
    def log(self) -> str:
        """What the host has logged so far."""
        return self._log.read_text()

    @property
    def sent(self) -> list[str]:
        """The commands with a code in them that the card was sent: ``00240011``."""
        return re.findall(r"> (002[04C]00\d\d) \[[^0]", self.log)

    def see(self) -> Sight:
        """Look at what the window shows now."""
        rows = self._screen.rows()
        if rows is not self._looked_at:
            self._looked_at, self._seen = rows, Sight.of(rows)
        return self._seen

    def wait_for(self, condition: Callable[[Sight], bool]) -> None:
        """Wait until what is to be seen is so."""
        self._screen.wait_until(lambda: condition(self.see()))

    def still(self) -> list[bytes]:
        """Wait until nothing moves; return the picture."""
        picture: list[bytes] = []

        def settled() -> bool:
            nonlocal picture
            before, picture = picture, self._screen.rows()
            return picture is before

        self._screen.wait_until(settled)
        return picture

    def press(self, *keys: str) -> None:
        """Press keys by their X names."""
        self._screen.press(*keys)

    def type(self, *codes: str) -> None:
        """Type a code into each field, and Enter after it."""
        self._screen.type("\r".join((*codes, "")))

    def send(self, *codes: str) -> None:
        """Type into exactly so many fields, until the card has been sent a code.

        A window that has only just got the keyboard swallows all that is typed, and
        says so by its button. Nothing is typed again that may have been sent.
        """
        before = self.sent
        while self.sent == before:
            self.wait_for(lambda seen: seen.ready and seen.fields == len(codes))
            self.type(*codes)
            self.wait_for(lambda seen: self.sent != before or not seen.ready)
            self.wait_for(lambda seen: self.sent != before or seen.ready)

    def finish(self) -> Outcome:
        """Wait until the window says that all is done, and close it."""
        self.wait_for(lambda seen: seen.done)
        return self.leave()

    def leave(self) -> Outcome:
        """Close the window with Escape; return what the command gave."""
        self.press("Escape")
        out, _ = self._process.communicate(timeout=30)
        return Outcome(self._process.returncode, out.decode().splitlines(), self.log)

    def close(self) -> None:
        """End whatever is left."""
        self._process.kill()
        self._process.communicate()
        self._screen.wait_until(lambda: not self._screen.ids(self._title))
