# SPDX-License-Identifier: MIT
"""Answers have an end, a PIN is sent at most once, and no trace holds it."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kortilla.mock_card.apdu import is_tpdu
from native_host.card.apdu import (
    INS_READ_BINARY,
    PIN_INSTRUCTIONS,
    Command,
    CommandChannel,
    TracingConnection,
)
from native_host.card.errors import CardError, WrongPinError
from native_host.card.fineid import FineidCard, PinRole
from native_host.platform.log import TRAFFIC
from tests.card.scripted import (
    AUTHENTICATION,
    SELECT_AUTHENTICATION,
    SELECTED,
    V5,
    VERIFY_1234,
    Script,
    control_parameters,
    information,
    reading,
)

STATUS = st.integers(0, 0xFFFF) | st.sampled_from([0x9000, 0x6100, 0x61FF, 0x6C00])


class Recorded:
    """A card with prepared responses that records its commands."""

    def __init__(self, answers: list[tuple[bytes, int]]) -> None:
        self.answers = answers
        self.sent: list[bytes] = []

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        self.sent.append(apdu)
        return self.answers[len(self.sent) % len(self.answers)]


@pytest.mark.parametrize(
    ("command", "over_t0", "over_t1"),
    [
        (Command(0x20, 0x00, 0x11), "0020001100", "00200011"),
        (Command(0xB0, 0x01, 0x02, le=256), "00B0010200", "00B0010200"),
        (Command(0x2A, 0x9E, 0x9A, le=96), "002A9E9A60", "002A9E9A60"),
        (Command(0xA4, 4, 12, b"\xa0\x01"), "00A4040C02A001", "00A4040C02A001"),
        (Command(0xA4, 8, 4, b"\x43\x31", 256), "00A40804024331", "00A4080402433100"),
        (Command(0xCB, 0, 255, b"\xa0", 8), "00CB00FF01A0", "00CB00FF01A008"),
    ],
)
def test_t0_carries_data_in_one_direction_and_has_a_fifth_byte(
    command: Command, over_t0: str, over_t1: str
) -> None:
    assert command.encode(0).hex().upper() == over_t0
    assert command.encode(1).hex().upper() == over_t1


@given(
    st.binary(max_size=255), st.none() | st.integers(1, 256), st.sampled_from([0, 1])
)
def test_no_command_is_longer_than_what_every_reader_takes(
    data: bytes, le: int | None, protocol: int
) -> None:
    command = Command(0xA4, 0, 0, data, le).encode(protocol)
    assert len(command) <= 261  # readers without extended lengths (§12.1 of part 3)
    assert protocol == 1 or is_tpdu(command)


def test_an_answer_in_pieces_is_put_together() -> None:
    script = Script(
        ("00B0000000", "01026103"),
        ("00C0000003", "03046C01"),
        ("00C0000001", "056102"),
        ("00C0000002", "06079000"),
    )
    data, status = CommandChannel(script, 0).exchange(Command(0xB0, 0, 0, le=256))
    # Data before 6Cxx is not a response.
    assert (data.hex(), status) == ("01020506" + "07", 0x9000)


def test_an_answer_has_an_end_and_is_not_too_long() -> None:
    for piece, said in ((256, "longer than 4096 bytes"), (1, "has no end")):
        more = "AB" * piece + "6100"
        script = Script(("00B0000000", more), *[("00C0000000", more)] * 64)
        with pytest.raises(CardError, match=said):
            CommandChannel(script, 0).exchange(Command(0xB0, 0, 0, le=256))


@pytest.mark.parametrize("instruction", sorted(PIN_INSTRUCTIONS | {0x2A}))
def test_a_wrong_length_never_repeats_a_pin_or_a_signature(instruction: int) -> None:
    card = Recorded([(b"", 0x6C10)])
    _, status = CommandChannel(card, 0).exchange(Command(instruction, 0, 0x11, le=4))
    assert (len(card.sent), status) == (1, 0x6C10)


def test_what_carried_a_pin_is_wiped_even_when_the_card_goes() -> None:
    apdu = bytearray.fromhex("002000110431323334")
    script = Script(("002000110431323334", CardError("gone")))
    with pytest.raises(CardError, match="gone"):
        CommandChannel(script, 0).send_secret(apdu)
    assert apdu == bytes(9)


@given(
    st.lists(st.tuples(st.binary(max_size=300), STATUS), min_size=1, max_size=8),
    st.sampled_from(sorted(PIN_INSTRUCTIONS | {0x2A, 0xA4, INS_READ_BINARY, 0xCB})),
)
def test_any_answers_end_in_an_answer_or_a_card_error(
    answers: list[tuple[bytes, int]], instruction: int
) -> None:
    card = Recorded(answers)
    try:
        data, status = CommandChannel(card, 0).exchange(
            Command(instruction, 0, 0, le=1)
        )
    except CardError:
        pass
    else:
        assert len(data) <= 4096
        assert status >> 8 != 0x61
    assert len(card.sent) <= 2 * 66
    if instruction in PIN_INSTRUCTIONS:
        assert [apdu[1] for apdu in card.sent].count(instruction) == 1


# -- The trace ------------------------------------------------------------------------


class Echo:
    """A card that responds with the command."""

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        return apdu[4:], 0x9000


def test_a_whole_login_is_traced_without_pin_and_person(
    caplog: pytest.LogCaptureFixture,
) -> None:
    script = Script(
        SELECTED,
        (SELECT_AUTHENTICATION, control_parameters(len(V5))),
        ("00B0000000", "6100"),
        ("00C0000000", V5[:256].hex() + "9000"),
        *reading(V5, step=256)[1:],
        information(),
        (VERIFY_1234, "63C4"),
    )
    with caplog.at_level(TRAFFIC):
        card = FineidCard(script)
        card.certificate(AUTHENTICATION)
        card.pin_info(PinRole.PIN1)
        with pytest.raises(WrongPinError):
            card.verify_pin(PinRole.PIN1, bytearray(b"1234"))
    trace = caplog.text
    assert "> 00A4040C 0CA000000063504B43532D3135" in trace
    assert "< 62048102" in trace
    assert "> 00B00000 00" in trace
    assert "< [256 bytes] 9000" in trace
    assert "DF2104" in trace
    assert "> 00200011 [13 bytes]" in trace
    assert "< [0 bytes] 63C4" in trace
    assert "31323334" not in trace
    assert "1234" not in trace.replace("004B123460", "")
    assert V5[20:30].hex().upper() not in trace.upper()


@pytest.mark.parametrize("instruction", sorted(PIN_INSTRUCTIONS))
@pytest.mark.parametrize("cla", [0x00, 0x0C, 0x10, 0x80])
def test_commands_that_carry_a_pin_are_redacted_whatever_their_class(
    instruction: int, cla: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(TRAFFIC):
        apdu = bytes([cla, instruction, 0, 0x11, 4]) + b"7531"
        TracingConnection(Echo()).send_and_receive(apdu)
    assert "7531" not in caplog.text
    assert b"7531".hex() not in caplog.text


@given(st.binary(max_size=60))
def test_anything_can_be_traced(caplog: pytest.LogCaptureFixture, apdu: bytes) -> None:
    with caplog.at_level(TRAFFIC):
        assert TracingConnection(Echo()).send_and_receive(apdu) == (apdu[4:], 0x9000)


def test_nothing_is_traced_unless_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    assert TRAFFIC < logging.DEBUG
    with caplog.at_level(logging.DEBUG):
        TracingConnection(Echo()).send_and_receive(b"\x00\xb0\x00\x00\x00")
    assert not caplog.records
