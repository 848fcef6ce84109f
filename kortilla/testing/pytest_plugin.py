# SPDX-License-Identifier: MIT
"""A pytest plugin with a mock card for the tests of an e-service.

    def test_login(client, kortilla_card):
        nonce = client.post("/auth/challenge").json()["nonce"]
        token = kortilla_card.token("https://service.example", nonce)
        assert client.post("/auth/login", json={"authToken": token}).ok

pytest loads this module in every run where Kortilla is installed, so its imports wait
until a fixture is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from kortilla.testing.card import CardCopies, KortillaCard, MakeKortillaCard

__all__ = ["kortilla_card", "make_kortilla_card"]


@pytest.fixture(scope="session")
def _kortilla_cards(tmp_path_factory: pytest.TempPathFactory) -> CardCopies:
    from kortilla.testing.card import CardCopies

    return CardCopies(tmp_path_factory.mktemp("kortilla-cards"))


@pytest.fixture
def make_kortilla_card(_kortilla_cards: CardCopies) -> MakeKortillaCard:
    """Make further cards: ``make_kortilla_card(profile="v4.2", state="revoked")``.

    Each call gives a fresh copy. The keys and the CA of a kind stay the same through
    the session.
    """

    def make(*, profile: str = "v5", state: str = "active") -> KortillaCard:
        return _kortilla_cards.copy(profile, state)

    return make


@pytest.fixture
def kortilla_card(make_kortilla_card: MakeKortillaCard) -> KortillaCard:
    """A mock card with all its tries left. No other test uses it."""
    return make_kortilla_card()
