# SPDX-License-Identifier: MIT
"""``kortilla install|uninstall``, and what ``kortilla demo`` requires."""

import asyncio
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import secretstorage

from kortilla.mock_card.state import MockCardState
from native_host.browser_testing.temporary_home import TemporaryHome, extension_folder
from native_host.recipients import address_book
from native_host.recipients.person import Person
from native_host.state import history, remembered_can
from tests.cli.conftest import Run
from tests.support import cards
from tests.support.patience import patience
from tests.support.session_bus import open_keyring, open_session_bus
from tools.demo.command import demo

FIREFOX = ".mozilla/native-messaging-hosts"


def test_install_and_uninstall_say_what_they_did(run: Run, home: Path) -> None:
    installed = run("install", "--browser", "firefox")
    assert installed.status == 0
    assert installed.result["level"] == "user"
    assert [change["action"] for change in installed.result["changes"]] == [
        "written"
    ] * 11
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


@pytest.mark.parametrize("installed", [True, False], ids=["own", "package's"])
def test_uninstall_deletes_what_is_kept_of_the_use_and_names_what_stays(
    run: Run, home: Path, configure: Callable[[str], Path], installed: bool
) -> None:
    """A package's manifests are not the person's: nothing but the use is theirs."""
    if installed:
        run("install", "--browser", "firefox")
    state = home / ".local/state/kortilla"
    history.switch_on()
    another = MockCardState.open(cards.made(number=2)).read()
    certificate = next(key.certificate for key in another.keys if key.reference == 1)
    address_book.remember([Person.from_der(certificate)])
    kept = [state / name for name in ("history.jsonl", "recipients.json")]
    own = [configure(""), home / ".local/share/kortilla/mock-card"]
    cards.new_card(own[1])
    assert [path.exists() for path in (*kept, *own)] == [True] * 4

    would = run("uninstall", "--dry-run")
    changed = {each["path"] for each in would.result["changes"]}
    assert {*map(str, kept)} <= changed
    assert [path.exists() for path in kept] == [True] * 2
    said = run("uninstall", json=False).words
    for path in kept:
        assert f"Removed {path}\n" in said
    for path in own:
        assert f"Stays, as it is yours: {path}\n" in said
        assert path.exists()
    assert not state.exists()
    again = run("uninstall", json=False).words
    assert again.startswith("There is nothing to do.\nStays, as it is yours: ")


def test_uninstall_says_what_it_could_not_delete(run: Run, home: Path) -> None:
    state = home / ".local/state/kortilla"
    history.switch_on()
    state.chmod(0o777)
    said = run("uninstall", json=False).words
    assert f"Could not be deleted: {state / 'history.jsonl'}" in said
    assert "Removed" not in said


def test_uninstall_deletes_the_remembered_number_of_a_card(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def remember() -> None:
        async with asyncio.timeout(patience()):
            while not await remembered_can.can_remember():
                """The keyring is starting."""
        await remembered_can.remember(bytearray(b"123456"))

    with open_session_bus() as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        with open_keyring():
            asyncio.run(remember())
            run("install", "--browser", "firefox")
            for left in (("--dry-run",), ("--browser", "chromium")):
                run("uninstall", *left)
                assert asyncio.run(remembered_can.state()) == "remembered"
            assert "delete the entry" not in run("uninstall", json=False).words
            assert asyncio.run(remembered_can.state()) == "none"
            asyncio.run(remember())
            run("install", "--browser", "firefox")
            with closing(secretstorage.dbus_init()) as bus:
                secretstorage.Collection(bus).lock()
            assert "delete the entry" in run("uninstall", json=False).words


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


def test_what_is_left_alone_or_does_not_work_is_said(run: Run, home: Path) -> None:
    theirs = home / FIREFOX / "eu.webeid.json"
    theirs.parent.mkdir(parents=True)
    theirs.write_text('{"path": "/usr/bin/web-eid"}')
    (home / ".var/app/org.mozilla.firefox").mkdir(parents=True)
    words = run("install", json=False).words
    assert f"Left alone: {theirs}" in words
    assert "firefox is a flatpak and can't" in words


@pytest.mark.extras
@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ("--headless --browser chromium", "BROWSER_MISSING", "install chromium"),
        ("--headless --browser firefox", "BROWSER_MISSING", "install firefox-esr"),
        ("--headless --output file/demo", "DEMO_FAILED", "/file"),
        ("--card pcsc --trust empty", "DEMO_FAILED", "no screen"),
        ("--card pcsc --trust empty", "DEMO_FAILED", "in empty."),
    ],
)
def test_what_a_demo_lacks_is_named(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    options: str,
    code: str,
    said: str,
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    if said == "in empty.":
        monkeypatch.setenv("DISPLAY", ":7")
    if code == "BROWSER_MISSING":
        monkeypatch.setenv("PATH", str(tmp_path))
    words = options.split()
    if "--output" not in words:
        words += ["--output", str(tmp_path / "demo")]
    outcome = run("demo", *words)
    assert outcome.status == 1
    last = json.loads(outcome.lines[-1])
    assert (last["login"], last["error"]["code"]) == ("failed", code)
    assert said in last["error"]["message"]


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
    assert (extension_folder() / "manifest.json").is_file()
    assert demo.environment["DISPLAY"] == ":7"
    assert demo.environment["XAUTHORITY"] == str(home / ".Xauthority")
    for name in ("HOME", "KORTILLA_CONFIG", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        assert Path(demo.environment[name]).is_relative_to(output)


def test_the_demo_writes_into_no_folder_that_it_is_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with demo.make_context("demo", []) as context:
        folder = context.params["output"]
    assert folder == Path(__file__).parents[2] / "build/demo"
