# SPDX-License-Identifier: MIT
"""The keys of each profile of the mock card: all that the host can do with them.

``tests/operations/test_every_fault.py`` has the faults at every step.
"""

import logging
from pathlib import Path

import pytest

from kortilla.mock_card.apdu import is_tpdu
from kortilla.mock_card.card import MockCard
from kortilla.mock_card.profiles import PROFILES
from kortilla.mock_card.state import MockCardState
from native_host.card.fineid import FineidCard, KeyRole, PinRole
from native_host.card.signature import HASH_SIZES, supported_algorithms
from tests.card.scripted import certificates_of
from tests.support.cards import new_card

PINS = {PinRole.PIN1: b"1234", PinRole.PIN2: b"123456"}


class Recorded:
    """A connection to the mock card that records the commands."""

    def __init__(self, state: MockCardState, *, style: str = "direct") -> None:
        self.card = MockCard(state, style=style)
        self.atr: bytes | None = self.card.atr
        self.protocol = 0
        self.sent: list[bytes] = []

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        self.sent.append(apdu)
        reply = self.card.transmit(apdu)
        return reply[:-2], int.from_bytes(reply[-2:])


@pytest.mark.parametrize(("style", "with_atr"), [("direct", True), ("fetched", False)])
@pytest.mark.parametrize("profile", PROFILES)
def test_every_key_signs_everything_that_it_is_said_to_sign(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    profile: str,
    style: str,
    with_atr: bool,
) -> None:
    state = new_card(tmp_path, profile)
    connection = Recorded(state, style=style)
    if not with_atr:
        connection.atr = None
    card = FineidCard(connection)
    with caplog.at_level(logging.INFO, "native_host.card"):
        certificates = certificates_of(card)
    assert not caplog.records  # its directories are used
    assert {(key.reference, key.certificate_path) for key in certificates} == {
        (slot.reference, b"".join(part.to_bytes(2) for part in slot.certificate_path))
        for slot in PROFILES[profile].keys
    }
    for key, certificate in certificates.items():
        assert certificate.name.endswith(state.read().surname)
        assert certificate.satu == state.read().satu
        for algorithm in supported_algorithms(certificate.public_key):
            card.verify_pin(key.pin, bytearray(PINS[key.pin]))
            # The card module verifies the signature before it returns it.
            card.sign(key, bytes(HASH_SIZES[algorithm.hash_function]), algorithm)


@pytest.mark.parametrize("profile", PROFILES)
def test_over_t1_a_command_with_data_says_that_it_expects_an_answer(
    tmp_path: Path, profile: str
) -> None:
    state = new_card(tmp_path, profile)
    sent = []
    for protocol in (0, 1):
        connection = Recorded(state)
        connection.protocol = protocol
        card = FineidCard(connection)
        for role in KeyRole:
            key = card.key(role)
            algorithm = supported_algorithms(card.certificate(key).public_key)[0]
            assert card.pin_info(key.pin).tries_left == 5
            card.verify_pin(key.pin, bytearray(PINS[key.pin]))
            card.sign(key, bytes(HASH_SIZES[algorithm.hash_function]), algorithm)
        sent.append(connection.sent)
    # ISO/IEC 7816-3 §12: T=0 has no room for Lc and Le, T=1 has.
    answered = ("00cb", "00a408")  # PIN information, and a file's control parameters
    expected = [
        apdu + b"\x00" if apdu.hex().startswith(answered) else apdu for apdu in sent[0]
    ]
    assert sent[1] == expected
    assert all(is_tpdu(apdu) for apdu in sent[0])
