# SPDX-License-Identifier: MIT
"""A page has documents signed, each with a valid signature, whatever the size.

``tests/extension`` and ``tests/host`` have the requests and errors one by one.
"""

import asyncio
import hashlib
import json

import pytest

from kortilla.mock_card.faults import Fault
from tests.browser.browsers import Browser
from tests.browser.conftest import OpenTab, Visit
from tests.browser.in_turn import only_in_chromium, only_in_firefox
from tests.browser.signing import (
    ACTION,
    PIN2,
    THREE,
    TITLE,
    Document,
    Papers,
    check,
    request,
)
from tests.browser.site import Page, Site
from tests.browser.test_login import on, type_pin
from tests.browser.window import WindowListener
from tests.support.screen import Screen

pytestmark = pytest.mark.asyncio(loop_scope="session")

LARGE = Document("large.txt", "0123456789", 220_000)


async def test_three_documents_are_signed_with_one_pin(
    browser: Browser, visit: Visit, listener: WindowListener, papers: Papers
) -> None:
    page = await visit()
    await page.ask_script(request(THREE, lang="sv"))
    window = await listener.opened()
    conversation = window.told[0]["conversation"]
    assert conversation["operation"] == "sign"
    assert conversation["origin"] == page.origin
    assert conversation["language"] == "sv"
    assert conversation["started_by_person"] is True
    question = await window.type_pin(PIN2)
    assert question["role"] == "PIN2"
    assert [
        (each["name"], each["size"], each["media_type"], bytes.fromhex(each["digest"]))
        for each in question["documents"]
    ] == [
        (
            document.name,
            len(document.content),
            "text/plain",
            hashlib.sha384(document.content).digest(),
        )
        for document in THREE
    ]
    check(await page.heard(f"{ACTION}-success", "1"), THREE)
    progress = [each for each in await page.received() if "progress" in each]
    assert [
        (each["done"], each["total"])
        for each in progress
        if each["progress"] == "signing"
    ] == [(0, 3), (1, 3), (2, 3)]
    await browser.user_home.empty()
    assert browser.user_home.card.is_free
    assert not papers.are_there


