# SPDX-License-Identifier: MIT
"""``make program`` puts the command on the path, and ``make clean`` takes it away."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def checkout(root: Path, tmp_path: Path) -> Path:
    """Copy the tools into a folder with a program, whose name has a space."""
    folder = tmp_path / "a checkout"
    shutil.copytree(root / "tools", folder / "tools")
    shutil.copy(root / "Makefile", folder)
    program = folder / ".venv/bin/kortilla"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho SPECIMEN\n")
    program.chmod(0o755)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with nothing in it."""
    home = tmp_path / "home"
    home.mkdir()
    return home


@pytest.fixture
def link(home: Path) -> Path:
    """Where the command is put."""
    return home / ".local/bin/kortilla"


def run(
    checkout: Path, home: Path, *command: str, path: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command in the checkout, which ends well."""
    return subprocess.run(
        command,
        cwd=checkout,
        env={"HOME": str(home), "PATH": path + os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
    )


def test_the_command_is_on_the_path_and_is_removed_again(
    checkout: Path, home: Path, link: Path
) -> None:
    said = run(checkout, home, "tools/command", "link").stdout
    assert f"{link.parent} is not on the PATH of this terminal." in said
    path = f"{link.parent}:"
    ran = run(checkout, home, "tools/command", "link", path=path)
    assert (ran.stdout, ran.stderr) == (f"The command kortilla is {link}\n", "")
    assert link.readlink() == checkout / ".venv/bin/kortilla"
    assert run(checkout, home, "kortilla", path=path).stdout == "SPECIMEN\n"
    # The link of a checkout that is gone is replaced.
    moved = checkout.rename(checkout.with_name("moved"))
    said = run(moved, home, "tools/command", "link").stdout
    assert f"led to {checkout}/.venv/bin/kortilla, which is gone." in said
    assert link.readlink() == moved / ".venv/bin/kortilla"
    ran = run(moved, home, "make", "clean")
    assert ran.stdout.splitlines()[0] == f"Removed {link}"
    assert not link.is_symlink()
    assert run(moved, home, "tools/command", "unlink").stdout == ""


@pytest.mark.parametrize(
    "target", [None, "/bin/true", "pipx/bin/kortilla", "other/.venv/bin/kortilla"]
)
def test_what_is_another_programs_stays(
    checkout: Path, home: Path, link: Path, tmp_path: Path, target: str | None
) -> None:
    link.parent.mkdir(parents=True)
    shutil.copytree(checkout, tmp_path / "other")
    if target is None:
        link.write_text("of somebody else's")
    else:
        link.symlink_to(tmp_path / target)  # the third leads nowhere
    before = link.lstat()
    ran = run(checkout, home, "tools/command", "link")
    assert ran.stdout == ""
    assert ran.stderr.startswith(f"{link} is another program's, and stays: ")
    assert run(checkout, home, "tools/command", "unlink").stdout == ""
    after = link.lstat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
