# SPDX-License-Identifier: MIT
"""Commands follow ISO/IEC 7816-4, and a PIN is sent at most once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native_host.card.apdu import (
    INS_READ_BINARY,
    PIN_INSTRUCTIONS,
    Command,
    CommandChannel,
    tries_in,
)
from native_host.card.errors import CardError
from tests.card.scripted import Script

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
    ("command", "apdu"),
    [
        (Command(0x20, 0x00, 0x11), "00200011"),
        (Command(0xB0, 0x01, 0x6A, le=256), "00B0016A00"),
        (Command(0x2A, 0x9E, 0x9A, le=96), "002A9E9A60"),
        (Command(0xA4, 0x04, 0x0C, b"\x01\x02"), "00A4040C020102"),
        (Command(0xA4, 0x08, 0x04, b"\x43\x31", le=256), "00A4080402433100"),
        (Command(0xCB, 0x00, 0xFF, bytes(255), cla=0x80), "80CB00FFFF" + "00" * 255),
    ],
)
def test_the_four_cases_of_a_command(command: Command, apdu: str) -> None:
    assert command.encode().hex().upper() == apdu


def test_an_answer_in_pieces_is_put_together() -> None:
    script = Script(
        ("00B0000000", "01026103"),
        ("00C0000003", "03046C01"),
        ("00C0000001", "056102"),
        ("00C0000002", "06079000"),
    )
    data, status = CommandChannel(script).exchange(Command(0xB0, 0, 0, le=256))
    # Data before 6Cxx is not a response.
    assert (data.hex(), status) == ("01020506" + "07", 0x9000)


def test_an_answer_has_an_end_and_is_not_too_long() -> None:
    for piece, said in ((256, "longer than 4096 bytes"), (1, "has no end")):
        more = "AB" * piece + "6100"
        script = Script(("00B0000000", more), *[("00C0000000", more)] * 64)
        with pytest.raises(CardError, match=said):
            CommandChannel(script).exchange(Command(0xB0, 0, 0, le=256))


@pytest.mark.parametrize("instruction", sorted(PIN_INSTRUCTIONS | {0x2A}))
def test_a_wrong_length_never_repeats_a_pin_or_a_signature(instruction: int) -> None:
    card = Recorded([(b"", 0x6C10)])
    _, status = CommandChannel(card).exchange(Command(instruction, 0, 0x11, le=4))
    assert (len(card.sent), status) == (1, 0x6C10)


def test_what_carried_a_pin_is_wiped_even_when_the_card_goes() -> None:
    apdu = bytearray.fromhex("002000110431323334")
    script = Script(("002000110431323334", CardError("gone")))
    with pytest.raises(CardError, match="gone"):
        CommandChannel(script).send_secret(apdu)
    assert apdu == bytes(9)


def test_tries_are_read_from_their_status_alone() -> None:
    assert [tries_in(status) for status in (0x63C0, 0x63CF, 0x6300, 0x9000)] == [
        0,
        15,
        None,
        None,
    ]


@given(
    st.lists(st.tuples(st.binary(max_size=300), STATUS), min_size=1, max_size=8),
    st.sampled_from(sorted(PIN_INSTRUCTIONS | {0x2A, 0xA4, INS_READ_BINARY, 0xCB})),
)
def test_any_answers_end_in_an_answer_or_a_card_error(
    answers: list[tuple[bytes, int]], instruction: int
) -> None:
    card = Recorded(answers)
    try:
        data, status = CommandChannel(card).exchange(Command(instruction, 0, 0, le=1))
    except CardError:
        pass
    else:
        assert len(data) <= 4096
        assert status >> 8 != 0x61
    assert len(card.sent) <= 2 * 66
    if instruction in PIN_INSTRUCTIONS:
        assert [apdu[1] for apdu in card.sent].count(instruction) == 1
