# SPDX-License-Identifier: MIT
"""What ``card-status`` says of a reader, with changes."""

from datetime import UTC, datetime, timedelta
from typing import Any

from native_host.desktop.card_report import Cards, ReaderContent

NOW = datetime.now(UTC)
READER = "Example Reader CR-100"


def a_card(**changes: Any) -> dict[str, Any]:
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
        "activationCodeLengths": [8],
    }
    return card | changes


def status_of(card: dict[str, Any] | None, **changes: Any) -> dict[str, Any]:
    return {"reader": READER, "testCard": False, "card": card} | changes


def failed(code: str, kind: str = "") -> dict[str, Any]:
    error = {"code": code, "message": "…"} | ({"kind": kind} if kind else {})
    return status_of(None, error=error)


def cards_of(*statuses: dict[str, Any] | None) -> Cards:
    """Return readers with cards of these statuses; None is one being read."""
    return Cards(tuple(ReaderContent(READER, True, each) for each in statuses))
