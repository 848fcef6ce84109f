# SPDX-License-Identifier: MIT
"""The browser families' PKCS#11 settings, from ``pkcs11.toml``."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from native_host.browsers.table import Family
from native_host.browsers.templates import template
from native_host.paths import xdg_config_home, xdg_data_home

FAMILIES: tuple[Family, ...] = ("firefox", "chromium")


@cache
def _table() -> dict[str, dict[str, Any]]:
    return tomllib.loads(template("pkcs11.toml"))


def p11_kit_table() -> dict[str, Any]:
    """Return the settings of p11-kit itself."""
    return _table()["p11_kit"]


def title(family: Family) -> str:
    """Return the family's display name."""
    return str(_table()[family]["title"])


def programs(family: Family) -> tuple[str, ...]:
    """Return the names of the family's programs in p11-kit."""
    return tuple(_table()[family]["programs"])


def profile_folders(family: Family) -> tuple[Path, ...]:
    """Return the folders that may hold a ``profiles.ini``."""
    return _paths(family, "profiles")


def shared_databases(family: Family) -> tuple[Path, ...]:
    """Return the possible places of the family's shared NSS database, best first."""
    return _paths(family, "databases")


def _paths(family: Family, key: str) -> tuple[Path, ...]:
    places = {
        "home": Path.home(),
        "config": xdg_config_home(),
        "data": xdg_data_home(),
    }
    return tuple(Path(each.format(**places)) for each in _table()[family].get(key, ()))
