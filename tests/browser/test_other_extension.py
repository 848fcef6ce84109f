# SPDX-License-Identifier: MIT
"""The page client works with the Web eID extension and our program.

A substitute extension of a few lines speaks Web eID's messages on both sides.
"""

import hashlib
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from kortilla import Trust
from native_host.install.tables import host_names
from tests.browser.browser_home import UserHome
from tests.browser.browsers import Browser
from tests.browser.conftest import SharedBrowser, identity_of
from tests.browser.site import NONCE, Page, Site
from tests.browser.test_sign import PIN2, THREE, check, files
from tests.browser.window import WindowListener

pytestmark = pytest.mark.asyncio(loop_scope="session")

SOURCES = Path(__file__).with_name("web_eid")

DOCUMENTS = THREE[:2]

# The page client's promise, reported in the form of a response to a page.
LOGIN = f"""async () => {{
  const {{ kortilla }} = await import("/client/kortilla.js");
  window.controller = new AbortController();
  const {{ signal }} = controller;
  const told = {{ action: "client:login-success", progress: [] }};
  const onProgress = (word) => told.progress.push(word);
  try {{
    const options = {{ nonce: {json.dumps(NONCE)}, lang: "sv", signal, onProgress }};
    Object.assign(told, await kortilla.authenticate(options));
  }} catch ({{ code, message }}) {{
    const error = {{ code, message }};
    Object.assign(told, {{ action: "client:login-failure", error }});
  }}
  postMessage(told, "*");
}}"""


def stand_in(folder: Path, user_home: UserHome) -> None:
    """Write the extension, and allow it to start the program as Web eID's."""
    shutil.copytree(SOURCES, folder)
    [web_eid] = (host for host in host_names() if host.name == "eu.webeid")
    manifest = {
        "manifest_version": 3,
        "name": "A stand-in for Web eID",
        "version": "2.9.0",
        "permissions": ["nativeMessaging"],
        "content_scripts": [
            {
                "matches": ["https://*/*"],
                "js": ["content.js"],
                "run_at": "document_start",
            }
        ],
    }
    if user_home.family == "chromium":
        # Chromium derives the id of an extension without a key from its folder.
        digest = hashlib.sha256(str(folder).encode()).hexdigest()[:32]
        own_id = "".join(chr(ord("a") + int(digit, 16)) for digit in digest)
        for admitting in user_home.home.rglob(f"{web_eid.name}.json"):
            text = admitting.read_text().replace(web_eid.chromium[0], own_id)
            admitting.write_text(text)
        with (user_home.home / "kortilla.toml").open("a") as configuration:
            configuration.write(f"extensions = [{json.dumps(own_id)}]\n")
        manifest["background"] = {"service_worker": "background.js"}
    else:
        gecko = {"id": web_eid.firefox[0]}
        manifest["browser_specific_settings"] = {"gecko": gecko}
        manifest["background"] = {"scripts": ["background.js"]}
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def their_browser(
    bare_browser: SharedBrowser, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Browser]:
    """A browser with the substitute extension alone."""
    async with bare_browser.lent() as browser:
        folder = tmp_path_factory.mktemp("web-eid") / "extension"
        stand_in(folder, browser.user_home)
        await browser.install(folder)
        yield browser
        await bare_browser.close()  # an idle browser costs time too


@pytest_asyncio.fixture(loop_scope="session")
async def their_listener(their_browser: Browser) -> AsyncIterator[WindowListener]:
    """The test's replacement for the PIN window, with a new card in the reader."""
    user_home = their_browser.user_home
    user_home.card.renew()
    async with WindowListener() as listener:
        user_home.serve(prompt_command=listener.command)
        yield listener
        await user_home.empty()


@pytest_asyncio.fixture(loop_scope="session")
async def page(
    their_browser: Browser, their_listener: WindowListener, site: Site
) -> AsyncIterator[Page]:
    """The calling page."""
    tab = await their_browser.new_tab()
    yield await Page.open(tab, site.fresh())
    await tab.close()


async def test_a_login_and_one_that_is_cancelled_without_a_second_window(
    page: Page, their_listener: WindowListener, trust: Trust
) -> None:
    await page.ask_script(LOGIN)
    window = await their_listener.opened()
    await window.hear("ask-pin")
    await page.tab.evaluate("controller.abort() ?? null")
    assert (await page.failure("client:login"))["code"] == "REQUEST_CANCELLED"
    await page.ask_script(LOGIN)
    assert (await page.failure("client:login"))["code"] == "BUSY"
    assert window.is_there
    window.say("cancel")
    await page.heard("web-eid:authenticate-failure")
    await page.ask_script(LOGIN)
    window = await their_listener.opened()
    conversation = window.told[0]["conversation"]
    assert (conversation["language"], conversation["origin"]) == ("sv", page.origin)
    await window.type_pin("1234")
    token = await page.heard("client:login-success")
    assert token["progress"] == ["window-open"]
    await identity_of(token, page.origin, NONCE, trust)


async def test_documents_are_signed_one_after_the_other(
    page: Page, their_listener: WindowListener
) -> None:
    await page.ask_script(
        f"() => clientSign({{documents: {files(DOCUMENTS)}, lang: 'fi'}})"
    )
    await (await their_listener.opened()).agree()
    for _ in DOCUMENTS:
        window = await their_listener.opened()
        assert window.told[0]["conversation"]["language"] == "fi"
        await window.type_pin(PIN2)
    answer = await page.heard("client:sign-success")
    check(answer, DOCUMENTS)
    assert answer["progress"] == [
        ["window-open"],
        ["signing", {"done": 0, "total": 2}],
        ["signing", {"done": 1, "total": 2}],
    ]
