# SPDX-License-Identifier: MIT
"""A request without a click opens a prompt first.

One site may open one such prompt a minute, all sites together three.
"""

import pytest

from tests.browser.browsers import Browser
from tests.browser.conftest import Visit
from tests.browser.site import Site, authenticate
from tests.browser.window import WindowListener

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.usefixtures("new_minute"),
]


async def test_only_without_a_click_the_window_asks_before_the_card_is_read(
    browser: Browser, visit: Visit, listener: WindowListener
) -> None:
    page = await visit(asking=authenticate())
    window = await listener.opened()
    conversation = window.told[0]["conversation"]
    assert conversation["started_by_person"] is False
    assert conversation["origin"] == page.origin
    await window.hear("ask-started")
    # By the time of this response, the host has done everything else that it does.
    await page.send({"action": "kortilla:status", "id": "2"})
    await page.heard("kortilla:status-success")
    assert browser.user_home.card.is_free
    assert [each["type"] for each in window.told] == ["open", "ask-started"]
    window.say("started")
    await window.hear_step("reading")
    await window.type_pin("1234")
    await page.heard("kortilla:authenticate-success", "1")

    # A click needs no question.
    await page.ask(authenticate("3"))
    window = await listener.opened()
    assert window.told[0]["conversation"]["started_by_person"] is True
    await window.hear("ask-pin")
    assert "ask-started" not in [each["type"] for each in window.told]


async def test_one_site_asks_by_itself_once_a_minute(
    browser: Browser, visit: Visit, listener: WindowListener, site: Site
) -> None:
    page = await visit(asking=authenticate())
    window = await listener.opened()
    await window.hear("ask-started")
    window.say("cancel")  # a person who did not start it ends it
    failure = await page.failure("kortilla:authenticate", "1")
    assert failure["code"] == "USER_CANCELLED"
    assert browser.user_home.card.is_free
    again = await visit(page.origin, asking=authenticate("2"))
    failure = await again.failure("kortilla:authenticate", "2")
    assert failure["code"] == "RATE_LIMITED"
    assert len(browser.user_home.launches()) == 1
    # A click makes the difference, and so does another site.
    await again.ask(authenticate("3"))
    (await listener.opened()).say("cancel")
    await again.failure("kortilla:authenticate", "3")
    await visit(site.fresh("other.example"), asking=authenticate("4"))
    await (await listener.opened()).hear("ask-started")
