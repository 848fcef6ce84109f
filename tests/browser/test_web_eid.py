# SPDX-License-Identifier: MIT
"""Pages written for the Web eID library work: its messages and their responses.

See docs/reference/web-eid.md, "Page and extension".
"""

import base64
import hashlib
import json
from typing import Any

import pytest

from kortilla import Trust
from native_host import WEB_EID_VERSION
from tests.browser.browsers import Browser
from tests.browser.conftest import Visit, identity_of
from tests.browser.in_turn import only_in_chromium
from tests.browser.signing import PIN2
from tests.browser.site import NONCE, Page
from tests.browser.test_web_eid_sign import CERTIFICATE, SIGN, web_eid_certificate
from tests.browser.window import Door, Window
from tests.host.signing import verify

pytestmark = pytest.mark.asyncio(loop_scope="session")

ACTION = "web-eid:authenticate"


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


#: Changes of a good request, and the error that names what is wrong.
WRONG: list[tuple[dict[str, object], str]] = [
    ({"challengeNonce": None}, "MISSING_PARAMETER"),
    ({"challengeNonce": "A" * 43}, "NATIVE_INVALID_ARGUMENT"),
    ({"challengeNonce": "A" * 129}, "NATIVE_INVALID_ARGUMENT"),
    ({"challengeNonce": 44}, "NATIVE_INVALID_ARGUMENT"),
    ({"libraryVersion": None}, "VERSION_INVALID"),
    ({"libraryVersion": "two"}, "VERSION_INVALID"),
    ({"libraryVersion": "3.0.0"}, "VERSION_MISMATCH"),
    ({"padding": "A" * 32768}, "NATIVE_INVALID_ARGUMENT"),
]


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

    for changes, code in WRONG:
        await page.ask(request(**changes))
        await page.heard(f"{ACTION}-ack")
        answer = await page.heard(f"{ACTION}-failure")
        assert set(answer) == {"error", "after"}, changes
        assert answer["error"]["code"] == f"ERR_WEBEID_{code}", changes
        assert answer["error"]["message"], changes
    assert browser.house.launches() == []


async def test_authenticate_gives_the_token_once_at_a_time_and_can_be_cancelled(
    visit: Visit, door: Door, trust: Trust
) -> None:
    page = await visit()
    await page.ask(request(options={"lang": "sv"}))
    await page.heard(f"{ACTION}-ack")
    window = await door.opened()
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
    (await door.opened()).say("cancel")
    assert (await page.failure(ACTION))["code"] == "ERR_WEBEID_USER_CANCELLED"

    await page.ask(request())
    window = await door.opened()
    await page.ask(request())
    assert (await page.failure(ACTION))["code"] == "ERR_WEBEID_ACTION_PENDING"
    await window.type_pin("1234")
    await page.heard(f"{ACTION}-success")


@only_in_chromium
async def test_two_pages_at_once(visit: Visit, door: Door) -> None:
    first, second = await visit(), await visit()
    await first.ask(request())
    window = await door.opened()
    await second.ask(request())
    assert (await second.failure(ACTION))["code"] == "ERR_WEBEID_ACTION_PENDING"
    window.say("cancel")
    await first.failure(ACTION)
    await second.ask(request())
    await (await door.opened()).type_pin("1234")
    await second.heard(f"{ACTION}-success")


async def test_three_actions_called_together_come_one_after_another(
    visit: Visit, door: Door
) -> None:
    page, other = await visit(), await visit()
    certificate = await web_eid_certificate(page, door)
    digest = hashlib.sha384(b"A document of the service's.").digest()
    calls = [
        request(),
        request(action=CERTIFICATE, challengeNonce=None),
        request(
            action=SIGN,
            challengeNonce=None,
            certificate=certificate,
            hash=base64.b64encode(digest).decode(),
            hashFunction="SHA-384",
        ),
    ]
    together = f"() => {json.dumps(calls)}.forEach((each) => postMessage(each, '*'))"
    await page.ask_script(together)
    window = await door.opened()
    await other.ask(request())
    assert (await other.failure(ACTION))["code"] == "ERR_WEBEID_ACTION_PENDING"
    await window.type_pin("1234")
    await page.heard(f"{ACTION}-success")
    # The page has the name since its login.
    assert (await page.heard(f"{CERTIFICATE}-success"))["certificate"] == certificate
    window = await door.opened()
    assert window.told[0]["conversation"]["operation"] == "sign"
    assert window.told[0]["conversation"]["started_by_person"] is True
    await window.type_pin(PIN2)
    verify(certificate, await page.heard(f"{SIGN}-success"), digest)

    # What waits goes with its page, and opens no window.
    opened = door.count
    await page.ask_script(together)
    window = await door.opened()
    await page.tab.close()
    await window.gone()
    await other.ask(request())
    window = await door.opened()
    assert window.told[0]["conversation"]["origin"] == other.origin
    assert door.count == opened + 2
    window.say("cancel")
    await other.failure(ACTION)


async def test_the_window_of_an_expired_request_stays_until_it_is_closed_or_replaced(
    browser: Browser, visit: Visit, door: Door
) -> None:
    page = await visit()
    window = await _expired(page, door)
    assert browser.house.card.is_free
    # The window stays after a whole round trip, until the person closes it.
    await page.send({"action": "web-eid:status", "libraryVersion": "2.0.2"})
    await page.heard("web-eid:status-success")
    assert window.is_there
    window.say("cancel")
    await window.gone()
    await browser.house.host_gone()

    # A new request takes its place.
    earlier = len(await page.received())
    old = await _expired(page, door)
    await page.ask(request())
    window = await door.opened()
    await old.gone()
    await window.type_pin("1234")
    await page.heard(f"{ACTION}-success")
    # Each request has one response: the first port's end adds no second one.
    received = (await page.received())[earlier:]
    kinds = [each["action"].removeprefix(ACTION) for each in received]
    assert kinds[2:] == ["-ack", "-failure", "-ack", "-success"]
    await window.gone()

    # It goes with its page.
    window = await _expired(page, door)
    await page.tab.close()
    await window.gone()
    await browser.house.host_gone()


async def _expired(page: Page, door: Door) -> Window:
    # This starts the host first: the window must open within the page's time limit.
    await page.ask({"action": "kortilla:prepare", "id": "1"})
    await page.heard("kortilla:prepare-success", "1")
    await page.ask(request(options={"userInteractionTimeout": 1500}))
    window = await door.opened()
    error = await page.heard(f"{ACTION}-failure")
    assert error["error"]["code"] == "ERR_WEBEID_USER_TIMEOUT"
    assert error["after"] > 1400
    await window.hear_step("expired")
    return window
