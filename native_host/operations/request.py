# SPDX-License-Identifier: MIT
"""An operation's request and its origin, its context, and the opening of its prompt.

The origin comes from the browser and is signed byte for byte, so nothing is corrected
here. A text that is not the serialisation of an origin (RFC 6454 §6.2, as in browsers:
lower case, no default port, punycode) is refused.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from native_host.card.source import CardSource
from native_host.errors import OriginRefusedError
from native_host.operations.card_access.access_numbers import AccessNumbers
from native_host.operations.documents import sweep_leftovers
from native_host.pin_prompt.model import (
    Conversation,
    Operation,
    Progress,
    StartedQuestion,
)
from native_host.pin_prompt.prompt import Prompt

#: Reports the progress of an operation to the page, in PROTOCOL.md's words. They never
#: say whether there is a reader or a card.
Report = Callable[[str, Progress | None], None]


def report_nothing(_word: str, _progress: Progress | None) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Context:
    """The cards and the prompt of one operation, and the receiver of its progress.

    The caller closes ``source`` and ``prompt``.
    """

    source: CardSource
    prompt: Prompt
    progress: Report = report_nothing
    numbers: AccessNumbers = field(default_factory=AccessNumbers, repr=False)


@dataclass(frozen=True, kw_only=True)
class Request:
    """The fields that the requests of all operations have.

    ``origin`` has passed ``check_origin``; ``language`` is ``fi``, ``sv`` or ``en``.
    ``started_by_person`` is False when no click in the page preceded the request.
    ``caller`` is the name of the program that asks, empty for a known browser.
    """

    origin: str
    language: str
    started_by_person: bool = True
    caller: str = ""


async def begin(operation: Operation, context: Context, request: Request) -> None:
    """Open the prompt; without a click in the page, ask the person who started this.

    The page hears of the window once they have said that it was them. Meanwhile the
    documents of processes that were killed are deleted. Raises ``UserCancelledError``
    and ``PromptError``.
    """
    await context.prompt.open(
        Conversation(
            operation=operation,
            origin=request.origin,
            language=request.language,
            test_card=context.source.test_card,
            started_by_person=request.started_by_person,
            caller=request.caller,
        )
    )
    if not request.started_by_person:
        await context.prompt.ask(StartedQuestion())
    context.progress("window-open", None)
    sweep_leftovers()


#: Longest origin in characters (Web eID's limit).
MAX_LENGTH = 255

# No zone (%) in an IPv6 address: browsers send none, and it could hold any text.
_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>\[[^\]/%]*\]|[^:/?#@\[\]]*)(?P<port>:[0-9]*)?"
)
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_PORT = re.compile(r":[1-9][0-9]{0,4}")
_DEFAULT_PORT = {"https": ":443", "http": ":80"}


def check_origin(origin: str, *, allow_localhost: bool = False) -> str:
    """Return a permitted ``origin`` unchanged, else raise ``OriginRefusedError``.

    ``allow_localhost`` is the developer setting that permits ``http`` on the loopback
    names ``localhost``, ``127.0.0.1`` and ``[::1]``.
    """
    if not origin.isascii():
        raise OriginRefusedError("The origin holds characters outside ASCII.")
    if len(origin) > MAX_LENGTH:
        raise OriginRefusedError(f"The origin is longer than {MAX_LENGTH} characters.")
    match = _ORIGIN.match(origin)
    if match is None:
        raise OriginRefusedError("The origin is not of the form https://host[:port].")
    rest = origin[match.end() :]
    if "@" in rest:
        raise OriginRefusedError("The origin holds user information.")
    if rest:
        raise OriginRefusedError("The origin holds more than scheme, host and port.")
    scheme, host, port = match["scheme"], match["host"], match["port"] or ""
    if scheme not in _DEFAULT_PORT:
        raise OriginRefusedError("The origin's scheme is not https.")
    if not _is_host(host):
        raise OriginRefusedError("The origin's host is not a name or address.")
    if port and not _is_port(port, scheme):
        raise OriginRefusedError("The origin's port is not one that a browser writes.")
    if scheme == "http":
        if host not in {"localhost", "127.0.0.1", "[::1]"}:
            raise OriginRefusedError("The origin's scheme is http; only https may ask.")
        if not allow_localhost:
            raise OriginRefusedError(
                "The origin is http on this computer, which only the developer "
                "setting allow_localhost admits."
            )
    return origin


def _is_port(port: str, scheme: str) -> bool:
    return (
        port != _DEFAULT_PORT[scheme]
        and _PORT.fullmatch(port) is not None
        and int(port[1:]) <= 65535
    )


def _is_host(host: str) -> bool:
    if host.startswith("["):
        try:
            return str(IPv6Address(host[1:-1])) == host[1:-1]
        except AddressValueError:
            return False
    labels = host.removesuffix(".").split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        return False
    if labels[-1].isdigit():
        try:
            return str(IPv4Address(host)) == host
        except AddressValueError:
            return False
    return True
