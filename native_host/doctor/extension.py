# SPDX-License-Identifier: MIT
"""The browser extension, as far as the browsers' profiles tell of it.

An extension that all users of the computer have, or that a developer loads for a while,
is not in them.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from native_host import VERSION
from native_host.card.pcsc_threads import in_thread
from native_host.doctor.findings import Finding, Place, info, warning
from native_host.install.tables import browsers, own_extensions, profile_folders, title

_LARGEST = 32 << 20  # bytes
_VERSION = re.compile(r"[0-9]{1,5}(\.[0-9]{1,5}){0,3}")


class _Seen(NamedTuple):
    """The extension in one profile; ``version`` is empty if it can't be known."""

    version: str
    enabled: bool


async def check_extension(place: Place) -> list[Finding]:
    """Look for the extension in the profiles of each browser that is there."""
    return await in_thread(lambda: list(_look(place)))


def _look(place: Place) -> Iterator[Finding]:
    known = [each for each in browsers("user", root=place.root) if each.found]
    for browser in known:
        if browser.family == "chromium":
            seen = list(_in_chromium(browser.place.parent))
            yield from _judge(browser.title, seen)
    if any(each.family == "firefox" for each in known):
        yield from _judge(title("firefox"), list(_in_firefox()))


def _judge(browser: str, seen: list[_Seen]) -> Iterator[Finding]:
    if not seen:
        yield info("EXTENSION_NOT_SEEN", browser=browser)
    elif not any(each.enabled for each in seen):
        yield warning("EXTENSION_DISABLED", browser=browser)
    else:
        for version in sorted({each.version for each in seen if each.enabled}):
            if not version:
                yield info("EXTENSION", browser=browser)
            elif version == VERSION:
                yield info("EXTENSION_FITS", browser=browser, version=version)
            else:
                yield warning(
                    "EXTENSION_OTHER_VERSION",
                    browser=browser,
                    version=version,
                    host=VERSION,
                )


def _in_chromium(user_data: Path) -> Iterator[_Seen]:
    for name in ("Preferences", "Secure Preferences"):
        for path in sorted(user_data.glob(f"*/{name}")):
            settings = _at(_json(path), "extensions", "settings")
            for extension in own_extensions():
                entry = _at(settings, extension)
                # A list of ids stays behind with other fields when one was removed.
                if entry.get("path") or entry.get("manifest"):
                    version = _version_in(_at(entry, "manifest").get("version"))
                    yield _Seen(
                        version or _version_at(entry.get("path")),
                        not entry.get("disable_reasons") and entry.get("state") != 0,
                    )


def _in_firefox() -> Iterator[_Seen]:
    for folder in profile_folders("firefox"):
        for path in sorted(folder.glob("*/extensions.json")):
            addons = _json(path).get("addons")
            for each in addons if isinstance(addons, list) else ():
                if isinstance(each, dict) and each.get("id") in own_extensions():
                    yield _Seen(
                        _version_in(each.get("version")),
                        each.get("active") is not False,
                    )


def _version_at(folder: object) -> str:
    """Return the version of an extension that was loaded from a folder."""
    if not isinstance(folder, str) or not folder.startswith("/"):
        return ""
    return _version_in(_json(Path(folder, "manifest.json")).get("version"))


def _version_in(value: object) -> str:
    """Return a version number that a browser wrote down; empty if it is none."""
    return value if isinstance(value, str) and _VERSION.fullmatch(value) else ""


def _json(path: Path) -> dict[str, Any]:
    """Return an object out of a browser's file; empty where there is none."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return {}
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _at(found: dict[str, Any], *keys: str) -> dict[str, Any]:
    for key in keys:
        below = found.get(key)
        found = below if isinstance(below, dict) else {}
    return found
