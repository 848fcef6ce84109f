# SPDX-License-Identifier: MIT
"""A login works with a card in a PC/SC reader: pcscd, vpcd and pyscard."""

import asyncio

from kortilla import Trust
from kortilla.mock_card.card import MockCard
from tests.browser.browser_home import UserHome
from tests.browser.browsers import SITES, open_browser
from tests.browser.window import WindowListener
from tests.support.pcsc import Pcscd, isolated
from tools.demo.site import DemoServer
from tools.demo.site_authority import Authority


@isolated
async def test_login_in_chromium_with_a_card_in_a_reader(pcscd: Pcscd) -> None:
    card = pcscd.new_card()
    holder = card.read()
    authority = Authority(pcscd.folder, [*SITES])
    user_home = UserHome(pcscd.folder / "user_home", "chromium", card.folder)
    user_home.configure(card="pcsc")
    trust = Trust.from_folder(card.folder, test=True)
    context = authority.server_context
    async with (
        WindowListener() as listener,
        DemoServer(trust, host=SITES[0], ssl_context=context) as demo,
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
        assert await tab.text("#satu") == holder.satu
        await user_home.host_gone()
