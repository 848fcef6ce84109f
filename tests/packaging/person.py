# SPDX-License-Identifier: MIT
"""The ordinary user of the new system, with a browser on a real screen.

The browsers run in the new system, from the menu's own commands plus what lets a test
look into their pages. Nothing is loaded by hand: the extension is the package's.
"""

import asyncio
import contextlib
import io
import json
import os
import re
import subprocess
import tarfile
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, async_playwright

from native_host.install.tables import host_names
from tests.browser.browsers import (
    ChromiumBrowser,
    ChromiumTab,
    FirefoxBrowser,
    Tab,
)
from tests.support.patience import patience
from tests.support.screen import Screen
from tools.demo.chromium import Chromium
from tools.demo.firefox import (
    SYSTEM_ACCESS,
    FirefoxTab,
    Marionette,
    user_preferences,
)
from tools.demo.process import background, end_process

#: Seconds that a start of a browser may take.
_SECONDS = 60
_LISTENING = re.compile(rb"DevTools listening on (ws://\S+)")
_HOME = "/home/specimen"
# Starts quietly, and lets a test look into the pages.
_CHROMIUM = (
    *("chromium", "--no-first-run", "--no-default-browser-check"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--password-store=basic", "--remote-debugging-port=0"),
)
# Its own first page asks a server on the internet. Playwright waits for it, for
# longer than 30 s where names are looked up in vain.
_NO_PAGE = ("about:blank",)
_PREFERENCES: Mapping[str, bool | int | str] = {
    # Marionette would leave out the extensions of the system.
    "remote.prefs.recommended": False,
    # What it tells a test is printed.
    "browser.dom.window.dump.enabled": True,
    "browser.startup.homepage_override.mstone": "ignore",
    # A test ends it at once, which it takes for a crash: it would ask in the end.
    "toolkit.startup.max_resumed_crashes": -1,
    "browser.tabs.warnOnClose": False,
}


class Person:
    """Has an account in the system in the folder ``root``, and looks at ``screen``.

    ``entry`` is a command that runs another as this user in that system.
    """

    def __init__(
        self,
        root: Path,
        screen: Screen,
        *,
        sandbox: bool,
        entry: Sequence[str] | None = None,
    ) -> None:
        self.root, self.screen, self.sandbox = root, screen, sandbox
        chroot = ("chroot", "--userspec=specimen:specimen", str(root))
        self._entry = chroot if entry is None else entry

    def command(self, *words: str) -> list[str]:
        """Return what runs a command in the new system, with nothing of ours."""
        return [
            *(*self._entry, "env", "-i"),
            *(f"HOME={_HOME}", "PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"),
            *("XDG_RUNTIME_DIR=/run/user/1000", f"DISPLAY={self.screen.display}"),
            *("sh", "-c", 'cd && exec "$@"', "sh", *words),
        ]

    async def run(self, *words: str, given: bytes = b"") -> str:
        """Run a command to its end; return what it printed."""
        done = await asyncio.to_thread(
            subprocess.run, self.command(*words), input=given, capture_output=True
        )
        assert done.returncode == 0, f"{words}: {done.stderr.decode()}"
        return done.stdout.decode()

    async def write(self, path: str, text: str) -> None:
        """Write a file below the home folder, with the folders on the way."""
        script = 'mkdir -p "$(dirname "$1")" && cat >"$1"'
        await self.run("sh", "-c", script, "sh", path, given=text.encode())

    async def copy(self, folder: Path, path: str) -> None:
        """Copy a folder of ours below the home folder."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            archive.add(folder, ".")
        script = 'mkdir -p "$1" && tar -C "$1" -xo'
        await self.run("sh", "-c", script, "sh", path, given=packed.getvalue())

    async def type_pin(
        self, title: str, pin: str, answer: "asyncio.Task[None]"
    ) -> None:
        """Wait for the program's window, and type until there is an answer.

        A window takes keys after a click, but none that has only just come.
        """
        screen = self.screen
        coming = asyncio.create_task(asyncio.to_thread(screen.find, title))
        await asyncio.wait({coming, answer}, return_when=asyncio.FIRST_COMPLETED)
        while not answer.done():
            # It may just have gone.
            with contextlib.suppress(subprocess.CalledProcessError):
                await asyncio.to_thread(screen.activate, coming.result())
                await asyncio.to_thread(screen.click)
                await asyncio.to_thread(screen.press, "BackSpace", "Home", "shift+End")
                await asyncio.to_thread(screen.type, f"{pin}\r")
            await asyncio.wait({answer}, timeout=1)

    async def confirm_until(self, title: str) -> None:
        """Press Enter in the browser, until a window comes."""
        screen = self.screen
        coming = asyncio.create_task(asyncio.to_thread(screen.find, title))
        while not coming.done():
            await asyncio.to_thread(screen.press, "Return")
            await asyncio.wait({coming}, timeout=1)
        coming.result()

    async def gone(self, title: str) -> None:
        """Wait until the program's window has gone."""
        screen = self.screen
        await asyncio.to_thread(screen.wait_until, lambda: not screen.ids(title))


_WELCOME = "welcome/welcome.html"
# A click as Marionette does it has no answer before the next page has loaded.
_FOLLOW = "(setTimeout(() => document.querySelector(%s).click()), null)"
# Firefox says so when Enter means OK in its question.
_WATCH_FOR_QUESTION = """(window.kortillaAsks = new Promise((resolve) => {
  const complete = () => {
    Services.obs.removeObserver(complete, "cert-dialog-loaded");
    resolve(true);
  };
  Services.obs.addObserver(complete, "cert-dialog-loaded");
}), null)"""
_QUESTION_IS_COMPLETE = """Promise.race([
  window.kortillaAsks, new Promise((resolve) => setTimeout(resolve, 5000, false))
])"""


class _Chromium(ChromiumBrowser):
    def __init__(
        self, process: asyncio.subprocess.Process, context: BrowserContext
    ) -> None:
        super().__init__(Chromium(context, context.pages[0]))
        self._process, self._context = process, context

    async def tab_of(self, url: str) -> ChromiumTab:
        """Return the tab that shows a page, when it does."""
        while True:
            for page in self._context.pages:
                if page.url == url:
                    await page.wait_for_load_state()
                    await page.bring_to_front()
                    session = await self._context.new_cdp_session(page)
                    return ChromiumTab(Chromium(self._context, page), session)
            await self._context.wait_for_event("page")

    async def welcomed(self) -> None:
        """Wait until the extension has opened its welcome page, behind another page."""
        address = f"chrome-extension://{host_names()[0].chromium[0]}/{_WELCOME}"
        async with asyncio.timeout(_SECONDS):
            while True:
                for page in self._context.pages:
                    if page.url == address:
                        # For a test's browser every page is visible.
                        tab = await page.evaluate("chrome.tabs.getCurrent()")
                        assert not tab["active"]
                        return
                await self._context.pages[0].title()

    async def follow_to_question(self, tab: Tab, selector: str) -> None:
        """Follow a link to a site that asks for a certificate.

        Enter before the browser's question is for the page.
        """
        await tab.evaluate(_FOLLOW % json.dumps(selector))

    async def quit(self) -> None:
        """End the browser as a person does; it remembers its pages."""
        assert self._context.browser
        session = await self._context.browser.new_browser_cdp_session()
        await session.send("Browser.close")
        await self._process.wait()


class _Firefox(FirefoxBrowser):
    async def tab_of(self, url: str) -> FirefoxTab:
        tab = await self._tab(url)
        await tab.to_front()
        return tab

    async def welcomed(self) -> None:
        address = f"moz-extension://{self._extension}/{_WELCOME}"
        await self._tab(address)
        # Firefox 159 runs no script of a test in an extension's page.
        assert address != await self._evaluate_in_window(
            "gBrowser.selectedBrowser.currentURI.spec"
        )

    async def follow_to_question(self, tab: Tab, selector: str) -> None:
        """Follow a link to a site that asks for a certificate.

        Return when the browser's question is complete. Enter before that closes it and
        sends no certificate, and Firefox remembers this until it ends.
        """
        await self._evaluate_in_window(_WATCH_FOR_QUESTION)
        await tab.evaluate(_FOLLOW % json.dumps(selector))
        async with asyncio.timeout(patience(_SECONDS)):
            while not await self._evaluate_in_window(_QUESTION_IS_COMPLETE):
                pass

    async def _evaluate_in_window(self, expression: str) -> Any:
        """Evaluate JavaScript in the browser's own window."""
        set_context = "Marionette:SetContext"
        await self._driver.command(set_context, value="chrome")
        value = await self._driver.command(
            "WebDriver:ExecuteScript", script=f"return {expression}", args=[]
        )
        await self._driver.command(set_context, value="content")
        return value

    async def _tab(self, url: str) -> FirefoxTab:
        """Wait for a tab, and leave the one in front that is there."""
        async with asyncio.timeout(_SECONDS):
            while True:
                for handle in await self._driver.command("WebDriver:GetWindowHandles"):
                    await self._driver.command(
                        "WebDriver:SwitchToWindow", handle=handle, focus=False
                    )
                    if await self._driver.command("WebDriver:GetCurrentURL") == url:
                        return FirefoxTab(self._driver, handle)


RunningBrowser = _Chromium | _Firefox


@contextlib.asynccontextmanager
async def open_browser(
    person: Person, name: str, profile: str, *words: str, restore: bool = False
) -> AsyncIterator[RunningBrowser]:
    """Start ``chromium`` or ``firefox`` with a profile, which may be a new one.

    ``words`` are those on the command line, such as an address. ``restore`` opens the
    pages of the last time.
    """
    if name == "chromium":
        async with _open_chromium(person, profile, words, restore=restore) as chromium:
            yield chromium
        return
    async with open_firefox(person, profile, *words, restore=restore) as firefox:
        yield firefox


@contextlib.asynccontextmanager
async def open_firefox(
    person: Person,
    profile: str,
    *words: str,
    program: Sequence[str] = ("firefox-esr",),
    home: str = ".",
    preferences: Mapping[str, bool | int | str] | None = None,
    restore: bool = False,
) -> AsyncIterator["_Firefox"]:
    """Start a Firefox, which takes the folder ``home`` for the person's own.

    ``program`` is the command that starts it, ``preferences`` are added to the profile.
    """
    extension = str(uuid.uuid5(uuid.NAMESPACE_DNS, profile))
    gecko = host_names()[0].firefox[0]
    wanted = user_preferences(
        {
            **_PREFERENCES,
            **(preferences or {}),
            "browser.startup.page": 3 if restore else 0,
            "extensions.webextensions.uuids": json.dumps({gecko: extension}),
        }
    )
    folder = f".mozilla/firefox/{profile}"
    await person.write(f"{home}/{folder}/user.js", wanted)
    await person.write(
        f"{home}/.mozilla/firefox/profiles.ini",
        f"[Profile0]\nName={profile}\nIsRelative=1\nPath={profile}\n",
    )
    command = person.command(
        *(
            "env",
            f"{SYSTEM_ACCESS}=1",
            *program,
            "--profile",
            f"{_HOME}/{folder}",
            *words,
        )
    )
    async with Marionette.start(command, os.environ) as driver:
        yield _Firefox(driver, extension)


@contextlib.asynccontextmanager
async def _open_chromium(
    person: Person, profile: str, words: tuple[str, ...], *, restore: bool
) -> AsyncIterator[RunningBrowser]:
    command = person.command(
        *_CHROMIUM,
        f"--user-data-dir={_HOME}/.config/chromium-{profile}",
        *(() if person.sandbox else ("--no-sandbox",)),
        *(("--restore-last-session", *words) if restore else words or _NO_PAGE),
    )
    async with contextlib.AsyncExitStack() as stack:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        stack.push_async_callback(end_process, process)
        assert process.stderr
        address = await _address(process.stderr)
        await stack.enter_async_context(background(_drain(process.stderr)))
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.connect_over_cdp(address)
        yield _Chromium(process, browser.contexts[0])


async def _address(errors: asyncio.StreamReader) -> str:
    said = b""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_SECONDS):
            while line := await errors.readline():
                if found := _LISTENING.search(line):
                    return found[1].decode()
                said += line
    raise AssertionError(f"Chromium did not start: {said.decode(errors='replace')}")


async def _drain(output: asyncio.StreamReader) -> None:
    while await output.read(65536):
        pass
