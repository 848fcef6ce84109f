# SPDX-License-Identifier: MIT
"""Runs all checks, and the commands that fix what they find.

A check that fails or hangs is a finding, and the others go on.
"""

import asyncio
import json
import logging
import platform
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from kortilla.common import JsonObject, own_python
from native_host import VERSION
from native_host.card.pcsc_threads import in_thread
from native_host.config import Config, load_config
from native_host.doctor.browsers import (
    check_extension,
    check_host,
    check_token,
    check_token_files,
)
from native_host.doctor.card import check_card
from native_host.doctor.findings import (
    Finding,
    FixBy,
    Place,
    Sentences,
    error,
    warning,
)
from native_host.doctor.surroundings import (
    check_agent,
    check_clock,
    check_other_programs,
    check_screen,
    check_screen_reader,
)
from native_host.errors import ConfigBrokenError, KortillaError
from native_host.platform import system
from native_host.platform.log import log_unexpected

logger = logging.getLogger(__name__)

Check = Callable[[Place], Awaitable[list[Finding]]]

#: Seconds for one check. A card takes two, and on a contactless reader up to 60.
PATIENCE = 75.0
_CLEARS_UP_WITHIN = 3.0  # seconds, for a check that was ended
_FIXES_WITHIN = 300  # seconds; the person may be asked something meanwhile

_HAS_TOKEN = sys.platform != "win32"
_TOKEN: dict[str, Check] = {"token": check_token} if _HAS_TOKEN else {}

#: The rows go on beside each other, the checks of a row one after the other: two that
#: use the card at a time would stand in each other's way.
_CHECKS: tuple[dict[str, Check], ...] = (
    {"card": check_card} | _TOKEN,
    {"host": check_host},
    {"extension": check_extension},
    {"agent": check_agent},
    {"other-programs": check_other_programs},
    {"clock": check_clock},
    {"screen": check_screen},
    {"screen-reader": check_screen_reader},
)

#: What commands of ours can fix, found without a look at the card.
_FILE_CHECKS: tuple[dict[str, Check], ...] = (
    {"token": check_token_files} if _HAS_TOKEN else {},
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

    # Cancelled, it waits until all have cleared up, which gather would not.
    async with asyncio.TaskGroup() as group:
        rows = [group.create_task(in_turn(row)) for row in checks]
    first = [error("CONFIG_BROKEN")] if place.config_broken else []
    return first + [each for row in rows for each in row.result()]


async def examine_files(place: Place) -> list[Finding]:
    """Return the findings that commands of ours fix, without a look at the card."""
    return await examine(place, checks=_FILE_CHECKS)


def report(findings: list[Finding], language: str) -> JsonObject:
    """Return a report as values that JSON knows, to be handed to others."""
    texts = Sentences(language)
    return {
        "version": VERSION,
        "system": _system(),
        "python": platform.python_version(),
        "findings": [each.as_json(texts) for each in findings],
    }


class CommandFailedError(KortillaError):
    """A command of Kortilla's has failed; ``code`` is that of its error."""

    def __init__(self, code: str) -> None:
        super().__init__("The command has failed.")
        self.code = code


async def fix(place: Place, code: str, *, confirmed: bool) -> None:
    """Run what fixes the findings with a code, as far as they are still there.

    ``confirmed`` says that the person wants it although a browser is open. Raises
    ``CommandFailedError`` with the code of the command's error, ``BROWSER_RUNNING`` for
    one.
    """
    found = await examine_files(place)
    commands = dict.fromkeys(
        each.fix.words
        for each in found
        if each.code == code and each.fix and each.fix.by is FixBy.DOCTOR
    )
    for words in commands:
        # Only this command asks anything.
        yes = ("--yes",) if confirmed and words[:2] == ("kortilla", "pkcs11") else ()
        await run_detached((*words, *yes))


async def run_detached(words: tuple[str, ...]) -> None:
    """Run a command of Kortilla's that asks nothing, and goes on if this process ends.

    Raises ``CommandFailedError`` with the code of its error.
    """
    code = await in_thread(partial(run_command, words, detached=True))
    if code:
        raise CommandFailedError(code)


def run_command(words: tuple[str, ...], *, detached: bool = False) -> str:
    """Run a command of Kortilla's, and return the code of its error, empty when done.

    Its questions and errors come through, unless it is ``detached``. Then it asks
    nothing, and goes on when this process ends.
    """
    command = own_python("-m", "native_host.cli", *words[1:], "--json")
    try:
        done = subprocess.run(  # noqa: S603 - words of our own
            command,
            stdin=subprocess.DEVNULL if detached else None,
            stdout=subprocess.PIPE,
            # A pipe that nobody reads any more would end it.
            stderr=subprocess.DEVNULL if detached else None,
            check=False,
            timeout=_FIXES_WITHIN,
            start_new_session=detached,
            creationflags=system.BREAKAWAY if detached else 0,
        )
    except (OSError, subprocess.TimeoutExpired):
        return KortillaError.code
    if done.returncode == 0:
        return ""
    try:
        return str(json.loads(done.stdout)["error"]["code"])
    except (ValueError, TypeError, KeyError):
        return KortillaError.code


async def _bounded(
    name: str, check: Awaitable[list[Finding]], patience: float
) -> list[Finding]:
    task = asyncio.ensure_future(check)
    try:
        # Not wait_for, which would wait for the end of what it has cancelled.
        done, _ = await asyncio.wait({task}, timeout=patience)
    finally:
        if task.cancel():  # it has not ended
            await asyncio.wait({task}, timeout=_CLEARS_UP_WITHIN)
    if not done:
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
    if sys.platform == "win32":
        return platform.platform(terse=True)
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()
