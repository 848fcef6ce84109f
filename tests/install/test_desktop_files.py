# SPDX-License-Identifier: MIT
"""``install`` and ``uninstall`` write and remove what starts agent and window.

File managers find the actions by the desktop's own tools, and no default changes.
"""

import configparser
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from native_host.agent.presence import UNIT
from native_host.desktop.window import DESKTOP_FILE
from native_host.errors import InstallError
from native_host.install.host import (
    ACTIONS,
    AGENT,
    install,
    install_package,
    uninstall,
)
from tests.install.conftest import WHICH
from tests.install.test_install import STARTERS, actions, tree
from tests.support.patience import patience

CHECKOUT = Path(__file__).parents[2]
UNITS = Path(".config/systemd/user")
SERVICE = UNITS / "kortilla-agent.service"
LINK = UNITS / "graphical-session.target.wants/kortilla-agent.service"
MENU = Path(".local/share/applications/fi.kortilla.Kortilla.desktop")
AUTOSTART = Path(".config/autostart/kortilla-agent.desktop")
PDF, CONTAINER = "application/pdf", "application/vnd.etsi.asic-e+zip"
SEALED = "application/pkcs7-mime"
VIEWER = "viewer.desktop"


def parse(path: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign] # case counts
    parser.read_string(path.read_text())
    return parser


def test_the_unit_and_the_autostart_file_start_the_agent(home: Path) -> None:
    install(["firefox"])
    unit, entry = parse(home / SERVICE), parse(home / AUTOSTART)
    command = [sys.executable, "-I", "-m", "native_host.cli", "agent"]
    assert shlex.split(unit["Service"]["ExecStart"]) == command
    assert shlex.split(entry["Desktop Entry"]["Exec"]) == command
    assert unit["Install"]["WantedBy"] == "graphical-session.target"
    # Where systemd turns autostart files into units, only one of the two starts it.
    assert entry["Desktop Entry"]["X-systemd-skip"] == "true"
    assert (home / LINK).is_symlink()
    assert (home / LINK).resolve() == home / SERVICE
    assert f"{AGENT}.service" == SERVICE.name
    assert AGENT == UNIT


def test_menu_and_file_managers_start_the_window(home: Path) -> None:
    install(["firefox"])
    starting = {
        "Kortilla": "",
        "Sign": "--sign %F",
        "Check": "--check %F",
        "Encrypt": "--encrypt %F",
        "Decrypt": "%F",
    }
    for name, options in starting.items():
        path = home / MENU.with_name(f"fi.kortilla.{name}.desktop")
        entry = parse(path)["Desktop Entry"]
        command = [sys.executable, "-I", "-m", "native_host.cli", "open"]
        assert shlex.split(entry["Exec"]) == [*command, *options.split()]
        icon = Path(entry["Icon"]).read_bytes()
        assert icon == (CHECKOUT / "extension/icons/kortilla.svg").read_bytes()
        # The menu has the window once.
        assert (entry.get("NoDisplay") == "true") == bool(options)
        kinds = entry.get("MimeType", "").split(";")
        assert (PDF in kinds) == ("--" in options)
        assert (SEALED in kinds) == (name == "Decrypt")
    # Desktops find a window's entry by this name.
    assert f"{DESKTOP_FILE}.desktop" == MENU.name


def test_the_unit_is_one_that_systemd_takes(home: Path) -> None:
    install(["firefox"])
    # The path of a socket has at most 107 bytes, and systemd looks at its own there.
    with TemporaryDirectory(dir="/tmp") as runtime:
        checked = subprocess.run(
            ["systemd-analyze", "--user", "verify", home / SERVICE],
            env={**os.environ, "XDG_RUNTIME_DIR": runtime},
            capture_output=True,
            text=True,
            check=False,
            timeout=patience(),
        )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_python_with_odd_characters_in_its_path_is_quoted(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / 'a b"c$d%e\\f`g' / "python"
    odd.parent.mkdir()
    odd.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(odd))
    install(["firefox"])
    quoted = str(odd).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    in_unit = quoted.replace("$", "$$")
    command = parse(home / SERVICE)["Service"]["ExecStart"]
    assert command == f'"{in_unit}" -I -m native_host.cli agent'
    # First the value is unescaped, then the command line's quotes.
    in_entry = quoted.replace("$", "\\$").replace("`", "\\`").replace("\\", "\\\\")
    command = parse(home / AUTOSTART)["Desktop Entry"]["Exec"]
    assert command == f'"{in_entry}" -I -m native_host.cli agent'


