# SPDX-License-Identifier: MIT
"""What only one system has is used in one room, ``native_host/platform/``."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

#: Modules and names that are missing on Windows, or mean nothing there.
OF_ONE_SYSTEM = {
    *("fcntl", "termios", "resource", "pwd", "grp", "asyncinotify", "jeepney"),
    *("AF_UNIX", "SO_PEERCRED", "start_unix_server", "open_unix_connection"),
    *("SIGHUP", "SIGKILL", "SIGALRM", "SIGPROF", "setitimer", "pthread_sigmask"),
    *("add_signal_handler", "add_reader", "add_writer", "set_blocking", "readv"),
    *("O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK", "O_TMPFILE"),
    *("fork", "waitpid", "killpg", "pidfd_open", "sysconf", "getppid", "prctl"),
    *("geteuid", "getuid", "fchmod", "chown", "mkfifo", "posix_fallocate", "/proc"),
    *("dir_fd", "src_dir_fd", "dst_dir_fd", "preexec_fn", "pass_fds"),
    *("register_at_fork", "memfd_create", "CLOCK_BOOTTIME", "RTLD_NOLOAD", "poll"),
    *("msvcrt", "winreg", "WinDLL", "windll"),
}
#: What else has them, and is for one system as a whole, or begins with a look at which
#: system this is.
ELSEWHERE = {
    "native_host/agent/notification.py": {"jeepney"},  # D-Bus
    "native_host/agent/package_watch.py": {"asyncinotify"},  # dpkg
    "native_host/install/calling_program.py": {"/proc"},  # flatpak
    "native_host/browser_testing/pytest_plugin.py": {"geteuid"},  # Chromium's sandbox
    "native_host/card/service_watch.py": {"asyncinotify"},  # pcscd
    # D-Bus
    "native_host/gui/portal_settings.py": {
        *("RTLD_NOLOAD", "fork", "sysconf", "waitpid")
    },
    "native_host/desktop/page_picture.py": {"preexec_fn"},  # poppler
    "native_host/install/nss.py": {"/proc"},
    "native_host/install/p11_kit.py": {"getuid"},
    "native_host/install/registry.py": {"winreg", "WinDLL"},
    # p11-kit
    "native_host/pkcs11/connection.py": {
        *("add_reader", "add_writer", "readv", "set_blocking")
    },
    "native_host/pkcs11/control.py": {"open_unix_connection", "start_unix_server"},
    "native_host/pkcs11/pin_cache.py": {"CLOCK_BOOTTIME"},
    "native_host/pkcs11/service.py": {"AF_UNIX", "SIGHUP", "add_signal_handler"},
    "native_host/pkcs11/session_watch.py": {"jeepney", "getuid"},  # D-Bus
    "native_host/state/remembered_can.py": {"jeepney"},  # the desktop's secrets
}


def words(source: str) -> Iterator[str]:
    """Yield the modules that a file imports, its names, attributes and paths."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=aliases):
                yield from (alias.name.partition(".")[0] for alias in aliases)
            case ast.ImportFrom(module=str(module), names=aliases):
                yield module.partition(".")[0]
                yield from (alias.name for alias in aliases)
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name
            case ast.keyword(arg=str(name)):
                yield name
            case ast.Constant(value=str(text)):  # also of getattr()
                yield "/proc" if text.startswith("/proc") else text


def test_the_program_uses_what_one_system_has_in_one_room(root: Path) -> None:
    used = {
        str(file.relative_to(root)): OF_ONE_SYSTEM & {*words(file.read_text())}
        for file in (root / "native_host").rglob("*.py")
        if "platform" not in file.relative_to(root).parts
    }
    assert {name: found for name, found in used.items() if found} == ELSEWHERE


def test_our_own_python_is_started_by_one_function(root: Path) -> None:
    """It puts ``-I`` first. ``contents.py`` writes files that start a Python."""
    found = {
        str(file.relative_to(root))
        for folder in ("native_host", "kortilla")
        for file in (root / folder).rglob("*.py")
        if re.search(r"\b(sys\.|get_)executable\b", file.read_text())
    }
    assert found == {
        "kortilla/common/__init__.py",
        "kortilla/signing/processes.py",  # as the service wants it, of multiprocessing
        "native_host/cli/session.py",  # a new version in the same process
        "native_host/platform/hardening.py",
        "native_host/install/contents.py",
    }


def test_the_room_is_where_they_are_used(root: Path) -> None:
    room = (root / "native_host/platform").rglob("*.py")
    found = set().union(*(words(file.read_text()) for file in room))
    assert {"fcntl", "termios", "AF_UNIX", "SIGHUP", "/proc", "WinDLL"} <= found
