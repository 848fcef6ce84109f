# SPDX-License-Identifier: MIT
"""What differs between operating systems: ``system`` is the module for this one.

``processes`` has what it says of processes, and ``protection`` what a process keeps
from the user's other programs. ``sockets`` are apart as asyncio is slow. The folders
``posix``, for Linux, and ``windows`` have the same names. macOS gets a third folder.

Each is imported when it is used: ``protection`` is needed before anything takes time.
"""

import importlib
import sys

TYPE_CHECKING = False  # the module ``typing`` takes 2 ms
if TYPE_CHECKING:
    if sys.platform == "win32":
        from native_host.platform.windows import (
            processes,
            protection,
            sockets,
            system,
        )
    else:
        from native_host.platform.posix import processes, protection, sockets, system
else:

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        kind = "windows" if sys.platform == "win32" else "posix"
        module = importlib.import_module(f"{__name__}.{kind}.{name}")
        globals()[name] = module
        return module


__all__ = ["processes", "protection", "sockets", "system"]
