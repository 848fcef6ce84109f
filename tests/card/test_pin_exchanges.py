# SPDX-License-Identifier: MIT
"""PINs set with a code or the PUK: every byte, and what must never be sent.

See docs/reference/card.md, "Commands" and "Activation schemes".
"""

import logging
from functools import partial

import pytest

from native_host.card.errors import (
    CardError,
    CardNotActivatedError,
    CardRemovedError,
    NewPinRefusedError,
    PinBlockedError,
    PinTriesUnreadableError,
    PukBlockedError,
    WrongPinError,
    WrongPukError,
)
from native_host.card.fineid import FineidCard, PinRole
from native_host.card.tlv import TlvError
from native_host.errors import InvalidArgumentError
from native_host.log import TRAFFIC
from tests.card.scripted import (
    PIN2_INFO,
    PIN_INFO,
    SELECT,
    SELECT_SIGNATURE,
    SIGNATURE,
    Script,
    control_parameters,
    file_exchanges,
    pin_information,
)

PUK_INFO = "00CB00FF05A003830183"

# The code in the letter 1234567, 12345678; PIN1 2580, PIN2 147258.
CODE_7 = "31323334353637 0000000000"
CODE_8 = "3132333435363738 00000000"
PIN1 = "32353830 0000000000000000"
PIN2 = "313437323538 000000000000"

FUNCTIONS = {"change": FineidCard.change_pin, "unblock": FineidCard.unblock_pin}


def activating(
    scheme: str, role: PinRole, answer: str | Exception, *, tries: int = 5
) -> tuple[Script, "partial[None]"]:
    """Return a card that receives the letter's code, and the function that sends it."""
    code, new = (CODE_8, PIN1) if scheme == "unblock" else (CODE_7, PIN1)
    typed, chosen = code, "2580"
    if role is PinRole.PIN2:
        new, chosen = PIN2, "147258"
    ref = f"{role.value:02X}"
    at_stake = "83" if scheme == "unblock" else ref
    ins = "2C" if scheme == "unblock" else "24"
    script = Script(
        (SELECT, "9000"),
        (
            f"00CB00FF05A0038301{at_stake}",
            pin_information(tries=tries, changed="00", ref=at_stake),
        ),
    )
    if tries:
        script.add((f"00{ins}00{ref}18 {typed} {new}", answer))
    digits = b"12345678" if scheme == "unblock" else b"1234567"
    send = partial(
        FUNCTIONS[scheme],
        FineidCard(script),
        role,
        bytearray(digits),
        bytearray(chosen.encode()),
    )
    return script, send


@pytest.mark.parametrize("role", [PinRole.PIN1, PinRole.PIN2])
@pytest.mark.parametrize("scheme", FUNCTIONS)
def test_a_pin_is_set_by_the_code_in_the_letter(scheme: str, role: PinRole) -> None:
    script, send = activating(scheme, role, "9000")
    send()
    script.assert_done()


def test_the_bytes_of_both_schemes_as_they_stand() -> None:
    """The same exchanges as literals, without computed parts."""
    script = Script(
        (SELECT, "9000"),
        (PIN_INFO, pin_information(changed="00")),
        ("0024001118313233343536370000000000323538300000000000000000", "9000"),
        (PIN2_INFO, pin_information(changed="00", ref="82")),
        ("0024008218313233343536370000000000313437323538000000000000", "9000"),
        (PUK_INFO, pin_information(ref="83")),
        ("002C001118313233343536373800000000323538300000000000000000", "9000"),
        (PUK_INFO, pin_information(ref="83")),
        ("002C008218313233343536373800000000313437323538000000000000", "9000"),
    )
    card = FineidCard(script)
    pins = {PinRole.PIN1: b"2580", PinRole.PIN2: b"147258"}
    for role, pin in pins.items():
        card.change_pin(role, bytearray(b"1234567"), bytearray(pin))
    for role, pin in pins.items():
        card.unblock_pin(role, bytearray(b"12345678"), bytearray(pin))
    script.assert_done()


