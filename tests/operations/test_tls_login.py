# SPDX-License-Identifier: MIT
"""Signatures of TLS handshakes: one window, a PIN that is kept, and no try too many."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from native_host.card.certificate import CardCertificate
from native_host.card.errors import CardRemoved, PinBlocked, WrongPin
from native_host.card.fineid import FineidCard
from native_host.card.signature import (
    SignatureAlgorithm,
    SignatureScheme,
    token_algorithm,
)
from native_host.errors import (
    Busy,
    RequestCancelled,
    RequestExpired,
    UserCancelled,
)
from native_host.mock_card.faults import CommandName, Fault
from native_host.mock_card.source import MockCardSource
from native_host.mock_card.state import MockCardState
from native_host.operations.authenticate import authentication_key
from native_host.operations.known_pin import ConfirmationNeeded
from native_host.operations.tls_login import PinPadOnly, TlsLogin
from native_host.pin_prompt.prompt import Step

from .person import Person, until

DIGEST = bytes(range(48))
#: Longer than any test takes, and no time at all.
LONG, NONE = 1000.0, 0.0


class Windows:
    """The windows of one login, each a person's; the PINs are typed when given."""

    def __init__(self) -> None:
        self.persons: list[Person] = []
        self.closed: list[Person] = []
        self.late: list[Person] = []
        self.pins: list[list[str]] = []

    def open(self) -> Person:
        windows = self

        class Watched(Person):
            async def close(self) -> None:
                windows.closed.append(self)

            def say_late(self) -> None:
                windows.late.append(self)

        person = Watched(self.pins.pop(0) if self.pins else [])
        self.persons.append(person)
        return person

    def type(self, *pins: str) -> None:
        """Have the next window answered with these."""
        self.pins.append(list(pins))


@pytest.fixture
def windows() -> Windows:
    return Windows()


@pytest.fixture
async def login(source: MockCardSource, windows: Windows) -> AsyncIterator[TlsLogin]:
    login = a_login(source, windows)
    yield login
    await login.close()
    assert sorted(map(id, windows.closed)) == sorted(map(id, windows.persons))
    assert not any(any(pin) for each in windows.persons for pin in each.typed)


@pytest.fixture
async def late_login(
    source: MockCardSource, windows: Windows
) -> AsyncIterator[TlsLogin]:
    """One whose program stops waiting at once."""
    login = a_login(source, windows, patience=NONE)
    yield login
    await login.close()
    assert sorted(map(id, windows.closed)) == sorted(map(id, windows.persons))
    assert not any(any(pin) for each in windows.persons for pin in each.typed)


def a_login(
    source: MockCardSource,
    windows: Windows,
    *,
    patience: float | None = LONG,
    kept_for: float = LONG,
) -> TlsLogin:
    return TlsLogin(
        source=source,
        open_prompt=windows.open,
        program="Firefox",
        language="fi",
        patience=patience,
        kept_for=kept_for,
    )


@pytest.fixture
async def certificate(source: MockCardSource) -> CardCertificate:
    """The certificate that a program has seen."""
    [reader] = await source.readers()
    connection = await source.connect(reader)
    card = await source.run(FineidCard, connection)
    _, certificate = await source.run(authentication_key, card)
    await source.run(connection.close)
    return certificate


def algorithm(certificate: CardCertificate) -> SignatureAlgorithm:
    return token_algorithm(certificate.public_key)


async def sign(login: TlsLogin, certificate: CardCertificate) -> None:
    """Have a signature made, and verify it."""
    chosen = algorithm(certificate)
    value = await login.sign(certificate, DIGEST, chosen)
    SignatureScheme(certificate.public_key, chosen).verify(value, DIGEST)


async def sign_late(login: TlsLogin, certificate: CardCertificate) -> None:
    """Ask for a signature for which nobody waits, and see the person ready."""
    with pytest.raises(RequestExpired):
        await sign(login, certificate)


async def ready(person: Person) -> None:
    """Wait until a window says that the PIN is kept."""
    await until(lambda: person.shown and person.shown[-1][0] is Step.READY)


def tries(folder: Path) -> int:
    return MockCardState.open(folder).read().pin1.tries


