# SPDX-License-Identifier: MIT
"""A package's extension welcomes the person once; a developer's never does.

The node tests have the other ways to install. A store's way is in `test_open_tabs`.
"""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from tests.browser.browser_home import PATIENCE, House
from tests.browser.browsers import open_browser
from tests.browser.conftest import ready
from tests.browser.test_login_switch import OPTIONS
from tools.demo.demo_home import extension_folder

pytestmark = pytest.mark.asyncio(loop_scope="session")

_WELCOMES = """chrome.extension.getViews({ type: "tab" })
  .filter(({ location }) => location.pathname === "/welcome/welcome.html").length"""


def packaged(folder: Path) -> Path:
    """Copy the extension with the version name that the Debian package gives it."""
    extension = folder / "extension"
    shutil.copytree(extension_folder(), extension)
    manifest = json.loads((extension / "manifest.json").read_bytes())
    manifest["version_name"] = f"{manifest['version']} (Debian)"
    (extension / "manifest.json").write_text(json.dumps(manifest))
    return extension


async def started(house: House, extension: Path, expected: int) -> int:
    """Start the browser, and count the welcome pages once there are enough."""
    async with open_browser(house, extension=extension) as browser:
        view = await browser.open_view(OPTIONS)
        await ready(view)
        async with asyncio.timeout(PATIENCE):
            while (count := await view.evaluate(_WELCOMES)) < expected:
                pass
        return int(count)


async def test_debians_chromium_opens_the_welcome_page_at_its_first_start_only(
    tmp_path: Path, pristine: Path
) -> None:
    house = House(tmp_path, "chromium", pristine)
    house.serve()
    assert await started(house, extension_folder(), 0) == 0
    extension = packaged(tmp_path)
    assert await started(house, extension, 1) == 1
    assert await started(house, extension, 0) == 0
