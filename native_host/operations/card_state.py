# SPDX-License-Identifier: MIT
"""What a card's status means for its holder, and what the holder can do with it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from native_host.card.errors import (
    CardExpiredError,
    PinTriesUnreadableError,
    UnsupportedCardError,
)
from native_host.operations.card_status import CardStatus, CertificateStatus

PINS = ("PIN1", "PIN2")
_Kind = Literal["good", "note", "warning", "error"]


@dataclass(frozen=True)
class CardState:
    """A state of a card. ``key`` begins its texts.

    ``problem`` is the code of the error with which a login or a signature ends. Its
    texts are those of the PIN window, and ``key`` is then empty.
    """

    key: str
    kind: _Kind
    can_activate: bool = False
    problem: str = ""


def card_state(card: CardStatus, now: datetime) -> CardState:
    if problem := _unusable(card, now):
        return CardState("", "error", problem=problem)
    if state := _of_activation(card) or _of_tries(card["tries"]):
        return state
    if len(readable(card)) < len(card["certificates"]):
        return CardState("card.lacks_certificate", "warning")
    if any(card["tries"][pin] is None for pin in PINS):
        return CardState("", "warning", problem=PinTriesUnreadableError.code)
    if card["activation"] == "active":
        return CardState("card.ready", "good")
    return CardState("card.unknown", "warning")


def readable(card: CardStatus) -> list[CertificateStatus]:
    return [each for each in card["certificates"] if "error" not in each]


def _unusable(card: CardStatus, now: datetime) -> str:
    """Return the code of the error that rules out a card by its certificates."""
    if not (usable := readable(card)):
        failed = [each["error"]["code"] for each in card["certificates"]]
        return failed[0] if failed else UnsupportedCardError.code
    for each in usable:
        begin, end = each["notBefore"], each["notAfter"]
        if not datetime.fromisoformat(begin) <= now <= datetime.fromisoformat(end):
            return CardExpiredError.code
    return ""


def _of_activation(card: CardStatus) -> CardState | None:
    if card["activation"] not in ("new", "partly"):
        return None
    unset = [pin for pin in PINS if not card["pinsSet"].get(pin)]
    if all(_activation_blocked(card, pin) for pin in unset):
        return CardState("card.activation_blocked", "error")
    if card["activation"] == "new":
        return CardState("card.new", "note", can_activate=True)
    return CardState("card.partly", "warning", can_activate=True)


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


def can_change(card: CardStatus, pin: str) -> bool:
    """Whether a person can type this PIN, and so change it."""
    return bool(card["pinsSet"].get(pin) and card["tries"][pin])


def can_unlock(card: CardStatus, pin: str) -> bool:
    """Whether the PUK can set this PIN: it is locked, or may be forgotten."""
    if card["tries"]["PUK"] == 0:
        return False
    return bool(card["pinsSet"].get(pin)) or _activation_blocked(card, pin)


def valid_until(card: CardStatus) -> datetime | None:
    """Return the earliest end of the readable certificates, if there are any."""
    ends = (datetime.fromisoformat(each["notAfter"]) for each in readable(card))
    return min(ends, default=None)


def _activation_blocked(card: CardStatus, pin: str) -> bool:
    """Whether the activation code has no tries left.

    A code of eight digits is the PUK, which also sets a PIN without tries.
    """
    lengths = card["activationCodeLengths"] or ()
    unset = card["pinsSet"].get(pin) is False
    return unset and card["tries"][pin] == 0 and 8 not in lengths
