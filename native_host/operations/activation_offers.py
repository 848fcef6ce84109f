# SPDX-License-Identifier: MIT
"""Records the insertions of cards for which a window has offered activation.

The agent reads the records, so that a person who has declined in a login's window is
not asked again.
"""

import contextlib
import hashlib
import os
from pathlib import Path

from native_host.card.source import Reader
from native_host.paths import runtime_folder
from native_host.private_files import open_private, private_folder

_PREFIX = "offered-"
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def note(reader: Reader) -> None:
    """Record an offer to activate the card in a reader.

    If that can't be written, the agent may offer it once more.
    """
    path = _path(reader)
    if path and reader.events:
        with (
            contextlib.suppress(OSError),
            os.fdopen(open_private(path, _WRITE), "w") as f,
        ):
            f.write(_insertion(reader))


def was_noted(reader: Reader) -> bool:
    """Whether this very insertion has been recorded."""
    path = _path(reader)
    try:
        if path is None:
            return False
        with os.fdopen(open_private(path, os.O_RDONLY)) as file:
            return file.read() == _insertion(reader)
    except (OSError, ValueError):
        return False


def forget(reader: Reader) -> None:
    """Delete the record for a reader: the system may restart its count."""
    if path := _path(reader):
        with contextlib.suppress(OSError), private_folder(path.parent) as folder:
            os.unlink(path.name, dir_fd=folder)


def forget_all() -> None:
    if path := runtime_folder():
        with contextlib.suppress(OSError), private_folder(path) as folder:
            for name in os.listdir(folder):  # noqa: PTH208 - by its descriptor
                if name.startswith(_PREFIX):
                    os.unlink(name, dir_fd=folder)


def _path(reader: Reader) -> Path | None:
    name = hashlib.sha256(reader.name.encode()).hexdigest()[:16]
    folder = runtime_folder()
    return folder / f"{_PREFIX}{name}" if folder else None


def _insertion(reader: Reader) -> str:
    return f"{reader.events} {(reader.atr or b'').hex()}"
