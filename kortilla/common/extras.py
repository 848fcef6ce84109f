# SPDX-License-Identifier: MIT
"""What is said where a part of Kortilla is not installed.

It is apart from the commands' output, since the host imports it before each window, and
click would cost 12 ms there.
"""

import sys
from pathlib import Path

#: The file that marks the virtual environment of a distribution's package.
MARKER = "packaged"


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
