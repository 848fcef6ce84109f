# SPDX-License-Identifier: MIT
"""The operations on a card on a contactless reader: the CAN comes first."""

import asyncio
import functools
import gc
import hashlib
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from kortilla.mock_card.authority import make_satu
from kortilla.mock_card.card_data import CAN
from kortilla.mock_card.contactless import ContactlessCard
from kortilla.mock_card.faults import CommandName, Fault
from kortilla.mock_card.state import MockCardState
from native_host.card import mock_source
from native_host.card.contactless.pace import open_channel
from native_host.card.errors import CardResetError, UnsupportedCardError
from native_host.card.fineid import PinRole
from native_host.card.mock_source import MockCardConnection, MockCardSource
from native_host.card.pcsc import PcscSource
from native_host.card.pcsc_connection import PcscConnection
from native_host.doctor.examination import PATIENCE
from native_host.operations import signing_certificate as operation
from native_host.operations.authenticate import look_for_authentication
from native_host.operations.card_access import secure_channel
from native_host.operations.card_access.access_numbers import AccessNumbers
from native_host.operations.card_access.card_session import UsableCards
from native_host.operations.card_access.secure_channel import (
    MUTE_AFTER,
    SLOW_AFTER,
    connect_unasked,
)
from native_host.operations.card_status import card_status
from native_host.operations.pin import PinAsker
from native_host.operations.request import Context
from native_host.operations.set_pin import PinsSet
from native_host.operations.sign import Signatures
from native_host.operations.signing_certificate import CertificateRequest
from native_host.pin_prompt.automatic import AutomaticPrompt
from native_host.pin_prompt.model import CanQuestion, Problem, Step
from native_host.pin_prompt.prompt import PromptError
from native_host.state import remembered_can
from tests.operations.faulty_session import log_in, signing_of
from tests.operations.managing import (
    NEW_PIN1,
    NEW_PIN2,
    NewCard,
    activating,
    changing,
    pins,
    tries,
    typing,
    unlocking,
)
from tests.operations.signing import ORIGIN, certificate_of
from tests.operations.test_shared_card import Slow, swap
from tests.operations.user import User, cancelled, until
from tests.support.patience import patience
from tests.support.pcsc import READER, Pcscd, isolated

WRONG = "111111"
SELECT = bytes.fromhex("00A4040C0CA000000063504B43532D3135")
SLOW = (Step.CONTACTLESS, Problem("CARD_SLOW"))


def a_source(folder: Path) -> MockCardSource:
    return MockCardSource(folder, contactless=True)


@dataclass
class Reached:
    """What has reached the card: the numbers of connections and PACE's choices."""

    connections: int = 0
    choices: int = 0


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> Reached:
    counted = Reached()
    begin, send = MockCardConnection.__init__, MockCardConnection.send_and_receive

    def begin_counted(*args: object, **kwargs: object) -> None:
        counted.connections += 1
        begin(*args, **kwargs)  # type: ignore[arg-type]

    def send_counted(self: MockCardConnection, command: bytes) -> tuple[bytes, int]:
        counted.choices += command[1:4] == b"\x22\xc1\xa4"
        assert counted.choices < 9, "a program that tries by itself does not end"
        return send(self, command)

    monkeypatch.setattr(MockCardConnection, "__init__", begin_counted)
    monkeypatch.setattr(MockCardConnection, "send_and_receive", send_counted)
    return counted


async def test_a_card_is_activated_used_changed_and_unlocked(new_card: NewCard) -> None:
    state = new_card("seven")

    def user(*pins: str, codes: dict[str, str] | None = None) -> User:
        return User(list(pins), cans=[CAN], codes=[codes] if codes else [])

    async with a_source(state.folder) as source:
        activated = await activating(source, user(codes=typing(7)))
        assert activated == PinsSet("set", "set")
        assert isinstance(await log_in(source, user(NEW_PIN1)), dict)
        signed = await signing_of("abc")(source, user(NEW_PIN2))
        assert isinstance(signed, Signatures)
        assert len(signed.signatures) == 3
        page = {"old": NEW_PIN1, "new-PIN1": "1234"}
        await changing(PinRole.PIN1)(source, user(codes=page))
        page = {"PUK": state.read().puk.value, "new-PIN2": "123456"}
        await unlocking(PinRole.PIN2)(source, user(codes=page))
        assert pins(state) == ("1234", "123456")
        assert tries(state) == (5, 5, 5)


