# SPDX-License-Identifier: MIT
"""Whether this program was installed by a package of the system."""

import sys
from pathlib import Path

__all__ = ["MARKER", "is_packaged"]

#: Lies in the virtual environment that a package's program runs in.
MARKER = "packaged"


def is_packaged() -> bool:
    """Say whether a package of the system installed this program, for everyone."""
    return Path(sys.prefix, MARKER).is_file()
