# SPDX-License-Identifier: MIT
"""A browser with the card as a PKCS#11 token, and the demo's TLS login service."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from kortilla import Trust
from native_host.pkcs11.service import BROWSERS_PATIENCE
from tests.browser.browser_home import Card, UserHome
from tests.browser.browsers import Browser, Tab, open_browser
from tests.browser.window import WindowListener
from tools.demo.errors import BrowserError
from tools.demo.site import DemoServer
from tools.demo.site.tls_login import GateSettings
from tools.demo.site_authority import Authority
from tools.demo.token import TokenSocket, add_token, database

#: The browsers' error codes for a signature that failed.
ERRORS = {
    "chromium": "net::ERR_SSL_CLIENT_AUTH_SIGNATURE_FAILED",
    "firefox": "about:neterror",
}
#: An element on their error pages.
ERROR_PAGES = {"chromium": "#main-message", "firefox": "body"}


#: A server like ``kortilla pkcs11``, but without the window.
_SERVER = """import sys
from native_host.config import load_config
from native_host.pkcs11.service import serve_stdio

class Patience:
    def __radd__(self, now):
        return now + float(open({patience!r}).read())

sys.exit(serve_stdio(load_config(), window={window!r}, patience=Patience()))
"""


def _serving(listener: WindowListener, patience: Path) -> tuple[str, ...]:
    """Return the server's command.

    ``patience`` is a file with the seconds that the browser waits for a signature. The
    server reads it for each signature.
    """
    code = _SERVER.format(window=listener.command, patience=str(patience))
    return (sys.executable, "-I", "-c", code)


@dataclass(frozen=True)
class Counter:
    """A browser with the token, and the service for the login."""

    browser: Browser
    listener: WindowListener
    demo: DemoServer
    #: A file with the number of seconds that the browser waits for a signature.
    patience: Path

    @property
    def card(self) -> Card:
        """The card in the reader."""
        return self.browser.user_home.card

    @contextmanager
    def waiting(self, seconds: float) -> Iterator[None]:
        """Have the browser wait so long for signatures of the context."""
        self.patience.write_text(str(seconds))
        try:
            yield
        finally:
            self.patience.write_text(str(BROWSERS_PATIENCE))

    def start(self, tab: Tab, version: str) -> asyncio.Task[None]:
        """Start a login in a tab; the awaitable ends when the last page has loaded."""
        url = f"{self.demo.origin}/en/tls-login/{version}"
        return asyncio.create_task(tab.goto(url))

    async def fails(
        self, going: asyncio.Task[None], tab: Tab, *, any_error: bool = False
    ) -> None:
        """Wait for the browser's error page after a failed signature."""
        name = ERRORS[self.browser.user_home.family]
        with pytest.raises(
            BrowserError, match="net::ERR|neterror" if any_error else name
        ):
            await going
        await self.error_page(tab)

    async def error_page(self, tab: Tab) -> None:
        """Wait until a tab shows one of the browser's error pages."""
        await tab.wait_for(ERROR_PAGES[self.browser.user_home.family])

    async def log_in(self, tab: Tab, version: str) -> None:
        """Log in with the right PIN."""
        going = self.start(tab, version)
        await (await self.listener.opened()).type_pin("1234")
        await going
        assert await tab.text("#satu") == self.card.state.read().satu


@asynccontextmanager
async def open_counter(
    user_home: UserHome, authority: Authority, trust: Trust
) -> AsyncIterator[Counter]:
    """Start the service and a browser that sends its certificate without a prompt."""
    patience = user_home.home / "patience"
    patience.write_text(str(BROWSERS_PATIENCE))
    async with (
        WindowListener() as listener,
        TokenSocket(
            user_home.environment, command=_serving(listener, patience)
        ) as token,
        DemoServer(
            trust,
            host="n2.service.example",
            ssl_context=authority.server_context,
            gates=GateSettings(authority.chain, "n3.service.example"),
        ) as demo,
    ):
        user_home.environment["P11_KIT_SERVER_ADDRESS"] = token.address
        await asyncio.to_thread(
            add_token, database(user_home.home, user_home.family), authority
        )
        async with open_browser(user_home) as browser:
            yield Counter(browser, listener, demo, patience)
