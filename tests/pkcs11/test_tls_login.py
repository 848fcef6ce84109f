# SPDX-License-Identifier: MIT
"""Signatures of TLS handshakes: one window, a kept PIN, and no try too many."""

import asyncio
import threading
from pathlib import Path

import pytest

from kortilla.mock_card.faults import CommandName, Fault, FaultName
from kortilla.mock_card.state import MockCardState
from native_host.card.certificate import CardCertificate
from native_host.card.errors import (
    CardMuteError,
    CardRemovedError,
    CardResetError,
    WrongPinError,
)
from native_host.card.mock_source import MockCardConnection, MockCardSource
from native_host.card.source import CardConnection, Reader
from native_host.config import Config
from native_host.errors import KortillaError, RequestExpiredError, UserCancelledError
from native_host.operations.refusals import Refusals
from native_host.pin_prompt.model import Step
from native_host.pkcs11.service import _TokenService
from native_host.pkcs11.slots import SlotManager
from native_host.platform.process_tree import Program as Running
from tests.operations.user import until
from tests.pkcs11.conftest import (
    LONG,
    NONE,
    CopyCard,
    Program,
    Windows,
    a_login,
    change_pin,
    tries,
)
from tests.support.errors import raises
from tests.support.patience import patience


async def test_the_window_names_the_program_and_no_site(program: Program) -> None:
    for _ in range(2):  # a PIN that is typed in time is kept for nothing
        program.windows.type("1234")
        await program.sign()
        await program.windows.all_closed()
    assert len(program.windows.users) == 2
    assert program.windows.late == []
    user = program.windows.users[0]
    assert user.conversation is not None
    assert user.conversation.operation == "tls-login"
    assert (user.conversation.program, user.conversation.origin) == ("Firefox", "")
    assert Step.READY not in [step for step, _ in user.shown]


async def test_too_many_at_once_are_refused(program: Program, windows: Windows) -> None:
    asked = [program.begin() for _ in range(8)]
    await until(lambda: windows.users)
    for more in (program.sign(), program.login.prepare()):
        with raises("BUSY"):
            await more
    await program.login.close()
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert {getattr(each, "code", None) for each in results} == {"REQUEST_CANCELLED"}


async def test_who_asks_after_the_first_signature_gets_a_window_of_its_own(
    program: Program,
) -> None:
    program.windows.type("1234")
    made = 0

    async def insist() -> None:
        nonlocal made
        while True:
            await program.sign()
            made += 1

    ended = asyncio.gather(*(insist() for _ in range(4)), return_exceptions=True)
    second = await program.windows.asked(1)
    assert made == 4  # those that were asked for meanwhile share one window
    assert len(program.windows.users[0].questions) == 1
    await until(lambda: second.connections[-1:] == [4])
    await program.login.close()
    await ended


async def test_the_person_is_told_how_many_connections_the_pin_is_for(
    program: Program, source: MockCardSource
) -> None:
    first = program.begin()
    user = await program.windows.asked()
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
    assert program.windows.users == [user]


async def test_a_program_that_tries_again_by_itself_opens_no_window_after_cancel(
    program: Program,
) -> None:
    asked = program.begin()
    (await program.windows.asked()).cancel()
    program.windows.type("1234")  # into another window
    for each in (asked, program.sign()):
        with pytest.raises(UserCancelledError):
            await each
    assert len(program.windows.users) == 1


async def test_nobody_waits_any_more_and_the_window_closes(program: Program) -> None:
    asked = [program.begin() for _ in range(2)]
    await program.windows.asked()
    asked[0].cancel()
    await asyncio.sleep(0)
    assert program.windows.closed == []
    asked[1].cancel()
    await program.windows.all_closed()
    program.windows.type("1234")
    await program.sign()


@pytest.mark.parametrize("turns", range(4))
async def test_whoever_gives_up_at_once_leaves_no_window(
    turns: int, program: Program
) -> None:
    asked = program.begin()
    for _ in range(turns):
        await asyncio.sleep(0)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    await program.windows.all_closed()


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
        with pytest.raises((UserCancelledError, KortillaError)):
            await asked


async def test_a_blocked_pin_is_unblocked_in_the_window_and_the_login_goes_on(
    program: Program, folder: Path
) -> None:
    state = MockCardState.open(folder)
    with state.update() as card:
        card.pin1.tries = 0
    program.windows.type("2580")
    program.windows.unlocking = [{"PUK": "12345678", "new-PIN1": "2580"}]
    await program.sign()
    (question,) = program.windows.users[0].questions
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


