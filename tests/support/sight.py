# SPDX-License-Identifier: MIT
"""What a window of Kortilla for the card shows, by its colours and boxes.

A person sees the same; a program of the session is told nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from native_host.pin_prompt.gui.operation_style import OPERATION_STYLES

__all__ = ["Sight"]

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
        """Look at the rows of a screen, or of a part of it, with one window alone."""
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
