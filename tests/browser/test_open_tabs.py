# SPDX-License-Identifier: MIT
"""Pages that were open before the extension was installed need no reload."""

import asyncio
import json
import uuid
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from native_host.browsers.table import Family
from tests.browser.browser_home import PATIENCE, House
from tests.browser.browsers import Browser, FirefoxBrowser, open_browser
from tests.browser.site import Page, Site, authenticate
from tests.browser.tls import Authority
from tests.browser.window import Door
from tools.demo.demo_home import extension_folder

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: Posts the requests that it receives, and records each message of its window.
_BLANK = """<script>
onmessage = ({ data }) => {
  if (data.pleaseAsk) postMessage(data.pleaseAsk, "*");
  else parent.postMessage({ report: { action: `blank ${data.action}` } }, "*");
};
</script>"""


@pytest.fixture
def house(tmp_path: Path, family: Family, pristine: Path) -> House:
    """A HOME with the host."""
    return House(tmp_path, family, pristine)


@pytest_asyncio.fixture(loop_scope="session")
async def bare_browser(house: House, authority: Authority) -> AsyncIterator[Browser]:
    """A browser without the extension."""
    async with open_browser(house, authority, installed=False) as browser:
        yield browser


async def test_pages_that_were_open_before_the_extension_have_it_also_after_an_update(
    house: House, bare_browser: Browser, site: Site
) -> None:
    """All are open before it comes, since each start of a browser takes seconds."""
    plain, button, framing, loading = [
        await Page.open(await bare_browser.new_tab(), site.fresh()) for _ in range(4)
    ]
    status = await plain.tab.evaluate("clientStatus()")
    assert status["problem"] == "EXTENSION_MISSING"
    # The page's world does not have the content script's marker.
    await plain.tab.evaluate("window[Symbol.for('kortilla')] = true")
    await _press_button(button)
    await _add_frames(framing, site)
    await _start_loading(loading, site)

    await bare_browser.install(extension_folder())
    site.slow_released.set()

    await _answers_once(plain)
    await _answers_once(button)
    # The button forgets that the extension was missing.
    await button.tab.evaluate("dispatchEvent(new Event('focus'))")
    await button.tab.wait_for("kortilla-button[state=idle]")
    await _frames_ask_as_others(framing)
    # The page that was requested before is there before its script has run.
    is_new = "!window.isOld && typeof clientStatus === 'function'"
    async with asyncio.timeout(PATIENCE):
        while not await loading.tab.evaluate(is_new):
            pass
    await _answers_once(loading)
    await _goes_on_after_an_update(house, bare_browser, plain)


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
    async with asyncio.timeout(PATIENCE):
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


async def _goes_on_after_an_update(house: House, browser: Browser, page: Page) -> None:
    """A reinstallation ends the old script: Firefox answers no pending request."""
    async with Door() as door:
        house.serve(prompt_command=door.command)
        await page.ask(authenticate())
        await door.opened()
        await browser.install(extension_folder())
        await _answers_once(page)
        if house.family == "chromium":
            failure = await page.failure("kortilla:authenticate", "1")
            assert failure["code"] == "EXTENSION_UNAVAILABLE"
        # The old extension's host has exited, and its window with it.
        await house.empty()
        await page.ask(authenticate("2"))
        window = await door.opened()
        window.say("cancel")
        failure = await page.failure("kortilla:authenticate", "2")
        assert failure["code"] == "USER_CANCELLED"
    await house.empty()


def _status(id: str) -> dict[str, object]:
    return {"action": "kortilla:status", "id": id}


async def _answers_once(page: Page) -> None:
    """Wait until the extension responds, and check that it does so once."""
    # The client rejects while the extension is being updated.
    asking = "clientStatus().catch(() => ({ extension: null }))"
    async with asyncio.timeout(PATIENCE):
        while (await page.tab.evaluate(asking))["extension"] is None:
            pass
    first, last = str(uuid.uuid4()), str(uuid.uuid4())
    for id in (first, last):
        await page.send(_status(id))
        await page.heard("kortilla:status-success", id)
    answers = [each["action"] for each in await page.received() if each["id"] == first]
    assert answers == ["kortilla:status-ack", "kortilla:status-success"]


@pytest.mark.parametrize("family", ["firefox"], indirect=True, scope="session")
async def test_an_update_waits_until_a_login_has_ended(
    house: House, bare_browser: Browser, site: Site, tmp_path: Path
) -> None:
    """In Firefox, whose driver can update it as a store does."""
    assert isinstance(bare_browser, FirefoxBrowser)
    async with Door() as door:
        house.serve(prompt_command=door.command)
        await bare_browser.update(_packed(tmp_path, "0.1.0"))

        async def welcomes() -> int:
            addresses = await bare_browser.addresses()
            return sum(each.endswith("/welcome/welcome.html") for each in addresses)

        async with asyncio.timeout(PATIENCE):
            while await welcomes() == 0:
                pass
        page = await Page.open(await bare_browser.new_tab(), site.fresh())
        await _answers_once(page)
        await page.ask(authenticate())
        window = await door.opened()
        await bare_browser.update(_packed(tmp_path, "0.1.0.1"))
        window.say("cancel")
        failure = await page.failure("kortilla:authenticate", "1")
        assert failure["code"] == "USER_CANCELLED"
        async with asyncio.timeout(PATIENCE):
            while (await bare_browser.version()) != "0.1.0.1":
                pass
        await _answers_once(page)
        # Firefox has closed the pages of the old extension.
        assert await welcomes() == 0, "an update opens no page"
    await house.empty()


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