def test_what_has_gone_or_was_changed_is_written_anew(home: Path) -> None:
    install(["firefox"])
    before = tree(home)
    (home / LINK).unlink()
    (home / AUTOSTART).write_text("[Desktop Entry]\n")
    for each in (home / MENU).parent.iterdir():
        each.unlink()
    done = actions(install())
    assert [done[each] for each in STARTERS] == ["unchanged", *["written"] * 3]
    assert tree(home) == before
    assert set(STARTERS) <= set(actions(uninstall()))
    assert tree(home) == {}


def test_a_file_of_somebody_elses_making_is_not_removed(home: Path) -> None:
    install(["firefox"])
    (home / AUTOSTART).write_text("[Desktop Entry]\nHidden=true\n")
    (home / LINK).unlink()
    (home / LINK).symlink_to("/dev/null")
    done = actions(uninstall())
    assert [each in done for each in STARTERS] == [True, False, False, True]
    assert (home / AUTOSTART).exists() and (home / LINK).is_symlink()


def test_other_systems_get_none_or_are_named(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    (home / "Library/Application Support/Mozilla").mkdir(parents=True)
    assert not set(STARTERS) & set(actions(install()))
    monkeypatch.setattr(sys, "platform", "freebsd14")
    with pytest.raises(InstallError, match="freebsd14"):
        install(["chromium"])


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The applications of a system: a viewer of PDFs, which nobody has chosen."""
    monkeypatch.setattr(WHICH, shutil.which)
    applications = tmp_path / "share/applications"
    applications.mkdir(parents=True)
    (applications / VIEWER).write_text(
        "[Desktop Entry]\nType=Application\nName=Viewer\nExec=true %f\n"
        f"MimeType={PDF};\n"
    )
    run("update-desktop-database", applications)
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "share"))


def run(*command: str | Path) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout


def programs(kind: str) -> list[str]:
    """Return the programs for a type, the default one first."""
    words = run("gio", "mime", kind).split()
    return [each for each in words if each.endswith(".desktop")]


@pytest.mark.usefixtures("desktop")
def test_file_managers_offer_the_actions_and_the_default_stays(home: Path) -> None:
    assert programs(PDF)[0] == VIEWER
    install(["firefox"])
    applications = home / ".local/share/applications"
    for each in applications.glob("*.desktop"):
        run("desktop-file-validate", each)
    assert programs(PDF)[0] == VIEWER
    sign, check, encrypt, decrypt = ACTIONS
    assert {sign, check, encrypt} <= {*programs(PDF)}
    assert programs(CONTAINER)[0] == check
    # It opens encrypted files where nothing else does.
    assert programs(SEALED)[0] == decrypt
    install(["firefox"])
    uninstall()
    assert programs(PDF) == [VIEWER] * len(programs(PDF))
    assert tree(home) == {}


@pytest.mark.usefixtures("desktop")
def test_a_package_offers_the_actions_and_the_default_stays(tmp_path: Path) -> None:
    install_package(tmp_path, Path("/"))
    applications = tmp_path / "share/applications"
    run("update-desktop-database", applications)
    # gio passes over programs that are not there, as those of this package.
    cache = (applications / "mimeinfo.cache").read_text().splitlines()
    sign, check, encrypt, decrypt = (f"zz-kortilla-{each}" for each in ACTIONS)
    assert f"{PDF}={VIEWER};{check};{encrypt};{sign};" in cache
    assert f"{CONTAINER}={check};" in cache
    assert f"{SEALED}={decrypt};" in cache


@pytest.mark.usefixtures("desktop")
def test_a_persons_own_choices_and_programs_stay(home: Path) -> None:
    install(["firefox"])
    choices = home / ".config/mimeapps.list"
    changed = choices.read_text() + "# mine\n"
    choices.write_text(changed)
    uninstall()
    assert choices.read_text() == changed
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


@pytest.mark.usefixtures("desktop")
def test_another_program_goes_on_opening_encrypted_files(
    home: Path, tmp_path: Path
) -> None:
    applications = tmp_path / "share/applications"
    (applications / "mail.desktop").write_text(
        "[Desktop Entry]\nType=Application\nName=Mail\nExec=true %f\n"
        f"MimeType={SEALED};\n"
    )
    run("update-desktop-database", applications)
    install(["firefox"])
    assert programs(SEALED)[0] == "mail.desktop"
