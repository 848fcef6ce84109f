# SPDX-License-Identifier: MIT
"""The extension reports a missing, broken or outdated program, with a remedy."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from kortilla import Trust
from native_host import WEB_EID_VERSION
from tests.browser.browsers import Browser
from tests.browser.conftest import OpenTab, Visit, ready
from tests.browser.in_turn import only_in_chromium
from tests.browser.shared import SharedBrowser
from tests.browser.site import NONCE, authenticate
from tests.browser.tls import Authority
from tests.browser.window import Door
from tools.demo.site import DemoServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

WEB_EID = {
    "action": "web-eid:authenticate",
    "libraryVersion": "2.0.2",
    "challengeNonce": NONCE,
}


def speak(*messages: object, then: str = "sys.stdin.buffer.read()") -> str:
    """Return a program that writes bytes and then runs code."""
    bodies = [json.dumps(each).encode() for each in messages]
    data = b"".join(len(body).to_bytes(4, "little") + body for body in bodies)
    return f"import sys; sys.stdout.buffer.write({data!r}); sys.stdout.flush(); {then}"


HELLO = {"version": WEB_EID_VERSION}
READ_ONE = (
    "n = int.from_bytes(sys.stdin.buffer.read(4), 'little'); sys.stdin.buffer.read(n)"
)

TROUBLES = {
    "ends at once": ("import sys; sys.exit(3)", "HOST_CRASHED", "NATIVE_FATAL"),
    "ends when asked": (speak(HELLO, then=READ_ONE), "HOST_CRASHED", "NATIVE_FATAL"),
    "says nonsense": (speak({"hello": 1}), "HOST_CRASHED", "NATIVE_FATAL"),
    "answers nonsense": (
        speak(HELLO, {"id": "1", "result": {"unverifiedCertificate": "x"}}),
        "HOST_CRASHED",
        "NATIVE_FATAL",
    ),
    "is too old": (
        speak({"version": "2.9.0+kortilla.0.0.9"}),
        "HOST_TOO_OLD",
        "VERSION_MISMATCH",
    ),
    "is another program": (
        speak({"version": "2.9.0+0"}),
        "HOST_TOO_OLD",
        "VERSION_MISMATCH",
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def recovery(shared_browser: SharedBrowser) -> AsyncIterator[None]:
    """Check that the extension finds a working program afterwards."""
    yield
    browser = await shared_browser.get()
    browser.house.configure()
    browser.house.serve()
    tab = await browser.open_view("popup/popup.html")
    await ready(tab)
    await tab.close()
    await browser.house.empty()


async def test_a_program_that_breaks_the_protocol_is_named_to_the_page(
    browser: Browser, visit: Visit
) -> None:
    page = await visit()
    for trouble, (code, own, web_eid) in TROUBLES.items():
        browser.house.put_host(code)
        await page.ask(authenticate())
        answer = await page.heard("kortilla:authenticate-failure", "1")
        assert answer["error"]["code"] == own, trouble
        await page.ask(WEB_EID)
        answer = await page.heard("web-eid:authenticate-failure")
        assert answer["error"]["code"] == f"ERR_WEBEID_{web_eid}", trouble
        if own == "HOST_TOO_OLD":
            update = {"extension": False, "nativeApp": True}
            assert answer["error"]["requiresUpdate"] == update, trouble


async def test_a_program_that_is_missing_is_named_and_used_once_it_is_there_again(
    browser: Browser, visit: Visit, door: Door
) -> None:
    page = await visit()
    with browser.house.without_manifest():
        await page.ask(authenticate())
        answer = await page.heard("kortilla:authenticate-failure", "1")
        assert answer["error"]["code"] == "HOST_MISSING"
        await page.ask(WEB_EID)
        answer = await page.heard("web-eid:authenticate-failure")
        assert answer["error"]["code"] == "ERR_WEBEID_NATIVE_UNAVAILABLE"
        await page.ask(authenticate("2"))
        await page.failure("kortilla:authenticate", "2")
    await page.ask(authenticate("3"))
    await (await door.opened()).type_pin("1234")
    await page.heard("kortilla:authenticate-success", "3")


@only_in_chromium
async def test_the_demo_says_what_to_do_with_a_link(
    browser: Browser, open_tab: OpenTab, trust: Trust, authority: Authority
) -> None:
    context = authority.server_context
    async with DemoServer(
        trust, host="n0.service.example", ssl_context=context
    ) as demo:
        tab = await open_tab()
        await tab.goto(f"{demo.origin}/sv/")
        with browser.house.without_manifest():
            await tab.click("#identify")
            assert await tab.text("#problem-code") == "HOST_MISSING"
            assert "program" in await tab.text("#problem-text")
        assert await tab.text("#problem-help")
        where = await tab.evaluate('document.querySelector("#problem-help").href')
        assert where == f"{demo.origin}/auth/static/help/sv.html#program"


@only_in_chromium
async def test_a_broken_setting_is_no_crash_and_its_path_is_not_told(
    browser: Browser, visit: Visit
) -> None:
    page = await visit()
    browser.house.configure(card="imaginary")
    await page.ask(authenticate())
    error = await page.failure("kortilla:authenticate", "1")
    assert error["code"] == "CONFIG_BROKEN"
    assert str(browser.house.home) not in json.dumps(await page.received())
