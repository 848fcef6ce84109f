# SPDX-License-Identifier: MIT
"""The agent beside a real pcscd: for which cards it opens the window, and when."""

import asyncio
import importlib
import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.state import MockCardState
from native_host.agent import agent as agent_module
from native_host.agent import presence
from native_host.agent.agent import Agent, look
from native_host.card import pcsc_connection
from native_host.card.certificate import CardCertificate
from native_host.card.errors import CardRemovedError, PcscUnavailableError
from native_host.card.pcsc import PcscSource
from native_host.card.pcsc_connection import PcscConnection, wait_until_free
from native_host.card.source import Reader
from native_host.errors import UserCancelledError
from native_host.operations.authenticate import AuthenticateRequest, authenticate
from native_host.operations.request import Context
from native_host.state import activation_offers
from tests.agent.windows import agent_with, attended, settled, until, windows
from tests.operations.user import User
from tests.support.cards import new_card
from tests.support.pcsc import READER, READERS, Pcscd, isolated

SECOND = READERS[1]
BANK = bytes.fromhex("3B6500002063CB6600")
VERIFY_1234 = bytes.fromhex("002000110C313233340000000000000000")
IS_VERIFIED = bytes.fromhex("00200011")
SELECT = bytes.fromhex("00A4040C0CA000000063504B43532D3135")


class Watched(MockCard):
    """A card that records its commands and counts its resets."""

    resets = 0

    def __init__(self, state: MockCardState, atr: bytes = b"") -> None:
        super().__init__(state)
        self._other_atr = atr
        self.commands: list[bytes] = []

    @property
    def atr(self) -> bytes:
        return self._other_atr or super().atr

    def transmit(self, apdu: bytes) -> bytes:
        self.commands.append(apdu)
        return super().transmit(apdu)

    def reset(self) -> None:
        self.resets += 1
        super().reset()


def make(pcscd: Pcscd, state: str = "new", profile: str = "v5-2026") -> MockCardState:
    return new_card(pcscd.folder / f"{profile}-{state}", profile, state)


class Handle:
    """Another program's connection to the card, without a transaction."""

    def __init__(self, *, exclusive: bool = False) -> None:
        self._api = importlib.import_module("smartcard.scard")
        api = self._api
        self._context = api.SCardEstablishContext(api.SCARD_SCOPE_SYSTEM)[1]
        mode = api.SCARD_SHARE_EXCLUSIVE if exclusive else api.SCARD_SHARE_SHARED
        result, self._card, _ = api.SCardConnect(
            self._context, READER, mode, api.SCARD_PROTOCOL_T0
        )
        assert result == api.SCARD_S_SUCCESS

    def send(self, apdu: bytes) -> int:
        """Return the status word."""
        api = self._api
        result, answer = api.SCardTransmit(self._card, api.SCARD_PCI_T0, list(apdu))
        assert result == api.SCARD_S_SUCCESS, "The card was reset."
        return int(answer[-2] << 8 | answer[-1])

    def end(self) -> None:
        self._api.SCardDisconnect(self._card, self._api.SCARD_LEAVE_CARD)
        self._api.SCardReleaseContext(self._context)


@isolated
async def test_a_new_card_opens_the_window(pcscd: Pcscd) -> None:
    cards = [
        make(pcscd, profile="v5-2026"),  # the code has seven digits
        make(pcscd, profile="v4.2"),  # eight
        make(pcscd, "partly-activated"),
    ]
    pcscd.stop_service()
    pcscd.start_service(hurried=False)
    async with windows() as opening, agent_with(opening) as agent:
        for card in cards:
            before = card.read()
            pcscd.insert(MockCard(card))
            window = await opening.opened()
            await window.end(activated=False)
            await until(lambda: agent._window is None)
            pcscd.pull()
            assert card.read() == before
        assert opening.count == len(cards)


@isolated
async def test_the_window_opens_once_for_each_insertion(pcscd: Pcscd) -> None:
    card = make(pcscd)
    async with windows() as opening, agent_with(opening) as agent:
        for activated in (False, True, False):
            pcscd.insert(MockCard(card))
            window = await opening.opened()
            await window.end(activated=activated)
            await until(lambda: agent._window is None)
            await settled(agent)
            await opening.none_opens()
            pcscd.pull()
            await settled(agent, cards=0)
        assert opening.count == 3


@isolated
async def test_an_active_card_is_asked_three_things_and_others_nothing(
    pcscd: Pcscd,
) -> None:
    # SELECT of the application, and the PIN information of PIN1 and PIN2.
    asked = [0xA4, 0xCB, 0xCB]
    async with windows() as opening, agent_with(opening) as agent:
        for card, commands in (
            (Watched(make(pcscd, "active")), asked),
            (Watched(make(pcscd, "pin1-blocked")), asked),
            (Watched(make(pcscd), BANK), []),
        ):
            before = card.state.read()
            pcscd.insert(card)
            await settled(agent)
            assert [command[1] for command in card.commands] == commands
            assert card.state.read() == before
            if commands:  # nobody else could connect exclusively to a card that is held
                Handle(exclusive=True).end()
            pcscd.pull()
            await settled(agent, cards=0)
        await opening.none_opens()
        assert opening.count == 0


