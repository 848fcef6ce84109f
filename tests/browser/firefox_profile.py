# SPDX-License-Identifier: MIT
"""Profiles that Firefox has started once.

A start takes twice as long with a new profile: Firefox creates its databases and reads
its own scripts. Each browser gets a copy of one profile, which workers of pytest-xdist
share. It has neither the extension nor certificates.
"""

import shutil
from pathlib import Path

from kortilla.mock_card.folder import locked
from native_host.browser_testing.temporary_home import TemporaryHome
from tests.browser.marionette import Marionette
from tests.support import cards

#: Firefox's locks, the preferences of one browser, and the databases of NSS, to which a
#: test may have added a token.
_NOT_COPIED = shutil.ignore_patterns(
    "lock", ".parentlock", "user.js", "cert9.db", "key4.db", "pkcs11.txt"
)


async def prepare_profile(profile: Path) -> None:
    """Fill a profile's folder, unless Firefox has started with it before."""
    if not (profile / "compatibility.ini").exists():
        used = await _used_profile()
        shutil.copytree(used, profile, ignore=_NOT_COPIED, dirs_exist_ok=True)


async def _used_profile() -> Path:
    """Return the shared profile, which is made at the first call."""
    folder = cards.shared_folder() / "firefox"
    profile = folder / "home" / "firefox-profile"
    with locked(cards.shared_folder() / "firefox.lock"):
        if not (folder / "made").exists():
            home = TemporaryHome.build(folder, "firefox", card="mock", prompt="window")
            async with Marionette.launch(
                home.home,
                environment=home.environment,
                extension=None,
                preferences={},
            ) as firefox:
                await firefox.quit()  # writes its cache of scripts
            (folder / "made").touch()
    return profile
