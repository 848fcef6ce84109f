# SPDX-License-Identifier: MIT
"""PIN entry on the reader: the structure it receives and the responses it may give.

The fields and their order follow PC/SC part 10 v2.02.09, §2.5.2 and §2.5.3.
"""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native_host.card.errors import (
    CardError,
    CardMuteError,
    CardNotActivatedError,
    CardRemovedError,
    PinBlockedError,
    PinNotEnteredError,
    WrongPinError,
    WrongPukError,
)
from native_host.card.fineid import FineidCard, PinRole
from native_host.card.pin_pad import (
    PinPad,
    modify_structure,
    parse_features,
    pin_pad_of,
    verify_structure,
)
from native_host.errors import InvalidArgumentError
from native_host.log import TRAFFIC
from tests.card.scripted import PIN2_INFO, PIN_INFO, SELECT, Script, pin_information

FEATURE_REQUEST = 0x42000D48
VERIFY, MODIFY = 0x42330006, 0x42330007
FEATURES = "0604423300060704423300070A044233000A"

VERIFY_PIN1 = "002000110C" + "00" * 12
VERIFY_PIN2 = "002000820C" + "00" * 12
CHANGE_PIN1 = "0024001118" + "00" * 24
CHANGE_PIN2 = "0024008218" + "00" * 24
UNBLOCK_PIN1 = "002C001118" + "00" * 24
PUK_INFO = "00CB00FF05A003830183"


class ScriptedReader:
    """A reader with a PIN pad that expects exactly the script."""

    def __init__(self, *exchanges: tuple[int, str, str | Exception]) -> None:
        self.exchanges = [(FEATURE_REQUEST, "", FEATURES), *exchanges]

    def control(self, code: int, data: bytes) -> bytes:
        expected_code, expected, answer = self.exchanges.pop(0)
        assert (code, data.hex().upper()) == (expected_code, expected)
        if isinstance(answer, Exception):
            raise answer
        return bytes.fromhex(answer)

    def pin_pad(self) -> PinPad:
        pin_pad = pin_pad_of(self.control, FEATURE_REQUEST)
        assert pin_pad
        return pin_pad


def fields(structure: bytes, *sizes: int) -> list[int]:
    """Split a structure into little-endian numbers of these sizes, and the rest."""
    numbers = []
    for size in sizes:
        numbers.append(int.from_bytes(structure[:size], "little"))
        structure = structure[size:]
    assert structure == b""
    return numbers


def test_a_verification_is_described_field_by_field() -> None:
    template = bytes.fromhex(VERIFY_PIN1)
    structure = verify_structure(template, min_digits=4, max_digits=12)
    assert structure.endswith(template)
    assert fields(structure[:-17], *[1] * 5, 2, 1, 1, 2, 1, 3, 4) == [
        90,  # bTimerOut, seconds
        90,  # bTimerOut2, from the first key
        0b1_0000_0_10,  # bmFormatString: bytes, at position 0, to the left, ASCII
        0x0C,  # bmPINBlockString: no length of the PIN, a block of 12 bytes
        0x00,  # bmPINLengthFormat
        0x040C,  # wPINMaxExtraDigit: 4 to 12 digits
        0x02,  # bEntryValidationCondition: the key OK
        0x01,  # bNumberMessage
        0x0409,  # wLangId
        0x00,  # bMsgIndex
        0x000000,  # bTeoPrologue
        17,  # ulDataLength
    ]


def test_a_change_is_described_field_by_field() -> None:
    template = bytes.fromhex(CHANGE_PIN1)
    structure = modify_structure(template, min_digits=4, max_digits=8)
    assert structure.endswith(template)
    sizes = [*[1] * 7, 2, 1, 1, 1, 2, 1, 1, 1, 3, 4]
    assert fields(structure[:-29], *sizes) == [
        90,  # bTimerOut
        90,  # bTimerOut2
        0b1_0000_0_10,  # bmFormatString
        0x0C,  # bmPINBlockString
        0x00,  # bmPINLengthFormat
        0,  # bInsertionOffsetOld
        12,  # bInsertionOffsetNew
        0x0408,  # wPINMaxExtraDigit
        0b11,  # bConfirmPIN: ask for the current one, and for the new one twice
        0x02,  # bEntryValidationCondition
        0x03,  # bNumberMessage
        0x0409,  # wLangId
        0,  # bMsgIndex1
        1,  # bMsgIndex2
        2,  # bMsgIndex3
        0x000000,  # bTeoPrologue
        29,  # ulDataLength
    ]


