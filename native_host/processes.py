# SPDX-License-Identifier: MIT
"""The programs in other processes, as the system tells of them.

On Linux that is ``/proc`` (proc(5)).
"""

import os
import socket
import stat
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from kortilla.common.escaping import program_display_name

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
    "vivaldi-bin": "Vivaldi",
}
#: Mail programs by that of the executable. They decrypt, and no browser does.
_MAIL_PROGRAMS = {"thunderbird": "Thunderbird", "thunderbird-bin": "Thunderbird"}
#: Programs that hand on the calls of others, which can be browsers, and those that load
#: pages for others.
_FOR_OTHERS = frozenset(
    {"p11-kit", "p11-kit-remote", "p11-kit-server"}
    | {"socat", "ssh", "sshd", "sshd-session"}
    | {"QtWebEngineProcess", "WebKitNetworkProcess", "WebKitWebProcess"}
)
#: What stands beside programs of Firefox's family, and beside those of Chromium's. To
#: these belong programs made with Electron.
_GECKO, _CHROMIUM = "libxul.so", "resources.pak"
_GOOGLE = "/google/"
#: The same on Windows, without ``.exe``.
_NAMES_ON_WINDOWS = _NAMES | {"vivaldi": "Vivaldi"}
_GECKO_ON_WINDOWS = "xul.dll"

_SHELLS = frozenset({"ash", "bash", "busybox", "dash", "ksh", "mksh", "sh", "zsh"})
_MOST_SHELLS = 4  # one within the other


@dataclass(frozen=True)
class Program:
    """A program that runs.

    ``browser`` says that it is one, and stops waiting for a signature after 30 seconds;
    ``gecko`` that it is of Firefox's family. ``mail`` says that it is a known mail
    program, and ``may_decrypt`` that it may ask for a decryption: it shows no pages of
    the web as browsers do, is not hidden from us, and asks for itself.
    """

    pid: int
    name: str
    browser: bool = False
    gecko: bool = False
    mail: bool = False
    may_decrypt: bool = False


def parent_of(pid: int) -> int:
    """Return the process that started another. Raises ``OSError`` and ``ValueError``.

    0 and 1 are no programs of the person's.
    """
    if sys.platform == "win32":
        from native_host.platform import windows_processes

        return windows_processes.parent_of(pid)
    return int(_stat(pid)[1])


def age_of(pid: int) -> float:
    """Return for how many seconds a process has run.

    Raises ``OSError`` and ``ValueError``.
    """
    started = int(_stat(pid)[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


def _stat(pid: int) -> list[bytes]:
    """Return the fields of ``/proc/PID/stat`` from the third on."""
    # The name before them is in brackets and may hold anything.
    fields = Path("/proc", str(pid), "stat").read_bytes().rpartition(b")")[2].split()
    if len(fields) < 20:
        raise ValueError("The process can't be read.")
    return fields


def parent_program() -> Program:
    """Return the program that started this one; shells in between are passed over."""
    # Windows does not say that a parent has ended.
    parent = parent_of(os.getpid()) if sys.platform == "win32" else os.getppid()
    return program_of(_not_a_shell(parent))


def program_of(pid: int) -> Program:
    """Return what is known of a process. One that can't be looked at has a number."""
    if sys.platform == "win32":
        from native_host.platform.windows_processes import executable_of

        try:
            return _program_on_windows(pid, executable_of(pid))
        except OSError:
            return Program(pid, f"PID {pid}")
    folder = Path("/proc", str(pid))
    try:
        executable = (folder / "exe").readlink()
        # A sandbox has files of its own, and others at the same place outside.
        beside = Path(f"{folder}/root{executable.parent}")
        gecko, chromium = ((beside / each).exists() for each in (_GECKO, _CHROMIUM))
    except OSError:
        try:
            name = program_display_name((folder / "comm").read_text().rstrip("\n"))
        except (OSError, ValueError):
            name = ""
        return Program(pid, name or f"PID {pid}")
    # An executable that was replaced by an update since.
    base = executable.name.removesuffix(" (deleted)")
    name = _NAMES.get(base) or program_display_name(base) or f"PID {pid}"
    if base == "chrome" and _GOOGLE in str(executable):
        name = "Google Chrome"
    if mail := _MAIL_PROGRAMS.get(base):
        return Program(pid, mail, mail=True, may_decrypt=True)
    browser = gecko or base in _NAMES
    may_decrypt = not (browser or chromium or base in _FOR_OTHERS)
    return Program(pid, name, browser, gecko, may_decrypt=may_decrypt)


def _program_on_windows(pid: int, executable: Path) -> Program:
    """See ``program_of``. No program asks there for a decryption."""
    base = executable.stem.lower()
    name = _NAMES_ON_WINDOWS.get(base) or program_display_name(executable.stem)
    if base == "chrome" and "google" in map(str.lower, executable.parts):
        name = "Google Chrome"
    if mail := _MAIL_PROGRAMS.get(base):
        return Program(pid, mail, mail=True)
    gecko = (executable.parent / _GECKO_ON_WINDOWS).exists()
    browser = gecko or base in _NAMES_ON_WINDOWS
    return Program(pid, name or f"PID {pid}", browser, gecko)


def _not_a_shell(pid: int) -> int:
    """Return a process, or what started it if it is a shell that runs a command.

    On Windows, Chromium starts the host by ``cmd.exe``.
    """
    if sys.platform == "win32":
        from native_host.platform import windows_processes as windows

        try:
            if windows.is_command_interpreter(windows.executable_of(pid)):
                return windows.parent_of(pid) or pid
        except OSError:
            pass
        return pid
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


def peer_of(connection: socket.socket) -> Program:
    """Return the program at the other end of a unix socket.

    Raises ``ForeignPeerError``.
    """
    from native_host.platform.posix_sockets import peer_pid

    return program_of(peer_pid(connection))


def spawner(descriptor: int) -> Program:
    """Return the program that started this process.

    ``descriptor`` is this process's standard input. p11-kit passes a socket, whose
    peer is the program even when a shell was started between them. Otherwise it is the
    parent process.
    """
    from native_host.platform.posix_sockets import ForeignPeerError

    try:
        if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            with socket.socket(fileno=os.dup(descriptor)) as connection:
                program = peer_of(connection)
            if program.pid not in {0, os.getpid()}:
                return program
    except (OSError, ForeignPeerError):
        pass
    return parent_program()