@isolated
async def test_a_look_resets_no_card_that_another_program_shares(pcscd: Pcscd) -> None:
    card = Watched(make(pcscd))
    pcscd.insert(card)
    pcscd.settle()
    other = Handle()
    resets = card.resets
    assert look(READER) == "new"
    assert other.send(SELECT) == 0x9000
    assert card.resets == resets
    other.end()


@isolated
async def test_a_connection_that_has_sent_a_pin_resets_the_card_at_its_end(
    pcscd: Pcscd,
) -> None:
    card = Watched(make(pcscd, "active"))
    pcscd.insert(card)
    pcscd.settle()
    other = Handle()
    connection = PcscConnection(READER)
    assert connection.send_and_receive(SELECT) == (b"", 0x9000)
    assert connection.send_and_receive(VERIFY_1234) == (b"", 0x9000)
    connection.close()
    with pytest.raises(AssertionError, match="was reset"):
        other.send(IS_VERIFIED)
    other.end()


@isolated
async def test_another_programs_card_is_waited_for_and_not_touched(
    pcscd: Pcscd,
) -> None:
    card = Watched(make(pcscd, "active"))
    fresh = Watched(make(pcscd))
    async with windows() as opening:
        for exclusive in (False, True):
            for each in (card, fresh):
                pcscd.insert(each)
                pcscd.settle()
                each.commands.clear()
                other = Handle(exclusive=exclusive)
                if each is card:
                    assert other.send(SELECT) == 0x9000
                    assert other.send(VERIFY_1234) == 0x9000
                resets, sent = each.resets, len(each.commands)
                async with agent_with(opening) as agent:
                    await attended(agent)
                    await opening.none_opens()
                    assert len(each.commands) == sent
                    assert each.resets == resets
                    if each is card:
                        assert other.send(IS_VERIFIED) == 0x9000
                    other.end()
                    if each is fresh:
                        await (await opening.opened()).end(activated=True)
                    await settled(agent)
                    pcscd.pull()
                    await settled(agent, cards=0)
        assert opening.count == 2


@isolated
async def test_a_transaction_of_another_program_is_not_got_between(
    pcscd: Pcscd,
) -> None:
    card = Watched(make(pcscd))
    pcscd.insert(card)
    pcscd.settle()
    async with windows() as opening:
        other = PcscConnection(READER)
        async with agent_with(opening) as agent:
            await attended(agent)
            await opening.none_opens()
            assert not card.commands
            other.close()
            await opening.opened()


