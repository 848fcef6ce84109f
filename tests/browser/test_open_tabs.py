# SPDX-License-Identifier: MIT
"""Pages that were open before the extension was installed need no reload.

A forged content script gets none of the popup's commands.
"""

import asyncio
import json
import shutil
import uuid
from pathlib import Path

import pytest

from native_host import VERSION
from native_host.browser_testing.temporary_home import extension_folder
from tests.browser.browsers import Browser
from tests.browser.conftest import SharedBrowser
from tests.browser.site import Page, Site, authenticate
from tests.browser.test_card_management import COMMANDS
from tests.browser.views import POPUP, ready
from tests.browser.window import WindowListener
from tests.support.patience import patience

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: A compromised content script sends the popup's messages.
_FORGERY = """
// An extension that has just started may be put into an open page a second time.
if (!globalThis.isForged) window.addEventListener("message", ({ data }) => {
  if (data?.forge === undefined) return;
  const { runtime } = globalThis.browser ?? chrome;
  const port = runtime.connect({ name: data.name });
  const told = [];
  port.onMessage.addListener((message) => told.push(message));
  port.onDisconnect.addListener(() => {
    window.postMessage({ action: "forged-success", told }, self.origin);
  });
  for (const message of data.forge) {
    try {
      port.postMessage(message);
    } catch {
      // It has been closed already.
    }
  }
});
globalThis.isForged = true;
"""


async def test_open_pages_get_extension_program_and_update_but_no_popup_commands(
    bare_browser: SharedBrowser, site: Site, tmp_path: Path
) -> None:
    """All are open before it comes, since each start of a browser takes seconds.

    The program comes after the extension, and a forged extension in the end.
    """
    async with bare_browser.lent() as browser:
        browser.user_home.serve()
        pages = [
            await Page.open(await browser.new_tab(), site.fresh()) for _ in range(3)
        ]
        plain, button, framing = pages
        status = await plain.tab.evaluate("clientStatus()")
        assert status["problem"] == "EXTENSION_MISSING"
        # The page's world does not have the content script's marker.
        await plain.tab.evaluate("window[Symbol.for('kortilla')] = true")
        await _press_button(button)
        await framing.add_frame(framing.origin, None)
        await framing.add_frame(site.fresh("other.example"), None)
        await framing.add_frame(framing.origin, None, sandbox="allow-scripts")

        with browser.user_home.without_manifest():
            await browser.install(extension_folder())
            await _answers_once(plain)
            await _finds_a_program_that_is_installed_later(browser, plain)
        await _answers_once(button)
        # The button forgets that the extension was missing.
        await button.tab.evaluate("dispatchEvent(new Event('focus'))")
        await button.tab.wait_for("kortilla-button[state=idle]")
        await _frames_ask_as_others(framing)
        async with WindowListener() as listener:
            browser.user_home.serve(prompt_command=listener.command)
            await _goes_on_after_an_update(browser, listener, plain)
            forged = shutil.copytree(extension_folder(), tmp_path / "forged")
            with (forged / "content.js").open("a") as script:
                script.write(_FORGERY)
            await browser.install(forged)
            await _forged_messages_are_refused(browser, listener, plain)
        for page in pages:
            await page.tab.close()
        await browser.uninstall()


async def _press_button(page: Page) -> None:
    """Add our button, and press it without the extension."""
    await page.tab.evaluate(
        "import('/client/button.js').then(() => "
        "document.body.append(document.createElement('kortilla-button')))"
    )
    await page.tab.evaluate("document.querySelector('kortilla-button').click() ?? null")
    await page.tab.wait_for("kortilla-button[state=error]")


async def _frames_ask_as_others(page: Page) -> None:
    """Let the frames ask, and check that only the one of the same origin may."""
    await _answers_once(page)
    for frame in range(3):
        asking = json.dumps({"pleaseAsk": _status(str(frame))})
        await page.tab.evaluate(f"void frames[{frame}].postMessage({asking}, '*')")
    assert (await page.reported("kortilla:status-success"))["id"] == "0"
    heard = [(await page.reported("frame:turns-over"))["received"] for _ in range(3)]
    assert heard.count([]) == 2, "the foreign and the sandboxed one hear nothing"


async def _finds_a_program_that_is_installed_later(
    browser: Browser, page: Page
) -> None:
    user_home = browser.user_home
    await page.send(_status("1"))
    status = await page.heard("kortilla:status-success", "1")
    assert (status["host"], status["problem"]) == (None, "HOST_MISSING")
    await page.send({"action": "web-eid:status", "libraryVersion": "2.0.2"})
    error = await page.failure("web-eid:status")
    assert error["code"] == "ERR_WEBEID_NATIVE_UNAVAILABLE"
    assert error["extension"].startswith("2.")
    user_home.put_manifest()
    popup = await browser.open_view(POPUP)
    await ready(popup)
    looked = user_home.launches()
    await page.send(_status("2"))
    status = await page.heard("kortilla:status-success", "2")
    assert status["host"] == VERSION and "problem" not in status
    assert user_home.launches() == looked, "a status request starts no operation"
    await popup.close()
    await user_home.empty()


async def _goes_on_after_an_update(
    browser: Browser, listener: WindowListener, page: Page
) -> None:
    """A reinstallation ends the old script: Firefox answers no pending request."""
    await page.ask(authenticate())
    await listener.opened()
    await browser.install(extension_folder())
    await _answers_once(page)
    if browser.user_home.family == "chromium":
        failure = await page.failure("kortilla:authenticate", "1")
        assert failure["code"] == "EXTENSION_UNAVAILABLE"
    # The old extension's host has exited, and its window with it.
    await browser.user_home.empty()
    await page.ask(authenticate("2"))
    window = await listener.opened()
    window.say("cancel")
    failure = await page.failure("kortilla:authenticate", "2")
    assert failure["code"] == "USER_CANCELLED"
    await browser.user_home.empty()


async def _forged_messages_are_refused(
    browser: Browser, listener: WindowListener, page: Page
) -> None:
    """A content script may use none of the popup's commands."""
    await _answers_once(page)
    started, windows = browser.user_home.launches(), listener.count
    await page.send({"forge": [{"command": "activate"}], "name": "card"})
    answer = await page.heard("forged-success")
    assert answer["told"] == [{"error": {"code": "UNKNOWN_COMMAND"}}]
    for command in COMMANDS:
        message = {"command": command, "pin": "PIN1"}
        await page.send({"forge": [message], "name": ""})
        assert (await page.heard("forged-success"))["told"] == [], command
    assert browser.user_home.launches() == started
    assert listener.count == windows


def _status(id: str) -> dict[str, object]:
    return {"action": "kortilla:status", "id": id}


async def _answers_once(page: Page) -> None:
    """Wait until the extension responds, and check that it does so once."""
    # The client rejects while the extension is being updated.
    asking = "clientStatus().catch(() => ({ extension: null }))"
    async with asyncio.timeout(patience()):
        while (await page.tab.evaluate(asking))["extension"] is None:
            pass
    first, last = str(uuid.uuid4()), str(uuid.uuid4())
    for id in (first, last):
        await page.send(_status(id))
        await page.heard("kortilla:status-success", id)
    told = [each for each in await page.received() if each.get("id") == first]
    answers = [each["action"] for each in told]
    assert answers == ["kortilla:status-ack", "kortilla:status-success"]