async def test_the_window_names_the_program_and_no_site(
    login: TlsLogin, windows: Windows, certificate: CardCertificate
) -> None:
    windows.type("1234")
    await sign(login, certificate)
    [person] = windows.persons
    assert person.conversation is not None
    assert person.conversation.operation == "tls-login"
    assert (person.conversation.program, person.conversation.origin) == ("Firefox", "")
    await until(lambda: windows.closed == [person])
    assert Step.READY not in [step for step, _ in person.shown]


async def test_a_wrong_pin_is_said_in_the_window(
    login: TlsLogin, windows: Windows, certificate: CardCertificate, folder: Path
) -> None:
    windows.type("9999", "9999", "1234")
    await sign(login, certificate)
    [person] = windows.persons
    assert [q.wrong for q in person.questions] == [False, True, True]
    assert [q.tries_left for q in person.questions] == [5, 4, 4]
    assert tries(folder) == 5


async def test_all_who_ask_meanwhile_share_one_window(
    login: TlsLogin, windows: Windows, certificate: CardCertificate
) -> None:
    windows.type("1234")
    await asyncio.gather(*(sign(login, certificate) for _ in range(3)))
    [person] = windows.persons
    assert len(person.questions) == 1


async def test_cancel_is_for_all_who_wait(
    login: TlsLogin, windows: Windows, certificate: CardCertificate
) -> None:
    asked = [asyncio.create_task(sign(login, certificate)) for _ in range(3)]
    await until(lambda: windows.persons and windows.persons[0].questions)
    windows.persons[0].cancel()
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(each, UserCancelled) for each in results)
    assert len(windows.persons) == 1


async def test_too_many_at_once_are_refused(
    login: TlsLogin, windows: Windows, certificate: CardCertificate
) -> None:
    asked = [asyncio.create_task(sign(login, certificate)) for _ in range(8)]
    await until(lambda: windows.persons)
    with pytest.raises(Busy):
        await sign(login, certificate)
    with pytest.raises(Busy):
        await login.prepare()
    await login.close()
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(each, RequestCancelled) for each in results)


async def test_a_pin_that_is_typed_in_time_is_kept_for_nothing(
    login: TlsLogin, windows: Windows, certificate: CardCertificate
) -> None:
    windows.type("1234")
    await sign(login, certificate)
    windows.type("1234")
    await sign(login, certificate)
    assert len(windows.persons) == 2
    assert windows.late == []


async def test_a_pin_that_is_typed_late_is_kept_for_one_login_more(
    late_login: TlsLogin, windows: Windows, certificate: CardCertificate
) -> None:
    windows.type("1234")
    await sign_late(late_login, certificate)
    [person] = windows.persons
    await ready(person)
    assert windows.closed == []
    await sign(late_login, certificate)
    await until(lambda: windows.closed == [person])
    await sign_late(late_login, certificate)
    assert len(windows.persons) == 2


async def test_a_window_stays_when_the_program_waits_no_longer_and_says_so(
    late_login: TlsLogin, windows: Windows, certificate: CardCertificate
) -> None:
    await sign_late(late_login, certificate)
    await until(lambda: windows.persons[0].questions)
    assert windows.late == windows.persons
    assert windows.closed == []


async def test_the_programs_next_try_is_for_the_window_that_is_still_open(
    late_login: TlsLogin,
    windows: Windows,
    certificate: CardCertificate,
    source: MockCardSource,
) -> None:
    await sign_late(late_login, certificate)
    await until(lambda: windows.persons[0].questions)
    late_login._patience = LONG
    again = asyncio.create_task(sign(late_login, certificate))
    await asyncio.sleep(0)
    assert len(windows.persons) == 1
    windows.persons[0].pins.append("1234")
    source.remove()  # the question is asked anew
    await until(lambda: "CARD_REMOVED" in windows.persons[0].problems())
    source.insert()
    await again
    assert len(windows.persons) == 1


async def test_whoever_waits_as_long_as_it_takes_is_never_late(
    source: MockCardSource, windows: Windows, certificate: CardCertificate
) -> None:
    login = a_login(source, windows, patience=None)
    windows.type("1234")
    await sign(login, certificate)
    await until(lambda: windows.closed == windows.persons)
    assert windows.late == []
    await login.close()


