# SPDX-License-Identifier: MIT
"""A PIN that the program has asked for (C_Login)."""

import asyncio
from pathlib import Path

import pytest

from kortilla.mock_card.faults import CommandName, Fault, FaultName
from kortilla.mock_card.state import MockCardState
from native_host.card.certificate import CardCertificate
from native_host.card.errors import CardMuteError, WrongPinError
from native_host.card.mock_source import MockCardSource
from native_host.errors import RequestCancelledError
from native_host.operations.refusals import Refusals
from native_host.pkcs11.pin_cache import ConfirmationNeededError
from native_host.pkcs11.tls_login import TlsLogin
from tests.operations.person import until
from tests.pkcs11.tls_logins import (
    Windows,
    a_login,
    change_pin,
    log_in,
    sign,
    tries,
)


async def test_a_pin_from_the_program_signs_until_it_logs_out(
    login: TlsLogin,
    windows: Windows,
    certificate: CardCertificate,
    source: MockCardSource,
) -> None:
    pin = bytearray(b"1234")
    await log_in(login, certificate, source, pin)
    assert not any(pin)
    for _ in range(3):
        await sign(login, certificate)
    assert windows.persons == []
    await login.pins.log_out(certificate)
    windows.type("1234")
    await sign(login, certificate)
    assert len(windows.persons) == 1


async def test_a_refused_pin_of_the_program_is_not_sent_again(
    login: TlsLogin,
    certificate: CardCertificate,
    source: MockCardSource,
    folder: Path,
) -> None:
    for _ in range(3):
        pin = bytearray(b"9999")
        with pytest.raises(WrongPinError) as caught:
            await log_in(login, certificate, source, pin)
        assert caught.value.tries_left == 4
        assert not any(pin)
    assert tries(folder) == 4


async def test_the_last_try_is_not_the_programs(
    login: TlsLogin,
    certificate: CardCertificate,
    source: MockCardSource,
    folder: Path,
) -> None:
    for digit in "5678":
        with pytest.raises(WrongPinError):
            await log_in(login, certificate, source, bytearray(digit.encode() * 4))
    with pytest.raises(ConfirmationNeededError):
        await log_in(login, certificate, source, bytearray(b"1234"))
    assert tries(folder) == 1


async def test_nothing_is_kept_verified_on_the_card(
    login: TlsLogin, certificate: CardCertificate, source: MockCardSource
) -> None:
    await log_in(login, certificate, source, bytearray(b"1234"))
    await sign(login, certificate)
    [reader] = await source.readers()
    connection = await source.connect(reader)
    status = await source.run(connection.send_and_receive, bytes.fromhex("00200011"))
    await source.run(connection.close)
    assert status[1] != 0x9000


async def test_a_pin_that_the_card_did_not_answer_to_is_not_sent_again(
    login: TlsLogin, certificate: CardCertificate, source: MockCardSource, folder: Path
) -> None:
    state = MockCardState.open(folder)
    state.set_faults(Fault(FaultName.MUTE, on=CommandName.VERIFY, when="after"))
    with pytest.raises(CardMuteError):
        await log_in(login, certificate, source, bytearray(b"9999"))
    source.remove()
    source.insert()
    for _ in range(2):
        with pytest.raises(WrongPinError) as caught:
            await log_in(login, certificate, source, bytearray(b"9999"))
        assert caught.value.tries_left == 4
    assert tries(folder) == 4
    await log_in(login, certificate, source, bytearray(b"1234"))


async def test_what_is_refused_is_known_to_all_who_share_it(
    windows: Windows, certificate: CardCertificate, source: MockCardSource, folder: Path
) -> None:
    shared = Refusals()
    for _ in range(3):
        async with a_login(source, windows, refusals=shared) as login:
            with pytest.raises(WrongPinError):
                await log_in(login, certificate, source, bytearray(b"9999"))
    assert tries(folder) == 4
    # Nor from a window.
    async with a_login(source, windows, refusals=shared) as login:
        windows.type("9999", "1234")
        await sign(login, certificate)
    assert [each.repeated for each in windows.persons[0].questions] == [False, True]
    assert tries(folder) == 5


async def test_a_pin_that_was_refused_may_be_set_and_is_right_then(
    login: TlsLogin, certificate: CardCertificate, source: MockCardSource, folder: Path
) -> None:
    with pytest.raises(WrongPinError):
        await log_in(login, certificate, source, bytearray(b"9999"))
    change_pin(folder, "9999")
    await log_in(login, certificate, source, bytearray(b"9999"))
    await sign(login, certificate)


async def test_a_login_ends_with_its_pin(
    login: TlsLogin, certificate: CardCertificate, source: MockCardSource, folder: Path
) -> None:
    await log_in(login, certificate, source, bytearray(b"1234"))
    assert login.pins.logged_in(certificate)
    change_pin(folder, "4321")
    both = [sign(login, certificate) for _ in range(2)]
    ended = await asyncio.gather(*both, return_exceptions=True)
    assert [type(each) for each in ended] == [WrongPinError, RequestCancelledError]
    assert not login.pins.logged_in(certificate)
    assert tries(folder) == 4
    await log_in(login, certificate, source, bytearray(b"4321"))
    source.remove()
    await until(lambda: not login.pins.logged_in(certificate))
