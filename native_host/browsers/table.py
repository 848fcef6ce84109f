# SPDX-License-Identifier: MIT
"""The browsers and their places on this system, from ``browsers.toml``."""

import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from native_host.browsers.errors import InstallError
from native_host.browsers.templates import template
from native_host.paths import xdg_config_home

Family = Literal["chromium", "firefox"]
Level = Literal["user", "system"]


@dataclass(frozen=True)
class Confined:
    """A browser from a snap or flatpak on this computer.

    ``place`` is the folder of its manifests, or None if it can't start programs outside
    its sandbox.
    """

    kind: Literal["snap", "flatpak"]
    place: Path | None


@dataclass(frozen=True)
class Browser:
    """A browser on this system, for one person or for all users.

    ``place`` is the folder of its manifests. ``found`` says that the browser seems to
    be installed, ``packaged`` that a package of Kortilla includes its system-wide
    manifests.
    """

    name: str
    title: str
    family: Family
    place: Path
    found: bool
    packaged: bool
    confined: tuple[Confined, ...]


@cache
def _table() -> dict[str, dict[str, Any]]:
    return tomllib.loads(template("browsers.toml"))


def browser_names() -> tuple[str, ...]:
    """Return the names of the known browsers, in the table's order."""
    return tuple(_table())


def browsers(
    level: Level, names: Sequence[str] | None = None, *, root: Path = Path("/")
) -> tuple[Browser, ...]:
    """Return the browsers of these names (default: all) on this system.

    ``root`` is the root of the system-wide places. Raises ``InstallError`` for a system
    or a level that is not supported yet.
    """
    wanted = browser_names() if names is None else names
    return tuple(
        _browser(name, entry, level, root)
        for name, entry in _table().items()
        if name in wanted
    )


def is_any_browser_there(root: Path = Path("/")) -> bool:
    """Return whether ``kortilla install`` finds a browser for this user."""
    return any(
        each.found or any(one.place for one in each.confined)
        for each in browsers("user", root=root)
    )


def _browser(name: str, entry: dict[str, Any], level: Level, root: Path) -> Browser:
    if sys.platform.startswith("linux"):
        place = _path(entry[f"linux_{level}"], root)
    elif sys.platform == "darwin" and level == "user":
        place = Path.home() / "Library/Application Support" / entry["macos_user"]
    else:
        raise InstallError(
            f"Installing on this system ({sys.platform}, for the {level}) is not there "
            "yet."
        )
    named = entry.get("found_by" if level == "user" else "found_by_system")
    if named is None or sys.platform == "darwin":
        signs = [place.parent]
    else:
        signs = [_path(sign, root) for sign in named]
    return Browser(
        name=name,
        title=entry["title"],
        family=entry["family"],
        place=place,
        found=any(sign.exists() for sign in signs),
        packaged=entry.get("packaged", False),
        confined=_confined(entry, root) if level == "user" else (),
    )


def _confined(entry: dict[str, Any], root: Path) -> tuple[Confined, ...]:
    if not sys.platform.startswith("linux"):
        return ()
    return tuple(
        Confined(each["kind"], _path(each["place"], root) if "place" in each else None)
        for each in entry.get("confined", ())
        if _path(each["folder"], root).is_dir()
    )


def _path(text: str, root: Path) -> Path:
    if text.startswith("/"):
        return root / text.lstrip("/")
    return Path(text.format(home=Path.home(), config=xdg_config_home()))
