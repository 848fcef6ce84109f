# SPDX-License-Identifier: MIT
"""The card login of Suomi.fi is switched on in the popup or in the options."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kortilla import Trust
from tests.browser.browser_home import UserHome
from tests.browser.browsers import Browser, Tab, open_browser
from tests.browser.conftest import OpenTab, ready
from tests.browser.in_turn import only_in_chromium, only_in_firefox
from tests.browser.test_card_management import POPUP, Popup
from tests.browser.test_extension_pages import text
from tests.support.patience import patience
from tests.support.preload import preloading
from tests.support.token_control import runtime_folder
from tools.demo.site import DemoServer
from tools.demo.site.tls_login import GateSettings
from tools.demo.site_authority import Authority

pytestmark = pytest.mark.asyncio(loop_scope="session")

OPTIONS = "options/options.html"
MODULE = ".config/pkcs11/modules/kortilla.module"
MANIFEST = ".mozilla/pkcs11-modules/kortilla.json"
IS_INSTALLED = "browser.pkcs11.isModuleInstalled('kortilla')"
SWITCH = "document.querySelector('#switch')"


def kortilla(user_home: UserHome, *words: str) -> None:
    """Run a command of Kortilla's in the home of a browser."""
    subprocess.run(
        [sys.executable, "-I", "-m", "native_host.cli", *words],
        env=user_home.environment,
        check=True,
        capture_output=True,
        timeout=patience(),
    )


async def shows(tab: Tab, heading: str) -> None:
    """Wait until the status of the switch has a heading."""
    wanted = json.dumps(text(heading))
    await tab.evaluate(
        f"""new Promise((resolve, reject) => {{
          const shown = () => document.querySelector("#token")?.innerText;
          setTimeout(() => reject(new Error(shown())), 15000);
          const look = () => {{
            const found = document.querySelector("#token h3")?.textContent;
            if (found !== {wanted}) return;
            observer.disconnect();
            resolve(true);
          }};
          const observer = new MutationObserver(look);
          observer.observe(document, {{ subtree: true, childList: true }});
          look();
        }})"""
    )


async def is_checked(tab: Tab) -> bool:
    """Return the state of the switch as a screen reader reads it."""
    assert await tab.evaluate(f"{SWITCH}.getAttribute('role')") == "switch"
    return bool(await tab.evaluate(f"{SWITCH}.checked"))


@only_in_firefox
async def test_firefox_is_switched_on_and_off_in_either_view_while_it_runs(
    browser: Browser, open_tab: OpenTab
) -> None:
    home = browser.user_home.home
    popup = await open_tab(POPUP)
    await shows(popup, "loginOff")
    await Popup(popup).open("suomi-fi")
    options = await open_tab(OPTIONS)
    await shows(options, "loginOff")
    for tab, other in ((popup, options), (options, popup)):
        assert not await is_checked(tab)
        await tab.click("#switch")
        await shows(tab, "loginOn")
        assert await is_checked(tab)
        assert await tab.evaluate(IS_INSTALLED) is True
        assert (home / MODULE).exists()
        later = await browser.open_view(OPTIONS)
        await shows(later, "loginOn")
        await later.close()
        role = "document.querySelector('#token').getAttribute('role')"
        assert await tab.evaluate(role) == "status", "a screen reader reads it aloud"
        assert await tab.evaluate("document.activeElement.id") == "switch"

        # The other view has not noticed yet, and switches on again.
        await other.click("#switch")
        await shows(other, "loginOn")
        await tab.click("#switch")
        await shows(tab, "loginOff")
        assert await tab.evaluate(IS_INSTALLED) is False
        assert not (home / MODULE).exists() and not (home / MANIFEST).exists()
        # The other view has not noticed yet, and switches off again.
        await other.click("#switch")
        await shows(other, "loginOff")
        assert not await is_checked(other)


@only_in_firefox
async def test_what_stands_in_the_way_is_said(
    browser: Browser, open_tab: OpenTab
) -> None:
    tab = await open_tab(OPTIONS)
    await shows(tab, "loginOff")
    module = browser.user_home.home / MODULE
    module.parent.mkdir(parents=True, exist_ok=True)
    module.write_text("module: /usr/lib/specimen.so\n")
    await tab.click("#switch")
    await shows(tab, "loginFailed")
    assert not await is_checked(tab)
    module.unlink()
    with browser.user_home.without_manifest():
        await tab.click("#switch")
        await shows(tab, "loginImpossible")
        assert await tab.text("#token p") == text("missingExplanation")
    # A click on an unusable switch only looks again.
    await tab.click("#switch")
    await shows(tab, "loginOff")


async def log_in(browser: Browser, demo: DemoServer) -> None:
    """Log in at the demo's gate with the card as a token."""
    tab = await browser.new_tab()
    await tab.goto(f"{demo.origin}/en/tls-login/1.2")
    assert await tab.text("#satu") == browser.user_home.card.state.read().satu


async def test_a_person_logs_in_after_switching_it_on_and_commands_undo_it(
    tmp_path: Path, authority: Authority, pristine: Path, trust: Trust
) -> None:
    """In Firefox, which needs no restart. `test_first_starts` has it in Chromium."""
    user_home = UserHome(tmp_path, "firefox", pristine)
    user_home.configure(prompt="automatic")
    user_home.serve()
    if os.getuid() == 0:  # p11-kit ignores root's own files
        user_home.environment |= preloading("ordinary")
    async with (
        DemoServer(
            trust,
            host="n2.service.example",
            ssl_context=authority.server_context,
            gates=GateSettings(authority.chain, "n3.service.example"),
        ) as demo,
        open_browser(user_home, authority) as browser,
    ):
        popup = await browser.open_view(POPUP)
        await shows(popup, "loginOff")
        await Popup(popup).open("suomi-fi")
        await popup.click("#switch")
        await shows(popup, "loginOn")
        await log_in(browser, demo)
    undone_from_the_command_line(user_home)


def undone_from_the_command_line(user_home: UserHome) -> None:
    """Switch off in a Firefox that has ended what its switch has done."""
    entries = user_home.home / "firefox-profile/pkcs11.txt"
    assert "name=Kortilla" in entries.read_text()
    # The host finds Firefox's profiles here, and sees that Firefox was closed.
    profiles = user_home.home / ".mozilla/firefox/profiles.ini"
    profiles.parent.mkdir()
    profiles.write_text(f"[Profile0]\nIsRelative=0\nPath={entries.parent}\n")
    kortilla(user_home, "pkcs11", "disable", "--browser", "firefox")
    assert "Kortilla" not in entries.read_text()
    assert not (user_home.home / MANIFEST).exists()


@only_in_chromium
async def test_a_popup_of_a_browser_without_the_token_leads_to_the_switch(
    browser: Browser, open_tab: OpenTab
) -> None:
    tab = await open_tab(POPUP)
    await ready(tab)
    popup = Popup(tab)
    with runtime_folder() as runtime:
        browser.user_home.serve(environment={"XDG_RUNTIME_DIR": str(runtime)})
        await popup.shows("cardReady")
        await popup.open("suomi-fi")
        await shows(tab, "loginOff")
        offered = "document.querySelector('#prepare button').checkVisibility()"
        assert not await tab.evaluate(offered)
        await tab.click("#switch")
        await tab.wait_for("#prepare:not([hidden])")
        assert await tab.evaluate(offered)
        # No browser has started the program of the token here.
        await popup.press("prepareLogin")
        await popup.shows("notSwitchedOn")
        await popup.shows("cardReady")
    await popup.press("showSwitch")
    assert await tab.evaluate("document.activeElement.id") == "switch"