async def test_a_program_that_tries_again_by_itself_opens_no_window_after_cancel(
    login: TlsLogin, windows: Windows, certificate: CardCertificate
) -> None:
    asked = asyncio.create_task(sign(login, certificate))
    await until(lambda: windows.persons and windows.persons[0].questions)
    windows.persons[0].cancel()
    with pytest.raises(UserCancelled):
        await asked
    with pytest.raises(UserCancelled):
        await sign(login, certificate)
    assert len(windows.persons) == 1


async def test_two_signatures_at_once_are_one_use_of_a_kept_pin(
    late_login: TlsLogin, windows: Windows, certificate: CardCertificate
) -> None:
    windows.type("1234")
    await sign_late(late_login, certificate)
    await ready(windows.persons[0])
    results = await asyncio.gather(
        *(sign(late_login, certificate) for _ in range(3)), return_exceptions=True
    )
    assert results[:2] == [None, None]
    assert isinstance(results[2], RequestExpired)
    assert len(windows.persons) == 2


async def test_a_pin_that_is_typed_while_another_is_kept_takes_its_place(
    late_login: TlsLogin, windows: Windows, certificate: CardCertificate
) -> None:
    windows.type("1234")
    await sign_late(late_login, certificate)
    await ready(windows.persons[0])
    windows.type("1234")
    await asyncio.gather(
        *(sign(late_login, certificate) for _ in range(3)), return_exceptions=True
    )
    await ready(windows.persons[1])
    await until(lambda: windows.closed == windows.persons[:1])
    await sign(late_login, certificate)
    assert len(windows.persons) == 2


async def test_time_ends_the_keeping(
    source: MockCardSource, windows: Windows, certificate: CardCertificate
) -> None:
    login = a_login(source, windows, patience=NONE, kept_for=NONE)
    windows.type("1234")
    await sign_late(login, certificate)
    await until(lambda: windows.closed == windows.persons)
    await sign_late(login, certificate)
    assert len(windows.persons) == 2
    await login.close()


async def test_a_card_that_was_moved_ends_the_keeping(
    late_login: TlsLogin,
    windows: Windows,
    certificate: CardCertificate,
    source: MockCardSource,
) -> None:
    windows.type("1234")
    await sign_late(late_login, certificate)
    await ready(windows.persons[0])
    source.remove()
    source.insert()
    with pytest.raises(CardRemoved):
        await sign(late_login, certificate)
    await until(lambda: windows.closed == windows.persons)
    windows.type("1234")
    await sign_late(late_login, certificate)
    await ready(windows.persons[1])
    await late_login.forget()
    await until(lambda: windows.closed == windows.persons)
    await sign_late(late_login, certificate)
    assert len(windows.persons) == 3


async def test_a_login_can_be_prepared(
    login: TlsLogin, windows: Windows, certificate: CardCertificate, folder: Path
) -> None:
    windows.type("9999", "1234")
    await login.prepare()
    [person] = windows.persons
    assert person.conversation is not None
    assert person.conversation.operation == "prepare-login"
    assert [q.wrong for q in person.questions] == [False, True]
    await until(lambda: person.shown[-1][0] is Step.READY)
    assert tries(folder) == 5
    await sign(login, certificate)
    assert windows.persons == [person]
    await until(lambda: windows.closed == [person])


async def test_closing_the_window_of_a_prepared_login_leaves_it_prepared(
    login: TlsLogin, windows: Windows, certificate: CardCertificate
) -> None:
    windows.type("1234")
    await login.prepare()
    windows.persons[0].cancel()
    await until(lambda: windows.closed == windows.persons)
    await sign(login, certificate)
    assert len(windows.persons) == 1


async def test_preparing_can_be_cancelled_and_called_off(
    login: TlsLogin, windows: Windows
) -> None:
    preparing = asyncio.create_task(login.prepare())
    await until(lambda: windows.persons and windows.persons[0].questions)
    windows.persons[0].cancel()
    with pytest.raises(UserCancelled):
        await preparing
    preparing = asyncio.create_task(login.prepare())
    await until(lambda: len(windows.persons) == 2)
    preparing.cancel()
    await until(lambda: windows.closed == windows.persons)


