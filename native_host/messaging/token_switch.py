# SPDX-License-Identifier: MIT
"""Shows the card to the browser that started this host, or takes it back.

Firefox's extension adds the module to the running browser itself, so only the files are
written for it. Other browsers read their database when they start.
"""

from typing import Any

from native_host.card.pcsc_threads import in_thread
from native_host.doctor.examination import run_detached
from native_host.install import nss, token, token_state
from native_host.install.tables import Family
from native_host.processes import parent_program


async def token_status(family: Family) -> dict[str, Any]:
    """Return whether this browser is shown the card (PROTOCOL.md, ``token-status``).

    Raises ``InstallError``.
    """
    return await in_thread(lambda: _status(family))


async def switch_token(family: Family, *, on: bool) -> dict[str, Any]:
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


def _status(family: Family) -> dict[str, Any]:
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
