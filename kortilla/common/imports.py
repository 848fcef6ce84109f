# SPDX-License-Identifier: MIT
"""Names that are imported when they are used, and what is said where they are missing.

Importing ``kortilla`` costs next to nothing. pytest does it in every run where Kortilla
is installed, and the citizen's program with a mock card at each start. The host imports
this before each window, so it is apart from the commands' output: click costs 12 ms.
"""

import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

#: The file that marks the virtual environment of a distribution's package.
MARKER = "packaged"
_OWN = ("native_host", "kortilla")


def is_packaged() -> bool:
    """Whether a package of the system installed this program, for everyone."""
    return Path(sys.prefix, MARKER).is_file()


def missing_words(name: str, extra: str = "") -> str:
    """Say that a module is missing, and how to install the extra that has it.

    Kortilla is on no index of Python packages. Its sources are the way. A package of
    the system has all extras of the program, or is broken.
    """
    if is_packaged():
        return (
            f"{name} is missing. Kortilla's package is broken. Install it again, or "
            "type: sudo apt --fix-broken install"
        )
    # Debian lets pip install programs only into virtual environments.
    program = "pipx" if extra.startswith("host") else "pip"
    place = f"'.[{extra}]'" if extra else "."
    return (
        f"{name} is missing. In the folder with Kortilla's sources, type: "
        f"{program} install {place}"
    )


def missing(error: Exception, extra: str) -> str | None:
    """Return how to install the extra, if the error is a missing module of it.

    Return None for any other error, also for a missing module of Kortilla.
    """
    if not isinstance(error, ModuleNotFoundError):
        return None
    name = (error.name or "").partition(".")[0]
    if name in _OWN:
        return None
    return missing_words(name, extra)


def lazy_names(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package (PEP 562).

    ``modules`` maps modules to the public names that each defines, with spaces between.
    """
    places = {
        name: module for module, names in modules.items() for name in names.split()
    }

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(places[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return get
