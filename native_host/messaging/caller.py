# SPDX-License-Identifier: MIT
"""The extension that started the host, and what its pages may ask for.

The browser has already checked the caller against the manifest. Here its id is compared
with the known ids as well, so that another program's manifest does not suffice. Any
program can give a known id, so the window also names the program if it is no known
browser (``calling_program.program_in_place_of_browser``).

Only pages of Kortilla's own extension may ask for the card's status, its PINs and its
token, and for this computer. Any other request for them is refused and logged.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from native_host.config import load_config
from native_host.errors import KortillaError
from native_host.install.tables import known_extensions, own_extensions

logger = logging.getLogger(__name__)

_CHROMIUM = re.compile(r"chrome-extension://([a-p]{32})/")
_FIREFOX = re.compile(r"[A-Za-z0-9._-]*@[A-Za-z0-9._-]+|\{[0-9A-Fa-f-]{36}\}")
_CHROMIUM_ID = re.compile(r"[a-p]{32}")
# Firefox gives an extension another random address in each profile.
_FIREFOX_PAGE = re.compile(
    r"moz-extension://[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII
)


class CallerRefusedError(KortillaError):
    """The extension that started the host is not permitted."""

    code = "CALLER_REFUSED"


@dataclass(frozen=True)
class Caller:
    """``extension`` is the extension's id, or None if a portal did not pass it."""

    extension: str | None

    @property
    def is_own(self) -> bool:
        """Whether it is Kortilla's own extension."""
        return self.extension in own_extensions()


def find_caller(arguments: Sequence[str]) -> tuple[Caller, KortillaError | None]:
    """Return the caller, and why all its requests are refused, if they are."""
    refusal: KortillaError | None = None
    allowed = known_extensions()
    try:
        allowed |= frozenset(load_config().extensions)
    except KortillaError as error:
        refusal = error
    try:
        return identify_caller(arguments, allowed), refusal
    except CallerRefusedError as error:
        logger.warning("%s", error)
        # The configuration might allow it, if it could be read.
        return Caller(None), refusal or error


def identify_caller(arguments: Sequence[str], allowed: frozenset[str]) -> Caller:
    """Return the caller according to the command line's arguments.

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


def check_own_page(caller: Caller, command: str, values: Mapping[str, object]) -> None:
    """Raise ``CallerRefusedError`` unless a page of our own extension asks.

    An extension that the configuration or a manifest of Web eID's admits is not ours,
    and neither is a caller whom a portal left nameless. A request that carries a web
    page's ``origin`` is always refused.
    """
    why = _objection(caller, values)
    if why:
        logger.warning("%s was asked for and refused: %s", command, why)
        raise CallerRefusedError(f"Only Kortilla's own pages may ask for this: {why}.")


def _objection(caller: Caller, values: Mapping[str, object]) -> str:
    """Return why a request is refused, or an empty text."""
    extension = caller.extension
    if extension is None or not caller.is_own:
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
