# SPDX-License-Identifier: MIT
"""What browsers have of Kortilla: the host, the extension and the card as a token.

An extension is seen as far as the browsers' profiles tell of it. One that all users of
the computer have, or that a developer loads for a while, is not in them.
"""

import asyncio
import contextlib
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from kortilla.common import JsonObject, own_python
from native_host import VERSION, WEB_EID_VERSION
from native_host.card.pcsc_threads import in_thread
from native_host.doctor.findings import (
    Finding,
    Place,
    administrator,
    error,
    info,
    kortilla,
    warning,
)
from native_host.doctor.programs import output_of, started
from native_host.errors import InstallError
from native_host.install import files, token_state
from native_host.install.changes import launcher_path
from native_host.install.contents import fields_of, manifest
from native_host.install.tables import (
    FAMILIES,
    PROXY,
    Browser,
    Family,
    HostName,
    browsers,
    host_names,
    is_any_browser_there,
    may_use_proxy,
    own_extensions,
    own_host,
    p11_kit_table,
    profile_folders,
    programs,
    title,
)
from native_host.platform.hardening import is_closed_from_start

if sys.platform == "win32":
    from native_host.install import windows

_LONGEST_HELLO = 4096  # bytes
_HELLO_WITHIN = 10.0  # seconds
_INSTALL = kortilla("install")
#: What the processes do that read and draw the files of others. It says None on Windows
#: and macOS, where all computers are the same.
_PROBE = "from kortilla.common.limits import leave_network; print(leave_network())"
#: Each launcher of ours contains it, also one of another installation.
_OURS = b"native_host"
_LISTS = {"chromium": "allowed_origins", "firefox": "allowed_extensions"}
_LARGEST = 32 << 20  # bytes
_VERSION = re.compile(r"[0-9]{1,5}(\.[0-9]{1,5}){0,3}")
#: The entry of a database is ours, be it of today or of an earlier p11-kit.
_ENTERED = ("ours", "outdated")


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
    if await output_of(*own_python("-c", _PROBE)) == b"False\n":
        found.append(info("NETWORK_STAYS_OPEN"))
    return found


def _manifests(place: Place) -> tuple[list[Finding], list[Path]]:
    """Return what is to be said of the manifests, and the launchers to start."""
    found: list[Finding] = []
    launchers: dict[Path, None] = {}
    known = browsers("user", root=place.root)
    if not is_any_browser_there(place.root):
        found.append(error("NO_BROWSER"))
    shared = [each for each in host_names() if each.shared]
    for browser in known:
        places = [each.place for each in browser.confined if each.place is not None]
        found += _confined(browser, place.root)
        if browser.found and browser.place not in places:
            places.insert(0, browser.place)
        for folder in places:
            fault, launcher = _judge_manifest(browser, folder, own_host(), place.root)
            found += fault
            if launcher is not None:
                launchers[launcher] = None
        if browser.found:
            found.append(info("BROWSER", browser=browser.title))
            found += _taken(browser, shared, place.root)
    return found, list(launchers)


def _confined(browser: Browser, root: Path) -> Iterator[Finding]:
    for each in browser.confined:
        named, kind = browser.title, each.kind
        if not each.proxied:
            code = "BROWSER_CONFINED" if each.place is None else "BROWSER_PORTAL"
            if each.place is not None and browser.family == "chromium":
                code = "BROWSER_UNKNOWN"  # docs/reference/native-messaging.md
            yield info(code, browser=named, kind=kind)
        elif each.place is not None and not may_use_proxy(each.application, root):
            allow = ("flatpak", "override", f"--talk-name={PROXY}", each.application)
            fix = administrator(*allow)
            yield warning("PROXY_FORBIDDEN", fix, browser=named, kind=kind)
        else:
            code = "PROXY_MISSING" if each.place is None else "BROWSER_PROXY"
            yield info(code, browser=named, kind=kind)


