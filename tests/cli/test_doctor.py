# SPDX-License-Identifier: MIT
"""``kortilla doctor``: what it finds, what it mends, and what it keeps to itself."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import native_host
from kortilla.testing.state import MockCardState
from native_host.card.errors import CardKind
from native_host.card.pcsc_threads import in_thread
from native_host.cli import main
from native_host.doctor import examination
from native_host.doctor.card import findings_in_readers, reader_name
from native_host.doctor.examination import Check, examine
from native_host.doctor.extension import check_extension
from native_host.doctor.findings import Finding, Place, catalogue, info
from native_host.doctor.surroundings import (
    check_screen,
    check_screen_reader,
    judge_clock,
)
from native_host.languages import SPOKEN
from tests.browsers_install.nss_databases import make_profile
from tests.cli.conftest import Outcome, Run
from tests.cli.terminal import Terminal
from tests.pin_prompt.accessibility_bus import open_accessibility_bus
from tests.support import cards
from tests.support.ordinary import as_ordinary, program_called
from tests.support.screen import open_screen

KORTILLA = (sys.executable, "-I", "-m", "native_host.cli")
DOCTOR = ("doctor", "--card", "mock", "--lang", "en")
LAUNCHER = ".local/share/kortilla/host/kortilla-host"
CHROMIUM = ".config/chromium/NativeMessagingHosts/fi.kortilla.host.json"
FIREFOX = ".mozilla/native-messaging-hosts/fi.kortilla.host.json"
MODULE = ".config/pkcs11/modules/kortilla.module"

Break = Callable[[Path], object]


@pytest.fixture(autouse=True)
def _no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "LANG", "LC_ALL", "LC_MESSAGES", "TZ"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def installed_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A home with both browsers, the card shown to them, and the mock card; its copy.

    Manifests name files by their whole path, so each test has it in this place.
    """
    folder = tmp_path_factory.mktemp("installed")
    home, copy = folder / "home", folder / "copy"
    cards.new_card(home / ".local/share/kortilla/mock-card")
    (home / ".config/chromium").mkdir(parents=True)
    make_profile(home / ".mozilla/firefox")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        for name in [each for each in os.environ if each.startswith("XDG_")]:
            patch.delenv(name)
        assert main(["install"]) == 0
        assert main(["pkcs11", "enable"]) == 0
    shutil.copytree(home, copy, symlinks=True)
    return home, copy


