# SPDX-License-Identifier: MIT
"""Makes the card a PKCS#11 token of the browsers, and undoes that.

Each file and entry shows whether it is ours. Only the folders that were made are noted
elsewhere. ``p11_kit`` says which way leads from a browser to the card, and why.
"""

import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from native_host.browsers import files, record
from native_host.browsers.errors import NONE_FOUND, InstallError, ToolMissingError
from native_host.browsers.packaged import is_packaged
from native_host.browsers.pkcs11 import nss, p11_kit, places
from native_host.browsers.pkcs11.nss import NssModule
from native_host.browsers.pkcs11.places import State
from native_host.browsers.pkcs11.table import FAMILIES, programs, title
from native_host.browsers.table import Family

_ROOT = Path("/")

#: ``entry``: our line in a database's list of modules, by the database's folder.
What = Literal["module", "hidden", "manifest", "database", "entry"]
#: ``kept``: not ours, and left alone.
Action = Literal["written", "unchanged", "removed", "kept"]


@dataclass(frozen=True)
class Change:
    """What happens, or would happen, to one thing. ``browser`` is a family's name."""

    what: What
    path: str
    action: Action
    browser: str | None = None


@dataclass(frozen=True)
class Report:
    """What is to be done, or was.

    ``running`` are titles of browsers that have open what changes. ``root`` says that
    p11-kit ignores all of it, since it is root who asks. ``confined`` are browsers out
    of a snap or flatpak, which can't load the module.
    """

    browsers: tuple[Family, ...]
    changes: tuple[Change, ...]
    running: tuple[str, ...]
    confined: tuple[dict[str, str], ...]
    root: bool

    def as_json(self) -> dict[str, Any]:
        """Return the report as values that JSON knows."""
        return asdict(self)


@dataclass(frozen=True)
class Plan:
    """What has been found out to be done, and is not done yet."""

    report: Report
    steps: tuple[Callable[[], None], ...]

    def carry_out(self) -> None:
        """Do it. Raises ``InstallError`` or ``ToolMissingError``.

        What was done before stays, and the next plan goes on from there.
        """
        for step in self.steps:
            step()


def enable(
    families: Sequence[Family] | None = None,
    *,
    root: Path = _ROOT,
    entries: bool = True,
) -> Plan:
    """Plan what shows the card to these browsers (default: those that are there).

    ``root`` is where the system's own places begin. Without ``entries`` the databases
    are left to the browsers themselves. Raises ``ToolMissingError``, and
    ``InstallError`` also where somebody else's file has our module's name.
    """
    if not sys.platform.startswith("linux"):
        raise InstallError("The card is shown to browsers through p11-kit, on Linux.")
    chosen = families or [each for each in FAMILIES if places.is_there(each)]
    if not chosen:
        raise InstallError(_none_found())
    path = p11_kit.module_path()
    if places.module_state() == "other":
        raise InstallError(f"{path}: is not Kortilla's. Move it away first.")
    library = str(p11_kit.proxy_library(root))
    enabled = places.enabled_families() | set(chosen)
    work = _Work(library)
    work.module(enabled)
    work.hide(enabled, root)
    for family in chosen:
        if is_packaged():
            for place in places.manifests(family, everywhere=True):
                work.remove_manifest(place, family)
        else:
            found = places.manifests(family)
            for place in found or places.manifests(family, everywhere=True)[:1]:
                work.write_manifest(place, family)
        if not entries:
            continue
        if made := places.database_to_make(family):
            work.make_database(made, family)
        for database in places.databases(family):
            work.enter(database, family)
    return work.plan(chosen)


