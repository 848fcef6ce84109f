# SPDX-License-Identifier: MIT
"""Pages may send the same request again as soon as they have a response.

A port stays open after its response for as long as a window may still show. The end of
that port must not affect the next request.
"""

import base64
import hashlib
import json
from collections import Counter
from typing import Any

import pytest

from tests.browser.browser_home import end_of
from tests.browser.browsers import Browser
from tests.browser.conftest import Visit
from tests.browser.in_turn import only_in_chromium, only_in_firefox
from tests.browser.signing import PIN2
from tests.browser.site import NONCE, Page, authenticate
from tests.browser.test_web_eid_sign import web_eid_certificate
from tests.browser.window import Door

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOGINS = 2
DIGEST = hashlib.sha384(b"A document of the service's.").digest()
HASH = {"hash": base64.b64encode(DIGEST).decode(), "hashFunction": "SHA-384"}

#: Sends each request in the same turn as the previous response, as code does that
#: awaits a client's promises.
CHAIN = """async () => {
  const ask = (message) => new Promise((resolve) => {
    const hear = ({ data, source }) => {
      if (source !== window || !data?.action?.startsWith(`${message.action}-`)) return;
      if (!/-(success|failure)$/.test(data.action)) return;
      removeEventListener("message", hear);
      resolve(data.error?.code ?? "ok");
    };
    addEventListener("message", hear);
    postMessage(message, "*");
  });
  const told = [];
  for (const message of %s) told.push(await ask(message));
  postMessage({ action: "chain:all-success", told }, "*");
}"""


def web_eid(action: str, **fields: object) -> dict[str, object]:
    """Return a message of Web eID's library."""
    return {"action": f"web-eid:{action}", "libraryVersion": "2.0.2", **fields}


async def run_chain(
    page: Page, door: Door, messages: list[dict[str, Any]], windows: int
) -> list[str]:
    """Send all requests from a page, answer their windows, return the responses."""
    await page.ask_script(CHAIN % json.dumps(messages))
    await page.tab.evaluate("setNextScript('() => {}')")
    for _ in range(windows):
        window = await door.opened()
        # A click authorises requests for five seconds.
        await page.tab.click("#ask")
        operation = window.told[0]["conversation"]["operation"]
        await window.type_pin("1234" if operation == "authenticate" else PIN2)
    told: list[str] = (await page.heard("chain:all-success"))["told"]
    return told


async def nothing_left(browser: Browser, door: Door, page: Page, windows: int) -> None:
    """Wait until all hosts have exited and the page has received all messages."""
    assert door.count == windows
    assert len(browser.house.launches()) == windows
    for process in browser.house.launches():
        await end_of(process)
    await page.send({"action": "kortilla:status", "id": "last"})
    await page.heard("kortilla:status-success", "last")


async def answers(page: Page) -> Counter[str]:
    """Count the page's responses so far by name."""
    return Counter(each["action"] for each in await page.received())


async def test_logins_in_a_row_in_web_eids_messages(
    browser: Browser, visit: Visit, door: Door
) -> None:
    page = await visit()
    certificate = await web_eid_certificate(page, door)
    login = [
        web_eid("status"),
        web_eid("authenticate", challengeNonce=NONCE),
        web_eid("sign", certificate=certificate, **HASH),
    ]
    before = await answers(page)
    told = await run_chain(page, door, login * LOGINS, 2 * LOGINS)
    assert told == ["ok"] * 3 * LOGINS
    await nothing_left(browser, door, page, 2 * LOGINS + 1)
    after = await answers(page) - before
    assert after == {
        **{
            f"web-eid:{action}-{kind}": LOGINS
            for action in ("status", "authenticate", "sign")
            for kind in ("ack", "success")
        },
        "kortilla:status-ack": 1,
        "kortilla:status-success": 1,
        "chain:all-success": 1,
    }


@only_in_chromium
async def test_the_same_action_of_web_eid_again_and_again(
    browser: Browser, visit: Visit, door: Door
) -> None:
    page = await visit()
    certificate = await web_eid_certificate(page, door)
    chain = [web_eid("status")] * 30
    chain += [web_eid("authenticate", challengeNonce=NONCE)] * 2
    chain += [web_eid("sign", certificate=certificate, **HASH)] * 2
    assert await run_chain(page, door, chain, 4) == ["ok"] * 34
    await nothing_left(browser, door, page, 5)
    assert not [name for name in await answers(page) if name.endswith("-failure")]


@only_in_firefox
async def test_an_id_of_ours_again_and_again(
    browser: Browser, visit: Visit, door: Door
) -> None:
    page = await visit()
    hashes = [{"name": "1.txt", **HASH}]
    chain: list[dict[str, Any]] = [{"action": "kortilla:status", "id": "1"}] * 30
    chain += [authenticate()] * 2
    chain += [{"action": "kortilla:sign", "id": "1", "hashes": hashes}] * 2
    assert await run_chain(page, door, chain, 4) == ["ok"] * 34
    await nothing_left(browser, door, page, 4)
    assert not [name for name in await answers(page) if name.endswith("-failure")]
