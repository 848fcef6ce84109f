# SPDX-License-Identifier: MIT
"""A pytest plugin with a browser in which the mock card logs in.

    def test_login(kortilla_chromium, kortilla_card):
        page = kortilla_chromium.new_page()
        page.goto("http://localhost:8080")
        page.get_by_role("button").click()

pytest loads this module in every run where Kortilla is installed, so its imports wait
until a fixture is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import BrowserContext, Playwright

    from kortilla.testing import KortillaCard


@pytest.fixture
def kortilla_chromium_options() -> dict[str, Any]:
    """Options of ``launch_persistent_context``, for a suite to replace.

    ``{"headless": False}`` shows the browser, ``{"locale": "sv-FI"}`` changes its
    language.
    """
    return {}


@pytest.fixture
def _kortilla_playwright(request: pytest.FixtureRequest) -> Iterator[Playwright]:
    if request.config.pluginmanager.hasplugin("playwright"):
        # pytest-playwright runs one already, and a thread can't run two.
        yield request.getfixturevalue("playwright")
        return
    from playwright.sync_api import sync_playwright

    # For one test: while it runs, nobody else can run an event loop in this thread.
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture
def kortilla_chromium(
    _kortilla_playwright: Playwright,
    kortilla_card: KortillaCard,
    kortilla_chromium_options: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[BrowserContext]:
    """Chromium with a new profile, the extension, the program and ``kortilla_card``.

    Nobody has to type: the program gives the card its PINs. Services at ``https`` may
    ask, and those at ``http://localhost``.
    """
    from native_host.browser_testing.chromium import open_chromium

    folder = tmp_path_factory.mktemp("kortilla-chromium")
    with open_chromium(
        _kortilla_playwright, folder, kortilla_card.folder, kortilla_chromium_options
    ) as context:
        yield context
