# SPDX-License-Identifier: MIT
"""Runs programs as an ordinary user would, for tests that root runs."""

import os
from pathlib import Path

from tests.support.preload import preloading


def as_ordinary(*command: object) -> list[str]:
    """Return the command that runs another command with p11-kit as an ordinary user.

    p11-kit ignores the user's configuration if ``getuid`` returns root.
    """
    words = [*map(str, command)]
    if os.getuid():
        return words
    variables = preloading("ordinary").items()
    return ["env", *(f"{name}={value}" for name, value in variables), *words]


def program_called(name: str, program: str, folder: Path) -> Path:
    """Return a program under another name, the only thing that p11-kit checks."""
    path = folder / name
    path.symlink_to(program)
    return path