def disable(
    families: Sequence[Family] | None = None,
    *,
    root: Path = _ROOT,
    entries: bool = True,
) -> Plan:
    """Plan what takes it back for these browsers (default: all of them).

    What is not ours is left alone. Without ``entries`` the databases are left to the
    browsers themselves, and so is all that one of them still needs. Raises
    ``ToolMissingError`` and ``InstallError``.
    """
    chosen = families or FAMILIES
    if not entries:
        chosen = [each for each in chosen if not places.is_entered(each)]
    enabled = places.enabled_families() - set(chosen)
    noted = record.noted_folders("user")
    work = _Work(_library(root))
    for family in chosen:
        if entries:
            for database in places.databases(family, everywhere=True):
                work.take_out(database, family, made=str(database) in noted)
        for place in places.manifests(family, everywhere=True):
            work.remove_manifest(place, family)
    work.hide(enabled, root)
    work.module(enabled)
    work.steps.append(partial(record.remove_folders, "user"))
    return work.plan(chosen)


def status(*, root: Path = _ROOT) -> dict[str, Any]:
    """Return what is there, for each family of browsers. Raises ``InstallError``."""
    library = _library(root)
    module, state = places.module_in_use(root)
    return {
        "root": p11_kit.is_ignored(),
        "library": library,
        "module": {
            "path": str(module),
            "state": state,
        },
        "hidden": [path.stem for path in p11_kit.hidden_files()],
        "browsers": [_status(family, library, state, root) for family in FAMILIES],
    }


def _status(
    family: Family, library: str | None, module: State, root: Path
) -> dict[str, Any]:
    databases = [
        {
            "path": str(each),
            "state": places.entry_state(each, library),
            "running": places.runs(family, each),
        }
        for each in places.databases(family)
    ]
    works = any(each["state"] in ("ours", "proxy") for each in databases)
    return {
        "browser": family,
        "enabled": works
        and module == "ours"
        # A package's module file names the programs of all families.
        and (is_packaged() or family in places.enabled_families()),
        "manifests": [
            {"path": str(place), "state": places.manifest_state(place, library)}
            for place in _manifests(family, root)
        ],
        "databases": databases,
    }


def _manifests(family: Family, root: Path) -> tuple[Path, ...]:
    """Return where a family's manifests are, a package's among them."""
    own = places.manifests(family)
    if family != "firefox" or not is_packaged():
        return own
    # A person's own is needed no more, and is told of where it is there.
    left = (each for each in own if files.read(each) is not None)
    return (*left, places.system_manifest(root))


