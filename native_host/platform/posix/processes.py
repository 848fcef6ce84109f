# SPDX-License-Identifier: MIT
"""What Linux says of processes in ``/proc`` (proc(5)). On Windows: Toolhelp.

Functions raise ``OSError`` and ``ValueError`` for a process that can't be looked at.
"""

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

if sys.platform == "win32":  # mypy reads on only for others
    raise ImportError("This module is not for Windows.")

_SHELLS = frozenset({"ash", "bash", "busybox", "dash", "ksh", "mksh", "sh", "zsh"})


def own_parent() -> int:
    """Return the process that started this one."""
    return os.getppid()


def parent_of(pid: int) -> int:
    """Return the process that started another. 0 and 1 are no programs of people's."""
    return int(_stat(pid)[1])


def age_of(pid: int) -> float:
    """Return for how many seconds a process has run."""
    started = int(_stat(pid)[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


def _stat(pid: int) -> list[bytes]:
    """Return the fields of ``/proc/PID/stat`` from the third on."""
    # The name before them is in brackets and may hold anything.
    fields = Path("/proc", str(pid), "stat").read_bytes().rpartition(b")")[2].split()
    if len(fields) < 20:
        raise ValueError("The process can't be read.")
    return fields


def executable_of(pid: int) -> Path:
    """Return the path of a process's executable."""
    return Path("/proc", str(pid), "exe").readlink()


def name_of(executable: Path) -> str:
    """Return the name of a program by its path; empty if nothing names it."""
    # An executable that was replaced by an update since.
    return executable.name.removesuffix(" (deleted)")


def stands_beside(pid: int, executable: Path, name: str) -> bool:
    """Whether a file is in the folder of a process's executable, as that sees it.

    A sandbox has files of its own, and others at the same place outside.
    """
    return Path(f"/proc/{pid}/root{executable.parent}", name).exists()


def short_name_of(pid: int) -> str:
    """Return the name that a process has in lists. It may have chosen it."""
    return Path("/proc", str(pid), "comm").read_text(errors="replace").rstrip("\n")


def is_for_another(pid: int) -> bool:
    """Whether a process is a shell that runs a command."""
    arguments = Path("/proc", str(pid), "cmdline").read_bytes().split(b"\0")[:-1]
    return executable_of(pid).name in _SHELLS and len(arguments) >= 2


def names_of_running() -> Iterator[str]:
    """Yield the names of programs that run, as far as they can be seen."""
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        with suppress(OSError):
            yield short_name_of(pid)
            yield executable_of(pid).name


def ask_to_end(process: "subprocess.Popen[bytes]") -> None:
    """Ask a child process to end."""
    process.terminate()


def end_process(pid: int, is_it: Callable[[], bool], seconds: float) -> None:
    """Ask a process to end, and wait at most so long until it has.

    It is asked if ``is_it`` says so once its number can't become another process's.
    """
    try:
        process = os.pidfd_open(pid)
    except OSError:  # no process has that number
        return
    try:
        if is_it():
            signal.pidfd_send_signal(process, signal.SIGTERM)
            select.select([process], [], [], seconds)
    finally:
        os.close(process)


def kill_session(pid: int) -> None:
    """Kill the processes of the session that a child process leads."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
