# SPDX-License-Identifier: MIT
"""Command APDUs, status words, and responses in several parts (ISO/IEC 7816-4).

T=0 can't carry every APDU as it is (ISO/IEC 7816-3 §12.2). Some readers fetch the rest
of a response (61xx) and repeat a command with the right length (6Cxx) on their own,
others pass both on. ``CommandChannel`` hides the differences.

``TracingConnection`` records commands and responses, without PINs and personal data.
The instruction byte determines what is left out, on this lowest layer. So a trace can't
hold a PIN, no matter what the layers above do (docs/reference/security.md, "PIN
entry").
"""

import logging
from dataclasses import dataclass, replace
from enum import IntEnum, unique
from typing import Protocol

from native_host.card.errors import CardError
from native_host.platform.hardening import wipe
from native_host.platform.log import TRAFFIC

INS_VERIFY = 0x20
INS_MANAGE_SECURITY_ENVIRONMENT = 0x22
INS_CHANGE_REFERENCE_DATA = 0x24
INS_PERFORM_SECURITY_OPERATION = 0x2A
INS_RESET_RETRY_COUNTER = 0x2C
INS_GENERAL_AUTHENTICATE = 0x86
INS_SELECT = 0xA4
INS_READ_BINARY = 0xB0
INS_GET_RESPONSE = 0xC0
INS_GET_DATA = 0xCB

#: Commands that carry a PIN: never repeated, never logged.
PIN_INSTRUCTIONS = frozenset(
    {INS_VERIFY, INS_CHANGE_REFERENCE_DATA, INS_RESET_RETRY_COUNTER}
)

# A repeated signature command might sign twice, and one signature uses up PIN2. A
# repeated part of a chain might be deciphered twice. After a wrong CAN the card delays
# the next try.
_NEVER_REPEATED = PIN_INSTRUCTIONS | {
    INS_PERFORM_SECURITY_OPERATION,
    INS_GENERAL_AUTHENTICATE,
}

# The longest responses are signatures of RSA-4096, 512 bytes. A reader that chains on
# its own may return more than one APDU's data at once.
_MAX_ANSWER = 4096
_MAX_PIECES = 64


@unique
class SW(IntEnum):
    """Status words. For 61xx, 63Cx and 6Cxx the number is that of xx = 00."""

    OK = 0x9000
    MORE_DATA = 0x6100
    END_OF_FILE = 0x6282
    VERIFICATION_FAILED = 0x6300
    TRIES_LEFT = 0x63C0
    WRONG_LENGTH = 0x6700
    SECURITY_STATUS = 0x6982
    BLOCKED = 0x6983
    INVALIDATED = 0x6984
    WRONG_ORDER = 0x6985
    NOT_ALLOWED = 0x6986
    WRONG_DATA = 0x6A80
    NOT_SUPPORTED = 0x6A81
    FILE_NOT_FOUND = 0x6A82
    WRONG_P1_P2 = 0x6A86
    REFERENCE_NOT_FOUND = 0x6A88
    WRONG_OFFSET = 0x6B00
    WRONG_LE = 0x6C00
    UNKNOWN_INS = 0x6D00
    UNKNOWN_CLA = 0x6E00


class Transport(Protocol):
    """The part of a connection that the card code needs (see ``CardConnection``)."""

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        """Send a command APDU; return the response's data and its status word."""


@dataclass(frozen=True)
class Command:
    """A short command APDU (ISO/IEC 7816-4 §5.2).

    ``data`` has at most 255 bytes. ``le`` is the maximum length of the response's data,
    1 to 256, or None for an absent field.
    """

    ins: int
    p1: int
    p2: int
    data: bytes = b""
    le: int | None = None
    cla: int = 0x00

    def encode(self, protocol: int) -> bytes:
        """Return the encoded command for T=0 or T=1; 256 in the Le field is 00.

        PC/SC's SCardTransmit takes a TPDU over T=0, whose fifth byte is the length of
        the data in one direction (ISO/IEC 7816-3 §12.2). So Le is left out after data,
        and a command with neither has 00.
        """
        apdu = bytes([self.cla, self.ins, self.p1, self.p2])
        if self.data:
            apdu += bytes([len(self.data)]) + self.data
        if self.le is not None and (protocol == 1 or not self.data):
            apdu += bytes([self.le & 0xFF])
        return apdu + b"\x00" if protocol == 0 and len(apdu) == 4 else apdu


