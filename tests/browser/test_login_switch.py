# SPDX-License-Identifier: MIT
"""The card login of Suomi.fi is switched on in the popup or in the options.

Debian's Chromium goes from its first start with a package's extension to a login, one
walk over two starts, since each takes seconds.
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
from native_host.install.tables import Family
from tests.browser.browser_home import UserHome
from tests.browser.browsers import Browser, Tab, open_browser
from tests.browser.conftest import (
    OpenTab,
    only_in_firefox,
    tls_demo,
)
from tests.browser.site import Site
from tests.browser.views import (
    CHECK,
    OPTIONS,
    POPUP,
    WELCOMES,
    CheckPage,
    Popup,
    is_checked,
    ready,
    shows,
    text,
    until,
)
from tests.support import commands
from tests.support.patience import patience
from tests.support.preload import preloading
from tools.demo.site import DemoServer
from tools.demo.site_authority import Authority

pytestmark = pytest.mark.asyncio(loop_scope="session")

MODULE = ".config/pkcs11/modules/kortilla.module"
#: Firefox's manifest of the token, and Chromium's of the program.
MANIFEST = ".mozilla/pkcs11-modules/kortilla.json"
HOST = ".config/chromium/NativeMessagingHosts/fi.kortilla.host.json"
IS_PREPARABLE = "document.querySelector('#prepare button').checkVisibility()"
COMES_AFTER = (
    "document.querySelector('#switch').compareDocumentPosition("
    "document.querySelector('#prepare')) === Node.DOCUMENT_POSITION_FOLLOWING"
)
IS_INSTALLED = "browser.pkcs11.isModuleInstalled('kortilla')"


def quiet_home(folder: Path, family: Family, pristine: Path) -> UserHome:
    """Return a home in which nothing asks, and p11-kit works."""
    user_home = UserHome(folder, family, pristine)
    user_home.configure(prompt="automatic")
    user_home.serve()
    if os.getuid() == 0:  # p11-kit ignores root's own files
        user_home.environment |= preloading("ordinary")
    return user_home


async def log_in(browser: Browser, demo: DemoServer) -> None:
    """Log in at the demo's gate with the card as a token."""
    tab = await browser.new_tab()
    await tab.goto(f"{demo.origin}/en/tls-login/1.2")
    assert await tab.text("#satu") == browser.user_home.card.state.read().satu


@only_in_firefox
async def test_firefox_is_switched_on_and_off_in_either_view_while_it_runs(
    browser: Browser, open_tab: OpenTab
) -> None:
    home = browser.user_home.home
    popup, options = await open_tab(POPUP), await open_tab(OPTIONS)
    for tab in (popup, options):
        await shows(tab, "loginOff")
    await Popup(popup).open("suomi-fi")
    await popup.wait_for("#card[aria-busy=false]")
    assert not await popup.evaluate(IS_PREPARABLE)
    await popup.click("#switch")
    await shows(popup, "loginOn")
    assert await is_checked(popup)
    assert await popup.evaluate(IS_PREPARABLE) is True
    # What has to be on first is read first.
    assert await popup.evaluate(COMES_AFTER) is True
    assert await popup.evaluate(IS_INSTALLED) is True
    assert (home / MODULE).exists()
    role = "document.querySelector('#token').getAttribute('role')"
    assert await popup.evaluate(role) == "status", "a screen reader reads it aloud"
    assert await popup.evaluate("document.activeElement.id") == "switch"
    # The other view has not noticed yet, and switches on again.
    await options.click("#switch")
    await shows(options, "loginOn")
    await options.click("#switch")
    await shows(options, "loginOff")
    assert not await is_checked(options)
    assert await options.evaluate(IS_INSTALLED) is False
    assert not (home / MODULE).exists() and not (home / MANIFEST).exists()


