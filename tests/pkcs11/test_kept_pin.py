# SPDX-License-Identifier: MIT
"""A PIN kept for one login: typed too late for a browser, or in advance."""

import asyncio
import threading
from pathlib import Path

import pytest

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
from native_host.pkcs11.tls_login import PinPadOnlyError
from tests.operations.user import until
from tests.pkcs11.conftest import (
    LONG,
    NONE,
    Program,
    Windows,
    a_login,
    change_pin,
    tries,
)
from tests.support.patience import patience


async def expires(program: Program) -> None:
    """Request a signature that expires, since the program has given up."""
    with pytest.raises(RequestExpiredError):
        await program.sign()


async def test_a_pin_that_is_typed_late_is_kept_for_one_login_more(
    late: Program, windows: Windows
) -> None:
    user = await late.keep()
    assert windows.closed == []
    await late.sign()
    await until(lambda: windows.closed == [user])
    await expires(late)
    assert len(windows.users) == 2


async def test_a_window_stays_for_the_next_try_when_the_program_waits_no_longer(
    late: Program, windows: Windows, source: MockCardSource
) -> None:
    await expires(late)
    user = await windows.asked()
    assert windows.late == [user]
    late.login._patience = LONG
    again = late.begin()
    await asyncio.sleep(0)
    # It stays also when the next try is called off.
    again.cancel()
    await asyncio.gather(again, return_exceptions=True)
    for _ in range(100):
        await asyncio.sleep(0)
    assert windows.closed == []
    again = late.begin()
    await asyncio.sleep(0)
    user.pins.append("1234")
    source.remove()  # the window asks again
    await until(lambda: "CARD_REMOVED" in user.problems())
    source.insert()
    await again
    assert windows.users == [user]


async def test_whoever_waits_as_long_as_it_takes_is_never_late(
    source: MockCardSource, windows: Windows, certificate: CardCertificate
) -> None:
    async with a_login(source, windows, patience=None) as login:
        windows.type("1234")
        await Program(login, windows, certificate, source).sign()
        await windows.all_closed()
        assert windows.late == []


async def test_two_signatures_at_once_are_one_use_of_a_kept_pin(
    late: Program, windows: Windows
) -> None:
    first = await late.keep()
    windows.type("1234")
    three = [late.sign() for _ in range(3)]
    results = await asyncio.gather(*three, return_exceptions=True)
    assert results[:2] == [None, None]
    assert isinstance(results[2], RequestExpiredError)
    # The PIN that is typed for the third one takes the place of the first.
    await until(lambda: (Step.READY, None) in windows.users[1].shown)
    await until(lambda: windows.closed == [first])
    await late.sign()
    assert len(windows.users) == 2


async def test_time_ends_the_keeping(
    source: MockCardSource, windows: Windows, certificate: CardCertificate
) -> None:
    async with a_login(source, windows, patience=NONE, kept_for=NONE) as login:
        program = Program(login, windows, certificate, source)
        windows.type("1234")
        await expires(program)
        await windows.all_closed()
        await expires(program)
        assert len(windows.users) == 2


async def test_a_card_that_was_moved_ends_the_keeping(
    late: Program, windows: Windows, source: MockCardSource
) -> None:
    await late.keep()
    source.remove()
    source.insert()
    with pytest.raises(CardRemovedError):
        await late.sign()
    await windows.all_closed()
    await late.keep()
    source.remove()
    await windows.all_closed()
    source.insert()
    await expires(late)
    assert len(windows.users) == 3


async def test_a_login_can_be_prepared(
    program: Program, windows: Windows, folder: Path
) -> None:
    windows.type("9999", "1234")
    await program.login.prepare()
    [user] = windows.users
    assert user.conversation is not None
    assert user.conversation.operation == "prepare-login"
    assert [q.wrong for q in user.questions] == [False, True]
    await until(lambda: user.shown[-1][0] is Step.READY)
    assert tries(folder) == 5
    await program.sign()
    assert windows.users == [user]
    await windows.all_closed()


async def test_closing_the_window_of_a_prepared_login_leaves_it_prepared(
    program: Program, windows: Windows
) -> None:
    windows.type("1234")
    await program.login.prepare()
    windows.users[0].cancel()
    await windows.all_closed()
    await program.sign()
    assert len(windows.users) == 1


async def test_preparing_can_be_cancelled_and_called_off(
    program: Program, windows: Windows
) -> None:
    preparing = asyncio.create_task(program.login.prepare())
    (await windows.asked()).cancel()
    with pytest.raises(UserCancelledError):
        await preparing
    preparing = asyncio.create_task(program.login.prepare())
    await until(lambda: len(windows.users) == 2)
    preparing.cancel()
    await windows.all_closed()


async def test_a_pin_pad_cant_prepare(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FineidCard, "has_pin_pad", True)
    with pytest.raises(PinPadOnlyError):
        await program.login.prepare()


async def test_a_kept_pin_that_was_changed_costs_one_try_however_many_ask(
    late: Program, folder: Path
) -> None:
    await late.keep()
    change_pin(folder, "4321")
    both = [late.sign() for _ in range(2)]
    ended = await asyncio.gather(*both, return_exceptions=True)
    assert [type(each) for each in ended] == [WrongPinError, RequestCancelledError]
    assert tries(folder) == 4
    await late.keep("4321")
    await late.sign()
    assert tries(folder) == 5


@pytest.fixture
async def ending(
    program: Program, windows: Windows, monkeypatch: pytest.MonkeyPatch
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
    preparing = asyncio.create_task(program.login.prepare())
    await asyncio.to_thread(begun.wait, patience())
    return preparing, goes_on


async def test_a_preparing_that_is_called_off_at_its_very_end_keeps_nothing(
    program: Program,
    windows: Windows,
    ending: tuple[asyncio.Task[None], threading.Event],
) -> None:
    preparing, goes_on = ending
    preparing.cancel()
    await asyncio.gather(preparing, return_exceptions=True)
    goes_on.set()
    await windows.all_closed()
    windows.type("1234")
    await program.sign()
    assert len(windows.users) == 2


async def test_cancel_at_the_very_end_of_the_preparing_counts(
    program: Program,
    windows: Windows,
    ending: tuple[asyncio.Task[None], threading.Event],
) -> None:
    preparing, goes_on = ending
    windows.users[0].cancel()
    goes_on.set()
    for each in (preparing, program.begin()):  # right after that no window opens
        with pytest.raises(UserCancelledError):
            await each
    assert len(windows.users) == 1


async def test_two_preparings_while_a_pin_is_kept_show_one_window(
    program: Program, windows: Windows
) -> None:
    windows.type("1234")
    await program.login.prepare()
    windows.type("1234")
    both = [program.login.prepare() for _ in range(2)]
    ended = await asyncio.gather(*both, return_exceptions=True)
    assert [type(each) for each in ended if each] == [BusyError]
    assert len(windows.users) == 2
