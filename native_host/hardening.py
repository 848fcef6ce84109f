# SPDX-License-Identifier: MIT
"""Limits that a process sets on itself, so that a PIN stays in its memory; wiping it.

What each system has for it is in ``platform/``, which is imported late: before the
hello only the umask is set.
"""

import os
import sys


def harden() -> None:
    """Disable core dumps and deny access to memory. Takes a few milliseconds.

    On Windows, also keep the DLLs of others out. What another program has opened before
    this call stays open to it. Only an interpreter that this user may run and not read
    closes the memory from the start (``is_closed_from_start``).
    """
    from native_host.platform import system

    system.disable_core_dumps()
    system.deny_memory_access()
    system.refuse_foreign_code()


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
