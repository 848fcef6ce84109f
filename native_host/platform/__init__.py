# SPDX-License-Identifier: MIT
"""What differs between operating systems: ``system`` is the module for this one.

``processes`` has what it says of processes, and ``protection`` what a process keeps
from the user's other programs. ``sockets`` are apart as asyncio is slow. Each pair of
modules has the same names. ``posix`` is for Linux. macOS gets a third file.

Each is imported when it is used: ``protection`` is needed before anything takes time.
"""

import importlib
import sys

TYPE_CHECKING = False  # the module ``typing`` takes 2 ms
if TYPE_CHECKING:
    if sys.platform == "win32":
        from native_host.platform import windows as system
        from native_host.platform import windows_processes as processes
        from native_host.platform import windows_protection as protection
        from native_host.platform import windows_sockets as sockets
    else:
        from native_host.platform import posix as system
        from native_host.platform import posix_processes as processes
        from native_host.platform import posix_protection as protection
        from native_host.platform import posix_sockets as sockets
else:

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        kind = "windows" if sys.platform == "win32" else "posix"
        part = "" if name == "system" else f"_{name}"
        module = importlib.import_module(f"{__name__}.{kind}{part}")
        globals()[name] = module
        return module


__all__ = ["processes", "protection", "sockets", "system"]
