# SPDX-License-Identifier: MIT
"""The folder in which the person last chose a file, kept between starts.

Only its owner can read it. It is apart from the dialogs, since ``kortilla uninstall``
deletes it, also where Qt is missing.
"""

import contextlib
import os
from pathlib import Path

from native_host.paths import user_state_folder
from native_host.private_files import open_private, private_folder

_LONGEST = 4096  # bytes, as of a path on Linux
# Nobody waits for what is no file.
_READ = os.O_RDONLY | os.O_NONBLOCK
_WRITE = os.O_WRONLY | os.O_NONBLOCK | os.O_CREAT | os.O_TRUNC


def last_folder() -> Path:
    """Return the folder, or the person's home if it is gone or not known."""
    try:
        with os.fdopen(open_private(_path(), _READ), "rb") as file:
            kept = Path(os.fsdecode(file.read(_LONGEST)))
        if kept.is_absolute() and kept.is_dir():
            return kept
    except (OSError, ValueError):
        pass
    return Path.home()


def keep(folder: Path) -> None:
    """Keep a folder. If it can't be kept, the next dialog starts in the home."""
    with (
        contextlib.suppress(OSError),
        os.fdopen(open_private(_path(), _WRITE), "wb") as file,
    ):
        file.write(os.fsencode(folder))


def forget() -> None:
    """Raises ``OSError``."""
    path = _path()
    with (
        contextlib.suppress(FileNotFoundError),
        private_folder(path.parent) as folder,
    ):
        os.unlink(path.name, dir_fd=folder)


def _path() -> Path:
    return user_state_folder() / "last-folder"
