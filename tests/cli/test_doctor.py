# SPDX-License-Identifier: MIT
"""``kortilla doctor``: what it finds, what it fixes, and what it keeps to itself."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

import native_host
from native_host.card.pcsc_threads import in_thread
from native_host.cli import main
from native_host.doctor import browsers, examination
from native_host.doctor.browsers import check_extension, check_host
from native_host.doctor.card import check_card
from native_host.doctor.examination import examine, report
from native_host.doctor.findings import Finding, Place, Sentences, info
from native_host.doctor.surroundings import (
    check_screen,
    check_screen_reader,
)
from tests.cli.conftest import (
    CHROMIUM,
    DOCTOR,
    FIREFOX,
    LAUNCHER,
    MODULE,
    Break,
    NewCard,
    Run,
    another_program,
    codes,
    faults,
    found_by,
    is_fault,
    replace,
    rewrite,
    without_entry,
    write_configuration,
)
from tests.cli.terminal import KORTILLA, Terminal
from tests.install.nss_databases import make_profile
from tests.operations.user import until
from tests.pin_prompt.accessibility_bus import open_accessibility_bus
from tests.support import cards, commands
from tests.support.namespaces import REFUSED, may_leave_network
from tests.support.ordinary import as_ordinary, program_called
from tests.support.patience import patience
from tests.support.screen import open_screen

pytestmark = pytest.mark.usefixtures("no_screen", "warm_card_status")


def test_what_is_in_order_is_said(run: Run, installed: Path) -> None:
    # A manifest that is a link is as good as any other.
    for name in (CHROMIUM, FIREFOX):
        target = installed / name.replace("/", "-")
        (installed / name).rename(target)
        (installed / name).symlink_to(target)
    outcome = run(*DOCTOR)
    assert faults(outcome) == set()
    assert {"CARD", "TEST_CARD", "READER", "HOST_WORKS", "BROWSER"} <= set(
        codes(outcome)
    )
    # Without a screen no window can ask for the PIN.
    assert outcome.status == 1
    assert outcome.words == ""
    told = run(*DOCTOR, json=False)
    assert "Error: There is no screen for windows" in told.words
    assert "{" not in told.words
    # A broken configuration is a finding, and the rest is looked at.
    write_configuration(installed, 'card = "paper"')
    outcome = run(*DOCTOR)
    assert faults(outcome) == {"CONFIG_BROKEN"}
    assert "CARD" in codes(outcome)
    # The token ends at once then: the browser shows nothing, and this says why.
    assert "Suomi.fi" in codes(outcome)["CONFIG_BROKEN"]["message"]


INSTALL, ENABLE = "kortilla install", "kortilla pkcs11 enable"


#: What is broken at a time, and the codes by which it is found with what fixes each.
BROKEN: dict[str, tuple[tuple[Break, ...], dict[str, str]]] = {
    "all": (
        (
            lambda home: (home / CHROMIUM).unlink(),
            lambda home: (home / FIREFOX).write_text("{"),
            lambda home: shutil.rmtree(home / ".config/systemd"),
            replace(MODULE, "-I", "-E"),
        ),
        {
            **dict.fromkeys(("MANIFEST_MISSING", "MANIFEST_BROKEN"), INSTALL),
            "AGENT_NOT_INSTALLED": INSTALL,
            "PKCS11_OUTDATED": ENABLE,
        },
    ),
    "another program": (
        (another_program, rewrite(FIREFOX, allowed_extensions="all"), without_entry),
        {
            **dict.fromkeys(("MANIFEST_OTHER_PROGRAM", "MANIFEST_IDS"), INSTALL),
            "PKCS11_INCOMPLETE": f"{ENABLE} --browser chromium",
        },
    ),
    "no ids": (
        (rewrite(CHROMIUM, allowed_origins=[]), rewrite(FIREFOX, path="/nowhere/host")),
        dict.fromkeys(("MANIFEST_IDS", "LAUNCHER_MISSING"), INSTALL),
    ),
    "no program": (
        (lambda home: (home / LAUNCHER).chmod(0o644),),
        {"LAUNCHER_FAILED": INSTALL},
    ),
    "no Python": (
        (lambda home: (home / LAUNCHER).write_text("#!/nowhere/python -I\n"),),
        {"LAUNCHER_FAILED": INSTALL},
    ),
    "other version": (
        (
            lambda home: (home / LAUNCHER).write_text(
                '#!/bin/sh\nprintf \'\\023\\0\\0\\0{"version":"1.0.0"}\'\n'
            ),
        ),
        {"HOST_OTHER_VERSION": INSTALL},
    ),
}


@pytest.mark.parametrize(("broken", "expected"), BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_named_and_fixed(
    run: Run,
    installed: Path,
    examined: list[list[Finding]],
    broken: tuple[Break, ...],
    expected: dict[str, str],
) -> None:
    for each in broken:
        each(installed)
    fixed = run(*DOCTOR, "--fix", "--yes")
    found = report(examined[0], "en")["findings"]
    fixes = {each["code"]: each["fix"] for each in found if is_fault(each)}
    assert fixes == {
        code: {"command": command, "by": "doctor"} for code, command in expected.items()
    }
    named, _, _ = fixed.words.partition("After the fixes:")
    for command in expected.values():
        assert f"Fix it with this command: {command}\n" in named
    ran = {each["command"]: each["done"] for each in fixed.result["fixed"]}
    assert ran == dict.fromkeys(expected.values(), True)
    assert len(ran) == len(fixed.result["fixed"])
    assert len(examined) == 2
    assert faults(fixed) == set()
    assert "After the fixes:" in fixed.words


def test_nothing_is_run_without_asking(installed: Path) -> None:
    (installed / CHROMIUM).unlink()
    finished = commands.run(*DOCTOR, "--fix", "--json")
    assert finished.returncode == 1
    assert json.loads(finished.stdout)["fixed"] == []
    assert "kortilla install was not run" in finished.stderr
    for answer, there in (("n\r", False), ("y\r", True)):
        with contextlib.closing(Terminal([*KORTILLA, *DOCTOR, "--fix"])) as terminal:
            terminal.wait_for("Run kortilla install?")
            terminal.type(answer)
            assert bool(terminal.outcome().result["fixed"]) == there
        assert (installed / CHROMIUM).exists() == there


def test_what_root_or_a_person_must_do_is_not_run(run: Run, new_card: NewCard) -> None:
    card = new_card("v5", "pin1-blocked")
    before = card.read()
    outcome = run(*DOCTOR, "--fix", "--yes")
    assert codes(outcome)["PIN_BLOCKED"]["fix"] == {
        "command": "kortilla card unblock pin1",
        "by": "person",
    }
    # Without a browser `kortilla install` fails, so it is not offered.
    assert codes(outcome)["AGENT_NOT_INSTALLED"]["fix"] is None
    assert codes(outcome)["PKCS11_OFF"]["fix"] is None
    assert outcome.result["fixed"] == []
    assert card.read() == before


@pytest.mark.parametrize(
    ("profile", "state", "code"),
    [
        ("v4.2", "new", "CARD_NOT_ACTIVATED"),
        ("v5", "partly-activated", "CARD_PARTLY_ACTIVATED"),
        ("v4.2", "pin2-blocked", "PIN_BLOCKED"),
        ("v5", "last-try", "PIN_LAST_TRY"),
        ("v5", "expired", "CERTIFICATE_EXPIRED"),
    ],
)
def test_the_state_of_a_card_is_named_and_costs_no_try(
    run: Run, new_card: NewCard, profile: str, state: str, code: str
) -> None:
    card = new_card(profile, state)
    before = card.read()
    found = codes(run(*DOCTOR))
    assert code in found
    about_cards = {"CARD_", "PIN_", "CERTIFICATE_"}
    assert {
        each for each in found if any(each.startswith(sign) for sign in about_cards)
    } == {code}
    assert card.read() == before


def test_the_report_says_nothing_of_the_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "matti.specimen-meikalainen"
    card = cards.new_card(home / ".local/share/kortilla/mock-card")
    (home / ".config/chromium").mkdir(parents=True)
    make_profile(home / ".mozilla/firefox")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USER", "specimen-matti")
    told = card.describe()
    data = card.read()
    secrets = {
        *(told["serial"], told["surname"], *told["givenName"].split(), told["satu"]),
        *(told["atr"], data.pin1.value * 2, data.pin2.value, data.puk.value),
        *("specimen", "meikalainen", "matti", str(tmp_path), str(home)),
    }
    for change in (lambda _: None, _install, _break, _make_ring):
        change(home)
        finished = _examine_as_ordinary_user()
        said = (finished.stdout + finished.stderr).lower()
        assert '"code": "card"' in said
        assert not [each for each in secrets if each.lower() in said]


def _examine_as_ordinary_user() -> "subprocess.CompletedProcess[str]":
    """Run a doctor whom p11-kit takes for an ordinary user's."""
    return subprocess.run(
        as_ordinary(*KORTILLA, *DOCTOR, "--json"),
        capture_output=True,
        text=True,
        check=False,
        timeout=patience(),
    )


