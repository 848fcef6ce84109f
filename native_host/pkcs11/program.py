# SPDX-License-Identifier: MIT
"""Which program uses the token, so that a person can be told (Linux's /proc)."""

import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from native_host.operations.login_servers import Stranger, peer_pid
from native_host.pin_prompt.shown import shown_program
from native_host.processes import parent_of

__all__ = ["Program", "peer_of", "program_of", "spawner"]


#: Names that people know, by that of the executable.
_NAMES = {
    "brave": "Brave",
    "chromium": "Chromium",
    "chromium-browser": "Chromium",
    "chrome": "Chromium",
    "firefox": "Firefox",
    "firefox-bin": "Firefox",
    "firefox-esr": "Firefox",
    "librewolf": "LibreWolf",
    "msedge": "Microsoft Edge",
    "opera": "Opera",
    "thunderbird": "Thunderbird",
    "thunderbird-bin": "Thunderbird",
    "vivaldi-bin": "Vivaldi",
}
_GOOGLE = "/google/"

_SHELLS = frozenset({"ash", "bash", "busybox", "dash", "ksh", "mksh", "sh", "zsh"})
_MOST_SHELLS = 4  # one within the other


@dataclass(frozen=True)
class Program:
    """A program that runs.

    ``browser`` says that it is one, and stops waiting for a signature after 30 seconds;
    ``gecko`` that it is of Firefox's family.
    """

    pid: int
    name: str
    browser: bool = False
    gecko: bool = False


def peer_of(connection: socket.socket) -> Program:
    """Return the program at the other end of a unix socket. Raises ``Stranger``."""
    return program_of(peer_pid(connection))


def spawner(descriptor: int) -> Program:
    """Return the program that started this one with a descriptor as standard input.

    p11-kit gives a socket, whose maker is known whatever shells stand between; else
    the parent process is asked.
    """
    try:
        if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            with socket.socket(fileno=os.dup(descriptor)) as connection:
                program = peer_of(connection)
            if program.pid not in {0, os.getpid()}:
                return program
    except (OSError, Stranger):
        pass
    return program_of(_not_a_shell(os.getppid()))


def program_of(pid: int) -> Program:
    """Return what is known of a process. One that can't be looked at has a number."""
    folder = Path("/proc", str(pid))
    try:
        executable = (folder / "exe").readlink()
    except OSError:
        try:
            name = shown_program((folder / "comm").read_text())
        except (OSError, ValueError):
            name = ""
        return Program(pid, name or f"PID {pid}")
    # An executable that was replaced by an update since.
    base = executable.name.removesuffix(" (deleted)")
    name = _NAMES.get(base) or shown_program(base) or f"PID {pid}"
    if base == "chrome" and _GOOGLE in str(executable):
        name = "Google Chrome"
    gecko = (executable.parent / "libxul.so").exists()
    return Program(pid, name, browser=gecko or base in _NAMES, gecko=gecko)


def _not_a_shell(pid: int) -> int:
    """Return a process, or what started it if it is a shell that runs a command."""
    for _ in range(_MOST_SHELLS):
        folder = Path("/proc", str(pid))
        try:
            base = (folder / "exe").readlink().name
            arguments = (folder / "cmdline").read_bytes().split(b"\0")[:-1]
            parent = parent_of(pid)
        except (OSError, ValueError):
            return pid
        if base not in _SHELLS or len(arguments) < 2 or parent <= 1:
            return pid
        pid = parent
    return pid
