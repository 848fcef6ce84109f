# SPDX-License-Identifier: MIT
"""A login on the mock card, with every fault at every step."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from native_host.card.errors import CardError, CardMute, CardRemoved
from native_host.card.fineid import FineidCard, KeyRole, PinRole
from native_host.card.signature import token_algorithm
from native_host.mock_card.card import MockCard
from native_host.mock_card.state import MockCardState

VERIFY, SIGN = 0x20, 0x2A

Reply = tuple[bytes, int]
Fault = Callable[[bytes, int], Reply]


class FaultyCard:
    """The mock card, with a fault in the answers from one command on.

    ``lasting`` faults hit all commands from there on, others that one alone.
    """

    def __init__(
        self, state: MockCardState, fault: Fault, *, step: int, lasting: bool
    ) -> None:
        self.card = MockCard(state)
        self.atr = self.card.atr
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
    raise CardRemoved("pulled")


def mute(data: bytes, status: int) -> Reply:
    raise CardMute("mute")


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
    return MockCardState.create(tmp_path_factory.mktemp("card") / "v5")


def log_in(connection: FaultyCard) -> None:
    card = FineidCard(connection)
    key = card.key(KeyRole.AUTHENTICATION)
    certificate = card.certificate(key)
    assert card.pin_info(PinRole.PIN1).tries_left == 5
    card.verify_pin(PinRole.PIN1, bytearray(b"1234"))
    digest = hashlib.new(certificate.hash_name, b"challenge").digest()
    card.sign(key, digest, token_algorithm(certificate.public_key))


@pytest.fixture(scope="module")
def steps(state: MockCardState) -> int:
    """How many commands a login takes."""
    connection = FaultyCard(state, mute, step=1000, lasting=False)
    log_in(connection)
    return len(connection.sent)


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_at_every_step_is_a_card_error_and_costs_no_second_pin(
    state: MockCardState, steps: int, fault: str, lasting: bool
) -> None:
    for step in range(steps):
        connection = FaultyCard(state, FAULTS[fault], step=step, lasting=lasting)
        try:
            log_in(connection)
        except CardError as error:
            assert error.code
            if fault in {"removed", "mute"}:
                assert isinstance(error, CardRemoved | CardMute)
        # Hash and signature are both of this instruction.
        assert connection.count(VERIFY) <= 2  # one of them the status, without a PIN
        assert sum(len(apdu) > 4 for apdu in connection.sent if apdu[1] == VERIFY) <= 1
        assert connection.count(SIGN) <= 2
        assert len(connection.sent) < 300
        assert state.read().pin1.tries == 5


@pytest.mark.parametrize("style", ["direct", "fetched"])
@pytest.mark.parametrize("profile", ["v5", "v4.2"])
def test_both_generations_log_in_whatever_the_reader_handles(
    tmp_path: Path, profile: str, style: str
) -> None:
    state = MockCardState.create(tmp_path, profile=profile)
    connection = FaultyCard(state, mute, step=1000, lasting=False)
    connection.card = MockCard(state, style=style)
    card = FineidCard(connection)
    certificates = card.certificates()
    assert {key.role for key in certificates} == set(KeyRole)
    for certificate in certificates.values():
        assert certificate.name.endswith(state.read().surname)
        assert certificate.satu == state.read().satu
    card.verify_pin(PinRole.PIN1, bytearray(b"1234"))
    key = card.key(KeyRole.AUTHENTICATION)
    certificate = certificates[key]
    digest = hashlib.new(certificate.hash_name, b"challenge").digest()
    card.sign(key, digest, token_algorithm(certificate.public_key))


def test_commands_between_enter_and_token_are_four(state: MockCardState) -> None:
    connection = FaultyCard(state, mute, step=1000, lasting=False)
    card = FineidCard(connection)
    key = card.key(KeyRole.AUTHENTICATION)
    algorithm = token_algorithm(card.certificate(key).public_key)
    card.pin_info(PinRole.PIN1)
    before = len(connection.sent)
    card.verify_pin(PinRole.PIN1, bytearray(b"1234"))
    card.sign(key, bytes(48), algorithm)
    assert [apdu[1] for apdu in connection.sent[before:]] == [0x20, 0x22, 0x2A, 0x2A]
