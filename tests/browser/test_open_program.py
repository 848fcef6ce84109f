# SPDX-License-Identifier: MIT
"""A click in the popup opens the program's window, which outlives host and browser."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from native_host.browsers.table import Family
from tests.browser.browser_home import House, end_of
from tests.browser.browsers import Browser, open_browser
from tests.browser.conftest import OpenTab, ready
from tests.browser.in_turn import only_in_chromium
from tests.browser.test_card_management import HEADINGS, POPUP, Popup
from tests.browser.test_extension_pages import text
from tests.browser.tls import Authority
from tests.support.screen import Screen

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: The title of the program's window. The browser is on no screen.
TITLE = "Kortilla$"

# A person presses the button many times before the popup closes.
_PRESS = """(() => {
  const button = document.querySelector("#program");
  for (let count = 0; count < 9; count += 1) button.click();
})()"""

_TABS = "chrome.tabs.query({}).then(({ length }) => length)"

# Wait until there are no more tabs than so many.
_UNTIL_CLOSED = """(async () => {
  while ((await chrome.tabs.query({})).length > %d) {
    await new Promise((resolve) => setTimeout(resolve));
  }
})()"""


@pytest.fixture
def on_screen(tmp_path: Path, screen: Screen) -> Iterator[dict[str, str]]:
    """The host's environment for the screen. Its windows are ended with the test."""
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    yield {
        "DISPLAY": screen.display,
        "QT_QPA_PLATFORM": "xcb",
        "XDG_RUNTIME_DIR": str(runtime),
    }
    for window in screen.ids(TITLE):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid_of(screen, window), signal.SIGKILL)


def pid_of(screen: Screen, window: str) -> int:
    """Return the process of a window, as it tells the window manager."""
    command = ["xdotool", "getwindowpid", window]
    return int(subprocess.check_output(command, env=screen.environment))


@only_in_chromium
async def test_the_window_opens_once_and_outlives_host_and_browser(
    tmp_path: Path,
    family: Family,
    pristine: Path,
    authority: Authority,
    screen: Screen,
    on_screen: dict[str, str],
) -> None:
    house = House(tmp_path / "house", family, pristine)
    house.serve(environment=on_screen, anew=True)
    async with open_browser(house, authority) as browser:
        other = await browser.open_view("icons/kortilla.svg")  # it starts no host
        tabs = await other.evaluate(_TABS)
        for press in range(2):
            popup = await browser.open_view(POPUP)
            await ready(popup)
            await popup.wait_for("#card[aria-busy=false]")
            before = len(house.launches())
            await popup.evaluate(_PRESS)
            popup.closed = True  # the popup closes once the host has answered
            await other.evaluate(_UNTIL_CLOSED % tabs)
            if press == 0:  # the background may still know the first popup in the next
                assert len(house.launches()) == before + 1, "one host for all presses"
            window = await asyncio.to_thread(screen.find, TITLE)
            for process in house.launches():
                await end_of(process)
    process = pid_of(screen, window)
    assert screen.ids(TITLE) == [window], "no later press opens a second one"
    screen.activate(window)
    screen.press("ctrl+q")
    await end_of(process)


@only_in_chromium
async def test_a_window_that_can_not_open_is_said_in_place_of_the_card(
    browser: Browser, open_tab: OpenTab
) -> None:
    """There is no screen for it."""
    environment = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}
    browser.house.serve(environment=environment)
    tab = await open_tab(POPUP)
    await ready(tab)
    await tab.wait_for("#card[aria-busy=false]")
    popup = Popup(tab)
    await tab.click("#program")
    await popup.shows("promptFailed")
    assert await popup.all(HEADINGS) == [text("promptFailed")]
    assert text("promptFailedMore") in await popup.heard()
    assert await tab.evaluate("document.body.offsetHeight") <= 600
    focus = "document.activeElement.id"
    assert await tab.evaluate(focus) == "program", "the person can press it again"
    await popup.press("lookAtCard")
    await popup.shows("cardReady")