async def test_nothing_is_held_until_the_can_is_typed(
    folder: Path, reached: Reached
) -> None:
    async with a_source(folder) as source:
        user = User()
        login = asyncio.create_task(log_in(source, user))
        await until(lambda: user.can_questions)
        assert user.can_questions == [CanQuestion()]
        assert reached == Reached(0, 0)
        assert await cancelled(user, login) is None
        assert reached == Reached(0, 0)


async def test_a_wrong_can_is_sent_once_and_asked_for_again(
    folder: Path, reached: Reached
) -> None:
    async with a_source(folder) as source:
        user = User(["1234"], cans=[WRONG, WRONG, CAN])
        await log_in(source, user)
        assert [each.wrong for each in user.can_questions] == [False, True, True]
        # The last one is for the PIN that was typed.
        assert reached == Reached(4, 4)
        # The person is told why the card is slow now, and not before.
        shown = [each for each in user.shown if each[0] is Step.CONTACTLESS]
        assert shown[:3] == [(Step.CONTACTLESS, None), SLOW, SLOW]
        assert shown[-1] == (Step.CONTACTLESS, None)
        assert tries(source._state) == (5, 5, 5)


async def test_who_has_the_can_remembered_allows_nothing_else(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def possible() -> bool:
        return True

    async def remember(can: bytearray) -> None:
        remembered.append(bytes(can))

    remembered: list[bytes] = []
    monkeypatch.setattr(remembered_can, "can_remember", possible)
    monkeypatch.setattr(remembered_can, "remember", remember)
    async with a_source(folder) as source:
        user = User(["1234"], cans=[CAN], allows=True)
        context = Context(source, user)
        asker = PinAsker(context, PinRole.PIN1)
        async for held_card in UsableCards(context, look=look_for_authentication):
            async with held_card:
                certificate = await held_card.run(
                    look_for_authentication, held_card.card
                )
                tries = asker.tries(held_card, certificate, can_allow=True)
                async for attempt in tries:
                    async with attempt:
                        await attempt.verify()
    assert remembered == [CAN.encode()]
    assert [each.can_allow for each in user.questions] == [True]
    assert [each.ticked for each in user.questions] == [False]


async def test_several_tasks_may_learn_that_a_can_is_wrong(folder: Path) -> None:
    """A process that serves other programs has windows, and reads cards for them."""
    numbers = AccessNumbers()
    async with a_source(folder) as source:
        [reader] = await source.readers()
        numbers._known[reader.name] = bytearray(WRONG, "ascii")
        connecting = [connect_unasked(source, reader, numbers) for _ in range(2)]
        for found in await asyncio.gather(*connecting, return_exceptions=True):
            assert isinstance(found, UnsupportedCardError)
        assert reader not in numbers
        context = Context(source, User(), numbers=numbers)
        cards = UsableCards(context, look=look_for_authentication)
        assert await cards.channels.reopen(reader) is None

        # The window has got another number while the old one was tried.
        numbers._known[reader.name] = bytearray(WRONG, "ascii")
        late = asyncio.create_task(connect_unasked(source, reader, numbers))
        await asyncio.sleep(0)  # it has the old one
        numbers._known[reader.name] = bytearray(CAN, "ascii")
        with pytest.raises(UnsupportedCardError):
            await late
        assert numbers.known(reader) == bytearray(CAN, "ascii")


async def test_the_can_is_asked_for_once_though_the_card_is_moved(
    folder: Path, reached: Reached
) -> None:
    async with a_source(folder) as source:
        user = User(cans=[CAN])
        login = asyncio.create_task(log_in(source, user))
        await until(lambda: user.questions)
        source.remove()
        await until(lambda: "CARD_REMOVED" in user.problems())
        user.pins.append("1234")
        source.insert()
        await login
        assert len(user.can_questions) == 1
        assert reached == Reached(3, 3)


async def test_a_card_that_is_moved_before_the_can_is_asked_about_anew(
    folder: Path, reached: Reached
) -> None:
    async with a_source(folder) as source:
        user = User(["1234"])
        login = asyncio.create_task(log_in(source, user))
        await until(lambda: user.can_questions)
        source.remove()
        await until(lambda: "CARD_REMOVED" in user.problems())
        assert reached == Reached(0, 0)
        user.cans.append(CAN)
        source.insert()
        await login


async def test_no_can_stays_in_memory(folder: Path) -> None:
    async with a_source(folder) as source:
        user = User(["1234"], cans=[WRONG, CAN])
        await log_in(source, user)
        gc.collect()
        assert {bytes(each).strip(b"\0") for each in user.typed} == {b""}


async def test_an_attack_during_a_login_costs_no_try(
    folder: Path, reached: Reached
) -> None:
    """It is said as a fault of the card, and the PIN is not sent again."""
    async with a_source(folder) as source:
        state = source._state
        state.set_faults(Fault("wrong-checksum", on=CommandName.CHOOSE_KEY))
        user = User(["1234"], cans=[CAN])
        login = asyncio.create_task(log_in(source, user))
        await until(user.problems)
        assert await cancelled(user, login) == "CARD_ERROR"
        assert tries(state) == (5, 5, 5)
        assert reached == Reached(2, 2)


async def test_a_program_answers_with_a_can_once(folder: Path) -> None:
    codes = {"PIN1": "1234", "CAN": CAN}
    async with a_source(folder) as source:
        assert isinstance(await log_in(source, AutomaticPrompt(codes)), dict)
        for can in ({}, {"CAN": WRONG}):
            with pytest.raises(PromptError):
                await log_in(source, AutomaticPrompt({"PIN1": "1234", **can}))


class LoggedCard(ContactlessCard):
    """Such a card on pcscd's reader. ``log`` has its commands, and its resets."""

    def __init__(self, state: MockCardState) -> None:
        self.log: list[bytes] = []
        super().__init__(state)

    def transmit(self, apdu: bytes) -> bytes:
        self.log.append(apdu)
        return super().transmit(apdu)

    def reset(self) -> None:
        self.log.append(b"")
        super().reset()


def is_of_pace(apdu: bytes) -> bool:
    """Whether a command in clear belongs to PACE, or to the reading of its file."""
    selects = apdu[1] == 0xA4 and apdu[5:] in {b"\x3f\x00", b"\x01\x1c", b"\x01\x1c\0"}
    chooses = apdu[:4] == b"\x00\x22\xc1\xa4"
    return selects or chooses or apdu[1] in {0xB0, 0x86, 0xC0}


def in_clear(log: list[bytes]) -> list[bytes]:
    return [each for each in log if each and each[0] & 0x0C != 0x0C]


def runs(log: list[bytes]) -> int:
    return sum(apdu[1:4] == b"\x22\xc1\xa4" for apdu in log)


def another_program(does: str) -> None:
    """Use the card while a window asks, and leave it so."""
    connection = PcscConnection(READER)
    try:
        # The window's program has left no channel, which would refuse all others.
        assert connection.send_and_receive(SELECT) == (b"", 0x6982)
        if does in {"opens", "tears"}:
            open_channel(connection, bytearray(CAN.encode()))
        if does == "tears":
            assert connection.send_and_receive(SELECT) == (b"", 0x6982)
            assert connection.send_and_receive(SELECT)[1] in {0x6988, 0x6999}
        connection.needs_reset = does == "resets"
    finally:
        connection.close()


@isolated
async def test_another_program_uses_the_card_while_the_window_asks(
    pcscd: Pcscd,
) -> None:
    """The channel is opened, also again, with the CAN that was typed once."""
    card = LoggedCard(pcscd.new_card())
    pcscd.insert(card)
    pcscd.settle()
    keeper = PcscConnection(READER)  # without any, pcscd takes the card its power
    keeper.release()
    for does, times in ("looks", 1), ("resets", 1), ("opens", 2), ("tears", 2):
        await asyncio.to_thread(another_program, does)
        card.log.clear()
        before: list[bytes] = []

        async def use(does: str = does, before: list[bytes] = before) -> None:
            before += card.log
            await asyncio.to_thread(another_program, does)
            card.log.clear()

        async with PcscSource() as source:
            user = Slow(["1234"], cans=[CAN], meanwhile=[use])
            await log_in(source, user)
        assert user.problems() == [], does
        assert len(user.can_questions) == len(user.questions) == 1, does
        for log in (before, card.log):
            masters = [each for each in log if each[5:7] == b"\x3f\x00"]
            assert len(masters) == times, does
            assert runs(log) == 1, does
            assert [each for each in in_clear(log) if not is_of_pace(each)] == [], does
    keeper.close()
    assert tries(card.state) == (5, 5, 5)


@pytest.mark.parametrize("can", [CAN, WRONG], ids=["the same CAN", "another CAN"])
async def test_a_pin_goes_to_no_other_card_on_the_reader(
    can: str, folder: Path, reached: Reached, tmp_path: Path
) -> None:
    first = Path(shutil.copytree(folder, tmp_path / "first"))
    other = MockCardState.create(tmp_path / "other", satu=make_satu(7))
    with other.update() as card:
        card.can = can
    async with a_source(folder) as source:
        state = source._state
        # It is wrong, so that the card that gets it shows that.
        user = Slow(
            ["9999", "1234"],
            cans=[CAN, can],
            meanwhile=[lambda: swap(source, state, other.folder)],
        )
        await log_in(source, user)
    assert [each.satu for each in user.other_cards] == [make_satu(7)]
    assert [each.unsent for each in user.questions] == [False, True]
    wrong = [] if can == CAN else [True]
    assert [each.wrong for each in user.can_questions] == [False, *wrong]
    # First and when the PIN was typed; the other card first and after two questions.
    assert reached == Reached(5, 5)
    assert tries(state) == tries(MockCardState.open(first)) == (5, 5, 5)
    gc.collect()
    assert not any(any(each) for each in user.typed)


async def test_a_channel_that_can_not_be_opened_again_is_said(
    folder: Path, reached: Reached, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No second run of PACE gives a false card another guess of the CAN."""
    send = MockCardConnection.send_and_receive

    def fail(self: MockCardConnection, command: bytes) -> tuple[bytes, int]:
        return (b"", 0x6F00) if command[:2] == b"\x00\x86" else send(self, command)

    async with a_source(folder) as source:
        state = source._state

        def spoil() -> None:
            monkeypatch.setattr(MockCardConnection, "send_and_receive", fail)

        user = Slow(["1234"], cans=[CAN], meanwhile=[spoil])
        login = asyncio.create_task(log_in(source, user))
        await until(user.problems)
        assert await cancelled(user, login) == "CARD_ERROR"
        assert reached == Reached(2, 2)
        assert tries(state) == (5, 5, 5)
        assert user.typed[-1] == bytes(4)


@dataclass
class Delays:
    """The card's clock: it stands still in a delay until the test lets it go on."""

    seconds: list[float] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    #: How many timers run that would say that the card keeps silent.
    timers: int = 0

    def wait(self, seconds: float) -> None:
        self.seconds.append(seconds)
        assert self.over.wait(patience())
        self.over.clear()


@pytest.fixture
def delays(monkeypatch: pytest.MonkeyPatch) -> Delays:
    delays = Delays()
    noticing = UsableCards.noticing_silence

    @contextmanager
    def counted(self: UsableCards) -> Iterator[None]:
        delays.timers += 1
        with noticing(self):
            yield
        delays.timers -= 1

    slow_card = functools.partial(ContactlessCard, wait=delays.wait)
    monkeypatch.setattr(mock_source, "ContactlessCard", slow_card)
    monkeypatch.setattr(UsableCards, "noticing_silence", counted)
    return delays


async def goes_on(user: User, delays: Delays, reached: Reached, runs: int) -> None:
    """See a card in a delay of one run of PACE, and let it go on."""
    shown = len(user.shown)
    await until(lambda: len(delays.seconds) == runs)
    choices = reached.choices
    await until(lambda: user.shown[-1] == SLOW)
    # Nothing is sent again meanwhile, and nobody is told to take the card away.
    assert (reached.choices, delays.timers) == (choices, 0)
    delays.over.set()
    await until(lambda: (Step.CONTACTLESS, None) in user.shown[shown:])


async def test_a_card_that_takes_its_time_is_said_to_be_slow(
    folder: Path, reached: Reached, delays: Delays, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the person's wrong CAN, and after wrong ones of others at any time."""
    async with a_source(folder) as source:
        state = source._state

        def of_others() -> None:
            with state.update() as card:
                card.wrong_cans = 9

        user = Slow(["1234"], cans=[WRONG, CAN], meanwhile=[of_others])
        login = asyncio.create_task(log_in(source, user))
        # It is said at once, since it is known.
        await goes_on(user, delays, reached, 1)
        monkeypatch.setattr(secure_channel, "SLOW_AFTER", 0.0)
        await goes_on(user, delays, reached, 2)
        await login
        assert delays.seconds == [1.0, 45.0]
        of_others()
        other = User(["1234"], cans=[CAN])
        login = asyncio.create_task(log_in(source, other))
        await goes_on(other, delays, reached, 3)
        await login
        assert {*other.problems()} == {"CARD_SLOW"}
        assert tries(state) == (5, 5, 5)


async def test_a_card_that_takes_longest_is_said_not_to_answer_and_still_waited_for(
    folder: Path, reached: Reached, delays: Delays, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the person ends a run of PACE: an end by us makes the next one slower."""
    assert SLOW_AFTER < 45 < MUTE_AFTER < PATIENCE  # the doctor's, too
    monkeypatch.setattr(secure_channel, "MUTE_AFTER", 0.0)
    async with a_source(folder) as source:
        with source._state.update() as card:
            card.wrong_cans = 9
        user = User(["1234"], cans=[CAN])
        login = asyncio.create_task(log_in(source, user))
        await until(lambda: user.problems() == ["CARD_MUTE"] and delays.seconds)
        assert delays.seconds == [45.0]
        assert (reached.connections, reached.choices) == (1, 1)
        delays.over.set()
        await login
        # The second is for the PIN that was typed.
        assert reached == Reached(2, 2)


async def test_a_login_card_that_is_slow_is_waited_for_in_the_window(
    folder: Path, reached: Reached, delays: Delays, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is asked, so that its certificate is looked for first without a window."""

    async def recall() -> bytearray:
        return bytearray(CAN, "ascii")

    monkeypatch.setattr(remembered_can, "recall", recall)
    monkeypatch.setattr(operation, "_FOUND_WITHIN", 0.0)
    digest = hashlib.sha256(certificate_of(folder, 1)).digest()
    request = CertificateRequest(
        origin=ORIGIN, language="fi", identified_by=digest, started_by_person=True
    )
    async with a_source(folder) as source:
        state = source._state
        with state.update() as card:
            card.wrong_cans = 9
        user, heard = User(), list[str]()
        context = Context(source, user, lambda word, _: heard.append(word))
        asked = asyncio.create_task(operation.signing_certificate(context, request))
        await until(lambda: delays.seconds == [45.0] and user.shown[-1:] == [SLOW])
        delays.over.set()
        assert (await asked).certificate.der == certificate_of(folder, 2)
        assert reached == Reached(1, 1)
        assert user.consents == []
        assert heard == ["window-open"]

        # Another card than the login's: it is asked about in the same window.
        with state.update() as card:
            card.wrong_cans = 9
        user, heard = User(cans=[CAN]), []
        context = Context(source, user, lambda word, _: heard.append(word))
        request = replace(request, identified_by=bytes(32))
        asked = asyncio.create_task(operation.signing_certificate(context, request))
        await until(lambda: len(delays.seconds) == 2 and user.shown[-1:] == [SLOW])
        delays.over.set()
        await asked
        assert len(user.consents) == 1
        assert heard == ["window-open"]


def loses_power_in_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each first GENERAL AUTHENTICATE reset the card, as pcscd says it."""
    send = MockCardConnection.send_and_receive

    def reset(self: MockCardConnection, apdu: bytes) -> tuple[bytes, int]:
        if apdu[:2] == b"\x10\x86":
            raise CardResetError("The card was reset.")
        return send(self, apdu)

    monkeypatch.setattr(MockCardConnection, "send_and_receive", reset)


async def test_pace_that_is_interrupted_is_not_begun_anew_by_itself(
    folder: Path, reached: Reached, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def recall() -> bytearray:
        return bytearray(CAN, "ascii")

    async with a_source(folder) as source:
        loses_power_in_pace(monkeypatch)
        user = User(["1234"], cans=[CAN])
        login = asyncio.create_task(log_in(source, user))
        await until(user.problems)
        assert await cancelled(user, login) == "CARD_ERROR"
        assert reached.choices == 1
        monkeypatch.setattr(remembered_can, "recall", recall)
        [status] = await card_status(source)
        assert status["error"]["code"] == "CARD_ERROR"
        assert reached.choices == 2