def _judge_manifest(
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
    fields = fields_of(content)
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
    if sys.platform == "win32":  # where the registry says, and in no other place
        path = windows.manifest_named(browser, host)
        content = files.read(path) if path is not None and path.is_absolute() else None
        if content is not None:
            yield content
        return
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
            path = fields_of(content).get("path")
            if not (isinstance(path, str) and _is_ours(Path(path), root)):
                yield info("WEB_EID_OTHER_PROGRAM", browser=browser.title)


def _is_ours(launcher: Path, root: Path) -> bool:
    ours = {launcher_path("user"), launcher_path("system", root=root)}
    return launcher in ours or _OURS in (files.read(launcher) or b"")


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


class _Seen(NamedTuple):
    """The extension in one profile; ``version`` is empty if it can't be known."""

    version: str
    enabled: bool


async def check_extension(place: Place) -> list[Finding]:
    return await in_thread(lambda: list(_look(place)))


def _look(place: Place) -> Iterator[Finding]:
    known = [each for each in browsers("user", root=place.root) if each.found]
    for browser in known:
        if browser.family == "chromium":
            seen = list(_in_chromium(browser.user_data))
            yield from _judge_extension(browser.title, seen)
    if any(each.family == "firefox" for each in known):
        yield from _judge_extension(title("firefox"), list(_in_firefox()))


def _judge_extension(browser: str, seen: list[_Seen]) -> Iterator[Finding]:
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


def _json(path: Path) -> JsonObject:
    """Return an object out of a browser's file; empty where there is none."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return {}
        return fields_of(path.read_bytes())
    except OSError:
        return {}


def _at(found: JsonObject, *keys: str) -> JsonObject:
    for key in keys:
        below = found.get(key)
        found = below if isinstance(below, dict) else {}
    return found


async def check_token_files(place: Place) -> list[Finding]:
    found, shown = await _read_files(place)
    return list(_judge_token(found, shown))


async def check_token(place: Place) -> list[Finding]:
    """Look at what shows browsers the card, and ask for its slots as they do."""
    found, shown = await _read_files(place)
    told = list(_judge_token(found, shown))
    if found["library"] is None:
        return told
    for each in found["browsers"]:
        family: Family = each["browser"]
        if each["enabled"] or family in shown:
            told.append(await _ask(found["library"], family, root=found["root"]))
    return told


async def _read_files(place: Place) -> tuple[JsonObject, frozenset[Family]]:
    """Return the status, and the families that the module's file names."""
    return await in_thread(
        lambda: (
            token_state.status(root=place.root),
            token_state.enabled_families(),
        )
    )


def _judge_token(found: JsonObject, shown: frozenset[Family]) -> Iterator[Finding]:
    """Judge a status; ``shown`` are the families that the module's file names."""
    state = found["module"]["state"]
    entered = {
        each["browser"]
        for each in found["browsers"]
        if any(one["state"] in _ENTERED for one in each["databases"])
    }
    if found["library"] is None:
        package = p11_kit_table()["package"]
        say = warning if shown or entered else info
        yield say("P11_KIT_MISSING", administrator("apt", "install", package))
    elif state == "other":
        yield warning("PKCS11_OTHER_MODULE")
    elif state == "outdated":
        yield warning("PKCS11_OUTDATED", kortilla("pkcs11", "enable"))
    elif not (shown or entered or any(each["enabled"] for each in found["browsers"])):
        can_enable = any(token_state.is_there(family) for family in FAMILIES)
        fix = kortilla("pkcs11", "enable") if can_enable else None
        yield info("PKCS11_OFF", fix)
    else:
        for each in found["browsers"]:
            family: Family = each["browser"]
            # A Firefox without a database is entered by the extension's button.
            begun = family in entered or (family in shown and each["databases"])
            if begun and not each["enabled"]:
                fix = kortilla("pkcs11", "enable", "--browser", family)
                code = _code(family, "PKCS11_INCOMPLETE")
                yield warning(code, fix, browser=title(family))


async def _ask(library: str, family: Family, *, root: bool) -> Finding:
    printed = await output_of(
        *own_python("-m", "native_host.doctor.token_probe"),
        *(library, programs(family)[0]),
    )
    slots = json.loads(printed)["slots"] if printed else 0
    if slots:
        return info(_code(family, "PKCS11_WORKS"), browser=title(family))
    if root:
        return info("PKCS11_ROOT")
    return warning(_code(family, "PKCS11_FAILED"), browser=title(family))


#: Mail is no matter of Suomi.fi.
_OF_MAIL = {
    "PKCS11_FAILED": "MAIL_TOKEN_FAILED",
    "PKCS11_INCOMPLETE": "MAIL_TOKEN_INCOMPLETE",
    "PKCS11_WORKS": "MAIL_TOKEN_WORKS",
}


def _code(family: Family, code: str) -> str:
    """Return the code of a finding about a browser, or that of one about mail."""
    return _OF_MAIL[code] if family == "thunderbird" else code
