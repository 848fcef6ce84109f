# SPDX-License-Identifier: MIT
"""Sets up browsers and desktop: native messaging, the agent, the window's entry.

A manifest is ours if it points to one of our launchers.

A package of the system has a private tree, ``PREFIX/lib/kortilla``, which is a virtual
environment. A marker file in it tells the program that it belongs to a package.
Browsers and p11-kit look for their files in fixed places, which do not depend on the
prefix. A failure is an ``InstallError``; files written before it remain, and the next
call continues.
"""

import contextlib
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import native_host
from kortilla.common import JsonObject
from native_host.errors import InstallError
from native_host.install import files, p11_kit, token_state
from native_host.install.changes import (
    Change,
    File,
    Plan,
    as_json,
    launcher_path,
    remove_folders,
)
from native_host.install.contents import (
    LAUNCHER,
    fields_of,
    manifest,
    own_content,
    python_path,
)
from native_host.install.desktop_database import forget_actions, offer_actions
from native_host.install.tables import (
    NONE_FOUND,
    ROOT,
    Browser,
    HostName,
    Level,
    browsers,
    host_names,
    own_files,
    place,
)
from native_host.platform import system

if sys.platform == "win32":
    from native_host.install import windows

#: The name of the agent's unit and autostart file, without their extensions.
AGENT = "kortilla-agent"
#: The files by which file managers open files in the window.
ACTIONS = tuple(
    f"fi.kortilla.{each}.desktop" for each in ("Sign", "Check", "Encrypt", "Decrypt")
)

_OURS = b"# Written by `kortilla install`."
#: The file beside the launcher that ``desktop_database`` keeps.
_NOTE = "mimeapps.sha256"


@dataclass(frozen=True)
class Report:
    """All changes. ``confined`` are browsers from a snap or flatpak.

    ``absent`` are browsers that were neither found nor named.
    """

    level: Level
    dry_run: bool
    changes: tuple[Change, ...] = ()
    absent: tuple[str, ...] = ()
    confined: tuple[JsonObject, ...] = ()

    def as_json(self) -> JsonObject:
        """Return the report in the types of JSON."""
        return as_json(self, "path", "action", "browser", "host")


def files_of(
    level: Level | Literal["package"],
    python: Path,
    *,
    root: Path = ROOT,
    prefix: Path = ROOT,
) -> tuple[File, ...]:
    """Return our files besides the manifests, as ``files.toml`` lists them.

    ``python`` is the interpreter that they start, ``root`` the root of the system-wide
    places, ``prefix`` that of a package.
    """
    linux = sys.platform.startswith("linux")
    found = []
    for name, row in own_files().items():
        others = sys.platform != "win32" and row.get("systems") == "all"
        if level not in row or not (linux or others):
            continue
        path = place(row[level], root, prefix=prefix) / name
        if target := row.get("link"):
            found.append(File(path, target=target))
        else:
            content = own_content(name, row, python, packaged=level == "package")
            mode = 0o755 if row.get("program") else 0o644
            found.append(File(path, content, mode))
    return tuple(found)


def starts_agent(level: Level, root: Path) -> bool:
    """Whether the agent starts with a session, for one person or for all users."""
    if sys.platform == "win32":
        return windows.starts_agent()
    files = files_of(level, python_path(), root=root)
    found = [each for each in files if each.path.stem == AGENT]
    return bool(found) and all(each.is_there() for each in found)


def install(
    names: Sequence[str] | None = None,
    *,
    level: Level = "user",
    dry_run: bool = False,
    extensions: Iterable[str] = (),
    root: Path = ROOT,
) -> Report:
    """Write launcher and manifests for browsers, and what starts agent and window.

    ``names`` are names of the table; None means each browser whose folder exists. A
    named browser's folder is created. ``extensions`` are ids to admit besides the known
    ones. ``root`` is the root of the system-wide places.
    """
    chosen = browsers(level, names, root=root)
    targets = _targets(chosen, named=names is not None)
    if not targets:
        raise InstallError(NONE_FOUND)
    python = python_path()
    if level == "system":
        _refuse_unsafe_program(python)
    launcher = launcher_path(level, root=root)
    ids = tuple(extensions)
    plan = Plan(level, root=root)
    for file in files_of(level, python, root=root):
        plan.write(file)
    if folder := _folder_of_actions(plan):
        note = launcher.with_name(_NOTE)
        plan.then(partial(offer_actions, folder, ACTIONS, note))
    for folder, browser in targets.items():
        for host in host_names():
            path = folder / f"{host.name}.json"
            if host.shared and _is_taken(host, folder, browser, level, root):
                plan.add(Change(str(path), "kept", browser.name, host.name))
            else:
                content = manifest(host, browser.family, launcher, ids)
                plan.write(File(path, content), browser=browser.name, host=host.name)
    if sys.platform == "win32":
        windows.add_to(plan, chosen)
    if not dry_run:
        plan.carry_out()
    served = {browser.name for browser in targets.values()}
    if sys.platform == "win32":
        served = {browser.name for browser in chosen}
    return Report(
        level=level,
        dry_run=dry_run,
        changes=tuple(plan.changes),
        absent=tuple(b.name for b in chosen if b.name not in served and not b.confined),
        confined=tuple(
            {"browser": b.name, "kind": each.kind, "written": each.place is not None}
            for b in chosen
            for each in b.confined
        ),
    )


