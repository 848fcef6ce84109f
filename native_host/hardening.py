# SPDX-License-Identifier: MIT
"""Keeps the memory of this process, where a PIN may be, from files and other programs.

See core(5) and PR_SET_DUMPABLE in prctl(2).
"""

import sys

__all__ = ["deny_memory_access", "disable_core_dumps", "harden"]

_PR_SET_DUMPABLE = 4


def harden() -> None:
    """Do both. It takes a few milliseconds."""
    disable_core_dumps()
    deny_memory_access()


def disable_core_dumps() -> None:
    """Leave no core file; the processes that are started from here neither."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def deny_memory_access() -> None:
    """Keep other programs of the same user, and collectors of crashes, from reading it.

    The kernel hands such a collector the core whatever its limit is. Desktops ask for
    more than a process like this shows: xdg-desktop-portal answers it nothing.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
