# SPDX-License-Identifier: MIT
"""Where browsers learn of the card as a PKCS#11 token, and what is there now."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from native_host.browsers import files
from native_host.browsers.errors import ToolMissingError
from native_host.browsers.native_messaging.hosts import (
    OWN_HOST,
    filled_manifest,
    host_names,
)
from native_host.browsers.native_messaging.launcher import python_path
from native_host.browsers.packaged import is_packaged
from native_host.browsers.pkcs11 import nss, p11_kit, running
from native_host.browsers.pkcs11.table import (
    FAMILIES,
    profile_folders,
    programs,
    shared_databases,
)
from native_host.browsers.table import Browser, Family, browsers

#: The module's name in NSS. An extension's button gives it the manifest's description:
#: that is the same, so that either way takes back what the other did.
NAME = "Kortilla"

#: The name that the extension asks for.
_MANIFEST = "kortilla"

#: ``outdated``: ours, and ``enable`` would write it anew. ``proxy``: a database that
#: somebody else gave p11-kit's proxy, which is all that is needed.
State = Literal["absent", "ours", "outdated", "other", "proxy"]


def browsers_of(family: Family) -> tuple[Browser, ...]:
    """Return the browsers of a family, for one person."""
    return tuple(each for each in browsers("user") if each.family == family)


def is_there(family: Family) -> bool:
    """Say whether the person seems to use a browser of a family."""
    found = any(each.found for each in browsers_of(family))
    return found or any(databases(family))


def databases(family: Family, *, everywhere: bool = False) -> tuple[Path, ...]:
    """Return the databases of NSS that a family's browsers use.

    With ``everywhere`` come those that they would use if others were not there. Raises
    ``InstallError``.
    """
    shared = shared_databases(family)
    if not everywhere:
        shared = tuple(each for each in shared if each.is_dir())[:1]
    own = (each for folder in profile_folders(family) for each in nss.profiles(folder))
    found = (*(each for each in shared if nss.exists(each)), *own)
    return tuple(dict.fromkeys(found))


def database_to_make(family: Family) -> Path | None:
    """Return which shared database has to be made, if any."""
    shared = shared_databases(family)
    if not shared or databases(family):
        return None
    return next((each for each in shared if each.is_dir()), shared[0])


def manifests(family: Family, *, everywhere: bool = False) -> tuple[Path, ...]:
    """Return the native manifests of a family's browsers that are there, or of all."""
    if family != "firefox":
        return ()
    return tuple(
        each.place.parent / "pkcs11-modules" / f"{_MANIFEST}.json"
        for each in browsers_of(family)
        if each.found or everywhere
    )


def system_manifest(root: Path) -> Path:
    """Return Firefox's native manifest of the token for everyone on the computer."""
    [firefox] = browsers("system", ["firefox"], root=root)
    return firefox.place.parent / "pkcs11-modules" / f"{_MANIFEST}.json"


def runs(family: Family, database: Path) -> bool:
    """Say whether a browser runs that uses a database."""
    if family == "firefox":
        locked = running.firefox_runs(database)
    else:
        locked = any(
            running.chromium_runs(each.place.parent) for each in browsers_of(family)
        )
    return locked or running.is_open(database / "cert9.db")


def entry_state(database: Path, library: str | None) -> State:
    """Say what a database's list of modules has of ours.

    ``library`` is p11-kit's proxy, None where that is missing. Raises
    ``InstallError``.
    """
    for module in nss.modules(database):
        if module.name == NAME:
            if not p11_kit.is_proxy(module.library):
                return "other"
            return "ours" if module.library == library else "outdated"
    return "proxy" if has_own_proxy(database) else "absent"


def has_own_proxy(database: Path) -> bool:
    """Say whether somebody else gave a database p11-kit's proxy."""
    return any(
        p11_kit.is_proxy(each.library) and each.name != NAME
        for each in nss.modules(database)
    )


def manifest_content(library: str) -> bytes:
    """Return the native manifest that lets our extension install the module."""
    [own] = (host for host in host_names() if host.name == OWN_HOST)
    return filled_manifest(
        "pkcs11", own.firefox, name=_MANIFEST, description=NAME, path=library
    )


def manifest_state(path: Path, library: str | None) -> State:
    """Say what lies at a native manifest's place."""
    content = files.read(path)
    if content is None:
        return "absent"
    if library is not None and content == manifest_content(library):
        return "ours"
    try:
        fields = json.loads(content)
        ours = fields["type"] == "pkcs11" and p11_kit.is_proxy(fields["path"])
    except (ValueError, RecursionError, TypeError, KeyError):
        ours = False
    return "outdated" if ours else "other"


def module_content(families: Iterable[Family]) -> bytes:
    """Return p11-kit's module file for these families. Raises ``InstallError``."""
    return p11_kit.module_content(_command(python_path()), _programs(families))


def system_module_content(python: Path) -> bytes:
    """Return a package's module file, which is there for the browsers of all families.

    ``python`` is the interpreter to start. Raises ``InstallError``.
    """
    return p11_kit.module_content(_command(python), _programs(FAMILIES), packaged=True)


def _command(python: Path) -> list[str]:
    return [str(python), "-I", "-m", "native_host.cli", "pkcs11"]


def _programs(families: Iterable[Family]) -> list[str]:
    return [name for each in FAMILIES if each in families for name in programs(each)]


def module_in_use(root: Path = Path("/")) -> tuple[Path, State]:
    """Return the module file that p11-kit goes by, and what it is.

    A package's is there for everyone, and a person's own comes before it.
    """
    own = p11_kit.module_path()
    state = module_state()
    if state != "absent" or not is_packaged():
        return own, state
    path = p11_kit.system_module_path(root)
    content = files.read(path)
    if content is None:
        return path, "absent"
    return path, "ours" if content == system_module_content(python_path()) else "other"


def module_state() -> State:
    """Say what lies at the place of the person's own module file."""
    path = p11_kit.module_path()
    content = files.read(path)
    if content is None:
        return "absent"
    if not p11_kit.is_ours(path):
        return "other"
    # A package's program needs none: this one is left from another installation.
    if is_packaged():
        return "outdated"
    return "ours" if content == module_content(enabled_families()) else "outdated"


def enabled_families() -> frozenset[Family]:
    """Return the families whose programs our module file names.

    A package's file names them all; there it is those with our entry in a database.
    """
    if is_packaged():
        return frozenset(each for each in FAMILIES if is_entered(each))
    path = p11_kit.module_path()
    named = p11_kit.programs_of(path) if p11_kit.is_ours(path) else frozenset()
    return frozenset(each for each in FAMILIES if named & set(programs(each)))


def is_entered(family: Family) -> bool:
    """Say whether a database of a family has our entry. Raises ``InstallError``."""
    # Whether the library is where the entry says makes no difference here.
    return any(
        entry_state(each, None) in ("ours", "outdated") for each in databases(family)
    )


def is_prepared(family: Family, root: Path = Path("/")) -> bool:
    """Say whether the files are there with which an extension adds our entry.

    Raises ``InstallError``.
    """
    try:
        library = str(p11_kit.proxy_library(root))
    except ToolMissingError:
        return False
    _, module = module_in_use(root)
    written = [*manifests(family), system_manifest(root)]
    return (
        module == "ours"
        and (is_packaged() or family in enabled_families())
        and any(manifest_state(each, library) == "ours" for each in written)
    )