class _Work:
    """Gathers changes, and the steps that make them."""

    def __init__(self, library: str | None) -> None:
        self._library = library
        self._changes: list[Change] = []
        self._running: dict[str, None] = {}
        self.steps: list[Callable[[], None]] = []

    def plan(self, families: Sequence[Family]) -> Plan:
        confined = tuple(
            {"browser": browser.name, "kind": each.kind}
            for family in families
            for browser in places.browsers_of(family)
            for each in browser.confined
        )
        report = Report(
            browsers=tuple(families),
            changes=tuple(self._changes),
            running=tuple(self._running),
            confined=confined,
            root=p11_kit.is_ignored(),
        )
        return Plan(report, tuple(self.steps))

    def write(
        self, what: What, path: Path, content: bytes, family: Family | None = None
    ) -> None:
        if files.read(path) == content:
            self._add(what, path, "unchanged", family)
        else:
            self._add(what, path, "written", family, partial(_write, path, content))

    def remove(self, what: What, path: Path, family: Family | None = None) -> None:
        self._add(what, path, "removed", family, partial(files.remove, path))

    def keep(self, what: What, path: Path, family: Family | None = None) -> None:
        self._add(what, path, "kept", family)

    def module(self, enabled: Collection[Family]) -> None:
        path = p11_kit.module_path()
        state = places.module_state()
        if state == "other":
            self.keep("module", path)
        elif enabled and not is_packaged():
            self.write("module", path, places.module_content(enabled))
        elif state != "absent":
            self.remove("module", path)

    def hide(self, enabled: Collection[Family], root: Path) -> None:
        """Hide the system's modules from those that have not had the proxy before."""
        named = [
            name
            for family in FAMILIES
            if family in enabled
            and not any(map(places.has_own_proxy, places.databases(family)))
            for name in programs(family)
        ]
        wanted = list(p11_kit.to_hide(named, root)) if named else []
        for each in wanted:
            if files.read(each.path) is None or p11_kit.is_ours(each.path):
                self.write("hidden", each.path, each.content)
            else:
                self.keep("hidden", each.path)
        for path in p11_kit.hidden_files():
            if path not in {each.path for each in wanted}:
                self.remove("hidden", path)

    def write_manifest(self, place: Path, family: Family) -> None:
        if places.manifest_state(place, self._library) == "other":
            self.keep("manifest", place, family)
        elif self._library is not None:
            content = places.manifest_content(self._library)
            self.write("manifest", place, content, family)

    def remove_manifest(self, place: Path, family: Family) -> None:
        state = places.manifest_state(place, self._library)
        if state == "other":
            self.keep("manifest", place, family)
        elif state != "absent":
            self.remove("manifest", place, family)

    def make_database(self, database: Path, family: Family) -> None:
        nss.demand_tools()
        self._add("database", database, "written", family, partial(_make, database))
        self._enter(database, family)

    def enter(self, database: Path, family: Family) -> None:
        state = places.entry_state(database, self._library)
        if state == "other":
            self.keep("entry", database, family)
        elif state in ("ours", "proxy"):
            self._add("entry", database, "unchanged", family)
        else:
            if state == "outdated":
                self.steps.append(partial(nss.delete_module, database, places.NAME))
            self._enter(database, family)

    def take_out(self, database: Path, family: Family, *, made: bool) -> None:
        state = places.entry_state(database, self._library)
        if state == "other":
            self.keep("entry", database, family)
        elif state in ("ours", "outdated"):
            delete = partial(nss.delete_module, database, places.NAME)
            self._change_database(database, family, "removed", delete)
        # Whoever has it open might be about to write to it.
        if (
            made
            and nss.holds_nothing(database, but=places.NAME)
            and not places.runs(family, database)
        ):
            remove = partial(nss.remove, database)
            self._add("database", database, "removed", family, remove)

    def _enter(self, database: Path, family: Family) -> None:
        if self._library is not None:
            module = NssModule(places.NAME, self._library)
            add = partial(nss.add_module, database, module)
            self._change_database(database, family, "written", add)

    def _change_database(
        self, database: Path, family: Family, action: Action, step: Callable[[], None]
    ) -> None:
        nss.demand_tools()
        if places.runs(family, database):
            self._running[title(family)] = None
        self._add("entry", database, action, family, step)

    def _add(
        self,
        what: What,
        path: Path,
        action: Action,
        family: Family | None,
        step: Callable[[], None] | None = None,
    ) -> None:
        self._changes.append(Change(what, str(path), action, family))
        if step is not None:
            self.steps.append(step)


def _none_found() -> str:
    for family in FAMILIES:
        for browser in places.browsers_of(family):
            for each in browser.confined:
                return (
                    f"{browser.title} is a {each.kind}, which can't load the module, "
                    "and no other browser was found."
                )
    return NONE_FOUND


def _library(root: Path) -> str | None:
    try:
        return str(p11_kit.proxy_library(root))
    except ToolMissingError:
        return None


def _write(path: Path, content: bytes) -> None:
    made = files.write(path, content, mode=0o644, folder_mode=0o700)
    record.note_folders("user", _ROOT, made)


def _make(database: Path) -> None:
    """Make a database of NSS. A folder without one is as good as made by us."""
    missing = [each for each in database.parents if not each.exists()]
    made = [*reversed(missing), database]
    try:
        for folder in made:
            folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise InstallError(f"{database}: {error.strerror}.") from error
    record.note_folders("user", _ROOT, made)
    nss.create(database)
