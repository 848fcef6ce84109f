# SPDX-License-Identifier: MIT
"""What the program needs of Windows. ``posix/system.py`` has the same names."""

import ctypes
import errno
import msvcrt
import os
import signal
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NoReturn, Self

from kortilla.common.locks import lock_file, unlock_file
from native_host.platform.hardening import wipe
from native_host.platform.windows import protection, signals
from native_host.platform.windows.access import others_may, sid_of

if sys.platform != "win32":  # mypy reads on only for Windows
    raise ImportError("This module is for Windows.")

_LIST, _DELETE, _READ_CONTROL = 1, 0x1_0000, 0x2_0000
_SHARE_READ_WRITE, _SHARE_ALL = 3, 7
_CREATE_NEW, _OPEN_EXISTING, _OPEN_ALWAYS = 1, 3, 4
_READ, _WRITE = 0x8000_0000, 0x4000_0000
#: Access by O_RDONLY, O_WRONLY and O_RDWR.
_ACCESS = {0: _READ, 1: _WRITE | _READ_CONTROL, 2: _READ | _WRITE}
_BACKUP_SEMANTICS, _OPEN_REPARSE_POINT = 0x200_0000, 0x20_0000
_DELETE_ON_CLOSE = 0x400_0000
_SHARING_VIOLATION = 32
_BASIC_INFO = 0
_NO_HANDLE = ctypes.c_void_p(-1).value
_LONGEST_PATH = 32768  # characters

_OWNER_AND_DACL = 1 | 4
_TRIES, _PAUSE = 5, 0.02  # seconds

#: How files end that Windows gives to a program which shows them.
_FOR_VIEWERS = frozenset(
    {
        *(".pdf", ".txt", ".csv", ".eml", ".asice"),
        *(".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp"),
        *(".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp"),
    }
)

#: The stream of a file that says where it came from ([MS-FSCC] §5.6.1), what browsers
#: write there, and the most bytes that are copied.
_MARK, _FROM_WEB, _LONGEST_MARK = (
    ":Zone.Identifier",
    b"[ZoneTransfer]\r\nZoneId=3\r\n",
    1 << 16,
)

_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel.GetCurrentProcess.restype = ctypes.c_void_p
_advapi = ctypes.WinDLL("advapi32", use_last_error=True)
_kernel.CreateFileW.restype = ctypes.c_void_p


class Folder:
    """An open folder, which is no link.

    While it is open, nobody can rename or delete it, nor those above it. ``name`` is
    relative to ``within``. All methods raise ``OSError``; opening one that is locked
    raises ``BlockingIOError``.
    """

    def __init__(self, name: Path | str, within: "Folder | None" = None) -> None:
        self._path: Path = within._path / name if within else Path(name)
        self._handle = self._open()

    def _open(self, more: int = 0) -> ctypes.c_void_p:
        handle = _create(
            self._path,
            _LIST | _READ_CONTROL | more,
            _SHARE_READ_WRITE,  # and not FILE_SHARE_DELETE: so it keeps its name
            _OPEN_EXISTING,
            _BACKUP_SEMANTICS,
        )
        try:
            _refuse_link(self._path.lstat(), self._path)
            if not self._path.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, "no folder", str(self._path))
        except OSError:
            _kernel.CloseHandle(handle)
            raise
        return handle

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it, and end its lock. May be called twice."""
        _kernel.CloseHandle(self._handle)
        self._handle = ctypes.c_void_p()

    def status(self) -> os.stat_result:
        return self._path.stat()

    def is_private(self) -> bool:
        """Whether it is this user's, and no other user can write there."""
        return not others_may(
            _descriptor_of(self._handle), sid_of(protection.user_sid())
        )

    def lock(self) -> None:
        """Lock it until it is closed. Raises ``BlockingIOError`` if it is locked."""
        self.close()
        self._handle = self._open(_DELETE)

    def open(self, name: str, flags: int, mode: int = 0o600) -> int:
        """Open a regular file that is no link, and return its descriptor."""
        return open_file(self._path / name, flags, mode)

    def names(self) -> list[str]:
        return [each.name for each in self._path.iterdir()]

    def make_folder(self, name: str, mode: int) -> "Folder":
        """Make a folder and open it. It has the rights of the one that it is in."""
        (self._path / name).mkdir(mode)
        return Folder(name, self)

    def read_link(self, name: str) -> str:
        return str((self._path / name).readlink())

    def make_link(self, name: str, target: str) -> None:
        (self._path / name).symlink_to(target)

    def replace(self, name: str, new: str) -> None:
        """Rename a file, in place of one that has the new name."""
        (self._path / name).replace(self._path / new)

    def unlink(self, name: str) -> None:
        (self._path / name).unlink()

    def remove_folder(self, name: str) -> None:
        (self._path / name).rmdir()


