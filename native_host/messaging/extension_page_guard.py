# SPDX-License-Identifier: MIT
"""Keeps web pages from the card's status, PINs and token, and from this computer.

Only pages of Kortilla's own extension may ask for these, and say which page they are.
Any other request for them is refused and logged.
"""

import logging
import re
from collections.abc import Mapping
from typing import Any

from native_host.install.tables import own_extensions
from native_host.messaging.caller import Caller, CallerRefusedError

logger = logging.getLogger(__name__)

#: The commands that only our own pages may use.
OWN_PAGE_COMMANDS = frozenset(
    {
        *("activate", "card-status", "change-pin", "prepare-login", "unblock"),
        *("mend", "open-window", "self-check", "token-status", "token-switch"),
        "wait-for-card",
    }
)

_CHROMIUM_ID = re.compile(r"[a-p]{32}")
# Firefox gives an extension another random address in each profile.
_FIREFOX_PAGE = re.compile(
    r"moz-extension://[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII
)


def check_own_page(caller: Caller, command: str, values: Mapping[str, Any]) -> None:
    """Raise ``CallerRefusedError`` unless a page of our own extension asks.

    An extension that the configuration or a manifest of Web eID's admits is not ours,
    and neither is a caller whom a portal left nameless. A request that carries a web
    page's ``origin`` is always refused.
    """
    why = _objection(caller, values)
    if why:
        logger.warning("%s was asked for and refused: %s", command, why)
        raise CallerRefusedError(f"Only Kortilla's own pages may ask for this: {why}.")


def _objection(caller: Caller, values: Mapping[str, Any]) -> str:
    """Return why a request is refused, or an empty text."""
    extension = caller.extension
    if extension is None or extension not in own_extensions():
        return "the program was started by another extension, or by none"
    if "origin" in values:
        return "the request carries the origin of a web page"
    page = values.get("page")
    if not isinstance(page, str):
        return "the request does not say which page asks"
    if _CHROMIUM_ID.fullmatch(extension):
        is_own = page == f"chrome-extension://{extension}"
    else:
        is_own = _FIREFOX_PAGE.fullmatch(page) is not None
    return "" if is_own else "the page that asks is not the extension's"
