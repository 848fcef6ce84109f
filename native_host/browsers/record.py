# SPDX-License-Identifier: MIT
"""The places of our own files, and the record of created folders.

``installed.json`` beside the launcher lists the folders that ``install`` and ``pkcs11
enable`` have created, so that uninstalling removes them. Both share the list, since
either may create a folder that the other uses too.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from native_host.browsers import files
from native_host.browsers.errors import InstallError
from native_host.browsers.pkcs11.p11_kit import is_ours, module_path
from native_host.browsers.table import Level
from native_host.paths import user_data_folder

_ROOT = Path("/")
_SYSTEM_FOLDER = "usr/local/lib/kortilla"


def launcher_path(level: Level, *, root: Path = _ROOT) -> Path:
    """Return the launcher's path, for one person or for all users."""
    return _own_folder(level, root) / "kortilla-host"


def noted_folders(level: Level, root: Path = _ROOT) -> list[str]:
    """Return the created folders, outermost first. Raises ``InstallError``."""
    try:
        noted = json.loads(files.read(_record(level, root)) or b"[]")
    except (ValueError, RecursionError):
        noted = None
    if not isinstance(noted, list) or not all(isinstance(n, str) for n in noted):
        raise InstallError(f"{_record(level, root)}: is not a list of folders.")
    return noted


def note_folders(level: Level, root: Path, made: Iterable[Path]) -> None:
    """Record created folders. Raises ``InstallError``."""
    noted = noted_folders(level, root)
    new = [str(each) for each in made if str(each) not in noted]
    while new:
        noted += new
        # The record may need new folders itself.
        new = [str(each) for each in _write(level, root, noted)]


def remove_folders(level: Level, root: Path = _ROOT) -> None:
    """Remove the created folders that are empty now, innermost first.

    The record is removed when none of our other files is left. Raises ``InstallError``.
    """
    noted = noted_folders(level, root)
    last = files.read(launcher_path(level, root=root)) is None and not (
        level == "user" and is_ours(module_path())
    )
    if last:
        files.remove(_record(level, root))
    left = [
        each for each in reversed(noted) if not files.remove_empty_folder(Path(each))
    ]
    if noted and not last:
        _write(level, root, left[::-1])


def _own_folder(level: Level, root: Path) -> Path:
    if level == "system":
        return root / _SYSTEM_FOLDER
    return user_data_folder() / "host"


def _record(level: Level, root: Path) -> Path:
    return _own_folder(level, root) / "installed.json"


def _write(level: Level, root: Path, noted: list[str]) -> list[Path]:
    content = (json.dumps(noted, indent=2) + "\n").encode()
    mode = 0o755 if level == "system" else 0o700
    return files.write(_record(level, root), content, mode=0o644, folder_mode=mode)
