# SPDX-License-Identifier: MIT
"""NSS databases: folders in which browsers keep certificates and modules.

This module reads the list of modules (``pkcs11.txt``); only NSS's own ``modutil``
writes it. The locks that a browser holds say whether it has a database open. What can't
be read or written is an ``InstallError``, a missing tool a ``ToolMissingError``.
"""

import configparser
import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from kortilla.common.files import open_regular
from native_host.errors import InstallError, ToolMissingError
from native_host.install import files
from native_host.platform import processes, system

_PACKAGE = "libnss3-tools"
_FILES = ("cert9.db", "key4.db", "pkcs11.txt")
_PATIENCE = 60.0  # seconds for a tool that loads a module


@dataclass(frozen=True)
class NssModule:
    """A module in a database's list: its name and the library's path."""

    name: str
    library: str


def exists(database: Path) -> bool:
    """Whether a folder holds a database."""
    try:
        return (database / "cert9.db").is_file()
    except OSError:  # another user's folder
        return False


def modules(database: Path) -> tuple[NssModule, ...]:
    """Return the modules that a database lists, without NSS's own."""
    text = (files.read(database / "pkcs11.txt") or b"").decode(errors="surrogateescape")
    found = []
    for stanza in re.split(r"\n\s*\n", text):
        pairs = (line.split("=", 1) for line in stanza.splitlines() if "=" in line)
        fields = {key.strip(): value.strip() for key, value in pairs}
        if fields.get("library"):
            found.append(NssModule(fields.get("name", ""), fields["library"]))
    return tuple(found)


def add_module(database: Path, module: NssModule) -> None:
    where = ("-dbdir", f"sql:{database}")
    what = ("-add", module.name, "-libfile", module.library)
    _run("modutil", database, *where, *what, "-force")


def delete_module(database: Path, name: str) -> None:
    _run("modutil", database, "-dbdir", f"sql:{database}", "-delete", name, "-force")


def create(database: Path) -> None:
    """Create a database without a password in a folder."""
    _run("certutil", database, "-N", "-d", f"sql:{database}", "--empty-password")


def holds_nothing(database: Path, *, but: str) -> bool:
    """Whether a database has no certificate, trust, key or module besides NSS's.

    ``but`` names a module that does not count.
    """
    try:
        return {each.name for each in modules(database)} <= {but} and not any(
            _rows(database / file, table)
            for file, table in (("cert9.db", "nssPublic"), ("key4.db", "nssPrivate"))
        )
    except InstallError:
        return False


def remove(database: Path) -> None:
    """Remove the files of a database."""
    for name in _FILES:
        files.remove(database / name)


def demand_tools() -> None:
    """Raise ``ToolMissingError`` if NSS's tools are missing."""
    for name in ("modutil", "certutil"):
        if shutil.which(name) is None:
            raise ToolMissingError(f"{name} is missing: apt install {_PACKAGE}.")


def profiles(folder: Path) -> Iterator[Path]:
    """Return the profiles that a ``profiles.ini`` names and that have a database."""
    path = folder / "profiles.ini"
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string((files.read(path) or b"").decode())
    except (configparser.Error, UnicodeDecodeError) as error:
        raise InstallError(f"{path}: can't be understood.") from error
    for name in parser.sections():
        section = parser[name]
        if name.startswith("Profile") and (place := section.get("Path")):
            # An absolute path stays absolute.
            profile = Path(os.path.normpath(folder / place))
            if exists(profile):
                yield profile


def firefox_runs(profile: Path) -> bool:
    """Whether a Firefox uses a profile.

    ``lock`` is a link to ``ADDRESS:+PROCESS``; without the plus sign the file system
    knows no locks, and the link itself is the lock.
    """
    if _is_locked(profile / ".parentlock"):
        return True
    _, _, process = _link(profile / "lock").rpartition(":")
    return process.isdecimal() and _is_alive(int(process))


def chromium_runs(user_data: Path) -> bool:
    """Whether a browser of Chromium's family uses a folder of user data.

    ``SingletonLock`` is a link to ``HOST-PROCESS``. One of another host, in a home that
    several computers share, counts as running.
    """
    host, _, process = _link(user_data / "SingletonLock").rpartition("-")
    elsewhere = host != socket.gethostname()
    return process.isdecimal() and (elsewhere or _is_alive(int(process)))


def is_open(path: Path) -> bool:
    """Whether a process of this person has a file open, as far as can be seen."""
    real = os.path.realpath(path)
    with contextlib.closing(_open_files()) as opened:
        return real in opened


def is_changed_since_start(database: Path, process: int) -> bool:
    """Whether a database's list of modules is younger than a process that uses it.

    NSS reads the list once.
    """
    try:
        changed = (database / "pkcs11.txt").stat().st_mtime
        is_younger = time.time() - changed < processes.age_of(process)
    except (OSError, ValueError):
        return False
    return is_younger and is_open(database / "cert9.db")


def _rows(path: Path, table: str) -> int:
    import sqlite3

    uri = f"{path.absolute().as_uri()}?mode=ro"
    query = f"SELECT count(*) FROM {table}"  # noqa: S608 # names of our own
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
            return int(connection.execute(query).fetchone()[0])
    except sqlite3.Error as error:
        raise InstallError(f"{path}: {error}.") from error


def _run(name: str, database: Path, *arguments: str) -> None:
    demand_tools()
    with tempfile.TemporaryDirectory(prefix="kortilla-") as folder:
        # modutil loads the module. With this configuration p11-kit's proxy loads no
        # other module, so that no card is used. (For root it loads them all, and
        # OpenSC's creates a folder in its cache.)
        config = Path(folder, "pkcs11/pkcs11.conf")
        config.parent.mkdir()
        config.write_text("user-config: only\n")
        try:
            finished = subprocess.run(  # noqa: S603 # no shell, a tool of the system's
                [name, *arguments],
                env=os.environ | {"XDG_CONFIG_HOME": folder, "XDG_CACHE_HOME": folder},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                check=False,
                timeout=_PATIENCE,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            kind = type(error).__name__
            raise InstallError(f"{database}: {name} failed ({kind}).") from error
    if finished.returncode:
        said = " ".join(finished.stdout.split()) or f"status {finished.returncode}"
        raise InstallError(f"{database}: {name} failed: {said}")


def _open_files() -> Generator[str, None, None]:
    for folder in Path("/proc").glob("[0-9]*/fd"):
        # Those of others can't be seen, and any process may end meanwhile.
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for each in entries:
                # There are thousands, and a Path for each takes three times as long.
                with contextlib.suppress(OSError):
                    yield os.readlink(each.path)  # noqa: PTH115 - see above


def _is_locked(path: Path) -> bool:
    with contextlib.suppress(OSError), os.fdopen(open_regular(path), "rb") as file:
        return system.is_locked(file)
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
