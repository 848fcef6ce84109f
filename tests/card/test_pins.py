# SPDX-License-Identifier: MIT
"""Commands with PINs: every byte, and what must never be sent.

See docs/reference/card.md, "Commands" and "Activation schemes".
"""

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
from native_host.card.fineid import FineidCard, PinInfo, PinRole
from native_host.errors import InvalidArgumentError
from tests.card.scripted import (
    SELECT_SIGNATURE,
    SELECTED,
    SIGNATURE,
    VERIFY_1234,
    Script,
    control_parameters,
    information,
)

PIN1, PIN2, PUK = PinRole.PIN1, PinRole.PIN2, PinRole.PUK
INSTRUCTIONS = {"verify": "20", "change": "24", "unblock": "2C"}
FULL_WIDTH = "１２３４".encode()
COMMANDS = pytest.mark.parametrize("command", INSTRUCTIONS)


def at_stake(command: str, role: PinRole = PIN1) -> PinRole:
    """Return the PIN or PUK whose tries a command may cost."""
    return PUK if command == "unblock" else role


def sending(
    command: str,
    role: PinRole = PIN1,
    answer: str | Exception = "9000",
    *,
    tries: int = 5,
) -> tuple[Script, "partial[None]"]:
    """Return a card that receives one command, and the method that sends it."""
    new = b"2580" if role is PIN1 else b"147258"
    old = {"verify": [], "change": [b"1234567"], "unblock": [b"12345678"]}
    codes = [*old[command], new]
    script = Script(SELECTED, information(at_stake(command, role), tries=tries))
    if tries:
        data = b"".join(code.ljust(12, b"\0") for code in codes)
        header = f"00{INSTRUCTIONS[command]}00{role.value:02X}{len(data):02X}"
        script.exchanges.append((header + data.hex().upper(), answer))
    method = getattr(FineidCard, f"{command}_pin")
    return script, partial(method, FineidCard(script), role, *map(bytearray, codes))


def verify(card: FineidCard, pin: bytes = b"1234") -> None:
    card.verify_pin(PIN1, bytearray(pin))


def test_the_bytes_of_all_commands_as_they_stand() -> None:
    """Literals, without computed parts: each code is padded to twelve bytes."""
    longest = "31" * 12 + "32" * 8 + "00" * 4
    script = Script(
        SELECTED,
        information(changed="00"),
        ("0024001118313233343536370000000000323538300000000000000000", "9000"),
        information(PIN2, changed="00"),
        ("0024008218313233343536370000000000313437323538000000000000", "9000"),
        information(PUK),
        ("002C001118313233343536373800000000323538300000000000000000", "9000"),
        information(PUK),
        ("002C008218313233343536373800000000313437323538000000000000", "9000"),
        information(),
        (f"0024001118{longest}", "9000"),
        information(PUK),
        (f"002C008218{longest}", "9000"),
        information(),
        ("002000110C313233343536373839303132", "9000"),
        information(PIN2),
        ("002000820C313437323538000000000000", "9000"),
    )
    card = FineidCard(script)
    for method, code in (
        (card.change_pin, b"1234567"),
        (card.unblock_pin, b"12345678"),
    ):
        method(PIN1, bytearray(code), bytearray(b"2580"))
        method(PIN2, bytearray(code), bytearray(b"147258"))
    card.change_pin(PIN1, bytearray(b"1" * 12), bytearray(b"2" * 8))
    card.unblock_pin(PIN2, bytearray(b"1" * 12), bytearray(b"2" * 8))
    card.verify_pin(PIN1, bytearray(b"123456789012"))
    card.verify_pin(PIN2, bytearray(b"147258"))
    script.assert_done()


# -- Refused codes --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "pin", "puk", "left"),
    [
        ("63C4", WrongPinError, WrongPukError, 4),
        ("63C1", WrongPinError, WrongPukError, 1),
        ("6300", WrongPinError, WrongPukError, 4),
        ("63C0", PinBlockedError, PukBlockedError, None),
        ("6983", PinBlockedError, PukBlockedError, None),
        ("6984", CardNotActivatedError, CardError, None),
        ("6A80", NewPinRefusedError, NewPinRefusedError, None),
        ("6F00", CardError, CardError, None),
        ("6C0C", CardError, CardError, None),
        ("6110", CardError, CardError, None),
        ("6700", CardError, CardError, None),
        (CardRemovedError("pulled out"), CardRemovedError, CardRemovedError, None),
    ],
)
@COMMANDS
def test_a_refused_code_is_said_and_nothing_more_is_sent(
    command: str,
    answer: str | Exception,
    pin: type[CardError],
    puk: type[CardError],
    left: int | None,
) -> None:
    script, send = sending(command, PIN1, answer)
    with pytest.raises(CardError) as caught:
        send()
    expected = puk if command == "unblock" else pin
    if command == "verify" and answer == "6A80":  # it has no new PIN
        expected = CardError
    assert type(caught.value) is expected
    assert getattr(caught.value, "tries_left", None) == left
    script.assert_done()


