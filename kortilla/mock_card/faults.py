# SPDX-License-Identifier: MIT
"""Faults that testers can inject into the mock card, and the card that has them.

A fault names the command that it affects, and whether the card executes it first.
``faults.json`` in the card's folder holds the pending faults.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from kortilla.mock_card.apdu import SW, Style, is_tpdu, more_data, status
from kortilla.mock_card.errors import InvalidArgumentError

if TYPE_CHECKING:
    from kortilla.mock_card.card import MockCard  # whose state has faults

logger = logging.getLogger(__name__)

_GET_RESPONSE = b"\xc0"
_BITS = 0x55  # bits that a garbled response inverts in each byte
_SURPLUS = bytes(8)
_FILE_CONTROL_SIZE = 6  # bytes of SELECT's response if requested
_USUAL_DELAY = 1.0  # seconds


class FaultName(StrEnum):
    """The kinds of fault. The last three are status words of the card.

    Those of the checksum, the padding and the repeated answer are of a secure channel.
    """

    CARD_PULLED = "card-pulled"
    READER_PULLED = "reader-pulled"
    POWER_LOST = "power-lost"
    MUTE = "mute"
    DELAY = "delay"
    GARBLED = "garbled"
    TOO_SHORT = "too-short"
    TOO_LONG = "too-long"
    WRONG_CHECKSUM = "wrong-checksum"
    WRONG_PADDING = "wrong-padding"
    REPLAYED = "replayed"
    MORE_DATA = "61xx"
    WRONG_LE = "6Cxx"
    NO_DIAGNOSIS = "6F00"


class CommandName(StrEnum):
    """The names of commands. ``pin-info`` is either way to read a PIN's tries."""

    ANY = "any"
    SELECT = "select"
    READ = "read"
    PIN_INFO = "pin-info"
    VERIFY = "verify"
    CHANGE = "change"
    UNBLOCK = "unblock"
    CHOOSE_KEY = "choose-key"
    HASH = "hash"
    SIGN = "sign"
    DECIPHER = "decipher"

    @classmethod
    def of(cls, apdu: bytes) -> "CommandName":
        """Return the name of a command APDU, or ``any``."""
        ins, p1_p2 = apdu[1:2], apdu[2:4]
        if ins == b"\x20":
            secure = apdu[0] & 0x0C and apdu[5:6] != b"\x87"
            return cls.VERIFY if len(apdu) > 5 and not secure else cls.PIN_INFO
        if ins + p1_p2 == b"\x22\xc1\xa4":  # it chooses PACE, and no key
            return cls.ANY
        if ins == b"\x2a":
            return _BY_OPERATION.get(p1_p2, cls.ANY)
        return _BY_INS.get(ins, cls.ANY)


_BY_INS = {
    b"\xa4": CommandName.SELECT,
    b"\xb0": CommandName.READ,
    b"\xcb": CommandName.PIN_INFO,
    b"\x24": CommandName.CHANGE,
    b"\x2c": CommandName.UNBLOCK,
    b"\x22": CommandName.CHOOSE_KEY,
}


_BY_OPERATION = {
    b"\x90\xa0": CommandName.HASH,
    b"\x9e\x9a": CommandName.SIGN,
    b"\x80\x86": CommandName.DECIPHER,
}


class Moment(StrEnum):
    """When a fault occurs: before the card executes the command, or after."""

    BEFORE = "before"
    AFTER = "after"


# The faults that have a duration.
_TIMED = {
    FaultName.CARD_PULLED,
    FaultName.READER_PULLED,
    FaultName.MUTE,
    FaultName.DELAY,
}
_LONGEST = 3600.0


@dataclass(frozen=True)
class Fault:
    """A pending fault.

    It skips the first ``skip`` commands named ``on`` and affects the next ``times``, or
    all of them if that is None. ``when`` is ``before`` or ``after`` the card executes
    the command. A card whose power is lost executes it in any case, and forgets what a
    reset clears. ``seconds`` is the length of a delay (default 1), the time until a
    mute card is noticed (default 0), or the time until a pulled card or reader is back
    (default never). Raises ``InvalidArgumentError``.
    """

    name: str
    on: str = CommandName.ANY
    when: str = Moment.BEFORE
    skip: int = 0
    times: int | None = 1
    seconds: float | None = None

    def __post_init__(self) -> None:
        for field, value, known in (
            ("fault", self.name, FaultName),
            ("command", self.on, CommandName),
            ("moment", self.when, Moment),
        ):
            if value not in known.__members__.values():
                raise InvalidArgumentError(
                    f"The {field} is none of {', '.join(known)}."
                )
        if self.skip < 0 or (self.times is not None and self.times < 1):
            raise InvalidArgumentError("A fault skips 0 or more and strikes 1 or more.")
        if self.seconds is None:
            return
        if self.name not in _TIMED:
            raise InvalidArgumentError(f"The fault {self.name} takes no time.")
        if not 0 <= self.seconds <= _LONGEST:
            raise InvalidArgumentError(f"A fault takes 0 to {_LONGEST:.0f} seconds.")

    @property
    def executed(self) -> bool:
        """Whether the card executes the command before the fault."""
        return self.when == Moment.AFTER


