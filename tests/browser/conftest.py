# SPDX-License-Identifier: MIT
"""Fixtures that start each browser once per worker; a test has no page of another."""

import contextlib
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import pytest_asyncio
from aiohttp import web

from kortilla import Trust, validate
from kortilla.mock_card.state import MockCardState
from native_host.install.tables import Family
from tests.browser import browsers
from tests.browser.browser_home import UserHome
from tests.browser.browsers import SITES, Browser, Tab, open_browser
from tests.browser.site import Page, Site
from tests.browser.window import WindowListener
from tests.support import cards
from tests.support.screen import Screen, open_screen
from tools.demo.site import DemoServer
from tools.demo.site.tls_login import GateSettings
from tools.demo.site_authority import Authority

Visit = Callable[..., Awaitable[Page]]
#: The name and the SATU of a person.
Holder = tuple[str, str]
OpenTab = Callable[..., Awaitable[Tab]]

_FAMILIES = ("chromium", "firefox")

#: For a test of which the browser is no subject, as long as others go its way in both.
#: A test costs Firefox half as much again as Chromium.
only_in_chromium = pytest.mark.parametrize("family", ["chromium"], indirect=True)
only_in_firefox = pytest.mark.parametrize("family", ["firefox"], indirect=True)


def in_turn(names: str, cases: Iterable[Any]) -> pytest.MarkDecorator:
    """Parametrize like pytest, with each case in the next browser in turn.

    The host or the window makes the difference there, and not the browser.
    """
    rows = [each if isinstance(each, tuple) else (each,) for each in cases]
    return pytest.mark.parametrize(
        f"family, {names}",
        [(_FAMILIES[place % 2], *row) for place, row in enumerate(rows)],
        indirect=["family"],
    )


class SharedBrowser:
    """Starts a browser at its first use, and a new one after it has failed."""

    def __init__(
        self, start: Callable[[], contextlib.AbstractAsyncContextManager[Browser]]
    ) -> None:
        self._start = start
        self._started = contextlib.AsyncExitStack()
        self._browser: Browser | None = None
        #: A tab that the next test may use.
        self.blank: Tab | None = None

    async def get(self) -> Browser:
        """Return the browser."""
        if self._browser is None or self._browser.failed:
            await self.close()
            self._browser = await self._started.enter_async_context(self._start())
        return self._browser

    @contextlib.asynccontextmanager
    async def lent(self) -> AsyncIterator[Browser]:
        """Lend the browser to a test, which leaves it as it was. A failure ends it."""
        try:
            yield await self.get()
        except BaseException:
            await self.close()
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the browser. May be called twice."""
        self._browser = self.blank = None
        await self._started.aclose()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The CA that issues the certificates of all test sites."""
    names = [name for site in SITES for name in (site, f"*.{site}")]
    return Authority(tmp_path_factory.mktemp("authority"), names)


@pytest.fixture(scope="session")
def pristine() -> Path:
    """A new mock card, of which each home gets a copy."""
    return cards.made()


@pytest.fixture(scope="session")
def trust(pristine: Path) -> Trust:
    """Trust in the mock card's CA, as a test service has it."""
    return Trust.from_folder(pristine, test=True)


@pytest.fixture(scope="session")
def holder(pristine: Path) -> Holder:
    """The name and the SATU of the card's holder."""
    card = MockCardState.open(pristine).read()
    return f"{card.given_name} {card.surname}", card.satu


@pytest.fixture(scope="session", params=_FAMILIES)
def family(request: pytest.FixtureRequest) -> Family:
    """The name of the browser."""
    name: Family = request.param
    return name


@pytest_asyncio.fixture(scope="session", loop_scope="session", autouse=True)
async def playwright() -> AsyncIterator[None]:
    """One driver for all Chromium of a worker."""
    async with contextlib.AsyncExitStack() as browsers.shared_driver:
        yield


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def site(authority: Authority) -> AsyncIterator[Site]:
    """The site whose pages call the extension."""
    async with Site(authority.server_context) as site:
        yield site


