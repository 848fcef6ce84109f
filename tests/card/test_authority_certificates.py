# SPDX-License-Identifier: MIT
"""The CA certificates in the master file can be read.

See docs/reference/card.md, "Files" and "Commands".
"""

import pytest

from native_host.card.errors import CardError, CardMuteError, CardRemovedError
from native_host.card.fineid import FineidCard, PinRole
from tests.card.scripted import (
    PIN_INFO,
    SELECT,
    Script,
    file_exchanges,
    pin_information,
)

MASTER_FILE = ("00A4000C023F00", "9000")
ISSUING, ROOT = "00A4020C024336", "00A4020C024334"

# The content does not matter here, except that it is a single object.
CERTIFICATE = bytes.fromhex("3082012C") + bytes(300)


def read(script: Script) -> tuple[bytes, ...]:
    return FineidCard(script).authority_certificates()


def test_the_issuing_ca_and_the_root_are_read_and_the_application_chosen_again() -> (
    None
):
    other = bytes.fromhex("3003020101")
    script = Script(
        (SELECT, "9000"),
        MASTER_FILE,
        (ISSUING, "9000"),
        *file_exchanges(CERTIFICATE),
        MASTER_FILE,
        (ROOT, "9000"),
        *file_exchanges(other),
        (SELECT, "9000"),
        (PIN_INFO, pin_information()),
    )
    card = FineidCard(script)
    assert card.authority_certificates() == (CERTIFICATE, other)
    assert card.pin_info(PinRole.PIN1).tries_left == 5
    script.assert_done()


def test_nothing_is_read_beyond_the_certificate_and_padding_is_cut_off() -> None:
    padded = CERTIFICATE + bytes(2000)
    script = Script(
        (SELECT, "9000"),
        MASTER_FILE,
        (ISSUING, "9000"),
        *file_exchanges(padded)[:2],
        MASTER_FILE,
        (ROOT, "6A82"),
        (SELECT, "9000"),
    )
    assert read(script) == (CERTIFICATE,)
    script.assert_done()


@pytest.mark.parametrize("answer", ["6A82", "6982", "6D00", "6F00"])
def test_a_card_without_them_has_none(answer: str) -> None:
    script = Script(
        (SELECT, "9000"), MASTER_FILE, (ISSUING, answer), MASTER_FILE, (ROOT, answer)
    )
    script.add((SELECT, "9000"))
    assert read(script) == ()
    script.assert_done()


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 20, b"\x30", b"\xff" * 100, b"\x30\x84\x7f\xff\xff\xff"]
)
def test_a_file_that_is_no_certificate_is_left_out(content: bytes) -> None:
    script = Script((SELECT, "9000"))
    for choice in (ISSUING, ROOT):
        script.add(
            MASTER_FILE,
            (choice, "9000"),
            *file_exchanges(content),
        )
        if content != b"\x00" * 20:  # starts with an empty object
            script.add((f"00B0{len(content):04X}00", "6282"))
    script.add((SELECT, "9000"))
    assert all(len(each) <= 2 for each in read(script))


def test_a_file_without_an_end_is_given_up() -> None:
    class Endless(Script):
        commands = 0

        def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
            self.commands += 1
            if apdu[1] == 0xB0:
                return b"\x30\x83\xff\xff\xff" + bytes(100), 0x9000
            return b"", 0x9000

    script = Endless()
    assert read(script) == ()
    assert script.commands < 300


@pytest.mark.parametrize("error", [CardRemovedError("gone"), CardMuteError("mute")])
def test_a_card_that_goes_meanwhile_is_said(error: CardError) -> None:
    script = Script((SELECT, "9000"), MASTER_FILE, (ISSUING, error))
    with pytest.raises(type(error)):
        read(script)
