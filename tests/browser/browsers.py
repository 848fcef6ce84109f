# SPDX-License-Identifier: MIT
"""One interface to Chromium and Firefox for tests.

Clicks are real user gestures. ``evaluate`` is none in either browser: it awaits
JavaScript in the page, and returns the value as JSON. ``goto`` waits until the page has
loaded, and ``wait_for`` until an element is visible.
"""

import contextlib
import json
import shutil
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Self

from playwright.async_api import (
    BrowserContext,
    CDPSession,
    Error,
    Playwright,
    async_playwright,
)

from kortilla.mock_card.folder import locked
from native_host.browser_testing.temporary_home import TemporaryHome, extension_folder
from native_host.install.tables import host_names
from tests.browser.browser_home import UserHome
from tests.support import cards
from tests.support.patience import patience
from tools.demo.chromium import Chromium
from tools.demo.errors import BrowserError
from tools.demo.firefox import SHOW_CERTIFICATE, FirefoxTab, Marionette
from tools.demo.site_authority import Authority

#: Host names that resolve to this computer, for realistic origins.
SITES = ("service.example", "other.example")

#: Ends Playwright's driver, which all Chromium of a worker share: it is a program for
#: Node.js that takes as long to start as Chromium. None in other processes.
shared_driver: contextlib.AsyncExitStack | None = None
_drivers: list[Playwright] = []

#: Leaves out what takes a third of the time of a start: Firefox's own extensions, and
#: its own page in new tabs, each of which has a process.
_LIGHT: Mapping[str, bool | int | str] = {
    "browser.newtab.preload": False,
    "browser.newtabpage.enabled": False,
    "browser.startup.homepage": "about:blank",
    "extensions.enabledScopes": 1,
}
#: Firefox's locks, the preferences of one browser, and the databases of NSS, to which a
#: test may have added a token.
_NOT_COPIED = shutil.ignore_patterns(
    "lock", ".parentlock", "user.js", "cert9.db", "key4.db", "pkcs11.txt"
)


class ChromiumTab:
    """A page of Playwright's."""

    closed = False

    def __init__(self, driver: Chromium, session: CDPSession) -> None:
        self._driver, self._session = driver, session

    @classmethod
    async def open(cls, context: BrowserContext) -> Self:
        page = await context.new_page()
        page.set_default_timeout(patience() * 1000)
        return cls(Chromium(context, page), await context.new_cdp_session(page))

    async def goto(self, url: str) -> None:
        await self._driver.goto(url)

    async def evaluate(self, expression: str) -> Any:
        # Playwright's own evaluate counts as a user gesture.
        try:
            answer = await self._session.send(
                "Runtime.evaluate",
                {
                    "expression": f"Promise.resolve({expression})"
                    ".then((value) => JSON.stringify(value))",
                    "awaitPromise": True,
                    "userGesture": False,
                },
            )
        except Error as error:
            raise BrowserError(error.message) from error
        if fault := answer.get("exceptionDetails"):
            raise BrowserError(f"Script: {fault['exception'].get('description')}")
        value = answer["result"].get("value")
        return None if value is None else json.loads(value)

    async def click(self, selector: str) -> None:
        await self._driver.click(selector)

    async def wait_for(self, selector: str) -> None:
        await self._driver.wait_for(selector, seconds=patience())

    async def text(self, selector: str) -> str:
        await self.wait_for(selector)
        return await self._driver.text(selector)

    async def to_front(self) -> None:
        await self._driver.page.bring_to_front()

    async def close(self) -> None:
        self.closed = True
        await self._driver.page.close()


class ChromiumBrowser:
    """Chromium through Playwright, with the extension. ``user_home`` is its HOME."""

    failed = False
    user_home: UserHome

    def __init__(self, driver: Chromium) -> None:
        self._driver = driver

    async def new_tab(self) -> ChromiumTab:
        return await ChromiumTab.open(self._driver.context)

    async def open_view(self, path: str) -> ChromiumTab:
        """Open one of the extension's own pages in a tab."""
        tab = await self.new_tab()
        await tab.goto(f"chrome-extension://{host_names()[0].chromium[0]}/{path}")
        return tab

    async def quit(self) -> None:
        await self._driver.context.close()

    async def install(self, extension: Path) -> None:
        """Install the extension from a folder, or update it, while pages are open."""
        await self._send("loadUnpacked", path=str(extension))

    async def uninstall(self) -> None:
        """Remove our extension."""
        await self._send("uninstall", id=host_names()[0].chromium[0])

    async def _send(self, command: str, **parameters: str) -> None:
        browser = self._driver.context.browser
        assert browser
        session = await browser.new_browser_cdp_session()
        await session.send(f"Extensions.{command}", parameters)


