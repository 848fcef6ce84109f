# SPDX-License-Identifier: MIT
"""A browser with the card as a token, and the demo service to log in to with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from native_host.cli.demo.token import TokenSocket, add_token, database
from relying_party import Trust
from relying_party.demo import DemoServer
from relying_party.demo.tls_login import GateSettings
from tests.pkcs11.real import serving

from .browsers import Browser, Tab, open_browser
from .house import Card, House
from .tls import Authority
from .window import Door

__all__ = ["Counter", "open_counter"]


@dataclass(frozen=True)
class Counter:
    """A browser with the token, and the service to log in to."""

    browser: Browser
    door: Door
    demo: DemoServer

    @property
    def card(self) -> Card:
        """The card in the reader."""
        return self.browser.house.card

    def start(self, tab: Tab, version: str) -> asyncio.Task[None]:
        """Have a tab go where the login begins, and on to its end."""
        url = f"{self.demo.origin}/en/tls-login/{version}"
        return asyncio.create_task(tab.goto(url))

    async def log_in(self, tab: Tab, version: str) -> None:
        """Log in with the right PIN."""
        going = self.start(tab, version)
        await (await self.door.opened()).type_pin("1234")
        await going
        assert await tab.text("#satu") == self.card.state.read().satu


@asynccontextmanager
async def open_counter(
    house: House, authority: Authority, trust: Trust
) -> AsyncIterator[Counter]:
    """Start the service, and a browser that shows a certificate to who asks.

    It asks nobody which.
    """
    async with (
        Door() as door,
        TokenSocket(house.environment, command=serving(door)) as token,
        DemoServer(
            trust,
            host="n2.service.example",
            ssl_context=authority.server_context,
            gates=GateSettings(authority.chain, "n3.service.example"),
        ) as demo,
    ):
        house.environment["P11_KIT_SERVER_ADDRESS"] = token.address
        await asyncio.to_thread(
            add_token, database(house.home, house.family), authority
        )
        async with open_browser(house) as browser:
            yield Counter(browser, door, demo)
