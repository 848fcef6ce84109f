# SPDX-License-Identifier: MIT
"""What the page says of a card in each state, and which buttons it offers."""

from datetime import timedelta
from typing import Any

import pytest

from native_host.desktop.card_report import (
    can_change,
    can_unlock,
    card_report,
    valid_until,
)
from tests.desktop.statuses import NOW, a_card


def tries(pin1: int | None = 5, pin2: int | None = 5, puk: int | None = 5) -> Any:
    return {"tries": {"PIN1": pin1, "PIN2": pin2, "PUK": puk}}


UNREADABLE = {"role": "signature", "error": {"code": "CARD_MUTE", "message": "…"}}
NEW: dict[str, Any] = {
    "activation": "new",
    "pinsSet": {"PIN1": False, "PIN2": False},
}


@pytest.mark.parametrize(
    ("changes", "key", "kind"),
    [
        ({}, "ready", "good"),
        (tries(0), "pin1_locked", "error"),
        (tries(5, 0), "pin2_locked", "error"),
        (tries(0, 0), "pins_locked", "error"),
        (tries(1), "pin1_last", "warning"),
        (tries(5, 1), "pin2_last", "warning"),
        (tries(1, 1), "pins_last", "warning"),
        (tries(0, 5, 0), "lost", "error"),
        (tries(5, 5, 0), "puk_locked", "warning"),
        (tries(None, 5, 5), "ready", "good"),
        ({"activation": "unknown"}, "unknown", "warning"),
        ({"certificates": [UNREADABLE] * 2}, "no_certificate", "error"),
        ({"certificates": []}, "no_certificate", "error"),
        (
            {"certificates": [a_card()["certificates"][0], UNREADABLE]},
            "lacks_certificate",
            "warning",
        ),
        (NEW, "new", "note"),
        (
            {"activation": "partly", "pinsSet": {"PIN1": True, "PIN2": False}},
            "partly",
            "warning",
        ),
        (
            {**NEW, **tries(0, 0), "activationCodeLengths": [7]},
            "activation_blocked",
            "error",
        ),
        # The PUK, which such a card's code is, sets a PIN without tries too.
        ({**NEW, **tries(0, 0), "activationCodeLengths": [8]}, "new", "note"),
    ],
)
def test_a_card_has_one_state(changes: dict[str, Any], key: str, kind: str) -> None:
    report = card_report(a_card(**changes), NOW)
    assert (report.key, report.kind) == (f"card.{key}", kind)
    assert report.can_activate == (key in ("new", "partly"))


def test_an_expired_card_says_so_before_all_else() -> None:
    card = a_card(**tries(0))
    late = NOW + timedelta(days=1000)
    assert card_report(card, late).key == "card.expired"
    card["certificates"][0] = {"role": "authentication", "error": {"code": "X"}}
    assert valid_until(card) is not None
    assert valid_until(a_card(certificates=[])) is None


@pytest.mark.parametrize(
    ("changes", "change", "unlock"),
    [
        ({}, True, True),
        (tries(0), False, True),
        (tries(0, 5, 0), False, False),
        (tries(3, 5, 0), True, False),
        (NEW, False, False),
        ({**NEW, **tries(0, 0), "activationCodeLengths": [7]}, False, True),
    ],
)
def test_a_button_is_there_if_it_can_do_something(
    changes: dict[str, Any], change: bool, unlock: bool
) -> None:
    card = a_card(**changes)
    assert (can_change(card, "PIN1"), can_unlock(card, "PIN1")) == (change, unlock)
