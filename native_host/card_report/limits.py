# SPDX-License-Identifier: MIT
"""What the report may send to a card, and how much.

SELECT, READ BINARY, GET DATA and GET RESPONSE can spend no try. Nothing else passes.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from native_host.card.apdu import (
    INS_GET_DATA,
    INS_GET_RESPONSE,
    INS_READ_BINARY,
    INS_SELECT,
    SW,
)
from native_host.card.connection import CardConnection
from native_host.card.errors import CardError, CardMuteError

__all__ = ["LimitError", "Limits", "ReadingOnly"]

_READING = frozenset({INS_SELECT, INS_READ_BINARY, INS_GET_DATA, INS_GET_RESPONSE})


@dataclass(frozen=True)
class Limits:
    """When no more commands are sent: after so many, or seconds, or when cancelled."""

    commands: int = 4000
    seconds: float = 180.0
    clock: Callable[[], float] = time.monotonic
    cancelled: threading.Event = field(default_factory=threading.Event)


class LimitError(CardMuteError):
    """The card has been asked for long enough, so nothing more is asked."""

    code = CardError.code


class ReadingOnly:
    """A connection that refuses what could spend a try, and what has no end."""

    def __init__(self, connection: CardConnection, limits: Limits) -> None:
        self._connection = connection
        self._limits = limits
        self._left = limits.commands
        self._until = limits.clock() + limits.seconds
        self.atr = connection.atr
        self.protocol = connection.protocol
        #: Whether an answer came in pieces, as 61xx.
        self.chained = False

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        """Pass a command on. Raises ``LimitError``, and ``CardError`` for others."""
        if apdu[0] != 0x00 or apdu[1] not in _READING:
            raise CardError("A report is made by reading alone.")
        self._left -= 1
        over = self._left < 0 or self._limits.clock() > self._until
        if over or self._limits.cancelled.is_set():
            raise LimitError("The card has been asked for long enough.")
        data, status = self._connection.send_and_receive(apdu)
        self.chained |= status & 0xFF00 == SW.MORE_DATA
        return data, status
