# SPDX-License-Identifier: MIT
"""The PIN pads that readers announce and refuse, as was found on this computer.

A person who has typed a PIN on the computer's keyboard after such a refusal is asked to
type it there from then on. Readers of one product have one entry, without serial
number. ``forget`` has all PIN pads used again.
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from native_host.card.pin_pad import PadUse
from native_host.platform.paths import user_state_folder
from native_host.platform.private_files import (
    delete_private,
    read_private,
    write_private,
)

_MOST, _LONGEST = 50, 200  # entries, and characters of one

# What pcsc-lite adds to a product's name: the serial number, and two numbers that
# depend on what else is plugged in.
_ONE_OF_MANY = re.compile(r"( \([^()]*\))?( [0-9A-Fa-f]{2}){2}$")


def uses_of(reader: str) -> frozenset[PadUse]:
    """Return for what the PIN pad of a reader of this name is not used."""
    return frozenset(use for use, product in _entries() if product == _product(reader))


def products() -> list[str]:
    """Return the names of the readers whose PIN pads are not used."""
    return list(dict.fromkeys(product for _, product in _entries()))


def note(reader: str, use: PadUse) -> None:
    """Record that a reader's PIN pad is not to be used. If it can't, it is tried again.

    One that can't verify a PIN is not used for anything.
    """
    uses = PadUse if use is PadUse.VERIFY else (use,)
    kept = dict.fromkeys((*_entries(), *((each, _product(reader)) for each in uses)))
    lines = "".join(f"{use} {product}\n" for use, product in [*kept][-_MOST:])
    with contextlib.suppress(OSError):
        write_private(file_path(), lines)


def forget() -> None:
    """Have all PIN pads used again. Raises ``OSError``."""
    delete_private(file_path())


def _entries() -> Iterator[tuple[PadUse, str]]:
    for line in read_private(file_path(), _MOST * _LONGEST * 4).splitlines():
        use, _, product = line.partition(" ")
        if use in PadUse.__members__.values() and product:
            yield PadUse(use), product


def _product(reader: str) -> str:
    name = _ONE_OF_MANY.sub("", reader)
    return "".join(c if c.isprintable() else "?" for c in name)[:_LONGEST]


def file_path() -> Path:
    return user_state_folder() / "unused-pads"
