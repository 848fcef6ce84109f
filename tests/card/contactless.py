# SPDX-License-Identifier: MIT
"""A mock card on a contactless reader, and what travels to it."""

import secrets
from collections.abc import Callable
from pathlib import Path

from kortilla.mock_card.card_data import CAN
from kortilla.mock_card.contactless import Channel, ContactlessCard
from kortilla.mock_card.state import MockCardState
from native_host.card.contactless.pace import open_channel
from native_host.card.contactless.secure_messaging import SecureConnection
from native_host.card.mock_source import MockCardConnection
from tests.support.cards import new_card

Answer = tuple[bytes, int]

#: Commands of ``open_channel`` before the first GENERAL AUTHENTICATE: the selection of
#: the master file and of EF.CardAccess, its reading, MSE.
FIRST_STEP = 4


class Air(MockCardConnection):
    """The connection to such a card. ``sent`` has all commands as they travelled.

    ``attack`` gets the number of a command, the command and its answer, and returns
    the answer that arrives.
    """

    def __init__(self, folder: Path, profile: str = "v5") -> None:
        state = (
            MockCardState.open(folder) if folder.exists() else new_card(folder, profile)
        )
        super().__init__(state, contactless=True)
        self.state = state
        self.sent: list[bytes] = []
        self.attack: Callable[[int, bytes, Answer], Answer] = lambda _, __, answer: (
            answer
        )

    def send_and_receive(self, apdu: bytes) -> Answer:
        self.sent.append(apdu)
        answer = super().send_and_receive(apdu)
        return self.attack(len(self.sent) - 1, apdu, answer)

    def open_channel(self, can: str = CAN) -> SecureConnection:
        return open_channel(self, bytearray(can.encode()))

    def channel(self) -> SecureConnection:
        """Return a channel that is open without PACE, for a test that needs many."""
        card = self._card._card
        assert isinstance(card, ContactlessCard)
        card._channel = theirs = Channel(secrets.token_bytes(48))
        return SecureConnection(self, theirs.encryption_key, theirs.checksum_key)
