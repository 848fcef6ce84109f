# SPDX-License-Identifier: MIT
"""File managers find the actions by the desktop's own tools, and no default changes."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from native_host.browsers.native_messaging.installation import install, uninstall
from native_host.browsers.native_messaging.starter_files import ACTIONS
from tests.browsers_install.conftest import WHICH
from tests.browsers_install.test_install import tree

PDF, CONTAINER = "application/pdf", "application/vnd.etsi.asic-e+zip"
VIEWER = "viewer.desktop"


@pytest.fixture(autouse=True)
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_desktop: None) -> Path:
    """The applications of a system: a viewer of PDFs, which nobody has chosen."""
    monkeypatch.setattr(WHICH, shutil.which)
    system = tmp_path / "share"
    applications = system / "applications"
    applications.mkdir(parents=True)
    (applications / VIEWER).write_text(
        "[Desktop Entry]\nType=Application\nName=Viewer\nExec=true %f\n"
        f"MimeType={PDF};\n"
    )
    run("update-desktop-database", applications)
    for name in list(os.environ):
        if name.startswith("XDG_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_DATA_DIRS", str(system))
    return system


def run(*command: str | Path) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout


def programs(kind: str) -> list[str]:
    """Return the programs for a type, the default one first."""
    words = run("gio", "mime", kind).split()
    return [each for each in words if each.endswith(".desktop")]


def test_file_managers_offer_both_actions_and_the_default_stays(home: Path) -> None:
    assert programs(PDF)[0] == VIEWER
    install(["firefox"])
    applications = home / ".local/share/applications"
    for each in applications.glob("*.desktop"):
        run("desktop-file-validate", each)
    assert programs(PDF)[0] == VIEWER
    assert {f"{each}.desktop" for each in ACTIONS} <= {*programs(PDF)}
    assert programs(CONTAINER)[0] == "fi.kortilla.Check.desktop"
    install(["firefox"])
    uninstall()
    assert programs(PDF) == [VIEWER] * len(programs(PDF))
    assert tree(home) == {}


def test_a_choice_that_the_person_has_changed_stays(home: Path) -> None:
    install(["firefox"])
    choices = home / ".config/mimeapps.list"
    changed = choices.read_text() + "# mine\n"
    choices.write_text(changed)
    uninstall()
    assert choices.read_text() == changed


def test_a_persons_own_programs_stay_in_the_cache(home: Path) -> None:
    applications = home / ".local/share/applications"
    applications.mkdir(parents=True)
    own = applications / "own.desktop"
    own.write_text(
        f"[Desktop Entry]\nType=Application\nName=Own\nExec=true %f\nMimeType={PDF};\n"
    )
    install(["firefox"])
    assert programs(PDF)[0] in (VIEWER, own.name)
    uninstall()
    assert own.name in programs(PDF)
    assert (applications / "mimeinfo.cache").is_file()
