# SPDX-License-Identifier: MIT
"""The readers and their cards, and what a card's status means for its holder."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

PINS = ("PIN1", "PIN2")
_Kind = Literal["good", "note", "warning", "error"]


@dataclass(frozen=True)
class ReaderContent:
    """A reader, and what ``card-status`` of PROTOCOL.md says of the card in it.

    ``status`` is None while a card is read for the first time.
    """

    name: str
    has_card: bool
    status: dict[str, Any] | None


@dataclass(frozen=True)
class Cards:
    """All readers, or the code of the error for which there are none."""

    readers: tuple[ReaderContent, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class CardState:
    """A state: ``key`` begins its texts."""

    key: str
    kind: _Kind
    can_activate: bool = False


def card_state(card: dict[str, Any], now: datetime) -> CardState:
    ends = [each for each in card["certificates"] if "error" not in each]
    if ends and all(now > datetime.fromisoformat(each["notAfter"]) for each in ends):
        return CardState("card.expired", "error")
    if card["activation"] in ("new", "partly"):
        unset = [pin for pin in PINS if not card["pinsSet"].get(pin)]
        if all(_activation_blocked(card, pin) for pin in unset):
            return CardState("card.activation_blocked", "error")
        if card["activation"] == "new":
            return CardState("card.new", "note", can_activate=True)
        return CardState("card.partly", "warning", can_activate=True)
    return (
        _of_tries(card["tries"])
        or _of_certificates(len(ends), len(card["certificates"]))
        or (
            CardState("card.ready", "good")
            if card["activation"] == "active"
            else CardState("card.unknown", "warning")
        )
    )


def _of_certificates(readable: int, there: int) -> CardState | None:
    if not readable:
        return CardState("card.no_certificate", "error")
    if readable < there:
        return CardState("card.lacks_certificate", "warning")
    return None


def _of_tries(tries: dict[str, int | None]) -> CardState | None:
    locked = [pin for pin in PINS if tries[pin] == 0]
    last = [pin for pin in PINS if tries[pin] == 1]
    if tries["PUK"] == 0:
        if locked:
            return CardState("card.lost", "error")
        return CardState("card.puk_locked", "warning")
    if locked:
        return CardState(f"card.{_which(locked)}_locked", "error")
    return CardState(f"card.{_which(last)}_last", "warning") if last else None


def _which(pins: list[str]) -> str:
    return "pins" if len(pins) == 2 else pins[0].lower()


def can_change(card: dict[str, Any], pin: str) -> bool:
    """Whether a person can type this PIN, and so change it."""
    return bool(card["pinsSet"].get(pin) and card["tries"][pin])


def can_unlock(card: dict[str, Any], pin: str) -> bool:
    """Whether the PUK can set this PIN: it is locked, or may be forgotten."""
    if card["tries"]["PUK"] == 0:
        return False
    return bool(card["pinsSet"].get(pin)) or _activation_blocked(card, pin)


def valid_until(card: dict[str, Any]) -> datetime | None:
    """Return the earliest end of the readable certificates, if there are any."""
    ends = [
        datetime.fromisoformat(each["notAfter"])
        for each in card["certificates"]
        if "error" not in each
    ]
    return min(ends, default=None)


def _activation_blocked(card: dict[str, Any], pin: str) -> bool:
    """Whether the activation code has no tries left.

    A code of eight digits is the PUK, which also sets a PIN without tries.
    """
    lengths = card["activationCodeLengths"] or ()
    unset = card["pinsSet"].get(pin) is False
    return unset and card["tries"][pin] == 0 and 8 not in lengths
