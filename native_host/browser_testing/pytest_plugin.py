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

import contextlib
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from playwright.sync_api import BrowserContext, Playwright

    from kortilla.testing import KortillaCard

#: Programs of the system that load an unpacked extension; Google Chrome does not.
_PROGRAMS = ("chromium", "chromium-browser")
#: Starts quietly: no first-run pages, nothing fetched or sent home.
_QUIET = (
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


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
    folder = tmp_path_factory.mktemp("kortilla-chromium")
    with _open_chromium(
        _kortilla_playwright, folder, kortilla_card.folder, kortilla_chromium_options
    ) as context:
        yield context


@contextlib.contextmanager
def _open_chromium(
    playwright: Playwright, folder: Path, card: Path, options: Mapping[str, Any]
) -> Iterator[BrowserContext]:
    """Start Chromium with the extension, and the program with a mock card.

    ``folder`` becomes the profile and HOME of both. ``card`` is the mock card's folder;
    its PINs are typed at once. ``options`` are those of Playwright's
    ``launch_persistent_context``, and come before ours. Chromium is the program in
    ``KORTILLA_CHROMIUM``, the system's, or the one of ``playwright install chromium``.
    """
    from native_host.browser_testing.temporary_home import (
        TemporaryHome,
        extension_folder,
    )

    home = TemporaryHome.build(folder, "chromium", card="mock", prompt="automatic")
    home.mock_card_folder.parent.mkdir(parents=True, exist_ok=True)
    home.mock_card_folder.symlink_to(card.absolute(), target_is_directory=True)
    extension = extension_folder()
    ours: dict[str, Any] = {
        "headless": True,
        # It does not work for root.
        "chromium_sandbox": sys.platform == "win32" or os.geteuid() != 0,
        "ignore_default_args": ["--disable-extensions"],
        **_program(),
    }
    arguments = [
        *_QUIET,
        f"--disable-extensions-except={extension}",
        f"--load-extension={extension}",
        *options.get("args", ()),
    ]
    chosen = {**ours, **options, "env": home.environment, "args": arguments}
    context = playwright.chromium.launch_persistent_context(
        home.home / "chromium-profile", **chosen
    )
    try:
        yield context
    finally:
        context.close()


def _program() -> dict[str, str]:
    """Return the option for Playwright that says which program is Chromium."""
    given = os.environ.get("KORTILLA_CHROMIUM")
    found = given or next(filter(None, map(shutil.which, _PROGRAMS)), None)
    # Playwright's usual program for headless runs has no extensions; the channel has.
    return {"executable_path": found} if found else {"channel": "chromium"}
