# SPDX-License-Identifier: MIT
"""Where programs learn of the card as a PKCS#11 token, and what is there now.

What can't be read is an ``InstallError``.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from kortilla.common import JsonObject
from kortilla.common.imports import is_packaged
from native_host.errors import ToolMissingError
from native_host.install import files, nss, p11_kit
from native_host.install.contents import fields_of, filled, python_path
from native_host.install.tables import (
    FAMILIES,
    ROOT,
    TOKEN_FAMILIES,
    Browser,
    Family,
    browsers,
    browsers_of,
    own_host,
    profile_folders,
    programs,
    shared_databases,
)

#: The module's name in NSS. An extension's button gives it the manifest's description:
#: that is the same, so that either way takes back what the other did.
NAME = "Kortilla"

#: The name that the extension asks for.
_MANIFEST = "kortilla"

#: ``outdated``: ours, and ``enable`` would write it anew. ``proxy``: a database that
#: somebody else gave p11-kit's proxy, which is all that is needed.
State = Literal["absent", "ours", "outdated", "other", "proxy"]


def proxy(root: Path = ROOT) -> str | None:
    """Return the path of p11-kit's proxy, or None where it is missing."""
    try:
        return str(p11_kit.proxy_library(root))
    except ToolMissingError:
        return None


def is_there(family: Family) -> bool:
    """Whether the person seems to use a browser of a family."""
    return any(each.found for each in browsers_of(family)) or any(databases(family))


def databases(family: Family, *, everywhere: bool = False) -> tuple[Path, ...]:
    """Return the databases of NSS that a family's browsers use.

    With ``everywhere`` come those that they would use if others were not there.
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
    there = (each for each in browsers_of(family) if each.found or everywhere)
    return tuple(map(_manifest_of, there))


def system_manifest(root: Path) -> Path:
    """Return Firefox's native manifest of the token for everyone on the computer."""
    [firefox] = browsers("system", ["firefox"], root=root)
    return _manifest_of(firefox)


def _manifest_of(browser: Browser) -> Path:
    return browser.place.parent / "pkcs11-modules" / f"{_MANIFEST}.json"


def runs(family: Family, database: Path) -> bool:
    """Whether a browser runs that uses a database."""
    if family != "chromium":
        locked = nss.firefox_runs(database)
    else:
        places = (each.place.parent for each in browsers_of(family))
        locked = any(map(nss.chromium_runs, places))
    return locked or nss.is_open(database / "cert9.db")


def entry_state(database: Path, library: str | None) -> State:
    """Say what a database's list of modules has of ours.

    ``library`` is p11-kit's proxy, None where that is missing.
    """
    for module in nss.modules(database):
        if module.name == NAME:
            if not p11_kit.is_proxy(module.library):
                return "other"
            return "ours" if module.library == library else "outdated"
    return "proxy" if has_own_proxy(database) else "absent"


def has_own_proxy(database: Path) -> bool:
    """Whether somebody else gave a database p11-kit's proxy."""
    return any(
        p11_kit.is_proxy(each.library) and each.name != NAME
        for each in nss.modules(database)
    )


def manifest_content(library: str) -> bytes:
    """Return the native manifest that lets our extension install the module."""
    names = {"name": _MANIFEST, "description": NAME}
    return filled("pkcs11", own_host().firefox, path=library, **names)


def manifest_state(path: Path, library: str | None) -> State:
    """Say what lies at a native manifest's place."""
    content = files.read(path)
    if content is None:
        return "absent"
    if library is not None and content == manifest_content(library):
        return "ours"
    fields = fields_of(content)
    named = fields.get("path")
    is_ours = isinstance(named, str) and p11_kit.is_proxy(named)
    return "outdated" if is_ours and fields.get("type") == "pkcs11" else "other"


def module_content(
    families: Iterable[Family], python: Path, *, packaged: bool = False
) -> bytes:
    """Return p11-kit's module file for these families, which starts an interpreter."""
    command = [str(python), "-I", "-m", "native_host.cli", "pkcs11"]
    names = [
        name for each in TOKEN_FAMILIES if each in families for name in programs(each)
    ]
    return p11_kit.module_content(command, names, packaged=packaged)


def system_module_content(python: Path) -> bytes:
    """Return a package's module file, which is for the programs of all families."""
    return module_content(TOKEN_FAMILIES, python, packaged=True)


def module_in_use(root: Path = ROOT) -> tuple[Path, State]:
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
    wanted = module_content(enabled_families(), python_path())
    return "ours" if content == wanted else "outdated"


def enabled_families() -> frozenset[Family]:
    """Return the families whose programs our module file names.

    A package's file names them all; there it is those with our entry in a database.
    """
    if is_packaged():
        return frozenset(each for each in TOKEN_FAMILIES if is_entered(each))
    path = p11_kit.module_path()
    named = p11_kit.programs_of(path) if p11_kit.is_ours(path) else frozenset()
    return frozenset(each for each in TOKEN_FAMILIES if named & set(programs(each)))


def is_entered(family: Family) -> bool:
    """Whether a database of a family has our entry."""
    # Whether the library is where the entry says makes no difference here.
    states = (entry_state(each, None) for each in databases(family))
    return any(each in ("ours", "outdated") for each in states)


def is_prepared(family: Family, root: Path = ROOT) -> bool:
    """Whether the files are there with which an extension adds our entry."""
    if (library := proxy(root)) is None:
        return False
    _, module = module_in_use(root)
    written = [*manifests(family), system_manifest(root)]
    return (
        module == "ours"
        and _is_named(family)
        and any(manifest_state(each, library) == "ours" for each in written)
    )


def status(*, root: Path = ROOT) -> JsonObject:
    """Return what is there, for each family of browsers, and for a mail program."""
    library = proxy(root)
    module, state = module_in_use(root)
    return {
        "root": p11_kit.is_ignored(),
        "library": library,
        "module": {"path": str(module), "state": state},
        "hidden": [path.stem for path in p11_kit.hidden_files()],
        "browsers": [
            _status(family, library, state, root)
            for family in TOKEN_FAMILIES
            if family in FAMILIES or is_there(family)
        ],
    }


def _status(
    family: Family, library: str | None, module: State, root: Path
) -> JsonObject:
    found = [
        {
            "path": str(each),
            "state": entry_state(each, library),
            "running": runs(family, each),
        }
        for each in databases(family)
    ]
    written = manifests(family)
    if family == "firefox" and is_packaged():
        # A person's own is needed no more, and is told of where it is there.
        left = (each for each in written if files.read(each) is not None)
        written = (*left, system_manifest(root))
    works = any(each["state"] in ("ours", "proxy") for each in found)
    return {
        "browser": family,
        "enabled": works and module == "ours" and _is_named(family),
        "manifests": [
            {"path": str(each), "state": manifest_state(each, library)}
            for each in written
        ],
        "databases": found,
    }


def _is_named(family: Family) -> bool:
    """Whether the module file names a family. A package's names them all."""
    return is_packaged() or family in enabled_families()