@pytest.fixture
def installed(
    installed_once: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The home as it was after the installation."""
    home, copy = installed_once
    monkeypatch.setenv("HOME", str(home))
    yield home
    shutil.rmtree(home)
    shutil.copytree(copy, home, symlinks=True)


def codes(outcome: Outcome) -> dict[str, Mapping[str, Any]]:
    return {each["code"]: each for each in outcome.result["findings"]}


def found_by(check: Check) -> dict[str, Mapping[str, str]]:
    """Return the codes that one check finds, with their details."""

    async def found() -> list[Finding]:
        return await check(Place())

    return {each.code: each.details for each in asyncio.run(found())}


def faults(outcome: Outcome) -> set[str]:
    """Return the codes of what is to be mended, but for the screen that is missing."""
    return {
        code for code, each in codes(outcome).items() if each["severity"] != "info"
    } - {"NO_SCREEN", "PKCS11_FAILED"}


def rewrite(name: str, **fields: object) -> Break:
    def do(home: Path) -> None:
        path = home / name
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))

    return do


def replace(name: str, old: str, new: str) -> Break:
    def do(home: Path) -> None:
        path = home / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return do


def another_program(home: Path) -> None:
    other = home / "other"
    other.write_text("#!/bin/sh\nexit 0\n")
    other.chmod(0o755)
    rewrite(CHROMIUM, path=str(other))(home)


def without_entry(home: Path) -> None:
    subprocess.run(
        [
            *("modutil", "-force", "-dbdir", f"sql:{home}/.pki/nssdb"),
            *("-delete", "Kortilla"),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )


def configure(home: Path, text: str) -> None:
    path = home / ".config/kortilla/config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_what_is_in_order_is_said(run: Run, installed: Path) -> None:
    outcome = run(*DOCTOR)
    assert faults(outcome) == set()
    assert {"CARD", "TEST_CARD", "READER", "HOST_WORKS", "BROWSER"} <= set(
        codes(outcome)
    )
    # Without a screen no window can ask for the PIN.
    assert outcome.status == 1
    assert "Error: There is no screen for windows" in outcome.words
    silent = run(*DOCTOR, "--json")
    assert (silent.words, silent.result) == ("", outcome.result)


INSTALL, ENABLE = "kortilla install", "kortilla pkcs11 enable"
#: What is broken at a time, and the codes by which it is found with what mends each.
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
    "no launcher": (
        (lambda home: (home / LAUNCHER).unlink(),),
        {"LAUNCHER_MISSING": INSTALL},
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
def test_what_is_broken_is_named_and_mended(
    run: Run, installed: Path, broken: tuple[Break, ...], expected: dict[str, str]
) -> None:
    for each in broken:
        each(installed)
    found = run(*DOCTOR)
    assert found.status == 1
    assert faults(found) == set(expected)
    for code, command in expected.items():
        assert codes(found)[code]["mend"] == {"command": command, "by": "doctor"}
        assert f"This command mends it: {command}\n" in found.words
    mended = run(*DOCTOR, "--fix", "--yes")
    ran = {each["command"]: each["done"] for each in mended.result["mended"]}
    assert ran == dict.fromkeys(expected.values(), True)
    assert len(ran) == len(mended.result["mended"])
    assert faults(mended) == set()
    assert "After the repairs:" in mended.words


def test_a_manifest_that_is_a_link_is_as_good_as_any_other(
    run: Run, installed: Path
) -> None:
    for name in (CHROMIUM, FIREFOX):
        target = installed / name.replace("/", "-")
        (installed / name).rename(target)
        (installed / name).symlink_to(target)
    assert faults(run(*DOCTOR)) == set()


def test_nothing_is_run_without_asking(installed: Path) -> None:
    (installed / CHROMIUM).unlink()
    finished = subprocess.run(
        [*KORTILLA, *DOCTOR, "--fix"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert finished.returncode == 1
    assert json.loads(finished.stdout)["mended"] == []
    assert "kortilla install was not run" in finished.stderr
    for answer, there in (("n\r", False), ("y\r", True)):
        with contextlib.closing(Terminal([*KORTILLA, *DOCTOR, "--fix"])) as terminal:
            terminal.wait_for("Run kortilla install?")
            terminal.type(answer)
            assert bool(terminal.end().result["mended"]) == there
        assert (installed / CHROMIUM).exists() == there


def test_what_root_or_a_person_must_do_is_not_run(run: Run, home: Path) -> None:
    cards.new_card(home / ".local/share/kortilla/mock-card", "v5", "pin1-blocked")
    before = MockCardState.open().read()
    outcome = run(*DOCTOR, "--fix", "--yes")
    assert codes(outcome)["PIN_BLOCKED"]["mend"] == {
        "command": "kortilla card unblock pin1",
        "by": "person",
    }
    assert [each["command"] for each in outcome.result["mended"]] == [
        "kortilla install"  # for the agent, which needs a browser
    ]
    assert outcome.result["mended"][0]["done"] is False
    assert MockCardState.open().read() == before


@pytest.mark.parametrize(
    ("profile", "state", "code"),
    [
        ("v5", "new", "CARD_NOT_ACTIVATED"),
        ("v4.2", "new", "CARD_NOT_ACTIVATED"),
        ("v5", "partly-activated", "CARD_PARTLY_ACTIVATED"),
        ("v5", "pin1-blocked", "PIN_BLOCKED"),
        ("v4.2", "pin2-blocked", "PIN_BLOCKED"),
        ("v5", "last-try", "PIN_LAST_TRY"),
        ("v5", "expired", "CERTIFICATE_EXPIRED"),
    ],
)
def test_the_state_of_a_card_is_named_and_costs_no_try(
    run: Run, home: Path, profile: str, state: str, code: str
) -> None:
    card = cards.new_card(home / ".local/share/kortilla/mock-card", profile, state)
    before = card.read()
    found = codes(run(*DOCTOR))
    assert code in found
    about_cards = {"CARD_", "PIN_", "CERTIFICATE_"}
    assert {
        each for each in found if any(each.startswith(sign) for sign in about_cards)
    } == {code}
    assert card.read() == before


def test_a_broken_configuration_is_a_finding_and_the_rest_is_looked_at(
    run: Run, installed: Path
) -> None:
    configure(installed, 'card = "paper"')
    outcome = run(*DOCTOR)
    assert faults(outcome) == {"CONFIG_BROKEN"}
    assert "CARD" in codes(outcome)


def p11_kit_codes(home: Path) -> dict[str, Any]:
    """Return what a doctor finds whom p11-kit takes for an ordinary user's."""
    finished = subprocess.run(
        as_ordinary(*KORTILLA, *DOCTOR, "--json"),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return {each["code"]: each for each in json.loads(finished.stdout)["findings"]}


def test_p11_kit_itself_is_asked_whether_the_token_answers(installed: Path) -> None:
    assert "PKCS11_WORKS" in p11_kit_codes(installed)
    # The token's program ends at once, which nothing but a call shows.
    configure(installed, 'card = "paper"')
    found = p11_kit_codes(installed)
    assert "PKCS11_WORKS" not in found
    # Root's p11-kit would ignore all of it.
    assert ("PKCS11_FAILED" in found) == bool(os.getuid())
    assert ("PKCS11_ROOT" in found) == (not os.getuid())


def test_a_token_that_is_off_is_no_fault(run: Run, installed: Path) -> None:
    assert run("pkcs11", "disable").status == 0
    outcome = run(*DOCTOR, "--fix", "--yes")
    assert faults(outcome) == set()
    assert codes(outcome)["PKCS11_OFF"]["severity"] == "info"
    assert outcome.result["mended"] == []
    assert not (installed / MODULE).exists()


def test_another_file_in_the_place_of_the_module_is_named(
    run: Run, installed: Path
) -> None:
    (installed / MODULE).write_text("module: other.so\n")
    assert "PKCS11_OTHER_MODULE" in faults(run(*DOCTOR))


def test_other_programs_are_named(run: Run, installed: Path, tmp_path: Path) -> None:
    other = installed / ".config/chromium/NativeMessagingHosts/eu.webeid.json"
    other.write_text(json.dumps({"name": "eu.webeid", "path": "/usr/bin/web-eid"}))
    program = program_called("scdaemon", shutil.which("sleep") or "", tmp_path)
    with subprocess.Popen([program, "600"]) as running:
        found = run(*DOCTOR)
        running.kill()
    assert faults(found) == set()
    assert codes(found)["WEB_EID_OTHER_PROGRAM"]["details"] == {"browser": "Chromium"}
    assert codes(found)["OTHER_PROGRAM_RUNS"]["details"] == {
        "program": "GnuPG (scdaemon)"
    }


def test_a_switched_off_agent_is_no_fault(run: Run, installed: Path) -> None:
    assert run("agent", "--disable").status == 0
    outcome = run(*DOCTOR)
    assert faults(outcome) == set()
    assert codes(outcome)["AGENT_DISABLED"]["mend"]["command"] == (
        "kortilla agent --enable"
    )


def test_browsers_in_a_sandbox_are_named(run: Run, home: Path) -> None:
    (home / "snap/firefox").mkdir(parents=True)
    (home / ".var/app/org.chromium.Chromium").mkdir(parents=True)
    found = codes(run(*DOCTOR))
    assert found["BROWSER_CONFINED"]["details"] == {
        "browser": "Chromium",
        "kind": "flatpak",
    }
    assert found["BROWSER_PORTAL"]["details"] == {"browser": "Firefox", "kind": "snap"}
    assert found["MANIFEST_MISSING"]["details"] == {"browser": "Firefox"}


def test_what_a_removed_flatpak_has_left_is_no_fault(run: Run, installed: Path) -> None:
    (installed / ".var/app/org.mozilla.firefox").mkdir(parents=True)
    outcome = run(*DOCTOR)
    assert codes(outcome)["BROWSER_CONFINED"]["severity"] == "info"
    assert faults(outcome) == set()


def test_a_browser_in_a_sandbox_alone_is_no_browser(run: Run, home: Path) -> None:
    (home / ".var/app/org.mozilla.firefox").mkdir(parents=True)
    assert {"NO_BROWSER", "BROWSER_CONFINED"} <= set(codes(run(*DOCTOR)))


def test_without_a_browser_the_person_is_told_what_to_do(run: Run, home: Path) -> None:
    outcome = run(*DOCTOR)
    assert codes(outcome)["NO_BROWSER"]["mend"] is None
    assert "Start the browser once" in outcome.words


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


def test_the_extension_is_looked_for_in_firefoxs_profiles(
    run: Run, installed: Path
) -> None:
    [extension] = json.loads((installed / FIREFOX).read_text())["allowed_extensions"]
    path = installed / ".mozilla/firefox/abc.default/extensions.json"
    addons = [{"id": extension, "version": native_host.VERSION, "active": True}]
    path.write_text(json.dumps({"addons": addons}))
    assert codes(run(*DOCTOR))["EXTENSION_FITS"]["details"] == {
        "browser": "Firefox",
        "version": native_host.VERSION,
    }


def test_what_browsers_wrote_may_be_anything(installed: Path) -> None:
    profile = installed / ".config/chromium/Default"
    profile.mkdir()
    for content in ("[" * 100_000, "[]", '{"extensions": []}', "\0"):
        (profile / "Preferences").write_text(content)
        (installed / ".mozilla/firefox/abc.default/extensions.json").write_text(content)
        assert set(found_by(check_extension)) == {"EXTENSION_NOT_SEEN"}


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


@pytest.mark.parametrize(
    ("now", "zone", "expected"),
    [
        (datetime(2026, 11, 26, tzinfo=UTC), "Europe/Helsinki", set()),
        (datetime(2026, 11, 26, tzinfo=UTC), "EET-2EEST", set()),
        (datetime(1970, 1, 1, tzinfo=UTC), "Europe/Helsinki", {"CLOCK_ABSURD"}),
        (datetime(2106, 2, 7, tzinfo=UTC), "Europe/Helsinki", {"CLOCK_ABSURD"}),
        (datetime(2026, 11, 26, tzinfo=UTC), "Mars/Base", {"TIME_ZONE_UNKNOWN"}),
        (datetime(2026, 11, 26, tzinfo=UTC), "../../x", {"TIME_ZONE_UNKNOWN"}),
        (datetime(2026, 11, 26, tzinfo=UTC), "", {"TIME_ZONE_UNKNOWN"}),
    ],
)
def test_an_absurd_clock_is_named(
    tmp_path: Path, now: datetime, zone: str, expected: set[str]
) -> None:
    assert {each.code for each in judge_clock(now, zone, tmp_path)} == expected


@pytest.mark.parametrize(
    ("days", "code"),
    [
        (-1, "CERTIFICATE_NOT_YET_VALID"),
        (1, None),
        (350, "CERTIFICATE_ENDS_SOON"),
        (366, "CERTIFICATE_EXPIRED"),
    ],
)
def test_certificates_are_judged_by_the_clock(days: int, code: str | None) -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    certificates = [
        {
            "role": role,
            "notBefore": begin.isoformat(),
            "notAfter": (begin + timedelta(days=365)).isoformat(),
        }
        for role in ("authentication", "signature")
    ]
    card = {
        "generation": "MULTIAPP_V5",
        "activation": "active",
        "tries": {"PIN1": 5, "PIN2": 5, "PUK": 5},
        "pinsSet": {"PIN1": True, "PIN2": True},
        "certificates": certificates,
    }
    readers = [{"reader": "A", "testCard": False, "card": card}]
    found = findings_in_readers(readers, begin + timedelta(days=days))
    assert {each.code for each in found} - {"READER", "CARD"} == ({code} - {None})


def test_a_pin_that_no_puk_can_unlock_has_no_command() -> None:
    card = {
        "generation": "MULTIAPP_V5",
        "activation": "active",
        "tries": {"PIN1": 0, "PIN2": None, "PUK": 0},
        "pinsSet": {"PIN1": True, "PIN2": None},
        "certificates": [{"role": "signature", "error": {"code": "CARD_ERROR"}}],
    }
    readers: list[dict[str, Any]] = [
        {"reader": "A", "testCard": False, "card": card},
        {"reader": "B", "card": None, "error": {"code": "CARD_MUTE"}},
    ]
    found = {
        each.code: each for each in findings_in_readers(readers, datetime.now(UTC))
    }
    assert {code for code, each in found.items() if each.is_fault} == {
        *("PIN_BLOCKED", "PUK_BLOCKED", "PIN_TRIES_UNKNOWN", "CARD_MUTE"),
        *("CERTIFICATE_MISSING", "CERTIFICATE_UNREADABLE"),
    }
    assert found["PIN_BLOCKED"].mend is None


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("ACS ACR39U ICC Reader 00 00", "ACS ACR39U ICC Reader 00 00"),
        (
            "Identiv uTrust 3700 F [CCID Interface] (53311424201234) 00 00",
            "Identiv uTrust 3700 F [CCID Interface] 00 00",
        ),
        ("Reader (unclosed 12345", "Reader"),
        ("Reader SN123456789 01 00", "Reader … 01 00"),
        ("Reader AB12-CD34-EF56 01 00", "Reader … 01 00"),
        ("Reader\x1b[31m\u202e 00", "Reader[31m 00"),
    ],
)
def test_a_readers_serial_number_is_left_out(name: str, shown: str) -> None:
    assert reader_name(name) == shown


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
    for change in (lambda: None, *_changes(home)):
        change()
        finished = subprocess.run(
            as_ordinary(*KORTILLA, *DOCTOR),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        said = (finished.stdout + finished.stderr).lower()
        assert '"code": "card"' in said
        assert not [each for each in secrets if each.lower() in said]


def _changes(home: Path) -> Iterator[Callable[[], object]]:
    def install() -> None:
        assert main(["install"]) == 0
        assert main(["pkcs11", "enable"]) == 0

    yield install

    def other_programs() -> None:
        another_program(home)
        without_entry(home)
        configure(home, "matti = 1")

    yield other_programs

    def ring() -> None:
        (home / MODULE).write_text("module: other.so\n")
        # A ring of links: the check itself fails, with the path in its error.
        shutil.rmtree(home / ".config/chromium/NativeMessagingHosts")
        (home / ".config/chromium/NativeMessagingHosts").symlink_to(
            home / ".config/chromium/NativeMessagingHosts"
        )

    yield ring


def test_a_signal_ends_the_programs_that_were_started_too(installed: Path) -> None:
    told = installed / "told"
    os.mkfifo(told)
    (installed / LAUNCHER).write_text(f'#!/bin/sh\necho $$ >"{told}"\nexec sleep 600\n')
    doctor = subprocess.Popen(
        [*KORTILLA, *DOCTOR], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    launcher = int(told.read_text())
    doctor.terminate()
    printed, _ = doctor.communicate(timeout=60)
    assert json.loads(printed)["error"]["code"] == "USER_CANCELLED"
    with pytest.raises(ProcessLookupError):
        os.kill(launcher, 0)


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


def test_every_finding_has_a_sentence_in_each_language(run: Run, home: Path) -> None:
    folder = Path(examination.__file__).parent
    source = "".join(path.read_text() for path in folder.glob("*.py"))
    named = set(re.findall(r'"([A-Z][A-Z0-9]*_?[A-Z0-9_]+)"', source))
    named |= {"CARD_MUTE", "CARD_BUSY"}
    catalogues = [catalogue(each) for each in SPOKEN]
    sentences = {key for key in catalogues[0] if key.isupper()}
    assert sentences <= named
    assert {f"kind.{each.name}" for each in CardKind} <= set(catalogues[0])
    assert {f"check.{name}" for row in examination._CHECKS for name in row} <= set(
        catalogues[0]
    )
    for each in catalogues[1:]:
        assert list(each) == list(catalogues[0])
        for key, text in each.items():
            fields = re.findall(r"{\w+}", text)
            assert sorted(fields) == sorted(re.findall(r"{\w+}", catalogues[0][key]))
    for code in sentences - {"CHECK_FAILED"}:
        assert re.search(rf'"{code}"', source)
    for language, word in (("fi", "Virhe"), ("sv", "Fel")):
        assert f"{word}: " in run("doctor", "--card", "mock", "--lang", language).words