def open_file(path: Path | str, flags: int, mode: int = 0o600) -> int:
    """Open a regular file that is no link, and return its descriptor.

    As on Linux, it can be renamed and deleted while it is open. A file that nobody may
    write to can't be made: ``mode`` has no effect. Raises ``OSError``.
    """
    if flags & os.O_CREAT:
        how = _CREATE_NEW if flags & os.O_EXCL else _OPEN_ALWAYS
    else:
        how = _OPEN_EXISTING
    handle = _create(Path(path), _ACCESS[flags & 3], _SHARE_ALL, how)
    descriptor = msvcrt.open_osfhandle(handle.value or 0, flags & os.O_APPEND)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        _refuse_link(found, path)
        if flags & os.O_TRUNC:
            os.ftruncate(descriptor, 0)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _create(
    path: Path, access: int, share: int, how: int, flags: int = 0
) -> ctypes.c_void_p:
    """Open a file or a folder, or a link as such. Raises ``OSError``."""
    handle = _kernel.CreateFileW(
        str(path), access, share, None, how, flags | _OPEN_REPARSE_POINT, None
    )
    if handle != _NO_HANDLE:
        return ctypes.c_void_p(handle)
    error = ctypes.WinError(ctypes.get_last_error())
    if error.winerror == _SHARING_VIOLATION:
        raise BlockingIOError(error.errno, error.strerror, str(path))
    raise OSError(error.errno, error.strerror, str(path), error.winerror)


def _refuse_link(found: os.stat_result, path: Path | str) -> None:
    """Raise ``OSError`` for a symbolic link, a junction and a mount point."""
    if found.st_file_attributes & stat.FILE_ATTRIBUTE_REPARSE_POINT:
        raise OSError(errno.ELOOP, "it is a link", str(path))


def is_root() -> bool:
    """Whether this process is root's: Windows has no such user."""
    return False


def is_own(_found: os.stat_result) -> bool:
    """Whether a file may be this user's: Windows' status does not name the owner."""
    return True


def is_private(descriptor: int) -> bool:
    """Whether nobody but this user may read or write an open file."""
    handle = ctypes.c_void_p(msvcrt.get_osfhandle(descriptor))
    return not others_may(
        _descriptor_of(handle), sid_of(protection.user_sid()), read=True
    )


def set_mode(descriptor: int, mode: int) -> None:
    """Let nobody write to an open file if its owner may not. Raises ``OSError``.

    Otherwise a file has the rights of its folder.
    """
    if mode & stat.S_IWUSR:
        return
    handle = ctypes.c_void_p(msvcrt.get_osfhandle(descriptor))
    times_as_they_are = (0, 0, 0, 0)
    info = struct.pack("4qI4x", *times_as_they_are, stat.FILE_ATTRIBUTE_READONLY)
    if not _kernel.SetFileInformationByHandle(handle, _BASIC_INFO, info, len(info)):
        raise ctypes.WinError(ctypes.get_last_error())


def delete_locked(path: Path, folder: Folder) -> None:
    """Delete a folder that is locked, as far as that is possible, and close it."""
    folder.close()  # nobody can read or delete it before
    delete_folder(path)


