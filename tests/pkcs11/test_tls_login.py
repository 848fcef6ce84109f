# SPDX-License-Identifier: MIT
"""Signatures of TLS handshakes: one window, and no try too many."""

import asyncio
from pathlib import Path

import pytest

from kortilla.mock_card.faults import CommandName, Fault, FaultName
from kortilla.mock_card.state import MockCardState
from native_host.card.certificate import CardCertificate
from native_host.card.errors import CardMuteError, CardRemovedError, WrongPinError
from native_host.card.mock_source import MockCardSource
from native_host.errors import BusyError, RequestCancelledError, UserCancelledError
from native_host.operations.refusals import Refusals
from native_host.pin_prompt.model import Step
from tests.operations.user import until
from tests.pkcs11.conftest import (
    CopyCard,
    Program,
    Windows,
    a_login,
    change_pin,
    tries,
)


async def test_the_window_names_the_program_and_no_site(
    program: Program, windows: Windows
) -> None:
    for _ in range(2):  # a PIN that is typed in time is kept for nothing
        windows.type("1234")
        await program.sign()
        await windows.all_closed()
    assert len(windows.users) == 2
    assert windows.late == []
    user = windows.users[0]
    assert user.conversation is not None
    assert user.conversation.operation == "tls-login"
    assert (user.conversation.program, user.conversation.origin) == ("Firefox", "")
    assert Step.READY not in [step for step, _ in user.shown]


async def test_too_many_at_once_are_refused(program: Program, windows: Windows) -> None:
    asked = [program.begin() for _ in range(8)]
    await until(lambda: windows.users)
    for more in (program.sign(), program.login.prepare()):
        with pytest.raises(BusyError):
            await more
    await program.login.close()
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(each, RequestCancelledError) for each in results)


async def test_who_asks_after_the_first_signature_gets_a_window_of_its_own(
    program: Program, windows: Windows
) -> None:
    windows.type("1234")
    made = 0

    async def insist() -> None:
        nonlocal made
        while True:
            await program.sign()
            made += 1

    ended = asyncio.gather(*(insist() for _ in range(4)), return_exceptions=True)
    second = await windows.asked(1)
    assert made == 4  # those that were asked for meanwhile share one window
    assert len(windows.users[0].questions) == 1
    await until(lambda: second.connections[-1:] == [4])
    await program.login.close()
    await ended


async def test_the_person_is_told_how_many_connections_the_pin_is_for(
    program: Program, windows: Windows, source: MockCardSource
) -> None:
    first = program.begin()
    user = await windows.asked()
    assert user.connections == [1]
    others = [program.begin() for _ in range(2)]
    await until(lambda: user.connections == [1, 2, 3])
    others[1].cancel()
    await until(lambda: user.connections == [1, 2, 3, 2])
    source.remove()  # so that the window asks for the PIN once more
    user.pins.append("1234")
    source.insert()
    await asyncio.gather(first, others[0])
    assert user.connections == [1, 2, 3, 2]
    assert windows.users == [user]


async def test_a_program_that_tries_again_by_itself_opens_no_window_after_cancel(
    program: Program, windows: Windows
) -> None:
    asked = program.begin()
    (await windows.asked()).cancel()
    for each in (asked, program.begin()):
        with pytest.raises(UserCancelledError):
            await each
    assert len(windows.users) == 1


async def test_nobody_waits_any_more_and_the_window_closes(
    program: Program, windows: Windows
) -> None:
    asked = [program.begin() for _ in range(2)]
    await windows.asked()
    asked[0].cancel()
    await asyncio.sleep(0)
    assert windows.closed == []
    asked[1].cancel()
    await windows.all_closed()
    windows.type("1234")
    await program.sign()


@pytest.mark.parametrize("turns", range(4))
async def test_whoever_gives_up_at_once_leaves_no_window(
    turns: int, program: Program, windows: Windows
) -> None:
    asked = program.begin()
    for _ in range(turns):
        await asyncio.sleep(0)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    await windows.all_closed()


async def test_another_card_does_not_sign(
    windows: Windows, certificate: CardCertificate, copy_card: CopyCard
) -> None:
    async with (
        MockCardSource(copy_card("v4.2")) as other,
        a_login(other, windows) as login,
    ):
        asked = Program(login, windows, certificate, other).begin()
        await until(
            lambda: windows.users and "OTHER_CARD" in windows.users[0].problems()
        )
        assert not windows.users[0].questions
        await login.close()
        with pytest.raises((UserCancelledError, RequestCancelledError)):
            await asked


async def test_a_blocked_pin_is_unblocked_in_the_window_and_the_login_goes_on(
    program: Program, windows: Windows, folder: Path
) -> None:
    state = MockCardState.open(folder)
    with state.update() as card:
        card.pin1.tries = 0
    windows.type("2580")
    windows.unlocking = [{"PUK": "12345678", "new-PIN1": "2580"}]
    await program.sign()
    (question,) = windows.users[0].questions
    assert question.unlocked
    assert tries(folder) == 5


# -- A PIN that the program has asked for (C_Login) ------------------------------------


async def test_a_pin_that_the_card_did_not_answer_to_is_not_sent_again(
    program: Program, source: MockCardSource, folder: Path
) -> None:
    state = MockCardState.open(folder)
    state.set_faults(Fault(FaultName.MUTE, on=CommandName.VERIFY, when="after"))
    with pytest.raises(CardMuteError):
        await program.log_in("9999")
    source.remove()
    source.insert()
    for _ in range(2):
        with pytest.raises(WrongPinError) as caught:
            await program.log_in("9999")
        assert caught.value.tries_left == 4
    assert tries(folder) == 4
    # It may be right later.
    change_pin(folder, "9999")
    await program.log_in("9999")
    await program.sign()


async def test_what_is_refused_is_known_to_all_who_share_it(
    windows: Windows, certificate: CardCertificate, source: MockCardSource, folder: Path
) -> None:
    shared = Refusals()
    for _ in range(3):
        async with a_login(source, windows, refusals=shared) as login:
            with pytest.raises(WrongPinError):
                await Program(login, windows, certificate, source).log_in("9999")
    assert tries(folder) == 4
    # Nor from a window.
    async with a_login(source, windows, refusals=shared) as login:
        windows.type("9999", "1234")
        await Program(login, windows, certificate, source).sign()
    assert [each.repeated for each in windows.users[0].questions] == [False, True]
    assert tries(folder) == 5


async def test_it_is_not_sent_to_another_card_than_it_is_for(
    windows: Windows, certificate: CardCertificate, copy_card: CopyCard
) -> None:
    folder = copy_card("v4.2")
    async with MockCardSource(folder) as other, a_login(other, windows) as login:
        with pytest.raises(CardRemovedError):
            await Program(login, windows, certificate, other).log_in("9999")
    assert tries(folder) == 5


async def test_a_login_ends_with_its_pin(
    program: Program, source: MockCardSource, folder: Path
) -> None:
    await program.log_in("1234")
    assert program.logged_in
    change_pin(folder, "4321")
    both = [program.sign() for _ in range(2)]
    ended = await asyncio.gather(*both, return_exceptions=True)
    assert [type(each) for each in ended] == [WrongPinError, RequestCancelledError]
    assert not program.logged_in
    assert tries(folder) == 4
    await program.log_in("4321")
    source.remove()
    await until(lambda: not program.logged_in)
