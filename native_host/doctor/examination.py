# SPDX-License-Identifier: MIT
"""Runs all checks. One that fails or hangs is a finding, and the others go on."""

import asyncio
import logging
import platform
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from native_host import VERSION
from native_host.config import Config, load_config
from native_host.doctor.card import check_card
from native_host.doctor.extension import check_extension
from native_host.doctor.findings import (
    Finding,
    Place,
    catalogue,
    error,
    warning,
)
from native_host.doctor.host import check_host
from native_host.doctor.surroundings import (
    check_agent,
    check_clock,
    check_other_programs,
    check_screen,
    check_screen_reader,
)
from native_host.doctor.token import check_token, check_token_files
from native_host.errors import ConfigBrokenError
from native_host.log import log_unexpected

logger = logging.getLogger(__name__)

Check = Callable[[Place], Awaitable[list[Finding]]]

PATIENCE = 30.0  # seconds for one check; a card takes two
_CLEARS_UP_WITHIN = 3.0  # seconds, for a check that was ended

#: The rows go on beside each other, the checks of a row one after the other: two that
#: use the card at a time would stand in each other's way.
_CHECKS: tuple[dict[str, Check], ...] = (
    {"card": check_card, "token": check_token},
    {"host": check_host},
    {"extension": check_extension},
    {"agent": check_agent},
    {"other-programs": check_other_programs},
    {"clock": check_clock},
    {"screen": check_screen},
    {"screen-reader": check_screen_reader},
)

#: What commands of ours can mend, found without a look at the card.
_FILE_CHECKS: tuple[dict[str, Check], ...] = (
    {"token": check_token_files},
    {"host": check_host},
    {"agent": check_agent},
)


def configured_place(card: str | None = None) -> tuple[Place, Config]:
    """Return where to look, and the configuration; a broken one is the usual one."""
    broken = False
    try:
        config = load_config()
    except ConfigBrokenError:
        broken, config = True, Config()
    return Place(card or config.card, config.prompt, broken), config


async def examine(
    place: Place,
    *,
    patience: float = PATIENCE,
    checks: tuple[Mapping[str, Check], ...] = _CHECKS,
) -> list[Finding]:
    """Return all findings, in the order of the checks.

    ``patience`` is how many seconds a check has.
    """

    async def in_turn(row: Mapping[str, Check]) -> list[Finding]:
        found = []
        for name, check in row.items():
            found += await _bounded(name, check(place), patience)
        return found

    found = await asyncio.gather(*map(in_turn, checks))
    first = [error("CONFIG_BROKEN")] if place.config_broken else []
    return first + [each for row in found for each in row]


async def examine_files(place: Place) -> list[Finding]:
    """Return the findings that commands of ours mend, without a look at the card."""
    return await examine(place, checks=_FILE_CHECKS)


def report(findings: list[Finding], language: str) -> dict[str, Any]:
    """Return a report as values that JSON knows, to be handed to others."""
    texts = catalogue(language)
    return {
        "version": VERSION,
        "system": _system(),
        "python": platform.python_version(),
        "findings": [each.as_json(texts) for each in findings],
    }


async def _bounded(
    name: str, check: Awaitable[list[Finding]], patience: float
) -> list[Finding]:
    task = asyncio.ensure_future(check)
    try:
        # Not wait_for, which would wait for the end of what it has cancelled.
        done, _ = await asyncio.wait({task}, timeout=patience)
    finally:
        task.cancel()
    if not done:
        await asyncio.wait({task}, timeout=_CLEARS_UP_WITHIN)
        return [warning("CHECK_TIMED_OUT", check=name)]
    try:
        return task.result()
    except Exception as failure:
        # People copy what they see, and the trace names folders.
        if logger.isEnabledFor(logging.INFO):
            log_unexpected(logger, failure)
        kind = type(failure).__name__
        return [warning("CHECK_FAILED", check=name, failure=kind)]


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()
