# SPDX-License-Identifier: MIT
"""Locks on open files. They exclude all other openings, and end with this one."""

import sys
from typing import IO, Any

if sys.platform == "win32":
    import ctypes
    import msvcrt
    import struct

    _EXCLUSIVE, _AT_ONCE = 2, 1  # of LockFileEx
    _LOCK_VIOLATION = 33
    #: A locked byte can be neither read nor written by others, so it lies beyond all.
    _OVERLAPPED = struct.pack("PPIIP", 0, 0, 0, 0x4000_0000, 0)
    _kernel = ctypes.WinDLL("kernel32", use_last_error=True)

    def lock_file(file: IO[Any] | int, *, wait: bool = False) -> None:
        """Lock an open file.

        Without ``wait``, raises ``BlockingIOError`` if another opening holds the lock,
        and otherwise ``OSError`` where the file system has no locks.
        """
        flags = _EXCLUSIVE | (0 if wait else _AT_ONCE)
        where = ctypes.create_string_buffer(_OVERLAPPED)
        if not _kernel.LockFileEx(_handle(file), flags, 0, 1, 0, where):
            error = ctypes.WinError(ctypes.get_last_error())
            if error.winerror == _LOCK_VIOLATION:
                raise BlockingIOError(error.errno, error.strerror) from None
            raise error

    def unlock_file(file: IO[Any] | int) -> None:
        """Unlock an open file that stays open."""
        where = ctypes.create_string_buffer(_OVERLAPPED)
        _kernel.UnlockFileEx(_handle(file), 0, 1, 0, where)

    def _handle(file: IO[Any] | int) -> ctypes.c_void_p:
        descriptor = file if isinstance(file, int) else file.fileno()
        return ctypes.c_void_p(msvcrt.get_osfhandle(descriptor))

else:
    import fcntl

    def lock_file(file: IO[Any] | int, *, wait: bool = False) -> None:
        """Lock an open file.

        Without ``wait``, raises ``BlockingIOError`` if another opening holds the lock,
        and otherwise ``OSError`` where the file system has no locks.
        """
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))

    def unlock_file(file: IO[Any] | int) -> None:
        """Unlock an open file that stays open."""
        fcntl.flock(file, fcntl.LOCK_UN)
