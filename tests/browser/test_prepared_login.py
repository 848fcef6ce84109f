# SPDX-License-Identifier: MIT
"""From the popup's button to a login that asks for nothing: all parts are real."""

import asyncio
from pathlib import Path

import pytest

from native_host.browsers.hosts import Family
from native_host.cli.demo.token import TokenSocket, add_token, database
from relying_party import Trust
from relying_party.demo import DemoServer
from relying_party.demo.tls_login import GateSettings
from tests.pkcs11.real import serving
from tests.token_control import runtime_folder

from .browsers import open_browser
from .conftest import ready
from .house import House
from .test_card_management import POPUP, Popup
from .tls import Authority
from .window import Door

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_login_that_was_prepared_in_the_popup_asks_for_no_pin(
    family: Family,
    tmp_path: Path,
    authority: Authority,
    pristine: Path,
    trust: Trust,
) -> None:
    house = House(tmp_path, family, pristine)
    gates = GateSettings(authority.chain, "n3.service.example")
    with runtime_folder() as runtime:
        house.environment["XDG_RUNTIME_DIR"] = str(runtime)
        house.serve()
        async with (
            Door() as door,
            TokenSocket(house.environment, command=serving(door)) as token,
            DemoServer(
                trust,
                host="n2.service.example",
                ssl_context=authority.server_context,
                gates=gates,
            ) as demo,
        ):
            house.environment["P11_KIT_SERVER_ADDRESS"] = token.address
            await asyncio.to_thread(add_token, database(house.home, family), authority)
            async with open_browser(house) as browser:
                tab = await browser.new_tab()
                await tab.goto(f"{demo.origin}/en/")
                popup = Popup(await browser.open_view(POPUP))
                await ready(popup.tab)
                await popup.press("prepareLogin")
                window = await door.opened()
                await window.type_pin("1234")
                conversation = window.told[0]["conversation"]
                assert conversation["operation"] == "prepare-login"
                await popup.shows("donePrepare")
                await popup.shows("cardReady")  # which looking at has not spoiled
                await tab.goto(f"{demo.origin}/en/tls-login/1.2")
                assert await tab.text("#satu") == house.card.state.read().satu
                assert door.count == 1
