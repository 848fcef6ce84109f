# SPDX-License-Identifier: MIT
"""A card on a contactless reader: the agent says that it is there, and asks nothing."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from queue import Empty

import pytest

from kortilla.mock_card.card_data import CAN
from kortilla.mock_card.contactless import ContactlessCard
from kortilla.mock_card.state import MockCardState
from native_host.agent import agent as agent_module
from native_host.agent.agent import Agent
from native_host.card.pcsc import PcscSource
from native_host.operations.authenticate import AuthenticateRequest, authenticate
from native_host.operations.request import Context
from native_host.state import remembered_can
from native_host.texts.card import CardTexts
from tests.agent.windows import Windows, agent_with, attended, settled, until, windows
from tests.operations.user import User
from tests.support.cards import new_card
from tests.support.patience import patience
from tests.support.pcsc import Pcscd, isolated
from tests.support.session_bus import (
    Notifications,
    open_notifications,
    open_session_bus,
)

TEXTS = CardTexts("en")


class Logged(ContactlessCard):
    """A card that records its commands."""

    def __init__(self, state: MockCardState) -> None:
        self.commands: list[bytes] = []
        super().__init__(state)

    def transmit(self, apdu: bytes) -> bytes:
        self.commands.append(apdu)
        return super().transmit(apdu)


@dataclass
class Desktop:
    """A session with notifications, and the windows that the agent opens."""

    notifications: Notifications
    activation: Windows
    program: Windows

    async def told(self) -> tuple[str, str, list[str]]:
        shown = self.notifications.shown
        return await asyncio.to_thread(shown.get, timeout=patience())

    async def withdrawn(self) -> int:
        gone = self.notifications.withdrawn
        return await asyncio.to_thread(gone.get, timeout=patience())

    async def is_settled(self, agent: Agent) -> None:
        """Wait until the agent has finished with the card, and has told nothing."""
        [task] = agent._seen.values()
        told = self.notifications.shown
        await until(lambda: not told.empty() or (task and task.done()))
        await self.nothing_is_told()

    async def nothing_is_told(self) -> None:
        await self.activation.none_opens()
        with pytest.raises(Empty):
            self.notifications.shown.get_nowait()


@contextlib.asynccontextmanager
async def desktop(pcscd: Pcscd) -> AsyncIterator[Desktop]:
    os.environ["XDG_RUNTIME_DIR"] = str(pcscd.folder)
    with open_session_bus() as address, open_notifications(address) as service:
        os.environ["DBUS_SESSION_BUS_ADDRESS"] = address
        async with windows() as activation, windows() as program:
            agent_module.OPEN = (*program.command,)
            yield Desktop(service, activation, program)


def new(pcscd: Pcscd, state: str = "new") -> Logged:
    return Logged(new_card(pcscd.folder / state, "v5-2026", state))


@isolated
async def test_a_notification_says_it_until_the_card_goes(pcscd: Pcscd) -> None:
    title = TEXTS("contactless.title").removesuffix(".")
    text, button = TEXTS("contactless.notice"), TEXTS("open_program")
    card = new(pcscd)
    async with desktop(pcscd) as there, agent_with(there.activation) as agent:
        pcscd.insert(card)
        assert await there.told() == (title, text, ["default", button])
        await there.nothing_is_told()
        assert card.commands == []
        # What others' notifications come to is nothing here.
        there.notifications.dismiss(99)
        pcscd.pull()
        assert await there.withdrawn() == 1
        pcscd.insert(card)
        await there.told()
        there.notifications.dismiss(2)
        await settled(agent)
        assert card.commands == []
        assert there.activation.count == there.program.count == 0


@isolated
async def test_a_pressed_notification_opens_the_program_which_stays(
    pcscd: Pcscd,
) -> None:
    async with desktop(pcscd) as there, agent_with(there.activation) as agent:
        pcscd.insert(new(pcscd))
        await there.told()
        there.notifications.press("a-token")
        window = await there.program.opened()
        assert window.words == ["a-token"]
        pcscd.pull()
        await settled(agent, cards=0)
        assert not window.gone()
        await window.end(activated=True)
        assert there.activation.count == 0


@isolated
async def test_a_window_that_has_asked_for_the_can_is_enough(pcscd: Pcscd) -> None:
    request = AuthenticateRequest(
        origin="https://service.example", challenge_nonce="A" * 44, language="fi"
    )
    user = User()
    async with (
        desktop(pcscd) as there,
        agent_with(there.activation, others_first=0.3) as agent,
        PcscSource() as source,
    ):
        login = asyncio.create_task(authenticate(Context(source, user), request))
        await until(lambda: user.shown)
        pcscd.insert(new(pcscd, "active"))
        await until(lambda: user.can_questions)
        await attended(agent)
        await there.is_settled(agent)
        login.cancel()
        await asyncio.gather(login, return_exceptions=True)


@isolated
async def test_by_a_remembered_can_a_new_card_is_offered_its_activation(
    pcscd: Pcscd,
) -> None:
    known = [CAN]

    async def recall() -> bytearray | None:
        return bytearray(known[0], "ascii") if known else None

    async def forget() -> bool:
        known.clear()
        return True

    remembered_can.recall, remembered_can.forget = recall, forget
    async with desktop(pcscd) as there, agent_with(there.activation) as agent:
        pcscd.insert(new(pcscd, "active"))
        await attended(agent)
        await there.is_settled(agent)
        pcscd.insert(new(pcscd))
        await (await there.activation.opened()).end(activated=False)
        # Until then, a card that comes into the reader counts as seen in the window.
        await until(lambda: agent._window is None)
        # The number of another card is sent once and forgotten.
        known[:] = ["111111"]
        other = new(pcscd, "pin1-blocked")
        pcscd.insert(other)
        await there.told()
        assert other.state.read().wrong_cans == 1


@isolated
async def test_without_notifications_nothing_is_said_and_the_agent_goes_on(
    pcscd: Pcscd,
) -> None:
    for address in (None, "unix:path=/nowhere"):
        os.environ.pop("DBUS_SESSION_BUS_ADDRESS", None)
        if address:
            os.environ["DBUS_SESSION_BUS_ADDRESS"] = address
        async with windows() as opening, agent_with(opening) as agent:
            pcscd.insert(new(pcscd, "active" if address else "new"))
            await settled(agent)
            pcscd.pull()
            await settled(agent, cards=0)
            assert opening.count == 0
