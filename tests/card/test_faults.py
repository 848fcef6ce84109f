# SPDX-License-Identifier: MIT
"""Logins and batches of signatures on the mock card, with every fault at every step."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.profiles import PROFILES
from kortilla.mock_card.state import MockCardState
from native_host.card.errors import CardError, CardMuteError, CardRemovedError
from native_host.card.fineid import FineidCard, KeyRole, PinRole
from native_host.card.signature import HASH_SIZES, supported_algorithms, token_algorithm
from tests.card.scripted import certificates_of
from tests.support.cards import new_card

VERIFY, SIGN = 0x20, 0x2A

Reply = tuple[bytes, int]
Fault = Callable[[bytes, int], Reply]


class FaultyCard:
    """The mock card with a fault in its responses from one command on.

    ``lasting`` faults affect all later commands, others a single one.
    """

    def __init__(
        self, state: MockCardState, fault: Fault, *, step: int, lasting: bool
    ) -> None:
        self.card = MockCard(state)
        self.atr: bytes | None = self.card.atr
        self.protocol = 0
        self.fault = fault
        self.step = step
        self.lasting = lasting
        self.sent: list[bytes] = []

    def send_and_receive(self, apdu: bytes) -> Reply:
        step = len(self.sent)
        self.sent.append(apdu)
        reply = self.card.transmit(apdu)
        data, status = reply[:-2], int.from_bytes(reply[-2:])
        if step == self.step or (self.lasting and step > self.step):
            return self.fault(data, status)
        return data, status

    def count(self, instruction: int) -> int:
        return [apdu[1] for apdu in self.sent].count(instruction)


def removed(data: bytes, status: int) -> Reply:
    raise CardRemovedError("pulled")


def mute(data: bytes, status: int) -> Reply:
    raise CardMuteError("mute")


FAULTS: dict[str, Fault] = {
    "removed": removed,
    "mute": mute,
    "6F00": lambda data, status: (b"", 0x6F00),
    "empty": lambda data, status: (b"", status),
    "garbled": lambda data, status: (bytes(b ^ 0x5A for b in data), status),
    "cut off": lambda data, status: (data[: len(data) // 2], status),
    "longer": lambda data, status: (data + b"\x00", status),
    "much longer": lambda data, status: (data + bytes(70_000), status),
    "wrong length": lambda data, status: (b"", 0x6C05),
    "more data": lambda data, status: (data, 0x6105),
    "no status": lambda data, status: (data, 0x0000),
}


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> MockCardState:
    return new_card(tmp_path_factory.mktemp("card") / "v5")


@dataclass(frozen=True)
class Use:
    """A use of the card: its key, its PIN, and the number of signatures."""

    role: KeyRole
    pin: bytes
    signatures: int

    def of(self, connection: FaultyCard) -> None:
        """Run it. The PIN is verified before each signature."""
        card = FineidCard(connection)
        key = card.key(self.role)
        certificate = card.certificate(key)
        assert card.pin_info(key.pin).tries_left == 5
        digest = hashlib.new(certificate.hash_name, b"challenge").digest()
        algorithm = token_algorithm(certificate.public_key)
        for _ in range(self.signatures):
            card.verify_pin(key.pin, bytearray(self.pin))
            card.sign(key, digest, algorithm)


LOGIN = Use(KeyRole.AUTHENTICATION, b"1234", 1)
BATCH = Use(KeyRole.SIGNATURE, b"123456", 2)


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("use", [LOGIN, BATCH], ids=["login", "batch"])
def test_every_fault_at_every_step_is_a_card_error_and_costs_no_second_pin(
    state: MockCardState, use: Use, fault: str, lasting: bool
) -> None:
    undisturbed = FaultyCard(state, mute, step=1000, lasting=False)
    use.of(undisturbed)
    for step in range(len(undisturbed.sent)):
        connection = FaultyCard(state, FAULTS[fault], step=step, lasting=lasting)
        try:
            use.of(connection)
        except CardError as error:
            assert error.code
            if fault in {"removed", "mute"}:
                assert isinstance(error, CardRemovedError | CardMuteError)
        with_pin = [a for a in connection.sent if a[1] == VERIFY and len(a) > 4]
        assert len(with_pin) <= use.signatures
        # One more asks for the status if the information could not be read.
        assert connection.count(VERIFY) <= len(with_pin) + 1
        # Hash and signature both use this instruction.
        assert connection.count(SIGN) <= 2 * use.signatures
        assert len(connection.sent) < 300
        data = state.read()
        assert (data.pin1.tries, data.pin2.tries) == (5, 5)


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
    connection = FaultyCard(state, mute, step=1000, lasting=False)
    connection.card = MockCard(state, style=style)
    connection.atr = connection.card.atr if with_atr else None
    card = FineidCard(connection)
    pins = {PinRole.PIN1: b"1234", PinRole.PIN2: b"123456"}
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
            card.verify_pin(key.pin, bytearray(pins[key.pin]))
            # The card module verifies the signature before it returns it.
            card.sign(key, bytes(HASH_SIZES[algorithm.hash_function]), algorithm)


@pytest.mark.parametrize("use", [LOGIN, BATCH], ids=["login", "batch"])
@pytest.mark.parametrize("profile", PROFILES)
def test_over_t1_only_the_question_for_the_tries_differs(
    tmp_path: Path, profile: str, use: Use
) -> None:
    state = new_card(tmp_path, profile)
    sent = []
    for protocol in (0, 1):
        connection = FaultyCard(state, mute, step=1000, lasting=False)
        connection.protocol = protocol
        use.of(connection)
        sent.append(connection.sent)
    # ISO/IEC 7816-3 §12: T=0 has no room for Lc and Le, T=1 has.
    expected = [apdu + b"\x00" if apdu[1] == 0xCB else apdu for apdu in sent[0]]
    assert sent[1] == expected
