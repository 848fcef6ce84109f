# SPDX-License-Identifier: MIT
"""The secure channel to a contactless card, and who interferes with it."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from kortilla.encryption.algorithms import RsaPadding
from kortilla.mock_card.faults import Fault
from native_host.card.contactless.secure_messaging import (
    LONGEST_DATA,
    SecureConnection,
)
from native_host.card.decryption import CardDecryption
from native_host.card.errors import (
    CardError,
    CardMuteError,
    CardRemovedError,
    ChannelError,
    WrongPinError,
)
from native_host.card.fineid import FineidCard, KeyRole, PinRole
from native_host.card.signature import (
    HASH_SIZES,
    KeyType,
    SignatureAlgorithm,
    supported_algorithms,
)
from native_host.errors import InvalidArgumentError
from native_host.platform.log import TRAFFIC
from tests.card.contactless import Air, Answer

ES384 = SignatureAlgorithm(KeyType.ECC, "SHA-384")
PIN = b"1234"


def log_in(channel: SecureConnection) -> bytes:
    """Run the commands of a login."""
    card = FineidCard(channel)
    key = card.key(KeyRole.AUTHENTICATION)
    card.certificate(key)
    card.verify_pin(key.pin, bytearray(PIN))
    return card.sign(key, bytes(48), ES384)


def test_a_login_travels_only_in_the_channel(tmp_path: Path) -> None:
    air = Air(tmp_path / "card")
    channel = air.open_channel()
    opened = len(air.sent)
    assert len(log_in(channel)) == 96
    for apdu in air.sent[opened:]:
        assert apdu[0] == 0x0C
        assert apdu[5] in {0x85, 0x87, 0x8E, 0x97}
    assert not any(PIN in apdu for apdu in air.sent)


def test_what_a_trace_and_the_log_show_has_no_pin(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(TRAFFIC)
    channel = Air(tmp_path / "card").channel()
    with pytest.raises(WrongPinError) as caught:
        FineidCard(channel).verify_pin(PinRole.PIN1, bytearray(b"908172"))
    log_in(channel)
    shown = caplog.text.lower() + str(caught.value)
    assert "00200011 [13 bytes]" in shown
    assert "908172" not in shown
    assert b"908172".hex() not in shown
    assert PIN.hex() not in shown


def test_each_kind_of_key_signs_and_deciphers(tmp_path: Path) -> None:
    """Long answers come in parts; long data go in parts that fit the channel."""
    card = FineidCard(Air(tmp_path / "card", "v5-2026").channel())
    pins = {PinRole.PIN1: b"1234", PinRole.PIN2: b"123456"}
    keys = card.keys()
    for key in keys:
        public_key = card.certificate(key).public_key
        algorithm = supported_algorithms(public_key)[0]
        card.verify_pin(key.pin, bytearray(pins[key.pin]))
        digest = bytes(HASH_SIZES[algorithm.hash_function])
        assert card.sign(key, digest, algorithm)
        if isinstance(public_key, rsa.RSAPublicKey) and key.pin is PinRole.PIN1:
            secret = public_key.encrypt(b"secret", padding.PKCS1v15())
            decryption = CardDecryption(card, key)
            assert decryption.decrypt(secret, RsaPadding.PKCS1) == b"secret"


def test_no_file_of_the_master_file_is_read(tmp_path: Path) -> None:
    """Its selection would end the channel."""
    card = FineidCard(Air(tmp_path / "card").channel())
    assert card.authority_certificates() == ()
    assert card.serial()


def test_data_that_fit_no_command_are_not_sent(tmp_path: Path) -> None:
    air = Air(tmp_path / "card")
    channel = air.channel()
    opened = len(air.sent)
    with pytest.raises(InvalidArgumentError):
        channel.send_and_receive(bytes.fromhex("00CB00FFE0") + bytes(224) + b"\x00")
    assert len(air.sent) == opened
    air.close()
    air = Air(tmp_path / "card")
    channel = air.channel()
    fits = bytes.fromhex("00CB00FFDF") + bytes(LONGEST_DATA) + b"\x00"
    assert channel.send_and_receive(fits) == (b"", 0x6D00)


# -- Interference ----------------------------------------------------------------------


def assert_ended(air: Air, channel: SecureConnection) -> None:
    """Check that the channel sends nothing more, and no PIN."""
    sent = len(air.sent)
    for apdu in ("00A4040C0CA000000063504B43532D3135", "00200011", "00B0000000"):
        with pytest.raises(ChannelError):
            channel.send_and_receive(bytes.fromhex(apdu))
    assert len(air.sent) == sent
    assert not any(PIN in apdu for apdu in air.sent)


@dataclass
class Altered:
    """An attack that changes each answer."""

    change: Callable[[bytes], Answer]

    def __call__(self, _number: int, _apdu: bytes, answer: Answer) -> Answer:
        return self.change(answer[0])


def always(data: bytes) -> Altered:
    return Altered(lambda _: (data, 0x9000))


class Keep:
    """No attack: it keeps the last answer."""

    answer: Answer

    def __call__(self, _number: int, _apdu: bytes, answer: Answer) -> Answer:
        self.answer = answer
        return answer


COMMANDS = ("select", "read", "pin-info", "verify", "choose-key", "hash", "sign")


@pytest.mark.parametrize(
    "fault",
    [
        "wrong-checksum",
        "wrong-padding",
        "replayed",
        "garbled",
        "too-short",
        "too-long",
        "6F00",
        "6Cxx",
    ],
)
def test_a_fault_ends_the_channel_at_each_command(tmp_path: Path, fault: str) -> None:
    for command in COMMANDS:
        if fault == "wrong-padding" and command in {"verify", "choose-key", "hash"}:
            continue  # their answers have no data
        air = Air(tmp_path / "card")
        channel = air.channel()
        # The first of these has no data.
        skip = int(command == "select")
        air.state.set_faults(Fault(fault, command, "after", skip))
        with pytest.raises(ChannelError):
            log_in(channel)
        assert air.state.faults() == (), command
        assert_ended(air, channel)
        air.close()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("card-pulled", CardRemovedError),
        ("mute", CardMuteError),
        ("power-lost", ChannelError),
    ],
)
def test_a_lost_card_ends_the_channel(
    tmp_path: Path, fault: str, error: type[CardError]
) -> None:
    air = Air(tmp_path / "card")
    channel = air.channel()
    air.state.set_faults(Fault(fault, "verify", "after"))
    with pytest.raises(error):
        log_in(channel)
    assert_ended(air, channel)


def test_a_protected_command_is_sent_once(tmp_path: Path) -> None:
    """The card may have counted it before it asks for another length."""
    air = Air(tmp_path / "card")
    channel = air.channel()
    FineidCard(channel)
    sent = len(air.sent)
    air.attack = Altered(lambda _: (b"", 0x6C10))
    with pytest.raises(ChannelError):
        channel.send_and_receive(bytes.fromhex("00A4080402433100"))
    assert len(air.sent) == sent + 1


def test_a_reader_may_hand_over_an_answer_in_parts(tmp_path: Path) -> None:
    air = Air(tmp_path / "card")
    air.state.set_faults(Fault("61xx", when="after", times=None))
    assert len(log_in(air.channel())) == 96
    assert any(apdu[:2] == b"\x00\xc0" for apdu in air.sent)


def flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


ATTACKS: dict[str, Callable[[bytes], Answer]] = {
    "in clear": lambda _: (bytes.fromhex("62048102043F"), 0x9000),
    "6982 in clear": lambda _: (b"", 0x6982),
    "9000 in clear": lambda _: (b"", 0x9000),
    "no checksum": lambda data: (data[:-10], 0x9000),
    "a short checksum": lambda data: (data[:-9] + b"\x07" + data[-8:-1], 0x9000),
    "an empty checksum": lambda data: (data[:-9] + b"\x00", 0x9000),
    "only the checksum": lambda data: (data[-10:], 0x9000),
    "no data": lambda data: (data[-14:], 0x9000),
    "twice": lambda data: (data + data, 0x9000),
    "more after it": lambda data: (data + b"\x99\x02\x90\x00", 0x9000),
    "another object": lambda data: (b"\x81\x01\x00" + data, 0x9000),
    "another order": lambda data: (data[-14:-10] + data[:-14] + data[-10:], 0x9000),
    "another status": lambda data: (flipped(data, -11), 0x9000),
    "another padding indicator": lambda data: (flipped(data, 2), 0x9000),
    "another tag": lambda data: (b"\x85" + data[1:], 0x9000),
    "not encoded": lambda _: (b"\x1f\xff\xff\xff\x01", 0x9000),
    "endless": lambda data: (data, 0x61FF),
}


def test_an_attack_on_an_answer_ends_the_channel(tmp_path: Path) -> None:
    file = bytes.fromhex("00A40804024331") + b"\x00"
    for attack in ATTACKS.values():
        air = Air(tmp_path / "card")
        channel = air.channel()
        FineidCard(channel)
        air.attack = Altered(attack)
        with pytest.raises(ChannelError):
            channel.send_and_receive(file)
        assert_ended(air, channel)
        air.close()


def test_each_bit_of_an_answer_counts(tmp_path: Path) -> None:
    file = bytes.fromhex("00A40804024331") + b"\x00"
    air = Air(tmp_path / "card")
    channel = air.channel()
    FineidCard(channel)
    before = copy.copy(channel)
    air.attack = keep = Keep()
    assert channel.send_and_receive(file)[1] == 0x9000
    data, _ = keep.answer
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        air.attack = always(bytes(changed))
        with pytest.raises(ChannelError):
            copy.copy(before).send_and_receive(file)


def test_the_status_word_in_clear_is_not_believed(tmp_path: Path) -> None:
    """It may say that a PIN is right. What the checksum covers says that it is not."""
    air = Air(tmp_path / "card")
    card = FineidCard(air.channel())
    air.attack = lambda _, __, answer: (answer[0], 0x9000)
    with pytest.raises(WrongPinError):
        card.verify_pin(PinRole.PIN1, bytearray(b"4321"))


def test_an_answer_of_before_is_not_taken_again(tmp_path: Path) -> None:
    """A card that refuses a PIN can't be made to say that it took one."""
    air = Air(tmp_path / "card")
    channel = air.channel()
    card = FineidCard(channel)
    air.attack = keep = Keep()
    card.verify_pin(PinRole.PIN1, bytearray(PIN))
    air.attack = always(keep.answer[0])
    with pytest.raises(ChannelError):
        card.verify_pin(PinRole.PIN1, bytearray(b"4321"))
    assert_ended(air, channel)
