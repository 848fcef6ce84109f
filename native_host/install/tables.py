# SPDX-License-Identifier: MIT
"""The data of ``manifests/``: browsers, host names, our files, and their places."""

import json
import os
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from kortilla.common import JsonObject
from kortilla.common.imports import MARKER
from native_host.errors import InstallError
from native_host.platform.paths import user_data_folder, xdg_config_home, xdg_data_home

Family = Literal["chromium", "firefox", "thunderbird"]
Level = Literal["user", "system"]

#: The families of browsers.
FAMILIES: tuple[Family, ...] = ("firefox", "chromium")
#: Those that can have the card as a token: mail programs too.
TOKEN_FAMILIES: tuple[Family, ...] = (*FAMILIES, "thunderbird")

#: The name of xdg-native-messaging-proxy on the session's bus.
PROXY = "org.freedesktop.NativeMessagingProxy"
#: What an installed flatpak may do, in its folder.
_METADATA = "current/active/metadata"

#: The root of the system-wide places.
ROOT = Path("/")

#: The name that Kortilla's extension uses.
OWN_HOST = "fi.kortilla.host"

#: The virtual environment, where a distribution's package has it.
_PACKAGE_PLACE = Path("/usr/lib/kortilla")

NONE_FOUND = (
    "None of the known browsers was found: start yours once, or name it with --browser."
)


def data_folder() -> Path:
    """Return the folder of the data: in the wheel, or in a checkout."""
    installed = Path(__file__).with_name("data")
    return installed if installed.is_dir() else Path(__file__).parents[2] / "manifests"


@cache
def template(name: str) -> str:
    """Return the text of a file there."""
    return (data_folder() / name).read_text(encoding="utf-8")


@cache
def _table(name: str) -> dict[str, JsonObject]:
    return tomllib.loads(template(name))


def place(text: str, root: Path = ROOT, *, prefix: Path = ROOT) -> Path:
    """Return a place of the tables; those for everyone lie below ``root``."""
    if text.startswith(("/", "{prefix}")):
        return root / text.format(prefix=prefix).lstrip("/")
    # platformdirs, which gives this folder, takes time to import.
    own = user_data_folder() / "host" if "{own}" in text else ""
    config, data = xdg_config_home(), xdg_data_home()
    return Path(text.format(home=Path.home(), config=config, data=data, own=own))


def is_package_there() -> bool:
    """Whether a distribution's package of Kortilla is on this computer."""
    return (_PACKAGE_PLACE / MARKER).is_file()


@dataclass(frozen=True)
class HostName:
    """A native-messaging host name under which Kortilla is registered.

    ``chromium`` and ``firefox`` are the ids of the extensions that may start it.
    ``shared`` says that other programs use the name as well: a manifest of theirs is
    left unchanged. ``stores`` are the addresses of the extension in browsers' stores.
    """

    name: str
    description: str
    shared: bool
    chromium: tuple[str, ...]
    firefox: tuple[str, ...]
    stores: tuple[str, ...]


@cache
def host_names() -> tuple[HostName, ...]:
    """Return the host's names, Kortilla's own first."""
    table = json.loads(template("hosts.json"))
    return tuple(
        HostName(
            name=name,
            description=each["description"],
            shared=each["shared"],
            chromium=tuple(each["chromium"]),
            firefox=tuple(each["firefox"]),
            stores=tuple(each.get("stores", ())),
        )
        for name, each in table.items()
    )


def own_host() -> HostName:
    """Return the host name that Kortilla's extension uses."""
    return next(host for host in host_names() if host.name == OWN_HOST)


def known_extensions() -> frozenset[str]:
    """Return the ids of all extensions that may start the host by any of its names."""
    return frozenset(
        e for host in host_names() for e in (*host.chromium, *host.firefox)
    )


def own_extensions() -> frozenset[str]:
    """Return the ids of Kortilla's own extension, in both families."""
    own = own_host()
    return frozenset((*own.chromium, *own.firefox))


@dataclass(frozen=True)
class Confined:
    """A browser from a snap or flatpak on this computer.

    ``place`` is the folder of its manifests, or None if it can't start programs outside
    its sandbox here. ``application`` is a flatpak's name. ``proxied`` says that it
    knows xdg-native-messaging-proxy.
    """

    kind: Literal["snap", "flatpak"]
    place: Path | None
    application: str = ""
    proxied: bool = False


@dataclass(frozen=True)
class Browser:
    """A browser on this system, for one person or for all users.

    ``place`` is the folder of its manifests, ``user_data`` that of its profiles.
    ``found`` says that the browser seems to be installed, ``packaged`` that a package
    of Kortilla includes its system-wide manifests. ``windows_key`` is its key in the
    registry, below ``Software``.
    """

    name: str
    title: str
    family: Family
    place: Path
    user_data: Path
    found: bool
    packaged: bool
    confined: tuple[Confined, ...]
    windows_key: str

    @property
    def confined_places(self) -> list[Path]:
        """The folders of manifests that its snaps and flatpaks read."""
        return [each.place for each in self.confined if each.place is not None]


def browser_names() -> tuple[str, ...]:
    """Return the names of the known browsers, in the table's order."""
    return tuple(_table("browsers.toml"))


