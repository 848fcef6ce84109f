# SPDX-License-Identifier: MIT
"""Job objects of Windows: limits that a process sets on itself, and its end.

See "Job Objects", ``JOBOBJECT_EXTENDED_LIMIT_INFORMATION`` and "Mandatory Integrity
Control" of Win32.
"""

import ctypes
import functools
import os
import sys
import threading
from ctypes import wintypes

if sys.platform != "win32":  # mypy reads on only for Windows
    raise ImportError("This module is for Windows.")

_EXTENDED_LIMITS = 9  # JOBOBJECTINFOCLASS
#: JOB_OBJECT_LIMIT_…
_PROCESS_TIME, _ACTIVE_PROCESS, _PROCESS_MEMORY = 0x2, 0x8, 0x100
_DIE_ON_EXCEPTION, _SILENT_BREAKAWAY, _KILL_ON_CLOSE = 0x400, 0x1000, 0x2000
_SECOND = 10_000_000  # in units of 100 ns

_TOKEN_ADJUST_DEFAULT, _INTEGRITY_LEVEL = 0x80, 25
_LOW_INTEGRITY = "S-1-16-4096"
_SE_GROUP_INTEGRITY = 0x20
_TERMINATE, _SET_QUOTA, _SYNCHRONIZE, _FOREVER = 1, 0x100, 0x10_0000, 0xFFFF_FFFF


class _BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

    _fields_ = [
        ("process_time", ctypes.c_int64),
        ("job_time", ctypes.c_int64),
        ("flags", wintypes.DWORD),
        ("least_working_set", ctypes.c_size_t),
        ("most_working_set", ctypes.c_size_t),
        ("processes", wintypes.DWORD),
        ("affinity", ctypes.c_size_t),
        ("priority", wintypes.DWORD),
        ("scheduling", wintypes.DWORD),
    ]


class _Limits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

    _fields_ = [
        ("basic", _BasicLimits),
        ("input_and_output", ctypes.c_uint64 * 6),
        ("process_memory", ctypes.c_size_t),
        ("job_memory", ctypes.c_size_t),
        ("peaks", ctypes.c_size_t * 2),
    ]


class _SidAndAttributes(ctypes.Structure):
    _fields_ = [("sid", ctypes.c_void_p), ("attributes", wintypes.DWORD)]


_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_advapi = ctypes.WinDLL("advapi32", use_last_error=True)
for _function in (
    _kernel.CreateJobObjectW,
    _kernel.GetCurrentProcess,
    _kernel.OpenProcess,
):
    _function.restype = wintypes.HANDLE
_kernel.WaitForSingleObject.argtypes = [wintypes.HANDLE, wintypes.DWORD]


def end_with_this_process(process: int) -> None:
    """Have Windows end a process, which this one has just started, when this one ends.

    What that process starts may stay, as the viewer of a document. Raises ``OSError``.
    """
    opened = _kernel.OpenProcess(_SET_QUOTA | _TERMINATE, False, process)
    _check(opened is not None)
    handle = wintypes.HANDLE(opened)
    try:
        _check(_kernel.AssignProcessToJobObject(_closing_job(), handle))
    finally:
        _kernel.CloseHandle(handle)


@functools.cache
def _closing_job() -> wintypes.HANDLE:
    """Return a job whose processes end when Windows closes it with this process."""
    return _job(_Limits(_BasicLimits(flags=_KILL_ON_CLOSE | _SILENT_BREAKAWAY)))


def limit_process(*, memory: int, seconds: int) -> None:
    """Limit this process before it reads hostile data. Raises ``OSError``.

    ``memory`` is in bytes that it may commit, ``seconds`` is processor time. It can
    start no process, and write to no file of the user's. Windows lets no job within
    another one, as the window's, forbid the use of other windows.
    """
    flags = _PROCESS_TIME | _PROCESS_MEMORY | _ACTIVE_PROCESS | _DIE_ON_EXCEPTION
    basic = _BasicLimits(process_time=seconds * _SECOND, flags=flags, processes=1)
    job = _job(_Limits(basic, process_memory=memory))
    process = wintypes.HANDLE(_kernel.GetCurrentProcess())
    _check(_kernel.AssignProcessToJobObject(job, process))
    _lower_integrity()


def end_with(process: int) -> None:
    """End this process when another one ends, or now if there is no such process."""
    handle = _kernel.OpenProcess(_SYNCHRONIZE, False, process)
    if not handle:
        os._exit(1)

    def wait() -> None:
        _kernel.WaitForSingleObject(handle, _FOREVER)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _job(limits: _Limits) -> wintypes.HANDLE:
    job = wintypes.HANDLE(_kernel.CreateJobObjectW(None, None))
    _check(
        _kernel.SetInformationJobObject(
            job, _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits)
        )
    )
    return job


def _lower_integrity() -> None:
    sid, token = ctypes.c_void_p(), wintypes.HANDLE()
    _check(_advapi.ConvertStringSidToSidW(_LOW_INTEGRITY, ctypes.byref(sid)))
    process = wintypes.HANDLE(_kernel.GetCurrentProcess())
    _check(
        _advapi.OpenProcessToken(process, _TOKEN_ADJUST_DEFAULT, ctypes.byref(token))
    )
    label = _SidAndAttributes(sid.value, _SE_GROUP_INTEGRITY)
    _check(
        _advapi.SetTokenInformation(
            token, _INTEGRITY_LEVEL, ctypes.byref(label), ctypes.sizeof(label)
        )
    )


def _check(result: int) -> None:
    if not result:
        raise ctypes.WinError(ctypes.get_last_error())
