# SPDX-License-Identifier: MIT
"""Limits that a process sets on itself, so that a PIN stays in its memory; wiping it.

See core(5), and PR_SET_DUMPABLE and PR_SET_PDEATHSIG in prctl(2).
"""

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_MOST_FILES = 64  # open at a time, in a process that reads hostile data


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
    _prctl(_PR_SET_DUMPABLE, 0)


def allow_inspection() -> None:
    """Open the memory of this process, which never holds a PIN, to desktop services."""
    _prctl(_PR_SET_DUMPABLE, 1)


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


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent process ends.

    ``parent`` is the number of the process that has started this one. The kernel says
    nothing of a parent that has ended before this call.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def limit_resources(parent: int, *, memory: int, seconds: int) -> None:
    """Limit this process, which reads hostile data, and end it with its parent process.

    ``memory`` is in bytes of address space, ``seconds`` is processor time. It can write
    no data to a file. Child processes inherit these limits. Windows has none of them.
    """
    if sys.platform != "win32":
        import resource

        for what, most in (
            (resource.RLIMIT_AS, memory),
            (resource.RLIMIT_CPU, seconds),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_NOFILE, _MOST_FILES),
            (resource.RLIMIT_CORE, 0),
        ):
            allowed = resource.getrlimit(what)[1]
            if allowed == resource.RLIM_INFINITY or allowed > most:
                resource.setrlimit(what, (most, most))
        # A file that would grow gives an error, and no signal.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        # The parent process may end at any moment, and does not wait for this one.
        die_with_parent(parent)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def wipe(buffer: bytearray) -> None:
    """Overwrite a PIN or a code; the buffer keeps its length."""
    buffer[:] = bytes(len(buffer))
