# SPDX-License-Identifier: MIT
"""Services log people in through the provider's page, with extension and card."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from kortilla.testing import KortillaCard
from tests.browser.browsers import Browser, Tab
from tests.browser.conftest import Holder, OpenTab, only_in_chromium
from tests.browser.test_look import BEYOND, faults, resize
from tests.browser.window import WindowListener
from tests.openid.clients.running import NAME, RealClients, real_clients
from tests.openid.provider import write_files

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="session")
def openid_files(tmp_path_factory: pytest.TempPathFactory, pristine: Path) -> Path:
    folder = tmp_path_factory.mktemp("openid")
    write_files(folder, KortillaCard(pristine))
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def clients(openid_files: Path) -> AsyncIterator[RealClients]:
    async with real_clients(openid_files, simulator=False) as running:
        yield running


@only_in_chromium
async def test_a_service_logs_a_person_in(
    browser: Browser,
    open_tab: OpenTab,
    listener: WindowListener,
    holder: Holder,
    clients: RealClients,
) -> None:
    browser.user_home.configure(localhost=True)
    tab = await open_tab()
    await tab.goto(f"{clients.urls['python']}?ui_locales=en")
    assert NAME["en"] in await tab.text(".lead")
    await tab.click("kortilla-button")
    await (await listener.opened()).type_pin("1234")
    assert await tab.text("#who") == holder[0]
    # A person who cancels on the page is back at the service.
    await tab.goto(clients.urls["python"])
    await tab.click("#cancel")
    assert await tab.text("#who") == "access_denied"


@only_in_chromium
async def test_a_page_logs_a_person_in_without_a_secret(
    browser: Browser,
    open_tab: OpenTab,
    listener: WindowListener,
    holder: Holder,
    clients: RealClients,
) -> None:
    browser.user_home.configure(localhost=True)
    tab = await open_tab()
    await tab.goto(clients.urls["page"])
    await tab.click("kortilla-button")
    await (await listener.opened()).type_pin("1234")
    await tab.wait_for("#who:not(:empty)")
    assert await tab.text("#who") == holder[0]
    await tab.goto(clients.urls["page"])
    await tab.click("#cancel")
    await tab.wait_for("#who:not(:empty)")
    assert await tab.text("#who") == "access_denied"


async def examine(tab: Tab, clients: RealClients, ready: str) -> None:
    """Check the page in each language, at two widths, and the page of an error."""
    for language in ("fi", "sv", "en"):
        await tab.goto(f"{clients.urls['python']}?ui_locales={language}")
        await tab.wait_for(ready)
        assert await faults(tab) == []
        for width, text_size in ((320, 100), (640, 200)):
            await resize(tab, width, text_size=text_size)
            assert await tab.evaluate(BEYOND) < 1
        await resize(tab, 800)
    await tab.goto(f"{clients.provider.protocol.issuer}/authorize")
    assert await faults(tab) == []


@only_in_chromium
async def test_the_page_fits_and_has_no_fault(
    open_tab: OpenTab, clients: RealClients
) -> None:
    await examine(await open_tab(), clients, "kortilla-button[state=idle]")


@only_in_chromium
async def test_the_simulators_page_fits_and_has_no_fault(
    open_tab: OpenTab, openid_files: Path
) -> None:
    async with real_clients(openid_files, simulator=True) as clients:
        await examine(await open_tab(), clients, "[value=cancelled]")
