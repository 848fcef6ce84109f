# SPDX-License-Identifier: MIT
"""What the library and the citizen's program both use. It imports nothing of either."""

import sys
from typing import Any

#: A JSON object. Its members have the types that PROTOCOL.md or a docstring names; one
#: that comes from elsewhere is checked where it is read.
JsonObject = dict[str, Any]


def own_python(*words: str, program: str = sys.executable) -> tuple[str, ...]:
    """Return the command that runs this Python anew with these arguments.

    ``-I`` excludes PYTHONPATH, the user's site folder and the current folder. It comes
    first: on Windows ``program`` is Kortilla's own, and no Python without it
    (``packaging/windows/launcher.c``).
    """
    return (program, "-I", *words)
