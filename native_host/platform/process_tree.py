# SPDX-License-Identifier: MIT
"""Which programs run in processes, and what they are."""

import os
import socket
import stat
from dataclasses import dataclass

from kortilla.common.escaping import program_display_name
from native_host.platform import processes

#: Has no character that is shown: texts speak of an unknown program.
UNKNOWN = "\N{REPLACEMENT CHARACTER}"
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
    "vivaldi": "Vivaldi",
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
_GECKO, _CHROMIUM = ("libxul.so", "xul.dll"), ("resources.pak",)
_GOOGLE = {"google", "Google"}  # a folder, on Linux and on Windows

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


def parent_program() -> Program:
    """Return the program that started this one; shells in between are passed over."""
    return program_of(_not_a_shell(processes.own_parent()))


def program_of(pid: int) -> Program:
    """Return what is known of a process. One that can't be looked at has a number.

    One without a number, 0, has ended, or is outside of this container, or of Wine.
    """
    try:
        executable = processes.executable_of(pid)
        gecko, chromium = (
            any(processes.stands_beside(pid, executable, name) for name in names)
            for names in (_GECKO, _CHROMIUM)
        )
    except OSError:
        try:
            name = program_display_name(processes.short_name_of(pid))
        except (OSError, ValueError):
            name = ""
        return Program(pid, name or (f"PID {pid}" if pid else UNKNOWN))
    base = processes.name_of(executable)
    name = _NAMES.get(base) or program_display_name(base) or f"PID {pid}"
    if base == "chrome" and _GOOGLE & {*executable.parts}:
        name = "Google Chrome"
    if mail := _MAIL_PROGRAMS.get(base):
        return Program(pid, mail, mail=True, may_decrypt=True)
    browser = gecko or base in _NAMES
    may_decrypt = not (browser or chromium or base in _FOR_OTHERS)
    return Program(pid, name, browser, gecko, may_decrypt=may_decrypt)


def _not_a_shell(pid: int) -> int:
    """Return a process, or what started it if it is a shell that runs a command."""
    for _ in range(_MOST_SHELLS):
        try:
            parent = processes.parent_of(pid)
            if parent <= 1 or not processes.is_for_another(pid):
                return pid
        except (OSError, ValueError):
            return pid
        pid = parent
    return pid


def peer_of(connection: socket.socket) -> Program:
    """Return the program at the other end of a unix socket.

    Raises ``ForeignPeerError``.
    """
    from native_host.platform.posix.sockets import peer_pid

    return program_of(peer_pid(connection))


def spawner(descriptor: int) -> Program:
    """Return the program that started this process.

    ``descriptor`` is this process's standard input. p11-kit passes a socket, whose
    peer is the program even when a shell was started between them. Otherwise it is the
    parent process.
    """
    from native_host.platform.posix.sockets import ForeignPeerError

    try:
        if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            with socket.socket(fileno=os.dup(descriptor)) as connection:
                program = peer_of(connection)
            if program.pid not in {0, os.getpid()}:
                return program
    except (OSError, ForeignPeerError):
        pass
    return parent_program()
