# SPDX-License-Identifier: MIT
"""What differs between operating systems: ``system`` is the module for this one.

Each module has the same names. ``posix`` is for Linux. macOS gets a third file.
"""

import sys

if sys.platform == "win32":
    from native_host.platform import windows as system
else:
    from native_host.platform import posix as system

__all__ = ["system"]
