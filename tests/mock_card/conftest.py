# SPDX-License-Identifier: MIT
"""Fixtures with mock cards of each profile; keys are cached and copied."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kortilla.mock_card import authority, issue
from kortilla.mock_card.apdu import Style
from kortilla.mock_card.card import MockCard
from kortilla.mock_card.keys import PrivateKey, generate_key
from kortilla.mock_card.profiles import PROFILES, KeyType
from kortilla.mock_card.state import MockCardState
from tests.support import cards

SELECT_APPLICATION = "00A4040C0C A000000063504B43532D3135"


def send(card: MockCard, apdu: str) -> str:
    """Send an APDU and return the response, both in hexadecimal."""
    return card.transmit(bytes.fromhex(apdu)).hex().upper()


def pin_block(pin: str) -> str:
    """Return a PIN as in commands: ASCII digits, padded with 00 to twelve bytes."""
    return pin.encode().ljust(12, b"\0").hex()


def verify(card: MockCard, reference: str, pin: str) -> str:
    return send(card, f"002000{reference}0C{pin_block(pin)}")


def set_pin(card: MockCard, ins: str, reference: str, old: str, new: str) -> str:
    """Send CHANGE REFERENCE DATA (24) or RESET RETRY COUNTER (2C)."""
    return send(card, f"00{ins}00{reference}18{pin_block(old)}{pin_block(new)}")


def information(card: MockCard, reference: str) -> tuple[int, str]:
    """Return a PIN's retry counter (DF21) and whether it was changed (DF2F)."""
    answer = send(card, f"00CB00FF05A0038301{reference}")
    return int(answer[40:42], 16), answer[-6:-4]


def powered(state: MockCardState, style: str = Style.DIRECT) -> MockCard:
    """Return a card with the application selected."""
    card = MockCard(state, style=style)
    assert send(card, SELECT_APPLICATION) == "9000"
    return card


def read_file(card: MockCard, path: str) -> bytes:
    """Read a file inside the application, 181 bytes at a time."""
    fcp = send(card, f"00A40804{len(path) // 2:02X}{path}00")
    assert fcp.startswith("62048102"), fcp
    size, content = int(fcp[8:12], 16), b""
    while len(content) < size:
        answer = card.transmit(bytes.fromhex(f"00B0{len(content):04X}00"))
        assert answer[-2:] == b"\x90\x00"
        content += answer[:-2]
    assert len(content) == size
    return content


@pytest.fixture
def known_rsa_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """New cards and CAs have the same RSA key of each length, which is made once.

    The cards of ``make_state`` are not among them: they are made before.
    """
    for profile in PROFILES:
        cards.made(profile)

    def key(key_type: KeyType) -> PrivateKey:
        if key_type in {KeyType.P256, KeyType.P384}:
            return generate_key(key_type)
        return cards.rsa_key(key_type.rsa_bits)

    for module in (authority, issue):
        monkeypatch.setattr(module, "generate_key", key)


@pytest.fixture
def make_state(tmp_path: Path) -> Callable[[str], MockCardState]:
    return lambda profile: cards.new_card(tmp_path / f"card-{profile}", profile)


@pytest.fixture
def state(make_state: Callable[[str], MockCardState]) -> MockCardState:
    """A v5 card."""
    return make_state("v5")


@pytest.fixture
def card(state: MockCardState) -> MockCard:
    """A v5 card with the application selected."""
    return powered(state)
