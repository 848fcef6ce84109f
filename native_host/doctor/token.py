# SPDX-License-Identifier: MIT
"""The card as a PKCS#11 token: whether browsers see it, and whether it answers."""

import json
import sys
from collections.abc import Iterator
from typing import Any

from native_host.card.pcsc_threads import in_thread
from native_host.doctor.findings import (
    Finding,
    Place,
    administrator,
    info,
    kortilla,
    warning,
)
from native_host.doctor.programs import output_of
from native_host.install import token_state
from native_host.install.tables import FAMILIES, Family, p11_kit_table, programs, title

#: The entry of a database is ours, be it of today or of an earlier p11-kit.
_ENTERED = ("ours", "outdated")


async def check_token_files(place: Place) -> list[Finding]:
    """Look at what shows browsers the card."""
    found, shown = await _read_files(place)
    return list(_judge(found, shown))


async def check_token(place: Place) -> list[Finding]:
    """Look at what shows browsers the card, and ask for its slots as they do."""
    found, shown = await _read_files(place)
    told = list(_judge(found, shown))
    if found["library"] is None:
        return told
    for each in found["browsers"]:
        family: Family = each["browser"]
        if each["enabled"] or family in shown:
            told.append(await _ask(found["library"], family, root=found["root"]))
    return told


async def _read_files(place: Place) -> tuple[dict[str, Any], frozenset[Family]]:
    """Return the status, and the families that the module's file names."""
    return await in_thread(
        lambda: (
            token_state.status(root=place.root),
            token_state.enabled_families(),
        )
    )


def _judge(found: dict[str, Any], shown: frozenset[Family]) -> Iterator[Finding]:
    """Judge a status; ``shown`` are the families that the module's file names."""
    state = found["module"]["state"]
    entered = {
        each["browser"]
        for each in found["browsers"]
        if any(one["state"] in _ENTERED for one in each["databases"])
    }
    if found["library"] is None:
        package = p11_kit_table()["package"]
        say = warning if shown or entered else info
        yield say("P11_KIT_MISSING", administrator("apt", "install", package))
    elif state == "other":
        yield warning("PKCS11_OTHER_MODULE")
    elif state == "outdated":
        yield warning("PKCS11_OUTDATED", kortilla("pkcs11", "enable"))
    elif not (shown or entered or any(each["enabled"] for each in found["browsers"])):
        can_enable = any(token_state.is_there(family) for family in FAMILIES)
        mend = kortilla("pkcs11", "enable") if can_enable else None
        yield info("PKCS11_OFF", mend)
    else:
        for each in found["browsers"]:
            family: Family = each["browser"]
            # A Firefox without a database is entered by the extension's button.
            begun = family in entered or (family in shown and each["databases"])
            if begun and not each["enabled"]:
                mend = kortilla("pkcs11", "enable", "--browser", family)
                yield warning("PKCS11_INCOMPLETE", mend, browser=title(family))


async def _ask(library: str, family: Family, *, root: bool) -> Finding:
    printed = await output_of(
        *(sys.executable, "-I", "-m", "native_host.doctor.token_probe"),
        *(library, programs(family)[0]),
    )
    slots = json.loads(printed)["slots"] if printed else 0
    if slots:
        return info("PKCS11_WORKS", browser=title(family))
    if root:
        return info("PKCS11_ROOT")
    return warning("PKCS11_FAILED", browser=title(family))
