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
    path = f"{link.parent}:"
    for _ in range(2):
        ran = run(checkout, home, "tools/command", "link", path=path)
        assert ran.stdout == f"The command kortilla is {link}\n"
        assert ran.stderr == ""
        assert link.readlink() == checkout / ".venv/bin/kortilla"
    assert run(checkout, home, "kortilla", path=path).stdout == "SPECIMEN\n"
    ran = run(checkout, home, "make", "clean")
    assert ran.stdout.splitlines()[0] == f"Removed {link}"
    assert not link.is_symlink()
    assert run(checkout, home, "tools/command", "unlink").stdout == ""


def test_make_program_ends_with_it(root: Path) -> None:
    said = subprocess.run(
        ["make", "--dry-run", "program"], cwd=root, stdout=subprocess.PIPE, check=True
    ).stdout
    assert said.splitlines()[-1] == b"tools/command link"


def test_what_the_path_of_the_terminal_lacks_or_finds_before_it_is_named(
    checkout: Path, home: Path, link: Path
) -> None:
    said = run(checkout, home, "tools/command", "link").stdout
    assert f"{link.parent} is not on the PATH of this terminal." in said
    assert said.endswith(f"type {checkout}/.venv/bin/kortilla\n")
    other = checkout / ".venv/bin"
    said = run(
        checkout, home, "tools/command", "link", path=f"{other}:{link.parent}:"
    ).stdout
    assert f"{other}/kortilla comes before it" in said


@pytest.mark.parametrize(
    "target",
    [None, "/bin/true", "pipx/venvs/kortilla/bin/kortilla", "other/.venv/bin/kortilla"],
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
    assert ran.stderr.endswith(f"{checkout}/.venv/bin/kortilla\n")
    assert ran.stderr.count("\n") == 1
    assert run(checkout, home, "tools/command", "unlink").stdout == ""
    after = link.lstat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_the_link_of_a_checkout_that_is_gone_is_replaced(
    checkout: Path, home: Path, link: Path, tmp_path: Path
) -> None:
    run(checkout, home, "tools/command", "link")
    moved = checkout.rename(tmp_path / "moved")
    said = run(moved, home, "tools/command", "link").stdout
    assert f"led to {checkout}/.venv/bin/kortilla, which is gone." in said
    assert link.readlink() == moved / ".venv/bin/kortilla"


def test_a_folder_that_cannot_be_written_is_said_in_one_sentence(
    checkout: Path, home: Path, link: Path
) -> None:
    (home / ".local").write_text("no folder")
    ran = run(checkout, home, "tools/command", "link")
    assert ran.stdout == ""
    assert ran.stderr == (
        f"{link} can't be written. The command is {checkout}/.venv/bin/kortilla\n"
    )
