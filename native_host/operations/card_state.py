# SPDX-License-Identifier: MIT
"""What a card's status means for its holder, and what the holder can do with it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from native_host.card.errors import (
    CardExpiredError,
    PinTriesUnreadableError,
    PukBlockedError,
    UnsupportedCardError,
)
from native_host.operations.card_pins import ActivationBlockedError
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
    return replace(_usable_state(card), can_activate=can_activate(card))


def _usable_state(card: CardStatus) -> CardState:
    if state := _of_activation(card) or _of_tries(card["tries"]):
        return state
    if len(readable(card)) < len(card["certificates"]):
        return CardState("card.lacks_certificate", "warning")
    if any(card["tries"][pin] is None for pin in PINS):
        return CardState("", "warning", problem=PinTriesUnreadableError.code)
    if card["activation"] == "active":
        return CardState("card.ready", "good")
    if can_activate(card):
        return CardState("card.undecided", "note")
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
    match card["activationProblem"]:
        case None:
            kind: _Kind = "note" if card["activation"] == "new" else "warning"
            return CardState(f"card.{card['activation']}", kind)
        case ActivationBlockedError.code:
            return CardState("card.activation_blocked", "error")
        case PukBlockedError.code:
            return CardState("card.activation_lost", "error")
        case problem:
            return CardState("", "warning", problem=problem)


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


def can_activate(card: CardStatus) -> bool:
    return card["activation"] != "active" and card["activationProblem"] is None


def can_change(card: CardStatus, pin: str) -> bool:
    """Whether a person can type this PIN, and so change it."""
    return card["pinsSet"].get(pin) is not False and bool(card["tries"][pin])


def can_unlock(card: CardStatus, pin: str) -> bool:
    """Whether the PUK can set this PIN: it is locked, or may be forgotten."""
    if card["tries"]["PUK"] == 0 or card["tries"][pin] is None:
        return False
    locked = card["tries"][pin] == 0 and not can_activate(card)
    return card["pinsSet"].get(pin) is not False or locked


def valid_until(card: CardStatus) -> datetime | None:
    """Return the earliest end of the readable certificates, if there are any."""
    ends = (datetime.fromisoformat(each["notAfter"]) for each in readable(card))
    return min(ends, default=None)