class CommandChannel:
    """Sends commands over a connection and assembles their responses.

    ``protocol`` is 0 or 1 for T=0 or T=1. Without ``repeats``, no command is sent again
    after 6Cxx: that is for protected commands, which count.
    """

    def __init__(
        self, connection: Transport, protocol: int, *, repeats: bool = True
    ) -> None:
        self.use(connection, protocol)
        self._repeats = repeats

    def use(self, connection: Transport, protocol: int) -> None:
        """Send the next commands over this connection."""
        self._connection = connection
        self._protocol = protocol

    def send(self, command: Command, *, step: str) -> bytes:
        """Send a command that must succeed and return the response's data.

        ``step`` names it in the ``CardError`` for any status other than 9000.
        """
        data, status = self.exchange(command)
        if status != SW.OK:
            raise CardError(
                f"The card answered {status:04X} to {step}.", status_word=status
            )
        return data

    def exchange(self, command: Command) -> tuple[bytes, int]:
        """Send a command and return the complete response's data and its status word.

        After 6Cxx the command is sent once more with that length, unless it carries a
        PIN or signs; after 61xx the rest is fetched. Raises ``CardError`` for an
        endless response.
        """
        data, status = self._once(command)
        pieces = 0
        while status & 0xFF00 == SW.MORE_DATA:
            pieces += 1
            if pieces > _MAX_PIECES:
                raise CardError("The card's answer has no end.", status_word=status)
            fetch = Command(INS_GET_RESPONSE, 0, 0, le=status & 0xFF or 256)
            more, status = self._once(fetch)
            data += more
            _check_size(data)
        return data, status

    def send_secret(self, apdu: bytearray) -> int:
        """Send an APDU that carries a PIN, once, wipe it, and return its status word.

        It has data and no Le, so T=0 and T=1 carry it alike. The connection gets a
        copy, which is freed with the call. Python can't wipe the copies of the layers
        below.
        """
        try:
            return self._receive(bytes(apdu))[1]
        finally:
            wipe(apdu)

    def _once(self, command: Command) -> tuple[bytes, int]:
        data, status = self._receive(command.encode(self._protocol))
        wrong_le = self._repeats and status & 0xFF00 == SW.WRONG_LE
        if wrong_le and command.ins not in _NEVER_REPEATED:
            repeated = replace(command, le=status & 0xFF or 256)
            return self._receive(repeated.encode(self._protocol))
        return data, status

    def _receive(self, apdu: bytes) -> tuple[bytes, int]:
        data, status = self._connection.send_and_receive(apdu)
        _check_size(data)
        return data, status


def tries_in(status: int) -> int | None:
    """Return x of 63Cx, the number of tries left, or None for any other status."""
    return status & 0x0F if status & 0xFFF0 == SW.TRIES_LEFT else None


def _check_size(data: bytes) -> None:
    if len(data) > _MAX_ANSWER:
        raise CardError(f"The card's answer is longer than {_MAX_ANSWER} bytes.")


logger = logging.getLogger(__name__)

_HIDDEN = PIN_INSTRUCTIONS | {INS_GENERAL_AUTHENTICATE}

# Responses without personal data: file control parameters and PIN information. Of all
# others (certificates, serial numbers, signatures) only the length is logged.
_SHOWN_ANSWERS = frozenset({INS_SELECT, INS_GET_DATA})


class TracingConnection:
    """Forwards commands to a connection and logs them at level ``TRAFFIC``.

    For commands that carry a PIN, and for the steps of PACE, only the four header bytes
    are logged.
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
        if instruction is None or instruction in _HIDDEN:
            return f"{header} [{len(body)} bytes]"
        return f"{header} {body.hex().upper()}"

    def _answer(self, data: bytes) -> str:
        if self._instruction in _SHOWN_ANSWERS:
            return data.hex().upper()
        return f"[{len(data)} bytes]"
