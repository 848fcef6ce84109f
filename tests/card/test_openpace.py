# SPDX-License-Identifier: MIT
"""PACE and secure messaging with OpenPACE as the card."""

from pathlib import Path

import pytest

from kortilla.mock_card.card import MockCard
from native_host.card.contactless.pace import open_channel
from native_host.card.errors import WrongCanError, WrongPinError
from native_host.card.fineid import FineidCard, KeyRole, PinRole
from native_host.card.signature import KeyType, SignatureAlgorithm
from tests.card.openpace import OpenPaceCard
from tests.support.cards import new_card

CAN = "271828"
ES384 = SignatureAlgorithm(KeyType.ECC, "SHA-384")


def test_a_session_through_openpaces_channel(tmp_path: Path) -> None:
    card = OpenPaceCard(MockCard(new_card(tmp_path / "card")), CAN)
    with pytest.raises(WrongCanError):
        open_channel(card, bytearray(b"314159"))
    session = FineidCard(open_channel(card, bytearray(CAN.encode())))
    key = session.key(KeyRole.AUTHENTICATION)
    assert len(session.certificate(key).der) > 500
    assert session.pin_info(PinRole.PIN1).tries_left == 5
    with pytest.raises(WrongPinError):
        session.verify_pin(PinRole.PIN1, bytearray(b"4321"))
    session.verify_pin(PinRole.PIN1, bytearray(b"1234"))
    assert len(session.sign(key, bytes(48), ES384)) == 96
    secure = [apdu for apdu in card.sent if apdu[0] & 0x0C == 0x0C]
    assert {apdu[1] for apdu in secure} == {0xA4, 0xB0, 0xCB, 0x20, 0x22, 0x2A}
    assert all(
        apdu[1] in {0xA4, 0xB0, 0x22, 0x86} for apdu in card.sent[: -len(secure)]
    )
    card.close()
