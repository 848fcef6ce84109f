# SPDX-License-Identifier: MIT
"""The PKCS#11 token of the browser that started this host.

Each browser that has the card as its token has a separate process for it
(``native_host.pkcs11``). That process asks for the PIN in its own window and keeps it
in its own memory, so no PIN passes here.
"""

import sys
from collections.abc import Iterator

from kortilla.common import JsonObject
from native_host.card.pcsc_threads import in_thread
from native_host.doctor.examination import run_detached
from native_host.errors import KortillaError
from native_host.install import nss, token, token_state
from native_host.install.tables import Family
from native_host.platform import processes
from native_host.platform.process_tree import parent_program


async def token_status(family: Family) -> JsonObject:
    """Return whether this browser is shown the card (PROTOCOL.md, ``token-status``).

    Raises ``InstallError``.
    """
    return await in_thread(lambda: _status(family))


async def switch_token(family: Family, *, on: bool) -> JsonObject:
    """Show this browser the card, or take it back; return the status then.

    Raises ``InstallError``, ``ToolMissingError`` and ``CommandFailedError``.
    """
    if family == "firefox":
        change = token.enable if on else token.disable
        await in_thread(lambda: change([family], entries=False).carry_out())
    else:
        # A popup that is closed meanwhile does not leave it half done.
        verb = "enable" if on else "disable"
        await run_detached(("kortilla", "pkcs11", verb, "--browser", family, "--yes"))
    return await token_status(family)


def _status(family: Family) -> JsonObject:
    if family == "firefox":
        return {"shown": token_state.is_prepared(family), "restart": False}
    found = token_state.status()
    [own] = (each for each in found["browsers"] if each["browser"] == family)
    return {"shown": own["enabled"], "restart": _needs_restart(family)}


def _needs_restart(family: Family) -> bool:
    """Say whether the browser has a list of modules that was changed meanwhile."""
    browser = parent_program().pid
    return any(
        nss.is_changed_since_start(each, browser)
        for each in token_state.databases(family)
    )


async def prepare_login() -> None:
    """Make the browser's token ask for PIN1.

    Returns when the card has accepted it. Raises ``PROGRAM_NOT_RUNNING`` if the
    browser has no such token, and ``ControlError`` with the error of the token.
    """
    if sys.platform == "win32":
        raise KortillaError(
            "No browser on Windows has the card as a token.", code="PROGRAM_NOT_RUNNING"
        )
    from native_host.pkcs11 import control

    servers = {server.program_pid: server for server in await control.running_servers()}
    for pid in _ancestors():
        if pid in servers:
            await control.prepare_login(servers[pid])
            return
    raise KortillaError(
        "The browser that asks does not have the card as a token.",
        code="PROGRAM_NOT_RUNNING",
    )


def _ancestors() -> Iterator[int]:
    """Yield the ancestors of this process, the nearest first."""
    pid = processes.own_parent()
    while pid > 1:
        yield pid
        try:
            pid = processes.parent_of(pid)
        except (OSError, ValueError):
            return
