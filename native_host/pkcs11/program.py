# SPDX-License-Identifier: MIT
"""The program that uses the token, identified by its socket (unix(7))."""

import os
import socket
import stat
import struct

from native_host.processes import Program, parent_program, program_of

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


def peer_of(connection: socket.socket) -> Program:
    """Return the program at the other end of a unix socket.

    Raises ``ForeignPeerError``.
    """
    return program_of(peer_pid(connection))


def spawner(descriptor: int) -> Program:
    """Return the program that started this process.

    ``descriptor`` is this process's standard input. p11-kit passes a socket, whose
    peer is the program even when a shell was started between them. Otherwise it is the
    parent process.
    """
    try:
        if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            with socket.socket(fileno=os.dup(descriptor)) as connection:
                program = peer_of(connection)
            if program.pid not in {0, os.getpid()}:
                return program
    except (OSError, ForeignPeerError):
        pass
    return parent_program()