async def test_a_document_of_megabytes_is_signed_and_tells_how_far_it_is(
    visit: Visit, listener: WindowListener
) -> None:
    page = await visit()
    await page.ask_script(request([LARGE]))
    await (await listener.opened()).type_pin(PIN2)
    check(await page.heard(f"{ACTION}-success", "1"), [LARGE])
    received = [
        each for each in await page.received() if each.get("progress") == "receiving"
    ]
    total = len(LARGE.content)
    assert {each["total"] for each in received} == {total}
    done = [each["done"] for each in received]
    assert done == sorted(done)
    assert len(done) == -(-total // 32768)
    assert done[-1] == total


@only_in_chromium
async def test_a_page_that_cancels_while_documents_are_on_their_way(
    browser: Browser, visit: Visit, listener: WindowListener, papers: Papers
) -> None:
    page = await visit()
    await page.answer_progress("receiving", {"action": "kortilla:cancel", "id": "1"})
    await page.ask_script(request([Document("huge", "x" * 1000, 20_000)]))
    window = await listener.opened()
    assert (await page.failure(ACTION, "1"))["code"] == "REQUEST_CANCELLED"
    await window.gone()
    await browser.user_home.host_gone()
    assert not papers.are_there
    done = [each["done"] for each in await page.received() if "done" in each]
    assert max(done) < 20_000_000
    # The next request starts from scratch.
    await page.ask_script(request(THREE))
    await (await listener.opened()).type_pin(PIN2)
    check(await page.heard(f"{ACTION}-success", "1"), THREE)


@only_in_firefox
async def test_a_page_that_is_left_while_documents_are_on_their_way(
    browser: Browser, visit: Visit, listener: WindowListener, papers: Papers, site: Site
) -> None:
    page = await visit()
    await page.ask_script(request([Document("huge", "x" * 1000, 20_000)]))
    while (await page.heard(f"{ACTION}-progress"))["progress"] != "receiving":
        pass
    window = await listener.opened()
    await page.tab.goto(site.fresh())
    await window.gone()
    await browser.user_home.host_gone()
    assert not papers.are_there


NO_BLOBS = [
    '"text"',
    "5",
    "null",
    "undefined",
    "{}",
    "{size: 5}",
    "[]",
    "new Uint8Array(5)",
    "new Date()",
    "new Map()",
    "Object.create(Blob.prototype)",
    "{__proto__: Blob.prototype, size: 5}",
    "new ImageData(1, 1)",
]


async def test_what_is_no_blob_starts_nothing(browser: Browser, visit: Visit) -> None:
    page = await visit()
    asking = "".join(
        f'ask({{action: "{ACTION}", id: "{place}", documents: '
        f'[{{name: "a", mediaType: "text/plain", bytes: {script}}}]}}); '
        for place, script in enumerate(NO_BLOBS)
    )
    await page.ask_script(f"() => {{ {asking} }}")
    for place, script in enumerate(NO_BLOBS):
        failure = await page.failure(ACTION, str(place))
        assert failure["code"] == "INVALID_ARGUMENT", script
    assert browser.user_home.launches() == []


@only_in_chromium
async def test_the_page_client_signs_files(
    visit: Visit, listener: WindowListener
) -> None:
    page = await visit()
    files = ", ".join(
        f"new File({document.bytes_script}, {json.dumps(document.name)})"
        for document in THREE
    )
    await page.ask_script(f"() => clientSign({{documents: [{files}]}})")
    question = await (await listener.opened()).type_pin(PIN2)
    assert question["documents"][0]["media_type"] == "application/octet-stream"
    answer = await page.heard("client:sign-success")
    check(answer, THREE)
    total = sum(len(document.content) for document in THREE)
    assert ["receiving", {"done": total, "total": total}] in answer["progress"]
    assert ["signing", {"done": 2, "total": 3}] in answer["progress"]
    assert ["window-open"] in answer["progress"]


@only_in_chromium
async def test_a_person_types_a_wrong_pin_and_then_the_right_one(
    browser: Browser, open_tab: OpenTab, site: Site, screen: Screen
) -> None:
    """The window is the real one on a real screen, and only keys are pressed."""
    card = browser.user_home.card
    browser.user_home.serve(environment=on(screen))
    page = await Page.open(await open_tab(), site.fresh())
    await page.ask_script(request(THREE))
    window = await asyncio.to_thread(screen.find, TITLE)
    await asyncio.to_thread(screen.wait_for_focus, window)
    await asyncio.to_thread(
        type_pin, screen, "999999", lambda: card.signature_tries == 4
    )
    await asyncio.to_thread(type_pin, screen, PIN2, lambda: card.signature_tries == 5)
    check(await page.heard(f"{ACTION}-success", "1"), THREE)
    await asyncio.to_thread(screen.wait_until, lambda: not screen.ids(TITLE))


@only_in_chromium
async def test_a_batch_that_is_interrupted_gives_what_was_signed(
    browser: Browser, visit: Visit, listener: WindowListener, papers: Papers
) -> None:
    card = browser.user_home.card
    card.state.set_faults(Fault("card-pulled", on="verify", skip=1))
    page = await visit()
    await page.ask_script(request(THREE))
    window = await listener.opened()
    await window.type_pin(PIN2)
    failure = await page.failure(ACTION, "1")
    assert (failure["code"], failure["reason"], failure["total"]) == (
        "SIGNING_INTERRUPTED",
        "CARD_REMOVED",
        3,
    )
    check(failure, THREE[:1])
    told = await window.hear_step("failed")
    assert told["problem"] == {"code": "SIGNING_INTERRUPTED", "detail": "1/3"}
    assert card.is_free and card.signature_tries == 5
    assert not papers.are_there
    # The window stays until the person closes it. Then all can be signed anew.
    await page.send({"action": "kortilla:status", "id": "2"})
    await page.heard("kortilla:status-success", "2")
    assert window.is_there
    window.say("cancel")
    await window.gone()
    await browser.user_home.host_gone()
    card.state.insert()
    await page.ask_script(request(THREE))
    await (await listener.opened()).type_pin(PIN2)
    check(await page.heard(f"{ACTION}-success", "1"), THREE)
