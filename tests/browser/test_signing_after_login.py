# SPDX-License-Identifier: MIT
"""After a login, a page that needs the certificate first costs one PIN2 and no more."""

import asyncio
import base64
import hashlib
from typing import Any

import pytest

from tests.browser.browsers import Browser
from tests.browser.conftest import OpenTab, Visit
from tests.browser.in_turn import only_in_chromium
from tests.browser.signing import ACTION, PIN2, THREE, TITLE, check, request
from tests.browser.site import NONCE, Page, Site, authenticate
from tests.browser.test_login import TITLE as LOGIN_TITLE
from tests.browser.test_login import on, type_pin
from tests.browser.window import WindowListener
from tests.host.signing import verify
from tests.support.screen import Screen

pytestmark = pytest.mark.asyncio(loop_scope="session")

CERTIFICATE = "kortilla:get-signing-certificate"
#: The messages of Web eID's library.
VERSION = {"libraryVersion": "2.0.2", "options": {"lang": "en"}}


async def identify(page: Page, listener: WindowListener) -> None:
    """Log in to the page."""
    await page.ask(authenticate())
    await (await listener.opened()).type_pin("1234")
    await page.heard("kortilla:authenticate-success")


async def unasked_certificate(page: Page) -> str:
    """Get the certificate without a window."""
    await page.ask({"action": CERTIFICATE, "id": "c"})
    answer = await page.heard(f"{CERTIFICATE}-success", "c")
    told = [each["action"] for each in await page.received() if each["id"] == "c"]
    assert told[-2:] == [f"{CERTIFICATE}-ack", f"{CERTIFICATE}-success"]
    return str(answer["certificate"])


async def asked_certificate(page: Page, listener: WindowListener) -> dict[str, Any]:
    """Have the window ask for the certificate, and return its question."""
    await page.ask({"action": CERTIFICATE, "id": "c"})
    window = await listener.opened()
    question = await window.agree()
    await page.heard(f"{CERTIFICATE}-success", "c")
    return question


@only_in_chromium
async def test_the_person_sees_two_windows_and_types_two_pins(
    browser: Browser, open_tab: OpenTab, site: Site, screen: Screen
) -> None:
    """The window is the real one, and the page's messages are Web eID's."""
    card = browser.user_home.card
    with card.state.update() as data:
        data.pin1.tries = data.pin2.tries = 4
    browser.user_home.serve(environment=on(screen))
    page = await Page.open(await open_tab(), site.fresh())
    action = "web-eid:authenticate"
    await page.ask({"action": action, "challengeNonce": NONCE, **VERSION})
    window = await asyncio.to_thread(screen.find, LOGIN_TITLE)
    await asyncio.to_thread(screen.wait_for_focus, window)
    await asyncio.to_thread(type_pin, screen, "1234", lambda: card.tries == 5)
    await page.heard(f"{action}-success")
    action = "web-eid:get-signing-certificate"
    await page.ask({"action": action, **VERSION})
    certificate = (await page.heard(f"{action}-success"))["certificate"]
    digest = hashlib.sha384(b"A document of the service's.").digest()
    action = "web-eid:sign"
    await page.ask(
        {
            "action": action,
            "certificate": certificate,
            "hash": base64.b64encode(digest).decode(),
            "hashFunction": "SHA-384",
            **VERSION,
        }
    )
    window = await asyncio.to_thread(screen.find, TITLE)
    await asyncio.to_thread(screen.wait_for_focus, window)
    await asyncio.to_thread(type_pin, screen, PIN2, lambda: card.signature_tries == 5)
    verify(certificate, await page.heard(f"{action}-success"), digest)


async def test_the_login_counts_until_the_tab_leaves_the_site(
    visit: Visit, listener: WindowListener, site: Site
) -> None:
    page = await visit()
    await identify(page, listener)
    # A login mostly leads to another document of the site.
    page = await Page.open(page.tab, page.origin)
    for _ in range(2):
        certificate = await unasked_certificate(page)
        await page.ask_script(request(THREE, certificate=certificate))
        question = await (await listener.opened()).type_pin(PIN2)
        assert question["name"] and question["satu"]
        check(await page.heard(f"{ACTION}-success", "1"), THREE)
    other_tab = await visit(page.origin)
    await asked_certificate(other_tab, listener)
    await page.tab.goto(site.fresh())
    page = await Page.open(page.tab, page.origin)
    await asked_certificate(page, listener)
