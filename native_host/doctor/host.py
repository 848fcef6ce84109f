# SPDX-License-Identifier: MIT
"""The browsers, their manifests of the host, and the launcher that those point to."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from native_host import WEB_EID_VERSION
from native_host.card.pcsc_threads import in_thread
from native_host.doctor.findings import Finding, Place, error, info, kortilla, warning
from native_host.doctor.programs import started
from native_host.errors import InstallError
from native_host.hardening import is_closed_from_start
from native_host.install import files
from native_host.install.changes import launcher_path
from native_host.install.contents import manifest
from native_host.install.tables import (
    OWN_HOST,
    Browser,
    HostName,
    browsers,
    host_names,
    is_any_browser_there,
)

_LONGEST_HELLO = 4096  # bytes
_HELLO_WITHIN = 10.0  # seconds
_INSTALL = kortilla("install")
#: Each launcher of ours contains it, also one of another installation.
_OURS = b"native_host"
_LISTS = {"chromium": "allowed_origins", "firefox": "allowed_extensions"}


async def check_host(place: Place) -> list[Finding]:
    """Look at the manifests, then start each launcher that they point to."""
    found, launchers = await in_thread(lambda: _manifests(place))
    for path in launchers:
        hello = await _hello(path)
        if hello is None:
            found.append(error("LAUNCHER_FAILED", _INSTALL))
        elif hello != WEB_EID_VERSION:
            found.append(warning("HOST_OTHER_VERSION", _INSTALL))
        else:
            found.append(info("HOST_WORKS"))
    if sys.platform == "linux" and not is_closed_from_start():
        found.append(info("MEMORY_OPEN_AT_START"))
    return found


def _manifests(place: Place) -> tuple[list[Finding], list[Path]]:
    """Return what is to be said of the manifests, and the launchers to start."""
    found: list[Finding] = []
    launchers: dict[Path, None] = {}
    known = browsers("user", root=place.root)
    if not is_any_browser_there(place.root):
        found.append(error("NO_BROWSER"))
    [own] = (each for each in host_names() if each.name == OWN_HOST)
    shared = [each for each in host_names() if each.shared]
    for browser in known:
        places = [each.place for each in browser.confined if each.place is not None]
        found += _confined(browser)
        if browser.found and browser.place not in places:
            places.insert(0, browser.place)
        for folder in places:
            fault, launcher = _judge(browser, folder, own, place.root)
            found += fault
            if launcher is not None:
                launchers[launcher] = None
        if browser.found:
            found.append(info("BROWSER", browser=browser.title))
            found += _taken(browser, shared, place.root)
    return found, list(launchers)


def _confined(browser: Browser) -> Iterator[Finding]:
    for each in browser.confined:
        if each.place is None:
            yield info("BROWSER_CONFINED", browser=browser.title, kind=each.kind)
        else:
            yield info("BROWSER_PORTAL", browser=browser.title, kind=each.kind)


def _judge(
    browser: Browser, folder: Path, host: HostName, root: Path
) -> tuple[list[Finding], Path | None]:
    """Judge the manifest that the browser finds first; return its launcher to start."""

    def fault(
        code: str, start: Path | None = None
    ) -> tuple[list[Finding], Path | None]:
        return [error(code, _INSTALL, browser=browser.title)], start

    content = next(_contents(browser, folder, host, root), None)
    if content is None:
        return fault("MANIFEST_MISSING")
    fields = _fields(content)
    path = fields.get("path")
    if fields.get("name") != host.name or not isinstance(path, str):
        return fault("MANIFEST_BROKEN")
    launcher = Path(path)
    if code := _fault_of(launcher, root):
        return fault(code)
    key = _LISTS[browser.family]
    wanted = json.loads(manifest(host, browser.family, launcher))[key]
    listed = fields.get(key)
    if not isinstance(listed, list) or not all(each in listed for each in wanted):
        return fault("MANIFEST_IDS", launcher)
    return [], launcher


def _fault_of(launcher: Path, root: Path) -> str:
    if not (launcher.is_absolute() and launcher.is_file()):
        return "LAUNCHER_MISSING"
    if not _is_ours(launcher, root):
        return "MANIFEST_OTHER_PROGRAM"
    return "" if os.access(launcher, os.X_OK) else "LAUNCHER_FAILED"


def _contents(
    browser: Browser, folder: Path, host: HostName, root: Path
) -> Iterator[bytes]:
    """Yield the person's manifest and that for everyone, as far as they are there."""
    folders = [folder]
    # Where nobody can install for everyone, nobody has.
    with contextlib.suppress(InstallError):
        folders += [
            each.place for each in browsers("system", [browser.name], root=root)
        ]
    for each in folders:
        # A package's may be a link.
        content = files.read(Path(os.path.realpath(each / f"{host.name}.json")))
        if content is not None:
            yield content


def _taken(browser: Browser, shared: list[HostName], root: Path) -> Iterator[Finding]:
    """Say where another program answers to a name that several share."""
    for host in shared:
        content = next(_contents(browser, browser.place, host, root), None)
        if content is not None:
            path = _fields(content).get("path")
            if not (isinstance(path, str) and _is_ours(Path(path), root)):
                yield info("WEB_EID_OTHER_PROGRAM", browser=browser.title)


def _is_ours(launcher: Path, root: Path) -> bool:
    ours = {launcher_path("user"), launcher_path("system", root=root)}
    return launcher in ours or _OURS in (files.read(launcher) or b"")


def _fields(content: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


async def _hello(launcher: Path) -> str | None:
    """Start the host as a browser does; return the version that it says, or None."""
    try:
        async with asyncio.timeout(_HELLO_WITHIN), started(str(launcher)) as output:
            head = await output.readexactly(4)
            length = int.from_bytes(head, sys.byteorder)
            if length > _LONGEST_HELLO:
                return None
            hello = json.loads(await output.readexactly(length))
            return str(hello["version"])
    except (OSError, EOFError, ValueError, TypeError, KeyError, RecursionError):
        return None