def delete_file(path: Path) -> None:
    """Delete a file, also one that its owner may not write to. Raises ``OSError``."""
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    path.unlink()


def delete_folder(path: Path) -> None:
    """Delete a folder and all in it, as far as that is possible."""
    import shutil  # slow to import

    for each in path.rglob("*"):
        with suppress(OSError):  # another process may have deleted it by now
            each.chmod(stat.S_IRUSR | stat.S_IWUSR)  # else it can't be deleted
    shutil.rmtree(path, ignore_errors=True)


def open_unnamed(path: Path, _mode: int) -> int | None:
    """Open a file that goes when it is closed, also as its program is killed.

    It has the name ``path``. Return None where that is impossible. Closing removes
    the name, and the file stays if it has got another one ([MS-FSA] §2.1.5.5).
    """
    with suppress(OSError):
        access = _READ | _WRITE | _DELETE
        handle = _create(path, access, _SHARE_ALL, _CREATE_NEW, _DELETE_ON_CLOSE)
        name = ctypes.create_unicode_buffer(_LONGEST_PATH)
        _kernel.GetVolumeInformationByHandleW(
            handle, None, 0, None, None, None, name, len(name)
        )
        if name.value == "NTFS":  # which has second names
            return msvcrt.open_osfhandle(handle.value or 0, 0)
        _kernel.CloseHandle(handle)
    return None


def give_name(descriptor: int, path: Path) -> None:
    """Give a name to a file that ``open_unnamed`` opened. Raises ``OSError``."""
    handle = ctypes.c_void_p(msvcrt.get_osfhandle(descriptor))
    name = ctypes.create_unicode_buffer(_LONGEST_PATH)
    if not _kernel.GetFinalPathNameByHandleW(handle, name, len(name), 0):
        raise ctypes.WinError(ctypes.get_last_error())
    os.link(name.value, path)


def reserve(descriptor: int, size: int) -> None:
    """Reserve room on the disk for an open file. Raises ``OSError``."""
    os.ftruncate(descriptor, size)


def sync_folder(_path: Path) -> None:
    """Write new names in a folder to the disk: Windows does so with the file."""


def lock_visibly(file: IO[Any]) -> None:
    """Lock an open file, so that ``is_locked`` is true for other processes.

    Raises ``BlockingIOError`` if it is locked.
    """
    tries = _TRIES  # `is_locked` of another process holds it for a moment
    while True:
        try:
            lock_file(file)
        except BlockingIOError:
            tries -= 1
            if not tries:
                raise
            time.sleep(_PAUSE)
        else:
            return


def is_locked(file: IO[Any]) -> bool:
    """Whether another process has locked the file."""
    try:
        lock_file(file)
    except BlockingIOError:
        return True
    unlock_file(file)
    return False


#: The signal of a console that has gone.
HANGUP = signal.SIGBREAK


def on_signals(call: Callable[[], object], *numbers: signal.Signals) -> None:
    """Have the running event loop call something at signals, while it runs.

    SIGTERM is a request of ``processes.ask_to_end``.
    """
    import asyncio  # slow to import, and the host begins without it

    loop = asyncio.get_running_loop()

    def handle(*_: object) -> None:
        if loop.is_closed():
            raise KeyboardInterrupt
        loop.call_soon_threadsafe(call)

    def handle_in_thread() -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(call)

    for number in numbers:
        signal.signal(number, handle)
    if signal.SIGTERM in numbers:
        signals.on_request(handle_in_thread)
    if HANGUP in numbers:
        signals.on_console_end(handle_in_thread)


def wait_for_hangup(_descriptor: int) -> bool:
    """Return False: a pipe tells of its end when all has been read."""
    return False


#: For ``creationflags`` of a process to which this one's console says nothing.
NO_CONSOLE = subprocess.CREATE_NO_WINDOW
#: The same for one that goes on when this one ends: it leaves the browser's job.
BREAKAWAY = subprocess.CREATE_BREAKAWAY_FROM_JOB | NO_CONSOLE


