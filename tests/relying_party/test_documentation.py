# SPDX-License-Identifier: MIT
"""The example that developers see first works as it stands."""

import re
import runpy
from pathlib import Path

from aiohttp.test_utils import TestServer

from relying_party import Trust

from .pki import ORIGIN, Leaf
from .test_web import Browser

GUIDE = Path(__file__).parents[2] / "docs" / "developers.md"


async def test_the_first_example(tmp_path: Path, trust: Trust, leaf: Leaf) -> None:
    match = re.search(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert match
    file = tmp_path / "service.py"
    file.write_text(match[1])
    create_app = runpy.run_path(str(file))["create_app"]
    server = TestServer(create_app(ORIGIN, trust))
    async with server:
        browser = Browser(server)

        async def front() -> str:
            async with browser.request("GET", "/", headers={}) as response:
                return await response.text()

        assert "Tunnistaudu kortilla" in await front()
        async with browser.request("GET", "/page.js", headers={}) as response:
            assert "kortilla.login" in await response.text()
        nonce = await browser.challenge()
        await browser.post("login", {"authToken": leaf.token(nonce=nonce)})
        assert await front() == "Hei, MAIJA (99902038C)!"
        await browser.http.close()
