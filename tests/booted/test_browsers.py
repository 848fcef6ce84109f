# SPDX-License-Identifier: MIT
"""Logins in both browsers: by the extension, and by TLS after the switch is on."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from kortilla import background
from tests.booted.computer import wait_until
from tests.booted.conftest import GATE, Cards, Service
from tests.booted.desktop import SIZE, Desktop, Part
from tests.booted.person import LOGIN, TLS_LOGIN, Citizen
from tests.booted.tls_service import TlsService, tls_service
from tests.browser.browsers import Tab
from tests.packaging.browsers import switch_on
from tests.packaging.person import RunningBrowser

PIN1 = "1234"
#: Seconds between two Enters for a browser's question, which may take a moment.
_PAUSE = 3.0
#: The other answer to Firefox's question.
_FIREFOX_ASKS = "Älä lähetä varmennetta"
both = pytest.mark.parametrize("browser", ["chromium", "firefox"])


def test_login_in_firefox(
    desktop: Desktop, citizen: Citizen, own_cards: Cards, service: Service
) -> None:
    """A login in Firefox, by the extension"""
    own_cards.insert()
    with citizen.page("firefox", service.start) as tab:
        background.run(tab.click("#identify"))
        citizen.type_when_ready(LOGIN("title"), LOGIN("confirm"), f"{PIN1}\r")
        background.run(tab.wait_for("#logout"))


@both
def test_switch(citizen: Citizen, service: Service, browser: str) -> None:
    """The switch for Suomi.fi in the popup, in both browsers"""
    with citizen.browser(browser, service.start) as opened:
        background.run(switch_on(opened))


@both
@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("path", ["", "parts"])
def test_tls_login(
    desktop: Desktop,
    citizen: Citizen,
    own_cards: Cards,
    service: Service,
    browser: str,
    version: str,
    path: str,
    pictures: Path,
) -> None:
    """A login by TLS in both browsers asks for PIN1 once"""
    card = own_cards.insert()
    title = TLS_LOGIN("title")
    #: The windows' processes.
    windows: set[int] = set()
    with (
        tls_service(service.authority, card.folder, GATE, version) as site,
        citizen.browser(browser) as opened,
        ThreadPoolExecutor() as pool,
    ):
        tab: Tab = background.run(_new_tab(opened))
        # Without a question, Enter is for the page, and not for the address bar.
        desktop.click(SIZE[0] // 2, SIZE[1] // 2)
        going: Future[None] = pool.submit(background.run, tab.goto(site.address + path))
        answer = {"chromium": _answer_chromium, "firefox": _answer_firefox}
        answer[browser](desktop, site)
        wait_until(lambda: going.done() or desktop.is_there(title), "the PIN window")
        desktop.save_picture(
            pictures / f"{desktop.computer.name}-{browser}-tls-{version}.png"
        )
        last = "/picture.svg" if path else "/"

        def loaded() -> bool:
            if last in site.asked and going.done():
                return True
            windows.update(each["process"] for each in desktop.look(title))
            if any(_takes_keys(each) for each in desktop.parts(title)):
                desktop.type(f"{PIN1}\r")
            return going.done() and going.exception() is not None

        wait_until(loaded, "the page")
        going.result()
        background.run(tab.wait_for("#done"))
    # The next browser gets no window of its own before.
    desktop.wait_gone(title)
    assert len(windows) == 1


def _answer_chromium(desktop: Desktop, site: TlsService) -> None:
    """Answer which certificate to send: there is one.

    Chromium says to no screen reader that it asks. It breaks the connection off first,
    and makes another with the answer.
    """
    wait_until(lambda: site.broken_off, "Chromium asks")
    begun = site.begun
    _press_until(desktop, lambda: site.begun > begun)


def _answer_firefox(desktop: Desktop, _site: TlsService) -> None:
    """Answer which certificate to send: there is one.

    Before the question is complete, Enter would send none.
    """

    def asks() -> bool:
        parts = desktop.parts("(.* )?Mozilla Firefox")
        names = {part.name for part in parts if "ENABLED" in part.states}
        return _FIREFOX_ASKS in names and any("SPECIMEN-" in name for name in names)

    wait_until(asks, "Firefox asks")
    _press_until(desktop, lambda: not asks())


def _press_until(desktop: Desktop, is_answered: Callable[[], bool]) -> None:
    """Press Enter, and again if there was no answer."""
    pressed = 0.0

    def has_pressed() -> bool:
        nonlocal pressed
        if is_answered():
            return True
        if time.monotonic() > pressed + _PAUSE:
            desktop.press("Return")
            pressed = time.monotonic()
        return False

    wait_until(has_pressed, "the browser has its answer")


def _takes_keys(part: Part) -> bool:
    return part.name == TLS_LOGIN("confirm") and "ENABLED" in part.states


async def _new_tab(browser: RunningBrowser) -> Tab:
    return await browser.new_tab()
