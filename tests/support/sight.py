# SPDX-License-Identifier: MIT
"""Recognises the content of Kortilla's window by its colours and boxes.

A person sees the same. Programs of the user's session get no other information.
"""

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from native_host.gui.tokens import LIGHT
from native_host.pin_prompt.gui.header import OPERATION_STYLES

#: The lowest pixels of the window hold only the buttons.
_FOOTER = 70
#: Pixels. Only a window is wider than this.
_WINDOW = 300


def _run(colour: str, pixels: int) -> bytes:
    """Return so many adjacent pixels of a colour."""
    return bytes.fromhex(colour.removeprefix("#")) * pixels


_GREEN = OPERATION_STYLES["activate"].colour.name()
_EDGE = LIGHT.edge.name()
_BUTTON = _run(_GREEN, 60)
_BAND = _run(_GREEN, _WINDOW)
_CHIP = _run("#e8c14a", 8)
_WARNING = _run(LIGHT.error.name(), 8)
_SIGN = _run(LIGHT.warning.name(), 8)
#: Pixels: the width of an entry field's edge, and the width of the large tick's ground.
_FIELD = range(120, 300)
_TICK = range(30, 100)
#: Pixels: the minimum height of the tick, unlike gaps between letters.
_HIGH = 8
#: A red notice, and the inside of an empty check box in it, which is as high as wide.
_NOTICE = _run(LIGHT.error_ground.name(), 8)
_EMPTY = LIGHT.field.name()
_BOX = range(14, 40)


@dataclass(frozen=True)
class Sight:
    """The visible parts of a window.

    ``fields`` counts the entry fields. ``ready`` says that the confirming button is
    enabled, so the window accepts keys. ``wants_card`` says that the window asks for
    the card: text appears beside its picture. ``warns`` stands for a red sign,
    ``empty`` for a check box that is not ticked, ``done`` for the large tick.
    """

    fields: int
    ready: bool
    wants_card: bool
    warns: bool
    empty: bool
    done: bool

    @classmethod
    def of(cls, rows: Sequence[bytes]) -> "Sight":
        """Recognise one window in the rows of a screen or of a part of it."""
        shown = [row for row in rows if _is_of_window(row)]
        page, footer = (b"".join(part) for part in (shown[:-_FOOTER], shown[-_FOOTER:]))
        card = _CHIP in page
        # An edge is above and below each field.
        edges = sum(len(_runs(row, _EDGE, _FIELD)) for row in shown)
        band = [n for n, row in enumerate(shown) if _BAND in row]
        below = shown[max(band, default=-1) + 1 : -_FOOTER]
        return cls(
            fields=edges // 2,
            ready=_BUTTON in footer,
            wants_card=card and _SIGN in page,
            warns=_WARNING in page,
            empty=_count(map(_in_notice, shown), _EMPTY, _BOX, _BOX.start) > 0,
            done=not card and _count(below, _GREEN, _TICK) > 0,
        )


# Of two pictures most rows are the same.
@functools.lru_cache(maxsize=4096)
def _is_of_window(row: bytes) -> bool:
    return len(row.strip(b"\0")) > 3 * _WINDOW


@functools.lru_cache(maxsize=8192)
def _runs(row: bytes, colour: str, lengths: range) -> list[tuple[int, int]]:
    """Return the start and the end of each run of pixels of a colour."""
    if _run(colour, lengths.start) not in row:
        return []
    pixel = re.escape(_run(colour, 1))
    found = re.finditer(b"(?:%b){%d,}" % (pixel, lengths.start), row)
    return [m.span() for m in found if len(m.group()) // 3 in lengths]


def _in_notice(row: bytes) -> bytes:
    """Return the part of a row that is in a red notice."""
    begin, end = row.find(_NOTICE), row.rfind(_NOTICE)
    return row[begin - begin % 3 : end] if begin < end else b""


def _count(
    rows: Iterable[bytes], colour: str, widths: range, least: int = _HIGH
) -> int:
    """Count areas of a colour, of at least that height, by their runs of pixels."""
    count = 0
    above: list[tuple[int, int, int]] = []  # start, end, and height so far
    for row in rows:
        here = []
        for begin, end in _runs(row, colour, widths):
            high = max((h for b, e, h in above if b < end and begin < e), default=0) + 1
            count += high == least
            here.append((begin, end, high))
        above = here
    return count
