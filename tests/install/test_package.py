# SPDX-License-Identifier: MIT
"""Kortilla as a package of the system: its files, and its program's behaviour."""

import asyncio
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from native_host.cli import main
from native_host.doctor.browsers import check_token_files
from native_host.doctor.findings import Place
from native_host.install import nss, p11_kit, tables, token_state
from native_host.install.host import (
    install,
    install_package,
    set_up_package,
    take_down_package,
)
from native_host.install.nss import NssModule
from native_host.install.token import disable, enable
from native_host.install.token_state import status
from tests.install.nss_databases import LIBRARY, make_database, make_profile
from tests.install.test_install import tree
from tests.install.test_token import done, listed

PYTHON = "/usr/lib/kortilla/bin/python3"
FILES = {
    "etc/chromium/native-messaging-hosts/fi.kortilla.host.json",
    "etc/xdg/autostart/kortilla-agent.desktop",
    "usr/bin/kortilla",
    "usr/lib/kortilla/kortilla-host",
    "usr/lib/kortilla/packaged",
    "usr/lib/mozilla/native-messaging-hosts/fi.kortilla.host.json",
    "usr/lib/systemd/user/graphical-session.target.wants/kortilla-agent.service",
    "usr/lib/systemd/user/kortilla-agent.service",
    "usr/share/applications/fi.kortilla.Kortilla.desktop",
    "usr/share/applications/zz-kortilla/fi.kortilla.Check.desktop",
    "usr/share/applications/zz-kortilla/fi.kortilla.Decrypt.desktop",
    "usr/share/applications/zz-kortilla/fi.kortilla.Encrypt.desktop",
    "usr/share/applications/zz-kortilla/fi.kortilla.Sign.desktop",
    "usr/share/p11-kit/modules/kortilla.module",
}
MODULE = Path(".config/pkcs11/modules/kortilla.module")


