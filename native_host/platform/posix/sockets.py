# SPDX-License-Identifier: MIT
"""Unix sockets of this user. On Windows, ``windows/sockets.py`` does the same."""

import asyncio
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform == "win32":  # mypy reads on only for others
    raise ImportError("This module is not for Windows.")

_CREDENTIALS = struct.Struct("3i")  # struct ucred: process, user, group


class ForeignPeerError(Exception):
    """The other end of a socket belongs to another user."""


def peer_pid(connection: socket.socket) -> int:
    """Return the process at the other end of a unix socket.

    Raises ``ForeignPeerError``.
    """
    credentials = connection.getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size
    )
    pid, user, _ = _CREDENTIALS.unpack(credentials)
    if user != os.geteuid():
        raise ForeignPeerError
    return int(pid)


async def answer_locally(
    path: Path, answer: Callable[[bytes], bytes], *, most: int, seconds: float
) -> None:
    """Answer each line that this user's other programs send, until cancelled.

    The socket is ``path``, in a folder where nobody else writes. A line has at most
    ``most`` bytes, and must come within ``seconds``. ``answer`` runs in the event loop;
    its ``ValueError`` ends the connection without an answer. Raises ``OSError``.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ForeignPeerError, OSError, ValueError):
            peer_pid(writer.get_extra_info("socket"))
            async with asyncio.timeout(seconds):
                line = await reader.readline()
            if line.endswith(b"\n"):
                writer.write(answer(line))
                await writer.drain()
        writer.close()

    with _listener(path) as listener:
        server = await asyncio.start_unix_server(serve, sock=listener, limit=most)
        await server.serve_forever()


def connected(path: str, seconds: float) -> socket.socket:
    """Return a connection to the socket of any user. Raises ``OSError``."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(seconds)
    try:
        client.connect(path)
    except BaseException:
        client.close()
        raise
    return client


@contextmanager
def _listener(path: Path) -> Iterator[socket.socket]:
    path.unlink(missing_ok=True)  # of a process that has ended
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(path))
        try:
            path.chmod(0o600)
            yield listener
        finally:
            path.unlink(missing_ok=True)


def ask_locally(path: Path, line: bytes, *, most: int, seconds: float) -> bytes:
    """Send a line to a program of this user, and return the answer.

    That has at most ``most`` bytes. Raises ``OSError`` if there is no such program.
    """
    with socket.socket(socket.AF_UNIX) as other:
        other.settimeout(seconds)
        other.connect(os.fspath(path))
        try:
            peer_pid(other)
        except ForeignPeerError:
            raise PermissionError("The socket is another user's.") from None
        other.sendall(line)
        return other.recv(most)
