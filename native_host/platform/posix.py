# SPDX-License-Identifier: MIT
"""What the program needs of Linux. ``windows.py`` has the same names."""

import fcntl
import os
import select
import signal
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Self

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
    import shutil  # slow to import

    shutil.rmtree(path, ignore_errors=True)
    folder.close()


#: struct flock of fcntl(2): kind, whence, start, length and process.
_FLOCK = "hhqqi"
_WHOLE_FILE = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)


def lock_visibly(file: IO[Any]) -> None:
    """Lock an open file, so that ``is_locked`` is true for other processes.

    Raises ``BlockingIOError`` if it is locked.
    """
    fcntl.fcntl(file, fcntl.F_OFD_SETLK, _WHOLE_FILE)


def is_locked(file: IO[Any]) -> bool:
    """Whether a process has locked the file, also only in part.

    It takes no lock: ``lock_visibly`` of another process, just then, would fail.
    """
    answer = fcntl.fcntl(file, fcntl.F_OFD_GETLK, _WHOLE_FILE)
    return bool(struct.unpack(_FLOCK, answer)[0] != fcntl.F_UNLCK)


#: The signal of a terminal that has gone.
HANGUP = signal.SIGHUP


def on_signals(call: Callable[[], object], *numbers: signal.Signals) -> None:
    """Have the running event loop call something at signals, while it runs."""
    import asyncio  # slow to import, and the host begins without it

    loop = asyncio.get_running_loop()
    for number in numbers:
        loop.add_signal_handler(number, call)


def end_process(pid: int, is_it: Callable[[], bool], seconds: float) -> None:
    """Ask a process to end, and wait at most so long until it has.

    It is asked if ``is_it`` says so once its number can't become another process's.
    """
    try:
        process = os.pidfd_open(pid)
    except OSError:  # no process has that number
        return
    try:
        if is_it():
            signal.pidfd_send_signal(process, signal.SIGTERM)
            select.select([process], [], [], seconds)
    finally:
        os.close(process)
