# SPDX-License-Identifier: MIT
"""Limits that a process sets on itself, so that a PIN stays in its memory; wiping it.

``harden`` is the first statement of each process that may hold a PIN: of the host, the
window, each command, and the signing of own files. No other import comes before it, so
this module imports little. What each system has for it is in ``platform/``.
"""

import os
import sys


def harden() -> None:
    """Deny access to memory and disable core dumps. Takes a few milliseconds.

    On Windows, also keep the DLLs of others out. What another program has opened before
    this call stays open to it, also while Python itself starts. Only an interpreter
    that this user may run and not read closes the memory from the start
    (``is_closed_from_start``). May be called again.
    """
    from native_host.platform import protection

    protection.deny_memory_access()
    protection.disable_core_dumps()
    protection.refuse_foreign_code()


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
