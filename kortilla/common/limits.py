# SPDX-License-Identifier: MIT
"""Limits that a process sets on itself before it reads hostile data.

See getrlimit(2), unshare(2), and PR_SET_PDEATHSIG in prctl(2); ``windows_jobs`` for
Windows.
"""

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER, _CLONE_NEWNET = 0x1000_0000, 0x4000_0000
_MOST_FILES = 64  # open at a time


def limit_resources(parent: int, *, memory: int, seconds: int) -> None:
    """Limit this process, and end it with its parent process.

    ``memory`` is in bytes of address space, ``seconds`` is processor time. It can write
    no data to a file. Child processes inherit these limits; on Windows there are none.
    """
    if sys.platform == "win32":
        from kortilla.common.windows_jobs import limit_process

        die_with_parent(parent)  # a limited process may not open it
        limit_process(memory=memory, seconds=seconds)
    else:
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


def die_with_parent(parent: int) -> None:
    """End this process when its parent process ends. On Linux the kernel does so.

    ``parent`` is the number of the process that has started this one. The kernel says
    nothing of a parent that has ended before this call.
    """
    if sys.platform == "win32":
        from kortilla.common.windows_jobs import end_with

        end_with(parent)
    else:
        if sys.platform == "linux":
            import ctypes

            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)


def leave_network() -> bool | None:
    """Take a network namespace of our own, which is empty, and return whether we may.

    Some systems give an ordinary user none. Other systems than Linux have none: there
    it does nothing, and returns None.
    """
    if sys.platform != "linux":
        return None
    import ctypes

    system = ctypes.CDLL(None)
    return not (
        system.unshare(_CLONE_NEWNET) and system.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
    )
