# SPDX-License-Identifier: MIT
"""A login works with a card in a PC/SC reader: pcscd, vpcd and pyscard."""

import asyncio

from kortilla import Trust
from kortilla.mock_card.card import MockCard
from native_host.install.tables import Family
from tests.browser.browser_home import UserHome
from tests.browser.browsers import SITES, open_browser
from tests.browser.window import WindowListener
from tests.support.pcsc import Pcscd, isolated
from tools.demo.site import DemoServer
from tools.demo.site_authority import Authority


@isolated
async def test_login_in_chromium_with_a_card_in_a_reader(pcscd: Pcscd) -> None:
    await _log_in(pcscd, "chromium")


@isolated
async def test_login_in_firefox_with_a_card_in_a_reader(pcscd: Pcscd) -> None:
    await _log_in(pcscd, "firefox")


async def _log_in(pcscd: Pcscd, family: Family) -> None:
    card = pcscd.new_card()
    holder = card.read()
    names = [name for site in SITES for name in (site, f"*.{site}")]
    authority = Authority(pcscd.folder, names)
    user_home = UserHome(pcscd.folder / "user_home", family, card.folder)
    user_home.configure(card="pcsc")
    async with (
        WindowListener() as listener,
        DemoServer(
            Trust.from_folder(card.folder, test=True),
            host="service.example",
            ssl_context=authority.server_context,
        ) as demo,
        open_browser(user_home, authority) as browser,
    ):
        user_home.serve(prompt_command=listener.command)
        tab = await browser.new_tab()
        await tab.goto(demo.origin)
        await tab.click("#identify")
        window = await listener.opened()
        assert window.told[0]["conversation"]["test_card"] is False
        await window.hear_step("waiting-for-card")
        await asyncio.to_thread(pcscd.insert, MockCard(card))
        question = await window.type_pin("1234")
        assert question["satu"] == holder.satu
        await tab.wait_for("#logout")
        assert await tab.text("#satu") == holder.satu
        await user_home.host_gone()
