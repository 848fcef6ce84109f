# SPDX-License-Identifier: MIT
"""What the program needs of Linux. ``windows.py`` has the same names."""

import os
import shutil
import sys
from pathlib import Path
from typing import Self

from kortilla.common.files import open_regular
from kortilla.common.locks import lock_file

assert sys.platform != "win32"  # noqa: S101 - mypy reads on only for others


class Folder:
    """An open folder, which is no link.

    Its files are reached in it, even if its path names another folder by now. ``name``
    is relative to ``within``. All methods raise ``OSError``.
    """

    def __init__(self, name: Path | str, within: "Folder | None" = None) -> None:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        folder = None if within is None else within._descriptor
        self._descriptor: int = os.open(name, flags, dir_fd=folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it, and end its lock. May be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def status(self) -> os.stat_result:
        return os.fstat(self._descriptor)

    def is_private(self) -> bool:
        """Whether it is this user's, and nobody else can write there."""
        found = self.status()
        return found.st_uid == os.geteuid() and not found.st_mode & 0o022

    def lock(self) -> None:
        """Lock it until it is closed. Raises ``BlockingIOError`` if it is locked."""
        lock_file(self._descriptor)

    def open(self, name: str, flags: int, mode: int = 0o600) -> int:
        """Open a regular file that is no link, and return its descriptor."""
        return open_regular(
            name, flags | os.O_NOFOLLOW, mode=mode, folder=self._descriptor
        )

    def names(self) -> list[str]:
        return os.listdir(self._descriptor)  # noqa: PTH208 - by its descriptor

    def make_folder(self, name: str, mode: int) -> "Folder":
        """Make a folder with a mode that no umask narrows, and open it."""
        os.mkdir(name, mode, dir_fd=self._descriptor)
        made = Folder(name, self)
        os.fchmod(made._descriptor, mode)
        return made

    def read_link(self, name: str) -> str:
        return os.readlink(name, dir_fd=self._descriptor)

    def make_link(self, name: str, target: str) -> None:
        os.symlink(target, name, dir_fd=self._descriptor)

    def replace(self, name: str, new: str) -> None:
        """Rename a file, in place of one that has the new name."""
        os.rename(name, new, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def unlink(self, name: str) -> None:
        os.unlink(name, dir_fd=self._descriptor)

    def remove_folder(self, name: str) -> None:
        os.rmdir(name, dir_fd=self._descriptor)


def open_file(path: Path | str, flags: int, mode: int = 0o600) -> int:
    """Open a regular file that is no link, and return its descriptor.

    Raises ``OSError`` as ``open_regular`` does.
    """
    return open_regular(path, flags | os.O_NOFOLLOW, mode=mode)


def is_root() -> bool:
    """Whether this process is root's."""
    return os.geteuid() == 0


def is_own(found: os.stat_result) -> bool:
    """Whether a file belongs to this user."""
    return found.st_uid == os.geteuid()


def is_private(descriptor: int) -> bool:
    """Whether an open file is this user's, and nobody else may read or write it."""
    found = os.fstat(descriptor)
    return is_own(found) and not found.st_mode & 0o077


def set_mode(descriptor: int, mode: int) -> None:
    """Give an open file a mode that no umask narrows. Raises ``OSError``."""
    os.fchmod(descriptor, mode)


def delete_locked(path: Path, folder: Folder) -> None:
    """Delete a folder that is locked, as far as that is possible, and close it."""
    shutil.rmtree(path, ignore_errors=True)
    folder.close()