@COMMANDS
def test_after_a_wrong_pin_the_tries_are_known_and_after_a_wrong_code_read_anew(
    command: str,
) -> None:
    script, send = sending(command, PIN1, "63C4")
    with pytest.raises((WrongPinError, WrongPukError)):
        send()
    script.exchanges += script.exchanges[2 if command == "verify" else 1 :]
    with pytest.raises((WrongPinError, WrongPukError)):
        send()
    script.assert_done()


def test_the_tries_are_read_again_when_an_answer_left_them_in_doubt() -> None:
    verification = (VERIFY_1234, "6F00"), information(), (VERIFY_1234, "9000")
    script = Script(SELECTED, information(), *verification)
    card = FineidCard(script)
    with pytest.raises(CardError):
        verify(card)
    verify(card)
    script.assert_done()


def test_the_last_try_spent_without_a_count_blocks() -> None:
    script = Script(SELECTED, information(tries=1), (VERIFY_1234, "6300"))
    card = FineidCard(script)
    for _ in range(2):
        with pytest.raises(PinBlockedError):
            verify(card)
    script.assert_done()


# -- What is sent, and what never is --------------------------------------------------


@COMMANDS
def test_a_blocked_pin_is_never_sent(command: str) -> None:
    script, send = sending(command, tries=0)
    with pytest.raises(PukBlockedError if command == "unblock" else PinBlockedError):
        send()
    script.assert_done()


@COMMANDS
def test_a_reading_of_the_tries_just_before_is_enough(command: str) -> None:
    script, send = sending(command)
    send.args[0].pin_info(at_stake(command))
    send()
    script.assert_done()


@COMMANDS
def test_a_pin_is_sent_in_the_application(command: str) -> None:
    """Reading a certificate has selected a file in a folder below it."""
    script, send = sending(command, PIN2)
    script.exchanges[2:2] = [(SELECT_SIGNATURE, control_parameters(0)), SELECTED]
    card = send.args[0]
    card.pin_info(at_stake(command, PIN2))
    with pytest.raises(CardError):
        card.certificate(SIGNATURE)
    send()
    script.assert_done()


@pytest.mark.parametrize(
    ("command", "role", "code", "new"),
    [
        *(
            ("verify", PIN1, pin, None)
            for pin in (
                b"",
                b"123",
                b"1" * 13,
                b"12a4",
                b"1234\x00",
                "１２３４".encode(),
            )
        ),
        ("verify", PIN2, b"12345", None),
        ("verify", PUK, b"12345678", None),
        *(("change", PIN1, pin, b"2580") for pin in (b"123", b"1" * 13, b"12a4")),
        *(("change", PIN1, b"1234", new) for new in (b"", b"258", b"2" * 9, b"25 80")),
        ("change", PIN2, b"12345", b"147258"),
        *(("change", PIN2, b"123456", new) for new in (b"14725", b"2" * 9)),
        ("change", PUK, b"12345678", b"12345678"),
        *(
            ("unblock", PIN1, puk, b"2580")
            for puk in (b"1234567", b"1" * 13, b"1234567a")
        ),
        *(("unblock", PIN1, b"12345678", new) for new in (b"258", b"2" * 9)),
        ("unblock", PIN2, b"12345678", b"14725"),
        ("unblock", PUK, b"12345678", b"12345678"),
    ],
)
def test_what_can_not_be_the_pin_is_never_sent(
    command: str, role: PinRole, code: bytes, new: bytes | None
) -> None:
    codes = [bytearray(each) for each in (code, new) if each is not None]
    with pytest.raises(InvalidArgumentError) as caught:
        getattr(FineidCard(Script(SELECTED)), f"{command}_pin")(role, *codes)
    assert not code or code.decode() not in str(caught.value)


@COMMANDS
def test_codes_are_typed_on_a_pin_pad_together_or_not_at_all(command: str) -> None:
    digits = bytearray(b"12345678")
    send = getattr(FineidCard(Script(SELECTED)), f"{command}_pin")
    codes = [(digits, None), (None, digits), (None, None)]
    for each in [(None,)] if command == "verify" else codes:
        with pytest.raises(InvalidArgumentError):
            send(PIN1, *each)


# -- Tries ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "unreadable",
    [
        *("6A88", "6F00", "9000", "A0009000", "A0238301119000", "FFFFFFFF9000"),
        information(tries=200)[1],
        information(PIN2)[1],
    ],
)
def test_without_pin_information_the_status_is_asked(unreadable: str) -> None:
    for status, tries in (("63C3", 3), ("6983", 0)):
        script = Script(
            SELECTED, (information()[0], unreadable), ("0020001100", status)
        )
        info = FineidCard(script).pin_info(PIN1)
        assert info == PinInfo(tries_left=tries, changed=None)


@pytest.mark.parametrize("status", ["9000", "6300", "6A88", "6984", "6700", "6C05"])
def test_a_pin_whose_tries_are_unreadable_is_refused(status: str) -> None:
    script = Script(SELECTED, (information()[0], "6A88"), ("0020001100", status))
    with pytest.raises(PinTriesUnreadableError):
        verify(FineidCard(script))
    script.assert_done()


def test_a_puk_whose_tries_are_unreadable_is_not_sent_and_not_asked_by_verify() -> None:
    script, send = sending("unblock")
    script.exchanges[1:] = [(information(PUK)[0], "6A88")]
    with pytest.raises(PinTriesUnreadableError):
        send()
    script.assert_done()
