# SPDX-License-Identifier: MIT
"""What the status of a reader and its card means, and what can be done with them.

This is the only judgement of a card. ``card_words`` says it to people.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from native_host.card.errors import (
    CardExpiredError,
    CardKind,
    PinTriesUnreadableError,
    PukBlockedError,
    UnsupportedCardError,
)
from native_host.operations.card_pins import ActivationBlockedError
from native_host.operations.card_status import (
    CardStatus,
    CertificateStatus,
    Failure,
    ReaderStatus,
)

PINS = ("PIN1", "PIN2")
Look = Literal["good", "note", "warning", "error"]
Act = Literal["activate", "change", "forgotten", "unlock"]

_ROLES = ("authentication", "signature")
#: From when on a person is told to get a new card.
_ENDS_SOON = timedelta(days=60)


@dataclass(frozen=True)
class CardState:
    """A state of a reader or a card. ``kind`` names it.

    ``problem`` is the code of the error with which a login or a signature ends.
    ``detail`` is the name of the ``CardKind`` of a card that can't be used.
    ``can_activate`` says whether the activation can begin. ``last`` names the codes,
    ``activation`` and ``puk``, that have one try left and may be needed next.
    """

    kind: str
    look: Look
    problem: str = ""
    detail: str = ""
    can_activate: bool = False
    last: tuple[str, ...] = ()

    @property
    def must_activate(self) -> bool:
        """Whether the activation is what the person should do next."""
        return self.can_activate and self.kind in ("new", "partly")


def state_of_readers(readers: Sequence[ReaderStatus]) -> CardState | None:
    """Return the state of all readers; None if one card is the only one."""
    used = [each for each in readers if each["card"] or "error" in each]
    if not used:
        return CardState("no_card" if readers else "no_reader", "note")
    if len([each for each in readers if each["card"]]) > 1:
        return CardState("several_cards", "note")
    return None


def reader_state(status: ReaderStatus, now: datetime) -> CardState | None:
    """Return the state of the card in a reader; None if there is none."""
    if "error" in status:
        return failure_state(status["error"])
    return card_state(status["card"], now) if status["card"] else None


def failure_state(told: Failure) -> CardState:
    """Return the state of a card that could not be read."""
    code, kind = told["code"], told.get("kind", "")
    if kind == CardKind.CONTACTLESS.name:
        return CardState("contactless", "note", can_activate=True)
    known = kind if kind in CardKind.__members__ else ""
    return CardState(code.lower(), "error", code, known)


def card_state(card: CardStatus, now: datetime) -> CardState:
    """Return the state of a card that was read."""
    if state := _unusable(card, now):
        return state
    state = _usable_state(card, now)
    last = tuple(_last_tries(card))
    if last and state.look == "good":
        return CardState("puk_last", "warning")
    look: Look = "warning" if last and state.look == "note" else state.look
    return replace(state, look=look, last=last, can_activate=can_activate(card))


def _unusable(card: CardStatus, now: datetime) -> CardState | None:
    """Return what rules out a card by its certificates."""
    if not card["certificates"]:
        return CardState("no_certificate", "error", UnsupportedCardError.code)
    if not (usable := readable(card)):
        return failure_state(card["certificates"][0]["error"])
    for each in usable:
        begin, end = _times(each)
        if now < begin:
            return CardState("not_yet_valid", "error", CardExpiredError.code)
        if now > end:
            return CardState("expired", "error", CardExpiredError.code)
    return None


def _usable_state(card: CardStatus, now: datetime) -> CardState:
    state = _of_activation(card) or _of_tries(card["tries"])
    if state is not None:
        return state
    roles = {each["role"] for each in readable(card)}
    if len(readable(card)) < len(card["certificates"]) or roles != {*_ROLES}:
        return CardState("lacks_certificate", "warning")
    if any(card["tries"][pin] is None for pin in PINS):
        return _tries_unreadable()
    if card["activation"] == "active":
        end = valid_until(card)
        soon = end is not None and now > end - _ENDS_SOON
        return CardState("ends_soon", "warning") if soon else CardState("ready", "good")
    if can_activate(card):
        return CardState("undecided", "note")
    return CardState("unknown", "warning")


def _of_activation(card: CardStatus) -> CardState | None:
    if card["activation"] not in ("new", "partly"):
        return None
    match card["activationProblem"]:
        case None:
            look: Look = "note" if card["activation"] == "new" else "warning"
            return CardState(card["activation"], look)
        case ActivationBlockedError.code:
            return CardState("activation_blocked", "error")
        case PukBlockedError.code:
            return CardState("activation_lost", "error")
        case PinTriesUnreadableError.code:
            return _tries_unreadable()
    return CardState("unknown", "warning")


def _tries_unreadable() -> CardState:
    code = PinTriesUnreadableError.code
    return CardState(code.lower(), "warning", code)


def _of_tries(tries: dict[str, int | None]) -> CardState | None:
    locked = [pin for pin in PINS if tries[pin] == 0]
    last = [pin for pin in PINS if tries[pin] == 1]
    if tries["PUK"] == 0:
        if locked:
            return CardState("lost", "error")
        return CardState("puk_locked", "warning")
    if locked:
        return CardState(f"{_which(locked)}_locked", "error")
    return CardState(f"{_which(last)}_last", "warning") if last else None


def _which(pins: list[str]) -> str:
    return "pins" if len(pins) == 2 else pins[0].lower()


def _last_tries(card: CardStatus) -> Iterator[str]:
    unset = [pin for pin in PINS if card["pinsSet"].get(pin) is False]
    # The code in the letter is then the first value of these PINs.
    if can_activate(card) and any(card["tries"][pin] == 1 for pin in unset):
        yield "activation"
    if card["tries"]["PUK"] == 1:
        yield "puk"


def _times(certificate: CertificateStatus) -> tuple[datetime, datetime]:
    begin, end = certificate["notBefore"], certificate["notAfter"]
    return datetime.fromisoformat(begin), datetime.fromisoformat(end)


def readable(card: CardStatus) -> list[CertificateStatus]:
    return [each for each in card["certificates"] if "error" not in each]


def certificate_state(
    certificate: CertificateStatus, now: datetime
) -> tuple[str, datetime | None]:
    """Return the state of a certificate, and the day that it is about."""
    if "error" in certificate:
        return "unreadable", None
    begin, end = _times(certificate)
    if now < begin:
        return "early", begin
    return ("expired" if now > end else "valid"), end


def can_activate(card: CardStatus) -> bool:
    """Whether the code in the letter can set a PIN."""
    return card["activation"] != "active" and card["activationProblem"] is None


def can_log_in(status: ReaderStatus, now: datetime) -> bool:
    """Whether a login may succeed, as far as is known."""
    if (card := status["card"]) is None:
        return "error" in status and failure_state(status["error"]).look == "note"
    return can_change(card, "PIN1") and any(
        each["role"] == "authentication" and certificate_state(each, now)[0] == "valid"
        for each in card["certificates"]
    )


def acts_of_pin(card: CardStatus, pin: str) -> list[Act]:
    """Return what can be done about a PIN."""
    acts: list[Act] = ["change"] if can_change(card, pin) else []
    if can_unlock(card, pin):
        acts.append("forgotten" if acts else "unlock")
    return acts


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
    return min((_times(each)[1] for each in readable(card)), default=None)
