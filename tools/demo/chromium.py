# SPDX-License-Identifier: MIT
"""Controls Chromium through Playwright."""

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from playwright.async_api import (
    BrowserContext,
    Error,
    Page,
    Playwright,
    async_playwright,
)

from tools.demo.errors import BrowserError, BrowserMissingError

#: Chromium takes the last such switch, so ours names again what Playwright's has.
_DISABLED_FEATURES = (
    # Two pages behind the address bar, which take a third of the time of a start.
    "WebUIOmniboxPopup",
    "WebUIOmniboxFullPopup",
    "WebUIOmniboxAimPopup",
    # An address of http stays one.
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    # Playwright needs these off to close, to load and to show pages.
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
    # These fetch something, or look for devices.
    "AimEnabled",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PreconnectToSearch",
)
#: Starts quietly: no first-run pages, nothing fetched or sent home.
_QUIET = (
    f"--disable-features={','.join(_DISABLED_FEATURES)}",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Chromium:
    """A running Chromium with the one tab that is controlled.

    ``launch``, an asynchronous context manager, creates it. Every method raises
    ``BrowserError`` if the browser fails to do its part. ``page`` and ``context`` are
    Playwright's, for everything else.
    """

    name = "chromium"

    def __init__(self, context: BrowserContext, page: Page) -> None:
        self.context = context
        self.page = page

    @classmethod
    @contextlib.asynccontextmanager
    async def launch(
        cls,
        home: Path,
        *,
        environment: Mapping[str, str],
        extension: Path | None = None,
        headless: bool = True,
        arguments: Sequence[str] = (),
        shown_to: Sequence[str] = (),
        playwright: Playwright | None = None,
    ) -> AsyncIterator[Self]:
        """Start Chromium, and end it with all its processes when the context exits.

        ``home`` becomes its HOME, and ``home/chromium-profile`` its profile, in whose
        ``NativeMessagingHosts`` it looks for manifests. ``environment`` is the rest of
        its environment. ``extension`` is a folder to load as an unpacked extension.
        Chromium sends a client certificate without asking the user to the hosts in
        ``shown_to`` and to their subdomains. ``playwright`` is a driver that runs
        already and goes on afterwards. Raises ``BrowserMissingError``.
        """
        program = shutil.which("chromium")
        if program is None:
            raise BrowserMissingError("Chromium", "chromium")
        loading = (
            ()
            if extension is None
            else (
                f"--disable-extensions-except={extension}",
                f"--load-extension={extension}",
            )
        )
        profile = home / "chromium-profile"
        if shown_to:
            _write_preferences(profile, shown_to)
        async with contextlib.AsyncExitStack() as stack:
            if playwright is None:
                playwright = await stack.enter_async_context(async_playwright())
            with _explained():
                context = await playwright.chromium.launch_persistent_context(
                    profile,
                    executable_path=program,
                    headless=headless,
                    # Chromium's sandbox does not work for root.
                    chromium_sandbox=os.geteuid() != 0,
                    no_viewport=not headless,
                    handle_sigint=False,
                    env={**environment, "HOME": str(home)},
                    args=[*_QUIET, *loading, *arguments],
                    # A test may install the extension later.
                    ignore_default_args=["--disable-extensions"],
                )
            try:
                yield cls(context, context.pages[0])
            finally:
                with contextlib.suppress(Error):  # the person may have closed it
                    await context.close()

    async def goto(self, url: str) -> None:
        """Load an address in the tab and wait until it has loaded."""
        with _explained():
            await self.page.goto(url)

    async def evaluate(self, expression: str) -> Any:
        """Evaluate JavaScript in the page, await it, and return the value as JSON.

        To the page this counts as a user gesture.
        """
        with _explained():
            return await self.page.evaluate(expression)

    async def wait_for(self, selector: str, *, seconds: float = 120) -> None:
        """Wait until the page shows an element that matches the CSS selector.

        The tab may navigate meanwhile.
        """
        with _explained():
            await self.page.wait_for_selector(selector, timeout=seconds * 1000)

    async def click(self, selector: str) -> None:
        """Click the middle of an element with the mouse, as a user gesture."""
        with _explained():
            await self.page.click(selector)

    async def text(self, selector: str) -> str:
        """Return the text of an element."""
        await self.wait_for(selector)
        with _explained():
            return (await self.page.text_content(selector) or "").strip()

    async def screenshot(self, path: Path) -> None:
        """Save the tab's content as PNG."""
        with _explained():
            await self.page.screenshot(path=path)

    async def wait_closed(self) -> None:
        """Wait until the person has closed the browser."""
        closed = asyncio.Event()
        self.context.on("close", lambda _: closed.set())
        await closed.wait()


def _write_preferences(profile: Path, shown_to: Sequence[str]) -> None:
    choice: dict[str, Any] = {"setting": {"filters": [{}]}}
    chosen = {f"https://[*.]{host},*": choice for host in shown_to}
    exceptions = {"auto_select_certificate": chosen}
    folder = profile / "Default"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Preferences").write_text(
        json.dumps({"profile": {"content_settings": {"exceptions": exceptions}}})
    )


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except Error as error:
        raise BrowserError(error.message.splitlines()[0]) from error
