# SPDX-License-Identifier: MIT
"""The repository as its own tests see it."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def texts() -> dict[str, str]:
    """What stands in each committed text file, by the file's path from the root."""
    listing = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    texts = {}
    for name in listing.stdout.decode().split("\0"):
        path = ROOT / name
        if path.is_file() and path.suffix != ".png":
            texts[name] = path.read_text(encoding="utf-8")
    return texts
