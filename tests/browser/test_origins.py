# SPDX-License-Identifier: MIT
"""The origin comes from the browser, and a page can't forge it."""

import json

import pytest

from kortilla import Trust
from tests.browser.browsers import Browser
from tests.browser.conftest import OpenTab, Visit, identity_of
from tests.browser.site import NONCE, Page, Site, authenticate
from tests.browser.window import WindowListener

pytestmark = pytest.mark.asyncio(loop_scope="session")

STATUS = {"action": "kortilla:status", "id": "status"}


def web_eid(**more: object) -> dict[str, object]:
    return {
        "action": "web-eid:authenticate",
        "libraryVersion": "2.0.2",
        "challengeNonce": NONCE,
        **more,
    }


async def test_other_frames_and_windows_get_no_answer(
    browser: Browser, visit: Visit, site: Site
) -> None:
    """A frame reports all that it has heard once an acknowledgement would have come."""
    page = await visit()
    foreign, asking = site.fresh("other.example"), json.dumps(authenticate())

    async def silent() -> None:
        report = await page.reported("frame:turns-over")
        assert report["received"] == [], report
        await page.tab.evaluate("document.querySelector('iframe').remove()")

    for request in (authenticate(), web_eid(), STATUS):
        await page.add_frame(foreign, request)
        await silent()

    # The top frame has the same origin, but the frame between does not.
    await page.add_frame(foreign, None)
    top = json.dumps(f"{page.origin}/")
    await page.tab.evaluate(f"addGrandchild({top}, {json.dumps(asking)})")
    await silent()

    await page.add_frame(page.origin, authenticate(), sandbox="allow-scripts")
    await silent()

    # A frame without an address, an event that a script made up, another window.
    script = json.dumps(f"<script>postMessage({asking}, '*')</script>")
    await page.tab.evaluate(f"addDocument({script})")
    for request in (authenticate(), web_eid()):
        await page.tab.evaluate(
            f"""dispatchEvent(new MessageEvent("message", {{
              data: {json.dumps(request)}, source: window,
              origin: "https://bank.example" }}))"""
        )
    await page.tab.evaluate(f"forwardFrom({json.dumps(foreign)}, {json.dumps(asking)})")

    await page.ask(STATUS)
    await page.heard("kortilla:status-success")
    actions = [each["action"] for each in await page.received()]
    assert actions == ["kortilla:status-ack", "kortilla:status-success"]
    assert browser.user_home.launches() == []


@pytest.mark.usefixtures("new_minute")
async def test_a_frame_of_the_same_origin_may_ask_and_a_named_origin_means_nothing(
    browser: Browser, visit: Visit, listener: WindowListener, trust: Trust
) -> None:
    page = await visit()
    await page.ask(authenticate(origin="https://bank.example"))
    failure = await page.failure("kortilla:authenticate", "1")
    assert failure["code"] == "INVALID_ARGUMENT"
    assert browser.user_home.launches() == []
    await page.ask(web_eid(origin="https://bank.example"))
    window = await listener.opened()
    assert window.told[0]["conversation"]["origin"] == page.origin
    await window.type_pin("1234")
    token = await page.heard("web-eid:authenticate-success")
    await identity_of(token, page.origin, NONCE, trust)

    await page.add_frame(page.origin, authenticate())
    window = await listener.opened()
    assert window.told[0]["conversation"]["origin"] == page.origin
    window.say("cancel")
    report = await page.reported("kortilla:authenticate-failure")
    assert report["error"]["code"] == "USER_CANCELLED"


async def test_http_on_this_computer_needs_the_developers_setting(
    browser: Browser, visit: Visit, listener: WindowListener, site: Site
) -> None:
    page = await visit(site.origin("localhost", "http"))
    await page.ask(authenticate())
    failure = await page.failure("kortilla:authenticate", "1")
    assert failure["code"] == "ORIGIN_REFUSED"
    browser.user_home.configure(localhost=True)
    await page.ask(authenticate("2"))
    window = await listener.opened()
    assert window.told[0]["conversation"]["origin"] == page.origin


async def test_http_anywhere_else_meets_no_extension_and_the_client_says_so(
    browser: Browser, open_tab: OpenTab, site: Site
) -> None:
    page = await Page.open(await open_tab(), site.origin("n0.service.example", "http"))
    await page.ask(STATUS)
    # A page may treat 1000 ms of silence as a missing extension.
    await page.tab.evaluate("new Promise((resolve) => setTimeout(resolve, 1000))")
    assert await page.received() == []
    status = await page.tab.evaluate("clientStatus()")
    assert (status["extension"], status["host"]) == (None, None)
    assert status["problem"] == "CONTEXT_INSECURE"
    assert await page.tab.evaluate("clientFailure()") == "CONTEXT_INSECURE"
    assert browser.user_home.launches() == []
