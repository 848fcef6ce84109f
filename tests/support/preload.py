# SPDX-License-Identifier: MIT
"""Libraries that change the behaviour of third-party programs in a test."""

import os
import subprocess
from pathlib import Path

_HERE = Path(__file__).parent
_BUILT = _HERE.parent.parent / "build" / "tests"


def preloading(name: str) -> dict[str, str]:
    """Return the environment of a program with a library of ``preload``.

    A space in ``LD_PRELOAD`` ends a path, but not one in ``LD_LIBRARY_PATH``.
    """
    library = preload(name)
    return {"LD_PRELOAD": library.name, "LD_LIBRARY_PATH": str(library.parent)}


def preload(name: str, *linked: Path) -> Path:
    """Return the library for ``LD_PRELOAD`` that this folder's C source builds.

    Builds it if it does not exist or is older than its source, with the paths of the
    libraries that it needs.
    """
    source, library = _HERE / f"{name}.c", _BUILT / f"{name}.so"
    if not library.exists() or library.stat().st_mtime < source.stat().st_mtime:
        library.parent.mkdir(parents=True, exist_ok=True)
        # Another process may build it at the same time.
        new = library.with_suffix(f".{os.getpid()}")
        command = [
            "cc",
            "-shared",
            "-fPIC",
            "-O2",
            "-o",
            str(new),
            str(source),
            *map(str, linked),
        ]
        subprocess.run(command, check=True)
        new.replace(library)
    return library