def _install(_home: Path) -> None:
    assert main(["install"]) == 0
    assert main(["pkcs11", "enable"]) == 0


def _break(home: Path) -> None:
    another_program(home)
    without_entry(home)
    write_configuration(home, "matti = 1")


def _make_ring(home: Path) -> None:
    """Make a ring of links: the check itself fails, with the path in its error."""
    (home / MODULE).write_text("module: other.so\n")
    hosts = home / ".config/chromium/NativeMessagingHosts"
    shutil.rmtree(hosts)
    hosts.symlink_to(hosts)


def test_a_signal_ends_the_programs_that_were_started_too(installed: Path) -> None:
    told = installed / "told"
    os.mkfifo(told)
    (installed / LAUNCHER).write_text(f'#!/bin/sh\necho $$ >"{told}"\nexec sleep 600\n')
    doctor = subprocess.Popen(
        [*KORTILLA, *DOCTOR, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    launcher = int(told.read_text())
    doctor.terminate()
    printed, _ = doctor.communicate(timeout=patience())
    assert json.loads(printed)["error"]["code"] == "USER_CANCELLED"
    with pytest.raises(ProcessLookupError):
        os.kill(launcher, 0)


def test_a_computer_without_the_systems_library_has_no_card_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pyscard prints that on standard output, in C, when the process ends."""
    (tmp_path / "libpcsclite.so.1").touch()
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    [found] = asyncio.run(check_card(Place("pcsc", "window", root=tmp_path)))
    assert found.code == "PCSCD_MISSING"
    words = (*KORTILLA, "card", "status", "--json")
    said = subprocess.run(words, capture_output=True, check=False, text=True)
    assert json.loads(said.stdout)["error"]["code"] == "PCSC_UNAVAILABLE"
    assert "libpcsclite" in said.stderr


async def test_a_check_that_is_cancelled_clears_up_first() -> None:
    begun: list[None] = []
    cleared: list[None] = []

    async def hangs(_: Place) -> list[Finding]:
        begun.append(None)
        try:
            await asyncio.Event().wait()
        finally:
            for _turn in range(100):  # of the event loop, as to reap a process
                await asyncio.sleep(0)
            cleared.append(None)
        return []

    checks = ({"card": hangs}, {"host": hangs})
    examination = asyncio.ensure_future(examine(Place(), checks=checks))
    await until(lambda: len(begun) == 2)
    examination.cancel()
    with pytest.raises(asyncio.CancelledError):
        await examination
    assert len(cleared) == 2


def test_a_check_that_hangs_or_fails_says_so_and_the_others_go_on() -> None:
    for_ever = threading.Event()

    async def hangs(place: Place) -> list[Finding]:
        await in_thread(for_ever.wait)
        return []

    async def fails(place: Place) -> list[Finding]:
        raise ValueError("and a secret")

    async def works(place: Place) -> list[Finding]:
        return [info("HOST_WORKS")]

    checks = ({"card": hangs, "token": works}, {"host": fails}, {"agent": works})
    found = asyncio.run(examine(Place(), patience=0.2, checks=checks))
    for_ever.set()
    assert [(each.code, each.details) for each in found] == [
        ("CHECK_TIMED_OUT", {"check": "card"}),
        ("HOST_WORKS", {}),
        ("CHECK_FAILED", {"check": "host", "failure": "ValueError"}),
        ("HOST_WORKS", {}),
    ]


def test_every_finding_has_a_sentence() -> None:
    folder = Path(examination.__file__).parent
    source = "".join(path.read_text() for path in folder.glob("*.py"))
    named = set(re.findall(r'"([A-Z][A-Z0-9]*_?[A-Z0-9_]+)"', source))
    texts = set(Sentences("en"))
    sentences = {key for key in texts if key.isupper()}
    assert sentences <= named
    assert {f"check.{name}" for row in examination._CHECKS for name in row} <= texts


# -- Browsers, token, agent, screen and other programs ---------------------------------


def p11_kit_codes() -> set[str]:
    found = json.loads(_examine_as_ordinary_user().stdout)["findings"]
    return {each["code"] for each in found}


def test_p11_kit_itself_is_asked_whether_the_token_answers(installed: Path) -> None:
    assert "PKCS11_WORKS" in p11_kit_codes()
    # The token's program ends at once. Only a call shows it.
    write_configuration(installed, 'card = "paper"')
    found = p11_kit_codes()
    assert "PKCS11_WORKS" not in found
    # Root's p11-kit would ignore all of it.
    assert ("PKCS11_FAILED" in found) == bool(os.getuid())
    assert ("PKCS11_ROOT" in found) == (not os.getuid())


def test_what_was_switched_off_or_is_somebody_elses_is_no_fault(
    run: Run, installed: Path, tmp_path: Path
) -> None:
    assert run("pkcs11", "disable").status == 0
    assert run("agent", "--disable").status == 0
    (installed / ".var/app/org.mozilla.firefox").mkdir(parents=True)  # its remains
    other = installed / ".config/chromium/NativeMessagingHosts/eu.webeid.json"
    other.write_text(json.dumps({"name": "eu.webeid", "path": "/usr/bin/web-eid"}))
    program = program_called("scdaemon", shutil.which("sleep") or "", tmp_path)
    with subprocess.Popen([program, "600"]) as running:
        outcome = run(*DOCTOR, "--fix", "--yes")
        running.kill()
    assert faults(outcome) == set()
    assert outcome.result["fixed"] == []
    assert not (installed / MODULE).exists()
    found = codes(outcome)
    assert found["PKCS11_OFF"]["severity"] == "info"
    assert found["AGENT_DISABLED"]["fix"]["command"] == "kortilla agent --enable"
    assert found["PROXY_MISSING"]["severity"] == "info"
    assert found["WEB_EID_OTHER_PROGRAM"]["details"] == {"browser": "Chromium"}
    program_details = {"program": "GnuPG (scdaemon)"}
    assert found["OTHER_PROGRAM_RUNS"]["details"] == program_details


def test_another_file_in_the_place_of_the_module_is_named(
    run: Run, installed: Path
) -> None:
    (installed / MODULE).write_text("module: other.so\n")
    assert "PKCS11_OTHER_MODULE" in faults(run(*DOCTOR))


def test_browsers_in_a_sandbox_are_named_and_no_browser_is_too(
    run: Run, home: Path
) -> None:
    assert codes(run(*DOCTOR))["NO_BROWSER"]["fix"] is None
    assert "Start the browser once" in run(*DOCTOR, json=False).words
    (home / ".var/app/org.chromium.Chromium").mkdir(parents=True)
    found = codes(run(*DOCTOR))
    confined = {"browser": "Chromium", "kind": "flatpak"}
    assert found["BROWSER_CONFINED"]["details"] == confined
    assert "NO_BROWSER" in found
    (home / "snap/firefox").mkdir(parents=True)
    found = codes(run(*DOCTOR))
    assert found["BROWSER_PORTAL"]["details"] == {"browser": "Firefox", "kind": "snap"}
    assert found["MANIFEST_MISSING"]["details"] == {"browser": "Firefox"}
    (home / "snap/chromium/common/chromium").mkdir(parents=True)
    found = codes(run(*DOCTOR))
    unknown = {"browser": "Chromium", "kind": "snap"}
    assert found["BROWSER_UNKNOWN"]["details"] == unknown
    assert found["BROWSER_PORTAL"]["details"]["browser"] == "Firefox"


def test_what_a_flatpak_lacks_is_said(run: Run, home: Path) -> None:
    (home / ".var/app/org.mozilla.firefox").mkdir(parents=True)
    assert {"PROXY_MISSING", "NO_BROWSER"} <= set(codes(run(*DOCTOR)))
    data, proxy = home / ".local/share", "org.freedesktop.NativeMessagingProxy"
    service = data / f"dbus-1/services/{proxy}.service"
    service.parent.mkdir(parents=True)
    service.touch()
    found = codes(run(*DOCTOR))
    assert found["MANIFEST_MISSING"]["fix"]["command"] == "kortilla install"
    # It may be that only its settings are left.
    assert "BROWSER_PROXY" in found and "NO_BROWSER" not in found
    installation = data / "flatpak"
    metadata = installation / "app/org.mozilla.firefox/current/active/metadata"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("[Application]\nname=org.mozilla.firefox\n")
    forbidden = codes(run(*DOCTOR))["PROXY_FORBIDDEN"]
    assert forbidden["fix"] == {
        "command": f"flatpak override --talk-name={proxy} org.mozilla.firefox",
        "by": "root",
    }
    for path, policy, code in (
        (metadata, "talk", "BROWSER_PROXY"),
        (installation / "overrides/global", "none", "PROXY_FORBIDDEN"),
        (installation / "overrides/org.mozilla.firefox", "talk", "BROWSER_PROXY"),
    ):
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as file:
            file.write(f"\n[Session Bus Policy]\n{proxy}={policy}\n")
        assert code in codes(run(*DOCTOR)), path
    run("install")
    assert "MANIFEST_MISSING" not in codes(run(*DOCTOR))


@pytest.mark.parametrize(
    ("version", "fields", "code"),
    [
        (native_host.VERSION, {}, "EXTENSION_FITS"),
        ("9.8", {}, "EXTENSION_OTHER_VERSION"),
        ("SPECIMEN", {}, "EXTENSION"),
        (native_host.VERSION, {"disable_reasons": [1]}, "EXTENSION_DISABLED"),
    ],
)
def test_the_extension_is_looked_for_in_chromiums_profiles(
    installed: Path, version: str, fields: dict[str, Any], code: str
) -> None:
    [extension] = re.findall(
        "chrome-extension://([a-p]{32})/", (installed / CHROMIUM).read_text()
    )[:1]
    settings = {extension: {"manifest": {"version": version}, "path": "x", **fields}}
    profile = installed / ".config/chromium/Default"
    profile.mkdir()
    (profile / "Secure Preferences").write_text(
        json.dumps({"extensions": {"settings": settings}})
    )
    found = found_by(check_extension)
    assert found[code]["browser"] == "Chromium"
    assert found["EXTENSION_NOT_SEEN"]["browser"] == "Firefox"


def test_the_extension_is_looked_for_in_firefoxs_profiles(installed: Path) -> None:
    [extension] = json.loads((installed / FIREFOX).read_text())["allowed_extensions"]
    path = installed / ".mozilla/firefox/abc.default/extensions.json"
    addons = [{"id": extension, "version": native_host.VERSION, "active": True}]
    path.write_text(json.dumps({"addons": addons}))
    fits = {"browser": "Firefox", "version": native_host.VERSION}
    assert found_by(check_extension)["EXTENSION_FITS"] == fits


def test_what_browsers_wrote_may_be_anything(installed: Path) -> None:
    profile = installed / ".config/chromium/Default"
    profile.mkdir()
    for content in ("[" * 100_000, "[]", '{"extensions": []}', "\0"):
        (profile / "Preferences").write_text(content)
        (installed / ".mozilla/firefox/abc.default/extensions.json").write_text(content)
        assert set(found_by(check_extension)) == {"EXTENSION_NOT_SEEN"}


def test_a_system_that_keeps_no_process_from_the_network_is_named(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ("NETWORK_STAYS_OPEN" in found_by(check_host)) != may_leave_network()
    # Such as a container, or a kernel without namespaces for ordinary users.
    monkeypatch.setattr(browsers, "_PROBE", REFUSED + browsers._PROBE)
    assert "NETWORK_STAYS_OPEN" in found_by(check_host)
    # Where it is so on each computer, it is nothing that was found on this one.
    elsewhere = "import sys; sys.platform = 'darwin'\n"
    monkeypatch.setattr(browsers, "_PROBE", elsewhere + browsers._PROBE)
    assert "NETWORK_STAYS_OPEN" not in found_by(check_host)


def test_a_screen_is_really_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_screen() as screen:
        monkeypatch.setenv("DISPLAY", screen.display)
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
        assert found_by(check_screen) == {"SCREEN": {"system": "X11"}}
        assert set(found_by(check_screen_reader)) == {"SCREEN_READERS_IMPOSSIBLE"}
        with open_accessibility_bus(screen.display) as bus:
            monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.session)
            assert set(found_by(check_screen_reader)) == {"SCREEN_READERS_POSSIBLE"}
    assert set(found_by(check_screen)) == {"SCREEN_UNREACHABLE"}
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert set(found_by(check_screen)) == {"SCREEN_UNREACHABLE"}
