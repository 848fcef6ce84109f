# SPDX-License-Identifier: MIT
"""What the program needs of Linux. ``windows/system.py`` has the same names."""

import fcntl
import os
import select
import signal
import struct
import sys
import termios
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NoReturn, Self

from kortilla.common.files import open_regular
from kortilla.common.locks import lock_file
from native_host.platform.hardening import wipe

if sys.platform == "win32":  # mypy reads on only for others
    raise ImportError("This module is not for Windows.")


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
    delete_folder(path)
    folder.close()


def delete_file(path: Path) -> None:
    """Delete a file, also one that its owner may not write to. Raises ``OSError``."""
    path.unlink()


def delete_folder(path: Path) -> None:
    """Delete a folder and all in it, as far as that is possible."""
    import shutil  # slow to import

    shutil.rmtree(path, ignore_errors=True)


def open_unnamed(path: Path, mode: int) -> int | None:
    """Open a file without a name, or return None where that is impossible.

    It is in the folder of ``path``, the name that it has on other systems.
    """
    flag = getattr(os, "O_TMPFILE", 0)  # Linux has it
    if not flag or not Path("/proc/self/fd").is_dir():  # `give_name` needs it
        return None
    try:
        return os.open(path.parent, os.O_RDWR | flag | os.O_CLOEXEC, mode)
    except OSError:
        return None


def give_name(descriptor: int, path: Path) -> None:
    """Give a name to a file without one. Raises ``OSError``."""
    # With a folder's descriptor, Python follows the link (open(2), O_TMPFILE).
    os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=descriptor)


def reserve(descriptor: int, size: int) -> None:
    """Reserve room on the disk for an open file. Raises ``OSError``."""
    os.posix_fallocate(descriptor, 0, size)


def sync_folder(path: Path) -> None:
    """Write new names in a folder to the disk. Raises ``OSError``."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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


def wait_for_hangup(descriptor: int) -> bool:
    """Wait until nobody writes to a pipe or socket any more; return True then.

    What was written may not have been read yet. Windows can't tell: there it returns
    False at once.
    """
    ends = select.poll()
    ends.register(descriptor, getattr(select, "POLLRDHUP", 0))
    return bool(ends.poll())


#: The signal of a terminal that has gone.
HANGUP = signal.SIGHUP


def on_signals(call: Callable[[], object], *numbers: signal.Signals) -> None:
    """Have the running event loop call something at signals, while it runs."""
    import asyncio  # slow to import, and the host begins without it

    loop = asyncio.get_running_loop()
    for number in numbers:
        loop.add_signal_handler(number, call)


#: For ``creationflags`` of a process to which this one's console says nothing, and of
#: one that goes on when this one ends. A session of its own is enough here.
NO_CONSOLE = 0
BREAKAWAY = 0


def exit_now() -> NoReturn:
    """End this process with the status 0, without what libraries do at the end."""
    os._exit(0)


def is_for_viewer(_path: Path) -> bool:
    """Whether a file that is opened is shown, and not run: on Linux, each is."""
    return True


def mark_as_from_web(_path: Path) -> None:
    """Have programs know that a file came from the internet: Linux has no such mark."""


def copy_mark(_sources: Iterable[Path], _made: Path) -> None:
    """Give a new file the mark of those it is made of: Linux has none."""


class Terminal:
    """The terminal at an open file. Lines are read on the event loop."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        #: How it was before its echo was switched off.
        self._before: list[Any] | None = None

    def write(self, text: str) -> None:
        with suppress(OSError):  # it may be open for reading only
            os.write(self._descriptor, text.encode(errors="replace"))

    def hide_typing(self) -> None:
        """Switch the echo off, and discard earlier input."""
        now = termios.tcgetattr(self._descriptor)
        if self._before is None:
            self._before = now
        silent = [*now]
        silent[3] &= ~termios.ECHO
        termios.tcsetattr(self._descriptor, termios.TCSAFLUSH, silent)

    def show_typing(self) -> None:
        """Switch the echo on again, and discard input that was not echoed."""
        if self._before is not None:
            with suppress(termios.error):  # the terminal has gone
                termios.tcsetattr(self._descriptor, termios.TCSAFLUSH, self._before)
            self._before = None

    @contextmanager
    def reading(self, most: int, take: Callable[[bytearray], None]) -> Iterator[None]:
        """Call ``take`` for each line, of at most ``most`` bytes, without its end."""
        import asyncio

        loop = asyncio.get_running_loop()
        line = bytearray(most)

        def read() -> None:
            try:
                count = os.readv(self._descriptor, [line])
            except OSError:
                count = 0
            take(bytearray(line[:count].rstrip(b"\r\n")))
            wipe(line)

        loop.add_reader(self._descriptor, read)
        try:
            yield
        finally:
            loop.remove_reader(self._descriptor)
