# SPDX-License-Identifier: MIT
"""What a process on Linux keeps from the user's other programs.

``windows/protection.py`` has the same names. Each process that may hold a PIN calls it
before any other import, so it imports next to nothing.
"""

import ctypes
import sys

if sys.platform == "win32":  # mypy reads on only for others
    raise ImportError("This module is not for Windows.")

_PR_SET_DUMPABLE = 4


def deny_memory_access() -> None:
    """Deny this memory to the user's other programs (PR_SET_DUMPABLE in prctl(2)).

    The kernel passes a core to a crash collector in spite of the limit on core files,
    but not the core of such a process. As a side effect desktop services can't inspect
    it, and xdg-desktop-portal does not answer it.
    """
    _set_dumpable(0)


def allow_inspection() -> None:
    """Take ``deny_memory_access`` back, for a process that never holds a PIN."""
    _set_dumpable(1)


def _set_dumpable(value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, value, 0, 0, 0)


def disable_core_dumps() -> None:
    """Write no core file (core(5)). Child processes inherit this limit."""
    import resource  # after the memory is closed

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def refuse_foreign_code() -> None:
    """Do nothing: only Windows has programs load what others want."""


def make_no_code() -> None:
    """Do nothing: Linux has no such limit for a process."""
