# SPDX-License-Identifier: MIT
"""A PIN kept for one login: typed too late for a browser, or in advance."""

import asyncio
import threading
from pathlib import Path

import pytest

from kortilla.mock_card.state import MockCardState
from native_host.card.certificate import CardCertificate
from native_host.card.errors import CardRemovedError, WrongPinError
from native_host.card.fineid import FineidCard
from native_host.card.mock_source import MockCardConnection, MockCardSource
from native_host.errors import (
    BusyError,
    RequestCancelledError,
    RequestExpiredError,
    UserCancelledError,
)
from native_host.pin_prompt.model import Step
from native_host.pkcs11.tls_login import PinPadOnlyError, TlsLogin
from tests.operations.user import until
from tests.pkcs11.tls_logins import (
    LONG,
    NONE,
    Windows,
    a_login,
    change_pin,
    ready,
    sign,
    sign_late,
    tries,
)
from tests.support.patience import patience


async def test_a_pin_that_is_typed_in_time_is_kept_for_nothing(
    login: TlsLogin, windows: Windows, certificate: CardCertificate
) -> None:
    windows.type("1234")
    await sign(login, certificate)
    windows.type("1234")
    await sign(login, certificate)
    assert len(windows.users) == 2
    assert windows.late == []


async def test_a_pin_that_is_typed_late_is_kept_for_one_login_more(
    late_login: TlsLogin, windows: Windows, certificate: CardCertificate
) -> None:
    windows.type("1234")
    await sign_late(late_login, certificate)
    [user] = windows.users
    await ready(user)
    assert windows.closed == []
    await sign(late_login, certificate)
    await until(lambda: windows.closed == [user])
    await sign_late(late_login, certificate)
    assert len(windows.users) == 2


async def test_a_window_stays_when_the_program_waits_no_longer_and_says_so(
    late_login: TlsLogin, windows: Windows, certificate: CardCertificate
) -> None:
    await sign_late(late_login, certificate)
    await until(lambda: windows.users[0].questions)
    assert windows.late == windows.users
    assert windows.closed == []


async def test_the_programs_next_try_is_for_the_window_that_is_still_open(
    late_login: TlsLogin,
    windows: Windows,
    certificate: CardCertificate,
    source: MockCardSource,
) -> None:
    await sign_late(late_login, certificate)
    await until(lambda: windows.users[0].questions)
    late_login._patience = LONG
    again = asyncio.create_task(sign(late_login, certificate))
    await asyncio.sleep(0)
    assert len(windows.users) == 1
    windows.users[0].pins.append("1234")
    source.remove()  # the window asks again
    await until(lambda: "CARD_REMOVED" in windows.users[0].problems())
    source.insert()
    await again
    assert len(windows.users) == 1


async def test_a_next_try_that_is_called_off_leaves_the_window_to_the_person(
    late_login: TlsLogin, windows: Windows, certificate: CardCertificate
) -> None:
    await sign_late(late_login, certificate)
    await until(lambda: windows.users[0].questions)
    late_login._patience = LONG
    again = asyncio.create_task(sign(late_login, certificate))
    await asyncio.sleep(0)
    again.cancel()
    await asyncio.gather(again, return_exceptions=True)
    for _ in range(100):
        await asyncio.sleep(0)
    assert windows.closed == []


async def test_whoever_waits_as_long_as_it_takes_is_never_late(
    source: MockCardSource, windows: Windows, certificate: CardCertificate
) -> None:
    async with a_login(source, windows, patience=None) as login:
        windows.type("1234")
        await sign(login, certificate)
        await until(lambda: windows.closed == windows.users)
        assert windows.late == []


async def test_two_signatures_at_once_are_one_use_of_a_kept_pin(
    late_login: TlsLogin, windows: Windows, certificate: CardCertificate
) -> None:
    windows.type("1234")
    await sign_late(late_login, certificate)
    await ready(windows.users[0])
    results = await asyncio.gather(
        *(sign(late_login, certificate) for _ in range(3)), return_exceptions=True
    )
    assert results[:2] == [None, None]
    assert isinstance(results[2], RequestExpiredError)
    assert len(windows.users) == 2


async def test_a_pin_that_is_typed_while_another_is_kept_takes_its_place(
    late_login: TlsLogin, windows: Windows, certificate: CardCertificate
) -> None:
    windows.type("1234")
    await sign_late(late_login, certificate)
    await ready(windows.users[0])
    windows.type("1234")
    await asyncio.gather(
        *(sign(late_login, certificate) for _ in range(3)), return_exceptions=True
    )
    await ready(windows.users[1])
    await until(lambda: windows.closed == windows.users[:1])
    await sign(late_login, certificate)
    assert len(windows.users) == 2


async def test_time_ends_the_keeping(
    source: MockCardSource, windows: Windows, certificate: CardCertificate
) -> None:
    async with a_login(source, windows, patience=NONE, kept_for=NONE) as login:
        windows.type("1234")
        await sign_late(login, certificate)
        await until(lambda: windows.closed == windows.users)
        await sign_late(login, certificate)
        assert len(windows.users) == 2


