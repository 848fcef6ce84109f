# SPDX-License-Identifier: MIT
"""Pages written for the Web eID library get a hash signed in its two steps."""

import base64
import hashlib

import pytest

from tests.browser.conftest import Visit
from tests.browser.in_turn import only_in_chromium
from tests.browser.signing import P384, PIN2
from tests.browser.site import Page
from tests.browser.window import Door, Window
from tests.host.signing import verify

pytestmark = pytest.mark.asyncio(loop_scope="session")

CERTIFICATE = "web-eid:get-signing-certificate"
SIGN = "web-eid:sign"


async def web_eid_certificate(page: Page, door: Door) -> str:
    """Run the first step."""
    await page.ask({"action": CERTIFICATE, "libraryVersion": "2.0.2", "options": {}})
    await page.heard(f"{CERTIFICATE}-ack")
    await (await door.opened()).agree()
    answer = await page.heard(f"{CERTIFICATE}-success")
    assert set(answer) == {"certificate", "supportedSignatureAlgorithms", "after"}
    assert P384 in answer["supportedSignatureAlgorithms"]
    return str(answer["certificate"])


async def web_eid_sign(page: Page, certificate: str, digest: bytes) -> None:
    """Start the second step."""
    await page.ask(
        {
            "action": SIGN,
            "libraryVersion": "2.0.2",
            "certificate": certificate,
            "hash": base64.b64encode(digest).decode(),
            "hashFunction": "SHA-384",
            "options": {"lang": "fi"},
        }
    )
    await page.heard(f"{SIGN}-ack")


#: Changes of a good request, and the error that names what is wrong.
WRONG: list[tuple[dict[str, object], str]] = [
    ({"certificate": None}, "MISSING_PARAMETER"),
    ({"hash": None}, "MISSING_PARAMETER"),
    ({"hashFunction": None}, "MISSING_PARAMETER"),
    ({"hash": "short"}, "NATIVE_INVALID_ARGUMENT"),
    ({"hash": "AAAA"}, "NATIVE_INVALID_ARGUMENT"),
    ({"hashFunction": "MD5"}, "NATIVE_INVALID_ARGUMENT"),
    ({"libraryVersion": "3.0.0"}, "VERSION_MISMATCH"),
]


async def test_web_eid_signs_a_hash_in_two_steps_and_says_what_is_wrong(
    visit: Visit, door: Door
) -> None:
    page = await visit()
    certificate = await web_eid_certificate(page, door)
    digest = hashlib.sha384(b"A document of the service's.").digest()
    await web_eid_sign(page, certificate, digest)
    window: Window = await door.opened()
    assert window.told[0]["conversation"]["language"] == "fi"
    question = await window.type_pin(PIN2)
    [shown] = question["documents"]
    assert bytes.fromhex(shown["digest"]) == digest
    assert page.origin == f"https://{shown['name']}"
    answer = await page.heard(f"{SIGN}-success")
    assert set(answer) == {"signature", "signatureAlgorithm", "after"}
    assert answer["signatureAlgorithm"] == P384
    verify(certificate, answer, digest)
    # This protocol has no progress messages.
    assert [each["action"] for each in await page.received()] == [
        f"{CERTIFICATE}-ack",
        f"{CERTIFICATE}-success",
        f"{SIGN}-ack",
        f"{SIGN}-success",
    ]

    sound = {
        "action": SIGN,
        "libraryVersion": "2.0.2",
        "certificate": "MIIBAAAA",
        "hash": base64.b64encode(bytes(48)).decode(),
        "hashFunction": "SHA-384",
    }
    for changes, code in WRONG:
        changed = (sound | changes).items()
        await page.ask({name: value for name, value in changed if value is not None})
        await page.heard(f"{SIGN}-ack")
        assert (await page.failure(SIGN))["code"] == f"ERR_WEBEID_{code}", changes


@only_in_chromium
async def test_another_certificate_than_the_cards_signs_nothing(
    visit: Visit, door: Door
) -> None:
    page = await visit()
    await web_eid_sign(page, "MIIBAAAA", bytes(48))
    window = await door.opened()
    await window.hear_step("waiting-for-card")
    window.say("cancel")
    assert (await page.failure(SIGN))["code"] == "ERR_WEBEID_USER_CANCELLED"
