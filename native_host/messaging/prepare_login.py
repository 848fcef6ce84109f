# SPDX-License-Identifier: MIT
"""Passes on that a login is to be prepared, to the process that will log in.

Each browser that has the card as its token has a process of its own for that
(``native_host.pkcs11``). It asks for the PIN in its own window and keeps it in its own
memory; nothing of that passes here.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from native_host.errors import ProgramNotRunning
from native_host.operations import login_servers

__all__ = ["prepare_login"]


async def prepare_login() -> None:
    """Have PIN1 asked for by the token of the browser that started this host.

    Returns when the card has accepted it. Raises ``ProgramNotRunning`` where that
    browser has no such token, and what the token's process answers.
    """
    servers = {
        server.program_pid: server for server in await login_servers.running_servers()
    }
    for pid in _ancestors():
        if pid in servers:
            await login_servers.prepare_login(servers[pid])
            return
    raise ProgramNotRunning("The browser that asks does not have the card as a token.")


def _ancestors() -> Iterator[int]:
    """Yield the processes that this one comes from, the nearest first."""
    pid = os.getppid()
    while pid > 1:
        yield pid
        try:
            # The name in it is in brackets and may hold anything (proc(5)).
            stat = Path("/proc", str(pid), "stat").read_text(errors="replace")
            pid = int(stat.rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return
