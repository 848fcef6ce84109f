# SPDX-License-Identifier: MIT
"""Makes the card a PKCS#11 token of browsers and Thunderbird, and undoes that.

Each file and entry shows whether it is ours. Only the folders that were made are noted
elsewhere. ``p11_kit`` says which way leads from a browser to the card, and why.
"""

import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kortilla.common import JsonObject
from kortilla.common.imports import is_packaged
from native_host.errors import InstallError
from native_host.install import nss, p11_kit, token_state
from native_host.install.changes import (
    Action,
    Change,
    Plan,
    as_json,
    note_folders,
    noted_folders,
    remove_folders,
)
from native_host.install.contents import python_path
from native_host.install.nss import NssModule
from native_host.install.tables import (
    FAMILIES,
    NONE_FOUND,
    ROOT,
    TOKEN_FAMILIES,
    Family,
    browsers_of,
    programs,
    title,
)


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

    def as_json(self) -> JsonObject:
        """Return the report in the types of JSON."""
        return as_json(self, "what", "path", "action", "browser")


def enable(
    families: Sequence[Family] | None = None,
    *,
    root: Path = ROOT,
    entries: bool = True,
) -> "TokenPlan":
    """Plan what shows the card to these programs (default: browsers that are there).

    Thunderbird is shown it only by its name: it decrypts with the card.
    ``root`` is where the system's own places begin. Without ``entries`` the databases
    are left to the browsers themselves. Raises ``ToolMissingError``, and
    ``InstallError`` also where somebody else's file has our module's name.
    """
    if not sys.platform.startswith("linux"):
        raise InstallError("The card is shown to browsers through p11-kit, on Linux.")
    chosen = families or [each for each in FAMILIES if token_state.is_there(each)]
    if not chosen:
        raise InstallError(_none_found())
    if list(chosen) == ["thunderbird"] and not token_state.is_there("thunderbird"):
        raise InstallError("Thunderbird has no profile yet. Start it once first.")
    if token_state.module_state() == "other":
        raise InstallError(
            f"{p11_kit.module_path()}: is not Kortilla's. Move it away first."
        )
    library = str(p11_kit.proxy_library(root))
    enabled = token_state.enabled_families() | set(chosen)
    plan = TokenPlan(chosen, library, root)
    plan.module(enabled)
    plan.hide(enabled)
    content = None if is_packaged() else token_state.manifest_content(library)
    for family in chosen:
        possible = token_state.manifests(family, everywhere=True)
        if content is not None:
            possible = token_state.manifests(family) or possible[:1]
        for path in possible:
            plan.manifest(path, family, content)
        if not entries:
            continue
        if made := token_state.database_to_make(family):
            plan.make_database(made, family, library)
        for database in token_state.databases(family):
            plan.enter(database, family, library)
    return plan


def disable(
    families: Sequence[Family] | None = None,
    *,
    root: Path = ROOT,
    entries: bool = True,
) -> "TokenPlan":
    """Plan what takes it back for these programs (default: all of them).

    What is not ours is left alone. Without ``entries`` the databases are left to the
    browsers themselves, and so is all that one of them still needs. Raises
    ``ToolMissingError`` and ``InstallError``.
    """
    chosen = families or TOKEN_FAMILIES
    if not entries:
        chosen = [each for each in chosen if not token_state.is_entered(each)]
    enabled = token_state.enabled_families() - set(chosen)
    noted = noted_folders("user")
    plan = TokenPlan(chosen, token_state.proxy(root), root)
    for family in chosen:
        if entries:
            for database in token_state.databases(family, everywhere=True):
                plan.take_out(database, family, made=str(database) in noted)
        for path in token_state.manifests(family, everywhere=True):
            plan.manifest(path, family, None)
    plan.hide(enabled)
    plan.module(enabled)
    plan.then(partial(remove_folders, "user"))
    return plan


