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
from tests.browser.browsers import Browser
from tests.browser.conftest import Visit, identity_of
from tests.browser.site import NONCE, Page
from tests.browser.test_sign import P384
from tests.browser.window import PIN2, WindowListener
from tests.host.signing import verify

pytestmark = pytest.mark.asyncio(loop_scope="session")

ACTION = "web-eid:authenticate"
CERTIFICATE = "web-eid:get-signing-certificate"
SIGN = "web-eid:sign"
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
    assert set(answer) == {"certificate", "supportedSignatureAlgorithms"}
    assert P384 in answer["supportedSignatureAlgorithms"]
    return str(answer["certificate"])


async def test_authenticate_gives_the_token_and_can_be_cancelled(
    browser: Browser, visit: Visit, listener: WindowListener, trust: Trust
) -> None:
    page = await visit()
    await page.send({"action": "web-eid:status", "libraryVersion": "2.0.2"})
    status = await page.heard("web-eid:status-success")
    assert set(status) == {"library", "extension", "nativeApp"}
    assert status["nativeApp"] == WEB_EID_VERSION
    await page.ask(request(challengeNonce=None))
    error = await page.failure(ACTION)
    assert error["code"] == "ERR_WEBEID_MISSING_PARAMETER"
    assert browser.user_home.launches() == []

    await page.ask(request(options={"lang": "sv"}))
    window = await listener.opened()
    assert window.told[0]["conversation"]["language"] == "sv"
    assert window.told[0]["conversation"]["started_by_person"] is True
    await window.type_pin("1234")
    token = await page.heard(f"{ACTION}-success")
    await identity_of(token, page.origin, NONCE, trust)
    assert set(token) == {
        *("unverifiedCertificate", "algorithm", "signature", "format"),
        "appVersion",
    }
    await page.ask(request())
    (await listener.opened()).say("cancel")
    assert (await page.failure(ACTION))["code"] == "ERR_WEBEID_USER_CANCELLED"


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
    assert set(answer) == {"signature", "signatureAlgorithm"}
    assert answer["signatureAlgorithm"] == P384
    verify(certificate, answer, DIGEST)
    # This protocol has no progress messages.
    assert [each["action"] for each in await page.received()] == [
        f"{CERTIFICATE}-ack",
        f"{CERTIFICATE}-success",
        f"{SIGN}-ack",
        f"{SIGN}-success",
    ]


async def test_requests_in_a_row_get_one_answer_each(
    browser: Browser, visit: Visit, listener: WindowListener
) -> None:
    """Pages may send the same request again as soon as they have a response.

    A port stays open after its response for as long as a window may still show. Its end
    must not affect the next request.
    """
    page = await visit()
    certificate = await web_eid_certificate(page, listener)
    status = request(action="web-eid:status", challengeNonce=None)
    messages = [status, request(), to_sign(certificate)] * 2
    before = Counter(each["action"] for each in await page.received())
    await page.ask_script(CHAIN % json.dumps(messages))
    await page.tab.evaluate("setNextScript('() => {}')")
    for pin in ("1234", PIN2) * 2:
        window = await listener.opened()
        # A click authorises requests for five seconds.
        await page.tab.click("#ask")
        await window.type_pin(pin)
    assert (await page.heard("chain:all-success"))["told"] == ["ok"] * 6
    assert listener.count == len(browser.user_home.launches()) == 5
    await browser.user_home.empty()
    await page.send({"action": "kortilla:status", "id": "last"})
    await page.heard("kortilla:status-success", "last")
    after = Counter(each["action"] for each in await page.received())
    assert {after[each] - before[each] for each in after if "web-eid" in each} <= {0, 2}
