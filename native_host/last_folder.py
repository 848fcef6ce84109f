# SPDX-License-Identifier: MIT
"""The folder in which the person last chose a file, kept between starts.

Only its owner can read it. It is apart from the dialogs, since ``kortilla uninstall``
deletes it, also where Qt is missing.
"""

from contextlib import suppress
from pathlib import Path

from native_host.paths import user_state_folder
from native_host.private_files import delete_private, read_private, write_private

_LONGEST = 4096  # as of a path on Linux


def last_folder() -> Path:
    """Return the folder, or the person's home if it is gone or not known."""
    kept = Path(read_private(_path(), _LONGEST))
    with suppress(OSError, ValueError):
        if kept.is_absolute() and kept.is_dir():
            return kept
    return Path.home()


def keep(folder: Path) -> None:
    """Keep a folder. If it can't be kept, the next dialog starts in the home."""
    with suppress(OSError):
        write_private(_path(), str(folder))


def forget() -> None:
    """Raises ``OSError``."""
    delete_private(_path())


def _path() -> Path:
    return user_state_folder() / "last-folder"
