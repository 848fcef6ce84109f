# SPDX-License-Identifier: MIT
"""The API of the pytest plugin for a service's tests, as type checkers see it."""

import asyncio
from pathlib import Path
from typing import assert_type

from kortilla import Identity, Trust, validate
from kortilla.mock_card.faults import Fault
from kortilla.revocation import RevocationChecker
from kortilla.testing import (
    CardTestCase,
    KortillaCard,
    MakeKortillaCard,
    RevokedCards,
    TokenFault,
)

ORIGIN, NONCE = "https://service.example", "A" * 43 + "="


def log_in(kortilla_card: KortillaCard, make_kortilla_card: MakeKortillaCard) -> None:
    """Log in with one card, and break another."""
    trust = Trust.from_folder(kortilla_card.folder, test=True)
    token = kortilla_card.token(ORIGIN, NONCE, broken="wrong-nonce", version="1.1")
    assert_type(TokenFault("wrong-nonce"), TokenFault)
    kortilla_card.token(ORIGIN, NONCE, broken=TokenFault.EXPIRED)
    person = asyncio.run(validate(token, origin=ORIGIN, nonce=NONCE, trust=trust))
    assert_type(person, Identity)
    assert_type(kortilla_card.person.satu, str)
    assert_type(kortilla_card.root_ca, Path)
    other = make_kortilla_card(profile="v4.2", state="revoked")
    assert_type(other, KortillaCard)
    other.state.set_faults(Fault("mute", on="sign"))
    other.state.pull()
    other.revoke()
    checkers: list[RevocationChecker] = [other.revocation, RevokedCards(other.folder)]
    assert len(checkers) == 2
    kortilla_card.sign(ORIGIN, {"a.pdf": bytes(48)})


class LoginTest(CardTestCase):
    """A test case of unittest."""

    def test_login(self) -> None:
        """Use its card."""
        assert_type(self.kortilla_card, KortillaCard)
        assert_type(self.make_kortilla_card(state="revoked"), KortillaCard)