async def test_it_is_not_sent_to_a_card_that_was_moved(
    windows: Windows, certificate: CardCertificate, folder: Path
) -> None:
    class LikePcsc(MockCardSource):
        async def connect(self, reader: Reader) -> CardConnection:
            """Connect to whatever card is in the reader now."""
            [present] = await self.readers()
            return await super().connect(present)

    async with LikePcsc(folder) as source, a_login(source, windows) as login:
        [reader] = await source.readers()
        source.remove()
        source.insert()
        with pytest.raises(CardRemovedError):
            await login.pins.log_in(certificate, reader, bytearray(b"9999"))
    assert tries(folder) == 5


async def test_a_login_ends_with_its_pin(
    program: Program, source: MockCardSource, folder: Path
) -> None:
    await program.log_in("1234")
    assert program.logged_in
    change_pin(folder, "4321")
    both = [program.sign() for _ in range(2)]
    ended = await asyncio.gather(*both, return_exceptions=True)
    assert [getattr(each, "code", None) for each in ended] == [
        WrongPinError.code,
        "REQUEST_CANCELLED",
    ]
    assert not program.logged_in
    assert tries(folder) == 4
    await program.log_in("4321")
    source.remove()
    await until(lambda: not program.logged_in)


# -- A PIN that is kept for one login: typed too late, or in advance ------------------


async def expires(program: Program) -> None:
    """Request a signature that expires, since the program has given up."""
    with pytest.raises(RequestExpiredError):
        await program.sign()


async def test_a_pin_that_is_typed_late_is_kept_for_one_login_more(
    late: Program,
) -> None:
    user = await late.keep()
    assert late.windows.closed == []
    await late.sign()
    await until(lambda: late.windows.closed == [user])
    await expires(late)
    assert len(late.windows.users) == 2


async def test_a_window_stays_for_the_next_try_when_the_program_waits_no_longer(
    late: Program, source: MockCardSource
) -> None:
    await expires(late)
    user = await late.windows.asked()
    assert late.windows.late == [user]
    late.login._patience = LONG
    again = late.begin()
    await asyncio.sleep(0)
    # It also stays when the next try is cancelled.
    again.cancel()
    await asyncio.gather(again, return_exceptions=True)
    for _ in range(100):
        await asyncio.sleep(0)
    assert late.windows.closed == []
    again = late.begin()
    await asyncio.sleep(0)
    user.pins.append("1234")
    source.remove()  # the window asks again
    await until(lambda: "CARD_REMOVED" in user.problems())
    source.insert()
    await again
    assert late.windows.users == [user]


async def test_whoever_waits_as_long_as_it_takes_is_never_late(
    source: MockCardSource, windows: Windows, certificate: CardCertificate
) -> None:
    async with a_login(source, windows, patience=None) as login:
        windows.type("1234")
        await Program(login, windows, certificate, source).sign()
        await windows.all_closed()
        assert windows.late == []


async def test_two_signatures_at_once_are_one_use_of_a_kept_pin(late: Program) -> None:
    first = await late.keep()
    late.windows.type("1234")
    three = [late.sign() for _ in range(3)]
    results = await asyncio.gather(*three, return_exceptions=True)
    assert results[:2] == [None, None]
    assert isinstance(results[2], RequestExpiredError)
    # The PIN that is typed for the third one takes the place of the first.
    await until(lambda: (Step.READY, None) in late.windows.users[1].shown)
    await until(lambda: late.windows.closed == [first])
    await late.sign()
    assert len(late.windows.users) == 2


async def logs_in(program: Program) -> None:
    """Have a PIN typed in time for a login."""
    program.windows.type("1234")
    await program.sign()
    await program.windows.all_closed()


async def test_a_pin_serves_the_other_connections_of_a_login_and_no_more(
    source: MockCardSource, windows: Windows, certificate: CardCertificate
) -> None:
    async with a_login(source, windows, same_login=LONG) as login:
        program = Program(login, windows, certificate, source)
        await logs_in(program)
        for _ in range(3):
            await program.sign()
        assert len(windows.users) == 1
        await logs_in(program)
        assert len(windows.users) == 2


async def test_time_and_a_moved_card_end_what_a_pin_of_a_login_serves(
    source: MockCardSource, windows: Windows, certificate: CardCertificate
) -> None:
    async with a_login(source, windows, same_login=0.001) as login:
        program = Program(login, windows, certificate, source)
        await logs_in(program)
        await until(lambda: login.pins.kept is None)
        await logs_in(program)
        assert len(windows.users) == 2
    async with a_login(source, windows, same_login=LONG) as login:
        await logs_in(Program(login, windows, certificate, source))
        assert login.pins.kept is not None
        source.remove()
        await until(lambda: login.pins.kept is None)


