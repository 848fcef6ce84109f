# SPDX-License-Identifier: MIT
"""Records the insertions of cards for which a window has offered activation.

The agent reads the records, so that a person who has declined in a login's window is
not asked again.
"""

import contextlib
import hashlib
from pathlib import Path

from native_host.card.source import Reader
from native_host.paths import runtime_folder

__all__ = ["forget", "forget_all", "note", "was_noted"]

_PREFIX = "offered-"


def note(reader: Reader) -> None:
    """Record an offer to activate the card in a reader.

    If that can't be written, the agent may offer it once more.
    """
    path = _path(reader)
    if path and reader.events:
        with contextlib.suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_text(_insertion(reader))


def was_noted(reader: Reader) -> bool:
    """Whether this very insertion has been recorded."""
    path = _path(reader)
    try:
        return path is not None and path.read_text() == _insertion(reader)
    except (OSError, ValueError):
        return False


def forget(reader: Reader) -> None:
    """Delete the record for a reader: the system may restart its count."""
    if path := _path(reader):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def forget_all() -> None:
    """Delete all records."""
    if folder := runtime_folder():
        for path in folder.glob(f"{_PREFIX}*"):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def _path(reader: Reader) -> Path | None:
    name = hashlib.sha256(reader.name.encode()).hexdigest()[:16]
    folder = runtime_folder()
    return folder / f"{_PREFIX}{name}" if folder else None


def _insertion(reader: Reader) -> str:
    return f"{reader.events} {(reader.atr or b'').hex()}"
