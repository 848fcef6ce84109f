# SPDX-License-Identifier: MIT
"""A newer package while a window is open, and what is left when the package goes."""

import os
import subprocess
from pathlib import Path

from kortilla import background
from tests.booted.computer import wait_until
from tests.booted.conftest import Cards, Service
from tests.booted.desktop import Desktop
from tests.booted.person import LOGIN, Citizen

PIN1 = "1234"
_NEWER = "99.1.0"


def _newer_package(folder: Path) -> Path:
    """Make the package as a newer version would be."""
    tree = folder / "tree"
    package = os.environ["BOOTED_PACKAGE"]
    subprocess.run(["dpkg-deb", "--raw-extract", package, str(tree)], check=True)
    [source] = tree.glob("usr/lib/kortilla/lib/python3/*/native_host/__init__.py")
    for file, begin, line in (
        (tree / "DEBIAN/control", "Version: ", f"Version: {_NEWER}"),
        (source, "VERSION = ", f'VERSION = "{_NEWER}"'),
    ):
        lines = file.read_text().splitlines()
        changed = [line if each.startswith(begin) else each for each in lines]
        file.write_text("\n".join(changed) + "\n")
    made = folder / "newer.deb"
    build = ["dpkg-deb", "--build", "--root-owner-group", "-Znone", str(tree)]
    subprocess.run([*build, str(made)], check=True, capture_output=True)
    return made


def test_upgrade(
    desktop: Desktop,
    citizen: Citizen,
    own_cards: Cards,
    service: Service,
    tmp_path: Path,
) -> None:
    """A newer version is installed while a window is open, and the login goes on"""
    computer = desktop.computer
    own_cards.insert()
    package = computer.root / "root/newer.deb"
    package.write_bytes(_newer_package(tmp_path).read_bytes())
    with citizen.page("chromium", service.start) as tab:
        background.run(tab.click("#identify"))
        citizen.wait_ready(LOGIN("title"), LOGIN("confirm"))
        computer.run("apt-get", "install", "--yes", "/root/newer.deb")
        citizen.type_when_ready(LOGIN("title"), LOGIN("confirm"), f"{PIN1}\r")
        background.run(tab.wait_for("#logout"))
        background.run(tab.click("#logout"))
        background.run(tab.click("#identify"))
        citizen.type_when_ready(LOGIN("title"), LOGIN("confirm"), f"{PIN1}\r")
        background.run(tab.wait_for("#logout"))
    assert computer.user("kortilla", "--version").strip() == _NEWER


def test_purge(desktop: Desktop, citizen: Citizen, service: Service) -> None:
    """apt purge leaves no process, no file and no entry that names Kortilla"""
    computer = desktop.computer
    computer.run("apt-get", "purge", "--yes", "kortilla")
    wait_until(lambda: not computer.processes("native_host.cli", "agent"), "no agent")
    outside = ("-path", "/proc", "-o", "-path", "/sys", "-o", "-path", "/root")
    left = computer.run(
        *("find", "/", "-xdev", "(", *outside, ")", "-prune", "-o"),
        *("-iname", "*kortilla*", "-print"),
    )
    logs = ("/var/log/", "/var/cache/apt/", "/home/specimen/.cache/")
    assert [each for each in left.split() if not each.startswith(logs)] == []
    lists = "~/.pki/nssdb/pkcs11.txt ~/.mozilla/firefox/*/pkcs11.txt"
    assert computer.user("sh", "-c", f"grep -l Kortilla {lists} || true") == ""