async def test_a_signature_that_fails_ends_what_a_pin_of_a_login_serves(
    source: MockCardSource, windows: Windows, certificate: CardCertificate, folder: Path
) -> None:
    async with a_login(source, windows, same_login=LONG) as login:
        program = Program(login, windows, certificate, source)
        await logs_in(program)
        with MockCardState.open(folder).update() as card:
            card.pin1.tries = 1
        with raises("CONFIRMATION_NEEDED"):
            await program.sign()
        assert login.pins.kept is None
        assert tries(folder) == 1


async def test_only_in_firefox_a_pin_serves_other_connections(
    source: MockCardSource,
) -> None:
    service = _TokenService(Config(card="mock"), SlotManager(source), None, LONG)
    for browser, gecko in ((True, True), (True, False), (False, False)):
        name = Running(1, "SPECIMEN", browser=browser, gecko=gecko)
        login = service._open_signer(name)
        assert bool(login._same_login) is gecko
        assert login._same_login <= 3


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
    late: Program, source: MockCardSource
) -> None:
    await late.keep()
    source.remove()
    source.insert()
    with pytest.raises(CardRemovedError):
        await late.sign()
    await late.windows.all_closed()
    await late.keep()
    source.remove()
    await late.windows.all_closed()
    source.insert()
    await expires(late)
    assert len(late.windows.users) == 3


async def test_a_login_can_be_prepared(program: Program, folder: Path) -> None:
    program.windows.type("9999", "1234")
    await program.login.prepare()
    [user] = program.windows.users
    assert user.conversation is not None
    assert user.conversation.operation == "prepare-login"
    assert [q.wrong for q in user.questions] == [False, True]
    await until(lambda: user.shown[-1][0] is Step.READY)
    assert tries(folder) == 5
    await program.sign()
    assert program.windows.users == [user]
    await program.windows.all_closed()


async def test_closing_the_window_of_a_prepared_login_leaves_it_prepared(
    program: Program,
) -> None:
    program.windows.type("1234")
    await program.login.prepare()
    program.windows.users[0].cancel()
    await program.windows.all_closed()
    await program.sign()
    assert len(program.windows.users) == 1


async def test_preparing_can_be_cancelled_and_called_off(program: Program) -> None:
    preparing = asyncio.create_task(program.login.prepare())
    (await program.windows.asked()).cancel()
    with pytest.raises(UserCancelledError):
        await preparing
    preparing = asyncio.create_task(program.login.prepare())
    await until(lambda: len(program.windows.users) == 2)
    preparing.cancel()
    await program.windows.all_closed()


async def test_a_kept_pin_that_was_changed_costs_one_try_however_many_ask(
    late: Program, folder: Path
) -> None:
    await late.keep()
    change_pin(folder, "4321")
    both = [late.sign() for _ in range(2)]
    ended = await asyncio.gather(*both, return_exceptions=True)
    assert [getattr(each, "code", None) for each in ended] == [
        WrongPinError.code,
        "REQUEST_CANCELLED",
    ]
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
    for each in (preparing, program.sign()):  # right after that no window opens
        with pytest.raises(UserCancelledError):
            await each
    assert len(windows.users) == 1


async def test_two_preparings_while_a_pin_is_kept_show_one_window(
    program: Program,
) -> None:
    program.windows.type("1234")
    await program.login.prepare()
    program.windows.type("1234")
    both = [program.login.prepare() for _ in range(2)]
    ended = await asyncio.gather(*both, return_exceptions=True)
    assert [getattr(each, "code", None) for each in ended if each] == ["BUSY"]
    assert len(program.windows.users) == 2


@pytest.mark.parametrize("resets", [1, 2])
async def test_a_card_that_is_reset_is_used_anew_once_before_a_known_pin(
    program: Program, monkeypatch: pytest.MonkeyPatch, resets: int
) -> None:
    """After the PIN was sent it is never used anew."""
    sent: list[CommandName | None] = []
    commands_left, resets_left = 99, 0
    send = MockCardConnection.send_and_receive

    def send_or_reset(card: MockCardConnection, apdu: bytes) -> tuple[bytes, int]:
        nonlocal commands_left, resets_left
        commands_left -= 1
        if commands_left < 0 < resets_left:
            resets_left -= 1
            raise CardResetError("reset")
        sent.append(CommandName.of(apdu))
        return send(card, apdu)

    monkeypatch.setattr(MockCardConnection, "send_and_receive", send_or_reset)
    await program.log_in("1234")
    sent.clear()
    await program.sign()
    names = [*sent]
    at_pin = names.index(CommandName.VERIFY)
    for number in range(len(names)):
        sent.clear()
        commands_left, resets_left = number, resets
        unnoticed = number < at_pin and resets == 1
        if unnoticed:
            await program.sign()
        else:
            with pytest.raises(CardResetError):
                await program.sign()
        pins = sent.count(CommandName.VERIFY)
        assert pins == (unnoticed or number > at_pin), number
    assert program.windows.users == []
