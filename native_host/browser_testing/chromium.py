# SPDX-License-Identifier: MIT
"""Chromium for the tests of a service, through Playwright's synchronous interface."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Playwright

from native_host.browser_testing.temporary_home import TemporaryHome, extension_folder

#: Programs of the system that load an unpacked extension; Google Chrome does not.
_PROGRAMS = ("chromium", "chromium-browser")
#: Starts quietly: no first-run pages, nothing fetched or sent home.
_QUIET = (
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextlib.contextmanager
def open_chromium(
    playwright: Playwright, folder: Path, card: Path, options: Mapping[str, Any]
) -> Iterator[BrowserContext]:
    """Start Chromium with the extension, and the program with a mock card.

    ``folder`` becomes the profile and HOME of both. ``card`` is the mock card's folder;
    its PINs are typed at once. ``options`` are those of Playwright's
    ``launch_persistent_context``, and come before ours. Chromium is the program in
    ``KORTILLA_CHROMIUM``, the system's, or the one of ``playwright install chromium``.
    """
    home = TemporaryHome.build(folder, "chromium", card="mock", prompt="automatic")
    home.mock_card_folder.parent.mkdir(parents=True, exist_ok=True)
    home.mock_card_folder.symlink_to(card.absolute(), target_is_directory=True)
    extension = extension_folder()
    ours: dict[str, Any] = {
        "headless": True,
        "chromium_sandbox": os.geteuid() != 0,  # it does not work for root
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
