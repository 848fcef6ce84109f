# SPDX-License-Identifier: MIT
"""Pages that were open before the extension was installed need no reload.

A forged content script gets none of the popup's commands.
"""

import asyncio
import json
import shutil
import uuid
import zipfile
from pathlib import Path

import pytest

from native_host import VERSION
from native_host.browser_testing.temporary_home import extension_folder
from native_host.install.tables import host_names
from tests.browser.browsers import Browser, FirefoxBrowser
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

#: Posts the requests that it receives, and records each message of its window.
_BLANK = """<script>
onmessage = ({ data }) => {
  if (data.pleaseAsk) postMessage(data.pleaseAsk, "*");
  else parent.postMessage({ report: { action: `blank ${data.action}` } }, "*");
};
</script>"""


async def test_open_pages_get_extension_program_and_update_but_no_popup_commands(
    bare_browser: SharedBrowser, site: Site, tmp_path: Path
) -> None:
    """All are open before it comes, since each start of a browser takes seconds.

    The program comes after the extension, and a forged extension in the end.
    """
    async with bare_browser.lent() as browser:
        browser.user_home.serve()
        pages = [
            await Page.open(await browser.new_tab(), site.fresh()) for _ in range(4)
        ]
        plain, button, framing, loading = pages
        status = await plain.tab.evaluate("clientStatus()")
        assert status["problem"] == "EXTENSION_MISSING"
        # The page's world does not have the content script's marker.
        await plain.tab.evaluate("window[Symbol.for('kortilla')] = true")
        await _press_button(button)
        await _add_frames(framing, site)
        await _start_loading(loading, site)

        with browser.user_home.without_manifest():
            await browser.install(extension_folder())
            site.slow_released.set()
            await _answers_once(plain)
            await _finds_a_program_that_is_installed_later(browser, plain)
        await _answers_once(button)
        # The button forgets that the extension was missing.
        await button.tab.evaluate("dispatchEvent(new Event('focus'))")
        await button.tab.wait_for("kortilla-button[state=idle]")
        await _frames_ask_as_others(framing)
        # The page that was requested before is there before its script has run.
        is_new = "!window.isOld && typeof clientStatus === 'function'"
        async with asyncio.timeout(patience()):
            while not await loading.tab.evaluate(is_new):
                pass
        await _answers_once(loading)
        async with WindowListener() as listener:
            browser.user_home.serve(prompt_command=listener.command)
            await _goes_on_after_an_update(browser, listener, plain)
            await browser.install(forged_extension(tmp_path / "forged"))
            await _forged_messages_are_refused(browser, listener, plain)
        for page in pages:
            await page.tab.close()
        await browser.uninstall(extension_id(browser))


async def _press_button(page: Page) -> None:
    """Add our button, and press it without the extension."""
    await page.tab.evaluate(
        "import('/client/button.js').then(() => "
        "document.body.append(document.createElement('kortilla-button')))"
    )
    await page.tab.evaluate("document.querySelector('kortilla-button').click() ?? null")
    await page.tab.wait_for("kortilla-button[state=error]")


async def _start_loading(page: Page, site: Site) -> None:
    """Have the page request another, which the site does not send yet."""
    site.slow_asked.clear()
    site.slow_released.clear()
    await page.tab.evaluate("window.isOld = true")
    await page.tab.evaluate("setTimeout(() => location.assign('/slow')) && null")
    async with asyncio.timeout(patience()):
        await site.slow_asked.wait()


async def _add_frames(page: Page, site: Site) -> None:
    """Add a frame of the same origin, a foreign, a sandboxed, and a blank one."""
    await page.add_frame(page.origin, None)
    await page.add_frame(site.fresh("other.example"), None)
    await page.add_frame(page.origin, None, sandbox="allow-scripts")
    await page.tab.evaluate(f"addDocument({json.dumps(_BLANK)})")


async def _frames_ask_as_others(page: Page) -> None:
    """Let the frames ask, and check that only the one of the same origin may."""
    await _answers_once(page)
    for frame in range(4):
        asking = json.dumps({"pleaseAsk": _status(str(frame))})
        await page.tab.evaluate(f"void frames[{frame}].postMessage({asking}, '*')")
    assert (await page.reported("kortilla:status-success"))["id"] == "0"
    for _ in ("foreign", "sandboxed"):
        answer = await page.reported("kortilla:status-failure")
        assert answer["error"]["code"] == "FRAME_REFUSED"
    await page.reported("blank kortilla:status")
    await _answers_once(page)
    actions = [each["action"] for each in await page.tab.evaluate("reports")]
    assert [action for action in actions if action.startswith("blank")] == []


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


def forged_extension(folder: Path) -> Path:
    """Copy the extension with a content script that takes the popup's part."""
    shutil.copytree(extension_folder(), folder)
    with (folder / "content.js").open("a") as script:
        script.write(_FORGERY)
    return folder


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


def extension_id(browser: Browser) -> str:
    """Return our extension's id in a browser."""
    host = host_names()[0]
    return (host.chromium if browser.user_home.family == "chromium" else host.firefox)[
        0
    ]


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


@pytest.mark.parametrize("family", ["firefox"], indirect=True, scope="session")
async def test_an_update_waits_until_a_login_has_ended(
    bare_browser: SharedBrowser, site: Site, tmp_path: Path
) -> None:
    """In Firefox, whose driver can update it as a store does."""
    async with bare_browser.lent() as browser, WindowListener() as listener:
        assert isinstance(browser, FirefoxBrowser)
        browser.user_home.serve(prompt_command=listener.command)
        await browser.update(_packed(tmp_path, "0.1.0"))

        async def welcomes() -> int:
            addresses = await browser.addresses()
            return sum(each.endswith("/welcome/welcome.html") for each in addresses)

        async with asyncio.timeout(patience()):
            while await welcomes() == 0:
                pass
        page = await Page.open(await browser.new_tab(), site.fresh())
        await _answers_once(page)
        await page.ask(authenticate())
        window = await listener.opened()
        await browser.update(_packed(tmp_path, "0.1.0.1"))
        window.say("cancel")
        failure = await page.failure("kortilla:authenticate", "1")
        assert failure["code"] == "USER_CANCELLED"
        async with asyncio.timeout(patience()):
            while (await browser.version()) != "0.1.0.1":
                pass
        await _answers_once(page)
        # Firefox has closed the pages of the old extension.
        assert await welcomes() == 0, "an update opens no page"
        await page.tab.close()
        await browser.uninstall(extension_id(browser))
        await browser.user_home.empty()


def _packed(folder: Path, version: str) -> Path:
    """Pack the extension as a release, and return the archive."""
    archive = folder / f"{version}.xpi"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(extension_folder().rglob("*")):
            if path.is_file() and path.name != "manifest.json":
                packed.write(path, path.relative_to(extension_folder()))
        manifest = json.loads((extension_folder() / "manifest.json").read_bytes())
        packed.writestr("manifest.json", json.dumps(manifest | {"version": version}))
    return archive
