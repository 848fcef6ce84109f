# SPDX-License-Identifier: MIT
"""Kortilla as a package of the system: its files, and how to recognise it.

A package has a private tree, ``PREFIX/lib/kortilla``, which is a virtual environment. A
marker file in it tells the program that it belongs to a package. Browsers and p11-kit
look for their files in fixed places, which do not depend on the prefix.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from native_host.browsers import files
from native_host.browsers.native_messaging.hosts import host_names, manifest
from native_host.browsers.native_messaging.installation import Change, Report
from native_host.browsers.native_messaging.launcher import command_launcher, launcher
from native_host.browsers.native_messaging.starter_files import (
    StarterFile,
    agent_files,
    menu_files,
)
from native_host.browsers.packaged import MARKER
from native_host.browsers.pkcs11 import p11_kit, places
from native_host.browsers.record import launcher_path
from native_host.browsers.table import browsers

# The private tree, below the prefix.
_TREE = Path("lib/kortilla")

_ROOT = Path("/")
_FOLDER_MODE = 0o755
_MARKER_TEXT = b"This Kortilla was installed by a package of the system.\n"


@dataclass(frozen=True)
class _File:
    path: Path
    content: bytes
    mode: int = 0o644


def install_package(destdir: Path, prefix: Path, *, dry_run: bool = False) -> Report:
    """Write a package's files to ``destdir``, the root of the system to be.

    ``prefix`` is absolute, ``/usr`` for a distribution. The files name the interpreter
    ``PREFIX/lib/kortilla/bin/python3``; the package itself fills the private tree.
    Raises ``InstallError``.
    """
    changes = []
    for each in _package_files(destdir.absolute(), prefix):
        if isinstance(each, StarterFile):
            there = each.is_there()
        else:
            there = files.read(each.path) == each.content
        changes.append(Change(str(each.path), "unchanged" if there else "written"))
        if there or dry_run:
            continue
        if isinstance(each, StarterFile):
            each.write(_FOLDER_MODE)
        else:
            files.write(
                each.path, each.content, mode=each.mode, folder_mode=_FOLDER_MODE
            )
    return Report("system", dry_run, tuple(changes))


def _package_files(root: Path, prefix: Path) -> Iterator[_File | StarterFile]:
    below = root / prefix.relative_to("/")
    program = prefix / _TREE
    python, host = program / "bin/python3", program / "kortilla-host"
    yield _File(below / _TREE / MARKER, _MARKER_TEXT)
    yield _File(below / _TREE / host.name, launcher(python, through_sh=True), 0o755)
    yield _File(below / "bin/kortilla", command_launcher(python), 0o755)
    for browser in browsers("system", root=root):
        for name in host_names():
            # Another package may own a manifest of a shared name.
            if browser.packaged and not name.shared:
                content = manifest(name, browser.family, host)
                yield _File(browser.place / f"{name.name}.json", content)
    yield from agent_files("system", python, root=root, systemd=below / "lib/systemd")
    yield from menu_files("system", python, root=root, share=below / "share")
    yield _File(p11_kit.system_module_path(root), places.system_module_content(python))


def has_own_set() -> bool:
    """Whether the person has files of another installation, which take precedence."""
    return files.read(launcher_path("user")) is not None


def set_up(*, dry_run: bool = False, root: Path = _ROOT) -> Report:
    """Write what depends on the computer's architecture, after a package was unpacked.

    This is Firefox's manifest of the token, which names p11-kit's library by its
    absolute path. Raises ``InstallError`` and ``ToolMissingError``.
    """
    content = places.manifest_content(str(p11_kit.proxy_library(root)))
    path = places.system_manifest(root)
    there = files.read(path) == content
    if not (there or dry_run):
        files.write(path, content, mode=0o644, folder_mode=_FOLDER_MODE)
    change = Change(str(path), "unchanged" if there else "written", "firefox")
    return Report("system", dry_run, (change,))


def take_down(*, dry_run: bool = False, root: Path = _ROOT) -> Report:
    """Remove what ``set_up`` wrote. Raises ``InstallError``."""
    path = places.system_manifest(root)
    if places.manifest_state(path, None) not in ("ours", "outdated"):
        return Report("system", dry_run, ())
    if not dry_run:
        files.remove(path)
        files.remove_empty_folder(path.parent)
    return Report("system", dry_run, (Change(str(path), "removed", "firefox"),))
