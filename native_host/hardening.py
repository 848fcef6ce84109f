# SPDX-License-Identifier: MIT
"""Limits that a process sets on itself, so that a PIN stays in its memory; wiping it.

See core(5), and PR_SET_DUMPABLE in prctl(2); ``platform/windows_security.py`` for
Windows.
"""

import os
import sys

from kortilla.common.limits import prctl

_PR_SET_DUMPABLE = 4


def harden() -> None:
    """Disable core dumps and deny access to memory. Takes a few milliseconds.

    On Windows, also keep the DLLs of others out.
    """
    disable_core_dumps()
    deny_memory_access()
    if sys.platform == "win32":
        from native_host.platform import windows_security

        windows_security.load_only_from_safe_folders()
        windows_security.set_policies("extension-points", "fonts", "images")


def make_no_code() -> None:
    """Let this process make no memory executable, on Windows.

    It is for processes without a window: what Windows, drivers and screen readers load
    into a window may need that.
    """
    if sys.platform == "win32":
        from native_host.platform.windows_security import set_policies

        set_policies("dynamic-code")


def disable_core_dumps() -> None:
    """Write no core file. Child processes inherit this limit."""
    if sys.platform == "win32":
        from native_host.platform.windows_security import disable_crash_reports

        disable_crash_reports()
    else:
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
    if sys.platform == "win32":
        from native_host.platform import windows_security

        windows_security.deny_memory_access()
    else:
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
