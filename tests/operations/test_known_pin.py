# SPDX-License-Identifier: MIT
"""A PIN that the program has asked for itself (C_Login)."""

from pathlib import Path

import pytest

from native_host.card.certificate import CardCertificate
from native_host.card.errors import WrongPin
from native_host.mock_card.source import MockCardSource
from native_host.operations.known_pin import ConfirmationNeeded
from native_host.operations.tls_login import TlsLogin

from .tls_logins import Windows, sign, tries


async def test_a_pin_from_the_program_signs_until_it_logs_out(
    login: TlsLogin, windows: Windows, certificate: CardCertificate
) -> None:
    pin = bytearray(b"1234")
    await login.log_in(certificate, pin)
    assert not any(pin)
    for _ in range(3):
        await sign(login, certificate)
    assert windows.persons == []
    await login.log_out()
    windows.type("1234")
    await sign(login, certificate)
    assert len(windows.persons) == 1


async def test_a_refused_pin_of_the_program_is_not_sent_again(
    login: TlsLogin, certificate: CardCertificate, folder: Path
) -> None:
    for _ in range(3):
        pin = bytearray(b"9999")
        with pytest.raises(WrongPin) as caught:
            await login.log_in(certificate, pin)
        assert caught.value.tries_left == 4
        assert not any(pin)
    assert tries(folder) == 4


async def test_the_last_try_is_not_the_programs(
    login: TlsLogin, certificate: CardCertificate, folder: Path
) -> None:
    for digit in "5678":
        with pytest.raises(WrongPin):
            await login.log_in(certificate, bytearray(digit.encode() * 4))
    with pytest.raises(ConfirmationNeeded):
        await login.log_in(certificate, bytearray(b"1234"))
    assert tries(folder) == 1


async def test_nothing_is_kept_verified_on_the_card(
    login: TlsLogin, certificate: CardCertificate, source: MockCardSource
) -> None:
    await login.log_in(certificate, bytearray(b"1234"))
    await sign(login, certificate)
    [reader] = await source.readers()
    connection = await source.connect(reader)
    status = await source.run(connection.send_and_receive, bytes.fromhex("00200011"))
    await source.run(connection.close)
    assert status[1] != 0x9000