@isolated
async def test_a_program_that_is_killed_holds_the_agent_up_for_a_while_only(
    pcscd: Pcscd,
) -> None:
    pcsc_connection._FORGOTTEN = 500  # milliseconds
    pcscd.insert(MockCard(make(pcscd)))
    pcscd.settle()
    program = (
        "from smartcard import scard as s\n"
        "context = s.SCardEstablishContext(s.SCARD_SCOPE_SYSTEM)[1]\n"
        f"s.SCardConnect(context, {READER!r}, s.SCARD_SHARE_SHARED, 3)\n"
        "print('held', flush=True)\n"
        "input()\n"
    )
    async with windows() as opening:
        with subprocess.Popen(  # noqa: ASYNC220 - gone in a moment
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as other:
            assert other.stdout and other.stdout.readline()
            async with agent_with(opening) as agent:
                await attended(agent)
                await opening.none_opens()
                other.kill()
                await opening.opened()


@isolated
async def test_a_card_that_is_pulled_while_it_is_waited_for_is_forgotten(
    pcscd: Pcscd,
) -> None:
    card = Watched(make(pcscd))
    async with windows() as opening, agent_with(opening) as agent:
        pcscd.insert(card)
        pcscd.settle()
        other = Handle(exclusive=True)
        waiting = asyncio.create_task(asyncio.to_thread(wait_until_free, READER))
        await attended(agent)
        pcscd.pull()
        with pytest.raises(CardRemovedError):
            await waiting
        await settled(agent, cards=0)
        other.end()
        assert opening.count == 0


@isolated
async def test_the_service_may_come_late_and_go_and_come_again(pcscd: Pcscd) -> None:
    card = make(pcscd)
    pcscd.stop_service()
    async with windows() as opening, agent_with(opening) as agent:
        await opening.none_opens()
        for _ in range(3):
            pcscd.start_service()
            # The reader appears without a card at first.
            await until(lambda: not agent._before)
            pcscd.insert(MockCard(card))
            await (await opening.opened()).end(activated=True)
            await settled(agent)
            pcscd.stop_service()
            await until(lambda: not agent._seen)
        assert opening.count == 3


class Restarted(PcscSource):
    """A service that is unreachable once, with a card in its reader all the time."""

    def __init__(self, atr: bytes) -> None:
        super().__init__()
        self._insertions = itertools.count(1)
        self._atr = atr
        self.goes = asyncio.Event()

    async def readers(self) -> tuple[Reader, ...]:
        return (Reader(READER, self._atr, insertion=next(self._insertions)),)

    async def wait_for_change(self, known: tuple[Reader, ...]) -> tuple[Reader, ...]:
        await self.goes.wait()
        self.goes.clear()
        raise PcscUnavailableError("The service has ended.")

    async def wait_for_service(self) -> None:
        """It is back at once."""


async def test_a_service_that_starts_anew_makes_no_new_card_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = new_card(tmp_path / "card", "v5-2026", "new")
    looks: list[str] = []

    def look_at(reader: str) -> str:
        looks.append(reader)
        return "active"

    monkeypatch.setattr(agent_module, "wait_until_free", lambda _reader: None)
    monkeypatch.setattr(agent_module, "look", look_at)
    async with Restarted(MockCard(state).atr) as source:
        agent = Agent(source)
        running = asyncio.create_task(agent.run())
        await settled(agent)
        [first] = agent._seen
        source.goes.set()
        await until(lambda: agent._seen and first not in agent._seen)
        await settled(agent)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert looks == [READER]


@isolated
async def test_what_was_declined_in_a_logins_window_is_not_offered_again(
    pcscd: Pcscd,
) -> None:
    os.environ["XDG_RUNTIME_DIR"] = str(pcscd.folder)
    card = make(pcscd)
    request = AuthenticateRequest(
        origin="https://service.example", challenge_nonce="A" * 44, language="fi"
    )
    user = User(agrees=False)
    async with (
        windows() as opening,
        agent_with(opening, others_first=0.3) as agent,
        PcscSource() as source,
    ):
        login = asyncio.create_task(authenticate(Context(source, user), request))
        await until(lambda: user.shown)
        pcscd.insert(MockCard(card))
        with pytest.raises(UserCancelledError):
            await login
        assert user.offers == [False]
        await settled(agent)
        await opening.none_opens()
        pcscd.pull()
        pcscd.insert(MockCard(card))
        await opening.opened()


@isolated
async def test_of_two_new_cards_the_second_waits_for_the_firsts_window(
    pcscd: Pcscd,
) -> None:
    first, second = make(pcscd), Watched(make(pcscd, profile="v4.2"))
    async with windows() as opening, agent_with(opening) as agent:
        pcscd.insert(MockCard(first))
        window = await opening.opened()
        pcscd.insert(second, SECOND)
        await until(lambda: len(agent._seen) == 2)
        await opening.none_opens()
        await window.end(activated=True)
        await (await opening.opened()).end(activated=True)
        await settled(agent, cards=2)
        assert opening.count == 2


@isolated
async def test_a_window_that_is_cancelled_is_for_its_own_reader_only(
    pcscd: Pcscd,
) -> None:
    first, second = make(pcscd), make(pcscd, profile="v4.2")
    async with windows() as opening, agent_with(opening) as agent:
        pcscd.insert(MockCard(first))
        window = await opening.opened()
        pcscd.insert(MockCard(second), SECOND)
        # Also for the same card, which the window asks for after its removal.
        pcscd.pull()
        pcscd.insert(MockCard(first))
        await until(
            lambda: (
                len(agent._seen) == 2
                and all(reader.insertion > 1 for reader in agent._seen)
            )
        )
        await window.end(activated=False)
        # The second card is offered now, and the first one not again.
        other = await opening.opened()
        await other.end(activated=False)
        await settled(agent, cards=2)
        await opening.none_opens()
        assert [*window.words, *other.words] == [
            f"--reader={READER}",
            f"--reader={SECOND}",
        ]
        pcscd.pull()
        pcscd.insert(MockCard(first))
        await opening.opened()
        assert opening.count == 3


@isolated
async def test_a_card_whose_holder_wants_no_offers_gets_none_until_all_do(
    pcscd: Pcscd,
) -> None:
    os.environ["XDG_STATE_HOME"] = str(pcscd.folder / "state")
    os.environ["XDG_CONFIG_HOME"] = str(pcscd.folder / "config")
    card = make(pcscd)
    der = card.read().keys[0].certificate
    assert der is not None
    activation_offers.decline(CardCertificate.from_der(der))
    pcscd.insert(MockCard(card))
    pcscd.insert(MockCard(make(pcscd, profile="v4.2")), SECOND)
    async with windows() as opening, agent_with(opening) as agent:
        window = await opening.opened()
        assert window.words == [f"--reader={SECOND}"]
        await window.end(activated=True)
        await settled(agent, cards=2)
        await opening.none_opens()
    presence.set_enabled(True)
    async with windows() as opening, agent_with(opening):
        words = {*(await opening.opened()).words}
        assert words <= {f"--reader={READER}", f"--reader={SECOND}"}
    assert activation_offers.count_declined() == 0


@isolated
async def test_a_window_that_cant_be_started_ends_nothing(pcscd: Pcscd) -> None:
    card = make(pcscd)
    async with windows() as opening:
        opening.command, command = ["/nowhere/kortilla"], opening.command
        async with agent_with(opening) as agent:
            pcscd.insert(MockCard(card))
            await settled(agent)
            await until(lambda: agent._window is None)
            agent._command = command
            pcscd.pull()
            pcscd.insert(MockCard(card))
            await opening.opened()
