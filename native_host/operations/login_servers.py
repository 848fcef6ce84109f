# SPDX-License-Identifier: MIT
"""Has a login prepared by the process that serves the card to a browser.

Each such process (``native_host.pkcs11``) listens in the person's runtime folder while
it has a client. The PIN never goes this way: it opens a window of its own, and keeps
the PIN in its own memory.
"""

import asyncio
import json
import os
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from native_host.errors import KortillaError, ProgramNotRunningError
from native_host.paths import runtime_folder

__all__ = [
    "ControlError",
    "ForeignPeerError",
    "RunningServer",
    "peer_pid",
    "prepare_login",
    "private_folder",
    "running_servers",
]

_PATTERN = "pkcs11-*.sock"
_LONGEST_ANSWER = 4096  # bytes
_PATIENCE = 2.0  # seconds for a server to say who it is
_PEER = struct.Struct("3i")  # struct ucred of unix(7): process, user, group


class ForeignPeerError(Exception):
    """The other end of a socket belongs to another user."""


class ControlError(KortillaError):
    """What a server answered instead of a result; ``code`` is that of its error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class RunningServer:
    """A server: its process, and the program that uses it with that one's process."""

    path: Path
    pid: int
    program: str
    program_pid: int


def peer_pid(connection: socket.socket) -> int:
    """Return the process at the other end of a unix socket.

    Raises ``ForeignPeerError``.
    """
    pid, user, _ = _PEER.unpack(
        connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    )
    if user != os.geteuid():
        raise ForeignPeerError
    return int(pid)


def private_folder() -> Path | None:
    """Return the runtime folder, or None where it is not there, or others may write."""
    folder = runtime_folder()
    if folder is None or not folder.is_dir():
        return None
    state = folder.stat()
    private = state.st_uid == os.geteuid() and not state.st_mode & 0o022
    return folder if private else None


async def running_servers() -> list[RunningServer]:
    """Return the servers of this person that run and have a client.

    Sockets that nobody listens on are taken away.
    """
    folder = private_folder()
    if folder is None:
        return []
    found = await asyncio.gather(*map(_ask_who, sorted(folder.glob(_PATTERN))))
    return [server for server in found if server is not None]


async def prepare_login(server: RunningServer) -> None:
    """Have the PIN typed in a window of a server, and kept there for one login.

    Returns when that has been done. Raises ``ControlError`` with the code of whatever
    stood in the way, and ``ProgramNotRunningError`` for a server that has gone.
    """
    try:
        answer = await _ask(server.path, "prepare")
    except (OSError, ValueError, ForeignPeerError) as error:
        raise ProgramNotRunningError("The program has let go of the card.") from error
    if "result" not in answer:
        said = answer.get("error")
        told: dict[str, Any] = said if isinstance(said, dict) else {}
        raise ControlError(
            str(told.get("code", "INTERNAL")), str(told.get("message", ""))
        )


async def _ask_who(path: Path) -> RunningServer | None:
    try:
        async with asyncio.timeout(_PATIENCE):
            result = (await _ask(path, "who"))["result"]
        pid = int(path.name.split("-")[1].removesuffix(".sock"))
        return RunningServer(path, pid, str(result["program"]), int(result["pid"]))
    except ConnectionRefusedError:
        _remove(path)
    except (OSError, ValueError, KeyError, TypeError, ForeignPeerError, TimeoutError):
        pass
    return None


async def _ask(path: Path, command: str) -> dict[str, Any]:
    """Send a command and return its answer. Raises what can go wrong on the way."""
    reader, writer = await asyncio.open_unix_connection(path, limit=_LONGEST_ANSWER)
    try:
        peer_pid(writer.get_extra_info("socket"))
        writer.write(json.dumps({"command": command}).encode() + b"\n")
        await writer.drain()
        answer = json.loads(await reader.readline())
        if not isinstance(answer, dict):
            raise TypeError("The answer is not an object.")
        return answer
    finally:
        writer.close()


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
