# SPDX-License-Identifier: MIT
"""PIN entry on the reader: the structure it receives and the responses it may give.

The fields and their order follow PC/SC part 10 v2.02.09, §2.5.2 and §2.5.3.
"""

from functools import partial
from unittest import mock

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
    PadUse,
    PinPad,
    parse_features,
    pin_pad_of,
)
from native_host.errors import InvalidArgumentError
from native_host.platform.log import TRAFFIC
from tests.card.scripted import SELECTED, VERIFY_1234, Script, information

FEATURE_REQUEST = 0x42000D48
VERIFY, MODIFY = 0x42330006, 0x42330007
FEATURES = "0604423300060704423300070A044233000A"

PIN1, PIN2, PUK = PinRole.PIN1, PinRole.PIN2, PinRole.PUK


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


def verification(shortest: str, header: str) -> str:
    """Return PIN_VERIFY, whose numbers are little-endian."""
    template = header + "00" * 12
    return (
        "5A5A"  # bTimerOut, seconds, and bTimerOut2, from the first key
        "82"  # bmFormatString: bytes, at position 0, to the left, ASCII
        "0C"  # bmPINBlockString: no length of the PIN, a block of 12 bytes
        "00"  # bmPINLengthFormat
        f"0C{shortest}"  # wPINMaxExtraDigit: so many to 12 digits
        "02"  # bEntryValidationCondition: the key OK
        "01"  # bNumberMessage
        "0904"  # wLangId
        "00"  # bMsgIndex
        "000000"  # bTeoPrologue
        f"11000000{template}"  # ulDataLength and abData
    )


def modification(shortest: str, header: str) -> str:
    """Return PIN_MODIFY."""
    template = header + "00" * 24
    return (
        "5A5A820C00"  # as above
        "000C"  # bInsertionOffsetOld and bInsertionOffsetNew
        f"08{shortest}"  # wPINMaxExtraDigit: so many to 8 digits
        "03"  # bConfirmPIN: ask for the current one, and for the new one twice
        "02"  # bEntryValidationCondition
        "03"  # bNumberMessage
        "0904"  # wLangId
        "000102"  # bMsgIndex1 to bMsgIndex3
        "000000"  # bTeoPrologue
        f"1D000000{template}"  # ulDataLength and abData
    )


COMMANDS = {
    ("verify", PIN1): (VERIFY, verification("04", "002000110C")),
    ("verify", PIN2): (VERIFY, verification("06", "002000820C")),
    ("change", PIN1): (MODIFY, modification("04", "0024001118")),
    ("change", PIN2): (MODIFY, modification("06", "0024008218")),
    # A PUK has eight digits; other lengths are not sent. The reader then wants a new
    # PIN of eight digits too.
    ("unblock", PIN1): (MODIFY, modification("08", "002C001118")),
}


def typing(
    *answers: str | Exception, command: str = "verify", role: PinRole = PIN1
) -> tuple[Script, "partial[None]"]:
    """Return a card whose reader answers so, and what has a PIN typed on it."""
    script = Script(SELECTED, information(PUK if command == "unblock" else role))
    if command != "verify":
        script.exchanges += script.exchanges[1:] * (len(answers) - 1)
    exchanges = [(*COMMANDS[command, role], answer) for answer in answers]
    script.pin_pad = ScriptedReader(*exchanges).pin_pad()
    card = FineidCard(script)
    assert card.has_pin_pad
    assert card.can_modify_on_pad
    codes = [None] if command == "verify" else [None, None]
    return script, partial(getattr(card, f"{command}_pin"), role, *codes)


