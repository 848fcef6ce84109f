# SPDX-License-Identifier: MIT
"""What Windows says of other processes: by "Tool Help Functions" of Win32."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import wintypes
from pathlib import Path

if sys.platform != "win32":  # mypy reads on only for Windows
    raise ImportError("This module is for Windows.")

_PROCESSES, _QUERY_LIMITED = 2, 0x1000  # TH32CS_SNAPPROCESS, PROCESS_QUERY_LIMITED_…
_LONGEST = 32768  # characters of a path


class _Entry(ctypes.Structure):
    """PROCESSENTRY32W."""

    _fields_ = [
        ("size", wintypes.DWORD),
        ("usage", wintypes.DWORD),
        ("process", wintypes.DWORD),
        ("heap", ctypes.c_size_t),
        ("module", wintypes.DWORD),
        ("threads", wintypes.DWORD),
        ("parent", wintypes.DWORD),
        ("priority", wintypes.LONG),
        ("flags", wintypes.DWORD),
        ("name", wintypes.WCHAR * 260),
    ]


_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel.CreateToolhelp32Snapshot.restype = wintypes.HANDLE
_kernel.OpenProcess.restype = wintypes.HANDLE


def parent_of(pid: int) -> int:
    """Return the process that started another, or 0 if it has ended.

    Raises ``OSError``.
    """
    found = _kernel.CreateToolhelp32Snapshot(_PROCESSES, 0)
    if found == wintypes.HANDLE(-1).value:
        raise ctypes.WinError(ctypes.get_last_error())
    entry = _Entry(size=ctypes.sizeof(_Entry))
    snapshot, at = wintypes.HANDLE(found), ctypes.byref(entry)
    try:
        more = _kernel.Process32FirstW(snapshot, at)
        while more and entry.process != pid:
            more = _kernel.Process32NextW(snapshot, at)
    finally:
        _kernel.CloseHandle(snapshot)
    if not more:
        raise ProcessLookupError(f"There is no process {pid}.")
    try:
        # A process that has ended may have left its number to a younger one.
        return entry.parent if _started(entry.parent) <= _started(pid) else 0
    except OSError:
        return 0


def executable_of(pid: int) -> Path:
    """Return the path of a process's executable. Raises ``OSError``."""
    with _opened(pid) as process:
        path = ctypes.create_unicode_buffer(_LONGEST)
        length = wintypes.DWORD(_LONGEST)
        if not _kernel.QueryFullProcessImageNameW(
            process, 0, path, ctypes.byref(length)
        ):
            raise ctypes.WinError(ctypes.get_last_error())
    return Path(path.value)


def is_command_interpreter(executable: Path) -> bool:
    """Whether an executable is Windows' own ``cmd.exe``."""
    folder = ctypes.create_unicode_buffer(_LONGEST)
    _kernel.GetSystemDirectoryW(folder, _LONGEST)
    return executable == Path(folder.value) / "cmd.exe"


def _started(pid: int) -> int:
    """Return when a process has started, in units of 100 ns. Raises ``OSError``."""
    with _opened(pid) as process:
        times = (ctypes.c_uint64 * 4)()
        each = [ctypes.byref(times, 8 * number) for number in range(4)]
        if not _kernel.GetProcessTimes(process, *each):
            raise ctypes.WinError(ctypes.get_last_error())
    return times[0]


@contextmanager
def _opened(pid: int) -> Iterator[wintypes.HANDLE]:
    handle = _kernel.OpenProcess(_QUERY_LIMITED, False, pid)
    if not handle:
        raise ctypes.WinError(ctypes.get_last_error())
    process = wintypes.HANDLE(handle)
    try:
        yield process
    finally:
        _kernel.CloseHandle(process)
