# SPDX-License-Identifier: MIT
"""Programs as an ordinary user has them, for tests that root runs."""

import os
from pathlib import Path

__all__ = ["AS_ORDINARY", "program_called"]

#: What a command begins with: p11-kit, for one, ignores what a person has set up where
#: the person is root. Files stay within reach, since this user is root outside.
AS_ORDINARY: tuple[str, ...] = (
    ("unshare", "--user", "--map-user=1000", "--map-group=1000")
    if os.getuid() == 0
    else ()
)


def program_called(name: str, program: str, folder: Path) -> Path:
    """Return a program under another name, which is all that p11-kit goes by."""
    path = folder / name
    path.symlink_to(program)
    return path
