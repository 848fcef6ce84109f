# SPDX-License-Identifier: MIT
"""Pages written for the Web eID library work: its messages and their responses.

See docs/reference/web-eid.md, "Page and extension".
"""

import base64
import hashlib
import json
from collections import Counter
from typing import Any

import pytest

from kortilla import Trust
from native_host import WEB_EID_VERSION
from tests.browser.browser_home import end_of
from tests.browser.browsers import Browser
from tests.browser.conftest import Visit, identity_of
from tests.browser.signing import P384, PIN2
from tests.browser.site import NONCE, Page
from tests.browser.window import WindowListener
from tests.host.signing import verify

pytestmark = pytest.mark.asyncio(loop_scope="session")

ACTION = "web-eid:authenticate"
CERTIFICATE = "web-eid:get-signing-certificate"
SIGN = "web-eid:sign"
LOGINS = 2
DIGEST = hashlib.sha384(b"A document of the service's.").digest()
HASH: dict[str, object] = {
    "hash": base64.b64encode(DIGEST).decode(),
    "hashFunction": "SHA-384",
}

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


def request(**changes: object) -> dict[str, Any]:
    """Return the library's message with changes; None removes a field."""
    message = {
        "action": ACTION,
        "libraryVersion": "2.0.2",
        "challengeNonce": NONCE,
        "options": {},
        **changes,
    }
    return {name: value for name, value in message.items() if value is not None}


def to_sign(certificate: str, **changes: object) -> dict[str, Any]:
    """Return the library's message for a signature."""
    fields = {"challengeNonce": None, "certificate": certificate, **HASH, **changes}
    return request(action=SIGN, **fields)


async def web_eid_certificate(page: Page, listener: WindowListener) -> str:
    """Run the first step."""
    await page.ask(request(action=CERTIFICATE, challengeNonce=None))
    await page.heard(f"{CERTIFICATE}-ack")
    await (await listener.opened()).agree()
    answer = await page.heard(f"{CERTIFICATE}-success")
    assert set(answer) == {"certificate", "supportedSignatureAlgorithms", "after"}
    assert P384 in answer["supportedSignatureAlgorithms"]
    return str(answer["certificate"])


async def test_versions_and_errors_are_told_without_a_host(
    browser: Browser, visit: Visit
) -> None:
    page = await visit()
    await page.send({"action": "web-eid:status", "libraryVersion": "2.0.2"})
    ack = await page.heard("web-eid:status-ack")
    assert set(ack) == {"after"}
    status = await page.heard("web-eid:status-success")
    assert set(status) == {"library", "extension", "nativeApp", "after"}
    assert status["library"] == "2.0.2"
    assert status["extension"].split(".")[0] == "2"
    assert status["nativeApp"] == WEB_EID_VERSION

    # A library of the future hears what to update.
    await page.send({"action": "web-eid:status", "libraryVersion": "3.1.0"})
    error = await page.failure("web-eid:status")
    assert error["code"] == "ERR_WEBEID_VERSION_MISMATCH"
    assert error["library"] == "3.1.0"
    assert error["nativeApp"] == WEB_EID_VERSION
    assert error["requiresUpdate"] == {"extension": True, "nativeApp": True}

    await page.ask(request(challengeNonce=None))
    await page.heard(f"{ACTION}-ack")
    answer = await page.heard(f"{ACTION}-failure")
    assert set(answer) == {"error", "after"}
    assert answer["error"]["code"] == "ERR_WEBEID_MISSING_PARAMETER"
    assert browser.user_home.launches() == []


async def test_authenticate_gives_the_token_once_at_a_time_and_can_be_cancelled(
    visit: Visit, listener: WindowListener, trust: Trust
) -> None:
    page = await visit()
    await page.ask(request(options={"lang": "sv"}))
    await page.heard(f"{ACTION}-ack")
    window = await listener.opened()
    assert window.told[0]["conversation"]["language"] == "sv"
    assert window.told[0]["conversation"]["started_by_person"] is True
    await window.type_pin("1234")
    token = await page.heard(f"{ACTION}-success")
    await identity_of(token, page.origin, NONCE, trust)
    assert set(token) == {
        "unverifiedCertificate",
        "algorithm",
        "signature",
        "format",
        "appVersion",
        "after",
    }
    # This protocol has no progress messages.
    received = [each["action"] for each in await page.received()]
    assert received == [f"{ACTION}-ack", f"{ACTION}-success"]

    await page.ask(request())
    (await listener.opened()).say("cancel")
    assert (await page.failure(ACTION))["code"] == "ERR_WEBEID_USER_CANCELLED"

    await page.ask(request())
    window = await listener.opened()
    await page.ask(request())
    assert (await page.failure(ACTION))["code"] == "ERR_WEBEID_ACTION_PENDING"
    await window.type_pin("1234")
    await page.heard(f"{ACTION}-success")


