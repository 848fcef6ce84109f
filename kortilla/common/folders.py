# SPDX-License-Identifier: MIT
"""Folders with a mode that does not depend on the umask."""

from contextlib import suppress
from pathlib import Path


def make_folder(path: Path, mode: int = 0o700) -> None:
    """Create a folder, and those above it, where they are missing.

    ``Path.mkdir`` gives the mode only to the last one: with a umask of 000, others
    could replace it. Raises ``OSError``.
    """
    missing = [each for each in (path, *path.parents) if not each.exists()]
    for each in reversed(missing):
        with suppress(FileExistsError):
            each.mkdir(mode)
    if not path.is_dir():
        raise NotADirectoryError(f"{path} is no folder")
