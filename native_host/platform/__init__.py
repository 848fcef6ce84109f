# SPDX-License-Identifier: MIT
"""What differs between operating systems: ``system`` is the module for this one.

``processes`` has what it says of processes. Each pair of modules has the same names.
``posix`` is for Linux. macOS gets a third file.
"""

import sys

if sys.platform == "win32":
    from native_host.platform import windows as system
    from native_host.platform import windows_processes as processes
else:
    from native_host.platform import posix as system
    from native_host.platform import posix_processes as processes

__all__ = ["processes", "system"]