async def test_three_actions_called_together_come_one_after_another(
    visit: Visit, listener: WindowListener
) -> None:
    page, other = await visit(), await visit()
    certificate = await web_eid_certificate(page, listener)
    calls = [
        request(),
        request(action=CERTIFICATE, challengeNonce=None),
        to_sign(certificate),
    ]
    together = f"() => {json.dumps(calls)}.forEach((each) => postMessage(each, '*'))"
    await page.ask_script(together)
    window = await listener.opened()
    await other.ask(request())
    assert (await other.failure(ACTION))["code"] == "ERR_WEBEID_ACTION_PENDING"
    await window.type_pin("1234")
    await page.heard(f"{ACTION}-success")
    # The page has the name since its login.
    assert (await page.heard(f"{CERTIFICATE}-success"))["certificate"] == certificate
    window = await listener.opened()
    assert window.told[0]["conversation"]["operation"] == "sign"
    assert window.told[0]["conversation"]["started_by_person"] is True
    await window.type_pin(PIN2)
    verify(certificate, await page.heard(f"{SIGN}-success"), DIGEST)


async def test_the_window_of_an_expired_request_stays_until_it_is_closed(
    browser: Browser, visit: Visit, listener: WindowListener
) -> None:
    page = await visit()
    # This starts the host first: the window must open within the page's time limit.
    await page.ask({"action": "kortilla:prepare", "id": "1"})
    await page.heard("kortilla:prepare-success", "1")
    await page.ask(request(options={"userInteractionTimeout": 1500}))
    window = await listener.opened()
    error = await page.heard(f"{ACTION}-failure")
    assert error["error"]["code"] == "ERR_WEBEID_USER_TIMEOUT"
    assert error["after"] > 1400
    await window.hear_step("expired")
    assert browser.user_home.card.is_free
    # The window stays after a whole round trip, until the person closes it.
    await page.send({"action": "web-eid:status", "libraryVersion": "2.0.2"})
    await page.heard("web-eid:status-success")
    assert window.is_there
    window.say("cancel")
    await window.gone()
    await browser.user_home.host_gone()


async def test_a_hash_is_signed_in_two_steps(
    visit: Visit, listener: WindowListener
) -> None:
    page = await visit()
    certificate = await web_eid_certificate(page, listener)
    await page.ask(to_sign(certificate, options={"lang": "fi"}))
    await page.heard(f"{SIGN}-ack")
    window = await listener.opened()
    assert window.told[0]["conversation"]["language"] == "fi"
    question = await window.type_pin(PIN2)
    [shown] = question["documents"]
    assert bytes.fromhex(shown["digest"]) == DIGEST
    assert page.origin == f"https://{shown['name']}"
    answer = await page.heard(f"{SIGN}-success")
    assert set(answer) == {"signature", "signatureAlgorithm", "after"}
    assert answer["signatureAlgorithm"] == P384
    verify(certificate, answer, DIGEST)
    # This protocol has no progress messages.
    assert [each["action"] for each in await page.received()] == [
        f"{CERTIFICATE}-ack",
        f"{CERTIFICATE}-success",
        f"{SIGN}-ack",
        f"{SIGN}-success",
    ]


async def run_chain(
    page: Page, listener: WindowListener, messages: list[dict[str, Any]], windows: int
) -> list[str]:
    """Send all requests from a page, answer their windows, return the responses."""
    await page.ask_script(CHAIN % json.dumps(messages))
    await page.tab.evaluate("setNextScript('() => {}')")
    for _ in range(windows):
        window = await listener.opened()
        # A click authorises requests for five seconds.
        await page.tab.click("#ask")
        operation = window.told[0]["conversation"]["operation"]
        await window.type_pin("1234" if operation == "authenticate" else PIN2)
    told: list[str] = (await page.heard("chain:all-success"))["told"]
    return told


async def nothing_left(
    browser: Browser, listener: WindowListener, page: Page, windows: int
) -> None:
    """Wait until all hosts have exited and the page has received all messages."""
    assert listener.count == windows
    assert len(browser.user_home.launches()) == windows
    for process in browser.user_home.launches():
        await end_of(process)
    await page.send({"action": "kortilla:status", "id": "last"})
    await page.heard("kortilla:status-success", "last")


async def answers(page: Page) -> Counter[str]:
    """Count the page's responses so far by name."""
    return Counter(each["action"] for each in await page.received())


async def test_logins_in_a_row_in_web_eids_messages(
    browser: Browser, visit: Visit, listener: WindowListener
) -> None:
    """Pages may send the same request again as soon as they have a response.

    A port stays open after its response for as long as a window may still show. Its end
    must not affect the next request.
    """
    page = await visit()
    certificate = await web_eid_certificate(page, listener)
    status = request(action="web-eid:status", challengeNonce=None)
    login = [status, request(), to_sign(certificate)]
    before = await answers(page)
    told = await run_chain(page, listener, login * LOGINS, 2 * LOGINS)
    assert told == ["ok"] * 3 * LOGINS
    await nothing_left(browser, listener, page, 2 * LOGINS + 1)
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
