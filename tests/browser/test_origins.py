# SPDX-License-Identifier: MIT
"""The origin comes from the browser, and a page can't forge it."""

import json

import pytest

from kortilla import Trust
from tests.browser.browsers import Browser
from tests.browser.conftest import OpenTab, Visit, identity_of
from tests.browser.site import NONCE, Page, Site, authenticate
from tests.browser.window import Door

pytestmark = pytest.mark.asyncio(loop_scope="session")

STATUS = {"action": "kortilla:status", "id": "status"}


def web_eid(**more: object) -> dict[str, object]:
    return {
        "action": "web-eid:authenticate",
        "libraryVersion": "2.0.2",
        "challengeNonce": NONCE,
        **more,
    }


async def test_a_foreign_frame_is_refused(
    browser: Browser, visit: Visit, site: Site
) -> None:
    page = await visit()
    frame = site.fresh("other.example")
    await page.add_frame(frame, authenticate())
    report = await page.reported("kortilla:authenticate-failure")
    assert report["error"]["code"] == "FRAME_REFUSED"
    await page.add_frame(frame, web_eid())
    report = await page.reported("web-eid:authenticate-failure")
    assert report["error"]["code"] == "ERR_WEBEID_CONTEXT_INSECURE"
    assert browser.house.launches() == []


async def test_a_frame_of_the_site_in_a_foreign_frame_is_refused(
    browser: Browser, visit: Visit, site: Site
) -> None:
    """The top frame has the same origin, but the frame between does not."""
    page = await visit()
    between = site.fresh("other.example")
    await page.add_frame(between, None)
    frame = json.dumps(f"{page.origin}/")
    await page.tab.evaluate(
        f"addGrandchild({frame}, {json.dumps(json.dumps(authenticate()))})"
    )
    report = await page.reported("kortilla:authenticate-failure")
    assert report["error"]["code"] == "FRAME_REFUSED"
    assert browser.house.launches() == []


async def test_a_sandboxed_frame_is_refused(browser: Browser, visit: Visit) -> None:
    page = await visit()
    await page.add_frame(page.origin, authenticate(), sandbox="allow-scripts")
    report = await page.reported("kortilla:authenticate-failure")
    assert report["error"]["code"] == "FRAME_REFUSED"
    assert browser.house.launches() == []


async def test_a_frame_without_an_address_gets_no_answer(
    browser: Browser, visit: Visit
) -> None:
    page = await visit()
    script = f"<script>postMessage({json.dumps(authenticate())}, '*')</script>"
    await page.tab.evaluate(f"addDocument({json.dumps(script)})")
    await page.ask(STATUS)
    await page.heard("kortilla:status-success")
    assert browser.house.launches() == []


@pytest.mark.usefixtures("new_minute")
async def test_a_frame_of_the_same_origin_may_ask(visit: Visit, door: Door) -> None:
    page = await visit()
    await page.add_frame(page.origin, authenticate())
    window = await door.opened()
    assert window.told[0]["conversation"]["origin"] == page.origin
    window.say("cancel")
    report = await page.reported("kortilla:authenticate-failure")
    assert report["error"]["code"] == "USER_CANCELLED"


async def test_an_event_that_a_script_made_up_gets_no_answer(
    browser: Browser, visit: Visit
) -> None:
    page = await visit()
    for request in (authenticate(), web_eid()):
        await page.tab.evaluate(
            f"""dispatchEvent(new MessageEvent("message", {{
              data: {json.dumps(request)}, source: window,
              origin: "https://bank.example" }}))"""
        )
    await page.ask(STATUS)
    await page.heard("kortilla:status-success")
    actions = [each["action"] for each in await page.received()]
    assert actions == ["kortilla:status-ack", "kortilla:status-success"]
    assert browser.house.launches() == []


async def test_a_message_from_another_window_gets_no_answer(
    browser: Browser, visit: Visit, site: Site
) -> None:
    page = await visit()
    await page.tab.evaluate(
        f"forwardFrom({json.dumps(site.fresh('other.example'))}, "
        f"{json.dumps(json.dumps(authenticate()))})"
    )
    await page.ask(STATUS)
    await page.heard("kortilla:status-success")
    actions = [each["action"] for each in await page.received()]
    assert actions == ["kortilla:status-ack", "kortilla:status-success"]
    assert browser.house.launches() == []


async def test_an_origin_in_the_message_is_refused_or_means_nothing(
    browser: Browser, visit: Visit, door: Door, trust: Trust
) -> None:
    page = await visit()
    await page.ask(authenticate(origin="https://bank.example"))
    failure = await page.failure("kortilla:authenticate", "1")
    assert failure["code"] == "INVALID_ARGUMENT"
    assert browser.house.launches() == []
    await page.ask(web_eid(origin="https://bank.example"))
    window = await door.opened()
    assert window.told[0]["conversation"]["origin"] == page.origin
    await window.type_pin("1234")
    token = await page.heard("web-eid:authenticate-success")
    await identity_of(token, page.origin, NONCE, trust)


async def test_http_on_this_computer_needs_the_developers_setting(
    browser: Browser, visit: Visit, door: Door, site: Site
) -> None:
    page = await visit(site.origin("localhost", "http"))
    await page.ask(authenticate())
    failure = await page.failure("kortilla:authenticate", "1")
    assert failure["code"] == "ORIGIN_REFUSED"
    browser.house.configure(localhost=True)
    await page.ask(authenticate("2"))
    window = await door.opened()
    assert window.told[0]["conversation"]["origin"] == page.origin


async def test_http_anywhere_else_meets_no_extension(
    browser: Browser, open_tab: OpenTab, site: Site
) -> None:
    page = await Page.open(await open_tab(), site.origin("n0.service.example", "http"))
    await page.ask(STATUS)
    # A page may treat 1000 ms of silence as a missing extension.
    await page.tab.evaluate("new Promise((resolve) => setTimeout(resolve, 1000))")
    assert await page.received() == []
    assert browser.house.launches() == []


async def test_the_page_client_says_that_http_is_not_secure(
    open_tab: OpenTab, site: Site
) -> None:
    page = await Page.open(await open_tab(), site.origin("n0.service.example", "http"))
    status = await page.tab.evaluate("clientStatus()")
    assert (status["extension"], status["host"]) == (None, None)
    assert status["problem"] == "CONTEXT_INSECURE"
    assert await page.tab.evaluate("clientFailure()") == "CONTEXT_INSECURE"
