# SPDX-License-Identifier: MIT
"""Whether a browser has a profile or a database open, by the locks that it holds."""

import contextlib
import fcntl
import os
import socket
import struct
import time
from collections.abc import Generator
from pathlib import Path

from native_host.processes import age_of

#: struct flock of fcntl(2): kind, whence, start, length and process.
_FLOCK = "hhqqi"


def firefox_runs(profile: Path) -> bool:
    """Say whether a Firefox uses a profile.

    ``lock`` is a link to ``ADDRESS:+PROCESS``; without the plus sign the file system
    knows no locks, and the link itself is the lock.
    """
    if _is_locked(profile / ".parentlock"):
        return True
    _, _, process = _link(profile / "lock").rpartition(":")
    return process.isdecimal() and _is_alive(int(process))


def chromium_runs(user_data: Path) -> bool:
    """Say whether a browser of Chromium's family uses a folder of user data.

    ``SingletonLock`` is a link to ``HOST-PROCESS``. One of another host, in a home that
    several computers share, counts as running.
    """
    host, _, process = _link(user_data / "SingletonLock").rpartition("-")
    if not process.isdecimal():
        return False
    return host != socket.gethostname() or _is_alive(int(process))


def is_open(path: Path) -> bool:
    """Say whether a process of this person has a file open, as far as can be seen."""
    real = os.path.realpath(path)
    with contextlib.closing(_open_files()) as opened:
        return real in opened


def is_changed_since_start(database: Path, process: int) -> bool:
    """Say whether a database's list of modules is younger than a process that uses it.

    NSS reads the list once.
    """
    try:
        changed = (database / "pkcs11.txt").stat().st_mtime
        is_younger = time.time() - changed < age_of(process)
    except (OSError, ValueError):
        return False
    return is_younger and is_open(database / "cert9.db")


def _open_files() -> Generator[str, None, None]:
    for folder in Path("/proc").glob("[0-9]*/fd"):
        # Those of others can't be seen, and any process may end meanwhile.
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for each in entries:
                # There are thousands, and a Path for each takes three times as long.
                with contextlib.suppress(OSError):
                    yield os.readlink(each.path)  # noqa: PTH115 - see above


def _is_locked(path: Path) -> bool:
    with contextlib.suppress(OSError), path.open("rb") as file:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        answer = fcntl.fcntl(file, fcntl.F_GETLK, asked)
        return bool(struct.unpack(_FLOCK, answer)[0] != fcntl.F_UNLCK)
    return False


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return process > 0
