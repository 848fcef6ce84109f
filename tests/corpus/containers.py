# SPDX-License-Identifier: MIT
"""What programs unpack from a container, and whether that is what was signed."""

import io
import os
import shutil
import stat
import subprocess
import tempfile
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.corpus.readers import Shown

_SECONDS = 20.0
_COMMANDS: dict[str, tuple[str, ...]] = {
    "bsdtar": ("bsdtar", "-x", "-f", "../a.asice"),
    "unzip": ("unzip", "-qq", "-o", "../a.asice"),
    "7z": ("7z", "x", "-y", "-bd", "../a.asice"),
}
EVERY = (*_COMMANDS, "Python")


def unpacked(program: str, container: bytes) -> dict[str, bytes | None]:
    """Return what a program writes, by the names; None for what is no file.

    The folder and files of the signature itself are left out.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "files"
        folder.mkdir()
        (Path(name) / "a.asice").write_bytes(container)
        if program == "Python":
            _by_python(container, folder)
        else:
            _run(_COMMANDS[program], folder)
        return dict(_files(folder))


def _run(command: tuple[str, ...], folder: Path) -> None:
    try:
        subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_SECONDS,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        )
    except subprocess.TimeoutExpired:
        shutil.rmtree(folder)
        folder.mkdir()


def _by_python(container: bytes, folder: Path) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with zipfile.ZipFile(io.BytesIO(container)) as opened:
                for each in opened.infolist():
                    opened.extract(each, folder)
    except Exception:  # of zipfile, any; what was written until then counts
        return


def _files(folder: Path) -> "list[tuple[str, bytes | None]]":
    found: list[tuple[str, bytes | None]] = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode) or name == "mimetype" or name.startswith("META-INF/"):
            continue
        found.append((name, path.read_bytes() if stat.S_ISREG(mode) else None))
    return found


def compare(
    container: bytes, signed: Mapping[str, bytes], programs: Iterable[str] = EVERY
) -> dict[str, Shown]:
    """Return what each program unpacks, compared with the signed files."""
    shown: dict[str, Shown] = {}
    for program in programs:
        files = unpacked(program, container)
        if files == signed:
            shown[program] = "same"
        else:
            shown[program] = "other" if files else "nothing"
    return shown
