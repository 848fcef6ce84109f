# SPDX-License-Identifier: MIT
"""A person gets the package and logs in, in Chromium and in Firefox.

``python -m tests.packaging.browsers SYSTEM PACKAGE [--no-sandbox]`` works in a new
Debian that ``tests/packaging/run`` has made in the folder SYSTEM. The service runs
beside it. Its sites have real names and TLS.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from kortilla import Trust
from kortilla.mock_card.state import MockCardState
from tests.browser.browsers import Tab
from tests.packaging.person import Person, RunningBrowser, open_browser
from tests.support.screen import open_screen
from tools.demo.site import DemoServer
from tools.demo.site.tls_login import GateSettings
from tools.demo.site_authority import Authority

_NAMES = {"chromium": "Chromium", "firefox": "Firefox"}
_SITE, _GATE = "service.example", "tls.service.example"
_PIN = "1234"
WINDOW = "Kortilla: identify yourself"
_TLS_WINDOW = "Kortilla: identify yourself in the browser"
_PROBLEM = "#problem:not([hidden])"
_DEAF = """
(addEventListener("keydown", (event) => event.preventDefault(), true), null)
"""


class Visit:
    """What the person does at the service."""

    def __init__(self, person: Person, origin: str, satu: str) -> None:
        self.person, self.origin, self._satu = person, origin, satu

    @property
    def start(self) -> str:
        """The address of the page with the button."""
        return f"{self.origin}/en/"

    async def log_in(self, tab: Tab) -> None:
        """Press the page's button, and type the PIN in the window."""
        await tab.click("#identify")
        await self.type_pin(tab, WINDOW)

    async def log_in_by_tls(self, browser: RunningBrowser, tab: Tab) -> None:
        """Choose the certificate that the browser shows, and type the PIN."""
        # Enter is for the browser's question. On the link it would begin anew.
        await tab.evaluate(_DEAF)
        await browser.follow_to_question(tab, "#tls-1-3")
        # There is one certificate.
        await self.person.confirm_until(_TLS_WINDOW)
        await self.type_pin(tab, _TLS_WINDOW)

    async def type_pin(self, tab: Tab, title: str) -> None:
        answer = asyncio.create_task(tab.wait_for(f"#logout, {_PROBLEM}"))
        await self.person.type_pin(title, _PIN, answer)
        await answer
        if await tab.evaluate("document.querySelector('#logout') === null"):
            raise AssertionError(await tab.text("#problem-code"))
        assert await tab.text("#satu") == self._satu
        await self.person.gone(title)


async def before_the_package(
    visit: Visit, browsers: dict[str, RunningBrowser], install: list[str]
) -> None:
    """Have a page open in each browser, and install the package meanwhile."""
    tabs = {name: await browsers[name].new_tab() for name in browsers}
    for tab in tabs.values():
        await tab.goto(visit.start)
        await tab.click("#identify")
        assert await tab.text("#problem-code") == "EXTENSION_MISSING"
    done = await asyncio.to_thread(subprocess.run, install, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    # They look for new extensions of the system when they start.
    for tab in tabs.values():
        await tab.click("#identify")
        assert await tab.text("#problem-code") == "EXTENSION_MISSING"


async def switch_on(browser: RunningBrowser) -> None:
    """Press the switch in the popup, for logins by TLS; end the browser.

    Chromium reads its list of tokens when it starts, and the popup says so.
    """
    view = await browser.open_view("popup/popup.html")
    await view.click("#suomi-fi summary")
    await view.wait_for("#switch:not([aria-busy])")
    await view.click("#switch")
    # It is a note until the switch has done its work.
    await view.wait_for("#token[data-state]:not([data-state=note])")
    heading = await view.text("#token h3")
    assert await view.evaluate("document.querySelector('#switch').checked"), heading
    await browser.quit()


def say(began: float, text: str) -> None:
    """Print what worked, and how long it took."""
    print(f"{text} ({time.monotonic() - began:.0f} s)", flush=True)


@asynccontextmanager
async def open_service(
    person: Person, folder: Path, *databases: str
) -> AsyncIterator[Visit]:
    """Run the service, for a person who has a card.

    The NSS databases, below the person's home folder, trust its certificate.
    """
    MockCardState.create(folder / "card")
    card = MockCardState.open(folder / "card").read()
    await person.copy(folder / "card", ".local/share/kortilla/mock-card")
    await person.write(".config/kortilla/config.toml", 'card = "mock"\n')
    authority = Authority(folder, [_SITE, _GATE])
    await person.write("authority.pem", authority.certificate.read_text())
    for database in databases:
        await person.run("mkdir", "-p", database)
        where = ("certutil", "-d", f"sql:{database}")
        if not (person.root / "home/specimen" / database / "cert9.db").exists():
            await person.run(*where, "-N", "--empty-password")
        add = ("-A", "-t", "C,,", "-n", "test", "-i", "authority.pem")
        await person.run(*where, *add)
    async with DemoServer(
        Trust.from_folder(folder / "card", test=True),
        host=_SITE,
        ssl_context=authority.server_context,
        gates=GateSettings(authority.chain, _GATE),
    ) as server:
        yield Visit(person, server.origin, card.satu)


async def main(system: Path, package: str, *, sandbox: bool) -> None:
    """Do all of it."""
    async with AsyncExitStack() as around:
        folder = Path(around.enter_context(TemporaryDirectory()))
        screen = around.enter_context(open_screen())
        person = Person(system, screen, sandbox=sandbox)
        visit = await around.enter_async_context(
            open_service(
                person,
                folder,
                ".pki/nssdb",
                ".mozilla/firefox/before",
                ".mozilla/firefox/new",
            )
        )

        began = time.monotonic()
        install = [
            *("env", "-u", "TMPDIR", "chroot", str(system)),
            *("apt-get", "install", "--yes", "--no-install-recommends", package),
        ]
        async with AsyncExitStack() as open_browsers:
            browsers = {
                name: await open_browsers.enter_async_context(
                    open_browser(person, name, "before")
                )
                for name in _NAMES
            }
            await before_the_package(visit, browsers, install)
            for browser in browsers.values():
                await browser.quit()
        say(
            began, "apt install while both browsers show the page: missing till the end"
        )

        for name, title in _NAMES.items():
            began = time.monotonic()
            async with open_browser(person, name, "before", restore=True) as browser:
                await browser.welcomed()
                await visit.log_in(await browser.tab_of(visit.start))
            say(began, f"{title}: logged in, in the page of before")
        for name, title in _NAMES.items():
            began = time.monotonic()
            async with open_browser(person, name, "new", visit.start) as browser:
                await browser.welcomed()
                await visit.log_in(await browser.tab_of(visit.start))
                say(began, f"{title}: logged in, in a new profile")
                await switch_on(browser)
            began = time.monotonic()
            async with open_browser(person, name, "new", visit.start) as browser:
                tab = await browser.tab_of(visit.start)
                await visit.log_in_by_tls(browser, tab)
            say(began, f"{title}: logged in by TLS, with the package's token")


if __name__ == "__main__":
    asyncio.run(
        main(Path(sys.argv[1]), sys.argv[2], sandbox="--no-sandbox" not in sys.argv)
    )