async def test_a_person_logs_in_after_switching_it_on_and_commands_undo_it(
    tmp_path: Path, authority: Authority, pristine: Path, trust: Trust
) -> None:
    """In Firefox, which needs no restart. The next test has it in Chromium."""
    user_home = quiet_home(tmp_path, "firefox", pristine)
    async with (
        tls_demo(trust, authority) as demo,
        open_browser(user_home, authority) as browser,
    ):
        popup = await browser.open_view(POPUP)
        await shows(popup, "loginOff")
        await Popup(popup).open("suomi-fi")
        await popup.click("#switch")
        await shows(popup, "loginOn")
        await log_in(browser, demo)
    # The command takes back what the switch of a Firefox has done that has ended.
    entries = user_home.home / "firefox-profile/pkcs11.txt"
    assert "name=Kortilla" in entries.read_text()
    # It finds Firefox's profiles here, and sees that Firefox was closed.
    profiles = user_home.home / ".mozilla/firefox/profiles.ini"
    profiles.parent.mkdir()
    profiles.write_text(f"[Profile0]\nIsRelative=0\nPath={entries.parent}\n")
    words = ("pkcs11", "disable", "--browser", "firefox")
    done = commands.run(*words, environment=user_home.environment)
    assert done.returncode == 0, done.stderr
    assert "Kortilla" not in entries.read_text()
    assert not (user_home.home / MANIFEST).exists()


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


async def test_chromium_welcomes_once_fixes_what_is_broken_and_is_switched_on_and_off(
    tmp_path: Path, pristine: Path, authority: Authority, trust: Trust, site: Site
) -> None:
    user_home = quiet_home(tmp_path, "chromium", pristine)
    (user_home.home / ".config/chromium").mkdir(parents=True)
    extension = packaged(tmp_path)
    async with open_browser(user_home, authority, extension=extension) as browser:
        tab = await browser.open_view(CHECK)
        await ready(tab)
        await _welcomes(tab, 1)
        check = CheckPage(tab)
        await _manifest_is_fixed(user_home, check)
        # Chromium reads its database for its first secure page.
        await (await browser.new_tab()).goto(site.fresh())
        await check.press("showSwitch", "PKCS11_OFF")
        assert await tab.evaluate("document.activeElement.id") == "switch"
        await _switched_on_before_a_restart(user_home, browser)
        await _open_database_is_fixed(user_home, check)
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
        async with tls_demo(trust, authority) as demo:
            await log_in(browser, demo)


async def _welcomes(view: Tab, expected: int) -> None:
    """Wait for so many welcome pages, and check that they are all, behind this page."""
    async with asyncio.timeout(patience()):
        while (count := await view.evaluate(WELCOMES)) < expected:
            pass
    assert count == expected
    assert await view.evaluate("chrome.tabs.getCurrent().then(({ active }) => active)")


async def _manifest_is_fixed(user_home: UserHome, check: CheckPage) -> None:
    assert "MANIFEST_MISSING" in await check.codes()
    await check.press("selfCheckFix", "MANIFEST_MISSING")
    await check.until("pre.textContent.includes('HOST_WORKS')")
    assert "MANIFEST_MISSING" not in await check.codes()
    assert (user_home.home / HOST).exists()
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
    await popup.wait_for("#card[aria-busy=false]")
    assert not await popup.evaluate(IS_PREPARABLE)
    assert has_token(user_home)
    await popup.close()


async def _open_database_is_fixed(user_home: UserHome, check: CheckPage) -> None:
    """The page asks before it changes a file that the browser has open."""
    nss.delete_module(user_home.home / ".pki/nssdb", "Kortilla")
    await check.tab.click("#run-check")
    await check.until("pre.textContent.includes('INCOMPLETE')")
    await check.press("selfCheckFix", "PKCS11_INCOMPLETE")
    question = json.dumps(text("selfCheckBrowserOpen"))
    shown = "document.querySelector('.question')?.textContent"
    await until(check.tab, f"{shown}?.includes({question})")
    assert not has_token(user_home)
    await check.press("selfCheckGoOn")
    await check.until("!pre.textContent.includes('COMPLETE')")
    assert has_token(user_home)
