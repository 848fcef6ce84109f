# SPDX-License-Identifier: MIT
"""Which program uses the token, so that a person can be told (Linux's /proc)."""

import os
import socket
import stat

from native_host.operations.login_servers import ForeignPeerError, peer_pid
from native_host.processes import Program, parent_program, program_of

__all__ = ["Program", "peer_of", "program_of", "spawner"]


def peer_of(connection: socket.socket) -> Program:
    """Return the program at the other end of a unix socket.

    Raises ``ForeignPeerError``.
    """
    return program_of(peer_pid(connection))


def spawner(descriptor: int) -> Program:
    """Return the program that started this one with a descriptor as standard input.

    p11-kit gives a socket, whose maker is known whatever shells stand between; else
    the parent process is asked.
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
