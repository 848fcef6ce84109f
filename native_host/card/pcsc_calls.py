# SPDX-License-Identifier: MIT
"""The PC/SC calls (winscard) in use, with errors instead of return codes.

pyscard is slow to import and needs the system's library, so the first call imports it.
"""

import importlib
import logging
import socket
import sys
from enum import IntEnum, unique
from functools import cache
from typing import Any

from native_host.card.errors import (
    CardBusyError,
    CardError,
    CardMuteError,
    CardRemovedError,
    PcscDeniedError,
    PcscUnavailableError,
)
from native_host.card.service_watch import socket_path
from native_host.commands import missing

logger = logging.getLogger(__name__)


@unique
class Code(IntEnum):
    """Return codes, with the names and numbers of PC/SC part 10 and winscard.h."""

    OK = 0
    CANCELLED = 0x80100002
    INVALID_HANDLE = 0x80100003
    UNKNOWN_READER = 0x80100009
    TIMEOUT = 0x8010000A
    SHARING_VIOLATION = 0x8010000B
    NO_SMARTCARD = 0x8010000C
    PROTO_MISMATCH = 0x8010000F
    COMM_ERROR = 0x80100013
    READER_UNAVAILABLE = 0x80100017
    NO_SERVICE = 0x8010001D
    SERVICE_STOPPED = 0x8010001E
    NO_READERS_AVAILABLE = 0x8010002E
    UNSUPPORTED_CARD = 0x80100065
    UNRESPONSIVE_CARD = 0x80100066
    UNPOWERED_CARD = 0x80100067
    RESET_CARD = 0x80100068
    REMOVED_CARD = 0x80100069
    SECURITY_VIOLATION = 0x8010006A


class ReaderState(IntEnum):
    """Bits of a reader's state, the same on all systems.

    The high half counts insertions and removals. This is no ``IntFlag``, whose ``~``
    would drop that half.
    """

    CHANGED = 0x0002
    PRESENT = 0x0020
    EXCLUSIVE = 0x0080
    IN_USE = 0x0100


_HANGS_UP_WITHIN = 1.0  # seconds; pcscd asks polkit meanwhile

_ERRORS: dict[int, tuple[type[CardError], str]] = {
    Code.SHARING_VIOLATION: (CardBusyError, "Another program holds the card."),
    **dict.fromkeys(
        (
            Code.NO_SMARTCARD,
            Code.REMOVED_CARD,
            Code.UNKNOWN_READER,
            Code.READER_UNAVAILABLE,
        ),
        (CardRemovedError, "The card or its reader was taken away."),
    ),
    **dict.fromkeys(
        (
            Code.UNSUPPORTED_CARD,
            Code.UNRESPONSIVE_CARD,
            Code.UNPOWERED_CARD,
            Code.PROTO_MISMATCH,
        ),
        (CardMuteError, "The card does not answer."),
    ),
    **dict.fromkeys(
        (Code.NO_SERVICE, Code.SERVICE_STOPPED, Code.COMM_ERROR),
        (PcscUnavailableError, "The smart card service went away."),
    ),
}


@cache
def scard() -> Any:
    """Return pyscard's module of low-level calls. Raises ``PcscUnavailableError``."""
    try:
        return importlib.import_module("smartcard.scard")
    except Exception as error:
        # Without the system's PC/SC library its import raises other errors.
        words = missing(error, "host") or f"pyscard can't be loaded: {error}."
        raise PcscUnavailableError(words) from error


def code_of(result: int) -> int:
    """Return a result as the unsigned number of ``Code`` on every system."""
    return result & 0xFFFFFFFF


def check(result: int, step: str) -> None:
    """Raise the error for the result of a PC/SC call, if it is one."""
    code = code_of(result)
    if code == Code.OK:
        return
    kind, sentence = _ERRORS.get(code, (CardError, "PC/SC failed."))
    raise kind(f"{sentence} ({step}: {code:08X})")


def establish_context() -> int:
    """Return a new context, which the caller releases.

    Raises ``PcscUnavailableError``, or ``PcscDeniedError`` if the service refuses.
    """
    result, context = scard().SCardEstablishContext(scard().SCARD_SCOPE_SYSTEM)
    code = code_of(result)
    if code == Code.OK:
        return int(context)
    if code in {Code.NO_SERVICE, Code.SECURITY_VIOLATION} and _refuses():
        raise PcscDeniedError(
            "The smart card service, on Linux pcscd, does not let this session use the "
            "readers. polkit allows it to a session at the computer's own screen, and "
            "not over SSH, unless a rule of its own says otherwise. "
            f"(SCardEstablishContext: {code:08X})"
        )
    raise PcscUnavailableError(
        "The smart card service, on Linux pcscd, can't be reached. "
        f"(SCardEstablishContext: {code:08X})"
    )


def _refuses() -> bool:
    """Whether pcscd closes each connection that it accepts, which is how it refuses.

    Its library returns either code for that, depending on timing, and returns both also
    for a pcscd that is just stopping. A stopping pcscd accepts no further connection.
    """
    return sys.platform == "linux" and _hangs_up() and _hangs_up()


def _hangs_up() -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(_HANGS_UP_WITHIN)
        try:
            client.connect(str(socket_path()))
            return not client.recv(1)
        except ConnectionResetError:
            return True
        except OSError:
            return False


def status_change(
    context: int, timeout: int, states: list[tuple[str, int]]
) -> tuple[int, list[tuple[str, int, bytes]]]:
    """Wait until a reader's state differs from the one given with its name.

    ``timeout`` is in milliseconds. Returns the code, and for each reader its name, its
    event state and the ATR of the card in it.
    """
    result, found = scard().SCardGetStatusChange(context, timeout, states)
    return code_of(result), [(name, state, bytes(atr)) for name, state, atr in found]
