# SPDX-License-Identifier: MIT
"""Which extension started the host, and which program.

The browser has already held the caller against the manifest; it is held against the
known ids once more here, so that a manifest somebody else has written does not open
this door by itself. Any program can give a known id, so the window names the program
when it is no known browser.
"""

import logging
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from native_host.errors import KortillaError
from native_host.processes import parent_program

__all__ = [
    "Caller",
    "CallerRefusedError",
    "identify_caller",
    "program_in_place_of_browser",
]

logger = logging.getLogger(__name__)

_CHROMIUM = re.compile(r"chrome-extension://([a-p]{32})/")
#: Starts hosts for browsers in a sandbox, once the person has allowed it.
_PORTAL = "xdg-desktop-portal"
_FIREFOX = re.compile(r"[A-Za-z0-9._-]*@[A-Za-z0-9._-]+|\{[0-9A-Fa-f-]{36}\}")


class CallerRefusedError(KortillaError):
    """The extension that started the host is not one that may."""

    code = "CALLER_REFUSED"


@dataclass(frozen=True)
class Caller:
    """``extension`` is the extension's id, or None where a portal did not pass it."""

    extension: str | None


def identify_caller(arguments: Sequence[str], allowed: frozenset[str]) -> Caller:
    """Return who calls, from the arguments of the command line.

    Chromium gives ``chrome-extension://ID/``, Firefox the manifest's path and the
    add-on's id, a portal nothing. Raises ``CallerRefusedError``.
    """
    named = [argument for argument in arguments if not argument.startswith("--")]
    if not named:
        logger.info("started without a caller's name")
        return Caller(None)
    match = _CHROMIUM.fullmatch(named[0])
    if match is not None:
        extension = match[1]
    elif len(named) == 2 and _FIREFOX.fullmatch(named[1]):
        extension = named[1]
    else:
        raise CallerRefusedError("The arguments are not those that a browser gives.")
    if extension not in allowed:
        raise CallerRefusedError(
            f"The extension {extension} may not start this program."
        )
    logger.info("started by the extension %s", extension)
    return Caller(extension)


def program_in_place_of_browser() -> str:
    """Return the name of the program that started this one, if it is no known browser.

    Empty where it is one, and where a desktop's portal stands between.
    """
    if sys.platform != "linux":
        return ""
    program = parent_program()
    if program.browser or program.name == _PORTAL:
        return ""
    logger.info("started by %s, which is no known browser", program.name)
    return program.name
