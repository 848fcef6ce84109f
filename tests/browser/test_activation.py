# SPDX-License-Identifier: MIT
"""A request that no click preceded is asked about first, once a minute for a site."""

import pytest

from .browsers import Browser
from .conftest import Visit
from .site import authenticate
from .window import Door

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_without_a_click_the_window_asks_before_the_card_is_read(
    browser: Browser, visit: Visit, door: Door
) -> None:
    page = await visit(asking=authenticate())
    window = await door.opened()
    conversation = window.told[0]["conversation"]
    assert conversation["started_by_person"] is False
    assert conversation["origin"] == page.origin
    await window.hear("ask-started")
    # Whatever the host does besides asking, it has done by the time of this answer.
    await page.send({"action": "kortilla:status", "id": "2"})
    await page.heard("kortilla:status-success")
    assert browser.house.card.is_free
    assert [each["type"] for each in window.told] == ["open", "ask-started"]
    window.say("started")
    await window.hear_step("reading")
    await window.type_pin("1234")
    await page.heard("kortilla:authenticate-success", "1")


async def test_a_click_needs_no_question(visit: Visit, door: Door) -> None:
    page = await visit()
    await page.ask(authenticate())
    window = await door.opened()
    assert window.told[0]["conversation"]["started_by_person"] is True
    await window.hear("ask-pin")
    assert "ask-started" not in [each["type"] for each in window.told]


async def test_a_person_who_did_not_start_it_ends_it(
    browser: Browser, visit: Visit, door: Door
) -> None:
    page = await visit(asking=authenticate())
    window = await door.opened()
    await window.hear("ask-started")
    window.say("cancel")
    failure = await page.failure("kortilla:authenticate", "1")
    assert failure["code"] == "USER_CANCELLED"
    assert browser.house.card.is_free


async def test_one_site_asks_by_itself_once_a_minute(
    browser: Browser, visit: Visit, door: Door
) -> None:
    page = await visit(asking=authenticate())
    window = await door.opened()
    window.say("cancel")
    await page.failure("kortilla:authenticate", "1")
    again = await visit(page.origin, asking=authenticate("2"))
    failure = await again.failure("kortilla:authenticate", "2")
    assert failure["code"] == "RATE_LIMITED"
    assert len(browser.house.launches()) == 1
    # A click is another matter, and so is another site.
    await again.ask(authenticate("3"))
    (await door.opened()).say("cancel")
    await again.failure("kortilla:authenticate", "3")
    await visit(asking=authenticate("4"))
    await (await door.opened()).hear("ask-started")
