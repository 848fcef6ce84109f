# SPDX-License-Identifier: MIT
"""Whether the agent runs, and whether it may: one per person, disabled by a file."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from kortilla.common.files import make_folder
from native_host.errors import KortillaError
from native_host.platform import processes, system
from native_host.platform.paths import (
    runtime_folder,
    session_folder,
    user_config_folder,
    user_data_folder,
)
from native_host.platform.private_files import open_private, private_folder
from native_host.state.activation_offers import forget_all, offer_all

if sys.platform == "win32":
    from native_host.install.changes import launcher_path

#: The name of the agent's systemd unit and of its autostart file.
UNIT = "kortilla-agent"

_APPEND = os.O_RDWR | os.O_APPEND | os.O_CREAT
_AGENT = ("-I", "-m", "native_host.cli", "agent")
_PATIENCE = 5.0  # seconds for the agent to end, and for systemd to respond


@contextlib.contextmanager
def only_one() -> Iterator[bool]:
    """Become the person's only agent. Yields False if another one runs.

    Raises ``KortillaError`` if there is no place for the lock.
    """
    path = _lock_path(create=True)
    try:
        lock = open_private(path, _APPEND)
    except OSError as error:
        raise KortillaError(f"{path}: {error.strerror}.") from error
    with os.fdopen(lock, "a+") as file:
        try:
            system.lock_visibly(file)
        except BlockingIOError:
            yield False
            return
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield True


def is_running() -> bool:
    return _running_process() is not None


def is_enabled() -> bool:
    return not _switch().exists()


def set_enabled(enabled: bool) -> None:
    """Let the agent run, and offer the activation of all new cards, or not run."""
    if enabled:
        _switch().unlink(missing_ok=True)
        offer_all()
    else:
        make_folder(_switch().parent)
        _switch().touch(mode=0o600)


def forget() -> None:
    """Delete all files, also that of the choice: it may run then."""
    forget_all()
    with contextlib.suppress(OSError):  # others may write in that folder
        offer_all()
    for path in (_lock_path(), _switch()):  # on Windows, one folder in the other
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # there are other files of Kortilla
            path.parent.rmdir()


def stop() -> None:
    """End the agent if it runs, and wait until it has exited."""
    pid = _running_process()
    if pid is not None:
        # Not another process of that number.
        processes.end_process(pid, lambda: _running_process() == pid, _PATIENCE)


def start() -> bool:
    """Start the agent, on Linux by systemd; return whether it was started.

    If systemd does not manage a graphical session, in which a window could be shown,
    the agent starts with the next session.
    """
    if sys.platform == "win32":
        try:
            # Not as the command, in whose place nothing new can be installed.
            subprocess.Popen(  # noqa: S603 - our own program
                [launcher_path("user"), *_AGENT],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                creationflags=system.BREAKAWAY,
            )
        except OSError:  # the starter's job may keep what this one starts
            return False
        return True
    session = session_folder()
    if session is None or not (session / "systemd").is_dir():
        return False
    return (
        _systemctl("daemon-reload")
        and _systemctl("--quiet", "is-active", "graphical-session.target")
        and _systemctl("start", f"{UNIT}.service")
    )


def _systemctl(*words: str) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            ["systemctl", "--user", *words],  # noqa: S607 - wherever the system has it
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _running_process() -> int | None:
    try:
        with os.fdopen(open_private(_lock_path(), os.O_RDONLY)) as file:
            # Test the lock without taking it: an agent that starts just then would give
            # up.
            return int(file.read()) if system.is_locked(file) else None
    except (OSError, ValueError):
        return None


def _lock_path(*, create: bool = False) -> Path:
    folder = runtime_folder()
    if folder is not None:
        # Not where others can write.
        with contextlib.suppress(OSError), private_folder(folder, create=create):
            return folder / "agent.lock"
    return user_data_folder() / "agent.lock"


def _switch() -> Path:
    return user_config_folder() / "agent-disabled"
