# SPDX-License-Identifier: MIT
"""The extension reports a missing, broken or outdated program, with a remedy."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.browser.browsers import Browser
from tests.browser.conftest import Visit, ready
from tests.browser.shared import SharedBrowser
from tests.browser.site import NONCE, authenticate
from tests.browser.window import WindowListener

pytestmark = pytest.mark.asyncio(loop_scope="session")

WEB_EID = {
    "action": "web-eid:authenticate",
    "libraryVersion": "2.0.2",
    "challengeNonce": NONCE,
}


def speak(message: object) -> str:
    """Return a program that writes one message and reads on."""
    body = json.dumps(message).encode()
    data = len(body).to_bytes(4, "little") + body
    return (
        f"import sys; sys.stdout.buffer.write({data!r}); sys.stdout.flush(); "
        "sys.stdin.buffer.read()"
    )


TROUBLES = {
    "ends at once": ("import sys; sys.exit(3)", "HOST_CRASHED", "NATIVE_FATAL"),
    "is too old": (
        speak({"version": "2.9.0+kortilla.0.0.9"}),
        "HOST_TOO_OLD",
        "VERSION_MISMATCH",
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def recovery(shared_browser: SharedBrowser) -> AsyncIterator[None]:
    """Check that the extension finds a working program afterwards."""
    yield
    browser = await shared_browser.get()
    browser.user_home.configure()
    browser.user_home.serve()
    tab = await browser.open_view("popup/popup.html")
    await ready(tab)
    await tab.close()
    await browser.user_home.empty()


async def test_a_program_that_breaks_the_protocol_is_named_to_the_page(
    browser: Browser, visit: Visit
) -> None:
    page = await visit()
    for trouble, (code, own, web_eid) in TROUBLES.items():
        browser.user_home.put_host(code)
        await page.ask(authenticate())
        answer = await page.heard("kortilla:authenticate-failure", "1")
        assert answer["error"]["code"] == own, trouble
        await page.ask(WEB_EID)
        answer = await page.heard("web-eid:authenticate-failure")
        assert answer["error"]["code"] == f"ERR_WEBEID_{web_eid}", trouble


async def test_a_program_that_is_missing_is_named_and_used_once_it_is_there_again(
    browser: Browser, visit: Visit, listener: WindowListener
) -> None:
    page = await visit()
    with browser.user_home.without_manifest():
        await page.ask(authenticate())
        answer = await page.heard("kortilla:authenticate-failure", "1")
        assert answer["error"]["code"] == "HOST_MISSING"
        await page.ask(WEB_EID)
        answer = await page.heard("web-eid:authenticate-failure")
        assert answer["error"]["code"] == "ERR_WEBEID_NATIVE_UNAVAILABLE"
        await page.ask(authenticate("2"))
        await page.failure("kortilla:authenticate", "2")
    await page.ask(authenticate("3"))
    await (await listener.opened()).type_pin("1234")
    await page.heard("kortilla:authenticate-success", "3")
