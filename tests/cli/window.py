# SPDX-License-Identifier: MIT
"""A command with its real window on a screen, and keyboard input."""

import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.cli.conftest import Outcome
from tests.support import commands
from tests.support.screen import Screen
from tests.support.sight import Sight

_TITLES = {
    "activate": "Kortilla: activate the card",
    "change-pin": "Kortilla: change a PIN",
    "unblock": "Kortilla: unlock a PIN",
}


#: Looks, a fiftieth of a second apart, that show the same picture when it is still.
_STILL_LOOKS = 10
#: Seconds after which a key that had no effect is pressed again, as a person does.
_AGAIN_AFTER = 1.0


class ManageWindow:
    """``kortilla card …`` with the mock card and its window, which has the focus.

    Its language is English. ``words`` are the arguments after ``card``.
    """

    def __init__(self, screen: Screen, folder: Path, *words: str) -> None:
        self._screen = screen
        self._title = _TITLES[words[0]]
        self._stepwise = words[0] == "activate"
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self._process = commands.begin(
                *("card", *words),
                *("--prompt", "window", "--card", "mock", "--lang", "en", "--json"),
                environment=screen.environment | {"KORTILLA_LOG": "traffic"},
                errors=log.fileno(),
                window=True,
            )
        self._looked_at: list[bytes] = []
        self._seen = Sight.of([])
        screen.wait_for_focus(screen.find(self._title))

    @property
    def log(self) -> str:
        """The host's log so far."""
        return self._log.read_text()

    @property
    def sent(self) -> list[str]:
        """The sent commands that contain a code, such as ``00240011``."""
        return re.findall(r"> (002[04C]00\d\d) \[[^0]", self.log)

    def see(self) -> Sight:
        """Recognise the window's current content."""
        rows = self._screen.rows()
        if rows is not self._looked_at:
            self._looked_at, self._seen = rows, Sight.of(rows)
        return self._seen

    def wait_for(self, condition: Callable[[Sight], bool]) -> None:
        """Wait until the content meets a condition."""
        self._screen.wait_until(lambda: condition(self.see()))

    def still(self) -> list[bytes]:
        """Wait until the picture stops changing, and return it."""
        picture: list[bytes] = []
        looks = 0

        def settled() -> bool:
            nonlocal picture, looks
            before, picture = picture, self._screen.rows()
            looks = looks + 1 if picture is before else 0
            return looks == _STILL_LOOKS

        self._screen.wait_until(settled)
        return picture

    def press(self, *keys: str) -> None:
        """Press keys by their X names."""
        self._screen.press(*keys)

    def type(self, *codes: str) -> None:
        """Type a code into each field, followed by Enter."""
        self._screen.type("\r".join((*codes, "")))

    def send(self, *codes: str) -> None:
        """Type into exactly so many fields, until the card has received a code.

        A window that has just received the focus ignores typing, as its button shows.
        The codes are typed again only if no code can have been sent.
        """
        before = self.sent
        # An activation shows the code of the letter first, and each PIN after it.
        first = 1 if self._stepwise else len(codes)
        while self.sent == before:
            self.wait_for(lambda seen: seen.ready and seen.fields == first)
            self.type(*codes)
            self.wait_for(lambda seen: self.sent != before or not seen.ready)
            self.wait_for(lambda seen: self.sent != before or seen.ready)

    def tick(self, *, empty: bool = False) -> None:
        """Press the space bar on the check box until it is ticked, or ``empty``.

        A window that ignores keys shows that by its button, as for ``send``.
        """
        while self.see().empty is not empty:
            self.wait_for(lambda seen: seen.ready)
            self.press("space")
            self.wait_for(lambda seen: seen.empty is empty or not seen.ready)
            self.wait_for(lambda seen: seen.empty is empty or seen.ready)

    def finish(self) -> Outcome:
        """Wait until the window shows the end, and close it."""
        self.wait_for(lambda seen: seen.done)
        return self.leave()

    def leave(self) -> Outcome:
        """Close the window with Escape and return the command's outcome.

        With typed codes, the window asks first, and for a moment takes no answer.
        """
        while self._screen.ids(self._title):
            before, again = self.still(), time.monotonic() + _AGAIN_AFTER
            self.press("Escape")
            self._screen.wait_until(partial(self._changed_or_late, before, again))
        ended = commands.end(self._process)
        return Outcome(ended.returncode, ended.stdout.splitlines(), self.log)

    def _changed_or_late(self, before: list[bytes], again: float) -> bool:
        return self._screen.rows() != before or time.monotonic() > again

    def close(self) -> None:
        """End all remaining processes."""
        self._process.kill()
        self._process.wait()
        self._screen.wait_until(lambda: not self._screen.ids(self._title))
