# SPDX-License-Identifier: MIT
"""What ``card-status`` of PROTOCOL.md says of cards in several states."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

#: When these cards are judged.
NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
READER = "Example Reader CR-100"


def valid(role: str, begin: int = -9, end: int = 900) -> dict[str, Any]:
    """Return a certificate that is valid for these days from ``NOW``."""
    days = {"notBefore": begin, "notAfter": end}
    times = {name: NOW + timedelta(days=each) for name, each in days.items()}
    return {"role": role, **{name: day.isoformat() for name, day in times.items()}}


def a_card(**changes: Any) -> Any:
    """Return an active card with all tries."""
    certificates = [valid(role) for role in ("authentication", "signature")]
    card: dict[str, Any] = {
        "generation": "MULTIAPP_V5",
        "activationCodeLengths": [8],
        "holder": {"name": "SPECIMEN-POHJALAINEN Aino", "satu": "99902038C"},
        "certificates": certificates,
        "tries": {"PIN1": 5, "PIN2": 5, "PUK": 5},
        "pinsSet": {"PIN1": True, "PIN2": True},
        "activation": "active",
        "activationProblem": None,
    }
    return card | changes


def tries(pin1: int | None = 5, pin2: int | None = 5, puk: int | None = 5) -> Any:
    return {"tries": {"PIN1": pin1, "PIN2": pin2, "PUK": puk}}


UNREADABLE = {"role": "signature", "error": {"code": "CARD_MUTE", "message": "…"}}
NEW: dict[str, Any] = {
    "activation": "new",
    "pinsSet": {"PIN1": False, "PIN2": False},
}


def status_of(card: dict[str, Any] | None, **changes: Any) -> Any:
    return {"reader": READER, "testCard": False, "card": card} | changes


def failed(code: str, kind: str = "") -> Any:
    error = {"code": code, "message": "…"} | ({"kind": kind} if kind else {})
    return status_of(None, error=error)


PARTLY = {"activation": "partly", "pinsSet": {"PIN1": True, "PIN2": False}}
UNDECIDED: dict[str, Any] = {
    "activation": "unknown",
    "pinsSet": {"PIN1": None, "PIN2": None},
}
BLOCKED = {**NEW, **tries(0, 0), "activationProblem": "ACTIVATION_BLOCKED"}
LOST = {**NEW, **tries(0, 0, 0), "activationProblem": "PUK_BLOCKED"}
READABLE = a_card()["certificates"][0]
SPENT = {"activationProblem": "PUK_BLOCKED"}
UNREAD = {"activationProblem": "PIN_TRIES_UNREADABLE"}


def certificates(*each: dict[str, Any]) -> Any:
    return status_of(a_card(certificates=[*each]))


def ending(role: str, end: int) -> Any:
    """Return a card of which one certificate ends so many days from now."""
    roles = ("authentication", "signature")
    return certificates(*(valid(r, end=end if r == role else 900) for r in roles))


class State(NamedTuple):
    """What all faces say of readers. ``acts`` are the buttons that make a card usable.

    ``code`` is that of the doctor's finding.
    """

    readers: list[Any]
    kind: str
    look: str
    code: str
    acts: list[str]


def state(readers: Any, kind: str, look: str, code: str, *acts: str) -> State:
    return State([readers], kind, look, code, [*acts])


def card(changes: Any, kind: str, look: str, code: str, *acts: str) -> State:
    return state(status_of(a_card(**changes)), kind, look, code, *acts)


#: The table of states, for all that tells of a card.
STATES = {
    "ready": card({}, "ready", "good", "CARD"),
    "PIN1 at 0": card(tries(0), "pin1_locked", "error", "PIN_BLOCKED", "unlock PIN1"),
    "PIN2 at 0": card(
        tries(5, 0), "pin2_locked", "error", "PIN_BLOCKED", "unlock PIN2"
    ),
    "both PINs at 0": card(
        tries(0, 0),
        *("pins_locked", "error", "PIN_BLOCKED", "unlock PIN1", "unlock PIN2"),
    ),
    "PIN1 at 1": card(tries(1), "pin1_last", "warning", "PIN_LAST_TRY"),
    "PIN2 at 1": card(tries(5, 1), "pin2_last", "warning", "PIN_LAST_TRY"),
    "both PINs at 1": card(tries(1, 1), "pins_last", "warning", "PIN_LAST_TRY"),
    "PUK at 0": card(tries(5, 5, 0), "puk_locked", "warning", "PUK_BLOCKED"),
    "PUK at 1": card(tries(5, 5, 1), "puk_last", "warning", "PUK_LAST_TRY"),
    "PUK unreadable": card(tries(5, 5, None), "ready", "good", "CARD"),
    "PIN1 and PUK at 0": card(tries(0, 5, 0), "lost", "error", "PIN_BLOCKED"),
    "PIN1 at 0, PUK at 1": card(
        tries(0, 5, 1), "pin1_locked", "error", "PIN_BLOCKED", "unlock PIN1"
    ),
    "PIN1 unreadable": card(
        tries(None), "pin_tries_unreadable", "warning", "PIN_TRIES_UNKNOWN"
    ),
    "PIN2 unreadable": card(
        tries(5, None), "pin_tries_unreadable", "warning", "PIN_TRIES_UNKNOWN"
    ),
    "PIN1 unreadable, PIN2 at 0": card(
        tries(None, 0), "pin2_locked", "error", "PIN_BLOCKED", "unlock PIN2"
    ),
    "new": card(NEW, "new", "note", "CARD_NOT_ACTIVATED", "activate"),
    "new, activated by the PUK": card(
        {**NEW, **tries(0, 0)}, "new", "note", "CARD_NOT_ACTIVATED", "activate"
    ),
    "new, activation code at 1": card(
        {**NEW, **tries(1, 1)}, "new", "warning", "CARD_NOT_ACTIVATED", "activate"
    ),
    "new, activation code at 0": card(
        BLOCKED,
        *("activation_blocked", "error", "ACTIVATION_BLOCKED"),
        *("unlock PIN1", "unlock PIN2"),
    ),
    "new, PUK at 1": card(
        {**NEW, **tries(0, 0, 1)},
        *("new", "warning", "CARD_NOT_ACTIVATED", "activate"),
    ),
    "new, PUK at 0": card(LOST, "activation_lost", "error", "ACTIVATION_LOST"),
    "new, PUK unreadable": card(
        {**NEW, **tries(0, 0, None), **UNREAD},
        *("pin_tries_unreadable", "warning", "PIN_TRIES_UNKNOWN"),
        *("unlock PIN1", "unlock PIN2"),
    ),
    "partly activated": card(
        PARTLY, "partly", "warning", "CARD_PARTLY_ACTIVATED", "activate"
    ),
    "partly activated, PUK at 0": card(
        {**PARTLY, **tries(5, 0, 0), **SPENT},
        *("activation_lost", "error", "ACTIVATION_LOST"),
    ),
    "perhaps activated": card(
        UNDECIDED, "undecided", "note", "CARD_UNDECIDED", "activate"
    ),
    "perhaps activated, PIN1 at 1": card(
        {**UNDECIDED, **tries(1)},
        *("pin1_last", "warning", "PIN_LAST_TRY", "activate"),
    ),
    "perhaps activated, PUK at 0": card(
        {**UNDECIDED, **tries(5, 5, 0), **SPENT}, "puk_locked", "warning", "PUK_BLOCKED"
    ),
    "activation unreadable": card(
        {"activation": "unknown", **UNREAD}, "unknown", "warning", "CARD_UNDECIDED"
    ),
    "identification expired": state(
        ending("authentication", -1), "expired", "error", "CERTIFICATE_EXPIRED"
    ),
    "signature expired": state(
        ending("signature", -1), "expired", "error", "CERTIFICATE_EXPIRED"
    ),
    "signature ends soon": state(
        ending("signature", 30), "ends_soon", "warning", "CERTIFICATE_ENDS_SOON"
    ),
    "not valid yet": state(
        certificates(valid("authentication", 9), valid("signature", 9)),
        *("not_yet_valid", "error", "CERTIFICATE_NOT_YET_VALID"),
    ),
    "no certificate": state(
        certificates(), "no_certificate", "error", "CERTIFICATE_MISSING"
    ),
    "new, no certificate": card(
        {**NEW, "certificates": []}, "no_certificate", "error", "CERTIFICATE_MISSING"
    ),
    "signature missing": state(
        certificates(valid("authentication")),
        *("lacks_certificate", "warning", "CERTIFICATE_UNREADABLE"),
    ),
    "one certificate unreadable": state(
        certificates(READABLE, UNREADABLE),
        *("lacks_certificate", "warning", "CERTIFICATE_UNREADABLE"),
    ),
    "all certificates unreadable": state(
        certificates(UNREADABLE, UNREADABLE), "card_mute", "error", "CARD_MUTE"
    ),
    "mute": state(failed("CARD_MUTE"), "card_mute", "error", "CARD_MUTE"),
    "busy": state(failed("CARD_BUSY"), "card_busy", "error", "CARD_BUSY"),
    "error": state(failed("CARD_ERROR"), "card_error", "error", "CARD_UNREADABLE"),
    "error of a later host": state(
        failed("NEW_ONE"), "new_one", "error", "CARD_UNREADABLE"
    ),
    "unknown card": state(
        failed("UNSUPPORTED_CARD"), "unsupported_card", "error", "CARD_UNSUPPORTED"
    ),
    "bank card": state(
        failed("UNSUPPORTED_CARD", "BANK"),
        *("unsupported_card", "error", "CARD_UNSUPPORTED"),
    ),
    "contactless": state(
        failed("UNSUPPORTED_CARD", "CONTACTLESS"),
        *("contactless", "note", "CARD_CONTACTLESS", "activate"),
    ),
    "no reader": State([], "no_reader", "note", "NO_READER", []),
    "no card": state(status_of(None), "no_card", "note", "NO_CARD"),
}