@pytest.fixture
def packaged(system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program from a package, on a system that has the package's files."""
    monkeypatch.setattr(sys, "executable", PYTHON)
    install_package(system, Path("/usr"))
    monkeypatch.setattr(sys, "prefix", str(system / "usr/lib/kortilla"))
    return system


def in_tree(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }


def test_an_ordinary_user_writes_the_files_of_a_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    tree_of_package = tmp_path / "tree"
    report = install_package(tree_of_package, Path("/usr"), dry_run=True)
    assert len(report.changes) == len(FILES)
    assert not tree_of_package.exists()
    command = ["install", "--system", "--destdir", str(tree_of_package)]
    assert main([*command, "--prefix", "/usr", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["level"] == "system"
    assert {change["action"] for change in result["changes"]} == {"written"}
    assert in_tree(tree_of_package) == FILES
    for path in tree_of_package.rglob("*"):
        if not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            program = path.is_dir() or path.name in ("kortilla", "kortilla-host")
            assert mode == (0o755 if program else 0o644), path
    # The installed files must not reveal where they were built.
    for name in FILES:
        path = tree_of_package / name
        assert str(tmp_path) not in path.read_text()
    assert main([*command, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert {change["action"] for change in result["changes"]} == {"unchanged"}


def test_the_files_name_the_private_trees_programs(tmp_path: Path) -> None:
    install_package(tmp_path, Path("/opt/specimen"))
    program = "/opt/specimen/lib/kortilla"
    for folder in ("etc/chromium", "usr/lib/mozilla"):
        place = tmp_path / folder / "native-messaging-hosts/fi.kortilla.host.json"
        assert json.loads(place.read_bytes())["path"] == f"{program}/kortilla-host"
    own = ("bin/kortilla", "lib/kortilla/kortilla-host")
    for name in (
        *(f"opt/specimen/{each}" for each in own),
        "opt/specimen/lib/systemd/user/kortilla-agent.service",
        "etc/xdg/autostart/kortilla-agent.desktop",
        "opt/specimen/share/applications/fi.kortilla.Kortilla.desktop",
        "usr/share/p11-kit/modules/kortilla.module",
    ):
        assert f"{program}/bin/python3" in (tmp_path / name).read_text(), name


@pytest.mark.parametrize(
    "arguments",
    [
        ["--destdir", "DIR"],
        ["--prefix", "/usr"],
        ["--system", "--prefix", "/usr"],
        ["--system", "--destdir", "DIR", "--prefix", "usr"],
        ["--system", "--destdir", "DIR", "--browser", "chromium"],
    ],
)
def test_options_that_do_not_go_together(arguments: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    assert (
        main(["install", *(str(folder) if a == "DIR" else a for a in arguments)]) == 2
    )
    assert not folder.exists()


@pytest.mark.usefixtures("packaged")
def test_install_says_that_everyone_has_it_already(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / ".config/chromium").mkdir(parents=True)
    before = tree(home)
    for arguments in ([], ["--browser", "firefox"], ["--dry-run"]):
        assert main(["install", *arguments]) == 0
        said = capsys.readouterr().out
        assert "already installed for everyone" in said
        assert "older" not in said
        assert main(["install", *arguments, "--json"]) == 0
        result = json.loads(capsys.readouterr().out)
        assert (result["level"], result["changes"]) == ("system", [])
        assert tree(home) == before


def test_a_checkouts_set_is_named_and_uninstall_takes_it_back(
    home: Path,
    system: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (home / ".config/chromium").mkdir(parents=True)
    before = tree(home)
    install()
    install_package(system, Path("/usr"))
    monkeypatch.setattr(sys, "prefix", str(system / "usr/lib/kortilla"))
    assert main(["install"]) == 0
    assert "kortilla uninstall" in capsys.readouterr().out
    assert main(["uninstall"]) == 0
    assert tree(home) == before


def test_an_installation_beside_a_package_says_which_one_browsers_start(
    home: Path,
    system: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (home / ".config/chromium").mkdir(parents=True)
    assert main(["install"]) == 0
    assert "package" not in capsys.readouterr().out
    install_package(system, Path("/usr"))
    monkeypatch.setattr(tables, "_PACKAGE_PLACE", system / "usr/lib/kortilla")
    assert main(["install"]) == 0
    said = capsys.readouterr().out
    assert "for everyone on this computer too" in said
    assert "kortilla uninstall" in said
    # That would write over the package's own files.
    before = tree(system)
    assert main(["install", "--system"]) == 1
    assert "for everyone on this computer already" in capsys.readouterr().err
    assert tree(system) == before


def test_firefoxs_manifest_of_the_token_comes_when_the_package_is_set_up(
    packaged: Path,
) -> None:
    before = tree(packaged)
    place = packaged / "usr/lib/mozilla/pkcs11-modules/kortilla.json"
    assert [c.action for c in set_up_package(root=packaged).changes] == ["written"]
    assert json.loads(place.read_bytes())["path"] == f"{packaged}{LIBRARY}"
    assert [c.action for c in set_up_package(root=packaged).changes] == ["unchanged"]
    take_down_package(root=packaged)
    assert tree(packaged) == before
    # Somebody else's stays.
    place.parent.mkdir()
    place.write_text("{}")
    assert take_down_package(root=packaged).changes == ()
    assert place.read_text() == "{}"


def test_a_packages_token_is_enabled_without_a_second_module_file(
    packaged: Path, home: Path
) -> None:
    set_up_package(root=packaged)
    profile = make_profile(home / ".mozilla/firefox")
    make_database(home / ".pki/nssdb")
    before = tree(home)
    assert done(enable(["firefox"], root=packaged)) == {
        ("hidden", "other.module"): "written",
        ("entry", profile.name): "written",
    }
    assert listed(profile) == {"Kortilla": f"{packaged}{LIBRARY}"}
    assert not (home / MODULE).exists()
    assert not (home / ".mozilla/pkcs11-modules").exists()
    found = status(root=packaged)
    assert found["module"] == {
        "path": str(packaged / "usr/share/p11-kit/modules/kortilla.module"),
        "state": "ours",
    }
    firefox, chromium = found["browsers"]
    assert firefox["enabled"]
    assert [each["state"] for each in firefox["manifests"]] == ["ours"]
    assert not chromium["enabled"]
    hidden = p11_kit.programs_of(home / ".config/pkcs11/modules/other.module")
    assert hidden >= {"firefox", "firefox-esr"}
    assert "chromium" not in hidden
    disable(root=packaged).carry_out()
    assert tree(home).keys() == before.keys()
    assert listed(profile) == {}
    found = status(root=packaged)["browsers"]
    assert [each["enabled"] for each in found] == [False, False]


def test_a_browser_that_has_p11_kit_anyway_sees_a_packages_card(
    packaged: Path, home: Path
) -> None:
    def findings() -> list[str]:
        found = asyncio.run(check_token_files(Place(root=packaged)))
        return [each.code for each in found]

    profile = make_profile(home / ".mozilla/firefox")
    assert set(findings()) == {"PKCS11_OFF"}
    nss.add_module(profile, NssModule("p11-kit", f"{packaged}{LIBRARY}"))
    found = status(root=packaged)["browsers"]
    assert [each["enabled"] for each in found] == [True, False]
    assert findings() == [], "the doctor agrees"


def test_an_extension_switches_a_packages_token_on_and_off(
    packaged: Path, home: Path
) -> None:
    set_up_package(root=packaged)
    profile = make_profile(home / ".mozilla/firefox")
    before = tree(home).keys()
    assert done(enable(["firefox"], root=packaged, entries=False)) == {
        ("hidden", "other.module"): "written",
    }
    assert token_state.is_prepared("firefox", packaged)
    assert listed(profile) == {}
    disable(["firefox"], root=packaged, entries=False).carry_out()
    assert tree(home).keys() == before
    take_down_package(root=packaged)
    assert not token_state.is_prepared("firefox", packaged)


def test_a_module_file_of_a_checkout_goes_when_the_package_has_its_own(
    home: Path, system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_profile(home / ".mozilla/firefox")
    done(enable(root=system))
    assert (home / MODULE).exists()
    monkeypatch.setattr(sys, "executable", PYTHON)
    install_package(system, Path("/usr"))
    monkeypatch.setattr(sys, "prefix", str(system / "usr/lib/kortilla"))
    assert status(root=system)["module"] == {
        "path": str(home / MODULE),
        "state": "outdated",
    }
    changes = done(enable(root=system))
    assert changes["module", "kortilla.module"] == "removed"
    assert not (home / MODULE).exists()
    assert status(root=system)["browsers"][0]["enabled"]
