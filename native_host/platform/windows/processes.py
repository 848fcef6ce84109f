# SPDX-License-Identifier: MIT
"""What Windows says of processes (Toolhelp). On Linux: ``/proc``.

Functions raise ``OSError`` for a process that can't be looked at.
"""

import ctypes
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ctypes import wintypes
from pathlib import Path
from typing import TYPE_CHECKING

from native_host.platform.windows import signals

if TYPE_CHECKING:
    import subprocess

if sys.platform != "win32":  # mypy reads on only for Windows
    raise ImportError("This module is for Windows.")

_ALL_PROCESSES = 2  # TH32CS_SNAPPROCESS
_TERMINATE, _QUERY, _SYNCHRONIZE = 1, 0x1000, 0x10_0000
_LONGEST = 1 << 15  # characters of a path
_TICKS, _EPOCH = 10_000_000, 11_644_473_600  # a second; 1970, in seconds since 1601


class _Entry(ctypes.Structure):
    """PROCESSENTRY32W."""

    _fields_ = (
        ("size", wintypes.DWORD),
        ("usage", wintypes.DWORD),
        ("pid", wintypes.DWORD),
        ("heap", ctypes.c_void_p),
        ("module", wintypes.DWORD),
        ("threads", wintypes.DWORD),
        ("parent", wintypes.DWORD),
        ("priority", wintypes.LONG),
        ("flags", wintypes.DWORD),
        ("name", wintypes.WCHAR * wintypes.MAX_PATH),
    )


_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel.CreateToolhelp32Snapshot.restype = wintypes.HANDLE
_kernel.OpenProcess.restype = wintypes.HANDLE


def own_parent() -> int:
    """Return the process that started this one.

    ``os.getppid`` ends the process in Wine, which has no PssCaptureSnapshot.
    """
    return parent_of(os.getpid())


def parent_of(pid: int) -> int:
    """Return the process that started another, or 0 if that has ended.

    A number is used again: what is younger than its child is another process.
    """
    parent = next((each.parent for each in _running() if each.pid == pid), None)
    if parent is None:
        raise ProcessLookupError("There is no such process.")
    return int(parent) if parent and _started(parent) <= _started(pid) else 0


def age_of(pid: int) -> float:
    """Return for how many seconds a process has run."""
    return time.time() - _started(pid)


def _started(pid: int) -> float:
    """Return when a process has started, as ``time.time`` does."""
    times = [wintypes.FILETIME() for _ in range(4)]
    with _opened(pid, _QUERY) as process:
        if not _kernel.GetProcessTimes(process, *map(ctypes.byref, times)):
            raise ctypes.WinError(ctypes.get_last_error())
    start = times[0].dwHighDateTime << 32 | times[0].dwLowDateTime
    return float(start / _TICKS - _EPOCH)


def executable_of(pid: int) -> Path:
    """Return the path of a process's executable."""
    path = ctypes.create_unicode_buffer(_LONGEST)
    size = wintypes.DWORD(_LONGEST)
    with _opened(pid, _QUERY) as process:
        if not _kernel.QueryFullProcessImageNameW(process, 0, path, ctypes.byref(size)):
            raise ctypes.WinError(ctypes.get_last_error())
    return Path(path.value)


def name_of(executable: Path) -> str:
    """Return the name of a program by its path: that on Linux, for most programs."""
    return executable.name.lower().removesuffix(".exe")


def stands_beside(_pid: int, executable: Path, name: str) -> bool:
    """Whether a file is in the folder of a process's executable."""
    return (executable.parent / name).exists()


def short_name_of(pid: int) -> str:
    """Return the name of a process's executable."""
    return next((each.name for each in _running() if each.pid == pid), "")


def is_for_another(pid: int) -> bool:
    """Whether a process is Windows' own ``cmd.exe``: Chromium starts the host by it."""
    folder = ctypes.create_unicode_buffer(_LONGEST)
    _kernel.GetSystemDirectoryW(folder, _LONGEST)
    return executable_of(pid) == Path(folder.value) / "cmd.exe"


def names_of_running() -> Iterator[str]:
    """Yield the names of programs that run."""
    for each in _running():
        yield each.name


def ask_to_end(process: "subprocess.Popen[bytes]") -> None:
    """Ask a child process to end. One that does not listen yet is ended."""
    if not signals.ask_to_end(process.pid):
        process.terminate()


def end_process(pid: int, is_it: Callable[[], bool], seconds: float) -> None:
    """Ask a process to end, and end it if it has not after so long.

    It is asked if ``is_it`` says so once its number can't become another process's.
    """
    with suppress(OSError), _opened(pid, _TERMINATE | _SYNCHRONIZE) as process:
        if not is_it():
            return
        within = int(seconds * 1000)
        asked = signals.ask_to_end(pid)
        if not asked or _kernel.WaitForSingleObject(process, within):
            _kernel.TerminateProcess(process, 1)
            _kernel.WaitForSingleObject(process, within)


def kill_session(pid: int) -> None:
    """Kill a child process. A job of its own ends the children that it has."""
    end_process(pid, lambda: True, 0)


def _running() -> Iterator[_Entry]:
    """Yield all processes, each in the same entry."""
    snapshot = wintypes.HANDLE(_kernel.CreateToolhelp32Snapshot(_ALL_PROCESSES, 0))
    entry = _Entry(size=ctypes.sizeof(_Entry))
    try:
        more = _kernel.Process32FirstW(snapshot, ctypes.byref(entry))
        while more:
            yield entry
            more = _kernel.Process32NextW(snapshot, ctypes.byref(entry))
    finally:
        _kernel.CloseHandle(snapshot)


@contextmanager
def _opened(pid: int, access: int) -> Iterator[wintypes.HANDLE]:
    process = wintypes.HANDLE(_kernel.OpenProcess(access, False, pid))
    if not process:
        raise ctypes.WinError(ctypes.get_last_error())
    try:
        yield process
    finally:
        _kernel.CloseHandle(process)
