# SPDX-License-Identifier: MIT
"""Fixtures for the repository's own files."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def files() -> set[str]:
    """The path of each committed file from the root."""
    listing = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    names = listing.stdout.decode().split("\0")
    return {name for name in names if (ROOT / name).is_file()}


@pytest.fixture(scope="session")
def texts(files: set[str]) -> dict[str, str]:
    """The content of each committed text file by its path from the root."""
    return {
        name: (ROOT / name).read_text(encoding="utf-8")
        for name in sorted(files)
        if not name.endswith(".png")
    }


@pytest.fixture(scope="session")
def wheel_file(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    subprocess.run([*command, "-d", folder], cwd=root, check=True, capture_output=True)
    return next(folder.glob("*.whl"))
