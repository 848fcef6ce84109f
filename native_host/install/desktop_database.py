# SPDX-License-Identifier: MIT
"""Lets file managers find the actions that open files in the window.

File managers of GNOME, Xfce and others read a cache that ``update-desktop-database``
writes. A program in a person's own folder would then become the one that opens PDFs
with a double click, where no other one is chosen. So the one before is chosen first.
KDE reads the files themselves, and prefers those with a higher ``InitialPreference``.
"""

import contextlib
import hashlib
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from shutil import which

from kortilla.common.files import read_regular
from native_host.platform.paths import xdg_config_home

_CACHE, _CHOICES = "mimeinfo.cache", "mimeapps.list"
#: Types that other programs open.
_TYPES = (
    "application/pdf",
    "application/pkcs7-mime",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
)
_DEFAULT = re.compile(r"^Default application for .*: (\S+\.desktop)$", re.MULTILINE)
_WITHIN = 10.0  # seconds


def offer_actions(folder: Path, actions: Sequence[str], note: Path) -> None:
    """Have the actions' files in a folder found; no default changes.

    ``actions`` are the names of the files. Without the desktop's tools it does nothing.
    If the person had chosen no default at all, ``note`` gets the hash of the file of
    the choices that is made.
    """
    update, gio = which("update-desktop-database"), which("gio")
    if update is None or gio is None:
        return
    choices = xdg_config_home() / _CHOICES
    chosen = choices.exists()
    before = {each: _default(gio, each) for each in _TYPES}
    _run(update, "-q", os.fspath(folder))
    for each, program in before.items():
        if program and program not in actions and _default(gio, each) in actions:
            _run(gio, "mime", each, program)
    if not chosen and choices.is_file():
        note.touch(0o600)
        note.write_text(_hash(choices))


def forget_actions(folder: Path, note: Path) -> None:
    """Update the cache of a folder whose actions are gone; an empty one goes too.

    So does the file of ``note``, if nobody has changed it.
    """
    choices = xdg_config_home() / _CHOICES
    with contextlib.suppress(OSError):
        known = read_regular(note).decode()
        note.unlink()
        if _hash(choices) == known:
            choices.unlink()
    cache = folder / _CACHE
    update = which("update-desktop-database")
    if update is None or not cache.is_file():
        return
    _run(update, "-q", os.fspath(folder))
    with contextlib.suppress(OSError):
        if cache.read_text(encoding="utf-8").strip() == "[MIME Cache]":
            cache.unlink()


def _hash(path: Path) -> str:
    return hashlib.sha256(read_regular(path)).hexdigest()


def _default(gio: str, kind: str) -> str:
    found = _DEFAULT.search(_run(gio, "mime", kind))
    return found[1] if found else ""


def _run(*command: str) -> str:
    """Return what a tool of the desktop says; nothing if it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - a program of the system
            command,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
            timeout=_WITHIN,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout
