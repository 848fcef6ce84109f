# SPDX-License-Identifier: MIT
"""Traces hold no PIN and no person's data, for any command."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native_host.card.apdu import PIN_INSTRUCTIONS, TracingConnection
from native_host.card.errors import WrongPinError
from native_host.card.fineid import FineidCard, PinRole
from native_host.log import TRAFFIC
from tests.card.scripted import (
    AUTHENTICATION,
    PIN_INFO,
    SELECT,
    SELECT_AUTHENTICATION,
    VERIFY_1234,
    Script,
    control_parameters,
    file_exchanges,
    pin_information,
)


class Echo:
    """A card that responds with the command."""

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        return apdu[4:], 0x9000


def test_a_whole_login_is_traced_without_pin_and_person(
    v5_certificate: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    script = Script(
        (SELECT, "9000"),
        (SELECT_AUTHENTICATION, control_parameters(len(v5_certificate))),
        ("00B0000000", "6100"),
        ("00C0000000", v5_certificate[:256].hex() + "9000"),
        *file_exchanges(v5_certificate, step=256)[1:],
        (PIN_INFO, pin_information()),
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
    assert v5_certificate[20:30].hex().upper() not in trace.upper()


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
