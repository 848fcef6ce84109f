# SPDX-License-Identifier: MIT
"""``kortilla install|uninstall``, and what ``kortilla demo`` requires."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from native_host.browser_testing.temporary_home import TemporaryHome, extension_folder
from tests.cli.conftest import Run

FIREFOX = ".mozilla/native-messaging-hosts"


def test_install_and_uninstall_say_what_they_did(run: Run, home: Path) -> None:
    installed = run("install", "--browser", "firefox")
    assert installed.status == 0
    assert installed.result["level"] == "user"
    assert [change["action"] for change in installed.result["changes"]] == [
        "written"
    ] * 9
    place = home / FIREFOX / "fi.kortilla.host.json"
    assert installed.words == ""
    assert Path(json.loads(place.read_bytes())["path"]).is_file()
    place.unlink()
    again = run("install", "--browser", "firefox", json=False)
    assert f"Wrote {place}" in again.words
    assert "{" not in again.words
    removed = run("uninstall", json=False)
    assert f"Removed {place}" in removed.words
    assert list(home.iterdir()) == []
    assert "nothing to do" in run("uninstall", json=False).words


def test_a_dry_run_says_what_would_be_done(run: Run, home: Path) -> None:
    outcome = run("install", "--browser", "chromium", "--dry-run")
    assert outcome.result["dry_run"] is True
    told = run("install", "--browser", "chromium", "--dry-run", json=False)
    assert "Would write" in told.words
    assert list(home.iterdir()) == []


def test_the_configurations_extensions_are_admitted(
    run: Run, home: Path, configure: Callable[[str], Path]
) -> None:
    configure('extensions = ["mine@example.org"]')
    run("install", "--browser", "firefox")
    for name in ("fi.kortilla.host", "eu.webeid"):
        fields = json.loads((home / FIREFOX / f"{name}.json").read_bytes())
        assert fields["allowed_extensions"][-1] == "mine@example.org"


def test_another_programs_manifest_is_said_to_be_left_alone(
    run: Run, home: Path
) -> None:
    theirs = home / FIREFOX / "eu.webeid.json"
    theirs.parent.mkdir(parents=True)
    theirs.write_text('{"path": "/usr/bin/web-eid"}')
    outcome = run("install", json=False)
    assert f"Left alone: {theirs}" in outcome.words


def test_a_flatpak_is_said_not_to_work(run: Run, home: Path) -> None:
    (home / ".mozilla").mkdir()
    (home / ".var/app/org.mozilla.firefox").mkdir(parents=True)
    assert "firefox is a flatpak and can't" in run("install", json=False).words


@pytest.mark.parametrize(
    ("browser", "package"), [("chromium", "chromium"), ("firefox", "firefox-esr")]
)
def test_a_missing_browser_is_named_with_its_package(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    browser: str,
    package: str,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    outcome = run(
        *("demo", "--headless", "--browser", browser),
        *("--output", str(tmp_path / "demo")),
    )
    assert outcome.status == 1
    last = json.loads(outcome.lines[-1])
    assert (last["login"], last["browser"]) == ("failed", browser)
    assert last["error"]["code"] == "BROWSER_MISSING"
    assert f"apt install {package}" in last["error"]["message"]


def test_a_real_card_needs_a_screen(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    outcome = run("demo", "--card", "pcsc", "--trust", str(tmp_path))
    assert outcome.status == 1
    assert "no screen" in json.loads(outcome.lines[-1])["error"]["message"]


def test_a_folder_that_cannot_be_made_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = run("demo", "--headless", "--output", "file/demo")
    assert outcome.status == 1
    last = json.loads(outcome.lines[-1])
    assert (last["login"], last["error"]["code"]) == ("failed", "DEMO_FAILED")
    assert str(tmp_path / "file") in last["error"]["message"]


def test_a_folder_without_ca_certificates_is_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":7")
    outcome = run(
        *("demo", "--card", "pcsc", "--trust", str(tmp_path)),
        *("--output", str(tmp_path / "demo")),
    )
    assert outcome.status == 1
    error = json.loads(outcome.lines[-1])["error"]
    assert error["code"] == "DEMO_FAILED"
    assert str(tmp_path) in error["message"]


def test_the_demo_leaves_the_persons_own_things_alone(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".Xauthority").touch()
    monkeypatch.setenv("DISPLAY", ":7")
    monkeypatch.delenv("XAUTHORITY", raising=False)
    output = tmp_path / "demo"
    for _ in range(2):  # a second demo starts from scratch
        demo = TemporaryHome.build(output, "firefox", card="mock", prompt="automatic")
        assert not (demo.home / "old").exists()
        (demo.home / "old").touch()
    assert [path.name for path in home.iterdir()] == [".Xauthority"]
    assert demo.environment["DISPLAY"] == ":7"
    assert demo.environment["XAUTHORITY"] == str(home / ".Xauthority")
    for name in ("HOME", "KORTILLA_CONFIG", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        assert Path(demo.environment[name]).is_relative_to(output)


def test_the_demo_finds_the_extension() -> None:
    assert (extension_folder() / "manifest.json").is_file()