def test_the_longest_codes_fill_their_fields() -> None:
    script = Script(
        (SELECT, "9000"),
        (PIN_INFO, pin_information()),
        ("0024001118" + "31" * 12 + "32" * 8 + "00" * 4, "9000"),
        (PUK_INFO, pin_information(ref="83")),
        ("002C008218" + "31" * 12 + "32" * 8 + "00" * 4, "9000"),
    )
    card = FineidCard(script)
    card.change_pin(PinRole.PIN1, bytearray(b"1" * 12), bytearray(b"2" * 8))
    card.unblock_pin(PinRole.PIN2, bytearray(b"1" * 12), bytearray(b"2" * 8))
    script.assert_done()


@pytest.mark.parametrize(
    ("answer", "change", "unblock"),
    [
        ("63C4", WrongPinError, WrongPukError),
        ("63C1", WrongPinError, WrongPukError),
        ("6300", WrongPinError, WrongPukError),
        ("63C0", PinBlockedError, PukBlockedError),
        ("6983", PinBlockedError, PukBlockedError),
        ("6984", CardNotActivatedError, CardError),
        ("6A80", NewPinRefusedError, NewPinRefusedError),
        ("6F00", CardError, CardError),
        ("6C0C", CardError, CardError),
        ("6110", CardError, CardError),
        ("6700", CardError, CardError),
    ],
)
@pytest.mark.parametrize("scheme", FUNCTIONS)
def test_a_refused_code_is_said_and_nothing_more_is_sent(
    scheme: str, answer: str, change: type[CardError], unblock: type[CardError]
) -> None:
    script, send = activating(scheme, PinRole.PIN1, answer)
    expected = change if scheme == "change" else unblock
    with pytest.raises(expected) as caught:
        send()
    assert type(caught.value) is expected
    if isinstance(caught.value, WrongPinError | WrongPukError):
        left = {"63C4": 4, "63C1": 1, "6300": 4}[answer]
        assert caught.value.tries_left == left
    script.assert_done()


@pytest.mark.parametrize("scheme", FUNCTIONS)
def test_a_command_that_got_no_answer_is_not_sent_again(scheme: str) -> None:
    script, send = activating(scheme, PinRole.PIN1, CardRemovedError("pulled out"))
    with pytest.raises(CardRemovedError):
        send()
    script.assert_done()


@pytest.mark.parametrize("scheme", FUNCTIONS)
def test_nothing_is_sent_without_a_try_left(scheme: str) -> None:
    script, send = activating(scheme, PinRole.PIN1, "", tries=0)
    with pytest.raises(PukBlockedError if scheme == "unblock" else PinBlockedError):
        send()
    script.assert_done()


@pytest.mark.parametrize("scheme", FUNCTIONS)
def test_a_reading_of_the_tries_just_before_is_enough(scheme: str) -> None:
    script, send = activating(scheme, PinRole.PIN1, "9000")
    send.args[0].pin_info(PinRole.PUK if scheme == "unblock" else PinRole.PIN1)
    send()
    script.assert_done()


@pytest.mark.parametrize("scheme", FUNCTIONS)
def test_the_tries_are_read_anew_each_time(scheme: str) -> None:
    script, send = activating(scheme, PinRole.PIN1, "63C4")
    with pytest.raises((WrongPinError, WrongPukError)):
        send()
    script.add(*script.exchanges[1:])
    with pytest.raises((WrongPinError, WrongPukError)):
        send()
    script.assert_done()


def test_a_puk_whose_tries_are_unreadable_is_not_sent() -> None:
    script = Script((SELECT, "9000"), (PUK_INFO, "6A88"))
    with pytest.raises(PinTriesUnreadableError):
        FineidCard(script).unblock_pin(
            PinRole.PIN1, bytearray(b"12345678"), bytearray(b"2580")
        )
    script.assert_done()


