# SPDX-License-Identifier: MIT
"""Takes pictures of the popup with a mock card, in Chromium without a screen.

Usage: ``python -m tools.popup_pictures FOLDER LANGUAGE``
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from kortilla.mock_card.state import MockCardState
from native_host.browser_testing.temporary_home import TemporaryHome, extension_folder
from native_host.install.tables import host_names
from tools.demo.chromium import Chromium

#: The width of a popup in px. It is as high as its content.
_WIDTH = 360


async def take(target: Path, language: str) -> None:
    """Write ``popup-LANGUAGE.png`` and ``popup-switch-LANGUAGE.png``."""
    with tempfile.TemporaryDirectory() as folder:
        home = TemporaryHome.build(
            Path(folder), "chromium", card="mock", prompt="window"
        )
        MockCardState.create(home.mock_card_folder)
        async with Chromium.launch(
            home.home,
            environment=home.environment | {"LANGUAGE": language},
            extension=extension_folder(),
            arguments=[f"--lang={language}"],
        ) as chromium:
            page = chromium.page
            await page.set_viewport_size({"width": _WIDTH, "height": 1000})
            address = host_names()[0].chromium[0]
            await chromium.goto(f"chrome-extension://{address}/popup/popup.html")
            await chromium.wait_for(".holder")
            await chromium.wait_for("html:has(#switch:not([aria-busy]))")
            body = page.locator("body")
            await body.screenshot(path=target / f"popup-{language}.png")
            await chromium.click("#suomi-fi summary")
            await page.mouse.move(0, 0)
            section = page.locator("#suomi-fi")
            await section.evaluate("each => each.scrollIntoView({block: 'end'})")
            await body.screenshot(path=target / f"popup-switch-{language}.png")


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1]), sys.argv[2]))
