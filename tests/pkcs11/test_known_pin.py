# SPDX-License-Identifier: MIT
"""A PIN that the program has asked for (C_Login)."""

import asyncio
from pathlib import Path

import pytest

from kortilla.mock_card.faults import CommandName, Fault, FaultName
from kortilla.mock_card.state import MockCardState
from native_host.card.certificate import CardCertificate
from native_host.card.errors import CardMuteError, CardRemovedError, WrongPinError
from native_host.card.mock_source import MockCardSource
from native_host.errors import RequestCancelledError
from native_host.operations.refusals import Refusals
from native_host.pkcs11.tls_login import TlsLogin
from tests.operations.user import until
from tests.pkcs11.conftest import CopyCard
from tests.pkcs11.tls_logins import (
    Windows,
    a_login,
    change_pin,
    log_in,
    sign,
    tries,
)


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
    assert [each.repeated for each in windows.users[0].questions] == [False, True]
    assert tries(folder) == 5


async def test_it_is_not_sent_to_another_card_than_it_is_for(
    windows: Windows, certificate: CardCertificate, copy_card: CopyCard
) -> None:
    folder = copy_card("v4.2")
    async with MockCardSource(folder) as other, a_login(other, windows) as login:
        with pytest.raises(CardRemovedError):
            await log_in(login, certificate, other, bytearray(b"9999"))
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
