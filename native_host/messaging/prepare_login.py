# SPDX-License-Identifier: MIT
"""Finds the token of the browser that started this host, and prepares a login.

Each browser that has the card as its token has a separate process for it
(``native_host.pkcs11``). That process asks for the PIN in its own window and keeps it
in its own memory, so no PIN passes here.
"""

import os
from collections.abc import Iterator

from native_host.errors import ProgramNotRunningError
from native_host.pkcs11 import control
from native_host.processes import parent_of


async def prepare_login() -> None:
    """Make the browser's token ask for PIN1.

    Returns when the card has accepted it. Raises ``ProgramNotRunningError`` if the
    browser has no such token, and ``ControlError`` with the error of the token.
    """
    servers = {server.program_pid: server for server in await control.running_servers()}
    for pid in _ancestors():
        if pid in servers:
            await control.prepare_login(servers[pid])
            return
    raise ProgramNotRunningError(
        "The browser that asks does not have the card as a token."
    )


def _ancestors() -> Iterator[int]:
    """Yield the ancestors of this process, the nearest first."""
    pid = os.getppid()
    while pid > 1:
        yield pid
        try:
            pid = parent_of(pid)
        except (OSError, ValueError):
            return