@pytest.mark.parametrize(
    ("scheme", "role", "code", "new"),
    [
        ("change", PinRole.PIN1, b"123", b"2580"),
        ("change", PinRole.PIN1, b"1" * 13, b"2580"),
        ("change", PinRole.PIN1, b"12a4", b"2580"),
        ("change", PinRole.PIN1, b"1234", b""),
        ("change", PinRole.PIN1, b"1234", b"258"),
        ("change", PinRole.PIN1, b"1234", b"2" * 9),
        ("change", PinRole.PIN1, b"1234", b"25 80"),
        ("change", PinRole.PIN2, b"12345", b"147258"),
        ("change", PinRole.PIN2, b"123456", b"14725"),
        ("change", PinRole.PIN2, b"123456", b"2" * 9),
        ("change", PinRole.PUK, b"12345678", b"12345678"),
        ("unblock", PinRole.PIN1, b"1234567", b"2580"),
        ("unblock", PinRole.PIN1, b"1" * 13, b"2580"),
        ("unblock", PinRole.PIN1, b"1234567a", b"2580"),
        ("unblock", PinRole.PIN1, b"12345678", b"258"),
        ("unblock", PinRole.PIN1, b"12345678", b"2" * 9),
        ("unblock", PinRole.PIN2, b"12345678", b"14725"),
        ("unblock", PinRole.PUK, b"12345678", b"12345678"),
    ],
)
def test_what_can_not_be_right_is_never_sent(
    scheme: str, role: PinRole, code: bytes, new: bytes
) -> None:
    script = Script((SELECT, "9000"))
    card = FineidCard(script)
    with pytest.raises(InvalidArgumentError) as caught:
        FUNCTIONS[scheme](card, role, bytearray(code), bytearray(new))
    assert code.decode() not in str(caught.value)
    script.assert_done()


@pytest.mark.parametrize("scheme", FUNCTIONS)
def test_one_code_alone_is_for_nobody(scheme: str) -> None:
    script = Script((SELECT, "9000"))
    card = FineidCard(script)
    digits = bytearray(b"12345678")
    for code, new in ((digits, None), (None, digits), (None, None)):
        with pytest.raises(InvalidArgumentError):
            FUNCTIONS[scheme](card, PinRole.PIN1, code, new)
    script.assert_done()


def test_pin2_is_set_in_the_application() -> None:
    """Reading a certificate may have selected a file outside the application."""
    script = Script((SELECT, "9000"), (SELECT_SIGNATURE, control_parameters(0)))
    card = FineidCard(script)
    with pytest.raises(CardError):
        card.certificate(SIGNATURE)
    script.add(
        (SELECT, "9000"),
        (PIN2_INFO, pin_information(ref="82")),
        (f"0024008218 {PIN2} {PIN2}", "9000"),
    )
    card.change_pin(PinRole.PIN2, bytearray(b"147258"), bytearray(b"147258"))
    script.assert_done()


@pytest.mark.parametrize("scheme", FUNCTIONS)
def test_a_trace_holds_no_code(scheme: str, caplog: pytest.LogCaptureFixture) -> None:
    _, send = activating(scheme, PinRole.PIN1, "9000")
    with caplog.at_level(TRAFFIC, logging.getLogger("native_host").name):
        send()
    ins = "2C" if scheme == "unblock" else "24"
    assert f"> 00{ins}0011 [25 bytes]" in caplog.text
    for digits in ("31323334", "1234", "2580", "32353830"):
        assert digits not in caplog.text


# -- The serial number ----------------------------------------------------------------

TOKEN_INFO_V5 = bytes.fromhex("3012 020100 0409 464931323334353637 0C02 4D65")
SELECT_TOKEN_INFO = "00A4080402503200"


def test_the_serial_number_is_read_anew_each_time() -> None:
    other = TOKEN_INFO_V5.replace(b"FI", b"SE")
    script = Script((SELECT, "9000"))
    card = FineidCard(script)
    for content in (TOKEN_INFO_V5, other):
        script.add(
            (SELECT_TOKEN_INFO, control_parameters(len(content))),
            *file_exchanges(content),
        )
        assert card.serial() == content[7:16]
        script.assert_done()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", TlvError),
        (b"\x30\x03\x02\x01\x00", TlvError),
        (b"\x30\x05\x02\x01\x00\x04\x00", TlvError),
        (b"\x31\x06\x02\x01\x00\x04\x01A", TlvError),
        (b"\x00" * 20, TlvError),
        (None, CardError),
    ],
)
def test_a_card_without_a_serial_number_is_refused(
    content: bytes | None, error: type[CardError]
) -> None:
    script = Script((SELECT, "9000"))
    card = FineidCard(script)
    if content is None:
        script.add((SELECT_TOKEN_INFO, "6A82"))
    else:
        script.add(
            (SELECT_TOKEN_INFO, control_parameters(len(content))),
            *file_exchanges(content),
        )
    with pytest.raises(error):
        card.serial()
    script.assert_done()