def exit_now() -> NoReturn:
    """End this process with the status 0, without what libraries do at the end.

    ``os._exit`` would have Qt stop its timers, on whichever thread this is.
    """
    _kernel.TerminateProcess(ctypes.c_void_p(_kernel.GetCurrentProcess()), 0)
    raise SystemExit


def is_for_viewer(path: Path) -> bool:
    """Whether a folder or a file that is opened is shown, and not run.

    Windows runs programs, scripts, shortcuts and more as it opens them.
    """
    return path.is_dir() or path.suffix.casefold() in _FOR_VIEWERS


def mark_as_from_web(path: Path) -> None:
    """Have programs know that a file came from the internet, as browsers do."""
    _write_mark(path, _FROM_WEB)


def copy_mark(sources: Iterable[Path], made: Path) -> None:
    """Give a new file the mark of the first that has one, of those it is made of."""
    for each in sources:
        with suppress(OSError):  # most have none
            with Path(f"{each.absolute()}{_MARK}").open("rb") as file:
                mark = file.read(_LONGEST_MARK)
            _write_mark(made, mark)
            return


def _write_mark(path: Path, mark: bytes) -> None:
    with suppress(OSError):  # not every file system has streams
        Path(f"{path.absolute()}{_MARK}").write_bytes(mark)


class Terminal:
    """The console of this process. Lines are read on the event loop."""

    def __init__(self, _descriptor: int) -> None:
        self._hidden = False

    def write(self, text: str) -> None:
        for each in text:
            msvcrt.putwch(each)

    def hide_typing(self) -> None:
        """Show nothing of what is typed, and discard earlier input."""
        while msvcrt.kbhit():
            msvcrt.getwch()
        self._hidden = True

    def show_typing(self) -> None:
        """Show what is typed again, and discard input that was not shown."""
        if self._hidden:
            self.hide_typing()
            self._hidden = False

    @contextmanager
    def reading(self, most: int, take: Callable[[bytearray], None]) -> Iterator[None]:
        """Call ``take`` for each line, of at most ``most`` bytes, without its end.

        No event tells of a key, so it looks for one again and again.
        """
        import asyncio

        line: list[bytearray] = []  # a character each

        async def look() -> None:
            while True:
                while msvcrt.kbhit():
                    self._press(msvcrt.getwch(), line, most, take)
                await asyncio.sleep(_PAUSE)

        looking = asyncio.get_running_loop().create_task(look())
        try:
            yield
        finally:
            looking.cancel()
            for each in line:
                wipe(each)

    def _press(
        self,
        key: str,
        line: list[bytearray],
        most: int,
        take: Callable[[bytearray], None],
    ) -> None:
        if key in "\0\xe0":  # of two parts, such as an arrow
            msvcrt.getwch()
        elif key == "\3":
            signal.raise_signal(signal.SIGINT)
        elif key in "\r\n\x1a":  # Enter, or Ctrl-Z as at the end of a file
            self._echo("\r\n")
            take(bytearray().join(line))
            for each in line:
                wipe(each)
            line.clear()
        elif key == "\b":
            if line:
                self._echo("\b \b")
                wipe(line.pop())
        elif len(line) < most:
            self._echo(key)
            line.append(bytearray(key.encode(errors="replace")))

    def _echo(self, text: str) -> None:
        if not self._hidden:
            self.write(text)


def _descriptor_of(handle: ctypes.c_void_p) -> bytes:
    """Return the self-relative descriptor of an open file. Raises ``OSError``."""
    size = ctypes.c_ulong()
    place = ctypes.create_string_buffer(0)
    for _ in range(2):  # first to learn the size
        done = _advapi.GetKernelObjectSecurity(
            handle, _OWNER_AND_DACL, place, len(place), ctypes.byref(size)
        )
        if done:
            return place.raw
        place = ctypes.create_string_buffer(size.value)
    raise ctypes.WinError(ctypes.get_last_error())
