# SPDX-License-Identifier: MIT
"""Packages whose public names are imported when they are first used (PEP 562).

Importing ``kortilla`` then costs next to nothing. pytest does it in every run where
Kortilla is installed, and the citizen's program with a mock card at each start.
"""

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package.

    ``modules`` maps each public name to the module that defines it.
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(modules[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return get
