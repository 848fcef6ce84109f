# SPDX-License-Identifier: MIT
"""A record of commands and answers, without PINs and personal data.

The instruction byte decides here, at the seam, what is left out. So a trace can't hold
a PIN, no matter what the layers above do (docs/reference/security.md, "PIN entry").
"""

import logging

from native_host.card.apdu import (
    INS_GET_DATA,
    INS_GET_RESPONSE,
    INS_SELECT,
    PIN_INSTRUCTIONS,
    Transport,
)
from native_host.log import TRAFFIC

__all__ = ["TracingConnection"]

logger = logging.getLogger(__name__)

# Answers that say nothing about a person: file control parameters and PIN information.
# All others (certificates, serial numbers, signatures) are given by their length.
_SHOWN_ANSWERS = frozenset({INS_SELECT, INS_GET_DATA})


class TracingConnection:
    """Passes commands on to a connection and logs them at level ``TRAFFIC``.

    Of commands that carry a PIN the four header bytes alone are logged.
    """

    def __init__(self, connection: Transport) -> None:
        self._connection = connection
        self._instruction: int | None = None

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        """Send a command APDU; return the answer's data and its status word."""
        if not logger.isEnabledFor(TRAFFIC):
            return self._connection.send_and_receive(apdu)
        logger.log(TRAFFIC, "> %s", self._command(apdu))
        data, status = self._connection.send_and_receive(apdu)
        logger.log(TRAFFIC, "< %s %04X", self._answer(data), status)
        return data, status

    def _command(self, apdu: bytes) -> str:
        instruction = apdu[1] if len(apdu) > 1 else None
        # GET RESPONSE brings the rest of the answer to the command before it.
        if instruction != INS_GET_RESPONSE:
            self._instruction = instruction
        header, body = apdu[:4].hex().upper(), apdu[4:]
        if instruction is None or instruction in PIN_INSTRUCTIONS:
            return f"{header} [{len(body)} bytes]"
        return f"{header} {body.hex().upper()}"

    def _answer(self, data: bytes) -> str:
        if self._instruction in _SHOWN_ANSWERS:
            return data.hex().upper()
        return f"[{len(data)} bytes]"
