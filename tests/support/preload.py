# SPDX-License-Identifier: MIT
"""Libraries that change what a program of other people's does in a test."""

import os
import subprocess
from pathlib import Path

__all__ = ["preload"]

_HERE = Path(__file__).parent
_BUILT = _HERE.parent.parent / "build" / "tests"


def preload(name: str) -> Path:
    """Return a library for ``LD_PRELOAD``, of the C source by that name here.

    It is built if it is not there or older than its source.
    """
    source, library = _HERE / f"{name}.c", _BUILT / f"{name}.so"
    if not library.exists() or library.stat().st_mtime < source.stat().st_mtime:
        library.parent.mkdir(parents=True, exist_ok=True)
        # Another process may do the same just now.
        new = library.with_suffix(f".{os.getpid()}")
        command = ["cc", "-shared", "-fPIC", "-O2", "-o", str(new), str(source)]
        subprocess.run(command, check=True)
        new.replace(library)
    return library
