# SPDX-License-Identifier: MIT
"""Logins in both browsers: by the extension, and by TLS after the switch is on."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from kortilla import background
from tests.booted.computer import wait_until
from tests.booted.conftest import GATE, Cards, Service
from tests.booted.desktop import Desktop
from tests.booted.person import LOGIN, TLS_LOGIN, Citizen
from tests.booted.tls_service import tls_service
from tests.browser.browsers import Tab
from tests.packaging.browsers import switch_on
from tests.packaging.person import RunningBrowser
from tests.support.pcsc import LoggedCard

PIN1 = "1234"
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
def test_tls_login(
    desktop: Desktop,
    citizen: Citizen,
    own_cards: Cards,
    service: Service,
    browser: str,
    version: str,
    pictures: Path,
) -> None:
    """A login by TLS in both browsers asks for PIN1 once, for a page with its parts"""
    card = own_cards.insert()
    logged = own_cards.inserted
    assert isinstance(logged, LoggedCard)
    title = TLS_LOGIN("title")
    with (
        tls_service(service.authority, card.folder, GATE, version) as site,
        citizen.browser(browser) as opened,
        ThreadPoolExecutor() as pool,
    ):
        tab: Tab = background.run(_new_tab(opened))
        going: Future[None] = pool.submit(background.run, tab.goto(site.address))

        def window() -> bool:
            if desktop.is_there(title):
                return True
            if going.done():
                going.result()
                raise AssertionError("the page came without a PIN")
            desktop.press("Return")  # the browser asks which certificate; there is one
            return False

        wait_until(window, "the PIN window")
        desktop.save_picture(
            pictures / f"{desktop.computer.name}-{browser}-tls-{version}.png"
        )
        citizen.type_when_ready(title, TLS_LOGIN("confirm"), f"{PIN1}\r")
        going.result(120)
        background.run(tab.wait_for("#done"))
        desktop.wait_gone(title)
        wait_until(lambda: "/picture.svg" in site.asked, "the page's picture")
    assert logged.log.count("verify") == 1, "each VERIFY is a PIN that was typed"


async def _new_tab(browser: RunningBrowser) -> Tab:
    return await browser.new_tab()
