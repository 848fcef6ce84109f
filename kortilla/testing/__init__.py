# SPDX-License-Identifier: MIT
"""A mock card for the tests of an e-service: tokens, broken tokens, a test CA.

It needs ``kortilla[testing]``, and neither Qt nor a PC/SC library. The pytest plugin
gives the fixtures ``kortilla_card`` and ``make_kortilla_card``. A card is a folder with
its keys and its CA; the citizen's program uses the same folder as a card in a reader.
"""

from typing import TYPE_CHECKING

from kortilla.common.lazy import lazy_names

if TYPE_CHECKING:
    from kortilla.testing.authority import Authority, Person
    from kortilla.testing.broken_tokens import BROKEN_TOKENS, BrokenToken
    from kortilla.testing.card import KortillaCard, MakeKortillaCard
    from kortilla.testing.errors import (
        CardUnusableError,
        InvalidArgumentError,
        MockCardBrokenError,
        MockCardError,
        OriginRefusedError,
    )
    from kortilla.testing.faults import Fault
    from kortilla.testing.revoked import revoke, revoked_serials
    from kortilla.testing.revoked_cards import RevokedCards
    from kortilla.testing.state import MockCardState
    from kortilla.testing.token_faults import TokenFault
    from kortilla.testing.tokens import make_token
    from kortilla.testing.unittest_cards import CardTestCase
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "Authority": "kortilla.testing.authority",
            "BROKEN_TOKENS": "kortilla.testing.broken_tokens",
            "BrokenToken": "kortilla.testing.broken_tokens",
            "CardTestCase": "kortilla.testing.unittest_cards",
            "CardUnusableError": "kortilla.testing.errors",
            "Fault": "kortilla.testing.faults",
            "InvalidArgumentError": "kortilla.testing.errors",
            "KortillaCard": "kortilla.testing.card",
            "MakeKortillaCard": "kortilla.testing.card",
            "MockCardBrokenError": "kortilla.testing.errors",
            "MockCardError": "kortilla.testing.errors",
            "MockCardState": "kortilla.testing.state",
            "OriginRefusedError": "kortilla.testing.errors",
            "Person": "kortilla.testing.authority",
            "RevokedCards": "kortilla.testing.revoked_cards",
            "TokenFault": "kortilla.testing.token_faults",
            "make_token": "kortilla.testing.tokens",
            "revoke": "kortilla.testing.revoked",
            "revoked_serials": "kortilla.testing.revoked",
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
