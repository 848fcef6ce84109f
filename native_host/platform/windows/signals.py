# SPDX-License-Identifier: MIT
"""What Windows has in place of the signals SIGTERM and SIGHUP.

A process that can be asked to end has an event of its number. A console that is closed
calls a function of its processes, and Windows ends each when that has returned, or
after five seconds ("Event Objects" and "HandlerRoutine" of Win32).
"""

import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable
from ctypes import wintypes

if sys.platform != "win32":  # mypy reads on only for Windows
    raise ImportError("This module is for Windows.")

_EVENT = r"Local\kortilla-end-{}"
_MODIFY_STATE, _FOREVER, _SET = 2, 0xFFFF_FFFF, 0
#: CTRL_…_EVENT: the console is closed, the person logs off, the computer is shut down.
_ENDS = {2, 5, 6}
_LONGER = 10.0  # seconds; Windows ends the process before

_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel.CreateEventW.restype = _kernel.OpenEventW.restype = wintypes.HANDLE
_HandlerRoutine = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)
_routines: list[object] = []  # the console keeps no reference


def on_request(call: Callable[[], object]) -> None:
    """Call something in another thread each time that ``ask_to_end`` asks for it."""
    name = _EVENT.format(os.getpid())
    event = wintypes.HANDLE(_kernel.CreateEventW(None, False, False, name))

    def wait() -> None:
        while event and _kernel.WaitForSingleObject(event, _FOREVER) == _SET:
            call()

    threading.Thread(target=wait, daemon=True).start()


def ask_to_end(pid: int) -> bool:
    """Ask a process to end, and return whether it takes requests."""
    name = _EVENT.format(pid)
    event = wintypes.HANDLE(_kernel.OpenEventW(_MODIFY_STATE, False, name))
    try:
        return bool(event and _kernel.SetEvent(event))
    finally:
        _kernel.CloseHandle(event)


def on_console_end(call: Callable[[], object]) -> None:
    """Call something in another thread when the console of this process goes."""

    def handle(event: int) -> bool:
        if event not in _ENDS:
            return False
        call()
        time.sleep(_LONGER)
        return True

    routine = _HandlerRoutine(handle)
    _routines.append(routine)
    _kernel.SetConsoleCtrlHandler(routine, True)
