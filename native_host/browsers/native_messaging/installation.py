# SPDX-License-Identifier: MIT
"""Writes and removes the files by which browsers find the host.

A manifest is ours if it points to one of our launchers. ``record`` remembers created
folders, so that uninstalling removes them.
"""

import contextlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import native_host
from native_host.browsers import files, record
from native_host.browsers.errors import NONE_FOUND, InstallError
from native_host.browsers.native_messaging.desktop_database import (
    forget_actions,
    offer_actions,
)
from native_host.browsers.native_messaging.hosts import HostName, host_names, manifest
from native_host.browsers.native_messaging.launcher import launcher, python_path
from native_host.browsers.native_messaging.starter_files import (
    ACTIONS,
    StarterFile,
    agent_files,
    menu_files,
)
from native_host.browsers.record import launcher_path
from native_host.browsers.table import Browser, Level, browsers

#: ``kept``: another program's manifest of a shared name, which is left unchanged.
Action = Literal["written", "unchanged", "removed", "kept"]

_ROOT = Path("/")


@dataclass(frozen=True)
class Change:
    """The change of one file, or the change that a dry run predicts."""

    path: str
    action: Action
    browser: str | None = None
    host: str | None = None


@dataclass(frozen=True)
class Report:
    """All changes. ``confined`` are browsers from a snap or flatpak.

    ``absent`` are browsers that were neither found nor named.
    """

    level: Level
    dry_run: bool
    changes: tuple[Change, ...]
    absent: tuple[str, ...] = ()
    confined: tuple[dict[str, Any], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the report in the types of JSON."""
        return asdict(self)


#: The file beside the launcher that ``desktop_database`` keeps.
_NOTE = "mimeapps.sha256"


@dataclass(frozen=True)
class _Target:
    """A folder for manifests."""

    browser: Browser
    place: Path


def install(
    names: Sequence[str] | None = None,
    *,
    level: Level = "user",
    dry_run: bool = False,
    extensions: Iterable[str] = (),
    root: Path = _ROOT,
) -> Report:
    """Write launcher and manifests for the browsers found or named.

    It also writes the files that start the agent and the window.

    ``names`` are names of the table; None means each browser whose folder exists. A
    named browser's folder is created. ``extensions`` are ids to admit besides the known
    ones. ``root`` is the root of the system-wide places. Raises ``InstallError``; files
    written before the error remain, and the next call continues.
    """
    chosen = browsers(level, names, root=root)
    targets = list(_targets(chosen, named=names is not None))
    if not targets:
        raise InstallError(NONE_FOUND)
    python = python_path()
    if level == "system":
        _refuse_unsafe_program(python)
    path = launcher_path(level, root=root)
    starters = [
        *agent_files(level, python, root=root),
        *menu_files(level, python, root=root),
    ]
    wanted = [
        _file(launcher(python), 0o755, Change(str(path), "written")),
        *_manifests(targets, path, tuple(extensions), level, root),
    ]
    started = [
        Change(str(each.path), "unchanged" if each.is_there() else "written")
        for each in starters
    ]
    if not dry_run:
        _write(wanted, starters, level, root)
        if folder := _folder_of_actions(started, level):
            offer_actions(
                folder, [f"{a}.desktop" for a in ACTIONS], path.with_name(_NOTE)
            )
    changes = [wanted[0].change, *started, *(each.change for each in wanted[1:])]
    served = {target.browser.name for target in targets}
    return Report(
        level=level,
        dry_run=dry_run,
        changes=tuple(changes),
        absent=tuple(b.name for b in chosen if b.name not in served and not b.confined),
        confined=tuple(_confined(chosen)),
    )


def uninstall(
    names: Sequence[str] | None = None,
    *,
    level: Level = "user",
    dry_run: bool = False,
    root: Path = _ROOT,
) -> Report:
    """Remove exactly what ``install`` wrote for these browsers (default: all).

    The launcher and the files that start agent and window are removed with the last
    manifest that points to the launcher. Raises ``InstallError``.
    """
    path = launcher_path(level, root=root)
    everywhere = {
        place: browser
        for browser in browsers(level, root=root)
        for folder in (browser.place, *_reachable(browser))
        for host in host_names()
        if _points_to(place := folder / f"{host.name}.json", {path})
    }
    chosen = [
        (place, browser)
        for place, browser in everywhere.items()
        if names is None or browser.name in names
    ]
    gone = [Change(str(place), "removed", b.name, place.stem) for place, b in chosen]
    if len(chosen) == len(everywhere):
        gone += [Change(str(each), "removed") for each in _besides(level, root)]
    if not dry_run:
        for change in gone:
            files.remove(Path(change.path))
        if folder := _folder_of_actions(gone, level):
            forget_actions(folder, path.with_name(_NOTE))
        record.remove_folders(level, root)
    return Report(level=level, dry_run=dry_run, changes=tuple(gone))


@dataclass(frozen=True)
class _File:
    """A file of the installation, and the change that its writing would make."""

    change: Change
    content: bytes = b""
    mode: int = 0o644


def _file(content: bytes, mode: int, change: Change) -> _File:
    path = Path(change.path)
    if files.read(path) == content and stat.S_IMODE(path.stat().st_mode) == mode:
        change = replace(change, action="unchanged")
    return _File(change, content, mode)


def _write(
    wanted: Iterable[_File], starters: Iterable[StarterFile], level: Level, root: Path
) -> None:
    folder_mode = 0o755 if level == "system" else 0o700
    for each in wanted:
        if each.change.action == "written":
            path = Path(each.change.path)
            made = files.write(
                path, each.content, mode=each.mode, folder_mode=folder_mode
            )
            record.note_folders(level, root, made)
    for starter in starters:
        if not starter.is_there():
            record.note_folders(level, root, starter.write(folder_mode))


def _folder_of_actions(changes: Iterable[Change], level: Level) -> Path | None:
    """Return the folder of a person's actions, if any of them has changed."""
    paths = [Path(each.path) for each in changes if each.action != "unchanged"]
    actions = [each for each in paths if each.stem in ACTIONS]
    return actions[0].parent if actions and level == "user" else None


def _manifests(
    targets: Iterable[_Target],
    launcher: Path,
    extensions: Iterable[str],
    level: Level,
    root: Path,
) -> Iterator[_File]:
    for target in targets:
        name = target.browser.name
        for host in host_names():
            place = str(target.place / f"{host.name}.json")
            if host.shared and _is_taken(host, target, level, root):
                yield _File(Change(place, "kept", name, host.name))
            else:
                content = manifest(host, target.browser.family, launcher, extensions)
                yield _file(content, 0o644, Change(place, "written", name, host.name))


def _besides(level: Level, root: Path) -> Iterator[Path]:
    """Return the installation's existing files besides the manifests."""
    path = launcher_path(level, root=root)
    if files.read(path) is not None:
        yield path
    python = python_path()
    for each in (
        *agent_files(level, python, root=root),
        *menu_files(level, python, root=root),
    ):
        if each.is_ours():
            yield each.path


def _targets(chosen: Iterable[Browser], *, named: bool) -> Iterator[_Target]:
    seen = set()
    for browser in chosen:
        places = list(_reachable(browser))
        if browser.found or (named and not browser.confined):
            places.insert(0, browser.place)
        for place in places:
            if place not in seen:
                seen.add(place)
                yield _Target(browser, place)


def _reachable(browser: Browser) -> Iterator[Path]:
    return (each.place for each in browser.confined if each.place is not None)


def _confined(chosen: Iterable[Browser]) -> Iterator[dict[str, Any]]:
    for browser in chosen:
        for each in browser.confined:
            yield {
                "browser": browser.name,
                "kind": each.kind,
                "written": each.place is not None,
            }


def _is_taken(host: HostName, target: _Target, level: Level, root: Path) -> bool:
    """Whether another program uses the name, for the person or system-wide."""
    ours = {launcher_path("user"), launcher_path("system", root=root)}
    other: Level = "system" if level == "user" else "user"
    places = {target.place}
    # Without system-wide places, nothing is installed there.
    with contextlib.suppress(InstallError):
        places |= {b.place for b in browsers(other, [target.browser.name], root=root)}
    return any(
        files.read(place / f"{host.name}.json") is not None
        and not _points_to(place / f"{host.name}.json", ours)
        for place in places
    )


def _points_to(path: Path, launchers: set[Path]) -> bool:
    content = files.read(path)
    try:
        fields = json.loads(content or b"")
    except (ValueError, RecursionError):
        return False
    # Another program's manifest may hold anything in place of the path.
    return isinstance(fields, dict) and fields.get("path") in [
        str(each) for each in launchers
    ]


def _refuse_unsafe_program(python: Path) -> None:
    if os.geteuid() != 0:
        raise InstallError("Only root can install for everyone on this computer.")
    for path in (python, Path(native_host.__file__).parent):
        if not files.only_root_writes(path):
            raise InstallError(
                f"{path}: others than root can change it, so it is not installed for "
                "everyone on this computer."
            )