def browsers(
    level: Level, names: Sequence[str] | None = None, *, root: Path = ROOT
) -> tuple[Browser, ...]:
    """Return the browsers of these names (default: all) on this system.

    ``root`` is the root of the system-wide places. Raises ``InstallError`` for a system
    or a level that is not supported yet.
    """
    return tuple(
        _browser(name, entry, level, root)
        for name, entry in _table("browsers.toml").items()
        if names is None or name in names
    )


def browsers_of(family: Family) -> tuple[Browser, ...]:
    """Return the browsers of a family, for one user."""
    return tuple(each for each in browsers("user") if each.family == family)


def is_any_browser_there(root: Path = ROOT) -> bool:
    """Return whether ``kortilla install`` finds a browser for this user."""
    there = browsers("user", root=root)
    return any(each.found or each.confined_places for each in there)


def _browser(name: str, entry: JsonObject, level: Level, root: Path) -> Browser:
    linux = sys.platform.startswith("linux")
    if linux:
        folder = place(entry[f"linux_{level}"], root)
    elif sys.platform == "darwin" and level == "user":
        folder = Path.home() / "Library/Application Support" / entry["macos_user"]
    elif sys.platform == "win32" and level == "user":
        folder = place("{own}") / entry["family"]
    else:
        raise InstallError(
            f"Installing on this system ({sys.platform}, for the {level}) is not there "
            "yet."
        )
    named = entry.get("found_by" if level == "user" else "found_by_system")
    user_data = folder.parent
    if sys.platform == "win32":
        user_data = _roaming() / entry["windows_user"]
    signs = [user_data]
    if linux and named is not None:
        signs = [place(sign, root) for sign in named]
    confined = tuple(_confined(entry, root)) if linux and level == "user" else ()
    return Browser(
        name=name,
        title=entry["title"],
        family=entry["family"],
        place=folder,
        user_data=user_data,
        found=any(sign.exists() for sign in signs),
        packaged=entry.get("packaged", False),
        confined=confined,
        windows_key=entry["windows_key"],
    )


def _roaming() -> Path:
    """Return the folder of Windows that a person's settings follow; Local is beside."""
    return Path(os.environ.get("APPDATA") or Path.home() / "AppData/Roaming")


def _confined(entry: JsonObject, root: Path) -> Iterator[Confined]:
    """Yield the snaps and flatpaks of a browser that are on this computer."""
    for each in entry.get("confined", ()):
        application = each.get("application", "")
        folder = each.get("folder", f"{{home}}/.var/app/{application}")
        if place(folder, root).is_dir():
            proxied = application != "" and "place" in each
            works = "place" in each and (not proxied or is_proxy_there(root))
            manifests = place(each["place"], root) if works else None
            yield Confined(each["kind"], manifests, application, proxied)


def is_proxy_there(root: Path = ROOT) -> bool:
    """Whether the session's bus can start xdg-native-messaging-proxy."""
    folders = (xdg_data_home(), root / "usr/local/share", root / "usr/share")
    return any(
        (each / f"dbus-1/services/{PROXY}.service").is_file() for each in folders
    )


def may_use_proxy(application: str, root: Path = ROOT) -> bool:
    """Whether a flatpak may use the proxy, as far as its files tell.

    An override of flatpak changes what the application itself wants, and one for this
    user comes last.
    """
    everyone, own = root / "var/lib/flatpak", xdg_data_home() / "flatpak"
    wishes = [each / "app" / application / _METADATA for each in (everyone, own)]
    if not any(each.is_file() for each in wishes):
        return True  # it may be installed elsewhere
    overrides = (
        each / "overrides" / name
        for each in (everyone, own)
        for name in ("global", application)
    )
    allowed = False
    for path in (*wishes, *overrides):
        text = path.read_text("utf-8", "replace") if path.is_file() else ""
        for policy in re.findall(rf"^{re.escape(PROXY)}=(\w+)$", text, re.MULTILINE):
            allowed = policy in {"talk", "own"}
    return allowed


def flatpak_title(application: str) -> str | None:
    """Return the title of the browser that a flatpak is; None for any other."""
    for entry in _table("browsers.toml").values():
        for each in entry.get("confined", ()):
            if each.get("application") == application:
                return str(entry["title"])
    return None


def own_files() -> dict[str, JsonObject]:
    """Return the rows of ``files.toml``, whose comment says what they hold."""
    return _table("files.toml")


def p11_kit_table() -> JsonObject:
    """Return the settings of p11-kit itself."""
    return _table("pkcs11.toml")["p11_kit"]


def title(family: Family) -> str:
    """Return the family's display name."""
    return str(_table("pkcs11.toml")[family]["title"])


def programs(family: Family) -> tuple[str, ...]:
    """Return the names of the family's programs in p11-kit."""
    return tuple(_table("pkcs11.toml")[family]["programs"])


def profile_folders(family: Family) -> tuple[Path, ...]:
    """Return the folders that may hold a ``profiles.ini``."""
    return tuple(map(place, _table("pkcs11.toml")[family].get("profiles", ())))


def shared_databases(family: Family) -> tuple[Path, ...]:
    """Return the possible places of the family's shared NSS database, best first."""
    return tuple(map(place, _table("pkcs11.toml")[family].get("databases", ())))