async def test_a_pin_pad_cant_prepare(
    login: TlsLogin,
    windows: Windows,
    source: MockCardSource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(FineidCard, "has_pin_pad", True)
    with pytest.raises(PinPadOnly):
        await login.prepare()


async def test_nobody_waits_any_more_and_the_window_closes(
    login: TlsLogin,
    windows: Windows,
    certificate: CardCertificate,
    source: MockCardSource,
) -> None:
    asked = [asyncio.create_task(sign(login, certificate)) for _ in range(2)]
    await until(lambda: windows.persons and windows.persons[0].questions)
    asked[0].cancel()
    await asyncio.sleep(0)
    assert windows.closed == []
    asked[1].cancel()
    await until(lambda: windows.closed == windows.persons)
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
    await until(lambda: windows.closed == windows.persons)


async def test_a_card_pulled_while_a_pin_is_asked_for_may_be_put_back(
    login: TlsLogin,
    windows: Windows,
    certificate: CardCertificate,
    source: MockCardSource,
) -> None:
    asked = asyncio.create_task(sign(login, certificate))
    await until(lambda: windows.persons and windows.persons[0].questions)
    person = windows.persons[0]
    source.remove()
    await until(lambda: "CARD_REMOVED" in person.problems())
    person.pins.append("1234")
    source.insert()
    await asked


async def test_another_card_does_not_sign(
    login: TlsLogin,
    windows: Windows,
    certificate: CardCertificate,
    source: MockCardSource,
    old_made_once: Path,
) -> None:
    other = MockCardSource(old_made_once)
    async with other:
        strange = TlsLogin(
            source=other, open_prompt=windows.open, program="x", language="sv"
        )
        asked = asyncio.create_task(
            strange.sign(certificate, DIGEST, algorithm(certificate))
        )
        await until(
            lambda: windows.persons and "OTHER_CARD" in windows.persons[0].problems()
        )
        assert not windows.persons[0].questions
        await strange.close()
        with pytest.raises((UserCancelled, RequestCancelled)):
            await asked


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


async def test_a_kept_pin_that_is_wrong_by_now_is_sent_once(
    late_login: TlsLogin,
    windows: Windows,
    certificate: CardCertificate,
    folder: Path,
) -> None:
    windows.type("1234")
    await sign_late(late_login, certificate)
    await ready(windows.persons[0])
    state = MockCardState.open(folder)
    with state.update() as card:
        card.pin1.value = "4321"
    with pytest.raises(WrongPin):
        await sign(late_login, certificate)
    windows.type("4321")
    await sign_late(late_login, certificate)
    await ready(windows.persons[1])
    await sign(late_login, certificate)
    assert tries(folder) == 5


async def test_a_blocked_pin_is_said_in_the_window(
    source: MockCardSource,
    windows: Windows,
    certificate: CardCertificate,
    folder: Path,
) -> None:
    login = a_login(source, windows)
    state = MockCardState.open(folder)
    with state.update() as card:
        card.pin1.tries = 0
    asked = asyncio.create_task(sign(login, certificate))
    await until(lambda: windows.persons and windows.persons[0].problems())
    assert windows.persons[0].problems() == ["PIN_BLOCKED"]
    windows.persons[0].cancel()
    with pytest.raises(UserCancelled) as caught:
        await asked
    assert caught.value.reason == PinBlocked.code
    with pytest.raises(PinBlocked):
        await login.log_in(certificate, bytearray(b"1234"))
    await login.close()


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


async def test_a_signature_that_does_not_verify_does_not_leave(
    login: TlsLogin, windows: Windows, certificate: CardCertificate, folder: Path
) -> None:
    state = MockCardState.open(folder)
    state.set_faults(Fault("garbled", on=CommandName.SIGN, when="after"))
    windows.type("1234", "1234")
    asked = asyncio.create_task(sign(login, certificate))
    await until(lambda: windows.persons and windows.persons[0].problems())
    assert windows.persons[0].problems() == ["SIGNATURE_INVALID"]
    windows.persons[0].cancel()
    with pytest.raises(UserCancelled):
        await asked