class FirefoxBrowser:
    """Firefox through Marionette, with the same methods."""

    user_home: UserHome

    def __init__(self, driver: Marionette, extension: str) -> None:
        self._driver, self._extension = driver, extension

    @property
    def failed(self) -> bool:
        """Whether the browser can't be used any more."""
        return self._driver.failed

    async def new_tab(self) -> FirefoxTab:
        opened = await self._driver.command("WebDriver:NewWindow", type="tab")
        return FirefoxTab(self._driver, opened["handle"])

    async def open_view(self, path: str) -> FirefoxTab:
        tab = await self.new_tab()
        await tab.goto(f"moz-extension://{self._extension}/{path}")
        return tab

    async def quit(self) -> None:
        await self._driver.quit()

    async def install(self, extension: Path) -> None:
        await self._driver.install(extension)

    async def uninstall(self) -> None:
        await self._driver.command("Addon:Uninstall", id=host_names()[0].firefox[0])


Tab = ChromiumTab | FirefoxTab
Browser = ChromiumBrowser | FirefoxBrowser


@contextlib.asynccontextmanager
async def open_browser(
    user_home: UserHome,
    authority: Authority | None = None,
    *,
    extension: Path | None = None,
    installed: bool = True,
) -> AsyncIterator[Browser]:
    """Start the browser of a user's home, which trusts certificates of the test's CA.

    ``extension`` is the folder of another extension than ours. With ``installed`` false
    the test installs the extension later. If the browser is missing, the error names
    its Debian package.
    """
    folder = (extension or extension_folder()) if installed else None
    if user_home.family == "chromium":
        if authority is not None:
            authority.trust_in(user_home.home / ".pki/nssdb")
        rules = ", ".join(f"MAP {s} 127.0.0.1, MAP *.{s} 127.0.0.1" for s in SITES)
        async with Chromium.launch(
            user_home.home,
            environment=user_home.environment,
            extension=folder,
            arguments=[
                f"--host-resolver-rules={rules}",
                "--enable-unsafe-extension-debugging",
            ],
            shown_to=SITES,
            playwright=await _driver(),
        ) as chromium:
            browser = ChromiumBrowser(chromium)
            browser.user_home = user_home
            yield browser
        return
    profile = user_home.home / "firefox-profile"
    await _prepare_profile(profile)
    if authority is not None:
        authority.trust_in(profile)
    address = str(uuid.uuid4())
    gecko = host_names()[0].firefox[0]
    async with Marionette.launch(
        user_home.home,
        environment=user_home.environment,
        extension=folder,
        preferences={
            **_LIGHT,
            "dom.security.https_first": False,
            "extensions.webextensions.uuids": json.dumps({gecko: address}),
            **SHOW_CERTIFICATE,
            "network.dns.forceResolve": "127.0.0.1",
        },
        seconds=patience,
    ) as firefox:
        other = FirefoxBrowser(firefox, address)
        other.user_home = user_home
        yield other


async def _driver() -> Playwright | None:
    if shared_driver is not None and not _drivers:
        starting = shared_driver.enter_async_context(async_playwright())
        _drivers.append(await starting)
    return _drivers[0] if _drivers else None


async def _prepare_profile(profile: Path) -> None:
    """Fill a profile's folder with one that Firefox has started with once.

    A start takes twice as long with a new profile: Firefox creates its databases and
    reads its own scripts. Workers of pytest-xdist share that profile.
    """
    if (profile / "compatibility.ini").exists():
        return
    folder = cards.shared_folder() / "firefox"
    with locked(cards.shared_folder() / "firefox.lock"):
        if not (folder / "made").exists():
            home = TemporaryHome.build(folder, "firefox", card="mock", prompt="window")
            async with Marionette.launch(
                home.home, environment=home.environment, preferences=_LIGHT
            ) as firefox:
                await firefox.quit()  # writes its cache of scripts
            (folder / "made").touch()
    used = folder / "home" / "firefox-profile"
    shutil.copytree(used, profile, ignore=_NOT_COPIED, dirs_exist_ok=True)
