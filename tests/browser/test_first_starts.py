# SPDX-License-Identifier: MIT
"""Debian's Chromium with a package's extension: from its first start to a login.

One walk over two starts, since each takes seconds. The node tests have the other ways
to install; `test_open_tabs` has a store's way.
"""

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest

from kortilla import Trust
from native_host.browser_testing.temporary_home import extension_folder
from native_host.install import nss
from tests.browser.browser_home import UserHome
from tests.browser.browsers import Browser, Tab, open_browser
from tests.browser.conftest import ready
from tests.browser.site import Site
from tests.browser.test_card_management import POPUP, Popup
from tests.browser.test_extension_pages import text
from tests.browser.test_login_switch import MODULE, OPTIONS, is_checked, log_in, shows
from tests.browser.test_self_check import CHECK, CheckPage
from tests.support.patience import patience
from tests.support.preload import preloading
from tools.demo.site import DemoServer
from tools.demo.site.tls_login import GateSettings
from tools.demo.site_authority import Authority

pytestmark = pytest.mark.asyncio(loop_scope="session")

MANIFEST = ".config/chromium/NativeMessagingHosts/fi.kortilla.host.json"
#: How many welcome pages are open, as one of the extension's pages counts them.
WELCOMES = """chrome.extension.getViews({ type: "tab" })
  .filter(({ location }) => location.pathname === "/welcome/welcome.html").length"""


def packaged(folder: Path) -> Path:
    """Copy the extension with the version name that the Debian package gives it."""
    extension = folder / "extension"
    shutil.copytree(extension_folder(), extension)
    manifest = json.loads((extension / "manifest.json").read_bytes())
    manifest["version_name"] = f"{manifest['version']} (Debian)"
    (extension / "manifest.json").write_text(json.dumps(manifest))
    return extension


def has_token(user_home: UserHome) -> bool:
    """Whether Chromium's database names the card. A tool of NSS's would load it."""
    return "name=Kortilla" in (user_home.home / ".pki/nssdb/pkcs11.txt").read_text()


async def test_chromium_welcomes_once_mends_what_is_broken_and_is_switched_on_and_off(
    tmp_path: Path, pristine: Path, authority: Authority, trust: Trust, site: Site
) -> None:
    user_home = UserHome(tmp_path, "chromium", pristine)
    user_home.configure(prompt="automatic")
    user_home.serve()
    (user_home.home / ".config/chromium").mkdir(parents=True)
    if os.getuid() == 0:  # p11-kit ignores root's own files
        user_home.environment |= preloading("ordinary")
    extension = packaged(tmp_path)
    async with open_browser(user_home, authority, extension=extension) as browser:
        tab = await browser.open_view(CHECK)
        await ready(tab)
        await _welcomes(tab, 1)
        check = CheckPage(tab)
        await _manifest_is_mended(user_home, check)
        # Chromium reads its database for its first secure page.
        await (await browser.new_tab()).goto(site.fresh())
        await check.press("showSwitch", "PKCS11_OFF")
        assert await tab.evaluate("document.activeElement.id") == "switch"
        await _switched_on_before_a_restart(user_home, browser)
        await _open_database_is_mended(user_home, check)
    async with open_browser(user_home, extension=extension) as browser:
        tab = await browser.open_view(OPTIONS)
        await ready(tab)
        await _welcomes(tab, 0)
        await shows(tab, "loginOn")
        # This browser has not read its database yet, so it needs no restart.
        await tab.click("#switch")
        await shows(tab, "loginOff")
        assert not has_token(user_home)
        assert not (user_home.home / MODULE).exists()
        await tab.click("#switch")
        await shows(tab, "loginOn")
        async with DemoServer(
            trust,
            host="n2.service.example",
            ssl_context=authority.server_context,
            gates=GateSettings(authority.chain, "n3.service.example"),
        ) as demo:
            await log_in(browser, demo)


async def _welcomes(view: Tab, expected: int) -> None:
    """Wait for so many welcome pages, and check that there are no more."""
    async with asyncio.timeout(patience()):
        while (count := await view.evaluate(WELCOMES)) < expected:
            pass
    assert count == expected


async def _manifest_is_mended(user_home: UserHome, check: CheckPage) -> None:
    assert "MANIFEST_MISSING" in await check.codes()
    await check.press("checkMend", "MANIFEST_MISSING")
    await check.until(
        "document.querySelector('pre').textContent.includes('HOST_WORKS')"
    )
    assert "MANIFEST_MISSING" not in await check.codes()
    assert (user_home.home / MANIFEST).exists()
    focus = await check.tab.evaluate("document.activeElement.id")
    assert focus == "check-summary", "the focus stays in the view"


async def _switched_on_before_a_restart(user_home: UserHome, browser: Browser) -> None:
    popup = await browser.open_view(POPUP)
    await shows(popup, "loginOff")
    await Popup(popup).open("suomi-fi")
    await popup.click("#switch")
    await shows(popup, "loginRestart")
    assert await is_checked(popup)
    assert await popup.text("#token p") == text("loginOnRestart")
    assert has_token(user_home)
    await popup.close()


async def _open_database_is_mended(user_home: UserHome, check: CheckPage) -> None:
    """The page asks before it changes a file that the browser has open."""
    nss.delete_module(user_home.home / ".pki/nssdb", "Kortilla")
    await check.tab.click("#run-check")
    await check.until(
        "document.querySelector('pre').textContent.includes('INCOMPLETE')"
    )
    await check.press("checkMend", "PKCS11_INCOMPLETE")
    question = json.dumps(text("checkRunningBrowser"))
    await check.until(
        f"document.querySelector('.question')?.textContent.includes({question})"
    )
    assert not has_token(user_home)
    await check.press("checkGoOn")
    await check.until("!document.querySelector('pre').textContent.includes('COMPLETE')")
    assert has_token(user_home)
