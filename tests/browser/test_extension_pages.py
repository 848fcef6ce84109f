# SPDX-License-Identifier: MIT
"""The extension's own pages show the program's state, version and the next step."""

import json

import pytest

from native_host import VERSION
from native_host.browser_testing.temporary_home import extension_folder
from tests.browser.browsers import Browser, Tab
from tests.browser.conftest import OpenTab, ready
from tests.browser.in_turn import only_in_chromium
from tests.browser.test_host_trouble import speak

pytestmark = pytest.mark.asyncio(loop_scope="session")


def text(name: str, language: str = "en") -> str:
    """Return one of the extension's texts."""
    catalogue = extension_folder() / f"_locales/{language}/messages.json"
    return str(json.loads(catalogue.read_text())[name]["message"])


async def have_names(tab: Tab) -> None:
    """Check that each control and picture of a view has a name."""
    names = await tab.evaluate(
        "[...document.querySelectorAll('button, a, h1, h2, p, li')]"
        ".map((each) => each.textContent.trim())"
    )
    assert names and all(names)
    without = "[...document.images].filter((each) => !each.hasAttribute('alt')).length"
    assert await tab.evaluate(without) == 0


async def test_the_popup_says_which_version_of_the_program_is_there_and_all_has_a_name(
    browser: Browser, open_tab: OpenTab
) -> None:
    tab = await open_tab("popup/popup.html")
    await ready(tab)
    await have_names(tab)
    await tab.click("#help summary")
    assert VERSION in await tab.text("#version")
    assert await tab.evaluate("document.querySelector('#host').hidden")


async def test_the_options_say_which_version_is_there_and_can_look_again(
    browser: Browser, open_tab: OpenTab
) -> None:
    tab = await open_tab("options/options.html")
    await ready(tab)
    await have_names(tab)
    assert await tab.text("#host h2") == text("readyHeading")
    assert VERSION in await tab.text("#host p")
    assert await tab.evaluate("document.documentElement.lang") == "en"
    role = await tab.evaluate("document.querySelector('#host').getAttribute('role')")
    assert role == "status", "a screen reader reads the result aloud"
    with browser.user_home.without_manifest():
        await tab.click("#again")
        await tab.wait_for("#host[data-state=problem]")
        assert await tab.text("#host h2") == text("missingHeading")
    await tab.click("#again")
    await ready(tab)


#: What the popup says of programs that do not work. None is one that is missing.
TROUBLES = {
    "missingHeading": None,
    "crashedHeading": "import sys; sys.exit(3)",
    "tooOldHeading": speak({"version": "2.9.0+kortilla.0.0.9"}),
}


@only_in_chromium
async def test_the_popup_says_what_to_do(browser: Browser, open_tab: OpenTab) -> None:
    user_home = browser.user_home
    tab = await open_tab("popup/popup.html")
    address = await tab.evaluate("location.href")
    for heading, program in TROUBLES.items():
        with user_home.without_manifest():
            if program is not None:
                user_home.put_host(program)
                user_home.put_manifest()
            await tab.goto(address)
            await tab.wait_for("#host[data-state=problem]")
        assert await tab.text("#host h2") == text(heading)
        assert await tab.evaluate("document.querySelector('code') === null"), heading
        user_home.serve()  # a second opening repeats the check
        await tab.goto(address)
        await ready(tab)