class TokenPlan(Plan):
    """A plan for files and for the databases of NSS.

    ``library`` is p11-kit's proxy, None where that is missing.
    """

    def __init__(
        self, families: Sequence[Family], library: str | None, root: Path
    ) -> None:
        super().__init__("user", root=root)
        self._families = tuple(families)
        self._library = library
        self._running: dict[str, None] = {}

    @property
    def report(self) -> Report:
        """What is to be done."""
        return Report(
            browsers=self._families,
            changes=tuple(self.changes),
            running=tuple(self._running),
            confined=tuple(
                {"browser": browser.name, "kind": each.kind}
                for family in self._families
                for browser in browsers_of(family)
                for each in browser.confined
            ),
            root=p11_kit.is_ignored(),
        )

    def module(self, enabled: Collection[Family]) -> None:
        """Have p11-kit's module file name the programs of these families."""
        path = p11_kit.module_path()
        wanted = enabled and not is_packaged()
        content = token_state.module_content(enabled, python_path()) if wanted else None
        self.settle(path, content, ours=p11_kit.is_ours(path), what="module")

    def hide(self, enabled: Collection[Family]) -> None:
        """Hide the system's modules from those that have not had the proxy before."""
        named = [
            name
            for family in TOKEN_FAMILIES
            if family in enabled
            and not any(map(token_state.has_own_proxy, token_state.databases(family)))
            for name in programs(family)
        ]
        wanted = dict(p11_kit.to_hide(named, self.root)) if named else {}
        for path in (*wanted, *(p for p in p11_kit.hidden_files() if p not in wanted)):
            ours = p11_kit.is_ours(path)
            self.settle(path, wanted.get(path), ours=ours, what="hidden")

    def manifest(self, path: Path, family: Family, content: bytes | None) -> None:
        """Write a native manifest, or remove it."""
        ours = token_state.manifest_state(path, self._library) != "other"
        self.settle(path, content, ours=ours, browser=family, what="manifest")

    def make_database(self, database: Path, family: Family, library: str) -> None:
        """Make a database with our entry."""
        nss.demand_tools()
        change = Change(str(database), "written", family, what="database")
        self.add(change, partial(_make, database))
        self._add_entry(database, family, library)

    def enter(self, database: Path, family: Family, library: str) -> None:
        """Add our entry to a database."""
        state = token_state.entry_state(database, library)
        if state == "other":
            self._entry(database, family, "kept")
        elif state in ("ours", "proxy"):
            self._entry(database, family, "unchanged")
        else:
            if state == "outdated":
                self.then(partial(nss.delete_module, database, token_state.NAME))
            self._add_entry(database, family, library)

    def take_out(self, database: Path, family: Family, *, made: bool) -> None:
        """Remove our entry, and a database that we ``made`` if it is empty then."""
        state = token_state.entry_state(database, self._library)
        if state == "other":
            self._entry(database, family, "kept")
        elif state in ("ours", "outdated"):
            delete = partial(nss.delete_module, database, token_state.NAME)
            self._entry(database, family, "removed", delete)
        # Whoever has it open might be about to write to it.
        if (
            made
            and nss.holds_nothing(database, but=token_state.NAME)
            and not token_state.runs(family, database)
        ):
            change = Change(str(database), "removed", family, what="database")
            self.add(change, partial(nss.remove, database))

    def _add_entry(self, database: Path, family: Family, library: str) -> None:
        module = NssModule(token_state.NAME, library)
        add = partial(nss.add_module, database, module)
        self._entry(database, family, "written", add)

    def _entry(
        self,
        database: Path,
        family: Family,
        action: Action,
        step: Callable[[], None] | None = None,
    ) -> None:
        if step is not None:
            nss.demand_tools()
            if token_state.runs(family, database):
                self._running[title(family)] = None
        self.add(Change(str(database), action, family, what="entry"), step)


def _none_found() -> str:
    known = [browser for family in FAMILIES for browser in browsers_of(family)]
    for browser in (each for each in known if each.confined):
        return (
            f"{browser.title} is a {browser.confined[0].kind}, which can't load the "
            "module, and no other browser was found."
        )
    return NONE_FOUND


def _make(database: Path) -> None:
    """Make a database of NSS. A folder without one is as good as made by us."""
    missing = [each for each in database.parents if not each.exists()]
    made = [*reversed(missing), database]
    try:
        for folder in made:
            folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise InstallError(f"{database}: {error.strerror}.") from error
    note_folders("user", ROOT, made)
    nss.create(database)
