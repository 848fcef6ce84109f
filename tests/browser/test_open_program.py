# SPDX-License-Identifier: MIT
"""The popup opens windows on the screen: for the card, and the program's own."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from native_host.browser_testing.temporary_home import extension_folder
from native_host.install.tables import host_names
from tests.browser.browser_home import Card, UserHome, end_of
from tests.browser.browsers import Browser, ChromiumBrowser
from tests.browser.test_card_management import CODE, NEW_PIN1, NEW_PIN2
from tests.browser.views import POPUP, WELCOMES, ready
from tests.support.screen import Screen
from tests.support.sight import Sight
from tools.demo.chromium import Chromium

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: The titles of the program's window, and of the one that activates a card.
TITLE = "Kortilla$"
ACTIVATION_TITLE = "Kortilla: activate the card"

# A person presses the button many times before the popup closes.
_PRESS = """(() => {
  const button = document.querySelector("#program");
  for (let count = 0; count < 9; count += 1) button.click();
})()"""

_TABS = "chrome.tabs.query({}).then(({ length }) => length)"

# Wait until there are no more tabs than so many.
_UNTIL_CLOSED = """(async () => {
  while ((await chrome.tabs.query({})).length > %d) {
    await new Promise((resolve) => setTimeout(resolve, 50));
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


# Resolves when the popup, which this page can script, shows the button.
BUTTON_SHOWS = """new Promise((resolve) => {
  const look = () => {
    const [popup] = chrome.extension.getViews({ type: "popup" });
    if (popup?.document.querySelector("#card button.main")) resolve(true);
    else requestAnimationFrame(look);
  };
  look();
})"""


def type_all(screen: Screen, window: str, card: Card) -> None:
    """Type the codes that activate a card, until the window shows the end.

    A window that has just received the focus ignores typing. Its button shows that.
    """

    def see() -> Sight:
        return Sight.of(screen.rows_of(window))

    def activated() -> bool:
        return card.state.read().pin2.changed

    while not activated():
        screen.wait_until(lambda: see().ready)
        new = (NEW_PIN1, NEW_PIN1, NEW_PIN2, NEW_PIN2)
        screen.type("\r".join((CODE, *new, "")))
        screen.wait_until(lambda: activated() or not see().ready)
        screen.wait_until(lambda: activated() or see().ready)
    screen.wait_until(lambda: see().done)


async def test_a_person_activates_a_card_by_keys_and_opens_what_outlives_the_browser(
    tmp_path: Path, pristine: Path, screen: Screen, on_screen: dict[str, str]
) -> None:
    """One walk, as browser and screen take long to start. The popup is the real one."""
    user_home = UserHome(tmp_path / "user_home", "chromium", pristine)
    user_home.card.remake(state="new")
    user_home.serve(environment=on_screen)
    async with Chromium.launch(
        user_home.home,
        environment={**user_home.environment, **on_screen},
        extension=extension_folder(),
        headless=False,
    ) as chromium:
        browser = ChromiumBrowser(chromium)
        browser.user_home = user_home
        home = f"chrome-extension://{host_names()[0].chromium[0]}"
        await chromium.goto(f"{home}/options/options.html")
        await chromium.wait_for("#host[data-state=ready]")
        assert await chromium.evaluate(WELCOMES) == 0, "a developer's copy shows none"
        await _activated_from_the_popup(chromium, user_home, screen)
        window = await _opened_once(browser, screen)
    process = pid_of(screen, window)
    assert screen.ids(TITLE) == [window], "no later press opens a second one"
    screen.activate(window)
    screen.press("ctrl+q")
    await end_of(process)


async def _activated_from_the_popup(
    chromium: Chromium, user_home: UserHome, screen: Screen
) -> None:
    """A person who uses only the keyboard activates a card in popup and window."""
    await chromium.evaluate("chrome.action.openPopup()")
    await chromium.evaluate(BUTTON_SHOWS)
    # The first stop is the button in the band, which reads the card again.
    await asyncio.to_thread(screen.press, "Tab", "Tab", "Return")
    window = await asyncio.to_thread(screen.find_in_front, ACTIVATION_TITLE)
    await asyncio.to_thread(type_all, screen, window, user_home.card)
    await asyncio.to_thread(screen.press, "Escape")
    await asyncio.to_thread(screen.wait_until, lambda: not screen.ids(ACTIVATION_TITLE))
    await user_home.host_gone()
    data = user_home.card.state.read()
    assert (data.pin1.value, data.pin2.value) == (NEW_PIN1, NEW_PIN2)
    assert data.puk.tries == 5


async def _opened_once(browser: Browser, screen: Screen) -> str:
    """Press the program's button in two popups, and return the window."""
    user_home = browser.user_home
    other = await browser.open_view("icons/kortilla.svg")  # it starts no host
    tabs = await other.evaluate(_TABS)
    for press in range(2):
        popup = await browser.open_view(POPUP)
        await ready(popup)
        await popup.wait_for("#card[aria-busy=false]")
        before = len(user_home.launches())
        await popup.evaluate(_PRESS)
        popup.closed = True  # the popup closes once the host has answered
        await other.evaluate(_UNTIL_CLOSED % tabs)
        if press == 0:  # the background may still know the first popup in the next
            assert len(user_home.launches()) == before + 1, "one host for all presses"
        window = await asyncio.to_thread(screen.find, TITLE)
        for process in user_home.launches():
            await end_of(process)
    return window
