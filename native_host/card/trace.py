# SPDX-License-Identifier: MIT
"""A record of commands and responses, without PINs and personal data.

The instruction byte determines what is left out, on this lowest layer. So a trace can't
hold a PIN, no matter what the layers above do (docs/reference/security.md, "PIN
entry").
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

logger = logging.getLogger(__name__)

# Responses without personal data: file control parameters and PIN information. Of all
# others (certificates, serial numbers, signatures) only the length is logged.
_SHOWN_ANSWERS = frozenset({INS_SELECT, INS_GET_DATA})


class TracingConnection:
    """Forwards commands to a connection and logs them at level ``TRAFFIC``.

    For commands that carry a PIN, only the four header bytes are logged.
    """

    def __init__(self, connection: Transport) -> None:
        self._connection = connection
        self._instruction: int | None = None

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        """Send a command APDU; return the response's data and its status word."""
        if not logger.isEnabledFor(TRAFFIC):
            return self._connection.send_and_receive(apdu)
        logger.log(TRAFFIC, "> %s", self._command(apdu))
        data, status = self._connection.send_and_receive(apdu)
        logger.log(TRAFFIC, "< %s %04X", self._answer(data), status)
        return data, status

    def _command(self, apdu: bytes) -> str:
        instruction = apdu[1] if len(apdu) > 1 else None
        # GET RESPONSE returns the rest of the response to the previous command.
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