def uninstall(
    names: Sequence[str] | None = None,
    *,
    level: Level = "user",
    dry_run: bool = False,
    root: Path = ROOT,
) -> Report:
    """Remove exactly what ``install`` wrote for these browsers (default: all).

    The launcher and the files that start agent and window are removed with the last
    manifest that points to the launcher.
    """
    launcher = launcher_path(level, root=root)
    everywhere = {
        path: browser
        for browser in browsers(level, root=root)
        for folder in (browser.place, *browser.confined_places)
        for host in host_names()
        if _points_to(path := folder / f"{host.name}.json", {launcher})
    }
    chosen = [
        (path, browser)
        for path, browser in everywhere.items()
        if names is None or browser.name in names
    ]
    plan = Plan(level, root=root)
    if sys.platform == "win32":
        windows.remove_from(plan, browsers(level, names), every=names is None)
        if names is not None:  # the manifests are for other browsers too
            chosen = []
    for path, browser in chosen:
        plan.remove(path, browser=browser.name, host=path.stem)
    if len(chosen) == len(everywhere):
        for each in files_of(level, python_path(), root=root):
            if _is_ours(each):
                plan.remove(each.path)
    if folder := _folder_of_actions(plan):
        plan.then(partial(forget_actions, folder, launcher.with_name(_NOTE)))
    plan.then(partial(remove_folders, level, root))
    return _done(plan, dry_run)


def install_package(destdir: Path, prefix: Path, *, dry_run: bool = False) -> Report:
    """Write a package's files to ``destdir``, the root of the system to be.

    ``prefix`` is absolute, ``/usr`` for a distribution. The files name the interpreter
    ``PREFIX/lib/kortilla/bin/python3``; the package itself fills the private tree.
    """
    root = destdir.absolute()
    tree = prefix / "lib/kortilla"
    python, launcher = tree / "bin/python3", tree / LAUNCHER
    plan = Plan("system", root=root, noted=False)
    for file in files_of("package", python, root=root, prefix=prefix):
        plan.write(file)
    for browser in browsers("system", root=root):
        for host in host_names():
            # Another package may own a manifest of a shared name.
            if browser.packaged and not host.shared:
                content = manifest(host, browser.family, launcher)
                plan.write(File(browser.place / f"{host.name}.json", content))
    module = token_state.system_module_content(python)
    plan.write(File(p11_kit.system_module_path(root), module))
    return _done(plan, dry_run)


def has_own_set() -> bool:
    """Whether the person has files of another installation, which take precedence."""
    return files.read(launcher_path("user")) is not None


def set_up_package(*, dry_run: bool = False, root: Path = ROOT) -> Report:
    """Write what depends on the computer's architecture, after a package was unpacked.

    This is Firefox's manifest of the token, which names p11-kit's library by its
    absolute path. Raises ``ToolMissingError``.
    """
    content = token_state.manifest_content(str(p11_kit.proxy_library(root)))
    plan = Plan("system", root=root, noted=False)
    plan.write(File(token_state.system_manifest(root), content), browser="firefox")
    return _done(plan, dry_run)


def take_down_package(*, dry_run: bool = False, root: Path = ROOT) -> Report:
    """Remove what ``set_up_package`` wrote."""
    path = token_state.system_manifest(root)
    plan = Plan("system", root=root, noted=False)
    if token_state.manifest_state(path, None) in ("ours", "outdated"):
        plan.remove(path, browser="firefox")
        plan.then(partial(files.remove_empty_folder, path.parent))
    return _done(plan, dry_run)


def _done(plan: Plan, dry_run: bool) -> Report:
    if not dry_run:
        plan.carry_out()
    return Report(plan.level, dry_run, tuple(plan.changes))


def _is_ours(file: File) -> bool:
    """Say whether the existing file was written by this or another installation."""
    if file.target is not None:
        return files.read_link(file.path) == file.target
    content = files.read(file.path)
    # Nobody else writes into the launcher's folder.
    return content is not None and (file.path.name == LAUNCHER or _OURS in content)


def _folder_of_actions(plan: Plan) -> Path | None:
    """Return the folder of a person's actions, if any of them changes."""
    paths = [Path(each.path) for each in plan.changes if each.action != "unchanged"]
    actions = [each for each in paths if each.name in ACTIONS]
    return actions[0].parent if actions and plan.level == "user" else None


def _targets(chosen: Iterable[Browser], *, named: bool) -> dict[Path, Browser]:
    """Return the folders for manifests, each with its first browser."""
    found: dict[Path, Browser] = {}
    for browser in chosen:
        places = browser.confined_places
        everywhere = sys.platform == "win32"  # its registry has place for all
        if browser.found or everywhere or (named and not browser.confined):
            places.insert(0, browser.place)
        for each in places:
            found.setdefault(each, browser)
    return found


def _is_taken(
    host: HostName, folder: Path, browser: Browser, level: Level, root: Path
) -> bool:
    """Whether another program uses the name, for the person or system-wide."""
    ours = {launcher_path("user"), launcher_path("system", root=root)}
    other: Level = "system" if level == "user" else "user"
    places = {folder}
    # Without system-wide places, nothing is installed there.
    with contextlib.suppress(InstallError):
        places |= {b.place for b in browsers(other, [browser.name], root=root)}
    paths = [each / f"{host.name}.json" for each in places]
    return any(files.read(p) is not None and not _points_to(p, ours) for p in paths)


def _points_to(path: Path, launchers: set[Path]) -> bool:
    named = fields_of(files.read(path)).get("path")
    # Another program's manifest may hold anything in place of the path.
    return named in [str(each) for each in launchers]


def _refuse_unsafe_program(python: Path) -> None:
    if not system.is_root():
        raise InstallError("Only root can install for everyone on this computer.")
    for path in (python, Path(native_host.__file__).parent):
        if not files.only_root_writes(path):
            raise InstallError(
                f"{path}: others than root can change it, so it is not installed for "
                "everyone on this computer."
            )