async def test_a_card_that_was_moved_ends_the_keeping(
    late_login: TlsLogin,
    windows: Windows,
    certificate: CardCertificate,
    source: MockCardSource,
) -> None:
    windows.type("1234")
    await sign_late(late_login, certificate)
    await ready(windows.users[0])
    source.remove()
    source.insert()
    with pytest.raises(CardRemovedError):
        await sign(late_login, certificate)
    await until(lambda: windows.closed == windows.users)
    windows.type("1234")
    await sign_late(late_login, certificate)
    await ready(windows.users[1])
    source.remove()
    await until(lambda: windows.closed == windows.users)
    source.insert()
    await sign_late(late_login, certificate)
    assert len(windows.users) == 3


async def test_a_login_can_be_prepared(
    login: TlsLogin, windows: Windows, certificate: CardCertificate, folder: Path
) -> None:
    windows.type("9999", "1234")
    await login.prepare()
    [user] = windows.users
    assert user.conversation is not None
    assert user.conversation.operation == "prepare-login"
    assert [q.wrong for q in user.questions] == [False, True]
    await until(lambda: user.shown[-1][0] is Step.READY)
    assert tries(folder) == 5
    await sign(login, certificate)
    assert windows.users == [user]
    await until(lambda: windows.closed == [user])


async def test_closing_the_window_of_a_prepared_login_leaves_it_prepared(
    login: TlsLogin, windows: Windows, certificate: CardCertificate
) -> None:
    windows.type("1234")
    await login.prepare()
    windows.users[0].cancel()
    await until(lambda: windows.closed == windows.users)
    await sign(login, certificate)
    assert len(windows.users) == 1


async def test_preparing_can_be_cancelled_and_called_off(
    login: TlsLogin, windows: Windows
) -> None:
    preparing = asyncio.create_task(login.prepare())
    await until(lambda: windows.users and windows.users[0].questions)
    windows.users[0].cancel()
    with pytest.raises(UserCancelledError):
        await preparing
    preparing = asyncio.create_task(login.prepare())
    await until(lambda: len(windows.users) == 2)
    preparing.cancel()
    await until(lambda: windows.closed == windows.users)


async def test_a_pin_pad_cant_prepare(
    login: TlsLogin,
    windows: Windows,
    source: MockCardSource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(FineidCard, "has_pin_pad", True)
    with pytest.raises(PinPadOnlyError):
        await login.prepare()


async def test_a_kept_pin_that_is_wrong_by_now_is_sent_once(
    late_login: TlsLogin,
    windows: Windows,
    certificate: CardCertificate,
    folder: Path,
) -> None:
    windows.type("1234")
    await sign_late(late_login, certificate)
    await ready(windows.users[0])
    state = MockCardState.open(folder)
    with state.update() as card:
        card.pin1.value = "4321"
    with pytest.raises(WrongPinError):
        await sign(late_login, certificate)
    windows.type("4321")
    await sign_late(late_login, certificate)
    await ready(windows.users[1])
    await sign(late_login, certificate)
    assert tries(folder) == 5


async def test_a_kept_pin_that_was_changed_costs_one_try_however_many_ask(
    login: TlsLogin, windows: Windows, certificate: CardCertificate, folder: Path
) -> None:
    windows.type("1234")
    await login.prepare()
    change_pin(folder, "4321")
    both = [sign(login, certificate) for _ in range(2)]
    ended = await asyncio.gather(*both, return_exceptions=True)
    assert [type(each) for each in ended] == [WrongPinError, RequestCancelledError]
    assert tries(folder) == 4


@pytest.fixture
async def ending(
    login: TlsLogin, windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> tuple[asyncio.Task[None], threading.Event]:
    """A preparation whose PIN was accepted. The event delays the card's reset."""
    begun, goes_on = threading.Event(), threading.Event()
    close = MockCardConnection.close

    def slow(connection: MockCardConnection) -> None:
        begun.set()
        goes_on.wait(60)
        close(connection)

    monkeypatch.setattr(MockCardConnection, "close", slow)
    windows.type("1234")
    preparing = asyncio.create_task(login.prepare())
    await asyncio.to_thread(begun.wait, patience())
    return preparing, goes_on


async def test_a_preparing_that_is_called_off_at_its_very_end_keeps_nothing(
    login: TlsLogin,
    windows: Windows,
    certificate: CardCertificate,
    ending: tuple[asyncio.Task[None], threading.Event],
) -> None:
    preparing, goes_on = ending
    preparing.cancel()
    await asyncio.gather(preparing, return_exceptions=True)
    goes_on.set()
    await until(lambda: windows.closed == windows.users)
    windows.type("1234")
    await sign(login, certificate)
    assert len(windows.users) == 2


async def test_cancel_at_the_very_end_of_the_preparing_counts(
    login: TlsLogin,
    windows: Windows,
    certificate: CardCertificate,
    ending: tuple[asyncio.Task[None], threading.Event],
) -> None:
    preparing, goes_on = ending
    windows.users[0].cancel()
    goes_on.set()
    with pytest.raises(UserCancelledError):
        await preparing
    with pytest.raises(UserCancelledError):  # right after that no window opens
        await sign(login, certificate)
    assert len(windows.users) == 1


async def test_two_preparings_while_a_pin_is_kept_show_one_window(
    login: TlsLogin, windows: Windows
) -> None:
    windows.type("1234")
    await login.prepare()
    windows.type("1234")
    both = [login.prepare() for _ in range(2)]
    ended = await asyncio.gather(*both, return_exceptions=True)
    assert [type(each) for each in ended if each] == [BusyError]
    assert len(windows.users) == 2
