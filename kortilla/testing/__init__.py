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
    from kortilla.testing.card import (
        CardTestCase,
        KortillaCard,
        MakeKortillaCard,
        RevokedCards,
        make_token,
    )
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "kortilla.mock_card.authority": "Authority Person",
            "kortilla.mock_card.errors": "CardUnusableError InvalidArgumentError "
            "MockCardBrokenError MockCardError OriginRefusedError",
            "kortilla.mock_card.faults": "Fault",
            "kortilla.mock_card.issue": "revoke revoked_serials",
            "kortilla.mock_card.state": "MockCardState",
            "kortilla.testing.broken_tokens": "BROKEN_TOKENS BrokenToken TokenFault",
            "kortilla.testing.card": "CardTestCase KortillaCard MakeKortillaCard "
            "RevokedCards make_token",
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
