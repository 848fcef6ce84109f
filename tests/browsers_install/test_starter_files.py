# SPDX-License-Identifier: MIT
"""``install`` and ``uninstall`` write and remove what starts agent and window."""

import configparser
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from native_host.agent.presence import UNIT
from native_host.browsers import files
from native_host.browsers.native_messaging import starter_files
from native_host.browsers.native_messaging.installation import install, uninstall
from native_host.cli import main
from native_host.desktop.window import DESKTOP_FILE
from tests.browsers_install.test_install import STARTERS, actions, tree
from tests.support.patience import patience

CHECKOUT = Path(__file__).parents[2]
UNITS = Path(".config/systemd/user")
SERVICE = UNITS / "kortilla-agent.service"
LINK = UNITS / "graphical-session.target.wants/kortilla-agent.service"
MENU = Path(".local/share/applications/fi.kortilla.Kortilla.desktop")
AUTOSTART = Path(".config/autostart/kortilla-agent.desktop")


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
    assert f"{starter_files.AGENT}.service" == SERVICE.name
    assert starter_files.AGENT == UNIT


def test_the_menu_starts_the_window_and_shows_the_programs_icon(
    home: Path,
) -> None:
    install(["firefox"])
    entry = parse(home / MENU)["Desktop Entry"]
    command = [sys.executable, "-I", "-m", "native_host.cli", "open"]
    assert shlex.split(entry["Exec"]) == command
    # Desktops find a window's entry by this name.
    assert f"{DESKTOP_FILE}.desktop" == MENU.name
    icon = Path(entry["Icon"]).read_bytes()
    assert icon == (CHECKOUT / "extension/icons/kortilla.svg").read_bytes()
    uninstall()
    assert not (home / MENU).exists()


def test_file_managers_open_files_in_the_window(home: Path) -> None:
    install(["firefox"])
    for name, option in (("Sign", "--sign"), ("Check", "--check")):
        path = home / MENU.with_name(f"fi.kortilla.{name}.desktop")
        entry = parse(path)["Desktop Entry"]
        command = [sys.executable, "-I", "-m", "native_host.cli", "open", option, "%F"]
        assert shlex.split(entry["Exec"]) == command
        assert "application/pdf" in entry["MimeType"].split(";")
        # The menu has the window once.
        assert entry["NoDisplay"] == "true"
    uninstall()
    assert tree(home) == {}


def test_the_unit_is_one_that_systemd_takes(home: Path, tmp_path: Path) -> None:
    install(["firefox"])
    checked = subprocess.run(
        ["systemd-analyze", "--user", "verify", home / SERVICE],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
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


def test_a_dry_run_shows_them(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["install", "--browser", "firefox", "--dry-run"]
    assert main([*command, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    shown = [change["path"] for change in result["changes"]]
    assert main(command) == 0
    words = capsys.readouterr().out
    for path in (SERVICE, LINK, AUTOSTART):
        assert str(home / path) in shown
        assert f"Would write {home / path}" in words
    assert tree(home) == {}


def test_uninstall_takes_them_away_with_the_launcher(home: Path) -> None:
    install(["firefox", "chromium"])
    assert not set(STARTERS) & set(actions(uninstall(["chromium"])))
    assert (home / LINK).is_symlink()
    assert set(STARTERS) <= set(actions(uninstall(["firefox"])))
    assert tree(home) == {}


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


def test_a_file_of_somebody_elses_making_is_not_removed(home: Path) -> None:
    install(["firefox"])
    (home / AUTOSTART).write_text("[Desktop Entry]\nHidden=true\n")
    (home / LINK).unlink()
    (home / LINK).symlink_to("/dev/null")
    done = actions(uninstall())
    assert [each in done for each in STARTERS] == [True, False, False, True]
    assert (home / AUTOSTART).exists() and (home / LINK).is_symlink()


def test_they_are_found_in_another_configuration_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "settings"))
    install(["firefox"])
    assert (home / "settings/systemd/user/kortilla-agent.service").is_file()
    uninstall()
    assert tree(home) == {}


def test_for_everyone_they_lie_in_etc(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(files, "only_root_writes", lambda path: path is not None)
    install(["chromium"], level="system", root=root)
    link = root / "etc/systemd/user/graphical-session.target.wants" / SERVICE.name
    assert link.resolve() == root / "etc/systemd/user" / SERVICE.name
    assert (root / "etc/xdg/autostart/kortilla-agent.desktop").is_file()
    uninstall(level="system", root=root)
    assert tree(root) == {}


def test_a_system_without_such_gets_none(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    (home / "Library/Application Support/Mozilla").mkdir(parents=True)
    assert not set(STARTERS) & set(actions(install()))
