# SPDX-License-Identifier: MIT
"""The host recognises real browsers, so their windows show no warning."""

import pytest

from tests.browser.browsers import Browser
from tests.browser.conftest import Visit
from tests.browser.in_turn import only_in_chromium
from tests.browser.site import authenticate
from tests.browser.window import Door

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_browser_is_known(visit: Visit, door: Door) -> None:
    page = await visit()
    await page.ask(authenticate())
    window = await door.opened()
    assert window.told[0]["conversation"]["caller"] == ""
    window.say("cancel")
    await page.failure("kortilla:authenticate", "1")


@only_in_chromium
async def test_a_program_between_browser_and_host_is_named(
    browser: Browser, visit: Visit, door: Door
) -> None:
    host = (
        f"from native_host.__main__ import main; main(prompt_command={door.command!r})"
    )
    browser.house.put_host(
        "import subprocess, sys; "
        f"subprocess.run([sys.executable, '-I', '-c', {host!r}, *sys.argv[1:]])"
    )
    page = await visit()
    await page.ask(authenticate())
    window = await door.opened()
    assert window.told[0]["conversation"]["caller"].startswith("python3")
    window.say("cancel")
    await page.failure("kortilla:authenticate", "1")
    await window.gone()
