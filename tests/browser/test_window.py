# SPDX-License-Identifier: MIT
"""The window opens and closes with the actions of page and person."""

from typing import Any

import pytest

from kortilla import Trust
from tests.browser.browsers import Browser
from tests.browser.conftest import SharedBrowser, Visit, identity_of
from tests.browser.site import NONCE, Page, Site, authenticate
from tests.browser.window import Window, WindowListener

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_page_gets_its_own_token_and_nothing_personal_before_the_pin_is_typed(
    browser: Browser, visit: Visit, listener: WindowListener, trust: Trust
) -> None:
    """An answered request whose page has gone leaves nothing."""
    page = await visit()
    await page.ask(authenticate())
    window = await listener.opened()
    conversation = window.told[0]["conversation"]
    assert conversation["origin"] == page.origin
    assert conversation["caller"] == "", "the host recognises real browsers"
    asked = await window.hear("ask-pin")
    question = asked["question"]
    assert question["name"] and question["satu"], "the window shows the person's name"
    # A status request makes a full round trip, so earlier messages have arrived.
    await page.send({"action": "kortilla:status", "id": "2"})
    await page.heard("kortilla:status-success", "2")
    assert [each for each in await page.received() if each["id"] == "1"] == [
        {"action": "kortilla:authenticate-ack", "id": "1"},
        {
            "action": "kortilla:authenticate-progress",
            "id": "1",
            "progress": "window-open",
        },
    ]
    window.answer(asked, "1234")
    token = await page.heard("kortilla:authenticate-success", "1")
    assert await identity_of(token, page.origin, NONCE, trust) == question["satu"]
    # An answered request whose page has gone leaves nothing.
    await page.tab.close()
    await window.gone()
    await browser.user_home.host_gone()
    assert browser.user_home.card.is_free


@pytest.mark.usefixtures("new_minute")
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
    window.say("cancel")
    await page.failure("kortilla:authenticate", "3")

    # A site may open one such window a minute.
    again = await visit(page.origin, asking=authenticate("4"))
    failure = await again.failure("kortilla:authenticate", "4")
    assert failure["code"] == "RATE_LIMITED"


async def _heard_without_a_click(page: Page) -> list[dict[str, Any]]:
    """Return all that a page hears that nobody clicks, in order.

    It asks at once, and tries what might tell whether anything else is under way.
    """
    await page.send({"action": "kortilla:status", "id": "2"})
    await page.heard("kortilla:status-success")
    for id, action in (("3", "authenticate"), ("4", "prepare")):
        await page.send({**authenticate(id), "action": f"kortilla:{action}"})
        await page.heard(f"kortilla:{action}-failure", id)
    await page.send({"action": "kortilla:cancel", "id": "1"})
    await page.heard("kortilla:authenticate-failure", "1")
    return await page.received()


@pytest.mark.usefixtures("new_minute")
async def test_a_page_that_nobody_clicks_neither_delays_a_login_nor_learns_of_it(
    visit: Visit, listener: WindowListener, site: Site, trust: Trust
) -> None:
    """The tab behind has had the one place with its question before.

    Its page hears the same with and without the login.
    """
    behind = await visit(site.fresh("other.example"), asking=authenticate("1"))
    question = await listener.opened()
    await question.hear("ask-started")
    page = await visit()
    await page.ask(authenticate())
    window = await listener.opened()
    assert window.told[0]["conversation"]["origin"] == page.origin
    await question.gone()
    during = await _heard_without_a_click(behind)
    await window.type_pin("1234")
    token = await page.heard("kortilla:authenticate-success", "1")
    await identity_of(token, page.origin, NONCE, trust)

    idle = await visit(page.origin, asking=authenticate("1"))
    question = await listener.opened()
    await question.hear("ask-started")
    assert await _heard_without_a_click(idle) == during
    await question.gone()


async def test_a_document_that_is_opened_anew_still_gets_its_answers(
    visit: Visit, listener: WindowListener
) -> None:
    """`document.open()` removes all listeners, the content script's too."""
    page = await visit()
    await page.tab.evaluate("reopen()")
    await page.ask(authenticate())
    window = await listener.opened()
    await page.heard("kortilla:authenticate-progress", "1")
    assert window.told[0]["conversation"]["origin"] == page.origin
    assert window.told[0]["conversation"]["started_by_person"] is True
    # Its end is noticed as that of any other document.
    await page.tab.goto("about:blank")
    await window.gone()


async def test_a_request_that_ends_early_takes_window_host_and_card_along(
    browser: Browser, visit: Visit, listener: WindowListener
) -> None:
    """The person or the page cancels, or the page is left, or its tab is closed."""
    page = await visit()

    async def asked(id: str) -> Window:
        await page.ask(authenticate(id))
        window = await listener.opened()
        await window.hear("ask-pin")
        # Other programs may use the card while the user thinks.
        assert browser.user_home.card.is_free
        return window

    async def all_gone(window: Window) -> None:
        await window.gone()
        await browser.user_home.host_gone()
        assert browser.user_home.card.is_free

    window = await asked("1")
    window.say("cancel")
    failure = await page.failure("kortilla:authenticate", "1")
    assert failure["code"] == "USER_CANCELLED"
    assert "reason" not in failure
    await all_gone(window)
    assert browser.user_home.card.tries == 5

    window = await asked("2")
    await page.send({"action": "kortilla:cancel", "id": "2"})
    await page.heard("kortilla:cancel-success", "2")
    failure = await page.failure("kortilla:authenticate", "2")
    assert failure["code"] == "REQUEST_CANCELLED"
    await all_gone(window)

    await page.ask(authenticate("3"))
    window = await listener.opened()  # PIN1 may not have been asked yet
    await page.tab.goto(f"{page.origin}/?elsewhere")
    await all_gone(window)

    window = await asked("4")
    await page.tab.close()
    await all_gone(window)


async def test_the_window_is_ready_before_the_click_where_the_page_prepares(
    browser: Browser, visit: Visit, listener: WindowListener
) -> None:
    """What was prepared goes with its page."""
    page = await visit()
    await page.send({"action": "kortilla:prepare", "id": "1"})
    code = (await page.failure("kortilla:prepare", "1"))["code"]
    assert code == "ACTIVATION_REQUIRED"
    assert browser.user_home.launches() == []
    await page.ask({"action": "kortilla:prepare", "id": "2"})
    await page.heard("kortilla:prepare-success", "2")
    await page.ask(authenticate("3"))
    window = await listener.opened()
    await window.type_pin("1234")
    await page.heard("kortilla:authenticate-success", "3")
    assert len(browser.user_home.launches()) == 1, "the request uses the prepared host"
    await browser.user_home.host_gone()
    # What was prepared goes with the page.
    await page.ask({"action": "kortilla:prepare", "id": "4"})
    await page.heard("kortilla:prepare-success", "4")
    window = await listener.prelaunched()
    assert len(browser.user_home.launches()) == 2
    await page.tab.close()
    await window.gone()
    await browser.user_home.host_gone()


async def test_a_browser_that_ends_takes_window_host_and_card_along(
    browser: Browser,
    shared_browser: SharedBrowser,
    visit: Visit,
    listener: WindowListener,
) -> None:
    """The last test of the shared browser, as the next one starts another."""
    page = await visit()
    await page.ask(authenticate())
    window = await listener.opened()
    await window.hear("ask-pin")
    page.tab.closed = True
    await browser.quit()
    await window.gone()
    await browser.user_home.host_gone()
    assert browser.user_home.card.is_free
    await shared_browser.close()