def take(
    faults: Iterable[Fault], command: CommandName
) -> tuple[Fault | None, tuple[Fault, ...]]:
    """Return the fault that affects a command, if any, and the pending faults.

    Each fault for this command counts it. The first one that is due affects it.
    """
    taken, left = None, []
    for fault in faults:
        rest: Fault | None = fault
        if fault.on in {CommandName.ANY, command}:
            if fault.skip:
                rest = replace(fault, skip=fault.skip - 1)
            elif taken is None:
                taken = fault
                if fault.times is not None:
                    again = fault.times > 1
                    rest = replace(fault, times=fault.times - 1) if again else None
        if rest:
            left.append(rest)
    return taken, tuple(left)


def dump(faults: Iterable[Fault]) -> list[dict[str, Any]]:
    """Return faults as JSON values."""
    return [asdict(fault) for fault in faults]


@lru_cache(maxsize=4)  # a card reads its faults at each command
def load(content: bytes) -> tuple[Fault, ...]:
    """Parse the result of ``dump``. Raises ``ValueError``."""
    try:
        return tuple(Fault(**item) for item in json.loads(content))
    except (TypeError, InvalidArgumentError) as error:
        raise ValueError(str(error)) from None


# The faults that only a secure channel has.
_OF_CHANNEL = frozenset(
    {FaultName.WRONG_CHECKSUM, FaultName.WRONG_PADDING, FaultName.REPLAYED}
)

#: The faults of a card in the slot.
IN_SLOT = tuple(name for name in FaultName if name not in _OF_CHANNEL)

# With these the card executes the command in any case.
_ANSWERED = frozenset({FaultName.DELAY, FaultName.POWER_LOST}) | _OF_CHANNEL


class CardGoneError(Exception):
    """The card or its reader was removed; the command's response is lost."""


class CardSilentError(Exception):
    """The card does not respond to the command, or its reader refuses that."""


