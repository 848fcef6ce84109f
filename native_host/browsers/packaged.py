# SPDX-License-Identifier: MIT
"""Whether this program was installed by a package of the system."""

import sys
from pathlib import Path

#: Lies in the virtual environment that a package's program runs in.
MARKER = "packaged"
#: That environment, where a distribution's package has it.
_PLACE = Path("/usr/lib/kortilla")


def is_packaged() -> bool:
    """Say whether a package of the system installed this program, for everyone."""
    return Path(sys.prefix, MARKER).is_file()


def is_package_there() -> bool:
    """Say whether a distribution's package of Kortilla is on this computer."""
    return (_PLACE / MARKER).is_file()
