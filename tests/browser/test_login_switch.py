# SPDX-License-Identifier: MIT
"""The options page switches the card login of Suomi.fi on and off."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from native_host.browsers.table import Family
from tests.browser.browser_home import House
from tests.browser.browsers import Browser, Tab, open_browser
from tests.browser.conftest import OpenTab, ready
from tests.browser.test_card_management import POPUP, Popup
from tests.browser.test_extension_pages import text
from tests.support.token_control import runtime_folder

pytestmark = pytest.mark.asyncio(loop_scope="session")

OPTIONS = "options/options.html"
IS_INSTALLED = "browser.pkcs11.isModuleInstalled('kortilla')"


def only(family: Family) -> pytest.MarkDecorator:
    """Skip the test in any other browser."""
    return pytest.mark.parametrize("family", [family], indirect=True, scope="session")


class Manifest:
    """The native manifest that tells Firefox where the PKCS#11 module is."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._path = house.home / ".mozilla/pkcs11-modules/kortilla.json"

    def command(self, verb: str) -> None:
        """Run the command that the options page names."""
        command = ["pkcs11", verb, "--browser", "firefox"]
        subprocess.run(
            [sys.executable, "-I", "-m", "native_host.cli", *command],
            env=self._house.environment,
            check=True,
            capture_output=True,
            timeout=30,
        )

    def remove(self) -> None:
        """Remove it, even if the manifest has changed since."""
        self.command("disable")
        self._path.unlink(missing_ok=True)

    @property
    def is_there(self) -> bool:
        """Whether Firefox would find it."""
        return self._path.exists()

    def change(self, **fields: object) -> None:
        """Change fields of the existing manifest."""
        content = json.loads(self._path.read_text())
        self._path.write_text(json.dumps({**content, **fields}))


@pytest.fixture
def manifest(browser: Browser) -> Iterator[Manifest]:
    """Provide the manifest, which does not exist until a test writes it."""
    manifest = Manifest(browser.house)
    yield manifest
    manifest.remove()


async def shows(tab: Tab, heading: str) -> None:
    """Wait until the login panel has a heading."""
    wanted = json.dumps(text(heading))
    await tab.evaluate(
        f"""new Promise((resolve) => {{
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


@only("firefox")
async def test_firefox_is_switched_on_and_off_in_the_options(
    manifest: Manifest, open_tab: OpenTab
) -> None:
    tab = await open_tab(OPTIONS)
    await shows(tab, "loginMissing")
    command = "kortilla pkcs11 enable --browser firefox"
    assert await tab.text("#token code") == command
    assert await tab.text("#switch") == text("loginLook")

    # If the module can't be loaded, the page says so and names a command for details.
    manifest.command("enable")
    manifest.change(path="/nowhere/libp11-kit.so.0")
    await tab.click("#switch")
    await tab.wait_for("#token[data-state='']")
    await shows(tab, "loginOff")
    await tab.click("#switch")
    await shows(tab, "loginFailed")
    assert await tab.text("#token code") == "kortilla pkcs11 status"
    assert await tab.text("#switch") == text("loginSwitchOn")

    manifest.command("enable")
    tab = await open_tab(OPTIONS)
    await shows(tab, "loginOff")
    await tab.click("#switch")
    await shows(tab, "loginOn")
    assert await tab.evaluate(IS_INSTALLED) is True
    role = await tab.evaluate("document.querySelector('#token').getAttribute('role')")
    assert role == "status", "a screen reader reads the change aloud"
    focused = "document.activeElement.id"
    assert await tab.evaluate(focused) == "switch", "the focus stays in the view"

    other = await open_tab(OPTIONS)
    await shows(other, "loginOn")
    await tab.click("#switch")
    await shows(tab, "loginOff")
    assert await tab.evaluate(IS_INSTALLED) is False
    # The other view has not noticed yet and does what its button says.
    await other.click("#switch")
    await shows(other, "loginOff")


@only("firefox")
async def test_a_manifest_for_another_extension_switches_nothing_on(
    manifest: Manifest, open_tab: OpenTab
) -> None:
    manifest.command("enable")
    manifest.change(allowed_extensions=["other@other.example"])
    tab = await open_tab(OPTIONS)
    await shows(tab, "loginMissing")


@only("chromium")
async def test_chromium_is_told_the_commands(open_tab: OpenTab) -> None:
    tab = await open_tab(OPTIONS)
    await shows(tab, "loginCommand")
    commands = await tab.evaluate(
        "[...document.querySelectorAll('#token code')].map((each) => each.textContent)"
    )
    assert commands == [
        f"kortilla pkcs11 {verb} --browser chromium" for verb in ("enable", "disable")
    ]
    hidden = "!document.querySelector('#switch').checkVisibility()"
    assert await tab.evaluate(hidden)


# Resolves with the address of a page in another tab and closes that tab.
SENT_TO_THE_SWITCH = """(async () => {
  for (;;) {
    const views = chrome.extension.getViews({ type: "tab" });
    const view = views.find(({ location }) => location.hash === "#login");
    if (view?.document.querySelector("#token h3")) {
      view.chrome.tabs.getCurrent().then(({ id }) => view.chrome.tabs.remove(id));
      return view.location.pathname;
    }
    await new Promise(requestAnimationFrame);
  }
})()"""


async def test_a_popup_of_a_browser_without_the_token_leads_to_the_switch(
    browser: Browser, open_tab: OpenTab
) -> None:
    another = await open_tab(OPTIONS)
    tab = await open_tab(POPUP)
    await ready(tab)
    popup = Popup(tab)
    with runtime_folder() as runtime:
        browser.house.serve(environment={"XDG_RUNTIME_DIR": str(runtime)})
        await popup.press("prepareLogin")
        await popup.shows("notSwitchedOn")
        await popup.shows("cardReady")
    await popup.press("showSwitch")
    assert await another.evaluate(SENT_TO_THE_SWITCH) == f"/{OPTIONS}"
    tab.closed = True  # the popup closes without help


async def test_what_the_button_has_switched_on_is_undone_from_the_command_line_too(
    tmp_path: Path, pristine: Path
) -> None:
    house = House(tmp_path, "firefox", pristine)
    manifest = Manifest(house)
    manifest.command("enable")
    async with open_browser(house) as browser:
        tab = await browser.open_view(OPTIONS)
        await shows(tab, "loginOff")
        await tab.click("#switch")
        await shows(tab, "loginOn")
    modules = house.home / "firefox-profile/pkcs11.txt"
    assert "name=Kortilla" in modules.read_text()
    # The host finds Firefox's profiles here, and sees that Firefox was closed.
    profiles = house.home / ".mozilla/firefox/profiles.ini"
    profiles.parent.mkdir()
    profiles.write_text(f"[Profile0]\nIsRelative=0\nPath={modules.parent}\n")
    manifest.command("disable")
    assert "Kortilla" not in modules.read_text()
    assert not manifest.is_there
