# SPDX-License-Identifier: MIT
"""The demo service's button leads to a page that shows the person's name."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from kortilla import Trust
from tests.browser.browsers import Browser, Tab
from tests.browser.conftest import Holder, OpenTab
from tests.browser.in_turn import only_in_chromium
from tests.browser.window import WindowListener
from tests.support.screen import Screen
from tools.demo.site import DemoServer
from tools.demo.site_authority import Authority

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: The PIN window's title in English.
TITLE = "^Kortilla: identify yourself"
#: Seconds until keys that the window ignored are pressed again.
AGAIN_AFTER = 0.8
#: The demo says a cancellation as a status.
CANCELLED = "#status.waiting"


@pytest_asyncio.fixture(loop_scope="session")
async def demo(trust: Trust, authority: Authority) -> AsyncIterator[DemoServer]:
    """The demo service at an https address."""
    context = authority.server_context
    async with DemoServer(
        trust, host="n0.service.example", ssl_context=context
    ) as demo:
        yield demo


@pytest_asyncio.fixture(loop_scope="session")
async def tab(open_tab: OpenTab, demo: DemoServer) -> Tab:
    """A tab with the demo's front page in English."""
    tab = await open_tab()
    await tab.goto(f"{demo.origin}/en/")
    return tab


async def test_the_button_leads_to_the_page_of_the_session(
    browser: Browser, tab: Tab, holder: Holder
) -> None:
    """The launcher is the installed one, the prompt the automatic one."""
    browser.user_home.install_host()
    browser.user_home.configure(prompt="automatic")
    await tab.click("#identify")
    await tab.wait_for("#logout")
    assert (await tab.text("#name"), await tab.text("#satu")) == holder
    await tab.click("#logout")
    await tab.wait_for("#identify")


async def test_a_person_types_a_wrong_pin_and_then_the_right_one(
    browser: Browser, tab: Tab, screen: Screen, holder: Holder
) -> None:
    """The window is the real one on a real screen, and only keys are pressed."""
    card = browser.user_home.card
    browser.user_home.serve(environment=on(screen), anew=True)
    await tab.click("#identify")
    window = await asyncio.to_thread(screen.find, TITLE)
    await asyncio.to_thread(screen.wait_for_focus, window)
    await asyncio.to_thread(type_pin, screen, "9999", lambda: card.tries == 4)
    await asyncio.to_thread(type_pin, screen, "1234", lambda: card.tries == 5)
    await tab.wait_for("#logout")
    assert (await tab.text("#name"), await tab.text("#satu")) == holder
    await asyncio.to_thread(screen.wait_until, lambda: not screen.ids(TITLE))


@only_in_chromium
async def test_cancelling_in_the_window_is_said_on_the_page(
    browser: Browser, tab: Tab, listener: WindowListener, holder: Holder
) -> None:
    await tab.click("#identify")
    window = await listener.opened()
    await window.hear("ask-pin")
    window.say("cancel")
    assert "cancelled" in await tab.text(CANCELLED)
    assert await tab.evaluate("document.querySelector('#problem').hidden")
    assert await tab.evaluate("document.activeElement.id") == "identify"
    # The page is ready for another attempt at once.
    await tab.click("#identify")
    await (await listener.opened()).type_pin("1234")
    await tab.wait_for("#logout")
    assert await tab.text("#name") == holder[0]


def on(screen: Screen) -> dict[str, str]:
    """Return a launcher that shows the window on a screen."""
    return {"DISPLAY": screen.display, "QT_QPA_PLATFORM": "xcb"}


def type_pin(screen: Screen, digits: str, arrived: Callable[[], bool]) -> None:
    """Type a PIN and press Enter until the card has received it.

    The window ignores keys before it has been there for half a second and the person
    has clicked in it. So the person clicks, clears the field and types again.
    """

    def attempt() -> bool:
        screen.click()
        screen.press("ctrl+a")
        screen.type(digits)
        screen.press("Return")
        again = time.monotonic() + AGAIN_AFTER
        while not arrived() and time.monotonic() < again:
            time.sleep(0.01)
        return arrived()

    screen.wait_until(attempt)
