# SPDX-License-Identifier: MIT
"""The settings that the window changes."""

import json
import os
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kortilla.common.files import write_file
from native_host.agent import presence
from native_host.card.pcsc_threads import in_thread
from native_host.config import Config, config_path, load_config
from native_host.doctor.examination import run_detached
from native_host.errors import ConfigBrokenError, InstallError
from native_host.install import token_state
from native_host.install.tables import TOKEN_FAMILIES, Family, title
from native_host.state import remembered_can
from native_host.state.activation_offers import count_declined


@dataclass(frozen=True)
class SystemSettings:
    """The switches, as they are now.

    ``logins`` says for each family of browsers that is there whether it is shown the
    card, under the family's title. Thunderbird is one of them. ``declined`` counts the
    new cards whose activation is not offered, as was wished. ``can`` says whether the
    number of a card (CAN) is remembered, and ``capture`` whether other programs may
    take pictures of the window for PINs.
    """

    logins: Mapping[Family, tuple[str, bool]]
    agent: bool
    language: str
    declined: int = 0
    can: remembered_can.State = "absent"
    capture: bool = False


async def look() -> SystemSettings:
    return replace(await in_thread(_look), can=await remembered_can.state())


async def set_login(family: Family, *, on: bool, confirmed: bool) -> None:
    """Show the card to a family of browsers, or take it back.

    Raises ``CommandFailedError``, with ``BROWSER_RUNNING`` unless ``confirmed``.
    """
    verb = "enable" if on else "disable"
    yes = ("--yes",) if confirmed else ()
    await run_detached(("kortilla", "pkcs11", verb, "--browser", family, *yes))


async def set_agent(*, on: bool) -> None:
    """Let the agent run, for all cards, or end it. Raises ``CommandFailedError``."""
    await run_detached(("kortilla", "agent", "--enable" if on else "--disable"))


def _look() -> SystemSettings:
    try:
        config = load_config()
    except ConfigBrokenError:
        config = Config()
    return SystemSettings(
        _logins(),
        presence.is_enabled(),
        config.language,
        count_declined(),
        capture=config.show_to_screen_capture,
    )


def _logins() -> dict[Family, tuple[str, bool]]:
    if sys.platform == "win32":  # which has no token
        return {}
    try:
        told = token_state.status()["browsers"]
    except InstallError:
        return {}
    status = {each["browser"]: each["enabled"] for each in told}
    return {
        family: (title(family), status[family] or _is_prepared(family))
        for family in TOKEN_FAMILIES
        if token_state.is_there(family)
    }


def _is_prepared(family: Family) -> bool:
    """Whether the extension adds the module itself, as Firefox's does."""
    return family == "firefox" and token_state.is_prepared(family)


def save_setting(name: str, value: str | bool) -> None:
    """Write a setting; all others and comments stay.

    Raises ``ConfigBrokenError`` for a file that can't be read or written, or in which
    the setting can't be told from other text.
    """
    line = re.compile(rf"^[ \t]*{re.escape(name)}[ \t]*=.*\n?", re.MULTILINE)
    load_config()  # raises for one that is broken
    path = config_path()
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        # In front, where no table and no list can be open.
        # JSON's texts and truth values are TOML's too.
        changed = f"{name} = {json.dumps(value)}\n{line.sub('', text)}"
        same = {**tomllib.loads(text), name: value}
        if tomllib.loads(changed) != same:
            raise ConfigBrokenError(f"{path}: {name} can't be changed.")
        place = Path(os.path.realpath(path))
        mode = place.stat().st_mode & 0o777 if place.exists() else 0o600
        write_file(place, changed.encode(), mode=mode)
    except (OSError, ValueError) as error:
        raise ConfigBrokenError(f"{path}: {type(error).__name__}.") from error
