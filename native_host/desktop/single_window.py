# SPDX-License-Identifier: MIT
"""One window for each person: a second start brings the first one's to the front.

The first one locks a file in the person's runtime folder and listens on a socket there.
A message on the socket holds the token with which the desktop lets a window come to the
front, and nothing else; it has no further effect.
"""

import asyncio
import contextlib
import fcntl
import os
import re
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from native_host.errors import KortillaError
from native_host.paths import runtime_folder
from native_host.pkcs11.program import ForeignPeerError, peer_pid

__all__ = ["SingleWindow"]

#: Variables with the token of a start: on Wayland, on X11.
_TOKENS = ("XDG_ACTIVATION_TOKEN", "DESKTOP_STARTUP_ID")
_TOKEN = re.compile(r"[!-~]{0,256}")
_LONGEST = 300  # bytes
_PATIENCE = 5.0  # seconds for an answer
_SHOWN = b"shown\n"


class SingleWindow:
    """The claim of a process to be the one that shows the window."""

    def __init__(self) -> None:
        self._lock: IO[str] | None = None
        self._folder = _private_folder()

    def claim(self) -> bool:
        """Return whether this process is to show the window.

        If another one does, its window is brought to the front. Without a private
        runtime folder there is no way to know, and each process shows a window. Raises
        ``KortillaError`` if the other one does not answer.
        """
        if self._folder is None:
            return True
        lock = (self._folder / "window.lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            _raise_other(self._path(self._folder))
            return False
        self._lock = lock
        return True

    def close(self) -> None:
        """Give the claim up."""
        if self._lock is not None:
            self._lock.close()

    async def listen(self, show: Callable[[str], object]) -> None:
        """Call ``show`` with a token for each later start, until cancelled."""
        if self._folder is None:
            return
        path = self._path(self._folder)
        path.unlink(missing_ok=True)  # of a process that has ended; we hold the lock

        async def serve(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            with contextlib.suppress(ForeignPeerError, OSError, ValueError):
                peer_pid(writer.get_extra_info("socket"))
                async with asyncio.timeout(_PATIENCE):
                    line = await reader.readline()
                token = line.decode("ascii").rstrip("\n")
                if line.endswith(b"\n") and _TOKEN.fullmatch(token):
                    show(token)
                    writer.write(_SHOWN)
                    await writer.drain()
            writer.close()

        server = await asyncio.start_unix_server(serve, path, limit=_LONGEST)
        try:
            path.chmod(0o600)
            await server.serve_forever()
        finally:
            path.unlink(missing_ok=True)

    @staticmethod
    def _path(folder: Path) -> Path:
        return folder / "window.sock"


def _private_folder() -> Path | None:
    """Return the runtime folder if it is a folder that only this person can use."""
    folder = runtime_folder()
    if folder is None:
        return None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    return folder if own and not found.st_mode & 0o022 else None


def _raise_other(path: Path) -> None:
    token = next((os.environ[name] for name in _TOKENS if os.environ.get(name)), "")
    if not _TOKEN.fullmatch(token):
        token = ""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as other:
                other.settimeout(_PATIENCE)
                other.connect(os.fspath(path))
                peer_pid(other)
                other.sendall(f"{token}\n".encode())
                if other.recv(len(_SHOWN)) == _SHOWN:
                    return
        except (OSError, ForeignPeerError):
            pass
        # It may be starting, and not listen yet.
        if time.monotonic() > deadline:
            raise KortillaError("Kortilla's window is open, and does not answer.")
        time.sleep(0.05)
