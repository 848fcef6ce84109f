# SPDX-License-Identifier: MIT
"""Limits that a process sets on itself, so that a PIN stays in its memory; wiping it.

See core(5), and PR_SET_DUMPABLE in prctl(2).
"""

import os
import sys

from kortilla.common.limits import prctl

_PR_SET_DUMPABLE = 4


def harden() -> None:
    """Disable core dumps and deny access to memory. Takes a few milliseconds."""
    disable_core_dumps()
    deny_memory_access()


def disable_core_dumps() -> None:
    """Write no core file. Child processes inherit this limit."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def deny_memory_access() -> None:
    """Deny this memory to other programs of the same user and to crash collectors.

    The kernel passes a core to a crash collector in spite of the limit on core files.
    As a side effect desktop services cannot inspect this process, and
    xdg-desktop-portal does not answer it.

    What another program has opened before this call stays open to it. Only an
    interpreter that this user may run and not read closes the memory from the start
    (``is_closed_from_start``).
    """
    prctl(_PR_SET_DUMPABLE, 0)


def allow_inspection() -> None:
    """Open the memory of this process, which never holds a PIN, to desktop services."""
    prctl(_PR_SET_DUMPABLE, 1)


def is_closed_from_start() -> bool:
    """Whether the kernel closes the memory of each process of this interpreter.

    It does so for a program that the user may execute and not read (proc(5),
    ``/proc/PID/mem``; would_dump in Linux). Root may read everything.
    """
    return not os.access(sys.executable, os.R_OK)


def narrow_umask() -> None:
    """Let nobody but the owner write to new files, also those of child processes.

    The umask of a session may be 000.
    """
    os.umask(os.umask(0o077) | 0o022)


def wipe(buffer: bytearray) -> None:
    """Overwrite a PIN or a code; the buffer keeps its length."""
    buffer[:] = bytes(len(buffer))
