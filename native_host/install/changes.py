# SPDX-License-Identifier: MIT
"""The one writer and remover of files, and the record of created folders.

``installed.json`` beside the launcher lists the folders that ``install`` and ``pkcs11
enable`` have created, so that uninstalling removes them. Both share the list, since
either may create a folder that the other uses too. A failure is an ``InstallError``.
"""

import json
import stat
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, TypedDict, Unpack

from kortilla.common import JsonObject
from native_host.errors import InstallError
from native_host.install import files
from native_host.install.contents import LAUNCHER, python_path
from native_host.install.p11_kit import is_ours, module_path
from native_host.install.tables import OWN_HOST, ROOT, Level, own_files, place

if sys.platform == "win32":
    from native_host.install.registry import is_key, remove_empty_key

#: ``kept``: not ours, and left alone.
Action = Literal["written", "unchanged", "removed", "kept"]
#: ``entry``: our line in a database's list of modules, by the database's folder.
What = Literal["file", "module", "hidden", "manifest", "database", "entry"]

#: Of folders that are created.
_FOLDER_MODES = {"user": 0o700, "system": 0o755}


@dataclass(frozen=True)
class File:
    """A file with its ``content``, or a link to ``target``."""

    path: Path
    content: bytes = b""
    mode: int = 0o644
    target: str | None = None

    def is_there(self) -> bool:
        """Whether the file is there with the right content and mode."""
        if self.target is not None:
            return files.read_link(self.path) == self.target
        if files.read(self.path) != self.content:
            return False
        # A file of Windows has the rights of its folder.
        mode = stat.S_IMODE(self.path.stat().st_mode)
        return sys.platform == "win32" or mode == self.mode


@dataclass(frozen=True)
class Change:
    """What happens, or would happen, to one thing.

    ``browser`` is the name of a browser, or of a family for the token.
    """

    path: str
    action: Action
    browser: str | None = None
    host: str | None = None
    what: What = "file"


class ChangeFields(TypedDict, total=False):
    """Fields of a change besides its path and action."""

    browser: str
    host: str
    what: What


def as_json(report: object, *names: str) -> JsonObject:
    """Return a report with ``changes`` as JSON; ``names`` are their fields to tell."""
    told = dict(vars(report))
    told["changes"] = [
        {name: getattr(each, name) for name in names} for each in told["changes"]
    ]
    return told


class Plan:
    """Changes that were found to be needed, and the steps that make them.

    ``noted`` says that created folders are to be recorded.
    """

    def __init__(self, level: Level, *, root: Path = ROOT, noted: bool = True) -> None:
        self.level: Level = level
        self.root = root
        self.changes: list[Change] = []
        self._noted = noted
        self._steps: list[Callable[[], object]] = []

    def add(self, change: Change, step: Callable[[], object] | None = None) -> None:
        """Add a change, and what makes it."""
        self.changes.append(change)
        if step is not None:
            self.then(step)

    def write(self, file: File, **names: Unpack[ChangeFields]) -> None:
        """Write a file, unless it is there; ``names`` are of fields of the change."""
        there = file.is_there()
        change = Change(str(file.path), "unchanged" if there else "written")
        self.add(
            replace(change, **names), None if there else partial(self._write, file)
        )

    def remove(self, path: Path, **names: Unpack[ChangeFields]) -> None:
        """Remove a file."""
        change = Change(str(path), "removed")
        self.add(replace(change, **names), partial(files.remove, path))

    def settle(
        self,
        path: Path,
        content: bytes | None,
        *,
        ours: bool,
        **names: Unpack[ChangeFields],
    ) -> None:
        """Give a file its content, or remove it; one that is not ours is left alone."""
        there = files.read(path) is not None
        if there and not ours:
            self.add(replace(Change(str(path), "kept"), **names))
        elif content is not None:
            self.write(File(path, content), **names)
        elif there:
            self.remove(path, **names)

    def then(self, step: Callable[[], object]) -> None:
        """Take a step after those before, which is no change of its own."""
        self._steps.append(step)

    def carry_out(self) -> None:
        """Do it. Raises ``InstallError`` or ``ToolMissingError``.

        What was done before stays, and the next plan goes on from there.
        """
        for step in self._steps:
            step()

    def _write(self, file: File) -> None:
        mode = _FOLDER_MODES[self.level]
        if file.target is not None:
            made = files.write_link(file.path, file.target, mode)
        else:
            made = files.write(file.path, file.content, file.mode, mode)
        if self._noted:
            note_folders(self.level, self.root, made)


def launcher_path(level: Level, *, root: Path = ROOT) -> Path:
    """Return the launcher's path, for one person or for all users.

    On Windows it is the installer's, beside the interpreter.
    """
    if sys.platform == "win32":
        return python_path().with_name(f"{LAUNCHER}.exe")
    return _own_folder(level, root) / LAUNCHER


def noted_folders(level: Level, root: Path = ROOT) -> list[str]:
    """Return the created folders, outermost first."""
    path = _record(level, root)
    try:
        noted = json.loads(files.read(path) or b"[]")
    except (ValueError, RecursionError):
        noted = None
    if not isinstance(noted, list) or not all(isinstance(n, str) for n in noted):
        raise InstallError(f"{path}: is not a list of folders.")
    return noted


def note_folders(level: Level, root: Path, made: Iterable[Path | str]) -> None:
    """Record created folders, and keys of the registry."""
    noted = noted_folders(level, root)
    new = [str(each) for each in made if str(each) not in noted]
    while new:
        noted += new
        # The record may need new folders itself.
        new = [str(each) for each in _write_record(level, root, noted)]


def remove_folders(level: Level, root: Path = ROOT) -> None:
    """Remove the created folders that are empty now, innermost first.

    The record is removed when none of our other files is left.
    """
    noted = noted_folders(level, root)
    last = not _is_installed(level, root) and not (
        level == "user" and is_ours(module_path())
    )
    if last:
        files.remove(_record(level, root))
    left = [n for n in reversed(noted) if not _remove_empty(n)]
    if noted and not last:
        _write_record(level, root, left[::-1])


def _remove_empty(name: str) -> bool:
    if sys.platform == "win32" and is_key(name):
        return remove_empty_key(name)
    return files.remove_empty_folder(Path(name))


def _is_installed(level: Level, root: Path) -> bool:
    path = launcher_path(level, root=root)
    if sys.platform == "win32":  # the launcher is the installer's
        path = _own_folder(level, root) / f"chromium/{OWN_HOST}.json"
    return files.read(path) is not None


def _own_folder(level: Level, root: Path) -> Path:
    return place(own_files()[LAUNCHER][level], root)


def _record(level: Level, root: Path) -> Path:
    return _own_folder(level, root) / "installed.json"


def _write_record(level: Level, root: Path, noted: list[str]) -> list[Path]:
    content = (json.dumps(noted, indent=2) + "\n").encode()
    return files.write(_record(level, root), content, 0o644, _FOLDER_MODES[level])
