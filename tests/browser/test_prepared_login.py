# SPDX-License-Identifier: MIT
"""A login prepared with the popup's button needs no PIN; all parts are real."""

from pathlib import Path

import pytest

from kortilla import Trust
from native_host.browsers.table import Family
from tests.browser.browser_home import House
from tests.browser.conftest import ready
from tests.browser.counter import open_counter
from tests.browser.test_card_management import POPUP, Popup
from tests.browser.tls import Authority
from tests.support.token_control import runtime_folder

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_login_that_was_prepared_in_the_popup_asks_for_no_pin(
    family: Family,
    tmp_path: Path,
    authority: Authority,
    pristine: Path,
    trust: Trust,
) -> None:
    house = House(tmp_path, family, pristine)
    with runtime_folder() as runtime:
        house.environment["XDG_RUNTIME_DIR"] = str(runtime)
        house.serve()
        async with open_counter(house, authority, trust) as counter:
            tab = await counter.browser.new_tab()
            await tab.goto(f"{counter.demo.origin}/en/")
            popup = Popup(await counter.browser.open_view(POPUP))
            await ready(popup.tab)
            await popup.press("prepareLogin")
            window = await counter.door.opened()
            await window.type_pin("1234")
            conversation = window.told[0]["conversation"]
            assert conversation["operation"] == "prepare-login"
            await popup.shows("donePrepare")
            await popup.shows("cardReady")  # preparing again has not spoiled it
            await tab.goto(f"{counter.demo.origin}/en/tls-login/1.2")
            assert await tab.text("#satu") == counter.card.state.read().satu
            assert counter.door.count == 1
