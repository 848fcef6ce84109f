# SPDX-License-Identifier: MIT
"""Programs as an ordinary user has them, for tests that root runs."""

import os
from pathlib import Path

from tests.support.preload import preload

__all__ = ["as_ordinary", "program_called"]


def as_ordinary(*command: object) -> list[str]:
    """Return the command that runs another with p11-kit as an ordinary user has it.

    p11-kit ignores what a person has set up where ``getuid`` says root.
    """
    fake = [] if os.getuid() else ["env", f"LD_PRELOAD={preload('ordinary')}"]
    return [*fake, *map(str, command)]


def program_called(name: str, program: str, folder: Path) -> Path:
    """Return a program under another name, which is all that p11-kit goes by."""
    path = folder / name
    path.symlink_to(program)
    return path