VERIFY_STRUCTURE_PIN1 = "5A5A820C000C04020109040000000011000000" + VERIFY_PIN1
VERIFY_STRUCTURE_PIN2 = "5A5A820C000C06020109040000000011000000" + VERIFY_PIN2
MODIFY_STRUCTURE_PIN1 = "5A5A820C00000C080403020309040001020000001D000000"
MODIFY_STRUCTURE_PIN2 = "5A5A820C00000C080603020309040001020000001D000000"
MODIFY_STRUCTURE_PUK = "5A5A820C00000C080803020309040001020000001D000000"


def card_with(
    reader: ScriptedReader, role: PinRole = PinRole.PIN1, *, tries: int = 5
) -> tuple[FineidCard, Script]:
    question = PIN_INFO if role is PinRole.PIN1 else PIN2_INFO
    ref = f"{role.value:02X}"
    script = Script((SELECT, "9000"), (question, pin_information(tries=tries, ref=ref)))
    script.pin_pad = reader.pin_pad()
    card = FineidCard(script)
    assert card.has_pin_pad
    assert card.pin_info(role).tries_left == tries
    return card, script


@pytest.mark.parametrize(
    ("role", "structure"),
    [
        (PinRole.PIN1, VERIFY_STRUCTURE_PIN1),
        (PinRole.PIN2, VERIFY_STRUCTURE_PIN2),
    ],
)
def test_a_pin_is_verified_by_the_reader_alone(role: PinRole, structure: str) -> None:
    reader = ScriptedReader((VERIFY, structure, "9000"))
    card, script = card_with(reader, role)
    card.verify_pin(role, None)
    assert not reader.exchanges
    script.assert_done()


@pytest.mark.parametrize(
    ("role", "structure"),
    [
        (PinRole.PIN1, MODIFY_STRUCTURE_PIN1 + CHANGE_PIN1),
        (PinRole.PIN2, MODIFY_STRUCTURE_PIN2 + CHANGE_PIN2),
    ],
)
def test_a_pin_is_changed_by_the_reader_alone(role: PinRole, structure: str) -> None:
    reader = ScriptedReader((MODIFY, structure, "9000"), (MODIFY, structure, "63C4"))
    card, script = card_with(reader, role)
    assert card.can_modify_on_pad
    script.add(*script.exchanges[1:])
    card.change_pin(role, None, None)
    with pytest.raises(WrongPinError) as caught:
        card.change_pin(role, None, None)
    assert caught.value.tries_left == 4
    assert not reader.exchanges
    script.assert_done()


def test_a_puk_typed_on_the_reader_has_its_eight_digits() -> None:
    """Other lengths are not sent.

    The reader then wants a new PIN of eight digits too.
    """
    structure = MODIFY_STRUCTURE_PUK + UNBLOCK_PIN1
    reader = ScriptedReader((MODIFY, structure, "63C2"), (MODIFY, structure, "6403"))
    card, script = card_with(reader)
    script.add(*[(PUK_INFO, pin_information(ref="83"))] * 2)
    with pytest.raises(WrongPukError) as caught:
        card.unblock_pin(PinRole.PIN1, None, None)
    assert caught.value.tries_left == 2
    with pytest.raises(PinNotEnteredError, match="length"):
        card.unblock_pin(PinRole.PIN1, None, None)
    assert not reader.exchanges
    script.assert_done()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("6400", "timed-out"),
        ("6401", "cancelled"),
        ("6402", "different"),
        ("6403", "length"),
    ],
)
def test_a_pin_that_was_not_typed_costs_no_try_and_may_be_typed_again(
    answer: str, why: str
) -> None:
    reader = ScriptedReader(
        (VERIFY, VERIFY_STRUCTURE_PIN1, answer), (VERIFY, VERIFY_STRUCTURE_PIN1, "9000")
    )
    card, script = card_with(reader)
    with pytest.raises(PinNotEnteredError) as caught:
        card.verify_pin(PinRole.PIN1, None)
    assert caught.value.why == why
    # The card received no command meanwhile.
    card.verify_pin(PinRole.PIN1, None)
    script.assert_done()