@pytest.fixture(scope="session")
def new_home(
    family: Family, tmp_path_factory: pytest.TempPathFactory, pristine: Path
) -> Callable[[], UserHome]:
    """A function that makes a home for the browser."""
    return lambda: UserHome(tmp_path_factory.mktemp(family), family, pristine)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_browser(
    new_home: Callable[[], UserHome], authority: Authority, site: Site
) -> AsyncIterator[SharedBrowser]:
    """The browser that tests share, connected to the host."""

    @contextlib.asynccontextmanager
    async def start() -> AsyncIterator[Browser]:
        user_home = new_home()
        user_home.serve()
        async with open_browser(user_home, authority) as browser:
            page = await Page.open(await browser.new_tab(), site.fresh())
            # A new extension checks for the host. This waits for the end of the check.
            await page.send({"action": "kortilla:status", "id": "0"})
            await page.heard("kortilla:status-success")
            yield browser

    async with SharedBrowser(start) as shared:
        yield shared


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def bare_browser(
    new_home: Callable[[], UserHome], authority: Authority
) -> AsyncIterator[SharedBrowser]:
    """Another browser that tests share. They install extensions and remove them."""
    async with SharedBrowser(
        lambda: open_browser(new_home(), authority, installed=False)
    ) as shared:
        yield shared


@pytest_asyncio.fixture(loop_scope="session")
async def browser(shared_browser: SharedBrowser) -> Browser:
    """The shared browser with a new card, a new host and no page of another test."""
    browser = await shared_browser.get()
    user_home = browser.user_home
    await user_home.empty()
    user_home.card.renew()
    user_home.configure()
    user_home.serve()
    return browser


@pytest_asyncio.fixture(loop_scope="session")
async def open_tab(browser: Browser) -> AsyncIterator[OpenTab]:
    """A function that opens tabs or extension pages and closes them at teardown."""
    tabs: list[Tab] = []

    async def open_tab(view: str | None = None) -> Tab:
        opening = browser.open_view(view) if view else browser.new_tab()
        tabs.append(await opening)
        return tabs[-1]

    yield open_tab
    for tab in tabs:
        if not tab.closed and not browser.failed:
            await tab.close()
    # A host would stay for a second after its work, with a window that shows the
    # result. Tests use ``host_gone`` to check that hosts exit.
    for process in browser.user_home.launches():
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)
    await browser.user_home.empty()


@pytest_asyncio.fixture(loop_scope="session")
async def listener(browser: Browser) -> AsyncIterator[WindowListener]:
    """The test's replacement for the PIN window."""
    async with WindowListener() as listener:
        browser.user_home.serve(prompt_command=listener.command)
        yield listener


@pytest_asyncio.fixture(loop_scope="session")
async def visit(
    browser: Browser,
    shared_browser: SharedBrowser,
    listener: WindowListener,
    open_tab: OpenTab,
    site: Site,
) -> AsyncIterator[Visit]:
    """A function that opens the calling page, each time in another tab and origin.

    The first tab may be one that an earlier test has left, blank: a new tab and its end
    take as long as a page.
    """
    first, shared_browser.blank = shared_browser.blank, None
    if first is None:
        first = await browser.new_tab()
    else:
        await first.to_front()
    tabs = [first]

    async def visit(origin: str | None = None, *, asking: object = None) -> Page:
        tab = tabs.pop() if tabs else await open_tab()
        return await Page.open(tab, origin or site.fresh(), asking=asking)

    yield visit
    if not first.closed and not browser.failed:
        await first.goto("about:blank")
        shared_browser.blank = first


@pytest_asyncio.fixture(loop_scope="session")
async def new_minute(browser: Browser) -> None:
    """Reset the extension's limits of requests without a click."""
    view = await browser.open_view("icons/kortilla.svg")  # it starts no host
    await view.evaluate(
        "chrome.storage.session.remove(['unprompted', 'lastOperation'])"
    )
    await view.close()


@pytest.fixture
def screen() -> Iterator[Screen]:
    """A screen with a window manager."""
    with open_screen() as screen:
        yield screen


@contextlib.asynccontextmanager
async def serving(
    authority: Authority, make_app: Callable[[str], web.Application]
) -> AsyncIterator[str]:
    """Serve an application, which is made for its https origin; yield that."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        origin = f"https://n0.service.example:{listener.getsockname()[1]}"
        runner = web.AppRunner(make_app(origin), access_log=None)
        await runner.setup()
        try:
            context = authority.server_context
            await web.SockSite(runner, listener, ssl_context=context).start()
            yield origin
        finally:
            await runner.cleanup()


def tls_demo(trust: Trust, authority: Authority) -> DemoServer:
    """Return the demo with its login by TLS."""
    return DemoServer(
        trust,
        host="n2.service.example",
        ssl_context=authority.server_context,
        gates=GateSettings(authority.chain, "n3.service.example"),
    )


async def identity_of(
    token: dict[str, Any], origin: str, nonce: str, trust: Trust
) -> str:
    """Validate a token as a service does, and return its SATU."""
    fields = ("unverifiedCertificate", "algorithm", "signature", "format", "appVersion")
    text = json.dumps({name: token[name] for name in fields})
    identity = await validate(text, origin=origin, nonce=nonce, trust=trust)
    return identity.satu
