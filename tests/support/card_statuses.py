# SPDX-License-Identifier: MIT
"""What ``card-status`` of PROTOCOL.md says of cards in several states."""

from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime.now(UTC)
READER = "Example Reader CR-100"


def a_card(**changes: Any) -> Any:
    """Return an active card with all tries."""
    certificates = [
        {
            "role": role,
            "notBefore": (NOW - timedelta(days=9)).isoformat(),
            "notAfter": (NOW + timedelta(days=900)).isoformat(),
        }
        for role in ("authentication", "signature")
    ]
    card: dict[str, Any] = {
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
