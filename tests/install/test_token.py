# SPDX-License-Identifier: MIT
"""The card becomes a PKCS#11 token of browsers, and is removed without a trace.

Running browsers are noticed before their databases are changed.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from native_host.errors import InstallError, ToolMissingError
from native_host.install import nss, p11_kit
from native_host.install.host import install, uninstall
from native_host.install.tables import FAMILIES, Family
from native_host.install.token import TokenPlan, disable, enable
from native_host.install.token_state import status
from tests.install.nss_databases import (
    LIBRARY,
    make_database,
    make_profile,
)
from tests.install.test_install import tree
from tests.support import cards
from tests.support.patience import patience

MODULES = Path(".config/pkcs11/modules")
MODULE = MODULES / "kortilla.module"
HIDDEN = MODULES / "other.module"
MANIFEST = Path(".mozilla/pkcs11-modules/kortilla.json")


def done(plan: TokenPlan) -> dict[tuple[str, str], str]:
    plan.carry_out()
    return {
        (change.what, Path(change.path).name): change.action
        for change in plan.report.changes
    }


def listed(database: Path) -> dict[str, str]:
    return {each.name: each.library for each in nss.modules(database)}


def test_chromium_gets_a_database_that_lists_p11_kits_proxy(
    home: Path, system: Path
) -> None:
    assert done(enable(["chromium"], root=system)) == {
        ("module", "kortilla.module"): "written",
        ("hidden", "other.module"): "written",
        ("database", "nssdb"): "written",
        ("entry", "nssdb"): "written",
    }
    assert listed(home / ".pki/nssdb") == {"Kortilla": f"{system}{LIBRARY}"}
    shown = subprocess.run(
        ["modutil", "-dbdir", f"sql:{home}/.pki/nssdb", "-list", "Kortilla"],
        capture_output=True,
        text=True,
        check=True,
        timeout=patience(),
    )
    assert "Library file: " + listed(home / ".pki/nssdb")["Kortilla"] in shown.stdout


def test_each_profile_of_firefox_is_told_and_the_extension_may_do_it_too(
    home: Path, system: Path, tmp_path: Path
) -> None:
    old, new = home / ".mozilla/firefox", home / ".config/mozilla/firefox"
    profiles = [make_profile(old), make_profile(new, "a"), make_profile(new, "b c")]
    elsewhere = make_database(tmp_path / "elsewhere")
    with (old / "profiles.ini").open("a") as ini:
        ini.write(f"[Profile1]\nIsRelative=0\nPath={elsewhere}\n")
        ini.write("[Profile2]\nIsRelative=1\nPath=never.started\n")
    done(enable(["firefox"], root=system))
    for profile in (*profiles, elsewhere):
        assert listed(profile) == {"Kortilla": f"{system}{LIBRARY}"}
    assert json.loads((home / MANIFEST).read_bytes()) == {
        "name": "kortilla",
        "description": "Kortilla",
        "path": f"{system}{LIBRARY}",
        "type": "pkcs11",
        "allowed_extensions": ["{48e30dea-567c-4965-9e98-7118cfcaca7e}"],
    }


@pytest.mark.parametrize("family", ["firefox", "chromium", None])
def test_disable_leaves_all_as_it_was(
    home: Path, system: Path, family: Family | None
) -> None:
    make_profile(home / ".mozilla/firefox")
    (home / ".config/chromium").mkdir(parents=True)
    before = tree(home)
    chosen = [family] if family else None
    done(enable(chosen, root=system))
    assert set(before) < set(tree(home))
    done(disable(chosen, root=system))
    after = tree(home)
    # NSS has rewritten its list of modules with the same content.
    profile = ".mozilla/firefox/abc.default/pkcs11.txt"
    for each in (before, after):
        assert (each.pop(profile) or b"").split() != []
    assert after == before


def test_twice_is_once(home: Path, system: Path) -> None:
    make_profile(home / ".mozilla/firefox")
    done(enable(FAMILIES, root=system))
    before = tree(home)
    assert set(done(enable(FAMILIES, root=system)).values()) == {"unchanged"}
    assert tree(home) == before
    done(disable(root=system))
    assert done(disable(root=system)) == {}


def test_one_browser_goes_on_when_the_other_ends(home: Path, system: Path) -> None:
    make_profile(home / ".mozilla/firefox")
    done(enable(["firefox"], root=system))
    only_firefox = tree(home)
    done(enable(["chromium"], root=system))
    programs = p11_kit.programs_of(home / MODULE)
    assert {"firefox-esr", "chromium", "chrome"} <= programs
    assert p11_kit.programs_of(home / HIDDEN) == programs
    done(disable(["chromium"], root=system))
    assert tree(home) == only_firefox


def test_what_an_older_installation_wrote_is_written_anew(
    home: Path, system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(enable(["chromium"], root=system))
    (home / ".pki/nssdb/pkcs11.txt").write_text(
        (home / ".pki/nssdb/pkcs11.txt").read_text().replace(str(system), "/old")
    )
    moved = tmp_path / "python"
    moved.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(moved))
    found = status(root=system)
    assert found["module"]["state"] == "outdated"
    assert [each["enabled"] for each in found["browsers"]] == [False, False]
    assert found["browsers"][1]["databases"][0]["state"] == "outdated"
    done(enable(["chromium"], root=system))
    assert f"remote: |{moved} -I" in (home / MODULE).read_text()
    assert status(root=system)["browsers"][1]["enabled"]


def test_the_database_that_chromium_would_use_is_used(
    home: Path, system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = make_database(home / ".local/share/pki/nssdb")
    done(enable(["chromium"], root=system))
    assert "Kortilla" in listed(newer)
    assert not (home / ".pki").exists()
    # An older browser creates its own database, which newer ones then use.
    older = make_database(home / ".pki/nssdb")
    assert not status(root=system)["browsers"][1]["enabled"]
    done(enable(["chromium"], root=system))
    assert "Kortilla" in listed(older)
    done(disable(root=system))
    assert listed(older) == listed(newer) == {}
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    assert str(newer) not in str(status(root=system))


def test_a_database_with_something_in_it_stays(home: Path, system: Path) -> None:
    done(enable(["chromium"], root=system))
    where = ("-d", f"sql:{home}/.pki/nssdb", "-i", f"{cards.made()}/issuing.der")
    command = ["certutil", "-A", "-n", "SPECIMEN", "-t", ",,", *where]
    subprocess.run(command, check=True, timeout=patience())
    assert ("database", "nssdb") not in done(disable(root=system))
    assert nss.exists(home / ".pki/nssdb")
    assert listed(home / ".pki/nssdb") == {}
    assert not (home / ".config/pkcs11").exists()


def test_a_primary_password_is_not_asked_for(
    home: Path, system: Path, tmp_path: Path
) -> None:
    database = home / ".pki/nssdb"
    database.mkdir(parents=True)
    (tmp_path / "password").write_text("SPECIMEN-password\n")
    subprocess.run(
        ["certutil", "-N", "-d", f"sql:{database}", "-f", tmp_path / "password"],
        check=True,
        timeout=patience(),
    )
    done(enable(["chromium"], root=system))
    assert "Kortilla" in listed(database)
    done(disable(root=system))
    assert listed(database) == {}


def test_somebody_elses_module_file_stops_it_before_anything_is_written(
    home: Path, system: Path
) -> None:
    theirs = home / MODULE
    theirs.parent.mkdir(parents=True)
    theirs.write_text("module: /usr/lib/kortilla.so\n")
    before = tree(home)
    with pytest.raises(InstallError, match=r"kortilla\.module"):
        enable(["chromium"], root=system)
    assert status(root=system)["module"]["state"] == "other"
    assert done(disable(root=system)) == {("module", theirs.name): "kept"}
    assert tree(home) == before


def test_what_is_somebody_elses_is_left_alone(home: Path, system: Path) -> None:
    theirs = {
        home / HIDDEN: "log-calls: yes\n",
        home / MANIFEST: '{"name": "kortilla", "type": "pkcs11", "path": "/x.so"}',
    }
    for path, content in theirs.items():
        path.parent.mkdir(parents=True)
        path.write_text(content)
    profile = make_profile(home / ".mozilla/firefox")
    add_theirs(profile, "Kortilla", "/usr/lib/libssl3.so")
    before = tree(home)
    changes = done(enable(["firefox"], root=system))
    kept = {
        ("hidden", "other.module"): "kept",
        ("manifest", "kortilla.json"): "kept",
        ("entry", "abc.default"): "kept",
    }
    assert changes.items() >= kept.items()
    del kept["hidden", "other.module"]
    assert done(disable(["firefox"], root=system)).items() >= kept.items()
    assert tree(home) == before


def add_theirs(database: Path, name: str, library: str) -> None:
    with (database / "pkcs11.txt").open("a") as file:
        file.write(f"library={library}\nname={name}\n\n")


def test_a_browser_that_has_had_the_proxy_keeps_what_it_had(
    home: Path, system: Path
) -> None:
    database = make_database(home / ".pki/nssdb")
    add_theirs(database, "p11-kit-proxy", "/usr/lib64/p11-kit-proxy.so")
    changes = done(enable(["chromium"], root=system))
    assert changes == {
        ("module", "kortilla.module"): "written",
        ("entry", "nssdb"): "unchanged",
    }
    assert set(listed(database)) == {"p11-kit-proxy"}
    [_, chromium] = status(root=system)["browsers"]
    assert (chromium["enabled"], chromium["databases"][0]["state"]) == (True, "proxy")
    # Another browser's hidden module does not matter for this one.
    make_profile(home / ".mozilla/firefox")
    done(enable(["firefox"], root=system))
    assert "firefox" in p11_kit.programs_of(home / HIDDEN)
    assert "chromium" not in p11_kit.programs_of(home / HIDDEN)
    done(disable(root=system))
    assert set(listed(database)) == {"p11-kit-proxy"}


def test_a_system_without_p11_kit_is_told_the_package(home: Path, root: Path) -> None:
    with pytest.raises(ToolMissingError, match="libp11-kit0"):
        enable(["chromium"], root=root)
    assert status(root=root)["library"] is None
    assert done(disable(root=root)) == {}
    assert tree(home) == {}


def test_without_nsss_tools_nothing_is_begun(
    home: Path, system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".mozilla").mkdir()
    monkeypatch.setenv("PATH", str(home))
    with pytest.raises(ToolMissingError, match="libnss3-tools"):
        enable(["chromium"], root=system)
    assert set(tree(home)) == {".mozilla"}
    # A Firefox without a profile needs no change.
    assert done(enable(["firefox"], root=system))[("manifest", MANIFEST.name)] == (
        "written"
    )


def make_a_snap(home: Path) -> None:
    (home / "snap/firefox").mkdir(parents=True)


def make_an_endless_link(home: Path) -> None:
    (home / ".config/chromium").mkdir(parents=True)
    (home / MODULES).parent.mkdir(parents=True)
    (home / MODULES).symlink_to(MODULES.name)


def make_a_senseless_list(home: Path) -> None:
    ini = home / ".mozilla/firefox/profiles.ini"
    ini.parent.mkdir(parents=True)
    ini.write_bytes(b"Path=\xff\n")


def make_a_broken_database(home: Path) -> None:
    database = home / ".pki/nssdb"
    database.mkdir(parents=True)
    (database / "cert9.db").write_text("not a database")


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (make_a_snap, "Firefox is a snap"),
        (make_an_endless_link, "modules"),
        (make_a_senseless_list, r"profiles\.ini"),
        (make_a_broken_database, "nssdb: modutil failed"),
    ],
)
def test_what_is_in_the_way_is_named(
    home: Path, system: Path, make: Callable[[Path], None], named: str
) -> None:
    make(home)
    with pytest.raises(InstallError, match=named):
        done(enable(root=system))


@pytest.mark.parametrize("first", ["install", "enable"])
def test_nothing_is_left_whichever_of_install_and_enable_came_first(
    home: Path, system: Path, first: str
) -> None:
    if first == "enable":
        done(enable(["firefox"], root=system))
    install(["firefox"])
    done(enable(root=system))
    # Folders are remembered while one of the two is left.
    ends: list[Callable[[], object]] = [lambda: done(disable(root=system)), uninstall]
    for end in ends if first == "enable" else ends[::-1]:
        assert tree(home) != {}
        end()
    assert tree(home) == {}


@contextlib.contextmanager
def process(script: str, *arguments: object) -> Iterator[int]:
    """Run a script until the context ends; it has printed a line by then."""
    command = [sys.executable, "-I", "-c", f"{script}\nprint(flush=True)\ninput()"]
    with subprocess.Popen(
        [*command, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        assert running.stdin and running.stdout
        running.stdout.readline()
        yield running.pid
        running.communicate(b"\n", timeout=patience())


LOCK = "import fcntl, sys\nfile = open(sys.argv[1], 'w')\nfcntl.lockf(file, 2 | 4)"
OPEN = "import sys\nfile = open(sys.argv[1])"


def test_a_firefox_that_runs_is_noticed_by_its_lock(home: Path, system: Path) -> None:
    profile = make_profile(home / ".mozilla/firefox")
    (profile / "lock").symlink_to(f"127.0.0.1:+{os.getpid()}")  # left by a crash
    (profile / ".parentlock").touch()
    assert enable(["firefox"], root=system).report.running == ()
    with process(LOCK, profile / ".parentlock"):
        assert enable(["firefox"], root=system).report.running == ("Firefox",)
        assert enable(["chromium"], root=system).report.running == ()
        assert status(root=system)["browsers"][0]["databases"][0]["running"]
    (profile / "lock").unlink()
    (profile / "lock").symlink_to(f"127.0.0.1:{os.getpid()}")  # without a network
    assert enable(["firefox"], root=system).report.running == ("Firefox",)


def test_a_chromium_that_runs_is_noticed_by_its_lock(home: Path, system: Path) -> None:
    lock = home / ".config/google-chrome/SingletonLock"
    lock.parent.mkdir(parents=True)
    host = os.uname().nodename
    with process("") as pid:
        lock.symlink_to(f"{host}-{pid}")
        assert enable(["chromium"], root=system).report.running == ("Chromium",)
        assert enable(["firefox"], root=system).report.running == ()
    assert enable(["chromium"], root=system).report.running == ()
    lock.unlink()
    lock.symlink_to(f"another-host-{os.getpid()}")
    assert enable(["chromium"], root=system).report.running == ("Chromium",)


def test_whoever_has_the_database_open_is_noticed(home: Path, system: Path) -> None:
    done(enable(["chromium"], root=system))
    with process(OPEN, home / ".pki/nssdb/cert9.db"):
        # There is nothing to write.
        assert enable(["chromium"], root=system).report.running == ()
        plan = disable(root=system)
        assert plan.report.running == ("Chromium",)
        # The open database must not be changed.
        assert ("database", "nssdb") not in done(plan)
    assert done(disable(root=system)) == {}
    assert nss.exists(home / ".pki/nssdb")


def test_links_that_say_nothing_true_are_no_browser(home: Path, system: Path) -> None:
    profile = make_profile(home / ".mozilla/firefox")
    lock = home / ".config/chromium/SingletonLock"
    lock.parent.mkdir(parents=True)
    host = os.uname().nodename
    for said in ("", "-", f"{host}-", f"{host}-x", f"{host}-0", f"{host}-{2**80}"):
        for path, text in ((lock, said), (profile / "lock", said.replace("-", ":"))):
            path.unlink(missing_ok=True)
            path.symlink_to(text or "nothing")
        assert enable(root=system).report.running == (), said


def test_thunderbird_is_shown_the_card_only_by_its_name(
    home: Path, system: Path
) -> None:
    """It decrypts with the card; browsers log in."""
    mail = make_profile(home / ".thunderbird")
    make_profile(home / ".mozilla/firefox")
    before = tree(home)
    done(enable(root=system))
    assert listed(mail) == {}
    assert not {"thunderbird", "thunderbird-bin"} & p11_kit.programs_of(home / MODULE)
    [_, _, thunderbird] = status(root=system)["browsers"]
    assert (thunderbird["browser"], thunderbird["enabled"]) == ("thunderbird", False)
    with_browsers = tree(home)
    done(enable(["thunderbird"], root=system))
    assert listed(mail) == {"Kortilla": f"{system}{LIBRARY}"}
    assert {"thunderbird", "firefox"} <= p11_kit.programs_of(home / MODULE)
    assert status(root=system)["browsers"][2]["enabled"]
    changed = ".thunderbird/abc.default/pkcs11.txt"
    done(disable(["thunderbird"], root=system))
    after = tree(home)
    for each in (with_browsers, after):
        assert each.pop(changed)
    assert after == with_browsers
    done(enable(["thunderbird"], root=system))
    done(disable(root=system))
    assert listed(mail) == {}
    assert {*tree(home)} == {*before}


def test_a_thunderbird_that_has_not_been_started_is_told_so(
    home: Path, system: Path
) -> None:
    with pytest.raises(InstallError, match="Start it once"):
        enable(["thunderbird"], root=system)
    assert tree(home) == {}