def test_the_same_answers_to_a_pin_from_the_computer_are_errors_of_the_card() -> None:
    script = Script(
        (SELECT, "9000"),
        (PIN_INFO, pin_information()),
        ("002000110C313233340000000000000000", "6401"),
    )
    with pytest.raises(CardError) as caught:
        FineidCard(script).verify_pin(PinRole.PIN1, bytearray(b"1234"))
    assert type(caught.value) is CardError


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("63C4", WrongPinError),
        ("6300", WrongPinError),
        ("63C0", PinBlockedError),
        ("6983", PinBlockedError),
        ("6984", CardNotActivatedError),
        ("6B80", CardError),
        ("6700", CardError),
        ("", CardMuteError),
        ("90", CardMuteError),
        (CardRemovedError("gone"), CardRemovedError),
    ],
)
def test_a_pin_that_the_card_refused_is_said_and_the_reader_asked_once(
    answer: str | Exception, error: type[CardError]
) -> None:
    reader = ScriptedReader((VERIFY, VERIFY_STRUCTURE_PIN1, answer))
    card, script = card_with(reader)
    with pytest.raises(error) as caught:
        card.verify_pin(PinRole.PIN1, None)
    assert type(caught.value) is error
    assert not reader.exchanges
    script.assert_done()


def test_without_a_pin_pad_there_is_nothing_to_type_on() -> None:
    script = Script((SELECT, "9000"))
    card = FineidCard(script)
    assert not card.has_pin_pad
    with pytest.raises(InvalidArgumentError):
        card.verify_pin(PinRole.PIN1, None)
    script.assert_done()


def answering(answer: bytes | Exception) -> Callable[[int, bytes], bytes]:
    def control(code: int, data: bytes) -> bytes:
        assert (code, data) == (FEATURE_REQUEST, b"")
        if isinstance(answer, Exception):
            raise answer
        return answer

    return control


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        CardError("not supported"),
        bytes.fromhex("0A0442330010"),
        bytes.fromhex("070442330007"),
        bytes.fromhex("06024233"),
        bytes.fromhex("0604423300"),
        b"\xff" * 300,
    ],
)
def test_a_reader_that_can_not_verify_has_no_pin_pad(
    answer: bytes | Exception,
) -> None:
    assert pin_pad_of(answering(answer), FEATURE_REQUEST) is None


def test_a_reader_may_verify_and_not_change() -> None:
    pin_pad = pin_pad_of(answering(bytes.fromhex("060442330006")), FEATURE_REQUEST)
    assert pin_pad
    assert not pin_pad.can_modify
    script = Script((SELECT, "9000"))
    script.pin_pad = pin_pad
    card = FineidCard(script)
    assert not card.can_modify_on_pad
    for set_pin in (card.change_pin, card.unblock_pin):
        with pytest.raises(InvalidArgumentError, match="pad"):
            set_pin(PinRole.PIN1, None, None)
    script.assert_done()


@given(st.binary(max_size=100))
def test_any_answer_to_the_request_for_features_ends(answer: bytes) -> None:
    assert len(parse_features(answer)) <= len(answer) // 6


def test_a_trace_of_the_pin_pad_holds_the_header_and_the_status_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reader = ScriptedReader((VERIFY, VERIFY_STRUCTURE_PIN1, "313233349000"))
    card, _ = card_with(reader)
    with caplog.at_level(TRAFFIC):
        caplog.clear()
        card.verify_pin(PinRole.PIN1, None)
    assert [record.getMessage() for record in caplog.records] == [
        "> 00200011 on the pin pad",
        "< 9000",
    ]
