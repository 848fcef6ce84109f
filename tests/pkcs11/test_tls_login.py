# SPDX-License-Identifier: MIT
"""Signatures of TLS handshakes: one window, a kept PIN, and no try too many."""

import asyncio
from pathlib import Path

import pytest

from kortilla.mock_card.state import MockCardState
from native_host.card.certificate import CardCertificate
from native_host.card.mock_source import MockCardSource
from native_host.errors import BusyError, RequestCancelledError, UserCancelledError
from native_host.pin_prompt.model import Step
from native_host.pkcs11.tls_login import TlsLogin
from tests.operations.user import until
from tests.pkcs11.conftest import CopyCard
from tests.pkcs11.tls_logins import DIGEST, Windows, algorithm, sign


async def test_the_window_names_the_program_and_no_site(
    login: TlsLogin, windows: Windows, certificate: CardCertificate
) -> None:
    windows.type("1234")
    await sign(login, certificate)
    [user] = windows.users
    assert user.conversation is not None
    assert user.conversation.operation == "tls-login"
    assert (user.conversation.program, user.conversation.origin) == ("Firefox", "")
    await until(lambda: windows.closed == [user])
    assert Step.READY not in [step for step, _ in user.shown]


async def test_all_who_ask_meanwhile_share_one_window(
    login: TlsLogin, windows: Windows, certificate: CardCertificate
) -> None:
    windows.type("1234")
    await asyncio.gather(*(sign(login, certificate) for _ in range(3)))
    [user] = windows.users
    assert len(user.questions) == 1


async def test_too_many_at_once_are_refused(
    login: TlsLogin, windows: Windows, certificate: CardCertificate
) -> None:
    asked = [asyncio.create_task(sign(login, certificate)) for _ in range(8)]
    await until(lambda: windows.users)
    with pytest.raises(BusyError):
        await sign(login, certificate)
    with pytest.raises(BusyError):
        await login.prepare()
    await login.close()
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(each, RequestCancelledError) for each in results)


async def test_who_asks_after_the_first_signature_gets_a_window_of_its_own(
    login: TlsLogin, windows: Windows, certificate: CardCertificate
) -> None:
    windows.type("1234")
    made = 0

    async def insist() -> None:
        nonlocal made
        while True:
            await sign(login, certificate)
            made += 1

    asked = [insist() for _ in range(4)]
    ended = asyncio.gather(*asked, return_exceptions=True)
    await until(lambda: len(windows.users) == 2 and windows.users[1].questions)
    assert made == 4
    await until(lambda: windows.users[1].connections[-1:] == [4])
    await login.close()
    await ended


async def test_the_person_is_told_how_many_connections_the_pin_is_for(
    login: TlsLogin,
    windows: Windows,
    certificate: CardCertificate,
    source: MockCardSource,
) -> None:
    first = asyncio.create_task(sign(login, certificate))
    await until(lambda: windows.users and windows.users[0].questions)
    [user] = windows.users
    assert user.connections == [1]
    others = [asyncio.create_task(sign(login, certificate)) for _ in range(2)]
    await until(lambda: user.connections == [1, 2, 3])
    others[1].cancel()
    await until(lambda: user.connections == [1, 2, 3, 2])
    source.remove()  # so that the window asks for the PIN once more
    user.pins.append("1234")
    source.insert()
    await asyncio.gather(first, others[0])
    assert user.connections == [1, 2, 3, 2]
    assert len(windows.users) == 1


async def test_a_program_that_tries_again_by_itself_opens_no_window_after_cancel(
    login: TlsLogin, windows: Windows, certificate: CardCertificate
) -> None:
    asked = asyncio.create_task(sign(login, certificate))
    await until(lambda: windows.users and windows.users[0].questions)
    windows.users[0].cancel()
    with pytest.raises(UserCancelledError):
        await asked
    with pytest.raises(UserCancelledError):
        await sign(login, certificate)
    assert len(windows.users) == 1


async def test_nobody_waits_any_more_and_the_window_closes(
    login: TlsLogin,
    windows: Windows,
    certificate: CardCertificate,
    source: MockCardSource,
) -> None:
    asked = [asyncio.create_task(sign(login, certificate)) for _ in range(2)]
    await until(lambda: windows.users and windows.users[0].questions)
    asked[0].cancel()
    await asyncio.sleep(0)
    assert windows.closed == []
    asked[1].cancel()
    await until(lambda: windows.closed == windows.users)
    windows.type("1234")
    await sign(login, certificate)


@pytest.mark.parametrize("turns", range(4))
async def test_whoever_gives_up_at_once_leaves_no_window(
    turns: int, login: TlsLogin, windows: Windows, certificate: CardCertificate
) -> None:
    asked = asyncio.create_task(sign(login, certificate))
    for _ in range(turns):
        await asyncio.sleep(0)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    await until(lambda: windows.closed == windows.users)


async def test_another_card_does_not_sign(
    login: TlsLogin,
    windows: Windows,
    certificate: CardCertificate,
    source: MockCardSource,
    copy_card: CopyCard,
) -> None:
    other = MockCardSource(copy_card("v4.2"))
    async with other:
        strange = TlsLogin(
            source=other, open_prompt=windows.open, program="x", language="sv"
        )
        asked = asyncio.create_task(
            strange.sign(certificate, DIGEST, algorithm(certificate))
        )
        await until(
            lambda: windows.users and "OTHER_CARD" in windows.users[0].problems()
        )
        assert not windows.users[0].questions
        await strange.close()
        with pytest.raises((UserCancelledError, RequestCancelledError)):
            await asked


async def test_a_blocked_pin_is_unblocked_in_the_window_and_the_login_goes_on(
    login: TlsLogin,
    windows: Windows,
    certificate: CardCertificate,
    folder: Path,
) -> None:
    state = MockCardState.open(folder)
    with state.update() as card:
        card.pin1.tries = 0
    windows.type("2580")
    windows.unlocking = [{"PUK": "12345678", "new-PIN1": "2580"}]
    await sign(login, certificate)
    (question,) = windows.users[0].questions
    assert question.unlocked
    assert state.read().pin1.tries == 5
