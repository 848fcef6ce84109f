# SPDX-License-Identifier: MIT
"""A mock card for the tests of an e-service: tokens, broken tokens, a test CA.

It needs ``kortilla[testing]``, and neither Qt nor a PC/SC library. The pytest plugin
gives the fixtures ``kortilla_card`` and ``make_kortilla_card``. A card is a folder with
its keys and its CA; the citizen's program uses the same folder as a card in a reader.
"""

from typing import TYPE_CHECKING

from kortilla.common.imports import lazy_names

if TYPE_CHECKING:
    from kortilla.mock_card.authority import Authority, Person
    from kortilla.mock_card.errors import (
        CardUnusableError,
        InvalidArgumentError,
        MockCardBrokenError,
        MockCardError,
        OriginRefusedError,
    )
    from kortilla.mock_card.faults import Fault
    from kortilla.mock_card.issue import revoke, revoked_serials
    from kortilla.mock_card.state import MockCardState
    from kortilla.testing.broken_tokens import BROKEN_TOKENS, BrokenToken, TokenFault
    from kortilla.testing.card import KortillaCard, MakeKortillaCard, make_token
    from kortilla.testing.revoked_cards import RevokedCards
    from kortilla.testing.unittest_cards import CardTestCase
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "Authority": "kortilla.mock_card.authority",
            "BROKEN_TOKENS": "kortilla.testing.broken_tokens",
            "BrokenToken": "kortilla.testing.broken_tokens",
            "CardTestCase": "kortilla.testing.unittest_cards",
            "CardUnusableError": "kortilla.mock_card.errors",
            "Fault": "kortilla.mock_card.faults",
            "InvalidArgumentError": "kortilla.mock_card.errors",
            "KortillaCard": "kortilla.testing.card",
            "MakeKortillaCard": "kortilla.testing.card",
            "MockCardBrokenError": "kortilla.mock_card.errors",
            "MockCardError": "kortilla.mock_card.errors",
            "MockCardState": "kortilla.mock_card.state",
            "OriginRefusedError": "kortilla.mock_card.errors",
            "Person": "kortilla.mock_card.authority",
            "RevokedCards": "kortilla.testing.revoked_cards",
            "TokenFault": "kortilla.testing.broken_tokens",
            "make_token": "kortilla.testing.card",
            "revoke": "kortilla.mock_card.issue",
            "revoked_serials": "kortilla.mock_card.issue",
        },
    )

__all__ = [
    "BROKEN_TOKENS",
    "Authority",
    "BrokenToken",
    "CardTestCase",
    "CardUnusableError",
    "Fault",
    "InvalidArgumentError",
    "KortillaCard",
    "MakeKortillaCard",
    "MockCardBrokenError",
    "MockCardError",
    "MockCardState",
    "OriginRefusedError",
    "Person",
    "RevokedCards",
    "TokenFault",
    "make_token",
    "revoke",
    "revoked_serials",
]