def card_of(send: "partial[None]") -> FineidCard:
    card: FineidCard = send.func.__self__  # type: ignore[attr-defined] # a method
    return card


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader answers after the time in which nobody can have typed."""
    monkeypatch.setattr("native_host.card.pin_pad._AT_ONCE", 0)


@pytest.mark.parametrize(("command", "role"), COMMANDS)
def test_a_pin_is_typed_on_the_reader_alone(command: str, role: PinRole) -> None:
    script, send = typing("9000", "63C4", "6403", command=command, role=role)
    send()
    with pytest.raises((WrongPinError, WrongPukError), match="4 tries"):
        send()
    with pytest.raises(PinNotEnteredError, match="length"):
        send()
    script.assert_done()


@pytest.mark.usefixtures("later")
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
    script, send = typing(answer, "9000")
    with pytest.raises(PinNotEnteredError) as caught:
        send()
    assert caught.value.why == why
    send()  # the card received no command meanwhile
    script.assert_done()


def test_the_same_answers_to_a_pin_from_the_computer_are_errors_of_the_card() -> None:
    script = Script(SELECTED, information(), (VERIFY_1234, "6401"))
    with pytest.raises(CardError) as caught:
        FineidCard(script).verify_pin(PIN1, bytearray(b"1234"))
    assert type(caught.value) is CardError


@pytest.mark.usefixtures("later")
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
        (CardMuteError("failed"), CardMuteError),
        (CardRemovedError("gone"), CardRemovedError),
    ],
)
def test_a_pin_that_the_card_refused_is_said_and_the_reader_asked_once(
    answer: str | Exception, error: type[CardError]
) -> None:
    script, send = typing(answer)
    with pytest.raises(error) as caught:
        send()
    assert type(caught.value) is error
    script.assert_done()


REFUSALS = ["6400", "6B80", "", "90", CardMuteError("failed")]


@pytest.mark.parametrize("answer", REFUSALS)
@pytest.mark.parametrize("command", ["verify", "change", "unblock"])
def test_a_pin_pad_that_the_reader_refuses_at_once_is_left_unused(
    command: str, answer: str | Exception
) -> None:
    script, send = typing(answer, command=command)
    at_stake = PUK if command == "unblock" else PIN1
    script.exchanges += [SELECTED, information(at_stake)]  # no try is gone
    with pytest.raises(PinNotEnteredError) as caught:
        send()
    assert caught.value.why == "refused"
    script.assert_done()
    card = card_of(send)
    # A reader may have a PIN pad that knows no other command than VERIFY.
    assert card.has_pin_pad is (command != "verify")
    assert not card.can_modify_on_pad
    assert card.leaves_pad_unused(PadUse.VERIFY) is (command == "verify")
    assert card.leaves_pad_unused(PadUse.MODIFY)
    with pytest.raises(InvalidArgumentError, match="pad"):
        send()


@pytest.mark.parametrize(
    ("found", "error"),
    [
        (information(tries=4)[1], WrongPinError),
        (information(tries=0)[1], PinBlockedError),
        (CardRemovedError("gone"), CardRemovedError),
        (CardMuteError("mute"), CardMuteError),
    ],
)
def test_a_refusal_is_none_if_the_card_counted_a_pin_or_is_gone(
    found: str | Exception, error: type[CardError]
) -> None:
    script, send = typing(CardMuteError("failed"))
    script.exchanges += [SELECTED, (information()[0], found)]
    with pytest.raises(error) as caught:
        send()
    assert type(caught.value) is error
    assert card_of(send).has_pin_pad


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
    control = mock.Mock(side_effect=[answer])
    assert pin_pad_of(control, FEATURE_REQUEST) is None
    control.assert_called_once_with(FEATURE_REQUEST, b"")


def test_a_reader_may_verify_and_not_change() -> None:
    script = Script(SELECTED)
    script.pin_pad = pin_pad_of(lambda *_: bytes.fromhex("060442330006"), 0)
    card = FineidCard(script)
    assert card.has_pin_pad
    assert not card.can_modify_on_pad
    for set_pin in (card.change_pin, card.unblock_pin):
        with pytest.raises(InvalidArgumentError, match="pad"):
            set_pin(PIN1, None, None)


@given(st.binary(max_size=100))
def test_any_answer_to_the_request_for_features_ends(answer: bytes) -> None:
    assert len(parse_features(answer)) <= len(answer) // 6


def test_a_trace_of_the_pin_pad_holds_the_header_and_the_status_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    _, send = typing("313233349000")
    with caplog.at_level(TRAFFIC):
        send()
    assert [record.getMessage() for record in caplog.records][-2:] == [
        "> 00200011 on the pin pad",
        "< 9000",
    ]
