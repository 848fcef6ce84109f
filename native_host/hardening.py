# SPDX-License-Identifier: MIT
"""Limits that a process sets on itself, so that a PIN stays in its memory; wiping it.

What each system has for it is in ``platform/``, which is imported late: before the
hello only the umask is set.
"""

import os
import sys


def harden() -> None:
    """Disable core dumps and deny access to memory. Takes a few milliseconds.

    On Windows, also keep the DLLs of others out.
    """
    from native_host.platform import system

    disable_core_dumps()
    deny_memory_access()
    system.refuse_foreign_code()


def make_no_code() -> None:
    """Let this process make no memory executable, on Windows.

    It is for processes without a window: what Windows, drivers and screen readers load
    into a window may need that.
    """
    from native_host.platform import system

    system.make_no_code()


def disable_core_dumps() -> None:
    """Write no core file. Child processes inherit this limit."""
    from native_host.platform import system

    system.disable_core_dumps()


def deny_memory_access() -> None:
    """Deny this memory to other programs of the same user and to crash collectors.

    The kernel passes a core to a crash collector in spite of the limit on core files.
    As a side effect desktop services cannot inspect this process, and
    xdg-desktop-portal does not answer it.

    What another program has opened before this call stays open to it. Only an
    interpreter that this user may run and not read closes the memory from the start
    (``is_closed_from_start``).
    """
    from native_host.platform import system

    system.deny_memory_access()


def allow_inspection() -> None:
    """Open the memory of this process, which never holds a PIN, to desktop services."""
    from native_host.platform import system

    system.allow_inspection()


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