class FaultyCard:
    """The card that is present now, with the faults of its folder.

    The faults are read at each command, so that a new fault affects the next one. With
    ``reader_stays``, removing the reader is refused.
    """

    def __init__(self, card: "MockCard", *, reader_stays: bool = False) -> None:
        self._card = card
        self._state = card.state
        self._reader_stays = reader_stays
        self._insertion = card.state.presence().insertions
        self._answer = b""  # the host has only received its 61xx
        self._last = b""  # the answer before
        self._impatient = threading.Event()

    @property
    def atr(self) -> bytes:
        """The answer to reset."""
        return self._card.atr

    @property
    def present(self) -> bool:
        """Whether the card has been in the reader without interruption."""
        presence = self._state.presence()
        return presence.card and presence.insertions == self._insertion

    def reset(self) -> None:
        """Clear the volatile state."""
        self._answer = b""
        self._card.reset()

    def hurry(self) -> None:
        """End current and later delays, from any thread."""
        self._impatient.set()

    def transmit(self, apdu: bytes) -> bytes:
        """Respond to a command APDU.

        A plain reader refuses what T=0 can't carry, as drivers of readers do: they
        report a card that does not answer. Raises ``CardGoneError``,
        ``CardSilentError``, ``MockCardBrokenError``, and ``InvalidArgumentError`` for a
        fault that is impossible here.
        """
        self._check_presence()
        self._last = answer = self._transmit(apdu)
        self._check_presence()
        return answer

    def _check_presence(self) -> None:
        if not self.present:
            self.reset()
            raise CardGoneError

    def _transmit(self, apdu: bytes) -> bytes:
        if self._card.style is Style.FETCHED and not is_tpdu(apdu):
            logger.info("T=0 can't carry the command %s.", apdu[:4].hex())
            raise CardSilentError
        if self._answer and apdu[1:2] == _GET_RESPONSE:
            return self._get_response(apdu)
        self._answer = b""
        command = CommandName.of(apdu)
        fault = self._state.take_fault(command)
        if fault is None:
            return self._card.transmit(apdu)
        if fault.name == FaultName.READER_PULLED and self._reader_stays:
            raise InvalidArgumentError("A virtual reader of PC/SC can't be pulled out.")
        if fault.name in _OF_CHANNEL and not self._card.contactless:
            raise InvalidArgumentError("A card in the slot has no secure channel.")
        logger.info("Fault %s %s the command %s.", fault.name, fault.when, command)
        return self._strike(fault, command, apdu)

    def _strike(self, fault: Fault, command: CommandName, apdu: bytes) -> bytes:
        if fault.name == FaultName.DELAY and not fault.executed:
            self._wait(fault.seconds)
        if fault.name == FaultName.POWER_LOST and not fault.executed:
            self.reset()
        self._card.spoils_padding = fault.name == FaultName.WRONG_PADDING
        if fault.executed or fault.name in _ANSWERED:
            answer = self._card.transmit(apdu)
        else:
            answer = status(SW.NO_DIAGNOSIS)
        match fault.name:
            case FaultName.CARD_PULLED | FaultName.READER_PULLED:
                reader = fault.name == FaultName.READER_PULLED
                self._state.pull(reader=reader, seconds=fault.seconds)
                self.reset()
                raise CardGoneError
            case FaultName.MUTE:
                self._wait(fault.seconds or 0)
                raise CardSilentError
            case FaultName.DELAY if fault.executed:
                self._wait(fault.seconds)
            case FaultName.POWER_LOST if fault.executed:
                self.reset()
            case FaultName.REPLAYED:
                return self._last
            case FaultName.MORE_DATA:
                return self._keep(answer, fault)
            case FaultName.WRONG_LE:
                size = len(answer) - 2 if fault.executed else self._size(command, apdu)
                return status(SW.WRONG_LE | size % 256)
        return _ALTERATIONS.get(fault.name, bytes)(answer)

    def _wait(self, seconds: float | None) -> None:
        self._impatient.wait(_USUAL_DELAY if seconds is None else seconds)

    def _keep(self, answer: bytes, fault: Fault) -> bytes:
        """Return 61xx; a response can be fetched only if the card executed it."""
        if fault.executed:
            self._answer = answer
            return more_data(answer[:-2])
        return status(SW.MORE_DATA | 0x10)

    def _get_response(self, apdu: bytes) -> bytes:
        """Return the pending response, or the requested part of it."""
        data, end = self._answer[:-2], self._answer[-2:]
        size = (apdu[4] if len(apdu) > 4 else 0) or 256
        if len(data) <= size:
            self._answer = b""
            return data + end
        self._answer = data[size:] + end
        return data[:size] + more_data(data[size:])

    def _size(self, command: CommandName, apdu: bytes) -> int:
        """Return the length of a response, without changing persistent state."""
        match command:
            case CommandName.SELECT:
                return _FILE_CONTROL_SIZE if apdu[3:4] == b"\x04" else 0
            case CommandName.READ | CommandName.PIN_INFO if not self._card.contactless:
                return len(self._card.transmit(apdu)) - 2
            case CommandName.SIGN:
                return self._card.signature_size
        return 0


def _garble(answer: bytes) -> bytes:
    """Invert bits in each byte of the data, or of the status word without data."""
    data, end = answer[:-2], answer[-2:]
    if data:
        return bytes(byte ^ _BITS for byte in data) + end
    return bytes(byte ^ _BITS for byte in end)


def _shorten(answer: bytes) -> bytes:
    """Return half of the data, or half of the status word without data."""
    data, end = answer[:-2], answer[-2:]
    return data[: len(data) // 2] + end if data else end[:1]


def _invalidate(answer: bytes) -> bytes:
    """Change the last byte of the data, which is of the checksum."""
    return answer[:-3] + bytes(byte ^ 1 for byte in answer[-3:-2]) + answer[-2:]


def _lengthen(answer: bytes) -> bytes:
    return answer[:-2] + _SURPLUS + answer[-2:]


_ALTERATIONS: dict[str, Callable[[bytes], bytes]] = {
    FaultName.GARBLED: _garble,
    FaultName.TOO_SHORT: _shorten,
    FaultName.TOO_LONG: _lengthen,
    FaultName.WRONG_CHECKSUM: _invalidate,
    FaultName.NO_DIAGNOSIS: lambda _: status(SW.NO_DIAGNOSIS),
}
