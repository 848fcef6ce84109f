# SPDX-License-Identifier: MIT
"""A page has documents signed, each with a valid signature, whatever the size.

``tests/extension`` and ``tests/host`` have the requests and errors one by one.
"""

import asyncio
import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.browser.browsers import Browser
from tests.browser.conftest import OpenTab, Visit, only_in_chromium, only_in_firefox
from tests.browser.site import NONCE, Page, Site, authenticate
from tests.browser.test_demo import TITLE as LOGIN_TITLE
from tests.browser.test_demo import on, type_pin
from tests.browser.window import PIN2, WindowListener
from tests.host.signing import digest as hash_of
from tests.host.signing import verify
from tests.support.screen import Screen

pytestmark = pytest.mark.asyncio(loop_scope="session")

ACTION = "kortilla:sign"
CERTIFICATE = "kortilla:get-signing-certificate"
#: The window's title in English.
TITLE = "^Kortilla: sign"
P384 = {"cryptoAlgorithm": "ECC", "hashFunction": "SHA-384", "paddingScheme": "NONE"}
Papers = Callable[[], list[Path]]
#: In Web eID's messages.
VERSION = {"libraryVersion": "2.0.2", "options": {"lang": "en"}}


@dataclass(frozen=True)
class Document:
    """A document of a page: a text, repeated."""

    name: str
    text: str
    times: int = 1

    @property
    def content(self) -> bytes:
        """The document's bytes."""
        return self.text.encode() * self.times

    @property
    def bytes_script(self) -> str:
        """JavaScript for the parts of the page's Blob or File."""
        return f"[{json.dumps(self.text)}.repeat({self.times})]"

    @property
    def script(self) -> str:
        """The document in a request, as JavaScript."""
        name = json.dumps(self.name)
        blob = f"new Blob({self.bytes_script})"
        return f'{{name: {name}, mediaType: "text/plain", bytes: {blob}}}'


THREE = (
    Document("sopimus.txt", "Sovimme tästä.\n"),
    Document("a\u202egpj.exe", "chunks ", 30_000),
    Document("tyhjä", ""),
)
LARGE = Document("large.txt", "0123456789", 220_000)


def files(documents: Sequence[Document]) -> str:
    """Return documents as a list of Files, as JavaScript."""
    made = (f"new File({d.bytes_script}, {json.dumps(d.name)})" for d in documents)
    return f"[{', '.join(made)}]"


def request(documents: Sequence[Document], **options: object) -> str:
    """Return a request to sign as JavaScript."""
    items = ", ".join(document.script for document in documents)
    return (
        f'{{action: "{ACTION}", id: "1", documents: [{items}], '
        f"options: {json.dumps(options)}}}"
    )


def check(answer: dict[str, Any], documents: Sequence[Document]) -> None:
    """Compare a response with hashes that are computed here."""
    assert [each["name"] for each in answer["signatures"]] == [
        document.name for document in documents
    ]
    for each, document in zip(answer["signatures"], documents, strict=True):
        digest = hash_of(document.content, P384["hashFunction"])
        assert base64.b64decode(each["hash"]) == digest
        assert each["hashFunction"] == P384["hashFunction"]
        assert each["signatureAlgorithm"] == P384
        verify(answer["certificate"], each, digest)


@pytest.fixture
def papers(browser: Browser, listener: WindowListener, tmp_path: Path) -> Papers:
    """A function that returns the host's copies of documents."""
    tmp_path.chmod(0o700)
    browser.user_home.serve(
        prompt_command=listener.command, environment={"XDG_RUNTIME_DIR": str(tmp_path)}
    )
    return lambda: [*tmp_path.iterdir()]


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
    assert papers() == []


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
    assert papers() == []


#: What only looks like a Blob: the class of the page's world counts for nothing.
NO_BLOBS = (
    *("null", '"text"', "{size: 5}", "new Uint8Array(5)", "new ImageData(1, 1)"),
    *("Object.create(Blob.prototype)", "{__proto__: Blob.prototype, size: 5}"),
)


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
    await asyncio.to_thread(screen.find_in_front, LOGIN_TITLE)
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
    await asyncio.to_thread(screen.find_in_front, TITLE)
    await asyncio.to_thread(type_pin, screen, PIN2, lambda: card.signature_tries == 5)
    verify(certificate, await page.heard(f"{action}-success"), digest)


async def test_the_login_counts_until_the_tab_leaves_the_site(
    visit: Visit, listener: WindowListener, site: Site
) -> None:
    page = await visit()
    await page.ask(authenticate())
    await (await listener.opened()).type_pin("1234")
    await page.heard("kortilla:authenticate-success")
    # A login mostly leads to another document of the site.
    page = await Page.open(page.tab, page.origin)
    asking = {"action": CERTIFICATE, "id": "c"}

    async def asked(page: Page) -> None:
        await page.ask(asking)
        await (await listener.opened()).agree()
        await page.heard(f"{CERTIFICATE}-success", "c")

    await page.ask(asking)  # and no window opens
    certificate = (await page.heard(f"{CERTIFICATE}-success", "c"))["certificate"]
    await page.ask_script(request(THREE, certificate=certificate))
    await (await listener.opened()).type_pin(PIN2)
    check(await page.heard(f"{ACTION}-success", "1"), THREE)
    await asked(await visit(page.origin))
    await page.tab.goto(site.fresh())
    await asked(await Page.open(page.tab, page.origin))
