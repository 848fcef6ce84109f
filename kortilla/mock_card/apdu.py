# SPDX-License-Identifier: MIT
"""Command APDUs and status words of the mock card.

They are independent of the host's card layer: a shared error would go unnoticed.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum, unique
from typing import Self


@unique
class SW(IntEnum):
    """The mock card's status words. 61xx, 63Cx and 6Cxx are base values."""

    OK = 0x9000
    MORE_DATA = 0x6100
    END_OF_FILE = 0x6282
    CAN_WRONG = 0x6300
    WRONG_PIN = 0x63C0
    WRONG_LENGTH = 0x6700
    PIN_NOT_VERIFIED = 0x6982
    BLOCKED = 0x6983
    WRONG_ORDER = 0x6985
    NOT_ALLOWED = 0x6986
    CHANNEL_WRONG = 0x6988
    CHANNEL_GONE = 0x6999
    WRONG_DATA = 0x6A80
    NO_FILE = 0x6A82
    WRONG_P1_P2 = 0x6A86
    NO_REFERENCE = 0x6A88
    WRONG_OFFSET = 0x6B00
    WRONG_LE = 0x6C00
    UNKNOWN_INS = 0x6D00
    UNKNOWN_CLA = 0x6E00
    NO_DIAGNOSIS = 0x6F00


class Style(StrEnum):
    """How the reader carries commands and responses; readers differ.

    ``DIRECT`` takes any command, and returns its response at once. ``FETCHED`` is plain
    T=0: it takes only what T=0 carries (``is_tpdu``), and the response to a command
    with data has to be fetched by GET RESPONSE after 61xx.
    """

    DIRECT = "direct"
    FETCHED = "fetched"


class StatusWordError(Exception):
    """Ends a command with a status word; it never leaves the card."""

    def __init__(self, status_word: int) -> None:
        super().__init__(f"{status_word:04X}")
        self.status_word = status_word


@dataclass(frozen=True)
class Command:
    """A command APDU. ``le`` is 1 to 256, or None where the field is absent."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes
    le: int | None

    @classmethod
    def parse(cls, apdu: bytes) -> Self:
        """Parse a short APDU (ISO/IEC 7816-4 §5.2); extended ones are refused."""
        if len(apdu) < 4:
            raise StatusWordError(SW.WRONG_LENGTH)
        body = apdu[4:]
        data, rest = b"", body
        if len(body) > 1:
            data, rest = body[1 : 1 + body[0]], body[1 + body[0] :]
            if not data or len(data) < body[0] or len(rest) > 1:
                raise StatusWordError(SW.WRONG_LENGTH)
        le = (rest[0] or 256) if rest else None
        return cls(apdu[0], apdu[1], apdu[2], apdu[3], data, le)

    @property
    def p1_p2(self) -> int:
        """Both parameters as one number, P1 in the high byte."""
        return self.p1 << 8 | self.p2


def is_tpdu(apdu: bytes) -> bool:
    """Whether T=0 carries these bytes as they are (ISO/IEC 7816-3 §12.2).

    A header of four bytes is followed by the length of data in one direction: those to
    the card, or those expected from it. So the longest has 260 bytes.
    """
    return len(apdu) == 5 or (len(apdu) > 5 and len(apdu) == 5 + apdu[4])


def status(status_word: int) -> bytes:
    """Return a status word as an answer without data."""
    return status_word.to_bytes(2)


def more_data(response: bytes) -> bytes:
    """Return the status word 61xx for a response that GET RESPONSE fetches."""
    return status(SW.MORE_DATA | (len(response) if len(response) < 256 else 0))
