# SPDX-License-Identifier: MIT
"""The window comes and goes with what the page and the person do."""

import pytest

from relying_party import Trust

from .browsers import Browser
from .conftest import Visit, identity_of
from .site import NONCE, authenticate
from .window import Door

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_page_gets_a_token_for_its_own_origin(
    visit: Visit, door: Door, trust: Trust
) -> None:
    page = await visit()
    await page.ask(authenticate())
    window = await door.opened()
    assert window.told[0]["conversation"]["origin"] == page.origin
    question = await window.type_pin("1234")
    token = await page.heard("kortilla:authenticate-success", "1")
    assert await identity_of(token, page.origin, NONCE, trust) == question["satu"]


async def test_a_closed_tab_takes_window_host_and_card_along(
    browser: Browser, visit: Visit, door: Door
) -> None:
    page = await visit()
    await page.ask(authenticate())
    window = await door.opened()
    await window.hear("ask-pin")
    assert not browser.house.card.is_free
    await page.tab.close()
    await window.gone()
    await browser.house.host_gone()
    assert browser.house.card.is_free
