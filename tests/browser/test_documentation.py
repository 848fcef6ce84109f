# SPDX-License-Identifier: MIT
"""The first services of docs/login.md and docs/signing.md work in a browser."""

import runpy
import socket
from pathlib import Path

import pytest
from aiohttp import web

from kortilla import LoginService, Trust
from tests.browser.browsers import Browser
from tests.browser.conftest import Holder, OpenTab
from tests.browser.in_turn import only_in_chromium
from tests.support.guide import blocks
from tools.demo.site_authority import Authority

pytestmark = pytest.mark.asyncio(loop_scope="session")


@only_in_chromium
async def test_the_examples_log_in_and_sign(
    browser: Browser,
    open_tab: OpenTab,
    tmp_path: Path,
    trust: Trust,
    holder: Holder,
    authority: Authority,
) -> None:
    """The examples work as written, with the automatic prompt."""
    browser.user_home.configure(prompt="automatic")
    files = [tmp_path / "service.py", tmp_path / "signing.py"]
    for file, guide in zip(files, ("login.md", "signing.md"), strict=True):
        file.write_text(blocks(guide, "python")[0])
    service, signing = (runpy.run_path(str(file)) for file in files)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        origin = f"https://n0.service.example:{listener.getsockname()[1]}"
        login = LoginService(origin=origin, trust=trust)
        app = service["create_app"](login)
        signing["add_signing"](app, login)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            context = authority.server_context
            await web.SockSite(runner, listener, ssl_context=context).start()
            tab = await open_tab()
            await tab.goto(origin)
            await tab.wait_for("#identify[state=idle]")
            # A click hits the middle of the element, which is as wide as the page.
            await tab.evaluate("void (identify.style.width = 'fit-content')")
            await tab.click("#identify")
            await tab.wait_for("#person")
            assert holder[1] in await tab.text("#person")
            await tab.goto(f"{origin}/contract")
            for way in ("document", "hash"):
                await tab.click(f"#{way}")
                await tab.wait_for("#result:not(:empty)")
                assert (await tab.text("#result")).endswith(" allekirjoitti.")
                await tab.evaluate(
                    "document.querySelector('#result').replaceChildren()"
                )
        finally:
            await runner.cleanup()
