# SPDX-License-Identifier: MIT
"""``install`` and ``uninstall`` for one person, and the data in ``manifests/``."""

import base64
import errno
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from native_host.errors import InstallError
from native_host.install import files
from native_host.install.changes import launcher_path
from native_host.install.contents import manifest
from native_host.install.host import Report, install, uninstall
from native_host.install.tables import (
    OWN_HOST,
    Family,
    browsers,
    host_names,
    known_extensions,
)
from tests.support.patience import patience

CHROMIUM = ".config/chromium/NativeMessagingHosts"
FIREFOX = ".mozilla/native-messaging-hosts"
WANTED = "graphical-session.target.wants"
OTHERS_MANIFEST = json.dumps(
    {"name": "eu.webeid", "path": "/usr/bin/web-eid", "type": "stdio"}
)


def tree(folder: Path) -> dict[str, bytes | None]:
    """Return a folder's content: bytes of files, None for folders."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def actions(report: Report) -> dict[str, str]:
    return {
        f"{c.browser}/{c.host}" if c.host else own_file(Path(c.path)): c.action
        for c in report.changes
    }


def own_file(path: Path) -> str:
    return "launcher" if path.name == "kortilla-host" else f"starter/{path.parent.name}"


STARTERS = tuple(
    f"starter/{folder}" for folder in ("user", WANTED, "autostart", "applications")
)


def test_manifests_are_written_where_a_browsers_folder_is(home: Path) -> None:
    for folder in (".config/chromium", ".config/mozilla/firefox"):
        (home / folder).mkdir(parents=True)
    report = install()
    written = {name for name, content in tree(home).items() if content is not None}
    assert written == {
        f"{CHROMIUM}/fi.kortilla.host.json",
        f"{CHROMIUM}/eu.webeid.json",
        f"{FIREFOX}/fi.kortilla.host.json",
        f"{FIREFOX}/eu.webeid.json",
        ".local/share/kortilla/host/kortilla-host",
        ".local/share/kortilla/host/installed.json",
        ".config/systemd/user/kortilla-agent.service",
        f".config/systemd/user/{WANTED}/kortilla-agent.service",
        ".config/autostart/kortilla-agent.desktop",
        ".local/share/applications/fi.kortilla.Kortilla.desktop",
        ".local/share/applications/fi.kortilla.Sign.desktop",
        ".local/share/applications/fi.kortilla.Check.desktop",
        ".local/share/applications/fi.kortilla.Encrypt.desktop",
        ".local/share/applications/fi.kortilla.Decrypt.desktop",
    }
    for family, place in (("chromium", CHROMIUM), ("firefox", FIREFOX)):
        for host in host_names():
            content = (home / place / f"{host.name}.json").read_bytes()
            assert content == manifest(host, family, launcher_path("user"))  # type: ignore[arg-type] # a Literal out of a loop
    absent = ("chrome", "edge", "brave", "vivaldi", "opera", "librewolf")
    assert report.absent == absent


def test_a_browser_that_is_named_gets_its_folder(home: Path) -> None:
    report = install(["chromium"])
    assert (home / CHROMIUM / "fi.kortilla.host.json").is_file()
    assert not (home / ".mozilla").exists()
    assert actions(report) == {
        "launcher": "written",
        **dict.fromkeys(STARTERS, "written"),
        "chromium/fi.kortilla.host": "written",
        "chromium/eu.webeid": "written",
    }


def test_the_configuration_folder_may_be_elsewhere(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "settings"))
    install(["chromium"])
    for name in (
        "chromium/NativeMessagingHosts/fi.kortilla.host.json",
        "systemd/user/kortilla-agent.service",
    ):
        assert (home / "settings" / name).is_file()
    uninstall()
    assert tree(home) == {}


def test_without_any_browser_nothing_is_written_or_removed(home: Path) -> None:
    assert uninstall().changes == ()
    assert tree(home) == {}
    # A flatpak can't start programs outside its sandbox.
    (home / ".var/app/org.mozilla.firefox").mkdir(parents=True)
    before = tree(home)
    with pytest.raises(InstallError, match="None of the known browsers"):
        install()
    assert tree(home) == before


def test_installing_again_repairs_what_was_damaged_and_nothing_else(home: Path) -> None:
    install(["firefox"])
    before = tree(home)
    assert set(actions(install()).values()) == {"unchanged"}
    assert tree(home) == before
    launcher_path("user").unlink()
    (home / FIREFOX / "fi.kortilla.host.json").write_text("{")
    assert actions(install()) == {
        "launcher": "written",
        **dict.fromkeys(STARTERS, "unchanged"),
        "firefox/fi.kortilla.host": "written",
        "firefox/eu.webeid": "unchanged",
    }
    assert tree(home) == before


def test_a_dry_run_writes_nothing_and_says_the_same(home: Path) -> None:
    dry = install(["firefox"], dry_run=True)
    assert tree(home) == {}
    assert dry.dry_run
    assert dry.changes == install(["firefox"]).changes
    before = tree(home)
    assert uninstall(dry_run=True).changes
    assert tree(home) == before


@pytest.mark.parametrize("there", [(), (".config/chromium", FIREFOX)])
def test_uninstall_removes_what_install_wrote_and_nothing_else(
    home: Path, there: tuple[str, ...]
) -> None:
    for folder in there:
        (home / folder).mkdir(parents=True)
    (home / ".local/share/kortilla/mock-card").mkdir(parents=True)
    (home / "letter.txt").write_text("mine")
    before = tree(home)
    install(["chromium", "firefox"])
    report = uninstall()
    assert set(actions(report).values()) == {"removed"}
    assert tree(home) == before


def test_uninstall_of_one_browser_leaves_the_others_working(home: Path) -> None:
    install(["firefox"])
    before = tree(home)
    install(["chromium"])
    report = uninstall(["chromium"])
    assert "launcher" not in actions(report)
    assert not (home / ".config/chromium").exists()
    assert tree(home) == before


@pytest.mark.parametrize(
    "content", [OTHERS_MANIFEST, "not JSON", "[]", "{}", '{"path": {}}', "[" * 5000]
)
def test_another_programs_manifest_is_never_touched(home: Path, content: str) -> None:
    theirs = home / FIREFOX / "eu.webeid.json"
    theirs.parent.mkdir(parents=True)
    theirs.write_text(content)
    report = install()
    assert actions(report)["firefox/eu.webeid"] == "kept"
    assert actions(report)["firefox/fi.kortilla.host"] == "written"
    assert theirs.read_text() == content
    uninstall()
    assert theirs.read_text() == content


def test_another_programs_manifest_for_everyone_counts_too(
    home: Path, root: Path
) -> None:
    theirs = root / "usr/lib/mozilla/native-messaging-hosts/eu.webeid.json"
    theirs.parent.mkdir(parents=True)
    theirs.write_text(OTHERS_MANIFEST)
    report = install(["firefox"], root=root)
    assert actions(report)["firefox/eu.webeid"] == "kept"
    assert not (home / FIREFOX / "eu.webeid.json").exists()


def test_root_follows_no_link_in_a_folder_that_others_write_to(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = home / "elsewhere"
    elsewhere.mkdir()
    (home / ".mozilla").symlink_to(elsewhere)
    home.chmod(0o777)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(InstallError, match="is a link"):
        install(["firefox"])
    assert tree(elsewhere) == {}


def test_a_folder_that_is_a_link_is_followed_and_a_manifest_is_not(home: Path) -> None:
    place = home / "disk/native-messaging-hosts/fi.kortilla.host.json"
    place.parent.mkdir(parents=True)
    (home / ".mozilla").symlink_to("disk")
    (home / "precious").write_text("mine")
    place.symlink_to(home / "precious")
    install(["firefox"])
    assert (home / "precious").read_text() == "mine"
    assert place.is_file() and not place.is_symlink()
    uninstall()
    assert not place.exists()


def test_what_is_in_the_way_is_named_and_stays(home: Path) -> None:
    place = home / FIREFOX / "fi.kortilla.host.json"
    place.mkdir(parents=True)
    with pytest.raises(InstallError, match=r"fi\.kortilla\.host\.json: "):
        install()
    assert place.is_dir()
    shutil.rmtree(home / ".mozilla")
    (home / ".mozilla").write_text("not a folder")
    with pytest.raises(InstallError, match=r"\.mozilla"):
        install()
    assert (home / ".mozilla").read_text() == "not a folder"


def test_a_full_disk_is_named_and_nothing_half_written_stays(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InstallError, match="No space left"):
        install(["firefox"])
    assert tree(home) == {}


def test_a_broken_record_is_named_and_not_reset(home: Path) -> None:
    install(["firefox"])
    record = launcher_path("user").with_name("installed.json")
    record.write_text("{}")
    with pytest.raises(InstallError, match=r"installed\.json"):
        uninstall()
    assert record.read_text() == "{}"


def test_a_snap_and_a_flatpak_are_seen_and_said(home: Path) -> None:
    (home / "snap/chromium/common/chromium").mkdir(parents=True)
    (home / ".var/app/org.mozilla.firefox").mkdir(parents=True)
    report = install()
    assert report.confined == (
        {"browser": "chromium", "kind": "snap", "written": True},
        {"browser": "firefox", "kind": "flatpak", "written": False},
    )
    place = home / "snap/chromium/common/chromium/NativeMessagingHosts"
    assert (place / "fi.kortilla.host.json").is_file()
    assert not (home / ".mozilla").exists()
    assert not (home / ".config/chromium").exists()
    uninstall()
    assert not place.exists()


def test_a_flatpak_finds_the_host_through_the_service_that_starts_it(
    home: Path,
) -> None:
    (home / ".var/app/org.mozilla.firefox").mkdir(parents=True)
    (home / ".var/app/com.google.Chrome").mkdir()
    services = home / ".local/share/dbus-1/services"
    services.mkdir(parents=True)
    (services / "org.freedesktop.NativeMessagingProxy.service").touch()
    before = tree(home)
    report = install()
    assert [each["written"] for each in report.confined] == [False, True]
    assert (home / FIREFOX / "fi.kortilla.host.json").is_file()
    assert not (home / ".config/google-chrome").exists()
    uninstall()
    assert tree(home) == before


@pytest.mark.parametrize(
    ("place", "first_line"),
    [
        ("short", "#!{program} -I\n"),
        ("with space and 'quote'", "#!/bin/sh\n"),
        ("long" * 30, "#!/bin/sh\n"),
    ],
)
def test_the_launcher_says_hello_and_nothing_can_be_slipped_in(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    first_line: str,
) -> None:
    environment = tmp_path / place
    (environment / "bin").mkdir(parents=True)
    program = environment / "bin" / "python"
    program.symlink_to(sys.executable)
    # As in a virtual environment: the link's folder determines the libraries.
    configuration = Path(sys.prefix, "pyvenv.cfg").read_text()
    (environment / "pyvenv.cfg").write_text(configuration)
    (environment / "lib").symlink_to(Path(sys.prefix, "lib"))
    monkeypatch.setattr(sys, "executable", str(program))
    install(["firefox"])
    launcher = launcher_path("user")
    assert stat.S_IMODE(launcher.stat().st_mode) == 0o755
    assert launcher.read_text().startswith(first_line.format(program=program))
    # Browsers start it as here, also in a folder with a malicious module.
    trap = tmp_path / "trap"
    (trap / "native_host").mkdir(parents=True)
    (trap / "native_host/__init__.py").write_text("raise SystemExit('trapped')")
    finished = subprocess.run(
        [launcher, "/manifest.json", "{48e30dea-567c-4965-9e98-7118cfcaca7e}"],
        input=b"",
        capture_output=True,
        cwd=trap,
        env={**os.environ, "PYTHONPATH": str(trap)},
        timeout=patience(),
        check=True,
    )
    length = int.from_bytes(finished.stdout[:4], sys.byteorder)
    hello = json.loads(finished.stdout[4 : 4 + length])
    assert hello["version"].startswith("2.")


class TestForEveryone:
    """``--system``: the places that all users of the computer share."""

    @pytest.fixture(autouse=True)
    def as_root(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 0)

    @pytest.fixture
    def safe(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files, "only_root_writes", lambda path: path is not None)

    @pytest.mark.usefixtures("safe")
    def test_install_and_uninstall_leave_no_trace(self, root: Path) -> None:
        (root / "etc/chromium").mkdir(parents=True)
        before = tree(root)
        report = install(level="system", root=root)
        place = root / "etc/chromium/native-messaging-hosts/fi.kortilla.host.json"
        assert json.loads(place.read_bytes())["path"] == str(
            root / "usr/local/lib/kortilla/kortilla-host"
        )
        assert stat.S_IMODE(place.parent.stat().st_mode) == 0o755
        assert actions(report)["chromium/fi.kortilla.host"] == "written"
        unit = root / "etc/systemd/user/kortilla-agent.service"
        assert (unit.parent / WANTED / unit.name).resolve() == unit
        assert (root / "etc/xdg/autostart/kortilla-agent.desktop").is_file()
        uninstall(level="system", root=root)
        assert tree(root) == before

    def test_a_program_that_others_can_change_is_refused(
        self, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        program = tmp_path / "python"
        program.touch()
        program.chmod(0o777)
        monkeypatch.setattr(sys, "executable", str(program))
        with pytest.raises(InstallError, match="others than root"):
            install(["chromium"], level="system", root=root)
        assert not root.exists()

    def test_only_root_may(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        with pytest.raises(InstallError, match="Only root"):
            install(["chromium"], level="system", root=root)


def test_a_launcher_that_can_not_be_executed_is_written_anew(home: Path) -> None:
    install(["chromium"])
    program = launcher_path("user")
    program.chmod(0o644)
    assert actions(install(["chromium"]))["launcher"] == "written"
    assert stat.S_IMODE(program.stat().st_mode) == 0o755


REPOSITORY = Path(__file__).parents[2]
LAUNCHER = Path("/opt/kortilla/kortilla-host")
HOSTS = {host.name: host for host in host_names()}


def test_our_ids_are_those_that_the_extensions_manifest_gives() -> None:
    extension = json.loads((REPOSITORY / "extension" / "manifest.json").read_text())
    digest = hashlib.sha256(base64.b64decode(extension["key"])).hexdigest()
    letters = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
    assert HOSTS[OWN_HOST].chromium == (digest[:32].translate(letters),)
    gecko = extension["browser_specific_settings"]["gecko"]["id"]
    assert HOSTS[OWN_HOST].firefox == (gecko,)


def test_each_extension_in_the_table_is_known_to_the_host() -> None:
    assert known_extensions() == {
        *HOSTS[OWN_HOST].chromium,
        "{48e30dea-567c-4965-9e98-7118cfcaca7e}",
        "ncibgoaomkmdpilpocfeponihegamlic",
        "gnmckgbandlkacikdndelhfghdejfido",
        "{e68418bc-f2b0-4459-a9ea-3e72b6751b07}",
    }


@pytest.mark.parametrize(
    ("name", "family", "admitted"),
    [
        (
            *("eu.webeid", "chromium"),
            {
                "allowed_origins": [
                    "chrome-extension://ncibgoaomkmdpilpocfeponihegamlic/",
                    "chrome-extension://gnmckgbandlkacikdndelhfghdejfido/",
                ]
            },
        ),
        (
            *(OWN_HOST, "firefox"),
            {"allowed_extensions": ["{48e30dea-567c-4965-9e98-7118cfcaca7e}"]},
        ),
    ],
)
def test_a_manifest_admits_what_its_family_names(
    name: str, family: Family, admitted: dict[str, list[str]]
) -> None:
    # Braces, quotes and letters beyond ASCII are for no format to read.
    path = Path('/home/ä "{id}"/kortilla-host')
    assert re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)*", name)
    assert json.loads(manifest(HOSTS[name], family, path)) == {
        "name": name,
        "description": HOSTS[name].description,
        "path": str(path),
        "type": "stdio",
        **admitted,
    }


def test_more_extensions_go_to_the_family_that_they_belong_to() -> None:
    more = ["p" * 32, "mine@example.org", "{48e30dea-567c-4965-9e98-7118cfcaca7e}"]
    chromium = json.loads(manifest(HOSTS[OWN_HOST], "chromium", LAUNCHER, more))
    firefox = json.loads(manifest(HOSTS[OWN_HOST], "firefox", LAUNCHER, more))
    assert chromium["allowed_origins"][1:] == [f"chrome-extension://{'p' * 32}/"]
    assert firefox["allowed_extensions"] == [
        "{48e30dea-567c-4965-9e98-7118cfcaca7e}",
        "mine@example.org",
    ]


def test_every_browser_of_the_table_has_its_places(home: Path, root: Path) -> None:
    places = {b.name: b.place for b in browsers("user")}
    assert places["brave"] == (
        home / ".config/BraveSoftware/Brave-Browser/NativeMessagingHosts"
    )
    assert places["opera"] == places["chrome"]
    assert places["librewolf"] == home / ".librewolf/native-messaging-hosts"
    everywhere = {b.name: b.place for b in browsers("system", root=root)}
    assert everywhere["firefox"] == root / "usr/lib/mozilla/native-messaging-hosts"
    assert everywhere.keys() == places.keys()
