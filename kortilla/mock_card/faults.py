# SPDX-License-Identifier: MIT
"""Faults that testers can inject into the mock card.

A fault names the command that it affects, and whether the card executes it first.
``faults.json`` in the card's folder holds the pending faults.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

from kortilla.mock_card.errors import InvalidArgumentError


class FaultName(StrEnum):
    """The kinds of fault. The last three are status words of the card."""

    CARD_PULLED = "card-pulled"
    READER_PULLED = "reader-pulled"
    POWER_LOST = "power-lost"
    MUTE = "mute"
    DELAY = "delay"
    GARBLED = "garbled"
    TOO_SHORT = "too-short"
    TOO_LONG = "too-long"
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

    @classmethod
    def of(cls, apdu: bytes) -> "CommandName":
        """Return the name of a command APDU, or ``any``."""
        ins, p1_p2 = apdu[1:2], apdu[2:4]
        if ins == b"\x20":
            return cls.VERIFY if len(apdu) > 5 else cls.PIN_INFO
        if ins == b"\x2a":
            return {b"\x90\xa0": cls.HASH, b"\x9e\x9a": cls.SIGN}.get(p1_p2, cls.ANY)
        return _BY_INS.get(ins, cls.ANY)


_BY_INS = {
    b"\xa4": CommandName.SELECT,
    b"\xb0": CommandName.READ,
    b"\xcb": CommandName.PIN_INFO,
    b"\x24": CommandName.CHANGE,
    b"\x2c": CommandName.UNBLOCK,
    b"\x22": CommandName.CHOOSE_KEY,
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
